"""An order on its way: each way in which sending it can end, and what may be done after it.

The exchange is a list of answers, the ledger a list of what was put; what was put is
committed when the test says so.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from actors.orders import AGAIN, QUIET, Orders
from core.admission import Objection
from core.errors import DuplicateOrder, LinkError, RateLimited, Rejected, UnknownOutcome
from core.facts import Batch, OrderState, Origin
from core.intents import Cancellation, Placement
from core.messages import PlaceOrder
from core.records import Intended
from core.trading import CancelAsked, Told, WouldTake
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    Duplicate,
    Forgotten,
    Found,
    NotOpen,
    NotYet,
    Refused,
    Unheard,
    Unsure,
)
from tests.support.clock import ManualClock

NAME = "vtaaaaaaaaaaaaaaaaaaaaaaaa-0"
SELL = Placement(
    account="main", category="spot", symbol="BTCUSDT", side="sell", quantity=D(1), price=D(100),
    client_order_id=NAME, closes="vtaaaaaaaaaaaaaaaaaaaaaaaa",
)  # fmt: skip


def state(status: Any = "open") -> OrderState:
    return OrderState("spot", "BTCUSDT", "7", status, client_order_id=NAME)


class Exchange:
    """Answers in turn; remembers what it was asked for."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[str] = []

    def place(self, order: Placement) -> str:
        return f"place {order.client_order_id}"

    def cancel(self, cancellation: Cancellation, order_id: str | None) -> str:
        return f"cancel {cancellation.client_order_id} {order_id}"

    def ended_because(self, order: OrderState) -> str | None:
        return order.reason

    def find(self, sought: Any, now_ms: int) -> str:
        return f"find {sought.client_order_id} {sought.sent_ms}"


class Desk:
    """Does at once what it is asked for."""

    def __init__(self, clock: ManualClock) -> None:
        self.trading = Exchange()
        self._clock = clock

    def ask(self, begin: Callable[[], Any], then: Callable[[Any], Any], *, urgent: bool = False) -> None:
        if (plan := begin()) is not None:
            self.trading.asked.append(plan)
            then(self.trading.answers.pop(0))

    def time_ms(self) -> int:
        return self._clock.wall_ms()

    def masked(self, text: str) -> str:
        return text


class Trader:
    """Whom the orders are of: it commits when the test says so."""

    account = "main"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.context: Any = SimpleNamespace(clock=self.clock, origin=Origin("boot", "trading/trader-main", 1))
        self.desk: Any = Desk(self.clock)
        self.markets: Any = SimpleNamespace(
            need=lambda _key: SimpleNamespace(instrument=object(), is_unlisted=False),
            price=lambda _key: object(),
        )
        self.reader: Any = SimpleNamespace(sequence=lambda: 41)
        self.against: Objection | None = None
        self.lot = "placing"
        self.is_there = True
        self.told: list[Any] = []
        self.put: list[Any] = []
        self.heard: list[Any] = []
        self.incidents: list[str] = []
        self.rejections = 0
        self._due: list[Callable[[], None]] = []
        self.orders = Orders(self, "binance")

    def is_current(self) -> bool:
        return self.is_there

    def objection(self, order: Placement, *, is_meant: bool = False) -> Objection | None:
        return self.against

    def tell_book(self, order: Any, event: Any) -> None:
        self.told.append(event)

    def state_of(self, order: Placement) -> str | None:
        return self.lot

    def commit(self, entries: Sequence[Any], then: Callable[[], None] = lambda: None) -> None:
        self.put += entries
        self._due.append(then)

    def committed(self) -> None:
        due, self._due = self._due, []
        for then in due:
            then()

    def hear_committed(self, facts: Sequence[Any]) -> None:
        self.heard += facts

    def rejected(self) -> None:
        self.rejections += 1

    def incident(self, key: str, kind: str, text: str) -> None:
        self.incidents.append(kind)

    # ------------------------------------------------------------- for the tests

    def decide(self, order: Placement = SELL) -> None:
        """An order is decided, and put."""
        self.orders.wanted(order, "trader")
        wanted = self.orders.decided()
        self.commit(wanted, self.orders.leave(wanted))

    def sell(self, *answers: Any) -> None:
        """Decided, committed, sent, and answered so."""
        self.desk.trading.answers += answers
        self.decide()
        self.committed()

    def look(self, seconds: float = 0.0, **doubtful: Placement) -> None:
        self.clock.advance(seconds)
        self.orders.look({one.client_order_id: one for one in doubtful.values()})

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.put if isinstance(one, Intended)]

    @property
    def words(self) -> list[str]:
        return [one.word for one in self.told if isinstance(one, Told)]

    @property
    def asked(self) -> list[str]:
        """What the exchange was asked for, by verb."""
        return [plan.split()[0] for plan in self.desk.trading.asked]


@pytest.fixture
def trader() -> Trader:
    return Trader()


# ------------------------------------------------------------------ nothing too early


def test_nothing_leaves_before_its_intent_is_committed(trader: Trader) -> None:
    trader.desk.trading.answers.append(Accepted("7"))
    trader.decide()
    assert (trader.states, trader.asked) == (["intended"], [])
    trader.committed()
    assert trader.asked == ["place"]


def test_what_speaks_against_an_order_when_its_turn_has_come_keeps_it_here(trader: Trader) -> None:
    trader.decide()
    trader.against = Objection("halted", "trading is halted: now")
    trader.committed()
    assert trader.asked == []
    assert trader.states == ["intended", "withheld"]
    assert trader.told == [Told(NAME, "withheld", "trading is halted: now")]
    assert trader.orders.living(besides="") == ()


def test_a_generation_that_was_given_up_sends_nothing(trader: Trader) -> None:
    trader.decide()
    trader.is_there = False
    trader.committed()
    assert (trader.asked, trader.states) == ([], ["intended"]), "the next one finds out what became of it"


# ----------------------------------------------------------------- the five outcomes


def test_an_accepted_order_is_told_by_the_ledger_and_not_by_the_answer(trader: Trader) -> None:
    trader.sell(Accepted("7", state()))
    assert trader.states == ["intended", "accepted"]
    (batch,) = [one for one in trader.put if isinstance(one, Batch)]
    assert (batch.source, batch.facts) == ("command", (state(),))
    assert (trader.told, trader.heard) == ([], [])
    trader.committed()
    assert trader.heard == [state()]


def test_a_refused_order_is_over_and_counts_as_rejected(trader: Trader) -> None:
    trader.sell(Refused("funds", Rejected("no money")))
    assert (trader.states, trader.words) == (["intended", "refused"], ["refused"])
    assert trader.rejections == 1


def test_that_the_market_moved_is_no_rejection(trader: Trader) -> None:
    trader.sell(Refused("would_take", Rejected("it would take")))
    assert (trader.words, trader.rejections) == (["refused"], 0)
    assert trader.told[0] == WouldTake(NAME), "and no failure of the trade"


def test_an_order_that_was_taken_first_and_rejected_afterwards_counts_once(trader: Trader) -> None:
    trader.sell(Accepted("7"))
    rejected = OrderState("spot", "BTCUSDT", "7", "rejected", client_order_id=NAME, reason="funds")
    for _ in range(2):
        trader.orders.heard(rejected)
    assert (trader.rejections, trader.states[-1]) == (1, "over")


def test_that_the_market_had_moved_when_it_was_looked_at_is_no_rejection_either(trader: Trader) -> None:
    trader.sell(Accepted("7"))
    trader.orders.heard(
        OrderState("spot", "BTCUSDT", "7", "rejected", client_order_id=NAME, reason="would_take")
    )
    assert (trader.rejections, trader.states[-1]) == (0, "over")


def test_an_exchange_that_wants_to_be_left_alone_is_asked_again_when_it_says(trader: Trader) -> None:
    trader.sell(Unsure(UnknownOutcome("lost")), RateLimited("slowly", retry_after=20.0), NotYet(9.0))
    trader.look(1.5, sell=SELL)
    trader.look(19.0, sell=SELL)
    assert trader.asked == ["place", "find"]
    trader.look(1.5, sell=SELL)
    assert trader.asked == ["place", "find", "find"]


def test_an_order_that_was_not_looked_at_was_not_sent(trader: Trader) -> None:
    trader.sell(Unheard(RateLimited("slowly", retry_after=3.0)))
    assert (trader.states, trader.words) == (["intended", "withheld"], ["withheld"])


@pytest.mark.parametrize(
    "answer", [Unsure(UnknownOutcome("lost")), Duplicate(DuplicateOrder("there is one"))]
)
def test_an_order_that_nobody_knows_of_is_asked_for_and_never_placed_again(
    trader: Trader, answer: Any
) -> None:
    trader.sell(answer, NotYet(2.0), NotYet(4.0), Found(state(), (state(),), 0))
    assert (trader.states[-1], trader.words) == ("unclear", ["unclear"])
    while trader.states[-1] != "accepted":
        trader.look(0.5, sell=SELL)
    assert trader.asked == ["place", "find", "find", "find"]


def test_every_question_names_when_the_request_can_last_have_left(trader: Trader) -> None:
    left_at = trader.clock.wall_ms()
    trader.sell(Unsure(UnknownOutcome("lost")), NotYet(5.0), NotYet(5.0))
    for _ in range(14):
        trader.look(0.5, sell=SELL)
    assert trader.desk.trading.asked[1:] == [f"find {NAME} {left_at}"] * 2


def test_proven_absent_it_may_be_placed_anew_and_not_before(trader: Trader) -> None:
    trader.sell(Unsure(UnknownOutcome("lost")), LinkError("the line is cut"), NotYet(9.0), Absent(0))
    for _ in range(40):
        trader.look(0.5, sell=SELL)
        if "absent" in trader.words:
            break
        assert trader.orders.living(besides="") == (SELL,), "it counts as placed until then"
    assert (trader.words, trader.states[-1]) == (["unclear", "absent"], "absent")
    assert trader.asked == ["place", "find", "find", "find"]


def test_what_an_exchange_has_forgotten_is_for_a_person(trader: Trader) -> None:
    trader.sell(Unsure(UnknownOutcome("lost")), Forgotten())
    trader.look(1.5, sell=SELL)
    assert trader.incidents == ["order_forgotten"]
    assert trader.orders.living(besides="") == (SELL,)


def test_an_accepted_order_of_which_nothing_is_heard_is_asked_for(trader: Trader) -> None:
    trader.sell(Accepted("7"))
    trader.look(QUIET / 2)
    assert trader.words == []
    trader.look(QUIET)
    assert trader.words == ["unclear"]


def test_an_accepted_order_that_was_heard_of_is_left_alone(trader: Trader) -> None:
    trader.sell(Accepted("7"))
    trader.lot = "resting"
    trader.look(QUIET * 2)
    assert trader.words == []


# ------------------------------------------------------------------ an earlier life


@pytest.mark.parametrize("left", ["intended", "unclear"])
def test_what_an_earlier_life_may_have_sent_is_asked_for_first(trader: Trader, left: str) -> None:
    row = {
        "account": "main", "client_order_id": NAME, "category": "spot", "symbol": "BTCUSDT", "side": "sell",
        "quantity": "1", "price": "100", "post_only": 1, "closes": SELL.closes, "wanted_by": "trader",
        "state": left, "order_id": None, "why": None, "sent_at": None, "updated_at": 1,
    }  # fmt: skip
    trader.desk.trading.answers.append(Found(state(), (state(),), 0))
    trader.orders.load([row], is_heir=False)
    assert trader.orders.living(besides="") == (SELL,)
    trader.look()
    assert trader.asked == ["find"]
    assert trader.states == ["accepted"]


# ------------------------------------------------------------------------- cancels


CANCEL = Cancellation(account="main", category="spot", symbol="BTCUSDT", client_order_id=NAME)


def test_a_cancel_is_repeated_at_a_pace_as_long_as_it_is_wanted(trader: Trader) -> None:
    trader.sell(Accepted("7", state()))
    trader.desk.trading.answers += [Unsure(LinkError("lost")), CancelTaken(state("canceled"))]
    trader.orders.cancel(CANCEL)
    trader.orders.cancel(CANCEL)
    assert trader.asked == ["place", "cancel"]
    trader.clock.advance(AGAIN)
    trader.orders.cancel(CANCEL)
    assert trader.desk.trading.asked[1:] == [f"cancel {NAME} 7"] * 2
    trader.committed()
    assert trader.heard[-1].status == "canceled"


def test_an_order_that_is_not_open_is_looked_up(trader: Trader) -> None:
    trader.sell(Accepted("7", state()))
    filled = state("filled")
    trader.desk.trading.answers += [NotOpen(LinkError("unknown order")), Found(filled, (filled,), 0)]
    trader.orders.cancel(CANCEL)
    trader.committed()
    assert trader.asked == ["place", "cancel", "find"]
    assert trader.heard[-1] == filled


def test_an_order_that_has_ended_is_followed_no_more(trader: Trader) -> None:
    trader.sell(Accepted("7", state()))
    trader.orders.heard(state("filled"))
    assert trader.states[-1] == "over"
    assert trader.orders.living(besides="") == ()


# -------------------------------------------------------------------------- persons


def ask(trader: Trader, said: list[Any], **changes: Any) -> PlaceOrder:
    wanted: dict[str, Any] = {
        "category": "spot", "symbol": "BTCUSDT", "side": "buy", "price": D(90), "quantity": D(1),
        "worth": None, "post_only": True, "is_sent": True, "is_meant": False, "by": "control",
        "until": trader.clock.boottime() + 20, "reply": said.append,
    }  # fmt: skip
    return PlaceOrder(**wanted | changes)


def bought(trader: Trader, *answers: Any, **changes: Any) -> list[Any]:
    said: list[Any] = []
    trader.desk.trading.answers += answers
    trader.orders.take(ask(trader, said, **changes))
    trader.look()
    wanted = trader.orders.decided()
    trader.commit(wanted, trader.orders.leave(wanted))
    trader.committed()
    return said


def test_a_person_is_told_what_came_of_his_order_once(trader: Trader) -> None:
    (said,) = bought(trader, Accepted("9"))
    assert (said["state"], said["order_id"]) == ("accepted", "9")
    assert said["client_order_id"].startswith("vp")


def test_what_is_not_meant_is_judged_and_not_sent(trader: Trader) -> None:
    (said,) = bought(trader, is_sent=False)
    assert (said["state"], trader.asked, trader.put) == ("not_sent", [], [])


def test_what_speaks_against_an_order_is_what_the_person_reads(trader: Trader) -> None:
    trader.against = Objection("balance", "it needs 90 USDT, and 3 are free")
    (said,) = bought(trader)
    assert (said["state"], said["why"], trader.asked) == ("refused", "it needs 90 USDT, and 3 are free", [])


def test_a_person_whose_patience_ends_hears_that_nobody_knows_yet(trader: Trader) -> None:
    said = bought(trader, Unsure(UnknownOutcome("lost")), NotYet(60.0))
    assert said == []
    trader.look(2.0)
    trader.look(17.5)
    assert [one["state"] for one in said] == ["unclear"]


def test_an_order_that_nobody_waits_for_any_more_is_not_sent(trader: Trader) -> None:
    (said,) = bought(trader, until=trader.clock.boottime())
    assert (said["state"], trader.asked) == ("not_sent", [])


def test_a_cancel_of_the_traders_own_sell_is_no_failure_of_it(trader: Trader) -> None:
    trader.sell(Accepted("7", state()))
    trader.reader.orders = lambda **_which: []
    said: list[Any] = []
    trader.desk.trading.answers.append(CancelTaken())
    trader.desk.trading.answers.append(NotYet(1.0))
    trader.orders.take_cancel(SimpleNamespace(order=NAME, is_sent=True, reply=said.append))  # type: ignore[arg-type]
    assert trader.told == [CancelAsked(NAME)]
    assert said[0]["state"] == "cancelled"

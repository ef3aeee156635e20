"""The life of one trade, sentence by sentence of core/lots."""

from decimal import Decimal as D
from typing import Any, Self, get_args

import msgspec
import pytest

from core.facts import Fill, OrderState
from core.intents import Placement
from core.lot_hearing import cancelling, excused, heard, restarted, retried, told
from core.lot_planning import considered
from core.lots import FINISHED, TABLE, Alarm, Lot, LotState, Trigger, Turn, begun, completed
from core.profit import Holding
from tests.core.trades import AT, PAIR, buy, instrument, order, sold, terms

LIMIT = 2


class Life:
    """One lot with all that happens to it."""

    def __init__(self, fill: Fill | None = None) -> None:
        self.lot = begun("main", fill or buy(), PAIR)
        self.placed: list[Placement] = []
        self.alarms: list[Alarm] = []

    @property
    def sell(self) -> Placement:
        """The SELL that was placed last."""
        return self.placed[-1]

    def after(self, turn: Turn | Lot) -> Self:
        if isinstance(turn, Lot):
            turn = Turn(turn)
        self.lot = turn.lot
        self.placed += [turn.placement] if turn.placement else []
        self.alarms += turn.alarms
        return self

    def consider(self, *, pool: Holding | None = None, hold: str | None = None, **changes: Any) -> Self:
        return self.after(considered(self.lot, pool or Holding(), terms(**changes), hold, LIMIT))

    def hear(self, *facts: Fill | OrderState, number: int | None = None) -> Self:
        for fact in facts:
            self.after(heard(self.lot, len(self.placed) - 1 if number is None else number, fact))
        return self

    def tell(self, word: Any, number: int | None = None) -> Self:
        return self.after(told(self.lot, len(self.placed) - 1 if number is None else number, word, "because"))

    @property
    def state(self) -> LotState:
        return self.lot.state


def placing() -> Life:
    life = Life().consider()
    assert life.state == "placing"
    return life


def resting() -> Life:
    life = placing()
    life.hear(order(life.sell, "open"))
    assert life.state == "resting"
    return life


def ended(*, times: int = 1) -> Life:
    life = Life()
    for _ in range(times):
        life.consider()
        life.hear(order(life.sell, "open"), order(life.sell, "canceled"))
    assert life.state == "waiting"
    return life


# ----------------------------------------------------------------------- the table


def test_the_table_speaks_of_every_state_and_of_no_other() -> None:
    assert set(TABLE) == set(get_args(LotState))
    assert {target for row in TABLE.values() for target in row.values()} <= set(TABLE)
    assert {trigger for row in TABLE.values() for trigger in row} == set(get_args(Trigger))


def test_what_is_finished_stays_finished() -> None:
    assert {state for state, row in TABLE.items() if not row} == FINISHED


def test_only_a_plan_leads_to_placing_and_only_from_waiting() -> None:
    leading = {
        (state, trigger) for state, row in TABLE.items() for trigger in row if row[trigger] == "placing"
    }
    assert leading == {("waiting", "planned")}


# ------------------------------------------------------------------------- planning


def test_a_fill_is_sold_by_the_rule_under_an_id_of_its_own() -> None:
    life = placing()
    assert life.sell == Placement(
        account="main",
        category="spot",
        symbol="SOLUSDT",
        side="sell",
        quantity=D("1.49"),
        price=D("100.51"),
        client_order_id=f"{life.lot.id}-0",
        post_only=True,
        closes=life.lot.id,
    )
    assert life.lot.aside.units == D("0.0085")
    assert life.lot.aside.plus(life.lot.holding or Holding()) == Holding(D("1.4985"), D(150))


def test_a_lot_that_was_planned_is_not_planned_again() -> None:
    life = placing().consider().consider()
    assert len(life.placed) == 1


@pytest.mark.parametrize(
    ("fill", "changes", "why"),
    [
        ({}, {"hold": "trading is halted"}, "trading is halted"),
        ({"fee": None}, {}, "the fee is not known"),
        ({"fee_asset": "BNB"}, {}, "a fee of 0.0015 BNB has no known worth: no price of BNB in USDT"),
        ({}, {"bid": None}, "there is no good price to sell by"),
        ({}, {"maker": None}, "the fee rate of this account is not known"),
    ],
)
def test_it_waits_and_says_for_what(fill: Any, changes: Any, why: str) -> None:
    life = Life(buy(**fill)).consider(**changes)
    assert (life.state, life.lot.why, life.placed) == ("waiting", why, [])
    assert life.lot.holding is None


def test_a_fee_that_becomes_known_lets_it_go_on() -> None:
    life = Life(buy(fee=None)).consider()
    life.after(completed(life.lot, buy())).consider()
    assert (life.state, life.sell.quantity) == ("placing", D("1.49"))
    assert life.lot.why is None


def test_dust_is_merged_into_the_trade_with_its_cost() -> None:
    pool = Holding(D("0.0115"), D("1.1"))
    life = Life().consider(pool=pool)
    assert life.sell.quantity == D("1.51")
    assert life.lot.from_dust == pool
    assert life.lot.holding == Holding(D("1.51"), D("151.1"))
    assert life.lot.aside == Holding()


def test_what_is_too_little_becomes_dust_with_all_its_cost() -> None:
    pool = Holding(D("0.001"), D("0.1"))
    life = Life(buy(quantity=D("0.04"), fee=D(0))).consider(pool=pool)
    assert life.state == "dust"
    assert life.lot.to_dust == Holding(D("0.041"), D("4.1"))
    assert life.lot.from_dust == pool
    assert str(life.lot.why).endswith("and 5 is the least")


def test_dust_is_merged_once_and_not_again_by_a_second_plan() -> None:
    life = ended()
    before = life.lot
    life.consider(pool=Holding(D(7), D(700)))
    assert life.sell.quantity == D("1.49")
    assert (life.lot.holding, life.lot.from_dust) == (before.holding, before.from_dust)


# ---------------------------------------------------------- what became of the request


def test_a_withheld_sell_is_planned_again_under_the_same_number() -> None:
    life = placing().tell("withheld")
    assert (life.state, life.lot.why, life.lot.failures) == ("waiting", "SELL 0 is withheld: because", 0)
    life.consider()
    assert [one.client_order_id[-1] for one in life.placed] == ["0", "0"]


def test_a_refused_sell_is_a_failure_and_its_number_is_used_up() -> None:
    life = placing().tell("refused")
    assert (life.state, life.lot.failures) == ("waiting", 1)
    life.consider()
    assert [one.client_order_id[-1] for one in life.placed] == ["0", "1"]


def test_an_unclear_sell_is_waited_for_whatever_is_considered() -> None:
    life = placing().tell("unclear").consider().consider()
    assert (life.state, len(life.placed)) == ("unclear", 1)


def test_an_unclear_sell_that_was_never_there_is_placed_under_the_same_number() -> None:
    life = placing().tell("unclear").tell("absent").consider()
    assert [one.client_order_id[-1] for one in life.placed] == ["0", "0"]
    assert life.lot.failures == 0


def test_an_unclear_sell_that_is_heard_of_was_accepted() -> None:
    life = placing().tell("unclear")
    assert life.hear(order(life.sell, "open")).state == "resting"


def test_absence_proves_nothing_of_a_sell_that_was_heard_of() -> None:
    assert resting().tell("absent").state == "resting"
    assert resting().tell("refused").state == "resting"
    assert placing().tell("absent").state == "placing"


def test_a_sell_that_was_taken_as_absent_and_lives_is_ours_again() -> None:
    life = placing().tell("unclear").tell("absent")
    life.hear(order(life.sell, "open"))
    assert (life.state, life.alarms) == ("resting", [])
    assert len(life.consider().placed) == 1


def test_a_sell_that_was_refused_and_lives_is_ours_again() -> None:
    """-1007 may be followed by the acceptance on the stream."""
    life = placing().tell("refused")
    life.hear(order(life.sell, "open"))
    assert life.state == "resting"


def test_a_refusal_that_comes_as_an_order_too_is_one_failure() -> None:
    refused_first = placing().tell("refused")
    refused_first.hear(order(refused_first.sell, "rejected"))
    order_first = placing()
    order_first.hear(order(order_first.sell, "rejected")).tell("refused")
    for life in (refused_first, order_first):
        assert (life.state, life.lot.failures, life.alarms) == ("waiting", 1, [])


def test_a_restart_makes_unclear_what_was_being_placed_and_nothing_else() -> None:
    assert Life().after(restarted(placing().lot)).state == "unclear"
    for lot in (resting().lot, ended().lot):
        assert restarted(lot) == lot


# --------------------------------------------------------------------- what is heard


@pytest.mark.parametrize("status", ["pending", "untriggered", "open"])
def test_whatever_the_exchange_says_of_a_sell_it_holds_it(status: Any) -> None:
    life = placing()
    assert life.hear(order(life.sell, status)).state == "resting"


def test_a_sell_that_fills_in_parts_makes_the_lot_sold() -> None:
    life = resting()
    life.hear(sold(life.sell, "0.5", "s1"), order(life.sell, "partially_filled", "0.5"))
    assert (life.state, life.lot.left.units) == ("partly_sold", D("0.99"))
    life.hear(sold(life.sell, "0.99", "s2"))
    assert (life.state, life.lot.left) == ("sold", Holding())
    life.hear(order(life.sell, "filled", "1.49"))
    assert (life.state, life.alarms) == ("sold", [])


def test_fills_may_come_before_anything_is_said_of_the_order() -> None:
    life = placing()
    life.hear(sold(life.sell, "0.5", "s1"))
    assert life.state == "partly_sold"
    life.hear(order(life.sell, "open"))
    assert life.state == "partly_sold"


def test_facts_told_twice_change_nothing() -> None:
    life = resting()
    facts: list[Fill | OrderState] = [
        order(life.sell, "partially_filled", "0.5"),
        sold(life.sell, "0.5", "s1"),
    ]
    once = life.hear(*facts).lot
    assert life.hear(*facts).lot == once


def test_a_sell_is_settling_until_its_fills_add_up_to_what_it_says() -> None:
    """A fill that raced the cancel: nothing is sold again before it is known."""
    life = resting()
    life.hear(order(life.sell, "canceled", "0.5")).consider()
    assert (life.state, len(life.placed)) == ("settling", 1)
    assert life.lot.why == "SELL 0 filled 0.5, and fills of 0 are known"
    life.hear(sold(life.sell, "0.5", "s1"))
    assert life.state == "waiting"
    assert life.consider().sell.quantity == D("0.99")


def test_a_final_statement_that_does_not_say_what_is_filled_settles_nothing() -> None:
    life = resting()
    life.hear(order(life.sell, "expired", None))
    assert (life.state, life.lot.why) == (
        "settling",
        "SELL 0 filled an unknown quantity, and fills of 0 are known",
    )
    assert life.hear(order(life.sell, "expired", "0")).state == "waiting"


def test_a_sell_is_settling_until_the_fee_of_each_fill_is_known() -> None:
    life = resting()
    life.hear(sold(life.sell, "1.49", "s1", fee=None))
    assert (life.state, life.lot.why) == ("settling", "a fee of SELL 0 is not known")
    assert life.hear(sold(life.sell, "1.49", "s1")).state == "sold"


def test_a_fee_in_a_third_asset_is_settled_when_its_price_is_known() -> None:
    life = resting()
    life.hear(sold(life.sell, "1.49", "s1", fee=D("0.0002"), fee_asset="BNB")).consider()
    assert (life.state, life.lot.why) == ("settling", "the worth of a fee of SELL 0 is not known")
    life.consider(values={"BNB": D(640)})
    assert life.state == "sold"
    life.consider(values={"BNB": D(900)})
    assert life.lot.sells[0].sold[0].charged.quote == D("0.128")


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected"])
def test_a_sell_that_ended_is_placed_anew_with_the_next_number_by_the_rule_of_that_moment(
    status: Any,
) -> None:
    life = resting()
    life.hear(order(life.sell, status, reason="said so"))
    assert life.lot.why == f"SELL 0 is {status}: said so"
    life.consider(min_profit=D("0.01"))
    assert (life.sell.client_order_id[-2:], life.sell.quantity, life.sell.price) == (
        "-1",
        D("1.49"),
        D("101.21"),
    )


def test_a_rest_that_is_too_little_becomes_dust_and_the_lot_is_sold() -> None:
    life = resting()
    life.hear(sold(life.sell, "1.45", "s1"), order(life.sell, "canceled", "1.45")).consider()
    assert (life.state, life.lot.to_dust.units) == ("sold", D("0.0485"))


def test_a_lot_of_which_nothing_can_be_sold_any_more_is_dust() -> None:
    life = ended().consider(instrument=instrument(min_quantity=D(2)))
    assert (life.state, life.lot.to_dust) == ("dust", Holding(D("1.4985"), D(150)))


def test_a_fee_that_was_not_taken_from_the_units_kept_for_it_becomes_dust() -> None:
    life = Life(buy(fee=D(0))).consider(fee_asset="SOL")
    assert (life.sell.quantity, life.lot.holding.units) == (D("1.49"), D("1.49149"))
    life.hear(sold(life.sell, "1.49"))
    assert life.lot.to_dust.units == D("0.01")


# ----------------------------------------------------------------------- the limit


def test_after_more_failures_than_the_limit_it_is_stuck_and_a_person_is_told() -> None:
    life = ended(times=LIMIT).consider()
    assert life.state == "placing"
    life.hear(order(life.sell, "canceled")).consider()
    text = "its SELL failed 3 times, and 2 is the limit; the last: SELL 2 is canceled"
    assert (life.state, life.lot.why) == ("stuck", text)
    assert life.alarms == [Alarm(life.lot.id, "trade_stuck", text)]
    assert life.consider().consider().alarms == [Alarm(life.lot.id, "trade_stuck", text)]
    assert len(life.placed) == 3


def test_a_person_lets_a_stuck_lot_go_on_and_its_numbers_go_on_too() -> None:
    life = ended(times=LIMIT + 1).consider()
    life.after(retried(life.lot)).consider()
    assert (life.state, life.sell.client_order_id[-2:]) == ("placing", "-3")
    assert retried(life.lot) == life.lot


def test_an_end_that_we_asked_for_is_no_failure() -> None:
    life = resting()
    life.after(cancelling(life.lot, 0)).hear(order(life.sell, "canceled"))
    assert (life.state, life.lot.failures) == ("waiting", 0)


def test_that_a_sell_would_have_taken_is_no_failure_however_often() -> None:
    """On a market that rises, one maker-only order after another ends so."""
    life = Life(buy()).consider()
    for number in range(3 * LIMIT):
        life.after(excused(life.lot, number)).hear(order(life.sell, "rejected")).consider()
    assert (life.state, life.lot.failures, len(life.placed)) == ("placing", 0, 3 * LIMIT + 1)
    life.hear(order(life.sell, "rejected"))
    assert life.lot.failures == 1, "the next one is judged by itself"


def test_only_the_sell_that_is_current_and_not_over_can_be_excused() -> None:
    life = ended()
    assert excused(life.lot, 0) == life.lot
    assert excused(life.lot, 7) == life.lot


# ------------------------------------------------------------------- contradictions


def test_units_sold_after_the_sell_was_over_are_booked_and_told() -> None:
    life = ended()
    life.hear(sold(life.sell, "0.5", "late"))
    assert life.lot.left.units == D("0.99")
    assert life.alarms == [
        Alarm(life.lot.id, "trade_surprise", "SELL 0 sold 0.5 more after it was taken as over")
    ]
    assert life.consider().sell.quantity == D("0.99")


def test_a_living_sell_of_more_than_is_left_is_to_be_cancelled() -> None:
    life = ended().consider()
    first, second = life.placed
    life.hear(order(second, "open"))
    life.hear(sold(first, "0.5", "late"), number=0)
    assert [sell.is_unwanted for sell in life.lot.sells] == [False, True]
    life.hear(order(second, "canceled"))
    assert (life.state, life.lot.failures) == ("waiting", 1)
    assert life.consider().sell.quantity == D("0.99")


def test_units_sold_after_the_lot_was_finished_are_owed_by_its_dust() -> None:
    life = resting()
    life.hear(sold(life.sell, "1.49"))
    life.hear(sold(life.sell, "0.01", "late"))
    assert life.state == "sold"
    assert life.lot.to_dust.units == D("-0.0015")
    assert len(life.alarms) == 1


def an_older_one_lives() -> Life:
    """SELL 0 was refused, SELL 1 ended, and SELL 0 turns up."""
    life = placing().tell("refused").consider()
    life.hear(order(life.sell, "canceled"))
    return life.hear(order(life.placed[0], "open"), number=0)


def test_an_older_sell_that_lives_after_all_is_to_be_cancelled_and_waited_for() -> None:
    life = an_older_one_lives()
    assert life.lot.sells[0].is_unwanted
    assert [one.text for one in life.alarms] == ["SELL 0 lives after it was taken as refused"]
    assert (life.consider().state, life.lot.why) == ("waiting", "SELL 0 is not over")
    life.hear(order(life.placed[0], "canceled"), number=0).consider()
    assert (life.state, life.sell.client_order_id[-2:]) == ("placing", "-2")


def test_an_older_sell_is_not_over_before_its_fills_are_known() -> None:
    life = an_older_one_lives()
    life.hear(order(life.placed[0], "canceled", "0.5"), number=0).consider()
    assert (life.state, [sell.number for sell in life.lot.doubtful]) == ("waiting", [0])
    life.hear(sold(life.placed[0], "0.5"), number=0).consider()
    assert (life.sell.quantity, life.lot.doubtful) == (D("0.99"), ())


def test_a_refused_sell_of_a_stuck_lot_that_turns_up_ended_does_not_hold_it_up() -> None:
    life = placing().tell("refused").consider().tell("refused").consider().tell("refused").consider()
    facts: tuple[Fill | OrderState, ...] = (sold(life.sell, "0.5"), order(life.sell, "canceled", "0.5"))
    states = [life.state, *(life.hear(fact).state for fact in facts)]
    assert states == ["stuck", "partly_sold", "waiting"]
    life.consider().after(retried(life.lot)).consider()
    assert (life.state, life.sell.quantity) == ("placing", D("0.99"))


def test_a_sell_that_was_never_placed_here_stops_a_waiting_lot_and_is_told_once() -> None:
    life = ended()
    life.hear(order(life.sell, "open"), number=5).hear(order(life.sell, "open"), number=5)
    assert (life.state, len(life.alarms)) == ("stuck", 1)
    assert life.consider().state == "stuck"
    life.after(retried(life.lot)).consider()
    assert life.sell.client_order_id[-2:] == "-6"


def test_two_orders_by_one_id_are_told_and_the_second_is_not_taken_for_the_first() -> None:
    life = resting()
    before = life.lot
    life.hear(order(life.sell, "canceled", order_id="another"))
    assert life.lot == before
    assert [one.kind for one in life.alarms] == ["trade_surprise"]


# -------------------------------------------------------------------------- storing


def test_a_lot_reads_back_from_what_is_stored_of_it() -> None:
    life = resting()
    life.hear(sold(life.sell, "0.5", "s1", traded_at=AT), order(life.sell, "canceled", "0.5")).consider()
    assert msgspec.json.decode(msgspec.json.encode(life.lot), type=Lot) == life.lot

"""What the ledger is told of an answer: absence, order by order; shield, fence and proof."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.poller import STORED_WITHIN
from core.errors import BadRequest, DatabaseProblem, LinkError
from core.facts import Balance, Fact, Position
from core.messages import (
    Audited,
    Doubtful,
    Down,
    Polled,
    PollFailed,
    Reconciled,
    ReconcileNow,
    StreamDown,
    StreamUp,
    Warned,
)
from core.reconcile import BURST
from exchanges.base import Answer, Complete, Failed, HeldOrder, HeldPosition, Known, Partial
from models.read import Reader
from tests.actors.polling import POLL_EVERY, Desk, Scene, scene
from tests.support.actors import listening
from tests.support.clock import ManualClock
from tests.support.fakes import Tap, fill, order
from tests.support.peers import WAIT, Answered, rest_peer
from tests.support.waiting import eventually

NOW = ReconcileNow("a person")
LIST = ["/open-orders", "/trades"]
LONG_AGO = 1_699_990_000_000


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Scene]:
    """A poller of a live account whose permissions were asked for."""
    with scene(tmp_path) as made:
        made.tell(StreamUp(5))
        made.listener.next(Reconciled)
        made.listener.next(Warned)
        made.settle()
        made.desk.peer.asked.clear()
        made.listener.records.clear()
        yield made


def reconcile(one: Scene) -> None:
    one.tell(NOW)
    one.listener.next(Reconciled)


def audit(one: Scene) -> Audited:
    one.pass_(one.actor._due - one.clock.boottime())
    return one.listener.next(Audited)


def unknown(one: Scene, *order_ids: str) -> None:
    """The exchange knows nothing of these."""
    for order_id in order_ids:
        one.desk.answers[f"/order/{order_id}"] = Answered(status=404)


def knows(one: Scene, order_id: str, *facts: Fact) -> None:
    one.dialect.order_answers[order_id] = Complete(facts, as_of=0)


# ---------------------------------------------------------------------- absence


def test_an_order_that_the_list_lacks_is_asked_for_at_once_and_the_answer_applies(one: Scene) -> None:
    one.streams(order("1"), order("2"))
    one.answers(order("2"))
    knows(one, "1", order("1", "canceled", updated_at=LONG_AGO))
    reconcile(one)
    assert one.desk.paths == [*LIST, "/order/1"]
    assert one.statuses() == {"1": "canceled", "2": "open"}


def test_a_missing_order_that_was_filled_comes_back_with_its_fills(one: Scene) -> None:
    one.streams(order("1"))
    knows(one, "1", order("1", "filled", filled=Decimal(1)), fill("9", order_id="1"))
    reconcile(one)
    assert one.statuses() == {"1": "filled"}
    assert one.trades() == {"9": "reconcile"}


def test_an_order_that_the_exchange_does_not_know_is_left_as_it_was(one: Scene) -> None:
    one.streams(order("1"))
    unknown(one, "1")
    for _ in range(5):
        reconcile(one)
    assert one.statuses() == {"1": "open"}, "no end is invented"


def test_the_third_miss_is_a_discrepancy_and_it_is_told_once(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(1)), fill("9"))
    unknown(one, "1")
    for misses in range(1, 6):
        reconcile(one)
        assert len(one.incidents()) == (misses >= 3)
    told = one.incidents()[0]
    assert (told.kind, told.key, told.resolved) == ("discrepancy", "main:order:spot:BTCUSDT:1", False)
    assert "filled 1" in told.text
    assert one.desk.counts["/order/1"] == 3, "then it is not asked for every time any more"


def test_a_discrepancy_ends_when_the_exchange_remembers(one: Scene) -> None:
    one.streams(order("1"))
    unknown(one, "1")
    for _ in range(3):
        reconcile(one)
    del one.desk.answers["/order/1"]
    knows(one, "1", order("1", "canceled"))
    for _ in range(10):  # given up is asked for in every tenth comparison
        reconcile(one)
    assert [incident.resolved for incident in one.incidents()] == [False, True]
    assert one.statuses() == {"1": "canceled"}


def test_misses_in_failed_comparisons_do_not_count(one: Scene) -> None:
    one.streams(order("1"), order("2"))
    unknown(one, "1")
    one.desk.answers["/order/2"] = Answered(status=500)
    for _ in range(5):
        one.tell(NOW)
        one.settle()
    assert one.desk.counts["/order/1"] == 5
    del one.desk.answers["/order/2"]
    knows(one, "2", order("2", "canceled"))
    for misses in (1, 2, 3):
        reconcile(one)
        assert len(one.incidents()) == (misses == 3)


def test_a_query_that_fails_makes_the_comparison_fail(one: Scene) -> None:
    one.streams(order("1"))
    one.desk.answers["/order/1"] = Answered(status=500)
    one.tell(NOW)
    one.settle()
    assert one.listener.rest() == []
    assert one.proofs() == []


def test_more_than_ten_missing_orders_are_asked_for_in_bursts_and_nothing_is_proven_before(
    one: Scene,
) -> None:
    ids = [str(number) for number in range(1, 26)]
    one.streams(*(order(number) for number in ids))
    for number in ids:
        knows(one, number, order(number, "canceled"))
    reconcile(one)
    lists = [at for at, path in enumerate(one.desk.paths) if path == "/open-orders"]
    assert [later - at - 2 for at, later in zip(lists, [*lists[1:], len(one.desk.paths)], strict=True)] == [
        BURST,
        BURST,
        5,
    ]
    assert len(one.proofs()) == 1
    assert set(one.statuses().values()) == {"canceled"}


# ------------------------------------------------------------- kinds of answers


def test_a_partial_answer_is_stored_as_far_as_it_goes_and_proves_nothing(one: Scene) -> None:
    one.streams(order("1"))
    one.answers_by(lambda known: Partial((fill("9"),), "the history is too long"))
    one.tell(NOW)
    one.settle()
    assert one.trades() == {"9": "reconcile"}
    assert one.desk.counts["/order/1"] == 0, "it proves no absence"
    assert one.listener.rest() == []
    assert one.proofs() == []
    one.answers(order("1"))
    one.pass_(POLL_EVERY * 1.1)
    one.listener.next(Reconciled)


def test_a_failed_answer_is_never_taken_for_nothing(one: Scene) -> None:
    one.streams(order("1"))
    one.answers_by(lambda known: Failed(LinkError("page 2 of 3")))
    one.tell(NOW)
    one.settle()
    assert one.statuses() == {"1": "open"}
    assert one.desk.counts["/order/1"] == 0
    assert one.listener.rest() == []


def test_each_category_that_an_answer_speaks_for_is_proven(one: Scene) -> None:
    def answer(known: Known) -> Answer:
        return Complete((), as_of=known.now, categories=("spot", "linear"))

    one.answers_by(answer)
    reconcile(one)
    assert [proof.category for proof in one.proofs()] == ["spot", "linear"]


# ------------------------------------------------------------- what a plan is told


def test_a_plan_is_told_what_the_ledger_holds(one: Scene) -> None:
    one.streams(
        order("1", client_order_id="mine", filled=Decimal(1)),
        fill("9"),
        order("2", "filled"),
        Balance("USDT", free=Decimal(90), locked=Decimal(10)),
    )
    one.answers(order("1"))
    reconcile(one)
    known = one.dialect.known[-1]
    assert known.open_orders == (HeldOrder("spot", "BTCUSDT", "1", "mine", Decimal(1)),)
    assert known.balances == {"USDT": Decimal(100)}
    assert known.symbols == ("BTCUSDT",)
    assert known.now == one.clock.wall_ms()
    assert not known.healthy


def test_an_audit_asks_for_what_the_stream_spoke_of_and_now_and_then_for_all(one: Scene) -> None:
    one.streams(fill("1"))
    one.answers(fill("1"))
    asked = []
    for _ in range(10):
        one.clock.advance(1)
        audit(one)
        asked.append(one.dialect.known[-1])
    assert all(known.healthy for known in asked)
    assert [known.deep for known in asked].count(True) == 1
    assert asked[0].symbols == ("BTCUSDT",), "just traded"
    for record in one.listener.records:
        one.inlet.record(record)
    eventually(lambda: one.reader.proven_to("main") == one.proofs()[-1].until)
    one.clock.advance(600)
    audit(one)
    quiet = one.dialect.known[-1]
    assert quiet.symbols == (("BTCUSDT",) if quiet.deep else ())


def test_the_first_poll_of_a_blind_time_asks_for_all_and_the_next_for_what_moved(one: Scene) -> None:
    one.tell(StreamDown("gone"))
    one.listener.next(Polled)
    one.settle()
    one.pass_(POLL_EVERY)
    one.listener.next(Polled)
    first, second = one.dialect.known[-2:]
    assert first.symbols == ("BTCUSDT",)
    assert second.symbols == (("BTCUSDT",) if second.deep else ())
    assert not second.healthy


# --------------------------------------------------------------- shield and fence


def test_a_plan_is_told_which_positions_the_ledger_holds_open(one: Scene) -> None:
    closed = Position("linear", "ETHUSDT", "sell", Decimal(0))
    one.streams(Position("linear", "BTCUSDT", "buy", Decimal(2)), closed)
    audit(one)
    assert one.dialect.known[-1].positions == (HeldPosition("linear", "BTCUSDT", "buy"),)


def test_an_audit_is_told_the_markets_that_the_stream_spoke_of_and_any_other_comparison_all(
    one: Scene,
) -> None:
    one.streams(Position("linear", "BTCUSDT", "buy", Decimal(2)), order("1"))
    reconcile(one)
    assert one.dialect.known[-1].categories is None
    for _ in range(2):  # one of the two may be deep
        audit(one)
    told = {known.categories for known in one.dialect.known[-2:] if not known.deep}
    assert told == {("linear", "spot")}
    assert all(known.categories is None for known in one.dialect.known if known.deep)


def test_an_audit_leaves_what_the_stream_touched_just_now_to_the_stream(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(1)), fill("8"), Balance("USDT", free=Decimal(50)))
    one.answers(
        order("1", filled=Decimal(2), updated_at=LONG_AGO), Balance("USDT", free=Decimal(40)), fill("9")
    )
    one.pass_(one.actor._due - one.clock.boottime() - 1)
    one.streams(order("1", filled=Decimal("1.5")), Balance("USDT", free=Decimal(49)))
    audit(one)
    assert one.reader.balances(account="main")[0]["free"] == "49"
    assert one.reader.orders(account="main")[0]["filled"] == "1.5"
    assert one.trades() == {"8": "stream", "9": "audit"}, "fills are never held back"
    one.clock.advance(10)
    audit(one)
    assert one.reader.orders(account="main")[0]["filled"] == "2"


def test_nobody_is_shielded_while_blind(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(1)), fill("8"))
    one.answers(order("1", filled=Decimal(2)), fill("9"))
    one.tell(StreamDown("gone"))
    one.listener.next(Polled)
    assert one.reader.orders(account="main")[0]["filled"] == "2"


def test_an_order_that_the_stream_overtook_during_the_call_is_asked_for_by_itself(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(1), updated_at=LONG_AGO), fill("7"))
    one.answers(order("1", filled=Decimal(1), updated_at=LONG_AGO))
    knows(one, "1", order("1", "filled", filled=Decimal(3), updated_at=LONG_AGO + 2), fill("8"), fill("9"))
    reached, go = one.desk.hold("/trades")
    one.tell(NOW)
    assert reached.wait(WAIT)
    one.streams(order("1", filled=Decimal(2), updated_at=LONG_AGO + 1))
    go.set()
    one.listener.next(Reconciled)
    assert one.desk.paths == [*LIST, "/order/1"]
    assert one.statuses() == {"1": "filled"}


# ---------------------------------------------------------------- fills that do not add up


def test_an_order_whose_fills_do_not_come_to_what_it_said_is_asked_for_with_its_trades(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(2)), fill("8"))
    one.answers(order("1", filled=Decimal(2)))
    knows(one, "1", order("1", filled=Decimal(2)), fill("8"), fill("9"))
    reconcile(one)
    assert one.desk.paths == [*LIST, "/order/1"]
    assert one.trades() == {"8": "stream", "9": "reconcile"}
    reconcile(one)
    assert one.desk.counts["/order/1"] == 1, "it adds up now"


def test_nothing_is_proven_while_a_trade_is_missing_and_then_both_numbers_are_told_once(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(2)), fill("8"))
    one.answers(order("1", filled=Decimal(2)))
    knows(one, "1", order("1", filled=Decimal(2)), fill("8"))
    one.tell(NOW)
    one.settle()
    for misses in (1, 2):
        assert (one.desk.counts["/order/1"], one.proofs(), one.incidents()) == (misses, [], [])
        one.pass_(POLL_EVERY * 1.1)
    one.listener.next(Reconciled)
    (told,) = one.incidents()
    assert (told.kind, told.key) == ("discrepancy", "main:fills:spot:BTCUSDT:1")
    assert "says 2 filled" in told.text
    assert "trades come to 1" in told.text
    assert len(one.proofs()) == 1
    for _ in range(3):
        reconcile(one)
    assert len(one.incidents()) == 1
    assert one.desk.counts["/order/1"] == 3, "then it is asked for only now and then"


def test_a_trade_that_comes_after_all_ends_the_discrepancy(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(2)), fill("8"))
    one.answers(order("1", filled=Decimal(2)))
    knows(one, "1", order("1", filled=Decimal(2)), fill("8"))
    one.tell(NOW)
    one.settle()
    for _ in range(2):
        one.pass_(POLL_EVERY * 1.1)
    one.listener.next(Reconciled)
    one.streams(fill("9"))
    reconcile(one)
    assert [incident.resolved for incident in one.incidents()] == [False, True]


def test_a_fill_that_may_be_on_its_way_by_stream_is_left_to_it_by_audits(one: Scene) -> None:
    one.pass_(one.actor._due - one.clock.boottime() - 1)
    one.streams(order("1", filled=Decimal(1)))
    one.answers(order("1", filled=Decimal(1)))
    knows(one, "1", order("1", filled=Decimal(1)), fill("9"))
    audit(one)
    assert one.desk.counts["/order/1"] == 0
    one.clock.advance(10)
    audit(one)
    assert one.trades() == {"9": "audit"}


# ------------------------------------------------------------------------ what cannot be


def test_what_the_stream_said_and_cannot_be_is_asked_for_soon_and_not_only_at_the_next_audit(
    one: Scene,
) -> None:
    one.streams(order("1", "canceled", updated_at=LONG_AGO))
    reconcile(one)
    knows(one, "1", order("1", "canceled", updated_at=LONG_AGO))
    asked = len(one.desk.paths)
    one.streams(order("1", "open", updated_at=LONG_AGO + 1))
    one.tell(Doubtful((("spot", "BTCUSDT", "1"),)))
    one.settle()
    assert one.desk.paths[asked:] == []
    one.pass_(POLL_EVERY)
    one.listener.next(Audited)
    assert one.desk.paths[asked:] == [*LIST, "/order/1"]
    assert one.statuses() == {"1": "canceled"}
    audit(one)
    assert "/order/1" not in one.desk.paths[asked + len(LIST) + 1 :], "one answer is enough"


def test_an_order_whose_name_the_exchange_cannot_read_keeps_no_other_from_being_compared(one: Scene) -> None:
    one.streams(order("1"), order("2"))
    one.answers()
    one.dialect.order_answers["1"] = Failed(BadRequest("too long"))
    knows(one, "2", order("2", "canceled", updated_at=LONG_AGO))
    reconcile(one)
    assert one.statuses() == {"1": "open", "2": "canceled"}


def test_a_fill_that_came_by_stream_during_the_call_is_counted_once(one: Scene) -> None:
    one.answers(fill("9"))
    reached, go = one.desk.hold("/trades")
    one.tell(NOW)
    assert reached.wait(WAIT)
    one.streams(fill("9"))
    go.set()
    one.listener.next(Reconciled)
    assert one.trades() == {"9": "stream"}


# ------------------------------------------------------------------- the ledger


@pytest.fixture
def unwritten(tmp_path: Path) -> Iterator[tuple[Scene, Tap]]:
    """A poller whose ledger has no writer: the test commits, or does not."""
    clock = ManualClock()
    desk = Desk(clock)
    with listening(clock) as listener, rest_peer(desk) as peer:
        desk.peer = peer
        made = Scene(listener, clock, tmp_path, desk)
        tap = Tap(made.inlet)
        made.start()
        yield made, tap
        made.ref.stop(block=True, timeout=WAIT)
        made.reader.close()


def waits_for_the_ledger(one: Scene) -> bool:
    return one.actor._errand is not None and one.actor._errand.ticket is not None


def test_nothing_is_told_or_proven_before_the_ledger_has_committed_it(unwritten: tuple[Scene, Tap]) -> None:
    one, tap = unwritten
    one.answers(fill("9"))
    one.tell(StreamUp(5))
    eventually(lambda: waits_for_the_ledger(one))
    assert one.listener.rest() == []
    assert one.proofs() == []
    assert one.vitals.proven_to is None
    tap.trades("9")
    one.listener.next(Reconciled)
    assert len(one.proofs()) == 1


def test_a_ledger_that_never_answers_makes_the_comparison_be_made_again(
    unwritten: tuple[Scene, Tap],
) -> None:
    one, tap = unwritten
    one.answers(fill("9"))
    one.tell(StreamUp(5))
    eventually(lambda: waits_for_the_ledger(one))
    one.clock.advance(STORED_WITHIN)
    eventually(lambda: not waits_for_the_ledger(one))
    one.clock.advance(POLL_EVERY * 1.1)
    eventually(lambda: waits_for_the_ledger(one))
    tap.drain()
    assert one.listener.next(Reconciled).stream_gen == 5
    assert one.listener.rest() == [], "the answer that came too late is not told a second time"


class Failing(Reader):
    """A ledger that cannot be read for a while."""

    broken = True

    def known(self, account: str, **more: Any) -> dict[str, Any]:
        if self.broken:
            raise DatabaseProblem("the server restarts", passing=True)
        return super().known(account, **more)


def test_a_ledger_that_cannot_be_read_is_asked_again_and_is_no_reason_to_die(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vigil.db'}"
    with scene(tmp_path, reader=Failing(url)) as one:
        one.tell(StreamUp(5))
        one.settle()
        assert one.desk.paths == []
        one.options["reader"].broken = False
        one.pass_(POLL_EVERY * 1.1)
        one.listener.next(Reconciled)


def test_a_plan_that_has_a_bug_ends_the_generation_as_a_bug(one: Scene) -> None:
    def mistake(known: Known) -> Answer:
        raise KeyError("a field that we expected")

    one.answers_by(mistake)
    one.tell(NOW)
    assert one.listener.next(Down).reason == "bug"


def test_the_part_of_the_budget_that_is_kept_back_is_for_reconciles(one: Scene) -> None:
    origin = one.origins.rest(one.desk.peer.url, 0)
    limit = one.exchange.defaults.weight_per_minute
    one.clock.advance(60 - one.clock.wall_ms() % 60_000 / 1000)
    origin.begin(limit * 9 // 10, urgent=True)
    one.tell(StreamDown("gone"))
    one.settle()
    assert one.desk.paths == [], "a poll has to wait"
    one.listener.next(PollFailed)
    one.tell(StreamUp(6))
    assert one.listener.next(Reconciled).stream_gen == 6

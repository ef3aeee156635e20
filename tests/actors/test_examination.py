"""A comparison that a person asked for: what it asks, finds and repairs, and when it gives way."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import pytest

from actors.poller import UNHURRIED, _Next
from core.differences import Compared
from core.errors import LinkError
from core.facts import Balance, Fact
from core.messages import Audited, Compare, Down, Hold, Polled, Reconciled, StreamDown, StreamUp, Warned
from core.wire import Call
from exchanges.base import Complete, Failed, Known, Partial, Plan
from tests.actors.polling import Scene, scene
from tests.support.fakes import fill, order
from tests.support.peers import WAIT, Answered
from tests.support.waiting import eventually

LIST = ["/open-orders", "/trades"]
TRADED = 1_699_999_000_000  # when a `fill` was, long before the clock's now
LONG_AGO = TRADED - 1_000
HOUR = 3600.0


class Asker:
    """Who asks, waits, and may lose patience."""

    def __init__(self, one: Scene) -> None:
        self._one = one
        self._answers: SimpleQueue[Compared] = SimpleQueue()
        self.is_patient = True

    def ask(self, since: int = LONG_AGO, within: float = 120.0) -> "Asker":
        until = self._one.clock.boottime() + within
        self._one.tell(Compare(since, until, self._answers.put, lambda: self.is_patient))
        return self

    def answer(self) -> Compared:
        """Time goes by meanwhile."""

        def passes() -> bool:
            self._one.clock.advance(UNHURRIED)
            return not self.is_waiting()

        eventually(passes, what="an answer", every=0.005)
        return self._answers.get(timeout=WAIT)

    def is_waiting(self) -> bool:
        return self._answers.empty()


def ask(one: Scene, since: int = LONG_AGO) -> Compared:
    return Asker(one).ask(since).answer()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Scene]:
    """A poller of a live account, some seconds after its reconcile."""
    with scene(tmp_path, audit_every=HOUR) as made:
        made.tell(StreamUp(5))
        made.listener.next(Reconciled)
        made.listener.next(Warned)
        made.settle()
        for record in made.proofs():
            made.inlet.record(record)
        eventually(lambda: made.reader.proven_to("main"), what="a proof in the ledger")
        made.clock.advance(10)
        made.desk.peer.asked.clear()
        made.listener.records.clear()
        yield made


def found(said: Compared) -> list[tuple[str, str, str]]:
    assert said.error is None
    return [(one.kind, one.key, one.outcome) for one in said.differences]


# ------------------------------------------------------------------- what is found


def test_where_the_two_agree_nothing_is_found_and_nothing_is_written(one: Scene) -> None:
    facts = (order("1"), fill("1"), Balance("USDT", free=Decimal(5), updated_at=TRADED))
    one.streams(*facts)
    one.answers(*facts)
    one.clock.advance(10)
    before = one.reader.sequence()
    said = ask(one)
    assert (found(said), said.since, said.categories) == ([], LONG_AGO, ("spot",))
    assert said.until == one.dialect.known[-1].now - 5_000
    assert one.reader.sequence() == before
    assert one.desk.paths == LIST


def test_what_is_missing_or_otherwise_is_told_and_repaired_as_an_audit(one: Scene) -> None:
    one.streams(order("1", filled=Decimal(1), updated_at=LONG_AGO))
    one.answers(order("1", filled=Decimal(2), updated_at=TRADED), fill("9"))
    one.clock.advance(10)
    said = ask(one)
    assert found(said) == [("order", "1", "changed"), ("fill", "9", "new")]
    changed, missing = said.differences
    assert (changed.ledger.filled, changed.exchange.filled) == (1, 2)
    assert (missing.ledger, missing.exchange) == (None, fill("9"))
    assert one.trades() == {"9": "audit"}
    assert found(ask(one)) == [], "they are repaired"


def test_what_happened_in_the_last_seconds_is_left_to_the_stream(one: Scene) -> None:
    one.answers(order("1", updated_at=one.clock.wall_ms() - 4_000), order("2", updated_at=TRADED))
    assert [key for _, key, _ in found(ask(one))] == ["2"]


def test_a_contradiction_stands_and_is_told_each_time(one: Scene) -> None:
    one.streams(fill("1"))
    one.answers(msgspec.structs.replace(fill("1"), price=Decimal(7)))
    for _ in range(2):
        assert found(ask(one)) == [("fill", "1", "contradicted")]


def test_a_fill_that_only_the_ledger_knows_is_asked_for_by_its_order_and_then_told(one: Scene) -> None:
    """A list may have its reasons to lack one; the order itself has none."""
    one.streams(fill("1", "7"), fill("2", "8"))
    one.desk.answers["/order/8"] = Answered(status=404)
    one.dialect.order_answers["7"] = Complete((fill("1", "7"),), as_of=0)
    one.clock.advance(10)
    said = ask(one)
    assert found(said) == [("fill", "2", "unconfirmed")]
    assert (said.differences[0].ledger, said.differences[0].exchange) == (fill("2", "8"), None)
    assert sorted(one.desk.paths[2:]) == ["/order/7", "/order/8"]
    assert set(one.trades()) == {"1", "2"}, "the ledger takes nothing back"


def test_a_fill_of_which_the_answer_does_not_speak_is_not_in_doubt(one: Scene) -> None:
    """Its symbol was not asked for, or it lies before the window that the exchange shows."""
    one.streams(fill("1"))
    for more in ({"symbols": ("ETHUSDT",)}, {"since": TRADED + 1}, {"categories": ("linear",)}):

        def answer(known: Known, more: Any = more) -> Complete:
            return Complete((), as_of=known.now, **more)

        one.answers_by(answer)
        said = ask(one)
        assert found(said) == []
        assert said.symbols == more.get("symbols")
        assert said.since == more.get("since", LONG_AGO)


def test_an_open_order_that_nobody_knows_is_told(one: Scene) -> None:
    one.streams(order("1", updated_at=TRADED))
    one.desk.answers["/order/1"] = Answered(status=404)
    one.clock.advance(10)
    said = ask(one)
    assert found(said) == [("order", "1", "unconfirmed")]
    assert said.differences[0].ledger.status == "open"


def test_more_missing_orders_than_a_burst_are_all_asked_for(one: Scene) -> None:
    ids = [str(number) for number in range(1, 16)]
    one.streams(*(order(number, updated_at=LONG_AGO) for number in ids))
    for number in ids:
        one.dialect.order_answers[number] = Complete((order(number, "canceled", updated_at=TRADED),), as_of=0)
    one.clock.advance(10)
    assert sorted(key for _, key, _ in found(ask(one))) == sorted(ids)


# -------------------------------------------------------------------- what is asked


def test_everything_of_the_window_is_asked_for(one: Scene) -> None:
    one.streams(
        fill("1"), order("5", "filled", updated_at=TRADED), Balance("BTC", free=Decimal(1), updated_at=TRADED)
    )
    one.answers(fill("1"))
    for since in (LONG_AGO, TRADED + 500_000):
        ask(one, since)
        known = one.dialect.known[-1]
        assert (known.since, known.deep, known.healthy, known.categories) == (since, True, False, None)
        assert known.symbols == ("BTCUSDT",)
        assert known.moved == ({"BTC"} if since == LONG_AGO else set())


def test_a_window_shorter_than_what_is_due_anyway_is_widened_and_told_as_it_was_asked_for(one: Scene) -> None:
    """Else its proof would leave a hole behind the one before."""
    since, proven_to = one.clock.wall_ms() - 6_000, one.vitals.proven_to or 0
    said = ask(one, since)
    assert said.since == since
    assert one.dialect.known[-1].since == proven_to - 60_000
    assert one.proofs()[0].since == one.dialect.known[-1].since


def test_it_proves_what_it_compared_and_counts_as_an_audit(one: Scene) -> None:
    one.answers(fill("1"))
    ask(one)
    (proof,) = one.proofs()
    assert (proof.source, proof.since, proof.repaired) == ("audit", LONG_AGO, 1)
    assert one.listener.next(Audited).repaired == 0, "so old that the stream is not to blame"
    assert one.clock.boottime() - (one.vitals.audit_at or 0) < 1


def test_while_blind_it_is_a_poll_like_any_other(one: Scene) -> None:
    one.tell(StreamDown("gone"))
    one.listener.next(Polled)
    one.settle()
    one.answers(fill("1"))
    assert found(ask(one)) == [("fill", "1", "new")]
    one.listener.next(Polled)
    assert one.trades() == {"1": "audit"}


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Partial((), "the history is too long"), "not complete: the history is too long"),
        (Failed(LinkError("page 2 of 3")), "page 2 of 3"),
    ],
)
def test_an_answer_that_is_not_complete_is_no_comparison(one: Scene, answer: Any, error: str) -> None:
    one.answers_by(lambda known: answer)
    said = ask(one)
    assert error in (said.error or "")
    assert one.proofs() == []
    assert one.vitals.sight.since is not None, "nobody stopped watching"


def test_a_call_that_fails_is_told_at_once(one: Scene) -> None:
    one.desk.answers["/trades"] = Answered(status=503)
    assert "HTTP 503" in (ask(one).error or "")


def test_it_waits_for_its_turn_where_the_exchange_asks_for_it_and_that_is_in_time(one: Scene) -> None:
    one.desk.answers["/open-orders"] = Answered(status=429, headers={"retry-after": "30"})
    asker = Asker(one).ask()
    one.settle()
    assert asker.is_waiting()
    del one.desk.answers["/open-orders"]
    one.clock.advance(31)
    assert asker.answer().error is None
    one.desk.answers["/open-orders"] = Answered(status=429, headers={"retry-after": "300"})
    assert "too fast" in (ask(one).error or "")


def test_a_held_account_is_not_asked_for(one: Scene) -> None:
    waiting = Asker(one)
    reached, go = one.desk.hold("/open-orders")
    waiting.ask()
    assert reached.wait(WAIT)
    one.tell(Hold("the key is wrong"))
    go.set()
    assert waiting.answer().error == "the account is held: the key is wrong"
    assert ask(one).error == "the account is held: the key is wrong"
    assert one.desk.paths == LIST[:1]


def test_a_key_that_is_refused_meanwhile_is_told(one: Scene) -> None:
    one.desk.answers["/open-orders"] = Answered(status=401)
    first, second = Asker(one).ask(), Asker(one).ask()
    assert "the key is wrong" in (first.answer().error or "")
    assert "the key is wrong" in (second.answer().error or "")


def test_a_poller_that_ends_says_so(one: Scene) -> None:
    reached, go = one.desk.hold("/open-orders")
    asker = Asker(one).ask()
    assert reached.wait(WAIT)
    future = one.ref.stop(block=False)
    go.set()
    future.get(timeout=WAIT)
    assert asker.answer().error == "its poller was stopped"
    one.listener.skip_to(Down)
    one.start(gen=2)


# ------------------------------------------------------------------------ in between


def slow(one: Scene, calls: int, *facts: Fact) -> None:
    """A chosen window takes so many calls, each a second after the other; all else one."""

    def sync(known: Known) -> Plan:
        for _ in range(calls if known.since == LONG_AGO else 1):
            yield Call("GET", "/history", auth="signed", pace=1.0)
        return Complete(facts, as_of=known.now)

    one.dialect.sync = sync  # type: ignore[method-assign]


def test_an_audit_that_falls_due_meanwhile_is_made_in_between(one: Scene) -> None:
    slow(one, 5)
    one.clock.advance(one.actor._due - one.clock.boottime() - 2.5)
    assert ask(one).error is None
    assert len(one.desk.paths) == 5 + 1
    one.listener.next(Audited)
    assert [proof.since == LONG_AGO for proof in one.proofs()] == [False, True]


def test_a_stream_that_changes_begins_it_anew_behind_the_reconcile(one: Scene) -> None:
    reached, go = one.desk.hold("/open-orders")
    asker = Asker(one).ask()
    assert reached.wait(WAIT)
    one.tell(StreamUp(6))
    go.set()
    assert asker.answer().error is None
    assert [proof.source for proof in one.proofs()] == ["reconcile", "audit"]


def test_it_takes_its_time_so_that_all_others_find_enough_of_the_budget(one: Scene) -> None:
    asker = Asker(one).ask()
    eventually(lambda: one.desk.paths and one.actor._timer, what="a call that waits")
    one.clock.advance(UNHURRIED * 0.9)
    one.ref.ask(_Next(0), timeout=WAIT)  # a step of no errand: whatever was due has been heard
    assert one.desk.paths == LIST[:1]
    assert asker.answer().error is None
    assert one.desk.paths == LIST


def test_nobody_goes_on_for_one_who_has_left(one: Scene) -> None:
    slow(one, 1000)
    asker = Asker(one).ask()
    eventually(lambda: one.desk.paths and one.actor._timer, what="a call that waits")
    asker.is_patient = False
    one.clock.advance(1.0)
    one.settle()
    assert one.desk.paths == ["/history"] * 2
    assert asker.is_waiting()
    assert one.actor._errand is None


def test_several_are_served_one_after_another(one: Scene) -> None:
    one.answers(fill("1"))
    askers = [Asker(one).ask() for _ in range(3)]
    askers[1].is_patient = False
    assert [len(found(askers[at].answer())) for at in (0, 2)] == [1, 0]
    assert askers[1].is_waiting()


def test_before_it_is_known_how_things_stand_it_waits(tmp_path: Path) -> None:
    with scene(tmp_path) as one:
        asker = Asker(one).ask()
        one.settle()
        assert asker.is_waiting()
        one.tell(StreamUp(1))
        assert asker.answer().error is None
        assert one.dialect.known[0].since != LONG_AGO, "the reconcile comes first"

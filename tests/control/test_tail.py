"""Following the journal: after the commit, once, in order, from any point."""

import itertools
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control import tail as tail_module
from control.connection import Limits
from control.tail import PACE, Follower, first_since
from core.errors import DatabaseProblem
from tests.control.kit import WAIT, ByHand, Feed, Ledger, Served, Turns, request, serve, statement
from tests.control.test_courtesy import Pauses


def follow(peer: ByHand, **params: Any) -> int:
    """Begin, and return the seq behind which the facts come."""
    answer = peer.ask("tail", **params)
    after: int = answer["result"]["after"]
    return after


def seqs(peer: ByHand, count: int) -> list[int]:
    found = []
    for _ in range(count):
        message = peer.receive()
        assert message is not None
        assert (message["jsonrpc"], message["method"], "id" in message) == ("2.0", "fact", False)
        found.append(message["params"]["seq"])
    return found


def test_what_is_committed_from_now_on_comes_as_one_notification_each(served: Served) -> None:
    served.commit(statement(1), statement(2))
    with served.peer() as peer:
        assert follow(peer) == 2
        served.commit(statement(3), statement(4))
        assert seqs(peer, 2) == [3, 4]
        served.commit(statement(5))
        message = peer.receive()
        assert message == {"jsonrpc": "2.0", "method": "fact", "params": statement(5)}


def test_after_goes_on_behind_any_row_without_a_gap_or_a_repetition(served: Served) -> None:
    served.commit(*(statement(seq) for seq in range(1, 2001)))
    with served.peer() as peer:
        assert follow(peer, after=700) == 700
        assert seqs(peer, 1300) == list(range(701, 2001))
        served.commit(statement(2001))
        assert seqs(peer, 1) == [2001]


def test_what_was_committed_before_this_daemon_started_is_told_too(served: Served) -> None:
    """The feed begins at 0 with each process; the journal does not."""
    served.ledger.journaled.extend(statement(seq) for seq in range(1, 1201))
    with served.peer() as peer:
        follow(peer, after=100)
        assert seqs(peer, 1100) == list(range(101, 1201))
        served.commit(statement(1201))
        assert seqs(peer, 1) == [1201]


def test_since_begins_at_a_time(served: Served) -> None:
    served.commit(*(statement(seq) for seq in range(1, 101)))
    with served.peer() as peer:
        assert follow(peer, since=1_700_000_000_000 + 60) == 59
        assert seqs(peer, 41) == list(range(60, 101))


def test_only_the_wanted_account_and_symbol_are_told(served: Served) -> None:
    with served.peer() as peer:
        follow(peer, account="main", symbol="ETHUSDT")
        served.commit(
            statement(1),
            statement(2, symbol="ETHUSDT"),
            statement(3, symbol="ETHUSDT", account="other"),
            statement(4, symbol=None),
            statement(5, symbol="ETHUSDT"),
        )
        assert seqs(peer, 2) == [2, 5]


def test_each_follower_has_its_own_place(served: Served) -> None:
    served.commit(statement(1), statement(2))
    with served.peer() as early, served.peer() as late:
        follow(early, after=0)
        follow(late)
        served.commit(statement(3))
        assert (seqs(early, 3), seqs(late, 1)) == ([1, 2, 3], [3])


def test_a_follower_that_has_finished_sending_still_listens(served: Served) -> None:
    with served.peer() as peer:
        follow(peer)
        peer.socket.shutdown(1)
        served.commit(statement(1))
        assert seqs(peer, 1) == [1]


def test_questions_behind_a_tail_are_not_answered(served: Served) -> None:
    with served.peer() as peer:
        peer.send(request("tail") + request("version", id_=2))
        assert (peer.receive() or {})["id"] == 1
        served.commit(statement(1))
        assert seqs(peer, 1) == [1]


def test_a_follower_that_hangs_up_leaves_no_thread_and_no_reader(served: Served) -> None:
    with served.peer() as peer:
        follow(peer)
        threads = [t for t in threading.enumerate() if t.name == "control-client"]
    for thread in threads:
        thread.join(WAIT)
    assert threads
    assert not any(thread.is_alive() for thread in threads)
    assert served.ledger.open == 0


def test_a_follower_that_does_not_read_is_cut_off_and_misses_nothing_when_it_comes_back(
    tmp_path: Path,
) -> None:
    with serve(tmp_path / "s", limits=Limits(send=0.05)) as served:
        with served.peer() as slow:
            follow(slow)
            (thread,) = (t for t in threading.enumerate() if t.name == "control-client")
            served.commit(*(statement(seq) for seq in range(1, 3001)))
            thread.join(WAIT)
            assert not thread.is_alive()
            seen = [m["params"]["seq"] for m in iter(slow.receive_whole, None)]
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 3000
        with served.peer() as again:
            follow(again, after=seen[-1])
            assert seqs(again, 3000 - len(seen)) == list(range(seen[-1] + 1, 3001))


def test_a_ledger_that_fails_under_a_tail_ends_it_with_an_error(served: Served) -> None:
    with served.peer() as peer:
        follow(peer)
        served.ledger.broken = ZeroDivisionError()
        served.commit(statement(1))
        assert (peer.receive() or {})["error"]["code"] == -32603
        assert peer.receive() is None


def test_a_database_that_is_gone_for_a_moment_ends_a_tail_and_says_so(served: Served) -> None:
    with served.peer() as peer:
        follow(peer)
        served.ledger.broken = DatabaseProblem("database locked", passing=True)
        served.commit(statement(1))
        error = (peer.receive() or {})["error"]
        assert (error["code"], error["message"]) == (-32000, "database locked")
        assert peer.receive() is None


def test_a_hole_at_the_end_of_the_journal_is_passed_over() -> None:
    """Rows that the feed speaks of and nobody has any more must not be asked for without end."""
    ledger, feed = Ledger(), Feed()
    feed.publish(10)
    follower = Follower(ledger, feed, nullcontext, 0, account=None, symbol=None)  # type: ignore[arg-type]
    heard = itertools.chain([True] * 3, itertools.repeat(False))
    assert list(follower.pages(lambda: next(heard))) == []
    assert follower.after == 10


def test_whoever_follows_is_asked_for_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "LISTEN", 0.001)
    follower = Follower(Ledger(), Feed(), nullcontext, 0, account=None, symbol=None)  # type: ignore[arg-type]
    heard = iter([True, True, False])
    assert list(follower.pages(lambda: next(heard))) == []


def test_what_is_committed_in_quick_succession_is_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a thousand commits a second each of them would be a question of its own; and each reading takes its turn."""
    ledger, feed, turns, pauses = Ledger(), Feed(), Turns(), Pauses()
    monkeypatch.setattr(tail_module, "Event", lambda: pauses)
    follower = Follower(ledger, feed, turns.turn, 0, account=None, symbol="ETHUSDT")  # type: ignore[arg-type]
    commit(ledger, feed, 1, 2)
    pages = follower.pages(lambda: True)
    assert [row["seq"] for row in next(pages)] == [1, 2]
    commit(ledger, feed, *range(3, 704))
    assert [row["seq"] for row in next(pages)] == list(range(3, 503))
    assert pauses.asked == [PACE]
    assert [row["seq"] for row in next(pages)] == list(range(503, 704))  # who is behind does not pause
    assert (pauses.asked, turns.taken) == ([PACE], 3)


def commit(ledger: Ledger, feed: Feed, *seqs: int) -> None:
    ledger.journaled.extend(statement(seq, symbol="ETHUSDT") for seq in seqs)
    feed.publish(seqs[-1])


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(-5, 60), st.integers(1, 3))
def test_the_place_in_time_is_the_first_row_that_is_young_enough(
    times: list[int], since: int, stride: int
) -> None:
    ledger = Ledger()
    ledger.journaled = [
        statement(at * stride, recorded_at=time) for at, time in enumerate(sorted(times), start=1)
    ]
    after = first_since(ledger, since)  # type: ignore[arg-type]
    behind = [row["recorded_at"] for row in ledger.journaled if row["seq"] > after]
    assert behind == [time for time in sorted(times) if time >= since]

"""S23, the decision: the generation is given up at once, and all goes on as for a failure."""

import pytest

from core.messages import Down, Reason, ThreadEnded
from core.supervision_events import GroupAdded, GroupRemoved, Noted, Restarted
from tests.supervision.kit import Daemon, abandoned, booted, poller, started, stopped, stream

CHILD = "main/poller"


def hung() -> Daemon:
    daemon = booted("main")
    daemon.mute.add(CHILD)
    daemon.wait_until(lambda: daemon.phase(CHILD) == "abandoned")
    return daemon


def test_a_hung_child_is_abandoned_without_being_asked_to_stop() -> None:
    daemon = hung()
    assert CHILD not in stopped(daemon.log)
    assert abandoned(daemon.log) == [CHILD]


def test_after_a_hang_the_next_generation_waits_for_the_backoff_only() -> None:
    daemon = hung()
    assert daemon.group("main.poller").failures == 1
    assert 0.5 <= daemon.retry_in("main.poller") <= 1
    assert started(daemon.wait(1)) == [CHILD]
    assert daemon.gen(CHILD) == 2


def test_a_child_that_does_not_stop_when_asked_is_abandoned_without_a_failure() -> None:
    daemon = booted("main")
    daemon.tell(Restarted(CHILD))
    out = daemon.wait(5)
    assert abandoned(out) == [CHILD]
    assert started(out) == [CHILD]
    assert daemon.group("main.poller").failures == 0


def test_the_abandoned_thread_is_counted_until_it_ends() -> None:
    daemon = hung()
    assert daemon.state.abandoned == 1
    assert daemon.tell(ThreadEnded(CHILD, 1))[0] == Noted(CHILD, 1, "thread_ended")
    assert daemon.state.abandoned == 0


def test_a_child_shows_abandoned_until_its_thread_ends_or_a_new_one_starts() -> None:
    daemon = hung()
    daemon.tell(ThreadEnded(CHILD, 1))
    assert daemon.phase(CHILD) == "waiting"
    other = hung()
    other.wait(1)
    assert other.phase(CHILD) == "starting"
    other.tell(ThreadEnded(CHILD, 1))
    assert other.phase(CHILD) == "starting"


@pytest.mark.parametrize("reason", ["shutdown", "bug", "fatal"])
def test_the_late_down_of_an_abandoned_generation_only_tells_that_its_thread_ended(reason: Reason) -> None:
    daemon = hung()
    before = daemon.group("main.poller")
    daemon.tell(Down(CHILD, 1, reason))
    assert daemon.state.abandoned == 0
    assert daemon.group("main.poller") == before
    assert daemon.state.stale == 1


def test_an_end_of_a_thread_that_nobody_abandoned_is_stale() -> None:
    daemon = booted("main")
    assert daemon.tell(ThreadEnded(CHILD, 1)) == []
    assert daemon.phase(CHILD) == "running"
    assert daemon.state.stale == 1


def test_a_ghost_outlives_its_group() -> None:

    daemon = hung()
    daemon.tell(GroupRemoved("main.poller"))
    assert daemon.state.abandoned == 1
    daemon.tell(GroupAdded(poller("main")))
    daemon.tell(ThreadEnded(CHILD, 1))
    assert daemon.state.abandoned == 0
    assert daemon.phase(CHILD) == "starting"


def test_a_group_that_comes_back_still_shows_the_ghost_of_its_child() -> None:
    daemon = booted("main")
    daemon.mute.add("main/keepalive")
    daemon.wait_until(lambda: daemon.phase("main/keepalive") == "abandoned")
    daemon.tell(GroupRemoved("main.stream"))
    daemon.stops("main/connection")
    daemon.tell(GroupAdded(stream("main")))
    assert daemon.phase("main/keepalive") == "abandoned"
    assert started(daemon.ready("main/connection")) == ["main/keepalive"]
    assert daemon.gen("main/keepalive") == 2

"""S7: a message about an old generation changes nothing and is counted."""

import pytest

from core.messages import Down, Pong, Ready, ThreadEnded
from core.supervision import children, groups
from core.supervision_events import Event
from tests.supervision.kit import Daemon, booted


def with_a_past() -> Daemon:
    """`main/poller` runs in its third generation."""
    daemon = booted("main")
    for _ in range(2):
        daemon.dies("main/poller")
        daemon.restarted("main/poller")
    return daemon


OLD = [
    Ready("main/poller", 2),
    Down("main/poller", 2, "bug"),
    Down("main/poller", 2, "fatal"),
    Down("main/poller", 1, "link", retry_after=900.0),
    Pong("main/poller", 2, 1),
    ThreadEnded("main/poller", 2),
    Down("main/poller", 4, "bug"),  # one that was never started
    Ready("nobody/here", 1),
    Down("nobody/here", 1, "bug"),
]


@pytest.mark.parametrize("message", OLD, ids=repr)
def test_an_old_generation_changes_nothing_and_is_counted(message: Event) -> None:
    daemon = with_a_past()
    before = children(daemon.state), groups(daemon.state), daemon.deadline
    assert daemon.tell(message) == []
    assert (children(daemon.state), groups(daemon.state), daemon.deadline) == before
    assert daemon.state.stale == 1


def test_a_second_down_of_the_same_generation_is_stale() -> None:
    daemon = booted("main")
    daemon.tell(Down("main/poller", 1, "link"))
    failures = daemon.group("main.poller").failures
    assert daemon.tell(Down("main/poller", 1, "link")) == []
    assert daemon.group("main.poller").failures == failures
    assert daemon.state.stale == 1


def test_an_abandoned_generation_that_wakes_up_changes_nothing() -> None:
    daemon = booted("main")
    daemon.mute.add("main/poller")
    daemon.wait_until(lambda: daemon.phase("main/poller") == "abandoned")
    before = groups(daemon.state)
    assert daemon.tell(Ready("main/poller", 1)) == []
    assert daemon.tell(Pong("main/poller", 1, 4)) == []
    assert daemon.phase("main/poller") == "abandoned"
    assert groups(daemon.state) == before
    assert daemon.state.stale == 2


def test_messages_of_the_present_generation_are_not_stale() -> None:
    daemon = with_a_past()
    daemon.wait(60)
    daemon.tell(Ready("main/poller", 3))
    assert daemon.state.stale == 0

"""S8: whatever ended a child, it is wanted until asked to stop, disabled, paused or HELD."""

import pytest

from core.messages import Reason
from core.supervision_events import Event, GroupPaused, GroupRemoved, Held, StopAsked
from tests.supervision.kit import booted, started


@pytest.mark.parametrize("reason", ["normal", "shutdown", "link", "bug"])
def test_a_child_comes_back_whatever_ended_it(reason: Reason) -> None:
    daemon = booted("main")
    daemon.dies("main/poller", reason)
    assert daemon.phase("main/poller") == "waiting"
    assert started(daemon.wait(1)) == ["main/poller"]


def test_an_end_that_nobody_asked_for_waits_for_the_backoff_even_when_it_was_orderly() -> None:
    daemon = booted("main")
    assert started(daemon.dies("main/poller", "normal")) == []
    assert daemon.group("main.poller").failures == 1


def test_it_comes_back_as_often_as_it_dies() -> None:
    daemon = booted("main")
    for _ in range(100):
        daemon.dies("main/poller")
        daemon.restarted("main/poller")
    assert daemon.child("main/poller").restarts == 100


@pytest.mark.parametrize("event", [GroupPaused("main.poller"), Held("main.poller", "key"), StopAsked("bye")])
def test_a_child_that_is_not_wanted_stays_down(event: Event) -> None:
    daemon = booted("main")
    daemon.tell(event)
    if daemon.phase("main/poller") == "running":  # its turn in the shutdown is not yet
        daemon.dies("main/poller", "link")
    else:
        daemon.stops("main/poller")
    assert started(daemon.wait(600)) == []
    assert daemon.phase("main/poller") == "down"


def test_a_dead_child_of_a_removed_group_is_forgotten() -> None:
    daemon = booted("main")
    daemon.dies("main/poller")
    daemon.tell(GroupRemoved("main.poller"))
    assert "main/poller" not in daemon.state.children
    assert started(daemon.wait(600)) == []

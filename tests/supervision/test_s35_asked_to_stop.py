"""S35: the death of a child that was asked to stop is never a failure; an odd reason is told."""

import pytest

from core.messages import Reason
from core.supervision_events import GroupPaused, GroupResumed, Restarted
from tests.supervision.kit import Daemon, booted, started

REASONS: list[Reason] = ["normal", "shutdown", "link", "fatal", "bug"]


def asked() -> Daemon:
    daemon = booted("main")
    daemon.tell(Restarted("main/poller"))
    return daemon


@pytest.mark.parametrize("reason", REASONS)
def test_whatever_ends_a_child_that_was_asked_to_stop_is_no_failure(reason: Reason) -> None:
    daemon = asked()
    out = daemon.dies("main/poller", reason)
    group = daemon.group("main.poller")
    assert (group.mode, group.failures) == ("closed", 0)
    assert started(out) == ["main/poller"]
    assert len(daemon.state.bugs) == 0


@pytest.mark.parametrize("reason", ["link", "fatal", "bug"])
def test_an_odd_reason_is_told(reason: Reason) -> None:
    daemon = asked()
    daemon.dies("main/poller", reason, "it broke")
    (note,) = daemon.notes("stopped")
    assert note.detail == f"{reason}: it broke"
    assert daemon.child("main/poller").last_reason == reason


@pytest.mark.parametrize("reason", ["normal", "shutdown"])
def test_an_ordinary_reason_needs_no_words(reason: Reason) -> None:
    daemon = asked()
    daemon.dies("main/poller", reason)
    (note,) = daemon.notes("stopped")
    assert note.detail is None


def test_a_junior_that_crashes_while_it_is_stopped_for_its_elder_adds_no_failure() -> None:
    daemon = booted("main")
    daemon.dies("main/connection", "link")
    daemon.dies("main/keepalive", "bug")
    assert daemon.group("main.stream").failures == 1
    assert len(daemon.state.bugs) == 0


def test_a_hundred_restarts_that_were_asked_for_trip_nothing() -> None:
    daemon = booted("main")
    for _ in range(100):
        daemon.tell(Restarted("main/poller"))
        daemon.dies("main/poller", "bug")
        daemon.ready("main/poller")
    assert daemon.group("main.poller").mode == "closed"
    assert daemon.child("main/poller").restarts == 100
    assert daemon.standing() == "running"


def test_a_pause_and_its_end_are_no_failure() -> None:
    daemon = booted("main")
    daemon.tell(GroupPaused("main"))
    for child in ("main/keepalive", "main/connection", "main/poller"):
        daemon.dies(child, "bug")
    daemon.tell(GroupResumed("main"))
    assert daemon.group("main.stream").failures == 0
    assert daemon.phase("main/connection") == "starting"


def test_the_same_death_unasked_is_a_failure() -> None:
    daemon = booted("main")
    daemon.dies("main/poller", "bug")
    assert daemon.group("main.poller").failures == 1

"""S17: fatal => HELD: no automatic retry; left by a reset or a changed setting."""

import pytest

from core.supervision_events import Event, GroupAdded, GroupRemoved, Held, ProbeEarly, Reset, Restarted
from tests.supervision.kit import Daemon, booted, poller, started, stopped


def held() -> Daemon:
    daemon = booted("main")
    daemon.dies("main/poller", "fatal", "the key has no read permission")
    return daemon


def test_a_fatal_death_holds_and_says_why() -> None:
    group = held().group("main.poller")
    assert (group.mode, group.held_reason) == ("held", "the key has no read permission")
    assert group.retry_at is None


def test_a_held_child_is_down_and_never_retried() -> None:
    daemon = held()
    assert daemon.phase("main/poller") == "down"
    assert started(daemon.wait(86_400)) == []


@pytest.mark.parametrize("event", [Restarted("main/poller"), Restarted("main"), ProbeEarly("main.poller")])
def test_neither_a_restart_nor_a_success_elsewhere_leaves_held(event: Event) -> None:
    daemon = held()
    daemon.tell(event)
    daemon.wait(60)
    assert daemon.group("main.poller").mode == "held"
    assert daemon.phase("main/poller") == "down"


@pytest.mark.parametrize("target", ["main.poller", "main/poller", "main"])
def test_a_reset_leaves_held_and_starts_at_once(target: str) -> None:
    daemon = held()
    assert started(daemon.tell(Reset(target))) == ["main/poller"]
    group = daemon.group("main.poller")
    assert (group.mode, group.failures, group.held_reason) == ("closed", 0, None)


def test_a_changed_setting_leaves_held() -> None:
    daemon = held()
    daemon.tell(GroupRemoved("main.poller"))
    assert started(daemon.tell(GroupAdded(poller("main")))) == ["main/poller"]
    assert daemon.group("main.poller").mode == "closed"


def test_what_still_runs_of_a_held_unit_is_stopped() -> None:
    daemon = booted("main")
    assert stopped(daemon.dies("main/keepalive", "fatal", "revoked")) == ["main/connection"]
    daemon.stops("main/connection")
    assert started(daemon.wait(600)) == []


def test_a_hold_from_outside_stops_the_group_in_reverse() -> None:
    daemon = booted("main")
    order = stopped(daemon.tell(Held("main.stream", "the poller was refused")))
    order += stopped(daemon.stops("main/keepalive"))
    assert order == ["main/keepalive", "main/connection"]
    assert daemon.group("main.stream").held_reason == "the poller was refused"


def test_an_unasked_death_during_a_hold_does_not_end_it() -> None:
    daemon = booted("main")
    daemon.tell(Held("main.stream", "key"))
    daemon.dies("main/connection", "link")
    daemon.stops("main/keepalive")
    assert daemon.group("main.stream").mode == "held"
    assert started(daemon.wait(600)) == []


def test_a_reset_while_a_held_group_still_stops_brings_it_back() -> None:
    daemon = booted("main")
    daemon.tell(Held("main.stream", "key"))
    daemon.tell(Reset("main"))
    daemon.stops("main/keepalive")
    assert daemon.phase("main/keepalive") == "starting"
    assert daemon.gen("main/connection") == 1


def test_core_cannot_be_held_from_outside() -> None:
    daemon = booted("main")
    assert daemon.tell(Held("core", "no")) == []
    assert daemon.group("core").mode == "closed"


def test_a_window_of_core_that_is_refused_is_held_alone() -> None:
    daemon = booted("main")
    daemon.dies("core/notifier", "fatal", "bad address")
    assert daemon.group("core").mode == "held"
    assert daemon.phase("core/web") == "running"
    assert daemon.standing() == "running"

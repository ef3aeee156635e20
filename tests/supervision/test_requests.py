"""What people and settings may ask while the daemon runs."""

import msgspec
import pytest

from core.supervision_events import (
    Event,
    GroupAdded,
    GroupPaused,
    GroupRemoved,
    GroupResumed,
    GroupRetuned,
    Held,
    Noted,
    ProbeEarly,
    Reset,
    Restarted,
)
from core.tree import ChildSpec, GroupSpec
from tests.supervision.kit import CORE, Daemon, booted, of, poller, started, stopped, stream


def test_a_restart_of_an_account_restarts_both_its_groups_side_by_side() -> None:
    daemon = booted("main", "alt")
    assert stopped(daemon.tell(Restarted("main"))) == ["main/keepalive", "main/poller"]
    assert stopped(daemon.stops("main/keepalive")) == ["main/connection"]
    assert started(daemon.stops("main/poller")) == ["main/poller"]
    assert started(daemon.stops("main/connection")) == ["main/connection"]
    assert daemon.gen("alt/poller") == 1


def test_a_restart_of_what_waits_for_its_backoff_starts_it_at_once() -> None:
    daemon = booted("main")
    daemon.dies("main/poller")
    assert started(daemon.tell(Restarted("main/poller"))) == ["main/poller"]
    assert daemon.group("main.poller").failures == 1


def test_a_restart_of_an_open_breaker_is_its_probe() -> None:
    daemon = Daemon(poller("main")).boot()
    for _ in range(5):
        daemon.dies("main/poller")
        daemon.tell(Restarted("main/poller"))
    assert daemon.group("main.poller").mode == "half_open"


def test_a_restart_of_a_running_elder_does_not_wait_for_the_backoff_of_its_junior() -> None:
    daemon = booted("main")
    daemon.dies("main/keepalive")
    daemon.tell(Restarted("main/connection"))
    assert started(daemon.stops("main/connection")) == ["main/connection"]


def test_a_restart_of_a_starting_child_takes_that_start_back() -> None:
    daemon = booted("main")
    daemon.dies("main/poller")
    daemon.wait(1)
    assert stopped(daemon.tell(Restarted("main/poller"))) == ["main/poller"]


def test_a_reset_forgets_the_failures_and_starts_at_once() -> None:
    daemon = booted("main")
    for _ in range(5):
        daemon.dies("main/poller")
        if daemon.group("main.poller").mode == "closed":
            daemon.restarted("main/poller")
    assert started(daemon.tell(Reset("main"))) == ["main/poller"]
    assert daemon.group("main.poller").failures == 0


def test_a_reset_of_one_child_leaves_the_others_of_its_group_alone() -> None:
    daemon = booted("main")
    daemon.dies("core/web", "fatal", "port")
    daemon.dies("core/notifier", "fatal", "address")
    daemon.tell(Reset("core/web"))
    assert daemon.phase("core/web") == "starting"
    assert daemon.phase("core/notifier") == "down"


def test_a_pause_stops_the_group_in_reverse_and_keeps_it_down() -> None:
    daemon = booted("main")
    order = stopped(daemon.tell(GroupPaused("main.stream")))
    order += stopped(daemon.stops("main/keepalive"))
    daemon.stops("main/connection")
    assert order == ["main/keepalive", "main/connection"]
    daemon.wait(3600)
    assert daemon.phase("main/connection") == "down"
    assert daemon.phase("main/poller") == "running"


def test_a_paused_account_comes_back_when_it_is_resumed() -> None:
    daemon = booted("main")
    daemon.tell(GroupPaused("main"))
    for child in ("main/keepalive", "main/connection", "main/poller"):
        daemon.stops(child)
    assert started(daemon.tell(GroupResumed("main"))) == ["main/connection", "main/poller"]


def test_a_pause_that_is_taken_back_at_once_stops_no_more_than_it_had_to() -> None:
    daemon = booted("main")
    daemon.tell(GroupPaused("main.stream"))
    daemon.tell(GroupResumed("main.stream"))
    assert started(daemon.stops("main/keepalive")) == ["main/keepalive"]
    assert daemon.gen("main/connection") == 1


def test_a_pause_before_core_is_up_lets_nothing_of_the_group_start() -> None:
    daemon = Daemon(CORE, stream("main"), poller("main"))
    daemon.tell(GroupPaused("main.stream"))
    daemon.boot()
    assert daemon.phase("main/poller") == "running"
    assert daemon.phase("main/connection") == "down"
    assert daemon.gen("main/connection") == 0


@pytest.mark.parametrize("event", [GroupPaused("core"), GroupRemoved("core"), Held("core", "no")])
def test_core_cannot_be_paused_removed_or_held(event: Event) -> None:
    daemon = booted("main")
    assert daemon.tell(event) == []
    assert daemon.state.core_ready


def test_a_new_group_starts_when_it_is_added() -> None:
    daemon = booted("main")
    out = daemon.tell(GroupAdded(stream("alt")))
    assert Noted("alt.stream", 0, "group_added") in out
    assert started(out) == ["alt/connection"]


def test_a_group_that_is_added_during_boot_waits_for_core() -> None:
    daemon = Daemon(CORE)
    assert started(daemon.tell(GroupAdded(poller("main")))) == ["core/persistence"]
    assert daemon.phase("main/poller") == "waiting"


def test_a_group_may_be_added_paused() -> None:
    daemon = booted("main")
    assert started(daemon.tell(GroupAdded(poller("alt"), paused=True))) == []
    assert daemon.phase("alt/poller") == "down"
    assert started(daemon.tell(GroupResumed("alt.poller"))) == ["alt/poller"]


def test_a_changed_group_may_come_back_paused() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(poller("main"), paused=True))
    assert started(daemon.stops("main/poller")) == []
    assert daemon.phase("main/poller") == "down"


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (poller("main"), "a group of this id is there"),
        (GroupSpec("new", (ChildSpec("main/poller"),)), "main/poller"),
        (GroupSpec("new", ()), "no children"),
        (stream("alt", trip=0), "trip"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused_and_changes_nothing(spec: GroupSpec, word: str) -> None:
    daemon = booted("main")
    before = list(daemon.state.children)
    (note,) = of(daemon.tell(GroupAdded(spec)), Noted)
    assert note.event == "group_refused"
    assert word in (note.detail or "")
    assert list(daemon.state.children) == before


def test_a_removed_group_is_stopped_in_reverse_and_then_forgotten() -> None:
    daemon = booted("main")
    assert stopped(daemon.tell(GroupRemoved("main.stream"))) == ["main/keepalive"]
    daemon.stops("main/keepalive")
    assert Noted("main.stream", 0, "group_removed") in daemon.stops("main/connection")
    assert "main/connection" not in daemon.state.children
    assert "main.stream" not in daemon.state.groups


def test_a_removed_group_that_hangs_is_abandoned_and_forgotten() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.wait(5)
    assert "main.poller" not in daemon.state.groups
    assert daemon.state.abandoned == 1


def test_a_changed_group_takes_over_when_the_old_one_is_down() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.stream"))
    out = daemon.tell(GroupAdded(stream("main", base=7)))
    out += daemon.stops("main/keepalive")
    assert started(out) == []
    out = daemon.stops("main/connection")
    assert [note.event for note in out if isinstance(note, Noted)][-3:] == [
        "group_removed",
        "group_added",
        "started",
    ]
    assert started(out) == ["main/connection"]
    assert daemon.gen("main/connection") == 2
    assert daemon.state.groups["main.stream"].spec.base == 7


def test_a_changed_group_may_have_other_children() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(GroupSpec("main.poller", (ChildSpec("main/other"),))))
    assert started(daemon.stops("main/poller")) == ["main/other"]
    assert "main/poller" not in daemon.state.children


def test_a_changed_group_may_be_paused_while_the_old_one_still_stops() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(poller("main")))
    daemon.tell(GroupPaused("main.poller"))
    assert started(daemon.stops("main/poller")) == []
    assert daemon.phase("main/poller") == "down"
    assert started(daemon.tell(GroupResumed("main.poller"))) == ["main/poller"]


def test_the_last_change_wins() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(poller("main")))
    daemon.tell(GroupRemoved("main.poller"))
    daemon.stops("main/poller")
    assert "main.poller" not in daemon.state.groups


def test_the_child_of_a_group_to_come_cannot_be_claimed_by_another() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(GroupSpec("main.poller", (ChildSpec("main/new"),))))
    (note,) = of(daemon.tell(GroupAdded(GroupSpec("other", (ChildSpec("main/new"),)))), Noted)
    assert note.event == "group_refused"


# ------------------------------------------------------------------- retuned


def test_a_retuned_group_keeps_its_generations_and_goes_by_the_new_limits_from_the_next_failure_on() -> None:
    daemon = booted("main")
    out = daemon.tell(GroupRetuned(stream("main", base=20, cap=20)))
    assert out == [Noted("main.stream", 0, "retuned")]
    assert daemon.gen("main/connection") == 1
    daemon.dies("main/connection")
    daemon.stops("main/keepalive")
    assert 10 <= daemon.retry_in("main.stream") <= 20


def test_failures_stay_counted_over_a_retuning_and_a_lower_limit_trips_at_the_next_one() -> None:
    daemon = Daemon(poller("main")).boot()
    daemon.dies("main/poller")
    daemon.restarted("main/poller")
    daemon.tell(GroupRetuned(msgspec.structs.replace(poller("main"), trip=2)))
    assert daemon.group("main.poller").failures == 1
    daemon.dies("main/poller")
    assert daemon.group("main.poller").mode == "open"


@pytest.mark.parametrize(
    "trouble", ["waits for its backoff", "is held", "is stopping", "is abandoned", "is paused"]
)
def test_a_group_in_any_trouble_can_be_retuned_and_none_of_it_is_over(trouble: str) -> None:
    daemon = booted("main")
    match trouble:
        case "waits for its backoff":
            daemon.dies("main/poller")
        case "is held":
            daemon.dies("main/poller", "fatal", "bad key")
        case "is stopping":
            daemon.tell(Restarted("main/poller"))
        case "is abandoned":
            daemon.mute.add("main/poller")
            daemon.wait_until(lambda: daemon.phase("main/poller") == "abandoned")
        case "is paused":
            daemon.tell(GroupPaused("main.poller"))
    before = (daemon.child("main/poller"), daemon.group("main.poller"))
    assert daemon.tell(GroupRetuned(msgspec.structs.replace(poller("main"), stable=99))) == [
        Noted("main.poller", 0, "retuned")
    ]
    assert (daemon.child("main/poller"), daemon.group("main.poller")) == before


def test_the_successor_of_a_group_that_goes_can_be_retuned() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.tell(GroupAdded(poller("main")))
    daemon.tell(GroupRetuned(msgspec.structs.replace(poller("main"), base=7)))
    daemon.stops("main/poller")
    assert daemon.state.groups["main.poller"].spec.base == 7


def test_the_same_limits_change_nothing_and_are_not_worth_a_word() -> None:
    assert booted("main").tell(GroupRetuned(stream("main"))) == []


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (poller("nobody"), "no group of this id"),
        (GroupSpec("main.poller", (ChildSpec("main/other"),), strategy="one_for_one"), "other children"),
        (stream("main", trip=0), "trip"),
    ],
)
def test_limits_that_make_no_sense_are_refused(spec: GroupSpec, word: str) -> None:
    daemon = booted("main")
    (note,) = of(daemon.tell(GroupRetuned(spec)), Noted)
    assert note.event == "group_refused"
    assert word in (note.detail or "")


def test_a_group_that_goes_for_good_is_not_retuned() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    (note,) = of(daemon.tell(GroupRetuned(poller("main"))), Noted)
    assert note.event == "group_refused"


# -------------------------------------------------- removed in whatever state it is


@pytest.mark.parametrize("state", ["waiting", "down", "held", "abandoned", "starting"])
def test_a_group_can_be_removed_and_come_back_in_any_state_of_its_child(state: str) -> None:
    """Nothing of the old one is left behind but the number of its last generation, and its ghost."""
    daemon = Daemon(CORE, poller("main")).boot()
    match state:
        case "waiting":
            daemon.dies("main/poller")
        case "down":
            daemon.tell(GroupPaused("main.poller"))
            daemon.stops("main/poller")
        case "held":
            daemon.dies("main/poller", "fatal", "bad key")
        case "abandoned":
            daemon.mute.add("main/poller")
            daemon.wait_until(lambda: daemon.phase("main/poller") == "abandoned")
        case "starting":
            daemon.dies("main/poller")
            daemon.wait_until(lambda: daemon.phase("main/poller") == "starting")
    before = daemon.gen("main/poller")
    daemon.tell(GroupRemoved("main.poller"))
    out = daemon.tell(GroupAdded(poller("main")))
    if state == "starting":
        out += daemon.stops("main/poller")
    assert started(out) == ["main/poller"]
    assert daemon.gen("main/poller") == before + 1
    assert (daemon.group("main.poller").mode, daemon.group("main.poller").failures) == ("closed", 0)
    assert daemon.state.abandoned == (state == "abandoned")


@pytest.mark.parametrize(
    "event",
    [
        Restarted("nobody"),
        Reset("nobody"),
        GroupPaused("nobody"),
        GroupResumed("main"),
        GroupRemoved("nobody"),
        Held("nobody", "x"),
        ProbeEarly("nobody"),
    ],
    ids=repr,
)
def test_a_target_that_names_nothing_changes_nothing(event: Event) -> None:
    daemon = booted("main")
    assert daemon.tell(event) == []

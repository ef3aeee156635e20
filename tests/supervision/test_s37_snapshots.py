"""S37: status is an immutable snapshot of every child and every group."""

import msgspec
import pytest

from core.messages import Pong
from core.supervision import children, groups, known
from core.supervision_events import GroupAdded, GroupPaused, Held, Tick
from tests.supervision.kit import Daemon, booted, poller, tree


def test_every_child_and_group_is_shown_in_the_order_of_the_tree() -> None:
    daemon = booted("main")
    assert [group.id for group in groups(daemon.state)] == ["core", "main.stream", "main.poller", "trading"]
    assert [child.id for child in children(daemon.state)] == list(daemon.state.children)
    assert daemon.child("main/keepalive").group == "main.stream"


def test_a_snapshot_does_not_change_when_the_daemon_does() -> None:
    daemon = booted("main")
    before = children(daemon.state), groups(daemon.state)
    copy = msgspec.json.encode(before)
    daemon.dies("main/poller", "bug")
    assert msgspec.json.encode(before) == copy
    with pytest.raises(AttributeError):
        setattr(before[0][0], "phase", "down")  # noqa: B010


def test_a_child_is_shown_with_its_life() -> None:
    daemon = booted("main")
    daemon.wait(6)
    daemon.dies("main/poller", "link", "reset by peer")
    daemon.restarted("main/poller")
    child = daemon.child("main/poller")
    assert (child.phase, child.generation, child.restarts) == ("running", 2, 1)
    assert (child.last_reason, child.last_detail) == ("link", "reset by peer")
    assert child.started_at == daemon.now
    assert child.last_pong_at is None
    daemon.wait(5)
    assert daemon.child("main/poller").last_pong_at == pytest.approx(daemon.now)


def test_instants_can_be_shifted_to_another_clock() -> None:
    daemon = booted("main")
    daemon.tell(Pong("main/poller", 1, 0))
    child = next(child for child in children(daemon.state, shift=500.0) if child.id == "main/poller")
    assert (child.started_at, child.last_pong_at) == (1500.0, 1500.0)
    assert all(child.started_at is None for child in children(Daemon(*tree()).state, shift=500.0))


def test_the_phases_of_a_life() -> None:
    daemon = Daemon(*tree("main"))
    phases = [daemon.phase("core/persistence")]
    daemon.tell(Tick())
    phases.append(daemon.phase("core/persistence"))
    daemon.ready("core/persistence")
    phases.append(daemon.phase("core/persistence"))
    for name in ("control", "web", "notifier"):
        daemon.ready(f"core/{name}")
    daemon.dies("core/persistence")
    phases.append(daemon.phase("core/persistence"))
    assert phases == ["down", "starting", "running", "waiting"]


def test_waiting_is_wanted_and_down_is_not() -> None:
    daemon = Daemon(*tree("main"))
    daemon.tell(Tick())
    assert daemon.phase("main/poller") == "waiting"
    daemon.tell(GroupPaused("main.poller"))
    assert daemon.phase("main/poller") == "down"


def test_a_group_shows_when_it_will_be_tried_again_and_only_then() -> None:
    daemon = booted("main")
    assert daemon.group("main.poller").retry_at is None
    daemon.dies("main/poller")
    assert daemon.retry_in("main.poller") > 0
    daemon.restarted("main/poller")
    assert daemon.group("main.poller").retry_at is None
    assert daemon.group("main.poller").failures == 1


def test_what_only_waits_for_core_has_no_time_of_its_own() -> None:
    daemon = Daemon(*tree("main"))
    daemon.tell(Tick())
    assert daemon.phase("main/poller") == "waiting"
    assert daemon.group("main.poller").retry_at is None


def test_what_is_held_will_not_be_tried_at_any_time() -> None:
    daemon = booted("main")
    daemon.mute.add("main/poller")
    daemon.wait_until(lambda: daemon.phase("main/poller") == "abandoned")
    daemon.tell(Held("main.poller", "key"))
    assert daemon.phase("main/poller") == "abandoned"
    assert daemon.group("main.poller").retry_at is None


def test_core_is_ready_while_all_of_it_runs() -> None:
    daemon = booted("main")
    assert daemon.state.core_ready
    daemon.dies("main/poller")
    assert daemon.state.core_ready
    daemon.dies("core/notifier")
    assert not daemon.state.core_ready


def test_the_daemon_is_starting_then_running_then_stopping() -> None:
    daemon = Daemon(*tree("main"))
    assert daemon.standing() == "starting"
    daemon.boot()
    assert daemon.standing() == "running"
    daemon.stop()
    assert daemon.standing() == "stopping"


@pytest.mark.parametrize("target", ["main", "main.stream", "main/poller", "core", "core/web", "trading"])
def test_what_a_person_may_name_is_known(target: str) -> None:
    assert known(booted("main").state, target)


@pytest.mark.parametrize(
    "target", ["", "nobody", "mai", "main.", "main/", "stream", "main.stream/connection"]
)
def test_what_names_nothing_is_not_known(target: str) -> None:
    assert not known(booted("main").state, target)


def test_a_group_that_came_later_is_shown_as_well() -> None:
    daemon = booted("main")
    daemon.tell(GroupAdded(poller("alt")))
    assert daemon.phase("alt/poller") == "starting"
    assert known(daemon.state, "alt")

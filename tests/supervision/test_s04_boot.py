"""S4: at boot a failing core child ends the daemon; a failing exchange only backs off."""

import msgspec
import pytest

from core.messages import Reason
from core.supervision_events import Tick
from tests.supervision.kit import Daemon, booted, started, stopped, tree


def booting(upto: str) -> Daemon:
    """Everything of core before `upto` is up; `upto` itself is starting."""
    daemon = Daemon(*tree("main"))
    daemon.tell(Tick())
    for name in ("core/persistence", "core/control", "core/web", "core/notifier"):
        if name == upto:
            break
        daemon.ready(name)
    return daemon


@pytest.mark.parametrize("reason", ["link", "bug", "fatal", "normal"])
def test_whatever_ends_a_core_child_at_boot_ends_the_daemon(reason: Reason) -> None:
    daemon = booting("core/persistence")
    daemon.dies("core/persistence", reason, "no database")
    assert daemon.exit is not None
    assert daemon.exit.code == 70
    assert "core/persistence" in daemon.exit.why
    assert "no database" in daemon.exit.why


def test_the_elders_are_stopped_in_reverse_before_the_daemon_exits() -> None:
    daemon = booting("core/web")
    assert stopped(daemon.dies("core/web", "link")) == ["core/control"]
    assert stopped(daemon.stops("core/control")) == ["core/persistence"]
    assert daemon.exit is None
    daemon.stops("core/persistence")
    assert daemon.exit is not None
    assert daemon.exit.code == 70


def test_a_core_child_that_never_gets_ready_ends_the_daemon() -> None:
    daemon = booting("core/web")
    daemon.wait(20)
    assert daemon.standing() == "stopping"
    assert daemon.phase("core/web") == "stopping"
    daemon.wait(5)
    assert daemon.exit is not None
    assert daemon.exit.code == 70


def test_an_elder_that_dies_while_a_junior_still_boots_ends_the_daemon() -> None:
    daemon = booting("core/notifier")
    daemon.dies("core/control", "bug")
    assert daemon.standing() == "stopping"


def test_nothing_of_an_account_was_started() -> None:
    daemon = booting("core/notifier")
    daemon.dies("core/notifier", "bug")
    daemon.wait(5)
    assert all(child.startswith("core/") for child in started(daemon.log))


def test_an_exchange_that_fails_at_boot_only_backs_off() -> None:
    daemon = booting("")
    for name in ("main/connection", "main/poller"):
        daemon.dies(name, "link")
    assert daemon.standing() == "running"
    assert daemon.group("main.stream").failures == 1
    assert sorted(started(daemon.wait(1))) == ["main/connection", "main/poller"]


@pytest.mark.parametrize("child", ["core/persistence", "core/web"])
def test_once_core_was_up_its_children_may_fail(child: str) -> None:
    daemon = booted("main")
    daemon.dies(child, "link")
    assert daemon.standing() == "running"
    assert not daemon.state.core_ready
    daemon.restarted(child)
    assert daemon.state.core_ready


def with_a_window() -> Daemon:
    """As `booting` up to web, which the daemon does not need in order to start."""
    core, *others = tree("main")
    children = tuple(
        msgspec.structs.replace(child, optional=child.id == "core/web") for child in core.children
    )
    daemon = Daemon(msgspec.structs.replace(core, children=children), *others)
    daemon.tell(Tick())
    daemon.ready("core/persistence")
    daemon.ready("core/control")
    return daemon


@pytest.mark.parametrize("reason", ["link", "bug", "fatal"])
def test_a_window_that_fails_at_boot_keeps_nobody_from_starting(reason: Reason) -> None:
    """A port that another program has is no reason not to watch."""
    daemon = with_a_window()
    assert started(daemon.dies("core/web", reason, "the port is in use")) == ["core/notifier"]
    assert "main/connection" in started(daemon.ready("core/notifier"))
    assert daemon.standing() == "running"
    assert daemon.child("core/web").last_detail == "the port is in use"
    assert not daemon.state.core_ready


def test_a_window_that_never_gets_ready_is_given_up_and_waited_for_no_longer() -> None:
    daemon = with_a_window()
    assert "core/notifier" in started(daemon.wait(21))
    assert daemon.standing() != "stopping"


def test_a_window_that_failed_at_boot_comes_back_like_any_other() -> None:
    daemon = with_a_window()
    daemon.dies("core/web", "link")
    daemon.ready("core/notifier")
    daemon.restarted("core/web")
    assert daemon.state.core_ready

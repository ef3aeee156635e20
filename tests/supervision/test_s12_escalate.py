"""S12: to escalate is an ordered shutdown, then exit code 70."""

from core.supervision_events import Exit, StopAsked
from tests.supervision.kit import Daemon, booted, of, stopped


def finish(daemon: Daemon) -> list[str]:
    """Every child stops as soon as it is asked; the order in which they were asked."""
    order: list[str] = []
    waiting = [child.id for child in daemon.state.children.values() if child.phase == "stopping"]
    while waiting:
        order += waiting
        waiting = [name for child in waiting for name in stopped(daemon.stops(child))]
    return order


def test_an_escalation_stops_everything_in_order_and_exits_with_70() -> None:
    daemon = booted("main")
    daemon.tell(StopAsked("11 bugs", escalated=True))
    order = finish(daemon)
    assert order[0] == "trading/trader"
    assert order[-1] == "core/persistence"
    assert daemon.exit == Exit(70, "11 bugs")


def test_an_ordinary_stop_exits_with_0() -> None:
    daemon = booted("main")
    daemon.stop("SIGTERM")
    finish(daemon)
    assert daemon.exit == Exit(0, "SIGTERM")


def test_the_first_cause_of_a_stop_is_the_one_that_counts() -> None:
    daemon = booted("main")
    daemon.stop("SIGTERM")
    assert daemon.tell(StopAsked("too late", escalated=True)) == []
    finish(daemon)
    assert daemon.exit == Exit(0, "SIGTERM")


def test_the_exit_is_told_once_and_last() -> None:
    daemon = booted("main")
    daemon.stop()
    finish(daemon)
    daemon.tell(StopAsked("again"))
    daemon.wait(60)
    assert of(daemon.log, Exit) == [daemon.log[-1]]
    assert daemon.deadline is None

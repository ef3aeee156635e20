"""S3: no Ready in time => asked to stop, abandoned if it does not; a failure either way."""

from core.messages import Ready
from core.supervision_events import Restarted, Tick
from tests.supervision.kit import Daemon, abandoned, booted, started, stopped, stream


def starting() -> Daemon:
    daemon = Daemon(stream("main"))
    daemon.tell(Tick())
    return daemon


def test_a_child_that_is_not_ready_in_time_is_asked_to_stop() -> None:
    daemon = starting()
    assert stopped(daemon.wait(19.9)) == []
    assert stopped(daemon.wait(0.1)) == ["main/connection"]
    assert daemon.phase("main/connection") == "stopping"
    assert daemon.child("main/connection").last_reason == "start_timeout"


def test_a_ready_at_the_last_moment_counts() -> None:
    daemon = starting()
    daemon.wait(19.9)
    daemon.now += 0.1
    daemon.ready("main/connection")
    assert daemon.phase("main/connection") == "running"
    assert daemon.group("main.stream").failures == 0


def test_a_ready_that_comes_after_the_order_to_stop_changes_nothing() -> None:
    daemon = starting()
    daemon.wait(20)
    assert daemon.tell(Ready("main/connection", 1)) == []
    assert daemon.phase("main/connection") == "stopping"
    assert daemon.state.stale == 0


def test_a_start_that_took_too_long_is_one_failure_when_it_stops() -> None:
    daemon = starting()
    daemon.wait(20)
    daemon.stops("main/connection")
    assert daemon.group("main.stream").failures == 1
    assert daemon.child("main/connection").last_reason == "start_timeout"
    assert started(daemon.wait(1)) == ["main/connection"]


def test_a_start_that_took_too_long_is_one_failure_when_it_is_abandoned() -> None:
    daemon = starting()
    daemon.wait(20)
    assert abandoned(daemon.wait(4.9)) == []
    assert abandoned(daemon.wait(0.1)) == ["main/connection"]
    assert daemon.group("main.stream").failures == 1
    assert daemon.child("main/connection").last_reason == "start_timeout"
    assert daemon.gen("main/connection") == 2


def test_the_backoff_runs_from_the_timeout_and_not_from_the_end() -> None:
    daemon = starting()
    daemon.wait(20)
    daemon.wait(2)
    assert started(daemon.stops("main/connection")) == ["main/connection"]


def test_a_child_is_not_pinged_before_it_is_ready() -> None:
    daemon = starting()
    daemon.mute.add("main/connection")
    out = daemon.wait(19.9)
    assert out == []


def test_each_start_has_the_whole_time() -> None:
    daemon = booted("main")
    daemon.wait(100)
    daemon.tell(Restarted("main/keepalive"))
    daemon.stops("main/keepalive")
    assert stopped(daemon.wait(19.9)) == []
    assert stopped(daemon.wait(0.2)) == ["main/keepalive"]

"""S15: n returns to 0 only after all children of the unit have been running for `stable`."""

from core.supervision_events import Held, Restarted
from tests.supervision.kit import Daemon, booted, stream


def failures(daemon: Daemon) -> int:
    return daemon.group("main.stream").failures


def test_to_connect_is_not_success() -> None:
    daemon = Daemon(stream("main")).boot()
    for n in (1, 2, 3):
        daemon.dies("main/keepalive")
        assert failures(daemon) == n
        daemon.restarted("main/keepalive")
        daemon.wait(29.9)


def test_the_failures_are_forgotten_after_stable_and_not_a_moment_before() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive")
    daemon.restarted("main/keepalive")
    daemon.wait(29.9)
    assert failures(daemon) == 1
    daemon.wait(0.1)
    assert failures(daemon) == 0
    assert [note.child for note in daemon.notes("recovered")] == ["main.stream"]


def test_the_time_counts_from_the_last_child_that_became_ready() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/connection")
    daemon.stops("main/keepalive")
    daemon.restarted("main/connection")
    daemon.wait(15)
    daemon.ready("main/keepalive")
    daemon.wait(29.9)
    assert failures(daemon) == 1
    daemon.wait(0.1)
    assert failures(daemon) == 0


def test_an_elder_that_runs_alone_forgets_nothing() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive", retry_after=900.0)
    daemon.wait(600)
    assert daemon.phase("main/connection") == "running"
    assert failures(daemon) == 1


def test_a_death_just_before_stable_starts_the_time_again() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive")
    daemon.restarted("main/keepalive")
    daemon.wait(29)
    daemon.dies("main/keepalive")
    daemon.restarted("main/keepalive")
    daemon.wait(29)
    assert failures(daemon) == 2


def test_a_child_that_is_stopping_does_not_run() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive")
    daemon.restarted("main/keepalive")
    daemon.wait(29)
    daemon.tell(Restarted("main/keepalive"))
    daemon.wait(4)
    assert failures(daemon) == 1


def test_a_hold_that_comes_with_the_end_of_stable_is_a_hold() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive")
    daemon.restarted("main/keepalive")
    daemon.now += 31
    daemon.tell(Held("main.stream", "key"))
    assert daemon.group("main.stream").mode == "held"


def test_in_one_for_one_the_others_need_not_run() -> None:
    daemon = booted("main")
    for _ in range(5):
        daemon.dies("core/web")
        if daemon.group("core").mode == "closed":
            daemon.restarted("core/web")
    daemon.dies("core/notifier")
    daemon.restarted("core/notifier")
    daemon.wait(30)
    assert [note.child for note in daemon.notes("recovered")] == ["core/notifier"]


def test_after_forgetting_the_first_wait_is_short_again() -> None:
    daemon = Daemon(stream("main", trip=100)).boot()
    for _ in range(5):
        daemon.dies("main/keepalive")
        daemon.restarted("main/keepalive")
    daemon.wait(30)
    daemon.dies("main/keepalive")
    assert daemon.retry_in("main.stream") <= 1

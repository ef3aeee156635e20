"""S11: 10 bugs in the last 60 s are borne by the daemon, the 11th escalates; links never count."""

import pytest

from core.messages import Reason
from core.supervision_events import Restarted
from tests.supervision.kit import Daemon, booted

ACCOUNTS = [f"a{n}" for n in range(12)]


def crashes(
    daemon: Daemon, count: int, *, every: float = 0.0, first: int = 0, reason: Reason = "bug"
) -> None:
    """Each of the accounts' pollers dies once, so that no breaker delays the next."""
    for number in range(first, first + count):
        daemon.dies(f"a{number}/poller", reason)
        daemon.wait(every)


def test_ten_bugs_in_the_window_are_borne() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 10)
    assert daemon.standing() == "running"


def test_the_eleventh_bug_in_the_window_escalates() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 11)
    assert daemon.standing() == "stopping"
    assert daemon.notes("escalated")[0].detail == "11 bugs within 60 s"


def test_a_bug_exactly_at_the_edge_of_the_window_counts() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 1)
    daemon.wait(60)
    crashes(daemon, 9, first=1)
    assert daemon.standing() == "running"
    crashes(daemon, 1, first=10)
    assert daemon.standing() == "stopping"


def test_a_bug_past_the_window_is_forgotten() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 1)
    daemon.wait(60.5)
    crashes(daemon, 10, first=1)
    assert daemon.standing() == "running"


def test_ten_in_each_minute_are_borne_for_ever() -> None:
    daemon = booted(*ACCOUNTS)
    for _ in range(10):
        crashes(daemon, 10)
        daemon.wait(1)
        for number in range(10):
            daemon.ready(f"a{number}/poller")
        daemon.wait(59.5)
    assert daemon.standing() == "running"


@pytest.mark.parametrize("reason", ["link", "normal", "shutdown", "fatal"])
def test_no_number_of_other_deaths_escalates(reason: Reason) -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 12, reason=reason)
    for account in ACCOUNTS:
        daemon.dies(f"{account}/connection", reason)
    assert daemon.standing() == "running"


def test_hangs_and_slow_starts_do_not_count_as_bugs() -> None:
    daemon = booted(*ACCOUNTS[:6])
    daemon.mute |= {f"a{number}/poller" for number in range(6)}
    daemon.wait(30)
    assert len(daemon.notes("hung")) == 6
    assert len(daemon.state.bugs) == 0


def test_a_failed_start_counts() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 10)
    daemon.wait_until(lambda: daemon.phase("a0/poller") == "starting", limit=1)
    daemon.dies("a0/poller", "bug", "the factory raised")
    assert daemon.standing() == "stopping"


def test_a_bug_of_a_child_that_was_asked_to_stop_does_not_count() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 10)
    daemon.tell(Restarted("a11/poller"))
    daemon.dies("a11/poller", "bug")
    assert daemon.standing() == "running"


def test_bugs_of_streams_pollers_trading_and_persistence_add_up() -> None:
    daemon = booted(*ACCOUNTS)
    crashes(daemon, 4)
    for account in ACCOUNTS[:4]:
        daemon.dies(f"{account}/connection", "bug")
    daemon.dies("trading/trader", "bug")
    daemon.dies("core/persistence", "bug")
    assert daemon.standing() == "running"
    daemon.dies("trading/prices", "bug")
    assert daemon.standing() == "stopping"


def test_the_windows_of_the_ledger_stay_open_without_escalating() -> None:
    """Web, notifier and control crash on and on together: the ledger goes on without them."""
    daemon = booted("main")
    windows = ["core/control", "core/web", "core/notifier"]
    crashed = 0
    while crashed < 60:
        for child in windows:
            if daemon.phase(child) in ("running", "starting"):
                daemon.dies(child, "bug")
                crashed += 1
        assert daemon.deadline is not None
        daemon.wait(daemon.deadline - daemon.now)
    assert daemon.standing() == "running"
    assert daemon.group("core").mode == "open"
    assert daemon.phase("core/persistence") == "running"
    assert daemon.gen("core/persistence") == 1


def test_persistence_never_opens_its_breaker() -> None:
    daemon = booted("main")
    waits = []
    for _ in range(50):
        daemon.dies("core/persistence", "link")
        waits.append(daemon.retry_in("core"))
        assert daemon.group("core").mode == "closed"
        daemon.wait_until(lambda: daemon.phase("core/persistence") == "starting", limit=30)
    assert max(waits) <= 30
    assert min(waits[6:]) >= 15


def test_persistence_is_never_held_either() -> None:
    daemon = booted("main")
    daemon.dies("core/persistence", "fatal", "password changed")
    assert daemon.group("core").mode == "closed"
    daemon.restarted("core/persistence")


def test_bugs_during_the_shutdown_change_nothing() -> None:
    daemon = booted(*ACCOUNTS)
    daemon.stop()
    for account in ACCOUNTS:
        daemon.dies(f"{account}/poller", "bug")
    daemon.wait(5)
    assert daemon.exit is not None
    assert daemon.exit.code == 0

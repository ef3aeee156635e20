"""S19: in OPEN, a success of the poller brings the probe forward to now + U(0, 2 s), once."""

import pytest

from core.supervision_events import ProbeEarly
from tests.supervision.kit import Daemon, poller, started

CHILD = "main/poller"
GROUP = "main.poller"


def tripped(seed: int = 1) -> Daemon:
    daemon = Daemon(poller("main"), seed=seed).boot()
    for _ in range(5):
        daemon.dies(CHILD)
        if daemon.group(GROUP).mode == "closed":
            daemon.restarted(CHILD)
    return daemon


@pytest.mark.parametrize("seed", range(10))
def test_the_probe_comes_within_two_seconds(seed: int) -> None:
    daemon = tripped(seed)
    daemon.tell(ProbeEarly(GROUP))
    assert 0 <= daemon.retry_in(GROUP) <= 2
    assert started(daemon.wait(2)) == [CHILD]
    assert daemon.group(GROUP).mode == "half_open"


def test_once_per_opening() -> None:
    daemon = tripped()
    daemon.tell(ProbeEarly(GROUP))
    due = daemon.group(GROUP).retry_at
    for _ in range(5):
        daemon.tell(ProbeEarly(GROUP))
    assert daemon.group(GROUP).retry_at == due
    assert len(daemon.notes("hurried")) == 1


def test_the_next_opening_may_be_hurried_again() -> None:
    daemon = tripped()
    daemon.tell(ProbeEarly(GROUP))
    daemon.wait(2)
    daemon.dies(CHILD)
    assert daemon.retry_in(GROUP) >= 30
    daemon.tell(ProbeEarly(GROUP))
    assert daemon.retry_in(GROUP) <= 2


def test_a_probe_that_is_due_sooner_anyway_is_not_put_off() -> None:
    daemon = tripped()
    daemon.wait(daemon.retry_in(GROUP) - 0.001)
    due = daemon.group(GROUP).retry_at
    daemon.tell(ProbeEarly(GROUP))
    assert daemon.group(GROUP).retry_at == due


def test_a_closed_breaker_is_not_hurried() -> None:
    daemon = Daemon(poller("main")).boot()
    daemon.dies(CHILD)
    due = daemon.group(GROUP).retry_at
    assert daemon.tell(ProbeEarly(GROUP)) == []
    assert daemon.group(GROUP).retry_at == due


def test_a_running_probe_is_not_hurried() -> None:
    daemon = tripped()
    daemon.wait(30)
    assert daemon.group(GROUP).mode == "half_open"
    assert daemon.tell(ProbeEarly(GROUP)) == []

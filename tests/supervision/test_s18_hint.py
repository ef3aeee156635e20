"""S18: a server's hint only ever lengthens the wait."""

import pytest

from core.supervision_events import Event, ProbeEarly, Reset, Restarted
from tests.supervision.kit import Daemon, poller, started, stream

CHILD = "main/poller"
GROUP = "main.poller"


def hinted(seconds: float) -> Daemon:
    daemon = Daemon(poller("main")).boot()
    daemon.dies(CHILD, "link", "429", retry_after=seconds)
    return daemon


def test_a_longer_hint_is_waited_for() -> None:
    daemon = hinted(120)
    assert daemon.retry_in(GROUP) == 120
    assert started(daemon.wait(119.9)) == []
    assert started(daemon.wait(0.2)) == [CHILD]


def test_a_shorter_hint_shortens_nothing() -> None:
    assert 0.5 <= hinted(0.01).retry_in(GROUP) <= 1


def test_a_hint_of_zero_is_none() -> None:
    assert hinted(0).retry_in(GROUP) >= 0.5


def test_a_hint_outlasts_the_opening_of_a_breaker() -> None:
    daemon = Daemon(poller("main")).boot()
    for _ in range(4):
        daemon.dies(CHILD)
        daemon.restarted(CHILD)
    daemon.dies(CHILD, retry_after=300)
    assert daemon.group(GROUP).mode == "open"
    assert daemon.retry_in(GROUP) == pytest.approx(300)


@pytest.mark.parametrize("event", [Restarted(CHILD), Restarted("main"), Reset("main"), ProbeEarly(GROUP)])
def test_no_impatience_goes_below_a_hint(event: Event) -> None:
    daemon = hinted(120)
    daemon.tell(event)
    assert started(daemon.wait(119.9)) == []
    assert started(daemon.wait(0.2)) == [CHILD]


def test_a_second_shorter_hint_does_not_replace_the_first() -> None:
    daemon = Daemon(stream("main")).boot()
    daemon.dies("main/keepalive", retry_after=120)
    daemon.dies("main/connection", retry_after=5)
    assert daemon.retry_in("main.stream") == 120


def test_a_child_that_was_asked_to_stop_may_still_pass_a_hint_on() -> None:
    daemon = Daemon(poller("main")).boot()
    daemon.tell(Restarted(CHILD))
    daemon.dies(CHILD, "link", "429", retry_after=60)
    assert daemon.group(GROUP).failures == 0
    assert daemon.retry_in(GROUP) == 60

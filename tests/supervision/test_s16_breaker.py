"""S16: CLOSED -(n = trip)-> OPEN -> HALF_OPEN with one start -> CLOSED or OPEN for longer."""

from core.supervision_events import GroupPaused, GroupResumed
from tests.supervision.kit import Daemon, abandoned, booted, poller, started, stopped, stream

GROUP = "main.poller"
CHILD = "main/poller"


def mode(daemon: Daemon) -> str:
    return daemon.group(GROUP).mode


def tripped() -> Daemon:
    daemon = Daemon(poller("main")).boot()
    for n in range(1, 6):
        daemon.dies(CHILD)
        assert mode(daemon) == ("open" if n == 5 else "closed")
        if n < 5:
            daemon.restarted(CHILD)
    return daemon


def probing() -> Daemon:
    daemon = tripped()
    daemon.wait_until(lambda: daemon.phase(CHILD) == "starting")
    return daemon


def test_failure_number_trip_opens_the_breaker() -> None:
    daemon = tripped()
    assert [note.child for note in daemon.notes("tripped")] == [CHILD]


def test_an_open_breaker_starts_nothing_for_its_first_wait() -> None:
    daemon = tripped()
    wait = daemon.retry_in(GROUP)
    assert 15 <= wait <= 30
    assert started(daemon.wait(wait - 0.001)) == []


def test_the_probe_is_one_start() -> None:
    daemon = probing()
    assert mode(daemon) == "half_open"
    assert len(daemon.notes("probed")) == 1
    assert started(daemon.wait(19)) == []


def test_a_probe_that_fails_opens_for_twice_as_long_and_then_no_longer() -> None:
    daemon = tripped()
    bounds = []
    for _ in range(4):
        bounds.append(daemon.retry_in(GROUP))
        daemon.wait_until(lambda: daemon.phase(CHILD) == "starting")
        daemon.dies(CHILD)
        assert mode(daemon) == "open"
    assert 15 <= bounds[0] <= 30
    for wait in bounds[1:]:
        assert 30 <= wait <= 60


def test_a_probe_that_connects_and_dies_before_stable_has_failed() -> None:
    daemon = probing()
    daemon.ready(CHILD)
    daemon.wait(29.9)
    daemon.dies(CHILD)
    assert mode(daemon) == "open"


def test_a_probe_that_runs_for_stable_closes_and_begins_from_nothing() -> None:
    daemon = probing()
    daemon.ready(CHILD)
    daemon.wait(30)
    assert mode(daemon) == "closed"
    assert daemon.group(GROUP).failures == 0
    for _ in range(4):
        daemon.dies(CHILD)
        daemon.restarted(CHILD)
    daemon.dies(CHILD)
    assert 15 <= daemon.retry_in(GROUP) <= 30


def test_a_probe_that_never_gets_ready_has_failed() -> None:
    daemon = probing()
    assert stopped(daemon.wait(20)) == [CHILD]
    assert mode(daemon) == "open"


def test_a_probe_that_hangs_has_failed() -> None:
    daemon = probing()
    daemon.ready(CHILD)
    daemon.mute.add(CHILD)
    assert abandoned(daemon.wait(21)) == [CHILD]
    assert mode(daemon) == "open"


def test_a_group_is_probed_from_its_elder_on() -> None:
    daemon = booted("main")
    for _ in range(5):
        daemon.dies("main/connection")
        if daemon.phase("main/keepalive") == "stopping":
            daemon.stops("main/keepalive")
        if daemon.group("main.stream").mode == "closed":
            daemon.wait_until(lambda: daemon.phase("main/connection") == "starting")
    daemon.wait_until(lambda: daemon.phase("main/connection") == "starting")
    assert daemon.group("main.stream").mode == "half_open"
    assert started(daemon.ready("main/connection")) == ["main/keepalive"]
    daemon.ready("main/keepalive")
    daemon.wait(30)
    assert daemon.group("main.stream").mode == "closed"


def test_another_death_of_an_open_unit_only_counts() -> None:
    daemon = Daemon(stream("main", trip=1)).boot()
    daemon.dies("main/keepalive")
    due = daemon.group("main.stream").retry_at
    daemon.dies("main/connection")
    assert daemon.group("main.stream").retry_at == due
    assert daemon.group("main.stream").failures == 2


def test_other_groups_know_nothing_of_an_open_breaker() -> None:
    daemon = booted("main", "alt")
    for _ in range(5):
        daemon.dies("main/poller")
        if daemon.group("main.poller").mode == "closed":
            daemon.restarted("main/poller")
    assert [daemon.group(name).mode for name in ("main.stream", "alt.poller", "core")] == ["closed"] * 3


def test_a_pause_neither_closes_an_open_breaker_nor_lets_it_wait_longer() -> None:
    daemon = tripped()
    due = daemon.group(GROUP).retry_at
    daemon.tell(GroupPaused(GROUP))
    daemon.wait(5)
    daemon.tell(GroupResumed(GROUP))
    assert (mode(daemon), daemon.group(GROUP).retry_at) == ("open", due)

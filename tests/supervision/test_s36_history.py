"""S36: every transition is one past-tense event, from which the history can be rebuilt."""

from collections.abc import Callable

import pytest

from core.breaker import TABLE
from core.supervision_events import Command, Held, Noted, Reset, Restarted
from core.supervision_state import PHASES
from tests.supervision.kit import Daemon, booted, of, rebuilt, visible


def eventful() -> Daemon:
    daemon = booted("main", "alt")
    daemon.mute.add("core/web")
    daemon.wait(18)
    daemon.dies("main/connection")
    daemon.dies("alt/poller", "fatal", "key")
    daemon.wait(4)
    daemon.stops("main/keepalive")
    daemon.tell(Restarted("alt"))
    daemon.tell(Reset("alt"))
    daemon.wait(3)
    return daemon


def test_the_phases_can_be_rebuilt_from_the_notes() -> None:
    daemon = eventful()
    assert rebuilt(daemon.log) == visible(daemon.state)
    daemon.stop()
    daemon.wait(10)
    assert rebuilt(daemon.log) == visible(daemon.state)


def test_the_mode_of_a_breaker_can_be_rebuilt_from_the_notes() -> None:
    daemon = booted("main")
    for _ in range(6):
        daemon.dies("main/poller")
        daemon.restarted("main/poller")
    daemon.wait(30)
    daemon.tell(Held("main.poller", "key"))
    daemon.tell(Reset("main.poller"))
    told = [note.event for note in of(daemon.log, Noted) if note.child == "main/poller" and note.gen == 0]
    assert told == [
        *["backed_off"] * 4,
        "tripped",
        "probed",
        "tripped",
        "probed",
        "recovered",
        "held",
        "reset",
    ]


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (
            lambda daemon: daemon.dies("main/poller", "link", "reset by peer"),
            Noted("main/poller", 1, "died", "link: reset by peer"),
        ),
        (lambda daemon: daemon.dies("main/poller", "link"), Noted("main/poller", 1, "died", "link")),
        (lambda daemon: daemon.tell(Held("main.poller", "key")), Noted("main/poller", 0, "held", "key")),
        (lambda daemon: daemon.tell(Restarted("main/poller")), Noted("main/poller", 1, "restart_asked")),
        (lambda daemon: daemon.stop("SIGTERM"), Noted("daemon", 0, "stop_began", "SIGTERM")),
    ],
    ids=["died", "died without a word", "held", "restart", "stop"],
)
def test_what_happened_is_told_with_its_cause(act: Callable[[Daemon], list[Command]], told: Noted) -> None:
    daemon = booted("main")
    assert told in act(daemon)


def test_every_start_and_end_carries_its_generation() -> None:
    daemon = eventful()
    starts = [(note.child, note.gen) for note in daemon.notes("started")]
    assert len(set(starts)) == len(starts)
    assert all(note.gen > 0 for note in daemon.notes("died") + daemon.notes("stopped") + daemon.notes("hung"))


def test_quiet_time_writes_nothing() -> None:
    daemon = booted("main")
    assert of(daemon.wait(3600), Noted) == []


def test_every_phase_and_mode_can_be_reached_and_left() -> None:
    for table in (PHASES, TABLE):
        reached = {target for row in table.values() for target in row.values()}
        assert reached == set(table)
        assert all(row for row in table.values())

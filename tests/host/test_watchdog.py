"""The main thread watches the supervisor by pings answered, never by time alone (S26)."""

import socket
from pathlib import Path

from host.clocks import StepDetector
from host.watchdog import Watchdog, systemd_notifier
from tests.support.clock import ManualClock


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pings: list[int] = []
        self.told: list[str] = []
        self.gave_up: list[float] = []
        self.watchdog = Watchdog(self.clock, self.pings.append, self.told.append, self.gave_up.append)

    def second(self, answered: int) -> None:
        self.clock.advance(1.0)
        self.watchdog.look(answered)


def test_s26_an_answered_ping_is_told_to_systemd() -> None:
    scene = Scene()
    scene.second(0)
    scene.second(1)
    assert scene.told == ["WATCHDOG=1"]


def test_s26_systemd_hears_nothing_while_pings_stay_unanswered() -> None:
    scene = Scene()
    for _ in range(10):
        scene.second(0)
    assert scene.told == []


def test_s26_thirty_seconds_of_silence_end_the_process() -> None:
    scene = Scene()
    for _ in range(30):
        scene.second(0)
    assert scene.gave_up == []
    scene.second(0)
    assert len(scene.gave_up) == 1


def test_s26_a_late_answer_forgives_all_earlier_silence() -> None:
    scene = Scene()
    for _ in range(29):
        scene.second(0)
    scene.second(29)
    for _ in range(29):
        scene.second(29)
    assert scene.gave_up == []


def test_s26_a_process_that_was_stopped_and_continued_is_not_ended() -> None:
    """SIGSTOP for an hour: much time has passed, but one ping only is unanswered."""
    scene = Scene()
    scene.second(0)
    scene.clock.advance(3600)
    scene.second(0)
    assert scene.gave_up == []


def test_s26_the_notifier_speaks_to_the_socket_that_systemd_names(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd_notifier(address)("READY=1")
        assert systemd.recv(64) == b"READY=1"


def test_s26_without_systemd_nothing_is_sent_and_nothing_breaks(tmp_path: Path) -> None:
    systemd_notifier(None)("READY=1")
    systemd_notifier(str(tmp_path / "nobody"))("READY=1")


def test_s20_a_step_of_the_wall_clock_is_noticed_once() -> None:
    clock = ManualClock()
    detector = StepDetector(clock)
    clock.advance(10)
    assert detector.stepped() is None
    clock.step_wall(-3600)
    assert detector.stepped() == -3600
    assert detector.stepped() is None


def test_s20_a_slow_correction_below_a_second_is_left_alone() -> None:
    clock = ManualClock()
    detector = StepDetector(clock)
    clock.step_wall(0.9)
    assert detector.stepped() is None

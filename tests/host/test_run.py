"""The main thread from the lock to the exit code, under a supervisor that does one thing."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host import run
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 20.0


class Stubbed:
    """A process of `tests.host.stub_daemon`."""

    def __init__(self, home: Path, behaviour: str, env: Mapping[str, str]) -> None:
        self.home = home
        self.words = home / "words"
        (home / "settings.toml").write_text('[web]\nlisten = ""\n')
        with self.words.open("wb") as words:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.host.stub_daemon", str(home / "settings.toml"), behaviour],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, **env},
            )

    def said(self) -> str:
        return self.words.read_text()

    def lines(self) -> list[str]:
        """What it told a person."""
        return [line for line in self.said().splitlines() if not line.startswith("{")]

    def logged(self, event: str) -> dict[str, Any] | None:
        events = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return next((found for found in events if found["event"] == event), None)

    def until(self, event: str) -> dict[str, Any]:
        found = eventually(lambda: self.logged(event), within=WITHIN, what=f"{event} in {self.words}")
        assert found is not None
        return found

    def until_up(self) -> None:
        eventually(lambda: "up" in self.lines(), within=WITHIN, what=f"a start, {self.words}")

    def ended(self) -> int:
        code = self.process.wait(WITHIN)
        assert "Traceback" not in self.said(), self.said()
        return code


@contextmanager
def stubbed(home: Path, behaviour: str, **env: str) -> Iterator[Stubbed]:
    stub = Stubbed(home, behaviour, env)
    try:
        yield stub
    finally:
        if stub.process.poll() is None:
            stub.process.kill()
            stub.process.wait()


@pytest.fixture(scope="module")
def escalated(tmp_path_factory: pytest.TempPathFactory) -> Stubbed:
    """One whose supervisor left a record behind and gave up."""
    with stubbed(tmp_path_factory.mktemp("escalated"), "escalates") as stub:
        assert stub.ended() == 70
    return stub


def test_what_the_supervisor_said_last_is_told(escalated: Stubbed) -> None:
    assert escalated.lines()[-1] == "vigil: error: too many bugs"


def test_what_was_not_stored_is_kept_for_the_next_start(escalated: Stubbed) -> None:
    """The record of before the end, and that the settings hold, which is said at each start."""
    assert escalated.until("kept_for_the_next_start")["entries"] == 2
    (spill,) = (escalated.home / "data" / "spill").iterdir()
    assert b"behind" in spill.read_bytes()


def test_the_data_directory_is_free_afterwards(escalated: Stubbed) -> None:
    assert (escalated.home / "data" / "vigil.lock").read_text() == ""


def test_a_supervisor_that_does_not_end_is_left_behind(tmp_path: Path) -> None:
    """The stub shortens the wait; the daemon's own keeps within the five seconds of the contract."""
    assert run.STOP_DEADLINE < 5.0
    with stubbed(tmp_path, "hangs") as stub:
        stub.until_up()
        stub.process.send_signal(signal.SIGTERM)
        assert stub.ended() == 1
        assert stub.lines()[-1] == "vigil: error: not everything stopped in time"


def test_a_second_signal_cuts_the_stop_short(tmp_path: Path) -> None:
    with stubbed(tmp_path, "hangs") as stub:
        stub.until_up()
        stub.process.send_signal(signal.SIGTERM)
        stub.process.send_signal(signal.SIGINT)
        assert stub.ended() == 130
        stub.until("stop_cut_short")


def test_systemd_hears_of_the_start_the_health_and_the_stop_and_a_stop_is_no_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WITHIN)
        with stubbed(tmp_path, "obeys", NOTIFY_SOCKET=str(tmp_path / "notify")) as stub:
            heard = [systemd.recv(100) for _ in range(2)]
            stub.process.send_signal(signal.SIGTERM)
            assert stub.ended() == 0
        while heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(100))
    assert heard[0] == b"READY=1"
    assert set(heard[1:-1]) == {b"WATCHDOG=1"}
    assert stub.lines() == ["up"]
    assert stub.until("daemon_stopped")["why"] == "SIGTERM"

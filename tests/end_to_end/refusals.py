"""A daemon that is not to come up, or only by itself: what it says, and how it ends."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.daemon import ROOT, Daemon
from tests.support.waiting import eventually

ALONE = '[web]\nlisten = ""\n'
"""A daemon without accounts: quick to start, and everything but the exchanges is there."""


def when_ok(daemon: Daemon) -> dict[str, Any]:
    """Its status, once all is well."""
    return eventually(daemon.status, lambda status: status["state"] == "ok", what=f"ok ({daemon.log_path})")


class Ended(NamedTuple):
    """One process of the command line, from its start to its end."""

    code: int
    said: str

    @property
    def lines(self) -> list[str]:
        """What it told a person; the log's own lines are left out."""
        return [line for line in self.said.splitlines() if not line.startswith("{")]


def started(settings: Path, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """`python supervisor.py --settings …`, on its way; hand it to `ended`."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(settings), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    )


def ended(process: "subprocess.Popen[str]", within: float = 30) -> Ended:
    """Wait for its end; one that goes on is killed and fails the test."""
    try:
        said, _ = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it did not end: {process.communicate()[0]}") from None
    found = Ended(process.returncode, said)
    assert "Traceback" not in said, said
    return found


def refusal(settings: Path, *words: str, env: Mapping[str, str] | None = None) -> Ended:
    """Start it and wait for its end."""
    return ended(started(settings, *words, env=env))

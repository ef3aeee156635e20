"""A disk that is full: reading goes on, what is read waits and is shown to wait, and nothing is lost.

The disk is a real one of a few megabytes. Where none may be mounted, a limit on
the size of files takes its place: the same refusals from the same system calls.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.end_to_end.kit import Scene, scene
from tests.end_to_end.refusals import when_ok
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

SIZE = 4 << 20


class Disk(Protocol):
    """Where the daemon keeps its data."""

    def fill(self, daemon: Daemon) -> None:
        """From now on it takes not a byte more."""

    def free(self, daemon: Daemon) -> None:
        """There is room again."""


class SmallDisk:
    """A filesystem of its own, filled by a file that nobody needs."""

    def __init__(self, data: Path) -> None:
        self._ballast = data / "ballast"

    def fill(self, daemon: Daemon) -> None:
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                return

    def free(self, daemon: Daemon) -> None:
        self._ballast.unlink()


class SmallFiles:
    """No file of the daemon's may grow."""

    def fill(self, daemon: Daemon) -> None:
        self._limit(daemon, 1)

    def free(self, daemon: Daemon) -> None:
        self._limit(daemon, resource.RLIM_INFINITY)

    def _limit(self, daemon: Daemon, size: int) -> None:
        assert daemon.process is not None
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def small_disk(data: Path) -> Iterator[Disk]:
    data.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "none", str(data)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield SmallFiles()
        return
    try:
        yield SmallDisk(data)
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_what_comes_while_the_disk_is_full_waits_and_is_stored_exactly_once(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data") as disk, scene(tmp_path) as watched:
        daemon = watched.daemon
        disk.fill(daemon)
        watched.admin.burst("main", 150, symbol=watched.symbol)
        first = eventually(daemon.status, lambda now: now["ledger"]["spilled"] > 300)
        assert (first["state"], first["ledger"]["fills"]) == ("degraded", 0)
        watched.trade()
        more = eventually(daemon.status, lambda now: now["ledger"]["spilled"] > first["ledger"]["spilled"])
        assert more["accounts"][0]["state"] == "live", "reading does not stop for the disk"
        disk.free(daemon)
        watched.agrees()
        healed(watched)
        if isinstance(disk, SmallDisk):
            assert "has no room left on its disk: free some space; nothing is lost" in daemon.log()
        assert daemon.terminate() == 0
        daemon.start()
        daemon.until_live("main")
        assert watched.differences() == []
        assert len(daemon.ask("incidents")) == 1, "no file that the full disk cut short is taken for damage"


def healed(watched: Scene) -> None:
    """All is well again, one incident tells of it, and no connection was lost over it."""
    daemon = watched.daemon
    assert {fill["source"] for fill in daemon.fills()} == {"stream"}
    when_ok(daemon)
    assert daemon.actor("main/connection")["restarts"] == 0
    (incident,) = daemon.ask("incidents")
    assert (incident["kind"], incident["severity"]) == ("spilling", "critical")
    assert incident["resolved_at"] is not None
    assert "Traceback" not in daemon.log()

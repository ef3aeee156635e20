"""One daemon per data directory, decided by the kernel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from host.lock import AlreadyRunning, DataLock, holder

HOLD = """
import sys
from pathlib import Path
from host.lock import DataLock
lock = DataLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def holding_process(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_daemon_is_refused_and_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with holding_process(tmp_path) as first:
        with pytest.raises(AlreadyRunning, match=f"pid {first.pid}") as refused:
            DataLock(tmp_path).acquire()
        assert refused.value.pid == first.pid
        first.kill()


def test_a_killed_daemon_leaves_the_directory_free(tmp_path: Path) -> None:
    with holding_process(tmp_path) as first:
        first.kill()
        first.wait()
    lock = DataLock(tmp_path)
    lock.acquire()
    assert (tmp_path / "vigil.lock").read_text().strip() == str(os.getpid())
    lock.release()


def test_the_holder_is_known_while_it_holds_and_nobody_after(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with holding_process(tmp_path) as first:
        assert holder(tmp_path) == first.pid
        first.kill()
        first.wait()
    assert holder(tmp_path) is None


def test_a_released_directory_can_be_taken_again(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    lock.release()
    lock.acquire()
    lock.release()


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    assert (tmp_path / "vigil.lock").stat().st_mode & 0o777 == 0o600
    lock.release()

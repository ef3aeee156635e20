"""One daemon per data directory.

The kernel's own lock on `vigil.lock` decides, never the file's existence: a
killed daemon leaves the file behind and the lock free. The pid inside is there
to be read by the one who is refused.
"""

import fcntl
import os
from pathlib import Path

from core.errors import VigilError


class AlreadyRunning(VigilError):
    """Another process holds the data directory; `pid` is None where it did not say."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"pid {pid}" if pid else "another process"
        super().__init__(
            f"{path.parent} is in use by {who}: stop it first, or give this daemon a data_dir of its own"
        )
        self.pid = pid


class Unusable(VigilError):
    """The data directory cannot be made or written; the text says why and what to do."""

    def __init__(self, data_dir: Path, error: OSError) -> None:
        why = "it is no folder" if isinstance(error, FileExistsError) else _told(error)
        super().__init__(
            f"data_dir {data_dir} cannot be used: {why}: "
            "let vigil's user write there, or set [supervisor] data_dir"
        )


class DataLock:
    """Holds a data directory from `acquire` to `release`, or to the end of the process."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "vigil.lock"
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the directory, made where it is missing, and write our pid into it.

        AlreadyRunning names who has it, Unusable says why nobody can.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = self._locked()
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise Unusable(self.path.parent, error) from error

    def _locked(self) -> int:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid_in(fd)
            os.close(fd)
            raise AlreadyRunning(self.path, pid) from None
        return fd

    def release(self) -> None:
        """Give the directory back. The file stays: removing it would race with the next holder."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def holder(data_dir: Path) -> int | None:
    """The pid of the daemon that holds `data_dir` now, None where nobody does."""
    try:
        fd = os.open(data_dir / "vigil.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(fd)
    finally:
        os.close(fd)
    return None


def _pid_in(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _told(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)

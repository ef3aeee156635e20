"""Files for our eyes alone: read only where nobody else can open them, and one writer at a time.

A file that others can read is no secret, whatever lies in it. Nothing here knows
what that is, and no message repeats any of it.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotPrivate(Exception):
    """The file may not be used; the text says why, and the command that helps, without the file's name."""


def read(path: Path, largest: int) -> bytes:
    """What lies in a plain file of ours that nobody else can open, of `largest` bytes at most.

    Raises OSError where it cannot be read, NotPrivate where it should not be.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _refuse_open_doors(path, os.fstat(fd))
        raw = os.read(fd, largest + 1)
    finally:
        os.close(fd)
    if len(raw) > largest:
        raise NotPrivate("is too large to be a secret")
    return raw


def _refuse_open_doors(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise NotPrivate("is not a plain file")
    if facts.st_uid != os.geteuid():
        raise NotPrivate(f"belongs to another user: chown {os.geteuid()} '{path}'")
    if facts.st_mode & 0o077:
        mode = stat.S_IMODE(facts.st_mode)
        raise NotPrivate(f"mode {mode:04o} lets others in: chmod 600 '{path}'")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else is in this block for this folder; whoever holds it is waited for.

    The folder itself is locked: a file that is replaced would take its lock along.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)

"""Files that are there whole or not at all, for their owner alone, and whether there is room for them.

A file is written beside its place, synced, and then put there in one step: a
reader never meets half of it, and whoever is killed meanwhile leaves a hidden
part that the next one of the same name removes.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import VigilError

MARGIN = 16 * 2**20  # bytes that are left free for whoever writes beside us


class NoRoom(VigilError):
    """A disk has not the room for what is to be written; nothing was."""


class Taken(VigilError):
    """There is something at the place already, and it is not ours to overwrite."""


def ensure_room(folder: Path, needed: int, what: str) -> None:
    """NoRoom where the disk of `folder` does not have `needed` bytes, and some more, to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed + MARGIN:
        raise NoRoom(
            f"{what} needs {sized(needed + MARGIN)} in {folder}, where {sized(free)} are free: make room first"
        )


@contextmanager
def whole(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A part to write to; it becomes `target` if the block ends well, and goes if not.

    Its mode is 0600. Taken where `target` exists and shall not be overwritten.
    """
    if not overwrite and target.exists():
        raise Taken(f"{target} exists already: name another file, or move it away")
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield part
        _sync(part)
        if overwrite:
            part.replace(target)
        else:
            _put(part, target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, target: Path) -> None:
    """A link, unlike a rename, fails where somebody was faster."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise Taken(f"{target} exists already: name another file, or move it away") from None


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sized(size: float) -> str:
    """A number of bytes as people say it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

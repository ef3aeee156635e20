"""Notices that one of a few files was saved, however the editor does that.

A file may be written in place, renamed over, removed and made again, or be the
end of links one of which is turned to another place. So it is folders that are
watched: that of the file, and that of every link on the way to it; and of what
happens there only the names on the way count, for a log may be written beside.

Where the system has no more watches to give, and in case it forgets one (a
folder that went away and came back), the files are looked at every few seconds
as well. A file that is being written is saved several times; several in a
moment are told once, and whoever is told may see half a file.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

SETTLE = 200  # ms without another event, after which a save is told
LONGEST = 1_000  # ms that a stream of events holds that back
LOOK = 2_000  # ms between two looks at the files themselves
LINKS = 40  # as many as the kernel follows

Stamp = tuple[int, int, int, int] | None


def watch(*folders: Path, **how: Any) -> Iterator[set[tuple[Any, str]]]:
    """The library's own, which is loaded by the thread that watches: the start need not wait for it."""
    from watchfiles import watch

    return watch(*folders, **how)


class Watcher:
    """Calls `saved` on a thread of its own, from `start` to `stop`, whenever one of `files` was saved.

    `files` is asked anew after each change: which they are may be what has changed.
    """

    def __init__(self, files: Callable[[], Iterable[Path]], saved: Callable[[], object]) -> None:
        self._files = files
        self._saved = saved
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settings-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 0.0) -> None:
        """End it; whether its thread is gone is waited for as long as `timeout`."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        """The first telling is for what was saved before anybody watched."""
        seen: list[Stamp] | None = None
        while not self._stopping.is_set():
            ways = self._ways()
            for told in self._events(ways):
                now = stamps(self._files())
                if told or now != seen:
                    seen = now
                    self._saved()
                if self._ways() != ways:
                    break

    def _ways(self) -> frozenset[Path]:
        return frozenset(step for file in self._files() for step in way(file))

    def _events(self, ways: frozenset[Path]) -> Iterator[bool]:
        """True after events, False when it is time to look; until the stop, or a folder is another one."""
        folders = _folders(ways)
        yield False
        try:
            for changes in watch(
                *folders,
                watch_filter=lambda _change, path: Path(path) in ways,
                step=SETTLE,
                debounce=LONGEST,
                rust_timeout=LOOK,
                yield_on_timeout=True,
                recursive=False,
                stop_event=self._stopping,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                yield bool(changes)
                if _folders(ways) != folders:
                    return
        except (OSError, RuntimeError) as error:  # the second is what the library makes of its own
            log.warning("settings_not_watched", error=str(error), looked_at_every_s=LOOK / 1000)
            while not self._stopping.wait(LOOK / 1000):
                yield False


def way(file: Path) -> Iterator[Path]:
    """The file and every link on the way to it, each in the real folder that it lies in."""
    todo, here = list(file.absolute().parts[1:]), Path("/")
    for _ in range(len(todo) + LINKS * LINKS):  # links that lead in a circle lead nowhere
        if not todo:
            return
        part = todo.pop(0)
        if part == "..":
            here = here.parent
            continue
        step = here / part
        try:
            target = step.readlink()
        except OSError:
            if not todo:
                yield step
            here = step
            continue
        yield step
        here = Path("/") if target.is_absolute() else here
        todo[:0] = [part for part in target.parts if part != "/"]


def stamps(files: Iterable[Path]) -> list[Stamp]:
    """What tells one state of the files from another."""
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _folders(ways: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Those that are there, and which they are: one may go away and another take its name."""
    found = {}
    for folder in {step.parent for step in ways}:
        with suppress(OSError):
            stat = folder.stat()
            found[folder] = stat.st_dev, stat.st_ino
    return found

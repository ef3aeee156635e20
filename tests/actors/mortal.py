"""A process that dies at a step of one's choice: what it does to the spill's folder and to the ledger is counted.

A step is a change that somebody else could see afterwards: a folder or file made,
bytes written, a file cut or removed, a sync, a commit. Death comes just before it, and
a kill in the middle where it is a write, so that to die at each step in turn is to die
at any moment. `Disk` also keeps what a
power cut would leave in the worst case, which is what was synced (or there at the
beginning) and nothing else: bytes by a sync of their file, names by one of their folder.
"""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from models.ledger import Ledger

How = Literal["killed", "power cut"]


class Death(BaseException):
    """The process is no more; no handler of its own runs."""


class Disk:
    """The folder of the spill, in a process that dies just before step number `dies_at`."""

    def __init__(self, folder: Path, how: How, dies_at: int) -> None:
        self.folder = folder
        self.steps = 0
        self.is_dead = False
        self._how = how
        self._dies_at = dies_at
        self._open: list[Any] = []
        self._has_folder = folder.exists()
        there = {path: path.stat().st_ino for path in folder.glob("*")}
        self._names = {path.name: number for path, number in there.items()}
        self._synced = {number: path.read_bytes() for path, number in there.items()}

    def step(self, _what: str, half: Callable[[], object] = lambda: None) -> None:
        """Something is about to change; `half` of it is done where a kill comes in the middle."""
        if self.is_dead:
            raise Death
        self.steps += 1
        if self.steps == self._dies_at:
            if self._how == "killed":
                half()
            self.is_dead = True
            raise Death

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """From now on what is done in the folder is a step."""
        opens, unlink, mkdir, write_bytes, fsync = (
            Path.open,
            Path.unlink,
            Path.mkdir,
            Path.write_bytes,
            os.fsync,
        )

        def watched_open(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if path.parent != self.folder or "b" not in mode or "+" not in mode:
                return opens(path, mode, *args, **options)
            if "x" in mode:
                self.step("create")
            return self._kept(File(self, opens(path, mode, *args, **options)))

        def watched_unlink(path: Path, missing_ok: bool = False) -> None:
            if path.parent == self.folder:
                self.step("unlink")
                self._kept(opens(path, "rb"))  # so that nobody is given its number again
            unlink(path, missing_ok)

        def watched_mkdir(path: Path, *args: Any, **options: Any) -> None:
            if path == self.folder and not path.exists():
                self.step("mkdir")
            mkdir(path, *args, **options)

        def watched_write(path: Path, data: bytes) -> int:
            if path.parent == self.folder:
                self.step("write aside", lambda: write_bytes(path, data[: len(data) // 2]))
            return write_bytes(path, data)

        def watched_fsync(fd: int) -> None:
            self.step("sync")
            fsync(fd)
            self._remember(fd)

        patch.setattr(Path, "open", watched_open)
        patch.setattr(Path, "unlink", watched_unlink)
        patch.setattr(Path, "mkdir", watched_mkdir)
        patch.setattr(Path, "write_bytes", watched_write)
        patch.setattr(os, "fsync", watched_fsync)

    def bury(self) -> None:
        """What the kernel does for the dead: and after a power cut, what the file system finds."""
        for file in self._open:
            file.close()
        if self._how == "power cut":
            shutil.rmtree(self.folder, ignore_errors=True)
            if self._has_folder:
                self.folder.mkdir()
                for name, number in self._names.items():
                    (self.folder / name).write_bytes(self._synced.get(number, b""))

    def _kept(self, file: Any) -> Any:
        self._open.append(file)
        return file

    def _remember(self, fd: int) -> None:
        found = os.fstat(fd)
        if not stat.S_ISDIR(found.st_mode):
            self._synced[found.st_ino] = os.pread(fd, found.st_size, 0)
        elif found.st_ino == self.folder.stat().st_ino:
            self._names = {path.name: path.stat().st_ino for path in self.folder.iterdir()}
        elif found.st_ino == self.folder.parent.stat().st_ino:
            self._has_folder = True


class File:
    """A file whose every change is a step."""

    def __init__(self, disk: Disk, file: Any) -> None:
        self._disk = disk
        self._file = file

    def write(self, data: bytes) -> Any:
        self._disk.step("write", lambda: self._file.write(data[: len(data) // 2]))
        return self._file.write(data)

    def truncate(self, size: int) -> Any:
        self._disk.step("truncate")
        return self._file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class MortalLedger(Ledger):
    """A ledger whose every commit is a step, and that says what it has committed."""

    def __init__(self, db: Any, url: str, clock: Any, disk: Disk, told: Callable[[Any], None]) -> None:
        super().__init__(db, url, clock)
        self.disk = disk
        self.told = told

    def write(self, entries: Any, mark: Any = None) -> Any:
        committed = super().write(entries, mark)
        self.told(entries)
        return committed

    def forget_marks(self, gone: Any) -> None:
        for segment in sorted(gone):
            self.disk.step("forget")
            super().forget_marks([segment])

    def _flush(self, folding: Any) -> None:
        super()._flush(folding)
        self.disk.step("commit")

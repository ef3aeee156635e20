"""When SQLite's log is moved into the database, and begun anew.

A writer that makes its checkpoints itself pauses for tens of milliseconds, so
they are made here, on a thread and a connection of their own. A passive
checkpoint copies what is committed and makes nobody wait. It does not suffice:
under a steady writer there is always a commit behind it, so the log is never
begun anew and grows by megabytes a second; and a log that grows costs more at
each commit than one that is written over, because the file system has to record
its new length. So a passive checkpoint is followed at once by a restarting one,
which holds the writer for the few pages that came in meanwhile. It gives up after
a moment where a transaction is long or somebody still reads an old state, for the
writer waits with it, and comes again in the next round; beyond WAL_BOUND it is
more patient, and comes less often. So the log outgrows its bound only for as long
as somebody reads an old state.
"""

import os
import sqlite3
import struct
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread

import structlog

from models.database import WAL_BOUND, is_sqlite, sqlite_path

WORTH = 32 * 2**20  # bytes of log; below it a checkpoint is not worth its writes
PATIENCE_MS, MORE_PATIENCE_MS = 10, 100
RARELY = 10  # rounds
HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoints, two salts, two checksums
FRAME = struct.Struct(">6I")  # page, size, two salts, two checksums; then the page

log = structlog.get_logger()


class Turns:
    """Lets the writer and the checkpointer in one after the other, in the order in which they came.

    SQLite would see to it as well, but who has to wait there sleeps 1, 2, 5, 10 ms and
    looks again: a log that is begun anew in four milliseconds would cost a fill eight.
    """

    def __init__(self) -> None:
        self._next, self._inside = Lock(), Lock()

    def __enter__(self) -> None:
        with self._next:  # who stands at the door is not overtaken by who has just left
            self._inside.acquire()

    def __exit__(self, *_: object) -> None:
        self._inside.release()


class Checkpointer:
    """Keeps SQLite's log short. A server looks after its own log: nothing is started for it.

    Whoever writes in this process takes a turn for each transaction.
    """

    def __init__(self, url: str, turns: Turns | None = None, every: float = 0.1) -> None:
        self._url = url
        self._turns = turns or Turns()
        self._every = every
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        if is_sqlite(self._url):
            self._thread = Thread(target=self._run, name="checkpointer", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        path = sqlite_path(self._url)
        rounds, done = 1, 0
        with self._connection(path) as connection:
            while not self._stop.wait(rounds * self._every):
                size = logged_bytes(path)
                rounds = 1
                if size <= WORTH or size == done:  # it is begun anew at the next commit, not before
                    continue
                done = size if self._checkpoint(connection, size) else 0
                if not done and size > WAL_BOUND:
                    rounds = RARELY

    @contextmanager
    def _connection(self, path: Path) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection, size: int) -> bool:
        """Move all there is; True if the next commit begins the log anew."""
        patience = MORE_PATIENCE_MS if size > WAL_BOUND else PATIENCE_MS
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {patience}").fetchall()
            with self._turns:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except (sqlite3.Error, OSError) as error:
            log.warning("checkpoint_failed", error=str(error))
            return False
        return not busy


def logged_bytes(path: Path) -> int:
    """How much of the log behind this database is in use; its file may be longer, for it is written over.

    Counted in the log itself: the frames in use bear the salt of its header, those
    behind them an older one (SQLite, "Database File Format", section 4.1). It must
    not be read from the index beside the log, although it stands there: to close
    that file drops every lock that this process has on it (SQLite, "How To Corrupt
    An SQLite Database File", section 2.2), and the next process that opens the
    database truncates it under our hands. 0 where there is none.
    """
    try:
        with path.with_name(path.name + "-wal").open("rb") as log_file:
            header = log_file.read(HEADER.size)
            if len(header) < HEADER.size:
                return 0
            _, _, page, _, *salt = HEADER.unpack(header)[:6]
            frames = (os.fstat(log_file.fileno()).st_size - HEADER.size) // (FRAME.size + page)
            return _in_use(log_file.fileno(), frames, page, tuple(salt)) * int(page)
    except OSError:
        return 0


def _in_use(log_file: int, frames: int, page: int, salt: tuple[int, ...]) -> int:
    """How many of the frames, from the first on, are of the present log."""

    def is_old(number: int) -> bool:
        head = os.pread(log_file, FRAME.size, HEADER.size + number * (FRAME.size + page))
        return len(head) < FRAME.size or FRAME.unpack(head)[2:4] != salt

    return bisect_left(range(frames), x=True, key=is_old)

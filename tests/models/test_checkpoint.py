"""SQLite's log is kept short off the writer's back, and never at the price of a waiting writer."""

import gc
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models import checkpoint
from models.checkpoint import Checkpointer, logged_bytes
from models.database import prepare
from tests.support.ledger import url
from tests.support.waiting import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(url(tmp_path / "vigil.db"))
    return tmp_path / "vigil.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE heap (x)")
    yield connection
    connection.close()


@pytest.fixture
def checkpointer(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkpointer]:
    monkeypatch.setattr(checkpoint, "WORTH", 100_000)
    monkeypatch.setattr(checkpoint, "WAL_BOUND", 200_000)
    one = Checkpointer(url(path), every=0.005)
    yield one
    one.stop()


def grow(writer: sqlite3.Connection, rows: int = 50) -> None:
    for _ in range(rows):
        writer.execute("INSERT INTO heap VALUES (zeroblob(10000))")


def test_how_much_is_logged_is_what_sqlite_says_also_where_the_log_is_written_over(
    path: Path, writer: sqlite3.Connection
) -> None:
    for rows, least in ((50, 400_000), (7, 50_000), (20, 150_000)):
        grow(writer, rows)
        _, frames, _ = writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert logged_bytes(path) == frames * 4096 > least
        assert writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0


STRANGER = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    try:
        fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)  # whoever gets this may cut the index off
    except OSError:
        sys.exit(7)
"""


def test_to_look_at_the_log_leaves_the_locks_that_tell_others_that_it_is_in_use(
    path: Path, writer: sqlite3.Connection
) -> None:
    """POSIX drops a process's locks on a file when it closes any descriptor of it."""

    def stranger() -> int:
        index = str(path.with_name("vigil.db-shm"))
        return subprocess.run([sys.executable, "-c", STRANGER, index], check=False).returncode

    grow(writer, 1)
    assert stranger() == 7
    for _ in range(3):
        assert logged_bytes(path) > 0
    gc.collect()
    assert stranger() == 7


def test_a_log_that_was_begun_anew_is_the_one_that_is_read(tmp_path: Path) -> None:
    seen = []
    for rows in (30, 1):
        prepare(url(tmp_path / "vigil.db"))  # and closed again, which removes the index
        with closing(sqlite3.connect(tmp_path / "vigil.db", isolation_level=None)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS heap (x)")
            grow(connection, rows)
            seen.append(logged_bytes(tmp_path / "vigil.db"))
    assert seen[0] > 250_000 > seen[1] > 0


def test_where_there_is_no_log_nothing_is_logged(tmp_path: Path) -> None:
    assert logged_bytes(tmp_path / "none.db") == 0


def test_the_log_is_written_over_and_does_not_grow_under_a_steady_writer(
    path: Path, writer: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    grow(writer, 30)
    checkpointer.start()
    longest = 0

    def still_writing() -> int:
        nonlocal longest
        grow(writer, 5)
        longest = max(longest, path.with_name("vigil.db-wal").stat().st_size)
        return int(writer.execute("SELECT COUNT(*) FROM heap").fetchone()[0])

    eventually(still_writing, lambda rows: rows >= 600, every=0.002, what="600 rows")
    assert longest < 600 * 10_000 / 2


def test_nobody_who_reads_an_old_state_makes_the_writer_fail(
    path: Path, writer: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    grow(writer, 1)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM heap").fetchone() == (1,)
    writer.execute("PRAGMA busy_timeout = 1000")
    checkpointer.start()
    grow(writer, 100)  # raises where it was locked out
    assert reader.execute("SELECT COUNT(*) FROM heap").fetchone() == (1,)
    reader.close()

    def after_another_row() -> int:
        grow(writer, 1)
        return logged_bytes(path)

    eventually(after_another_row, lambda size: size < 200_000, what="a short log")


def test_the_checkpointer_leaves_no_thread_behind(checkpointer: Checkpointer) -> None:
    checkpointer.start()
    checkpointer.stop()
    assert [thread for thread in threading.enumerate() if thread.name == "checkpointer"] == []


def test_a_server_needs_no_checkpointer() -> None:
    one = Checkpointer("postgresql://db.example/vigil")
    one.start()
    assert one._thread is None
    one.stop()


def test_who_stands_at_the_door_is_not_overtaken_by_who_has_just_left() -> None:
    turns, inside, waits, order = checkpoint.Turns(), threading.Event(), threading.Event(), []

    def second() -> None:
        inside.wait()
        waits.set()
        with turns:
            order.append("the one who waited")

    thread = threading.Thread(target=second)
    thread.start()
    with turns:
        inside.set()
        assert waits.wait(10)
        eventually(lambda: turns._next.locked(), every=0.001, what="somebody at the door")
    with turns:
        order.append("the one who had left")
    thread.join()
    assert order == ["the one who waited", "the one who had left"]

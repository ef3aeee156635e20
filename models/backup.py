"""A copy of a SQLite ledger that is known to be good before anybody relies on it.

SQLite's own backup takes what is committed, log included, into one file that
needs no other beside it. The copy is checked (SQLite's integrity check, as many
rows in every table as the ledger has) before it gets its name, and never takes
the place of another file. To restore one, stop vigil, put the copy in the place
of the ledger, and remove a `-wal` and `-shm` beside it.

A ledger is copied by itself before a migration changes it; of those copies the
newest five are kept. What a person asked for is never removed.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from core.clock import SystemClock
from core.errors import DatabaseProblem
from core.progress import Tell, nobody
from models.database import is_sqlite, named, problems, sqlite_path
from models.files import ensure_room, whole
from models.statements import quoted

FOLDER = "backups"
KEPT = 5
PAGES = 2_000  # at a time; 8 MB
BEFORE = re.compile(r"vigil-[0-9T.]+Z-before-\w+\.db")

log = structlog.get_logger()


class Saved(msgspec.Struct, frozen=True):
    """Where the copy is, how long, and how many rows of which table it holds."""

    path: Path
    size: int
    rows: dict[str, int]


def usual_place(folder: Path, now_ms: int) -> Path:
    """The name of a copy that nobody named."""
    return folder / FOLDER / f"vigil-{_stamp(now_ms)}.db"


def _stamp(now_ms: int) -> str:
    """To the millisecond, so that names sort as they were made and no two are the same."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{at:%Y%m%dT%H%M%S}.{now_ms % 1000:03}Z"


def backup(url: str, target: Path, tell: Tell = nobody) -> Saved:
    """Copy the ledger to `target`, which must not exist, and check the copy.

    The folder of `target` is made where it is missing. Raises DatabaseProblem, NoRoom, Taken.
    """
    if not is_sqlite(url):
        raise DatabaseProblem(
            f"database {named(url)} is a server's: use its own tool, `pg_dump --format=custom`, "
            "which takes a consistent copy while vigil runs"
        )
    source = sqlite_path(url)
    with problems(url), closing(_reading(source)) as ledger:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pages, size = _pragma(ledger, "page_count"), _pragma(ledger, "page_size")
        ensure_room(target.parent, pages * size, "a copy of the ledger")
        with whole(target, overwrite=False) as part:
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                ledger.backup(
                    copy, pages=PAGES, progress=lambda _, left, total: tell("copying", total - left, total)
                )
                copy.execute("PRAGMA journal_mode = delete").fetchall()  # one file, and none beside it
            tell("checking", 0, None)
            rows = _proven(ledger, part)
        return Saved(target, target.stat().st_size, rows)


def before_migration(url: str, missing: list[str]) -> None:
    """Copy a ledger that migrations are about to change; nothing where there is none yet, or a server has it."""
    if not is_sqlite(url):
        return
    source = sqlite_path(url)
    with problems(url), closing(_reading(source)) as ledger:
        if not _tables(ledger):
            return
    folder = source.parent / FOLDER
    target = folder / f"vigil-{_stamp(SystemClock().wall_ms())}-before-{missing[0]}.db"
    saved = backup(url, target)
    log.info("ledger_copied_before_migration", path=str(target), size=saved.size, missing=missing)
    for old in sorted(one for one in folder.iterdir() if BEFORE.fullmatch(one.name))[:-KEPT]:
        old.unlink()
        log.info("old_copy_removed", path=str(old))


def _proven(ledger: sqlite3.Connection, part: Path) -> dict[str, int]:
    """How many rows each table of the copy has; DatabaseProblem where it is not what the ledger is."""
    with closing(_reading(part)) as copy:
        verdict = [row[0] for row in copy.execute("PRAGMA integrity_check").fetchall()]
        if verdict != ["ok"]:
            raise DatabaseProblem(
                f"the copy is damaged, and so is the ledger perhaps: {'; '.join(verdict[:3])}"
            )
        rows, wanted = dict(_counts(copy)), dict(_counts(ledger))
    if rows != wanted:
        raise DatabaseProblem(f"the copy holds {rows}, the ledger {wanted}: somebody writes to it")
    return rows


def _counts(database: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    for table in _tables(database):
        yield table, database.execute(f"SELECT COUNT(*) FROM {quoted([table])}").fetchone()[0]  # noqa: S608


def _tables(database: sqlite3.Connection) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [row[0] for row in database.execute(sql).fetchall()]


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)

"""The space that deleted rows left behind, given back to the disk.

SQLite writes the whole ledger anew: into a temporary file, and from there
through the log into its place. Both are as long as what is kept, so both disks
are asked for room first. PostgreSQL keeps its files and uses the space again.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from models import database
from models.files import ensure_room

# Where SQLite makes temporary files: the first of these that it may write in ("Temporary Files Used By SQLite").
TEMPORARY = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108


class Vacuumed(msgspec.Struct, frozen=True):
    """Bytes that the ledger took and takes, its log included."""

    before: int
    after: int


def vacuum(url: str) -> Vacuumed:
    """Reclaim what can be. Raises DatabaseProblem, and NoRoom where the disk has too little for it."""
    with database.problems(url):
        return _sqlite(database.sqlite_path(url)) if database.is_sqlite(url) else _postgres(url)


def _sqlite(path: Path) -> Vacuumed:
    before = _size(path)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=database.BUSY_SECONDS)) as ledger:
        pages, free, size = (_pragma(ledger, name) for name in ("page_count", "freelist_count", "page_size"))
        _ensure_room(path.parent, (pages - free) * size)
        ledger.execute("VACUUM")
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Vacuumed(before, _size(path))


def _ensure_room(folder: Path, kept: int) -> None:
    """For the temporary copy and for the log, which may lie on one disk."""
    temporary = _temporary(os.environ)
    if temporary.stat().st_dev == folder.stat().st_dev:
        ensure_room(folder, 2 * kept, "to reclaim space")
        return
    ensure_room(temporary, kept, "to reclaim space (SQLITE_TMPDIR names another folder)")
    ensure_room(folder, kept, "to reclaim space")


def _temporary(environ: Mapping[str, str]) -> Path:
    named = (environ.get("SQLITE_TMPDIR", ""), environ.get("TMPDIR", ""))
    for name in (*filter(None, named), *TEMPORARY):
        if Path(name).is_dir() and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return Path()


def _size(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(one.stat().st_size for one in files if one.exists())


def _pragma(ledger: sqlite3.Connection, name: str) -> int:
    return int(ledger.execute(f"PRAGMA {name}").fetchone()[0])


def _postgres(url: str) -> Vacuumed:
    with closing(database.connect(url)) as ledger:
        size = "SELECT pg_database_size(current_database())"
        before = int(database.run(ledger, size).fetchone()[0])
        with database.unhurried(ledger):
            database.run(ledger, "VACUUM (ANALYZE)")
        return Vacuumed(before, int(database.run(ledger, size).fetchone()[0]))

"""What the storage itself allows: the rows that the ledger wrote, written again without it.

The rows of a finished run are taken out of its database and put back by the driver's
`executemany`, in transactions of the same size, into the same tables with the same
indexes and whatever else they hold. No decoding, no merging, no second look: this
is the ceiling that the full path is held to.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Protocol

import psycopg

TABLES = {
    "journal": "seq > {behind}",
    "frames": "id >= (SELECT MIN(frame) FROM journal WHERE seq > {behind})",
    "fills": "seq > {behind}",
    "orders": "seq > {behind}",
}
"""The tables of a fill, and what the run has added to them; `behind` is the journal's seq before it."""


class Cursor(Protocol):
    """As much of DB-API 2.0 as both drivers have and this needs."""

    def execute(self, sql: Any, /) -> Any: ...
    def executemany(self, sql: Any, rows: Any, /) -> Any: ...
    def fetchall(self) -> list[Any]: ...


def raw_rate(url: str, behind: int, events_per_batch: int, events: int) -> float:
    """Events a second that `executemany` stores, `events_per_batch` in one transaction."""
    with closing(_connected(url)) as db, closing(db.cursor()) as cursor:
        rows = {table: _taken_out(cursor, table, behind) for table in TABLES}
        for table in reversed(TABLES):
            cursor.execute(f"DELETE FROM {table} WHERE {TABLES[table].format(behind=behind)}")
        db.commit()
        if url.startswith("sqlite:"):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        began = time.perf_counter()
        for first in range(0, events, events_per_batch):
            last = min(first + events_per_batch, events)
            for table, found in rows.items():
                share = len(found) / events
                _put_back(cursor, table, found[int(first * share) : int(last * share)], url)
            db.commit()
        return events / (time.perf_counter() - began)


def batch_size(url: str, behind: int) -> int:
    """Events in the ordinary transaction of the run: rows of one commit share `recorded_at`."""
    with closing(_connected(url)) as db, closing(db.cursor()) as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM fills WHERE seq > {behind} GROUP BY recorded_at")
        sizes = sorted(size for (size,) in cursor.fetchall())
    return max(1, sizes[len(sizes) // 2])


def _taken_out(cursor: Cursor, table: str, behind: int) -> list[Any]:
    cursor.execute(f"SELECT * FROM {table} WHERE {TABLES[table].format(behind=behind)}")
    return cursor.fetchall()


def _put_back(cursor: Cursor, table: str, rows: Sequence[Any], url: str) -> None:
    if rows:
        mark = "?" if url.startswith("sqlite:") else "%s"
        cursor.executemany(f"INSERT INTO {table} VALUES ({','.join([mark] * len(rows[0]))})", rows)


def _connected(url: str) -> Any:
    if not url.startswith("sqlite:"):
        return psycopg.connect(url)
    db = sqlite3.connect(url.removeprefix("sqlite:///"))
    db.execute("PRAGMA synchronous = full")
    db.execute("PRAGMA cache_size = -65536")
    return db

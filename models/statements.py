"""SQL for many rows at once, its text built once and kept.

Building SQL is what an ORM spends its time on when it writes; here a statement
for n rows is a cached text, and the database keeps its plan. To keep the number
of texts small, n rows go out in powers of two.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import peewee

from models.database import run

MOST_ROWS = 512
MOST_VALUES = 32_000  # SQLite allows 32,766 values in one statement, PostgreSQL 65,535

Row = Sequence[Any]


class Statement:
    """One SQL text with a part that repeats for every row."""

    def __init__(self, head: str, row: str, tail: str, width: int) -> None:
        self._head, self._row, self._tail = head, row, tail
        self._most = MOST_ROWS
        while self._most * width > MOST_VALUES:
            self._most //= 2
        self._texts: dict[int, str] = {}

    def run(self, db: peewee.Database, rows: Sequence[Row]) -> Iterator[Any]:
        """One cursor for each stretch of rows."""
        for part in parts(rows, self._most):
            values: list[Any] = []
            for row in part:
                values += row
            yield run(db, self._text(len(part)), values)

    def _text(self, rows: int) -> str:
        if rows not in self._texts:
            self._texts[rows] = self._head + ", ".join([self._row] * rows) + self._tail
        return self._texts[rows]


class Insert:
    """Writes rows of one table; a row that is there already by `key` is overwritten.

    Without a key a row that is there already is an error. One call must not hold
    a key twice. The `lasting` columns keep what the first row said.
    """

    def __init__(
        self,
        db: peewee.Database,
        table: str,
        columns: tuple[str, ...],
        key: tuple[str, ...] = (),
        lasting: tuple[str, ...] = (),
    ) -> None:
        tail = ""
        if key:
            changes = ", ".join(
                f'"{name}" = excluded."{name}"' for name in columns if name not in (*key, *lasting)
            )
            tail = f" ON CONFLICT ({quoted(key)}) DO UPDATE SET {changes}"
        head = f'INSERT INTO "{table}" ({quoted(columns)}) VALUES '  # noqa: S608 (our own names)
        self._statement = Statement(head, marks(len(columns)), tail, len(columns))
        self._db = db

    def __call__(self, rows: Sequence[Row]) -> None:
        for _cursor in self._statement.run(self._db, rows):
            pass


class Select:
    """Reads the rows of one table whose key is among those given."""

    def __init__(
        self, db: peewee.Database, table: str, columns: tuple[str, ...], key: tuple[str, ...]
    ) -> None:
        names = [f"k{n}" for n in range(len(key))]
        wanted = ", ".join(f't."{name}"' for name in columns)
        match = " AND ".join(f't."{name}" = wanted.{k}' for name, k in zip(key, names, strict=True))
        head = f"WITH wanted ({', '.join(names)}) AS (VALUES "
        # SQLite keeps the order of a CROSS JOIN: one index look-up per wanted key.
        tail = f') SELECT {wanted} FROM wanted CROSS JOIN "{table}" AS t WHERE {match}'  # noqa: S608
        self._statement = Statement(head, marks(len(key)), tail, len(key))
        self._db = db

    def __call__(self, keys: Iterable[Row]) -> Iterator[Row]:
        for cursor in self._statement.run(self._db, list(keys)):
            yield from cursor.fetchall()


def parts(rows: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    """Cut into stretches whose lengths are powers of two, the longest first."""
    start, size = 0, most
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size


def marks(count: int) -> str:
    return f"({', '.join('?' * count)})"


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

"""Every view made anew from the journal: the proof that the journal is the ground.

The journal's statements are folded again with the same rules, in order, into a
scratch database beside nothing else; then the two are compared row by row. With
`check` that is all, and nothing is written. Without it the views are replaced by
the rebuilt ones, in one transaction, and compared once more before its commit.
Nobody else may write meanwhile: the caller holds the lock.

However long the journal is, a page of it is in memory at a time, and of what
differs the first hundred are kept; the rest is counted.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import peewee

from core.errors import DatabaseProblem
from core.facts import Fact
from core.money import plain
from core.progress import Tell, nobody
from models import database, tally
from models.statements import Insert, Row, Select, marks, quoted
from models.views import ALL, BY_FACT, Shelf, View

PAGE = 2_000
MOST_DIFFERENCES = 100
SCRATCH = "vigil-rebuild-"  # how the name of a scratch folder begins
JOURNAL = "seq, account, exchange, source, outcome, fence, recorded_at, fact"

_fact_of = msgspec.json.Decoder(Fact).decode  # type: ignore[var-annotated]


class Rebuilt(msgspec.Struct):
    """How many statements were folded, to how many rows of which view, and what was not as they say.

    `differences` are the first of them in words, `different` is how many there are;
    `put_right` says that the views were replaced.
    """

    statements: int = 0
    rows: dict[str, int] = {}
    different: int = 0
    differences: list[str] = []
    put_right: bool = False

    def note(self, differences: Iterable[str]) -> None:
        for text in differences:
            self.different += 1
            if len(self.differences) < MOST_DIFFERENCES:
                self.differences.append(text)


def rebuild(url: str, *, check: bool, folder: Path | None = None, tell: Tell = nobody) -> Rebuilt:
    """Fold the journal again and compare; without `check` also put the views right.

    The scratch database, about as large as the views, is made in `folder`, or where
    temporary files go. Raises DatabaseProblem.
    """
    opened = database.open_for_reading if check else database.open_ledger
    with (
        database.problems(url),
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as place,
        closing(opened(url)) as stored,
        ExitStack() as stack,
        closing(database.open_ledger(f"sqlite:///{Path(place).absolute() / 'scratch.db'}")) as scratch,
    ):
        database.run(scratch, "PRAGMA synchronous = off")
        stack.enter_context(database.unhurried(stored))
        found = Rebuilt()
        _replay(stored, scratch, found, tell)
        folded = found.different
        for view in ALL:
            found.rows[view.table] = _count(scratch, view)
            found.note(_compare(view, stored, scratch, tell))
        if not check and found.different > folded:
            _put_right(url, stored, scratch, tell)
            found.put_right = True
        return found


def _put_right(url: str, stored: peewee.Database, scratch: peewee.Database, tell: Tell) -> None:
    with database.begin(stored):
        tally.forget(stored)
        for view in ALL:
            _replace(view, stored, scratch)
            if (left := next(_compare(view, stored, scratch, tell), None)) is not None:
                raise DatabaseProblem(f"database {database.named(url)} could not be put right: {left}")


def _replay(stored: peewee.Database, scratch: peewee.Database, found: Rebuilt, tell: Tell) -> None:
    """Fold everything into the scratch database; notes where an outcome is another one now."""
    shelves = {view: Shelf(view, scratch, PAGE) for view in ALL}
    total = int(_one(stored, "SELECT COUNT(*) FROM journal"))
    for page in _pages(stored, f"SELECT {JOURNAL} FROM journal WHERE seq > ? ORDER BY seq LIMIT {PAGE}"):  # noqa: S608
        facts = [_read(row, found) for row in page]
        for view, shelf in shelves.items():
            keys = {view.key(row[1], fact) for row, fact in zip(page, facts, strict=True) if _is(view, fact)}
            shelf.fetch(keys - shelf.cache.keys())
        with database.begin(scratch):
            for row, fact in zip(page, facts, strict=True):
                found.note(_fold(shelves, row, fact))
            for shelf in shelves.values():
                shelf.flush()
                shelf.settle()
        found.statements += len(page)
        tell("folding the journal", found.statements, total)


def _read(row: Row, found: Rebuilt) -> Any:
    """What was stated; None where the text was meddled with, which is noted."""
    try:
        return _fact_of(row[-1])
    except msgspec.DecodeError as error:
        found.note([f"journal {row[0]}: its statement cannot be read ({error})"])
        return None


def _fold(shelves: dict[View, Shelf], row: Row, fact: Any) -> list[str]:
    seq, account, exchange, source, outcome, fence, recorded_at, _text = row
    view = BY_FACT.get(type(fact))
    if view is None:
        return []
    merged, _moved = shelves[view].refold(
        fact, account=account, exchange=exchange, source=source, fence=fence, seq=seq, recorded_at=recorded_at
    )
    if merged.outcome == outcome:
        return []
    return [
        f"journal {seq}: recorded as {outcome}, now {merged.outcome} ({view.kind} {' '.join(view.key(account, fact))})"
    ]


def _compare(view: View, stored: peewee.Database, scratch: peewee.Database, tell: Tell) -> Iterator[str]:
    """Rows that differ, and rows that only one of the two has."""
    select = Select(stored, view.table, view.columns, ("account", *view.identity))
    done, known, total = 0, 0, _count(scratch, view)
    for page in _rows(view, scratch):
        wanted = {_key(view, row): row for row in page}
        found = {_key(view, row): row for row in map(_plain, select(list(wanted)))}
        known += len(found)
        for key, row in wanted.items():
            if found.get(key) != row:
                yield f"{view.table} {' '.join(key)}: {_difference(view, found.get(key), row)}"
        done += len(page)
        tell(f"comparing {view.table}", done, total)
    if known != _count(stored, view):
        yield from _surplus(view, stored, scratch)


def _surplus(view: View, stored: peewee.Database, scratch: peewee.Database) -> Iterator[str]:
    """The stored rows that no statement of the journal made."""
    identity = ("account", *view.identity)
    select = Select(scratch, view.table, identity, identity)
    names = quoted(identity)
    sql = f'SELECT {names} FROM "{view.table}"'  # noqa: S608
    behind: list[Any] = []
    while True:
        where = f" WHERE ({names}) > {marks(len(identity))}" if behind else ""
        page = database.run(stored, f"{sql}{where} ORDER BY {names} LIMIT {PAGE}", behind).fetchall()
        if not page:
            return
        known = {tuple(row) for row in select(page)}
        for row in page:
            if tuple(row) not in known:
                yield f"{view.table} {' '.join(row)}: the journal does not know it"
        behind = list(page[-1])


def _difference(view: View, stored: Row | None, rebuilt: Row) -> str:
    if stored is None:
        return "missing"
    pairs = zip(view.columns, stored, rebuilt, strict=True)
    return ", ".join(f"{name} is {a}, the journal says {b}" for name, a, b in pairs if a != b)


def _replace(view: View, stored: peewee.Database, scratch: peewee.Database) -> None:
    database.run(stored, f'DELETE FROM "{view.table}"')  # noqa: S608
    insert = Insert(stored, view.table, view.columns)
    for page in _rows(view, scratch):
        insert(page)


def _rows(view: View, db: peewee.Database) -> Iterator[list[Row]]:
    columns = ", ".join(f'"{name}"' for name in view.columns)
    sql = f'SELECT rowid, {columns} FROM "{view.table}" WHERE rowid > ? ORDER BY rowid LIMIT {PAGE}'  # noqa: S608
    for page in _pages(db, sql):
        yield [_plain(row[1:]) for row in page]


def _pages(db: peewee.Database, sql: str) -> Iterator[list[Row]]:
    """Pages of a query whose first column is what it goes on behind."""
    after = 0
    while page := database.run(db, sql, (after,)).fetchall():
        yield page
        after = page[-1][0]


def _key(view: View, row: Row) -> tuple[str, ...]:
    return tuple(row[view.columns.index(name)] for name in ("account", *view.identity))


def _plain(row: Row) -> Row:
    return tuple(plain(value) if isinstance(value, Decimal) else value for value in row)


def _is(view: View, fact: Any) -> bool:
    return BY_FACT.get(type(fact)) is view


def _count(db: peewee.Database, view: View) -> int:
    return int(_one(db, f'SELECT COUNT(*) FROM "{view.table}"'))  # noqa: S608


def _one(db: peewee.Database, sql: str) -> Any:
    return database.run(db, sql).fetchone()[0]

"""The one writer: entries in, one transaction each time, nothing twice.

`write` takes what has gathered (batches of facts and records), folds the facts
per key over what is known, and writes the final rows, the journal and the raw
frames in one transaction. Merging happens here in Python with the rules of core
and not in SQL, where text would be compared as text and one upsert cannot hold a
key twice.

What is known is a bounded cache over the tables; it is dropped on every
rollback, because it may then say what the database does not.

Exactly-once has two guards: the identities are unique in the database, and a
`Mark` (which stretch of which inlet segment this is) is moved in the same
transaction, so that a stretch that was committed by a writer who could not tell
anybody is refused the second time.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import peewee

from core.clock import Clock
from core.errors import DatabaseProblem, VigilError
from core.records import Entry
from core.unheard import Unheard
from models import database, tally
from models.annals import Annals
from models.folding import JOURNAL, Effect, Folding
from models.statements import Insert
from models.tally import Tally
from models.views import ALL, Shelf, View

CACHE_ROOM = 20_000  # rows per view


class AlreadyStored(VigilError):
    """These entries were committed before, by a writer that could not say so."""


class Unstorable(VigilError):
    """One of these entries holds something that no database takes (no number, no text, too long)."""


class Mark(msgspec.Struct, frozen=True):
    """Entries `start` to `end` of an inlet segment."""

    segment: str
    start: int
    end: int


class Committed(msgspec.Struct, frozen=True):
    """The journal's newest sequence, and the effect of each entry in order."""

    sequence: int
    effects: tuple[Effect, ...]


class Ledger:
    """Owned by one thread: the one that made it.

    Whatever `write` raises, it has changed nothing, and the same entries may be
    written again: DatabaseProblem when the database refuses, Unstorable when
    something in the entries does, AlreadyStored when they are stored.
    """

    def __init__(self, db: peewee.Database, url: str, clock: Clock) -> None:
        self._db = db
        self._url = url
        self._clock = clock
        self._shelves: dict[View, Shelf] = {view: Shelf(view, db, CACHE_ROOM) for view in ALL}
        self._journal = Insert(db, "journal", JOURNAL)
        self._frames = Insert(db, "frames", ("id", "account", "received_at", "text"))
        self._annals = Annals(db)
        self._unheard = Unheard()
        self._loaded = False
        self._tally = Tally()
        self._noted = self._frame = 0

    @classmethod
    def open(cls, url: str, clock: Clock) -> "Ledger":
        """Open and migrate the database behind the URL. Raises DatabaseProblem."""
        ledger = cls(database.open_ledger(url), url, clock)
        try:
            with database.problems(url):
                ledger._load()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        self._db.close()

    def open_incidents(self) -> dict[str, int]:
        """How many incidents are open, by severity."""
        return self._annals.open_by_severity()

    @property
    def sequence(self) -> int:
        """The journal's newest seq."""
        return self._tally.seq

    @property
    def fills(self) -> int:
        """How many there are."""
        return self._tally.fills

    @property
    def orders(self) -> int:
        """How many there are."""
        return self._tally.orders

    def write(self, entries: Sequence[Entry], mark: Mark | None = None) -> Committed:
        """Commit all of it, or nothing."""
        try:
            with database.begin(self._db):
                if self._loaded and self._newest() != self.sequence:
                    self._drop()  # somebody else wrote meanwhile: a generation that was given up, if nobody else
                if not self._loaded:
                    self._load()
                if mark is not None:
                    self._move(mark)
                folding = self._folding()
                folding.fetch(entries)
                effects = tuple(map(folding.fold, entries))
                counted = self._count(folding)
                self._flush(folding)
        except BaseException as error:
            self._forget()
            raise self._meaning(error) from error
        self._settle(folding, counted)
        return Committed(self.sequence, effects)

    def marks(self) -> dict[str, int]:
        """How far each inlet segment is committed."""
        with self._problems():
            return dict(database.run(self._db, 'SELECT "segment", "position" FROM "intake"').fetchall())

    def forget_marks(self, gone: Iterable[str]) -> None:
        """Drop the marks of these segments, whose entries cannot come again."""
        for segment in gone:
            with self._problems():
                database.run(self._db, 'DELETE FROM "intake" WHERE "segment" = ?', (segment,))

    def prune(self, before_ms: int, most: int = 500) -> int:
        """Delete the oldest raw frames received before that; returns how many, `most` at a time."""
        oldest = 'SELECT "id", "received_at" FROM "frames" ORDER BY "id" LIMIT ?'
        with self._problems():
            rows = database.run(self._db, oldest, (most,)).fetchall()
            old = [id_ for id_, received_at in rows if received_at < before_ms]
            if old:
                database.run(self._db, 'DELETE FROM "frames" WHERE "id" <= ?', (max(old),))
        return len(old)

    def _load(self) -> None:
        """What the writer counts on; at the start and after every rollback."""
        newest = self._newest()
        self._frame = self._one('SELECT MAX("id") FROM "frames"')
        if newest != self.sequence:  # counting may take seconds: not after each failure
            self._tally, self._noted = tally.read(self._db, newest)
        self._annals.load()
        self._loaded = True

    def _newest(self) -> int:
        return self._one('SELECT MAX("seq") FROM "journal"')

    def _one(self, sql: str) -> int:
        return int(database.run(self._db, sql).fetchone()[0] or 0)

    def _move(self, mark: Mark) -> None:
        sql = (
            'INSERT INTO "intake" ("segment", "position") VALUES (?, ?) ON CONFLICT ("segment") '
            'DO UPDATE SET "position" = excluded."position" WHERE "intake"."position" <= ?'
        )
        if database.run(self._db, sql, (mark.segment, mark.end, mark.start)).rowcount != 1:
            raise AlreadyStored(f"segment {mark.segment} is past {mark.start}")

    def _folding(self) -> Folding:
        return Folding(
            self._shelves,
            self._annals,
            self._unheard,
            sequence=self.sequence,
            frame=self._frame,
            recorded_at=self._clock.wall_ms(),
        )

    def _count(self, folding: Folding) -> Tally:
        counted = self._tally.later(folding.sequence, folding.added)
        if counted.seq - self._noted >= tally.EVERY:
            self._annals.add(counted.as_record(self._clock.wall_ms()))
        return counted

    def _flush(self, folding: Folding) -> None:
        self._journal(folding.journal)
        self._frames(folding.frames)
        for shelf in self._shelves.values():
            shelf.flush()
        self._annals.flush()

    def _settle(self, folding: Folding, counted: Tally) -> None:
        folding.settle()
        self._tally, self._frame = counted, folding.frame
        if counted.seq - self._noted >= tally.EVERY:
            self._noted = counted.seq
        for shelf in self._shelves.values():
            shelf.settle()

    def _meaning(self, error: BaseException) -> BaseException:
        if database.blames_the_values(error):
            return Unstorable(f"{type(error).__name__}: {error}")
        if isinstance(error, peewee.PeeweeException):
            return database.problem(self._url, error)
        return error

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """For what is asked outside a transaction."""
        try:
            with database.problems(self._url):
                yield
        except DatabaseProblem:
            database.recover(self._db)
            raise

    def _forget(self) -> None:
        database.recover(self._db)
        self._drop()

    def _drop(self) -> None:
        """Trust nothing that is remembered."""
        self._loaded = False
        for shelf in self._shelves.values():
            shelf.drop()

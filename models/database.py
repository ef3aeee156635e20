"""Which database, how it is opened, and what is said when it cannot be.

The only file that knows SQLite from PostgreSQL (of which `postgres` knows more):
the rest writes SQL that both read. A SQLite ledger runs with a write-ahead log and `synchronous=FULL`, so that
what is committed survives a power cut; checkpoints are made off the writer's
back (see checkpoint).

Everything that can be wrong with a database is told as DatabaseProblem: what,
and what to do about it.
"""

import sqlite3
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

import peewee
from playhouse.migrations import MigrationError, Runner

from core.errors import DatabaseProblem
from core.money import plain
from models.fields import SQLITE_TYPES

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 1.0
WAL_BOUND = 64 * 2**20  # bytes of SQLite's log that are kept for reuse

WRITER_PRAGMAS = (
    ("journal_mode", "wal"),
    ("synchronous", "full"),
    ("wal_autocheckpoint", 4 * WAL_BOUND // 4096),  # only should the checkpointer be gone
    ("journal_size_limit", WAL_BOUND),
    ("cache_size", -65536),
    ("temp_store", "memory"),
)
READER_PRAGMAS = (("query_only", 1), ("cache_size", -8192))

UNSTORABLE = (
    peewee.DataError,
    peewee.IntegrityError,
    peewee.InterfaceError,
    peewee.ProgrammingError,
    ValueError,
    TypeError,
    ArithmeticError,
)

# What SQLite says, and PostgreSQL where it gives no code, which is before anybody is let in (lower case), what it means, what to do, whether it may pass.
COMPLAINTS = (
    ("file is not a database", "is not a ledger, or its first page is damaged", "restore a backup, or move it away to begin anew", False),
    ("malformed", "is damaged", "stop vigil and restore the newest backup; the exchanges fill the gap", False),
    ("readonly", "cannot be written", "give vigil's user write permission to the file and its folder", False),
    ("read-only", "cannot be written", "give vigil's user write permission to the file and its folder", False),
    ("unable to open", "cannot be opened", "check that the folder exists and that vigil's user may write in it", False),
    ("disk is full", "has no room left on its disk", "free some space; nothing is lost meanwhile", True),
    ("disk i/o error", "cannot be read or written", "check the disk and the system log", True),
    ("locked", "is locked by another program", "close whatever holds it open for writing", True),
    ("password authentication failed", "refuses the user or password", "correct [database] url or its password", False),
    ("no password supplied", "asks for a password", "set PGPASSWORD, or write it into ~/.pgpass (0600)", False),
    ("no pg_hba.conf entry", "does not let us in from here", "add a line to the server's pg_hba.conf", False),
    ("permission denied", "refuses what vigil must do", "grant its role the right to connect, create and write", False),
    ("does not exist", "does not exist", "create it, or correct [database] url", False),
    ("starting up", "is starting or shutting down", "nothing to do: it is tried again", True),
    ("shutting down", "is starting or shutting down", "nothing to do: it is tried again", True),
    ("recovery", "is starting or shutting down", "nothing to do: it is tried again", True),
    ("too many clients", "has no connection left for us", "close others, or raise max_connections", True),
    ("connection slots", "has no connection left for us", "close others, or raise max_connections", True),
    ("too many connections", "has no connection left for us", "close others, or raise the limit", True),
    ("no connection became free", "is asked too much at once", "nothing to do: it is tried again", True),
    ("failed to resolve host", "is at a host that nobody knows", "correct [database] url, or look at the name server", True),
    ("connection refused", "does not answer", "start the server, or correct [database] url", True),
    ("connection", "lost its connection", "start the server, or correct [database] url", True),
)  # fmt: skip


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def sqlite_path(url: str) -> Path:
    """The file behind `sqlite:///path`; a fourth slash makes it absolute."""
    return Path(urllib.parse.unquote(url.removeprefix("sqlite:///")))


def identity(url: str) -> tuple[int, int] | None:
    """Which file stands at SQLite's path now; None where there is none, or where a server keeps it."""
    if not is_sqlite(url):
        return None
    try:
        found = sqlite_path(url).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def named(url: str) -> str:
    """The database as it may be shown: without a password, wherever in the address it stands."""
    if is_sqlite(url):
        return str(sqlite_path(url))
    place, _, parameters = url.partition("?")
    scheme, _, rest = place.partition("://")
    if "@" in parameters:  # of a password that holds the mark itself, nobody knows where it ends
        return f"{scheme}://"
    return f"{scheme}://{rest.rpartition('@')[2]}"


def connect(url: str) -> peewee.Database:
    """A database object for writing, whose every thread gets a connection of its own at its first query."""
    if is_sqlite(url):
        return _sqlite(str(sqlite_path(url)), WRITER_PRAGMAS)
    return cast("peewee.Database", _postgres().Server(url, BUSY_SECONDS))


def connect_to_read(url: str) -> peewee.Database:
    """As above, for long looks that change nothing; a SQLite file can then not be written at all."""
    if is_sqlite(url):
        address = f"file:{urllib.parse.quote(str(sqlite_path(url)))}?mode=ro"
        return _sqlite(address, READER_PRAGMAS, uri=True)
    return connect(url)


class Questions(Protocol):
    """Asks, and cannot change anything."""

    def ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """The rows of one question, its values marked `?`, over a connection that no other thread has meanwhile.

        Amounts come as the plain texts that the ledger keeps.
        """

    def close(self) -> None:
        """Give back what the calling thread holds; its next question takes it again."""


def questions(url: str) -> Questions:
    """A way to ask, from any thread: by a connection each (SQLite), or by those of a common pool."""
    return _Asked(url) if is_sqlite(url) else _AskedOfServer(url)


class _Asked:
    def __init__(self, url: str) -> None:
        self._db = connect_to_read(url)

    def ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        return cast("list[Any]", run(self._db, sql, values).fetchall())

    def close(self) -> None:
        if not self._db.is_closed():
            self._db.close()


class _AskedOfServer:
    """What is borrowed is given back with each answer: there is nothing to close."""

    def __init__(self, url: str) -> None:
        self._pool = _postgres().readers(url)

    def ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        return [tuple(map(_said, row)) for row in self._pool.ask(sql, values)]

    def close(self) -> None:
        return


def _said(value: Any) -> Any:
    """A server has Decimals where SQLite keeps the text."""
    return plain(value) if isinstance(value, Decimal) else value


def open_ledger(url: str) -> peewee.Database:
    """Connect this thread for writing and bring the schema up to date.

    Raises DatabaseProblem. Blocks for a second at most where another program
    holds the database locked, longer only while a migration runs.
    """
    _check_place(url)
    with problems(url):
        db = connect(url)
        db.connect()
        try:
            migrate(db, url)
            _refuse_readonly(db, url)
        except BaseException:
            db.close()
            raise
        return db


def prepare(url: str) -> None:
    """Open, migrate and close: what the host does first, so that a bad database ends the start."""
    open_ledger(url).close()


def open_for_reading(url: str) -> peewee.Database:
    """Connect this thread and change nothing. DatabaseProblem where the schema is not today's."""
    with problems(url):
        db = connect_to_read(url)
        db.connect()
        try:
            if missing := _missing(Runner(db, str(MIGRATIONS)), url):
                raise DatabaseProblem(
                    f"database {named(url)} is of an older vigil (it lacks {', '.join(missing)}): "
                    "start this one, which brings it up to date"
                )
        except BaseException:
            db.close()
            raise
        return db


def migrate(db: peewee.Database, url: str) -> None:
    """Apply what is missing, under a lock, all or nothing. Refuses a schema from the future.

    A SQLite ledger that is there already is copied first (see backup).
    """
    from models.backup import before_migration  # it stands on this file

    runner = Runner(db, str(MIGRATIONS))
    missing = _missing(runner, url)
    if not missing:
        return
    before_migration(url, missing)
    sqlite = is_sqlite(url)
    with db.atomic(*(("EXCLUSIVE",) if sqlite else ())):
        try:
            with unhurried(db):
                runner.up()
        except MigrationError as error:
            raise DatabaseProblem(
                f"database {named(url)} could not be brought up to date: {error}"
            ) from error


@contextmanager
def problems(url: str) -> Iterator[None]:
    """Tell a driver's error as DatabaseProblem: what is wrong with which database, and what to do."""
    try:
        yield
    except (peewee.PeeweeException, sqlite3.Error, OSError) as error:
        raise problem(url, error) from error


def problem(url: str, error: BaseException) -> DatabaseProblem:
    """What a driver's error means.

    A rollback that fails in its turn (a full disk has rolled back already) hides
    what went wrong first, and that is what counts.
    """
    causes = list(_with_causes(error))
    said = [" ".join(str(one).split()) for one in causes]
    for one, text in zip(reversed(causes), reversed(said), strict=True):
        if state := getattr(one, "sqlstate", None):
            found = _postgres().meaning(state)
            if found is not None:
                what, remedy, passing = found
                return DatabaseProblem(f"database {named(url)} {what}: {remedy} ({text})", passing=passing)
        for needle, what, remedy, passing in COMPLAINTS:
            if needle in text.lower():
                return DatabaseProblem(f"database {named(url)} {what}: {remedy} ({text})", passing=passing)
    return DatabaseProblem(f"database {named(url)} cannot be used ({said[0]})")


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def blames_the_values(error: BaseException) -> bool:
    """Whether a statement failed for what was to be stored, and not for the state of the database."""
    for one in _with_causes(error):
        if state := getattr(one, "sqlstate", None):
            return bool(state.startswith(_postgres().ABOUT_VALUES))
    return isinstance(error, UNSTORABLE)


def run(db: peewee.Database, sql: str, values: Sequence[Any] = ()) -> Any:
    """Run one statement, its values marked `?`, on this thread's connection; the answer is a cursor."""
    if isinstance(db, peewee.SqliteDatabase):
        return db.execute_sql(sql, values)  # type: ignore[no-untyped-call]
    return db.run(sql, values)  # type: ignore[attr-defined]


def recover(db: peewee.Database) -> None:
    """After something failed: a connection that broke, or stands in half a transaction, is not used again."""
    if not isinstance(db, peewee.SqliteDatabase) and not db.is_sound():  # type: ignore[attr-defined]
        db.close()


def begin(db: peewee.Database) -> Any:
    """A writing transaction, as a context manager; one at a time, whoever else writes.

    SQLite takes its write lock at the start: one that began by reading could
    not wait for it. On PostgreSQL an advisory lock stands for that of the file.
    """
    return db.atomic("IMMEDIATE") if isinstance(db, peewee.SqliteDatabase) else db.atomic()


def unhurried(db: peewee.Database) -> AbstractContextManager[None]:
    """For what may take long where a ledger has millions of rows; a server is not asked to give up on it."""
    if isinstance(db, peewee.SqliteDatabase):
        return nullcontext()
    return cast("AbstractContextManager[None]", db.unhurried())  # type: ignore[attr-defined]


def unknown_first(url: str, *, descending: bool) -> str:
    """How to sort so that NULL counts as least of all.

    SQLite does so unasked; asked, it would not use its index.
    """
    if is_sqlite(url):
        return "DESC" if descending else "ASC"
    return "DESC NULLS LAST" if descending else "ASC NULLS FIRST"


def _sqlite(name: str, pragmas: tuple[tuple[str, Any], ...], **options: Any) -> peewee.SqliteDatabase:
    return peewee.SqliteDatabase(
        name, pragmas=pragmas, timeout=BUSY_SECONDS, field_types=SQLITE_TYPES, **options
    )


def _postgres() -> ModuleType:
    """What knows of servers. A driver that is missing is a problem of the installation, and told as one."""
    try:
        from models import postgres
    except ImportError as error:
        raise DatabaseProblem(f"no driver for PostgreSQL: install psycopg[binary] ({error})") from error
    return postgres


def _check_place(url: str) -> None:
    """What SQLite would only call "unable to open"."""
    if not is_sqlite(url):
        return
    path = sqlite_path(url)
    if not path.parent.is_dir():
        raise DatabaseProblem(f"database {path}: its folder does not exist; create {path.parent}")
    if path.is_dir():
        raise DatabaseProblem(f"database {path} is a folder: name a file in [database] url")


def _refuse_readonly(db: peewee.Database, url: str) -> None:
    """One that may only be read opens all the same, and begins a transaction: a statement tells.

    A file that is merely locked passes: whoever writes will wait for it.
    """
    try:
        run(db, 'DELETE FROM "intake" WHERE 1 = 0')
    except peewee.PeeweeException as error:
        if not is_sqlite(url) or not problem(url, error).passing:
            raise


def _missing(runner: Runner, url: str) -> list[str]:
    status = runner.status()
    unknown = [migration.name for migration in status if migration.path is None]
    if unknown:
        raise DatabaseProblem(
            f"database {named(url)} was written by a newer vigil ({', '.join(unknown)}): "
            "run that version, or restore a backup from before the update"
        )
    return [migration.name for migration in status if migration.applied is None]

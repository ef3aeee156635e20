"""How PostgreSQL is spoken to: two kinds of connection, and what its refusals mean.

The writer has one, for as long as it holds. Its transactions stand in line behind
an advisory lock, as SQLite's do behind the lock of the file, and it may wait for
nothing longer than a few seconds: for a lock, for a statement, for a server that
has fallen silent (its own timeouts do not run while it stands still, so ours do).
What is known to take longer is `unhurried`. A server that is asked to forget commits at a crash
(`synchronous_commit = off`) is asked not to.

Questions borrow one, as many at a time as MOST_READERS and no more: two hundred
accounts that ask must not need two hundred connections of a server that has a
hundred. A connection that died while it lay idle is no answer: the question is
put once more, over a new one.

Values go as text without a type, so that the server gives each the type of its
column and one prepared statement serves whatever is NULL; and marks are `$1`,
which the driver need not look for. The two make a large insert ten times as fast.

Only imported where a server is asked for: the driver is an extra.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, cast

import peewee
import psycopg
from psycopg import errors
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict

from core.errors import DatabaseProblem
from models.fields import POSTGRES_TYPES

ADVISORY_LOCK = 0x7669_6769_6C  # "vigil"; it is one database's own
PREPARED = 400  # statements that a writer's connection keeps: every table in every power of two, and to spare
MOST_READERS = 8
WAIT_FOR_READER = 4.0
BOUND = 4.5  # seconds that one answer is waited for; a little longer than the server's own limit

# The address may say otherwise. A host that is silent costs its two seconds before the next one is tried.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 4_000,
    "application_name": "vigil",
}
LIMIT_MS = 4_000  # for one statement

WRITER = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; "
    "SET lock_timeout = {busy}; SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = 10000; "
    # A writer looks up keys and nothing else: by the index, also where nobody has counted the rows yet.
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan"
)
READER = "SET default_transaction_read_only = on; SET lock_timeout = 1000; SET statement_timeout = {limit}"

# By SQLSTATE, the longest beginning first: what it means, what to do, whether it may pass.
STATES = {
    "08": ("lost its connection", "start the server, or correct [database] url", True),
    "25006": ("takes no writes: it is a standby, or set to read-only", "name the primary in [database] url", True),
    "25P03": ("lost its connection", "nothing to do: it is made again", True),
    "26": ("forgets prepared statements", "let its pooler keep sessions, or leave it out", False),
    "28": ("refuses the user or password", "correct [database] url or its password", False),
    "3D": ("does not exist", "create it, or correct [database] url", False),
    "40": ("was written by somebody else at the same time", "nothing to do: it is tried again", True),
    "42501": ("refuses what vigil must do", "grant its role the right to create and write tables there", False),
    "42P": ("is not the ledger it was", "restore a backup", False),
    "53100": ("has no room left on its disk", "free some space; nothing is lost meanwhile", True),
    "53300": ("has no connection left for us", "close others, or raise max_connections", True),
    "53": ("lacks memory or room", "look at the server", True),
    "55P03": ("is locked by another program", "close whatever holds it", True),
    "57014": ("was too slow to answer", "look at the server's load, and at what locks it", True),
    "57P04": ("was dropped", "restore a backup", False),
    "57": ("is starting or shutting down", "nothing to do: it is tried again", True),
    "58": ("cannot be read or written", "look at the server's disk and log", True),
    "XX001": ("is damaged", "restore a backup", False),
    "XX002": ("is damaged", "rebuild its indexes (REINDEX), or restore a backup", False),
}  # fmt: skip

# Of these states a value is the cause, and no server would take it.
ABOUT_VALUES = ("22", "23", "54")


class Server(peewee.PostgresqlDatabase):  # type: ignore[misc]
    """The writer's database, a connection for each thread that writes."""

    def __init__(self, url: str, busy: float) -> None:
        """`busy` is for how many seconds another program's lock is waited for."""
        self._address = address(url)
        self._settings = WRITER.format(busy=round(busy * 1000), limit=LIMIT_MS)
        super().__init__(url, prefer_psycopg3=True, field_types=POSTGRES_TYPES)

    def _connect(self) -> Any:
        connection = connect(self._address, self._settings)
        connection.prepare_threshold, connection.prepared_max = 2, PREPARED
        return connection

    def begin(self, isolation_level: Any = None) -> None:
        """Begin when nobody else is writing: one after the other, also across processes."""
        del isolation_level
        with told():
            self._mine().execute(f"BEGIN; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")

    def run(self, sql: str, values: Sequence[Any]) -> Any:
        """One statement, its values marked `?`; the answer is a cursor."""
        with told():
            return psycopg.RawCursor(self._mine()).execute(numbered(sql), values)

    def _mine(self) -> "Bounded":
        """The connection of this thread, opened where there is none."""
        return cast("Bounded", self.connection())  # type: ignore[no-untyped-call]

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """What is done meanwhile may take as long as it takes."""
        connection = self._mine()
        self.run("SET statement_timeout = 0", ())
        connection.bound = None
        try:
            yield
        finally:
            connection.bound = BOUND
            with suppress(peewee.DatabaseError):  # a transaction that failed takes it back by itself
                self.run(f"SET statement_timeout = {LIMIT_MS}", ())

    def is_sound(self) -> bool:
        """Whether this thread's connection is neither broken nor in the middle of something."""
        return not self.is_closed() and is_idle(self._mine())


class Readers:
    """What all questions of this process to one server share."""

    def __init__(self, url: str) -> None:
        self._address = address(url)
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST_READERS)

    def ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """The rows of one question, its values marked `?`."""
        if not self._room.acquire(timeout=WAIT_FOR_READER):
            raise peewee.OperationalError("too many questions at once: no connection became free")
        try:
            with told():
                return self._ask(numbered(sql), values)
        finally:
            self._room.release()

    def close_idle(self) -> None:
        """Close what nobody is using; the next question connects anew."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(self, sql: bytes, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            used = self._idle.pop() if self._idle else None
        if used is not None:
            try:
                return self._over(used, sql, values)
            except psycopg.OperationalError:
                if not used.closed:
                    raise
                self.close_idle()  # what took this one has taken the others, too
        return self._over(connect(self._address, READER.format(limit=LIMIT_MS)), sql, values)

    def _over(self, connection: "psycopg.Connection[Any]", sql: bytes, values: Sequence[Any]) -> list[Any]:
        try:
            return psycopg.RawCursor(connection).execute(sql, values).fetchall()
        finally:
            if is_idle(connection):
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()


@lru_cache(maxsize=16)
def readers(url: str) -> Readers:
    """The one pool of this process for this address."""
    return Readers(url)


def address(url: str) -> dict[str, Any]:
    """What the driver wants to know; DatabaseProblem for what is no address, without a word of it."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseProblem(
            "[database] url is no address that PostgreSQL understands: write "
            "postgresql://user@host:port/database, special characters as %-codes"
        ) from None
    several = {"target_session_attrs": "read-write"} if "," in str(given.get("host", "")) else {}
    return PATIENCE | several | given


def connect(address: dict[str, Any], settings: str) -> "psycopg.Connection[Any]":
    """A connection that commits by itself, in a session of these settings."""
    connection = Bounded.connect(**address | {"client_encoding": "utf8"}, autocommit=True)
    try:
        connection.adapters.register_dumper(int, Untyped)
        connection.execute(settings.encode())
        encoding = connection.info.parameter_status("server_encoding")
    except BaseException:
        connection.close()
        raise
    if encoding != "UTF8":
        connection.close()
        raise DatabaseProblem(f"the database keeps text as {encoding}: create it with ENCODING 'UTF8'")
    return connection


def is_idle(connection: "psycopg.Connection[Any]") -> bool:
    """Whether it may be used for something new."""
    return connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


class Bounded(psycopg.Connection[Any]):
    """Waits for each answer `bound` seconds and no longer, whatever has become of server and network."""

    bound: float | None = BOUND

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.bound)
        except errors._WaitTimeout:  # noqa: SLF001 (the driver: "callers should convert it to a public one")
            raise psycopg.OperationalError("lost connection: the server does not answer") from None


class Untyped(Dumper):
    """A whole number whose type is that of the column it goes into."""

    oid = 0

    def dump(self, obj: int) -> bytes:
        return str(obj).encode()


@lru_cache(maxsize=1024)
def numbered(sql: str) -> bytes:
    """The same statement with `$1`, `$2` for its marks. No text of ours holds a question mark otherwise."""
    first, *rest = sql.split("?")
    return "".join([first, *(f"${n}{part}" for n, part in enumerate(rest, 1))]).encode()


@contextmanager
def told() -> Iterator[None]:
    """The driver's errors by the names that peewee has for them, as from any other database."""
    try:
        yield
    except psycopg.Error as error:
        kind = next(one.__name__ for one in type(error).__mro__ if hasattr(peewee, one.__name__))
        raise getattr(peewee, kind)(str(error)) from error


def meaning(state: str) -> tuple[str, str, bool] | None:
    """What a SQLSTATE means, what to do, and whether it may pass."""
    return next((STATES[state[:n]] for n in range(5, 1, -1) if state[:n] in STATES), None)

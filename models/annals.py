"""Where the daemon's own history goes: incidents, proofs, transitions, what must be remembered.

An incident is open until it is resolved; said again meanwhile, it is the same
one, counted. What proofs come to, core/coverage decides; a healthy account has
one row of coverage per category.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from operator import attrgetter
from typing import Any, assert_never, get_args

import msgspec
import peewee

from core import coverage
from core.coverage import Piece
from core.incidents import ENDED_BY_A_PERSON
from core.money import plain, plain_or_none
from core.records import (
    Acknowledged,
    ActorEvent,
    ConnectionState,
    DeadLetter,
    Incident,
    Intended,
    Proof,
    Record,
    Remember,
    Severity,
    Traded,
)
from models.database import run
from models.statements import Insert

LISTS: dict[type, tuple[str, tuple[str, ...]]] = {
    ActorEvent: ("actor_events", ActorEvent.__struct_fields__),
    ConnectionState: ("connection_states", ConnectionState.__struct_fields__),
    DeadLetter: ("dead_letters", DeadLetter.__struct_fields__),
}
INTENT = (
    "account", "client_order_id", "category", "symbol", "side", "quantity", "price", "post_only", "closes",
    "wanted_by", "state", "order_id", "why", "sent_at", "created_at", "updated_at",
)  # fmt: skip
TRADE = ("id", "account", "category", "symbol", "state", "detail", "created_at", "updated_at", "seq")
PIECE = ", ".join(f'"{name}"' for name in Piece.__struct_fields__)


def piece_of(row: Sequence[Any]) -> Piece:
    """A row of these columns."""
    since, until, late, *rest = row
    return Piece(since, until, bool(late), *rest)


class Annals:
    """Part of the ledger's transaction: `add` while folding, `flush` before the commit."""

    def __init__(self, db: peewee.Database) -> None:
        self._db = db
        self._lists = {kind: Insert(db, table, columns) for kind, (table, columns) in LISTS.items()}
        self._values = {kind: attrgetter(*columns) for kind, (_table, columns) in LISTS.items()}
        self._memory = Insert(db, "system_state", ("key", "value", "at"), ("key",))
        self._intents = Insert(db, "intents", INTENT, ("account", "client_order_id"), ("created_at",))
        self._trades = Insert(db, "trades", TRADE, ("id",), ("created_at", "seq"))
        self._intended: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._traded: dict[str, tuple[Any, ...]] = {}
        self._rows: dict[type, list[tuple[Any, ...]]] = {kind: [] for kind in LISTS}
        self._remembered: dict[str, tuple[str, str | None, int]] = {}
        self._open: dict[str, tuple[str, str]] = {}  # key -> (text, severity)

    def load(self) -> None:
        """Know the open incidents, and owe nothing: at the start and after a rollback."""
        rows = run(self._db, 'SELECT "key", "text", "severity" FROM "incidents" WHERE "resolved_at" IS NULL')
        self._open = {key: (text, severity) for key, text, severity in rows.fetchall()}
        for owed in (self._remembered, self._intended, self._traded):
            owed.clear()
        for waiting in self._rows.values():
            waiting.clear()

    def add(self, record: Record) -> None:
        match record:
            case ActorEvent() | ConnectionState() | DeadLetter():
                self._rows[type(record)].append(self._values[type(record)](record))
            case Incident():
                self._incident(record)
            case Acknowledged():
                self._acknowledged(record)
            case Proof():
                self._proof(record)
            case Remember():
                self._remembered[record.key] = (record.key, record.value, record.at)
            case Intended(order=order):
                self._intended[order.account, order.client_order_id] = _intent(record)
            case Traded():
                self._traded[record.id] = (
                    record.id, record.account, record.category, record.symbol, record.state, record.detail,
                    record.at, record.at, record.seq,
                )  # fmt: skip
            case _:
                assert_never(record)

    def is_open(self, key: str, text: str | None = None) -> bool:
        """Whether an incident of this key is open, and says just this."""
        return key in self._open and text in (None, self._open[key][0])

    def open_by_severity(self) -> dict[str, int]:
        """How many incidents are open, of every severity."""
        counted = Counter(severity for _, severity in self._open.values())
        return {severity: counted[severity] for severity in get_args(Severity)}

    def flush(self) -> None:
        for kind, waiting in self._rows.items():
            self._lists[kind](waiting)
            waiting.clear()
        self._memory(list(self._remembered.values()))
        self._intents(list(self._intended.values()))
        self._trades(list(self._traded.values()))
        for written in (self._remembered, self._intended, self._traded):
            written.clear()

    def _incident(self, said: Incident) -> None:
        if said.resolved:
            self._end(said.key, said.at)
            return
        self._open[said.key] = (said.text, said.severity)
        self._run(
            'INSERT INTO "incidents" '
            '("key", "kind", "severity", "text", "account", "opened_at", "seen_at", "count") '
            "VALUES (?, ?, ?, ?, ?, ?, ?, 1) "
            'ON CONFLICT ("key") WHERE "resolved_at" IS NULL DO UPDATE SET "text" = excluded."text", '
            '"severity" = excluded."severity", "seen_at" = excluded."seen_at", '
            '"count" = "incidents"."count" + 1',
            (said.key, said.kind, said.severity, said.text, said.account, said.at, said.at),
        )

    def _end(self, key: str, at: int) -> None:
        if self._open.pop(key, None) is not None:
            self._run(
                'UPDATE "incidents" SET "resolved_at" = ?, "seen_at" = ? '
                'WHERE "key" = ? AND "resolved_at" IS NULL',
                (at, at, key),
            )

    def _acknowledged(self, said: Acknowledged) -> None:
        self._run(
            'UPDATE "incidents" SET "acknowledged_at" = ? WHERE "id" = ? AND "acknowledged_at" IS NULL',
            (said.at, said.incident),
        )
        row = self._run(
            'SELECT "key", "kind" FROM "incidents" WHERE "id" = ? AND "resolved_at" IS NULL', (said.incident,)
        ).fetchone()
        if row is not None and row[1] in ENDED_BY_A_PERSON:
            self._end(row[0], said.at)

    def _proof(self, said: Proof) -> None:
        """Replace the rows that the proof touches by what they come to; most often that is one."""
        rows = self._run(
            f'SELECT "id", {PIECE} FROM "coverage" WHERE "account" = ? AND "category" = ? AND "until" >= '  # noqa: S608
            '(SELECT COALESCE(MAX("until"), 0) FROM "coverage" '
            'WHERE "account" = ? AND "category" = ? AND "until" < ?) ORDER BY "since"',
            (said.account, said.category, said.account, said.category, said.since),
        ).fetchall()
        ids = {piece_of(row[1:]): row[0] for row in rows}
        pieces = coverage.add(tuple(ids), said)
        gone = [ids[piece] for piece in ids if piece not in pieces]
        self._replace(said, gone, [piece for piece in pieces if piece not in ids])

    def _replace(self, said: Proof, gone: Sequence[int], new: Sequence[Piece]) -> None:
        for id_, piece in zip_longest(gone, new):
            if piece is None:
                self._run('DELETE FROM "coverage" WHERE "id" = ?', (id_,))
                continue
            values = msgspec.structs.astuple(msgspec.structs.replace(piece, late=int(piece.late)))
            if id_ is None:
                columns = f'"account", "category", {PIECE}'
                marks = ", ".join("?" * (2 + len(values)))
                self._run(
                    f'INSERT INTO "coverage" ({columns}) VALUES ({marks})',  # noqa: S608
                    (said.account, said.category, *values),
                )
            else:
                changes = ", ".join(f"{name} = ?" for name in PIECE.split(", "))
                self._run(f'UPDATE "coverage" SET {changes} WHERE "id" = ?', (*values, id_))  # noqa: S608

    def _run(self, sql: str, values: tuple[Any, ...]) -> Any:
        return run(self._db, sql, values)


def _intent(said: Intended) -> tuple[Any, ...]:
    """The row of an intent, in the order of INTENT."""
    order = said.order
    return (
        order.account, order.client_order_id, order.category, order.symbol, order.side, plain(order.quantity),
        plain_or_none(order.price), int(order.post_only), order.closes,
        said.by, said.state, said.order_id, said.why, said.sent_at, said.at, said.at,
    )  # fmt: skip

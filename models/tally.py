"""How many fills and orders there are, without counting millions each time the ledger is opened.

Counting is exact and takes seconds at millions of rows. So now and then the
numbers are written down, in the same transaction as the rows they speak of,
beside the journal's `seq` at that moment. Since then as many were added as the
journal calls `new`, and those few rows are counted quickly.

What was written down is only ever an older truth: a ledger without it, or one
whose views were replaced (`rebuild` forgets it), is counted in full.
"""

from collections.abc import Mapping

import msgspec
import peewee

from core.records import Remember
from models import database

KEY = "ledger.counted"
EVERY = 10_000
"""Statements after which the numbers are written down anew."""
KINDS = ("fill", "order")


class Tally(msgspec.Struct, frozen=True):
    """The numbers as they were when the journal had come to `seq`."""

    seq: int = 0
    fills: int = 0
    orders: int = 0

    def later(self, seq: int, added: Mapping[str, int]) -> "Tally":
        """The same with what was added by kind until `seq`."""
        fills, orders = (added.get(kind, 0) for kind in KINDS)
        return Tally(seq, self.fills + fills, self.orders + orders)

    def as_record(self, at: int) -> Remember:
        """To be written down with the rows that it counts."""
        return Remember(at, KEY, msgspec.json.encode(self).decode())


def read(db: peewee.Database, newest: int) -> tuple[Tally, int]:
    """The numbers at the journal's newest seq, and up to which seq they are written down."""
    rows = database.run(db, f"SELECT value FROM system_state WHERE key = '{KEY}'").fetchall()  # noqa: S608
    with database.unhurried(db):  # a server that has just started reads all of this from the disk
        if not rows or rows[0][0] is None:
            return Tally(newest, _count(db, "fills"), _count(db, "orders")), 0
        noted = msgspec.json.decode(rows[0][0], type=Tally)
        # both ends, or a server that does not know how few they are reads the whole journal
        few = (
            "SELECT kind, COUNT(*) FROM journal WHERE seq > ? AND seq <= ? AND outcome = 'new' GROUP BY kind"
        )
        return noted.later(newest, dict(database.run(db, few, (noted.seq, newest)).fetchall())), noted.seq


def forget(db: peewee.Database) -> None:
    """The views are about to be replaced: count them next time."""
    database.run(db, f"DELETE FROM system_state WHERE key = '{KEY}'")  # noqa: S608


def _count(db: peewee.Database, table: str) -> int:
    return int(database.run(db, f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608

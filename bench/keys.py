"""What each key of the fills costs, at millions of rows: why the table is as it is.

The same rows, with ids scattered as random ones are, are added to tables that
differ in their keys alone and hold the same two million rows; SQLite, raw
`executemany`, a thousand in a transaction. Each is measured against the table as the
ledger has it, alternating, so that what the machine does meanwhile falls on all.
"""

import itertools
import random
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bench.result import Result

HELD, ADDED, ROUNDS, TOGETHER = 2_000_000, 20_000, 5, 1_000
COLUMNS = (
    "seq INTEGER PRIMARY KEY, account TEXT, category TEXT, symbol TEXT, order_id TEXT, trade_id TEXT, "
    "client_order_id TEXT, traded_at INTEGER, price TEXT, quantity TEXT, fee TEXT, rest TEXT"
)
IDENTITY = "UNIQUE (account, category, symbol, order_id, trade_id)"
TIMES = "(account, symbol, traded_at)"


class Variant(NamedTuple):
    """A table of fills: its constraints, and its further indexes."""

    says: str
    identity: str
    indexes: tuple[str, ...]


OURS = Variant("as it is", IDENTITY, (TIMES,))
OTHERS = (
    Variant("no index of times", IDENTITY, ()),
    Variant("one of times alone, without account and symbol", IDENTITY, ("(traded_at)",)),
    Variant("one of client order ids more", IDENTITY, (TIMES, "(client_order_id)")),
    Variant("the time first in the identity", "UNIQUE (account, traded_at, order_id, trade_id)", (TIMES,)),
)

Row = tuple[object, ...]


def run(*, quick: bool = False) -> list[Result]:
    """How much faster or slower the others are, as ratios to ours."""
    held, rounds = (HELD // 20, 1) if quick else (HELD, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        tables = [_Table(Path(folder) / f"{n}.db", one) for n, one in enumerate((OURS, *OTHERS))]
        for table in tables:
            table.fill(held)
        rates = [[table.add() for table in tables] for _ in range(rounds)]
        for table in tables:
            table.close()
    ours = statistics.median(row[0] for row in rates)
    return [
        Result("keys", f"{other.says}, vs ours", statistics.median(row[n] / row[0] for row in rates), 0, 0,
               "higher", "x", f"{statistics.median(row[n] for row in rates):,.0f} against {ours:,.0f} fills/s")
        for n, other in enumerate(OTHERS, 1)
    ]  # fmt: skip


class _Table:
    def __init__(self, path: Path, variant: Variant) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._variant = variant
        self._rows = rows()
        for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -65536"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(f"CREATE TABLE fills ({COLUMNS}, {variant.identity})")

    def fill(self, count: int) -> None:
        """Sorted by its identity into the index, as a bulk load does; the same rows whatever the keys."""
        self._db.execute("PRAGMA synchronous = off")
        self._put(list(itertools.islice(self._rows, count)))
        for number, index in enumerate(self._variant.indexes):
            self._db.execute(f"CREATE INDEX fills_{number} ON fills {index}")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute("PRAGMA synchronous = full")

    def add(self) -> float:
        """Fills a second."""
        wanted = list(itertools.islice(self._rows, ADDED))
        began = time.perf_counter()
        for first in range(0, ADDED, TOGETHER):
            self._put(wanted[first : first + TOGETHER])
        return ADDED / (time.perf_counter() - began)

    def _put(self, rows: list[Row]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        with closing(self._db.cursor()) as cursor:
            cursor.executemany(f"INSERT INTO fills VALUES ({','.join('?' * len(rows[0]))})", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()


def rows(seed: int = 1) -> Iterator[Row]:
    """Fills of four accounts in four symbols, one every five milliseconds, with random ids."""
    dice = random.Random(seed)
    for seq in itertools.count(1):
        order_id, trade_id = (str(uuid.UUID(int=dice.getrandbits(128))) for _ in range(2))
        yield (
            seq, f"account-{seq % 4}", "linear", ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")[seq // 4 % 4],
            order_id, trade_id, f"c{order_id}", 1_700_000_000_000 + 5 * seq, "60000.5", "0.01", "0.36", "x" * 120,
        )  # fmt: skip

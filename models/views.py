"""The five things the ledger holds a present state of, described once each.

A view says what identifies a thing, how two statements about it are merged
(core decides), and how its row looks in the table. The ledger, the rebuild and
nothing else go through it; neither knows the columns.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import peewee

from core import orders
from core.facts import Balance, CashMove, Fact, Fill, OrderState, Position
from core.merge import Merged, merge_balance, merge_cash, merge_fill, merge_position
from core.money import plain
from models import tables
from models.fields import AmountField
from models.statements import Insert, Row, Select

SLACK = 0.125  # of its room that a shelf may exceed it

Key = tuple[str, ...]


class Held(msgspec.Struct, gc=False):
    """What is known of one thing, and where it came from.

    `confirmed_at` is the newest exchange time at which the state was stated,
    whether or not that changed anything; it is not stored. `source` is that of
    the first report and is kept for what happens once. `seq` is the journal row
    that it was first reported in, `last_seq` that of its last change. There are
    thousands of these, none in a cycle: the garbage collector need not look.
    """

    fact: Any
    exchange: str
    seq: int
    last_seq: int
    source: str = ""
    stream_seq: int = 0
    recorded_at: int = 0
    confirmed_at: int | None = None

    def overtook(self, source: str, fence: int | None) -> bool:
        """Whether the stream spoke of this after the request that this answers was made."""
        return source != "stream" and fence is not None and self.stream_seq > fence

    def standing(self, source: str, fence: int | None) -> "Standing":
        """How a statement of this source, asked for at `fence`, stands to what the stream said."""
        if source == "stream":
            return STREAMED
        late = self.overtook(source, fence)
        return Standing(late, settled=source == "audit" and fence is not None and not late)


class Standing(NamedTuple):
    """What core/merge must know of where a statement comes from; its rules 3 and 4."""

    late: bool = False
    settled: bool = False


STREAMED = Standing()


# Category, symbol, key and exchange time: where the journal files a statement.
Place = tuple[str | None, str | None, str, int | None]
Merge = Callable[[Held | None, Any, Standing], Merged[Any]]


class View:
    """One kind of thing: its identity, its merging, its table."""

    def __init__(
        self,
        kind: str,
        fact_type: type[Fact],
        model: type[peewee.Model],
        *,
        identity: tuple[str, ...],
        journal: Callable[[Any], Place],
        merge: Merge,
        once: bool = False,
    ) -> None:
        self.kind = kind
        self.fact_type = fact_type
        self.identity = identity
        self.journal = journal
        self.merge = merge
        self.once = once
        fields = fact_type.__struct_fields__
        self._kept = (
            ("seq", "last_seq", "recorded_at", "source") if once else ("seq", "stream_seq", "recorded_at")
        )
        self.columns = ("account", "exchange", *fields, *self._kept)
        self._facts = attrgetter(*fields)
        self._ids = attrgetter(*identity)
        meta: Any = model._meta  # type: ignore[attr-defined]  # noqa: SLF001 (peewee's public name for it)
        self.table: str = meta.table_name
        self._amounts = [
            n for n, name in enumerate(self.columns) if isinstance(meta.fields[name], AmountField)
        ]
        self._end = 2 + len(fields)

    def key(self, account: str, fact: Any) -> Key:
        ids = self._ids(fact)
        return (account, ids) if isinstance(ids, str) else (account, *ids)

    def row(self, key: Key, held: Held) -> list[Any]:
        """The table's row, in the order of `columns`."""
        values = [key[0], held.exchange, *self._facts(held.fact)]
        for n in self._amounts:
            if (amount := values[n]) is not None:
                values[n] = plain(amount)
        if self.once:
            values += (held.seq, held.last_seq, held.recorded_at, held.source)
        else:
            values += (held.last_seq, held.stream_seq, held.recorded_at)
        return values

    def held(self, row: Row) -> tuple[Key, Held]:
        """The other way round."""
        values = list(row)
        for n in self._amounts:
            if values[n] is not None:
                values[n] = Decimal(values[n])
        fact: Any = self.fact_type(*values[2 : self._end])
        kept = values[self._end :]
        held = Held(fact, values[1], seq=kept[0], last_seq=kept[0])
        if self.once:
            _seq, held.last_seq, held.recorded_at, held.source = kept
        else:
            _seq, held.stream_seq, held.recorded_at = kept
        return self.key(values[0], fact), held

    def insert(self, db: peewee.Database) -> Insert:
        return Insert(db, self.table, self.columns, ("account", *self.identity))

    def select(self, db: peewee.Database) -> Select:
        return Select(db, self.table, self.columns, ("account", *self.identity))


def _fill(held: Held | None, fact: Fill, _standing: Standing) -> Merged[Fill]:
    return merge_fill(held.fact if held else None, fact)


def _order(held: Held | None, fact: OrderState, standing: Standing) -> Merged[OrderState]:
    return orders.merge(held.fact if held else None, fact, late=standing.late)


def _balance(held: Held | None, fact: Balance, standing: Standing) -> Merged[Balance]:
    if held is None:
        return merge_balance(None, fact)
    return merge_balance(
        held.fact, fact, confirmed=held.confirmed_at, late=standing.late, settled=standing.settled
    )


def _position(held: Held | None, fact: Position, standing: Standing) -> Merged[Position]:
    if held is None:
        return merge_position(None, fact)
    return merge_position(
        held.fact, fact, confirmed=held.confirmed_at, late=standing.late, settled=standing.settled
    )


def _cash(held: Held | None, fact: CashMove, _standing: Standing) -> Merged[CashMove]:
    return merge_cash(held.fact if held else None, fact)


FILLS = View(
    "fill",
    Fill,
    tables.Fill,
    identity=("category", "symbol", "order_id", "trade_id"),
    journal=attrgetter("category", "symbol", "trade_id", "traded_at"),
    merge=_fill,
    once=True,
)
ORDERS = View(
    "order",
    OrderState,
    tables.Order,
    identity=("category", "symbol", "order_id"),
    journal=attrgetter("category", "symbol", "order_id", "updated_at"),
    merge=_order,
)
BALANCES = View(
    "balance",
    Balance,
    tables.Balance,
    identity=("asset",),
    journal=lambda fact: (None, None, fact.asset, fact.updated_at),
    merge=_balance,
)
POSITIONS = View(
    "position",
    Position,
    tables.Position,
    identity=("category", "symbol", "side"),
    journal=attrgetter("category", "symbol", "side", "updated_at"),
    merge=_position,
)
CASH = View(
    "cash",
    CashMove,
    tables.CashMove,
    identity=("id",),
    journal=lambda fact: (None, None, fact.id, fact.at),
    merge=_cash,
    once=True,
)

ALL = (FILLS, ORDERS, BALANCES, POSITIONS, CASH)
BY_FACT: dict[type, View] = {view.fact_type: view for view in ALL}


class Folded:
    """Things of one view as far as statements about them were taken in."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.cache: dict[Key, Held] = {}
        self.touched: dict[Key, Held] = {}

    def apply(self, key: Key, row: Any, *, exchange: str, source: str, seq: int, recorded_at: int) -> None:
        """The journal row `seq` made the thing what it is now."""
        held = self.cache.get(key)
        if held is None:
            held = self.cache[key] = Held(row, exchange, seq, seq, source)
            held.recorded_at = recorded_at
        held.fact = row
        held.last_seq = seq
        if source == "stream":
            held.stream_seq = seq
        if not self.view.once:
            held.recorded_at = recorded_at
        self.touched[key] = held

    def refold(
        self,
        fact: Any,
        *,
        account: str,
        exchange: str,
        source: str,
        fence: int | None,
        seq: int,
        recorded_at: int,
    ) -> tuple[Merged[Any], bool]:
        """Take a journalled statement in again; the second value says whether it changed what is held."""
        key = self.view.key(account, fact)
        held = self.cache.get(key)
        standing = held.standing(source, fence) if held is not None else STREAMED
        merged = self.view.merge(held, fact, standing)
        moved = held is None or merged.row is not held.fact
        self.apply(key, merged.row, exchange=exchange, source=source, seq=seq, recorded_at=recorded_at)
        return merged, moved


class Shelf(Folded):
    """What the writer has at hand of one view: a bounded cache, and the rows it has touched."""

    def __init__(self, view: View, db: peewee.Database, room: int) -> None:
        super().__init__(view)
        self._room = room
        self._insert = view.insert(db)
        self._select = view.select(db)

    def fetch(self, keys: Iterable[Key]) -> None:
        """Bring the rows of these keys into the cache, as far as there are any."""
        for row in self._select(keys):
            key, held = self.view.held(row)
            self.cache[key] = held

    def flush(self) -> None:
        """Write the touched rows, each once however often it was touched."""
        row = self.view.row
        self._insert([row(key, held) for key, held in self.touched.items()])

    def settle(self) -> None:
        """After the commit: nothing is owed, and the oldest entries beyond the room go.

        Many at once, now and then: to find the oldest costs as much as all that went before them.
        """
        self.touched.clear()
        surplus = len(self.cache) - self._room
        if surplus > self._room * SLACK:
            for key in list(islice(self.cache, surplus)):
                del self.cache[key]

    def drop(self) -> None:
        """After a rollback: nothing in here can be trusted."""
        self.cache.clear()
        self.touched.clear()

"""What REST answers have shown so far: each order and each execution once, and the facts of it all.

Unknown keys are ignored here: the stream tells of news. A row that cannot be read
makes the whole answer Unreadable, for half an answer proves nothing; a word that
we do not know is told beside the facts.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from core.errors import Unreadable
from core.facts import Fact, Position, Unrecognised
from core.money import EXACT
from core.orders import FINAL
from exchanges.bybit.rows import ExecutionRow, OrderRow, PositionRow, Row
from exchanges.bybit.stating import states
from exchanges.bybit.words import OF_AN_ORDER, STATUSES, Notes, amount, milliseconds

ZERO = Decimal(0)
_MOST = 12  # notes that one answer may bring

Name = tuple[str, str, str]  # category, symbol, order id


class Found:
    """The rows of many answers."""

    def __init__(self) -> None:
        self.orders: dict[Name, OrderRow] = {}
        self.executions: dict[tuple[Name, str], ExecutionRow] = {}
        self.positions: list[PositionRow] = []

    def keep_orders(self, rows: Iterable[OrderRow]) -> None:
        """Histories lag behind the open ones: of two statements about an order the later stays."""
        for row in rows:
            before = self.orders.get(name_of(row))
            if before is None or _age(row) >= _age(before):
                self.orders[name_of(row)] = row

    def keep_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """The same execution may stand on two pages, and in two windows."""
        for row in rows:
            self.executions[name_of(row), row.exec_id or ""] = row

    def orders_in(self, category: str) -> dict[Name, OrderRow]:
        return {name: row for name, row in self.orders.items() if name[0] == category}

    def executed(self, category: str) -> dict[Name, Decimal]:
        """How much of each order these executions make up; only what belongs to an order."""
        sums: dict[Name, Decimal] = defaultdict(Decimal)
        for (name, _), row in self.executions.items():
            if name[0] == category and row.exec_type in OF_AN_ORDER:
                sums[name] = EXACT.add(sums[name], exact(row.exec_qty, "execQty"))
        return sums

    def facts(self) -> tuple[Fact, ...]:
        """All that these rows state. Of positions the open ones only: see `history` for the others."""
        notes = Notes()
        facts: list[Fact] = []
        rows: list[Row] = [*self.orders.values(), *self.executions.values(), *self.positions]
        for row in rows:
            facts += (fact for fact in states(row, notes) if not isinstance(fact, Position) or fact.size)
        return (*facts, *noted(notes))

    def last_seen(self, category: str, now: int) -> int | None:
        """When something last happened in this market; an open order or position is happening now."""
        times = [
            _at(row.updated_time) if STATUSES.get(row.order_status) in FINAL else now
            for row in self.orders_in(category).values()
        ]
        times += [_at(row.exec_time) for (name, _), row in self.executions.items() if name[0] == category]
        times += [now for row in self.positions if row.category == category and exact(row.size, "size")]
        return max(times, default=None)


def name_of(row: OrderRow | ExecutionRow) -> Name:
    return row.category or "", row.symbol or "", row.order_id or ""


def filled(row: OrderRow) -> Decimal:
    """How much of it is filled, as far as is said."""
    return exact(row.cum_exec_qty, "cumExecQty")


def exact(text: str | None, name: str) -> Decimal:
    """An amount that counts as nothing where it is not said; raises Unreadable where it is none."""
    notes = Notes()
    value = amount(text, name, notes)
    noted(notes)
    return value or ZERO


def noted(notes: Notes) -> tuple[Fact, ...]:
    """What is odd about an answer that can be read; raises Unreadable for one that cannot."""
    if notes.trouble:
        raise Unreadable("; ".join(notes.trouble[:_MOST]))
    return (Unrecognised("answer", "; ".join(notes.unknown[:_MOST])),) if notes.unknown else ()


def _age(row: OrderRow) -> tuple[int, Decimal, bool]:
    return _at(row.updated_time), filled(row), STATUSES.get(row.order_status) in FINAL


def _at(text: str | None) -> int:
    return milliseconds(text) or 0

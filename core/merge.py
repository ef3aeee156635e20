"""How a statement about a fill, a balance, a position or a cash movement joins what is known.

Statements come twice, late and out of order, from the stream and from REST. The
rules, in words:

1. A fill or a cash movement happened once and never changes. Unknown may become
   known; a known value never changes; a statement that says otherwise is
   `contradicted`, and the row stays as it was.
2. A balance or a position is absolute and goes by time: a statement older than
   the newest one seen about the same thing is `stale`. That newest one may have
   brought no change, so its time is handed in as `confirmed`.
3. A REST answer that was asked for before the last change by the stream (`late`)
   and says something else is `stale`, whatever its time says: exchanges stamp
   answers, not the rows in them.
4. An audit (`settled`) leaves out what the stream spoke of in the last seconds, so
   no lag explains a difference that it finds: what it says holds, whatever its
   time says. Otherwise a clock of the exchange that was set back would leave a
   wrong row for ever, for nothing said since then could be newer.
5. A balance is one statement: what it does not mention is unknown now, not as
   before. Of a position only what is mentioned changes.
6. `news` marks what the ledger did not know to have happened. To complete a row,
   or to revalue a position at a new price, is a change but no news: it proves no
   gap in what the stream delivered.

Orders have rules of their own (core/orders). Nothing here knows where the rows
are kept.
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec

from core.facts import Balance, CashMove, Fill, Position
from core.money import total_of

Outcome = Literal["new", "changed", "same", "stale", "impossible", "contradicted"]
F = TypeVar("F")

FILL_FIXED = ("side", "price", "quantity", "traded_at", "fee", "fee_asset", "liquidity")
CASH_FIXED = ("asset", "amount", "kind", "at")
POSITION_CORE = ("size", "entry_price", "leverage")
POSITION_VALUATION = ("liquidation_price", "unrealised_pnl")


class Merged(msgspec.Struct, Generic[F], frozen=True, gc=False):
    """What a statement did: the row as it is now, and the fields that disagreed."""

    outcome: Outcome
    row: F
    conflicts: tuple[str, ...] = ()
    news: bool = False


def conflicting(row: Any, fact: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of which both know a value, and not the same one."""
    found = []
    for name in names:
        known, said = getattr(row, name), getattr(fact, name)
        if known != said and known is not None and said is not None:
            found.append(name)
    return tuple(found)


def completing(row: Any, fact: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What the fact knows and the row does not."""
    return {
        name: said
        for name in names
        if getattr(row, name) is None and (said := getattr(fact, name)) is not None
    }


def merge_fill(row: Fill | None, fact: Fill) -> Merged[Fill]:
    """Rule 1. An amend may rename an order, so another client order id is no contradiction.

    `trade` is what an exchange says that does not tell the kinds apart: the
    particular kind is kept.
    """
    if row is None:
        return Merged("new", fact, news=True)
    conflicts = conflicting(row, fact, FILL_FIXED)
    changes = completing(row, fact, (*FILL_FIXED, "client_order_id"))
    if fact.kind not in ("trade", row.kind):
        if row.kind == "trade":
            changes["kind"] = fact.kind
        else:
            conflicts += ("kind",)
    return _immutable(row, conflicts, changes)


def merge_cash(row: CashMove | None, fact: CashMove) -> Merged[CashMove]:
    """Rule 1."""
    if row is None:
        return Merged("new", fact, news=True)
    return _immutable(row, conflicting(row, fact, CASH_FIXED), {})


def merge_balance(
    row: Balance | None,
    fact: Balance,
    *,
    confirmed: int | None = None,
    late: bool = False,
    settled: bool = False,
) -> Merged[Balance]:
    """Rules 2 to 5."""
    if row is None:
        return Merged("new", fact, news=True)
    if not settled and _is_older(fact.updated_at, row.updated_at, confirmed):
        return Merged("stale", row)
    if _same_balance(row, fact):
        return Merged("same", row)
    return Merged("stale", row) if late else Merged("changed", fact, news=True)


def merge_position(
    row: Position | None,
    fact: Position,
    *,
    confirmed: int | None = None,
    late: bool = False,
    settled: bool = False,
) -> Merged[Position]:
    """Rules 2 to 6."""
    if row is None:
        return Merged("new", fact, news=True)
    if not settled and _is_older(fact.updated_at, row.updated_at, confirmed):
        return Merged("stale", row)
    changes = _said(row, fact, POSITION_CORE)
    news = bool(changes)
    changes |= _said(row, fact, POSITION_VALUATION)
    if not changes:
        return Merged("same", row)
    if late:
        return Merged("stale", row)
    if fact.size == 0:
        return Merged("changed", fact, news=news)
    changes |= _said(row, fact, ("updated_at",))
    return Merged("changed", msgspec.structs.replace(row, **changes), news=news)


def _immutable(row: F, conflicts: tuple[str, ...], changes: dict[str, Any]) -> Merged[F]:
    if conflicts:
        return Merged("contradicted", row, conflicts)
    if changes:
        return Merged("changed", msgspec.structs.replace(row, **changes))  # type: ignore[type-var]
    return Merged("same", row)


def _is_older(said_at: int | None, changed_at: int | None, confirmed: int | None) -> bool:
    """Whether a time is known that this statement lies behind."""
    if said_at is None:
        return False
    return any(known is not None and said_at < known for known in (changed_at, confirmed))


def _same_balance(row: Balance, fact: Balance) -> bool:
    """Equal in parts, or in total where one of the two knows nothing finer."""
    if None not in (row.free, row.locked, fact.free, fact.locked):
        return (row.free, row.locked) == (fact.free, fact.locked)
    if fact.free is None and fact.locked is None:
        return fact.total == total_of(row.free, row.locked, row.total)
    return (row.free, row.locked, row.total) == (fact.free, fact.locked, fact.total)


def _said(row: Any, fact: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What the fact mentions and the row has otherwise."""
    return {
        name: said
        for name in names
        if (said := getattr(fact, name)) is not None and said != getattr(row, name)
    }

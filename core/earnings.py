"""What trades earned, net of all fees, in the quote asset.

1. Realised is what the sold units of a trade brought, less the fees of their sale,
   less the cost of all units that left (core/profit, rule 2). It is not known as long
   as a fee of it is not known, and then it is not 0.
2. Unrealised is what the units that have not left would bring at a price, less the
   fee of selling them at it (one in units is worth them at that price), less their
   cost. The dust has it too.
3. Every unit's cost is in exactly one of the two, so realised and the cost of what is
   still held, together, are the money that went and came.
4. A trade counts on the day (UTC) on which its last unit was sold, in its symbol;
   what is not finished counts on none. Amounts of different quote assets are never
   added up.
5. The curve has a point where a trade counts: what the trades up to then have earned
   together. Its last point and the sums by day say the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from core.lots import FINISHED, Lot
from core.money import EXACT, add, plain, plain_or_none
from core.profit import ONE, Holding, Rate, Unknown, bought


class Earned(msgspec.Struct, frozen=True, gc=False):
    """The sold part of a trade: `proceeds` before `fees`, both in the quote asset as is `cost`."""

    units: Decimal
    proceeds: Decimal
    fees: Decimal
    cost: Decimal

    @property
    def profit(self) -> Decimal:
        return EXACT.subtract(EXACT.subtract(self.proceeds, self.fees), self.cost)


def realised(lot: Lot) -> Earned | None:
    """What was sold of a trade so far; None while a fee of it is not known."""
    sold = [one for sell in lot.sells for one in sell.sold]
    charged = [one.charged for one in sold if one.charged is not None]
    if len(charged) < len(sold):
        return None
    gone = lot.consumed
    return Earned(
        units=gone.units,
        proceeds=add(EXACT.multiply(one.fill.price, one.fill.quantity) for one in sold),
        fees=add(fee.quote for fee in charged),
        cost=gone.cost,
    )


def held(lot: Lot, values: Mapping[str, Decimal]) -> Holding | None:
    """What of a trade is not sold and not dust; None while its purchase cannot be booked.

    `values` are prices of third assets in the quote asset, as in core/profit.
    """
    if lot.holding is not None:
        return Holding() if lot.state in FINISHED else lot.left
    own = bought(lot.bought, lot.pair, values)
    return None if isinstance(own, Unknown) else own


def unrealised(holding: Holding, price: Decimal | None, rate: Rate) -> Decimal | None:
    """What a holding would earn if it were sold at that price (rule 2); None where there is no price."""
    if price is None:
        return None
    kept = EXACT.subtract(ONE, EXACT.add(rate.units, rate.quote))
    return EXACT.subtract(EXACT.multiply(EXACT.multiply(holding.units, price), kept), holding.cost)


By = Literal["day and symbol", "day", "symbol"]


def summary(lots: Iterable[Lot], by: By = "day and symbol") -> list[dict[str, Any]]:
    """One row for each account, quote asset, and day or symbol or both, in their order (rule 4).

    `trades` counts the finished ones that sold anything; `unknown` those of them whose
    profit is not known, which is in no sum. What a row is not of is None.
    """
    found: dict[tuple[str | None, ...], list[Earned | None]] = {}
    for at, lot in _counted(lots):
        when = None if by == "symbol" else day(at)
        where = (None, None) if by == "day" else (lot.bought.category, lot.bought.symbol)
        found.setdefault((lot.account, when, *where, lot.pair[1]), []).append(realised(lot))
    in_order = sorted(found.items(), key=lambda item: [name or "" for name in item[0]])
    return [_row(place, earned) for place, earned in in_order]


def curve(lots: Iterable[Lot], since: int = 0) -> list[dict[str, Any]]:
    """What was earned over time, oldest first: a point for each trade that counts (rule 5).

    `total` is the sum in this quote asset from `since` (ms) to this point; a trade whose
    `profit` is not known is not in it, and is one of the `unknown` so far.
    """
    totals: dict[str, tuple[Decimal, int]] = {}
    points: list[dict[str, Any]] = []
    for at, lot in sorted(_counted(lots), key=lambda one: (one[0], one[1].id)):
        if at < since:
            continue
        quote, earned = lot.pair[1], realised(lot)
        profit = None if earned is None else earned.profit
        total, unknown = totals.get(quote, (Decimal(0), 0))
        totals[quote] = (total, unknown + 1) if profit is None else (EXACT.add(total, profit), unknown)
        points.append(_point(at, lot, profit, *totals[quote]))
    return points


def _counted(lots: Iterable[Lot]) -> Iterator[tuple[int, Lot]]:
    """The finished trades that sold anything, each with when its last unit was sold."""
    for lot in lots:
        at = max((one.fill.traded_at for sell in lot.sells for one in sell.sold), default=None)
        if lot.state in FINISHED and at is not None:
            yield at, lot


def _point(at: int, lot: Lot, profit: Decimal | None, total: Decimal, unknown: int) -> dict[str, Any]:
    return {
        "at": at,
        "id": lot.id,
        "account": lot.account,
        "symbol": lot.bought.symbol,
        "profit": plain_or_none(profit),
        "total": plain(total),
        "unknown": unknown,
        "quote": lot.pair[1],
    }


def day(at: int) -> str:
    """The day (UTC) of a time in ms."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def _row(place: tuple[str | None, ...], earned: list[Earned | None]) -> dict[str, Any]:
    known = [one for one in earned if one is not None]
    sums = {
        name: plain(add(getattr(one, name) for one in known))
        for name in ("units", "proceeds", "fees", "cost", "profit")
    }
    names = ("account", "day", "category", "symbol", "quote")
    return {
        **dict(zip(names, place, strict=True)),
        "trades": len(earned),
        "unknown": len(earned) - len(known),
        **sums,
    }

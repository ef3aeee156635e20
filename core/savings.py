"""How much was traded as maker, and what that saved against trading as taker.

1. What is traded is worth price × quantity in the quote asset. That is known of a spot
   or linear fill whose symbol names two assets (core/fees, rule 4), of no other contract.
2. The maker's share is of what was traded by fills that say whether they were maker's or
   taker's. The others are counted as `unknown`, and in no sum.
3. A maker's fill saved what a taker would have been charged, rate × worth, less what it
   was charged itself; a rebate adds to that, and a taker's fill saved nothing. The rate is
   the taker's of that account, symbol and moment as the exchange named it (core/fee_rates).
4. Where that rate is not known, the saving is not, and is not 0. Neither is it of a fill
   that is charged in a third asset: that goes with a discount, of which the rate knows
   nothing. Such fills are counted as `unproven`, and a total of nothing but these is unknown.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from core.fees import Charge, Pair, Row
from core.money import EXACT, plain, plain_or_none

_WORTH_IS_KNOWN = frozenset({"spot", "linear"})
ZERO = Decimal(0)


class Saving(NamedTuple):
    """Of one fill: what it traded, in which asset, and what it saved. None is not known."""

    volume: Decimal | None
    quote: str | None
    saved: Decimal | None


def saving(fill: Row, one: Charge, pair: Pair | None, taker: Decimal | None) -> Saving:
    """What a fill (a row of `fills`) saved, by the taker's rate of its moment."""
    if pair is None or fill["category"] not in _WORTH_IS_KNOWN:
        return Saving(None, None, None)
    volume = EXACT.multiply(Decimal(fill["price"]), Decimal(fill["quantity"]))
    return Saving(volume, pair[1], _saved(fill["liquidity"], one, pair, volume, taker))


def _saved(
    liquidity: str | None, one: Charge, pair: Pair, volume: Decimal, taker: Decimal | None
) -> Decimal | None:
    if liquidity == "taker":
        return ZERO
    if liquidity != "maker" or taker is None or one.worth is None or one.asset not in pair:
        return None
    return EXACT.subtract(EXACT.multiply(taker, volume), one.worth)


class _Total:
    def __init__(self) -> None:
        self.fills = self.unknown = self.unproven = self.last_at = 0
        self.volume = self.maker = ZERO
        self.saved: Decimal | None = None

    def add(self, fill: Row, one: Saving) -> None:
        self.fills += 1
        self.last_at = max(self.last_at, fill["traded_at"])
        if one.volume is None or fill["liquidity"] is None:
            self.unknown += 1
            return
        self.volume = EXACT.add(self.volume, one.volume)
        if fill["liquidity"] == "maker":
            self.maker = EXACT.add(self.maker, one.volume)
        if one.saved is None:
            self.unproven += 1
        else:
            self.saved = EXACT.add(self.saved or ZERO, one.saved)

    def row(self) -> dict[str, Any]:
        is_known = self.fills > self.unknown
        return {
            "fills": self.fills,
            "unknown": self.unknown,
            "volume": plain(self.volume) if is_known else None,
            "maker": plain(self.maker) if is_known else None,
            "maker_pct": float(self.maker / self.volume * 100) if self.volume else None,
            "saved": plain_or_none(self.saved),
            "unproven": self.unproven,
            "last_at": self.last_at,
        }


def shares(saved: Iterable[tuple[Row, Saving]]) -> list[Row]:
    """One row for each account and quote asset, in their order, what is not known last.

    `maker_pct` is for the eye: the one figure that is not exact.
    """
    found: dict[tuple[Any, ...], _Total] = {}
    for fill, one in saved:
        place = (fill["account"], fill["exchange"], one.quote)
        found.setdefault(place, _Total()).add(fill, one)
    names = ("account", "exchange", "quote")
    in_order = sorted(found.items(), key=lambda item: [(name is None, name) for name in item[0]])
    return [{**dict(zip(names, place, strict=True)), **total.row()} for place, total in in_order]

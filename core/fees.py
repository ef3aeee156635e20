"""What trading cost: fees as they were taken, their totals, and what they were worth.

1. A fee is positive where it was paid and negative where it was received (a
   rebate); sums are exact, and only of fees in the same asset.
2. A fee that is not known is counted as that. It is never taken for nothing: a
   total of which no fee is known is not known either.
3. What a fee was worth in the quote asset of its trade is said only where the
   ledger proves it: a fee in the quote asset is worth itself; one in the base
   asset what the trade itself paid for it; one in a third asset (BNB, MNT, CRO)
   what another fill of the same exchange, at its spot market of that asset and
   the quote asset, paid within the same minute, the nearest in time of several.
   Nothing is worth nothing at any price. Every other worth is not known.
4. Which two assets a symbol names is not written in it: BTCUSDT may be BTC and
   USDT. It is known where exactly one way of parting it names two assets that
   the exchange has ever listed in a balance; a contract of another form has none.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from core.money import EXACT, plain, plain_or_none

MINUTE_MS, DAY_MS = 60_000, 86_400_000
KEYS = ("fill", "day", "symbol", "order", "asset", "account")

Pair = tuple[str, str]
Row = dict[str, Any]


class Quoted(NamedTuple):
    """What an asset was traded for, and when (ms)."""

    price: Decimal
    at: int


class Charge(NamedTuple):
    """The fee of one fill, and its worth as far as that is proven; `amount` None is not known."""

    amount: Decimal | None
    asset: str | None
    worth: Decimal | None
    worth_in: str | None


Prices = Callable[[Row, str, str], Sequence[Quoted]]
"""The spot trades of an asset for another in the minute of a fill."""


def parted(symbol: str, assets: Collection[str]) -> Pair | None:
    """Base and quote of a symbol (rule 4)."""
    parts = re.split(r"[-_/]", symbol)
    ways = (
        [(symbol[:n], symbol[n:]) for n in range(1, len(symbol))]
        if len(parts) == 1
        else [(parts[0], parts[1])]
        if len(parts) == 2
        else []
    )
    known = [(base, quote) for base, quote in ways if base in assets and quote in assets]
    return known[0] if len(known) == 1 else None


def spellings(base: str, quote: str) -> tuple[str, ...]:
    """The symbols that `parted` would read as these two."""
    return tuple(f"{base}{sign}{quote}" for sign in ("", "-", "_", "/"))


def charge(fill: Row, pair: Pair | None, prices: Prices) -> Charge:
    """The fee of a fill (a row of `fills`) with what it was worth; `pair` is what its symbol names."""
    amount = None if fill["fee"] is None else Decimal(fill["fee"])
    asset = fill["fee_asset"]
    if amount is None or pair is None:
        return Charge(amount, asset, None, None)
    base, quote = pair
    if not amount or asset == quote:
        return Charge(amount, asset, amount, quote)
    price = Decimal(fill["price"]) if asset == base else _nearest(fill, prices, asset, quote)
    return Charge(amount, asset, None, None) if price is None else _worth(amount, asset, price, quote)


def _worth(amount: Decimal, asset: str, price: Decimal, quote: str) -> Charge:
    return Charge(amount, asset, EXACT.multiply(amount, price), quote)


def _nearest(fill: Row, prices: Prices, asset: str | None, quote: str) -> Decimal | None:
    known = prices(fill, asset, quote) if asset else ()
    return min(known, key=lambda one: abs(one.at - fill["traded_at"])).price if known else None


class _Total:
    """What is added up under one key."""

    def __init__(self) -> None:
        self.fills = self.unknown = self.unproven = self.last_at = 0
        self.fee: Decimal | None = None
        self.worth: dict[str, Decimal] = {}

    def add(self, fill: Row, one: Charge) -> None:
        self.fills += 1
        self.last_at = max(self.last_at, fill["traded_at"])
        if one.amount is None:
            self.unknown += 1
        else:
            self.fee = EXACT.add(self.fee or Decimal(0), one.amount)
        if one.worth is None or one.worth_in is None:
            self.unproven += one.amount is not None
        else:
            self.worth[one.worth_in] = EXACT.add(self.worth.get(one.worth_in, Decimal(0)), one.worth)

    def row(self) -> Row:
        return {
            "fee": plain_or_none(self.fee),
            "fills": self.fills,
            "unknown": self.unknown,
            "worth": {asset: plain(amount) for asset, amount in sorted(self.worth.items())},
            "unproven": self.unproven,
            "last_at": self.last_at,
        }


def totals(charged: Iterable[tuple[Row, Charge]], by: str) -> list[Row]:
    """One row for each account, key and fee asset, in their order, what is not known last.

    `key` is the day (UTC), symbol, order id or asset, `unknown` the number of fills
    whose fee is not known, `worth` the sums by quote asset, `unproven` the number of
    known fees that are not in them.
    """
    found: dict[tuple[Any, ...], _Total] = {}
    for fill, one in charged:
        place = (fill["account"], fill["exchange"], *_key(fill, one, by), one.asset)
        found.setdefault(place, _Total()).add(fill, one)
    names = ("account", "exchange", "category", "symbol", "key", "fee_asset")
    in_order = sorted(found.items(), key=lambda item: [(name is None, name) for name in item[0]])
    return [{**dict(zip(names, place, strict=True)), **total.row()} for place, total in in_order]


def _key(fill: Row, one: Charge, by: str) -> tuple[str | None, str | None, str | None]:
    """Category and symbol where the key belongs to one, and the key."""
    match by:
        case "day":
            return None, None, _day(fill["traded_at"] // DAY_MS)
        case "symbol":
            return fill["category"], fill["symbol"], fill["symbol"]
        case "order":
            return fill["category"], fill["symbol"], fill["order_id"]
        case "asset":
            return None, None, one.asset
    raise AssertionError(f"fees by {by} are offered and not added up")


@lru_cache(maxsize=10_000)
def _day(number: int) -> str:
    """That many days after the first of 1970, UTC."""
    return f"{datetime.fromtimestamp(number * DAY_MS / 1000, UTC):%Y-%m-%d}"


def told(fill: Row, one: Charge) -> Row:
    """The fee of one fill as it was sent, and its worth."""
    names = ("traded_at", "account", "exchange", "category", "symbol", "order_id", "trade_id")
    sent: Mapping[str, Any] = {"fee": plain_or_none(one.amount), "fee_asset": one.asset}
    return {
        "fill_seq": fill["seq"],
        **{name: fill[name] for name in names},
        **sent,
        "worth": plain_or_none(one.worth),
        "worth_in": one.worth_in,
    }

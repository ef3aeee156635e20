"""What Binance lets be traded, and in which steps: exchangeInfo as our Instruments (filters.md, 2026-07-21).

* Every filter is optional, and a 0 in one switches that part of it off: None.
* A tick or a step that is switched off leaves the precision of the asset, beyond
  which digits are refused (-1111).
* Where two filters say the same thing (MIN_NOTIONAL and NOTIONAL, PERCENT_PRICE and
  its twin by side) both hold, so the narrower bound of the two counts.
* Binance.US counts ticks from the least price (2023 text). Where that is a multiple
  of the tick it is the same; an instrument of which it is not cannot be stated.
* MAX_POSITION and MAX_ASSET go by what the account holds and are not stated: such
  an order is refused by the exchange.

A symbol that cannot be read is told by name, and costs only itself.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from core.errors import Unreadable
from core.instruments import Band, Instrument
from core.money import EXACT
from core.wire import Reply
from exchanges.binance.words import AMOUNTS, CATEGORY
from exchanges.doubts import PLAIN, UNREADABLE
from exchanges.replies import parse
from exchanges.trading import Listing

ONE = Decimal(1)


class _Info(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """exchangeInfo, its symbols as they came: one that cannot be read must not cost the others."""

    symbols: list[msgspec.Raw]
    exchange_filters: list[dict[str, Any]] = []


class _Symbol(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_asset_precision: int
    quote_asset_precision: int
    order_types: list[str]
    filters: list[dict[str, Any]]
    is_spot_trading_allowed: bool = True


class _Filters:
    """The filters of one symbol, or of the exchange, by their names."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = {row.get("filterType"): row for row in rows}

    def amount(self, kind: str, name: str, switch: str = "") -> Decimal | None:
        """A bound; None where it is 0, not there, or switched off by `switch`. ValueError for no amount."""
        row = self._rows.get(kind, {})
        text = row.get(name)
        if text is None or (switch and row.get(switch) is False):
            return None
        amount = AMOUNTS[str(text)]
        if amount < 0:
            raise ValueError(f"{name} is {text}")
        return amount or None

    def count(self, kind: str, name: str) -> int | None:
        """A number of orders."""
        count = self._rows.get(kind, {}).get(name)
        if count is not None and type(count) is not int:
            raise ValueError(f"{name} is {count}")
        return count


def read_listing(reply: Reply, exchange: str, symbols: Sequence[str]) -> Listing:
    """The instruments among `symbols` that an answer lists."""
    info = parse(reply, _Info)
    everywhere = _Filters(info.exchange_filters)
    found: list[Instrument] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    for raw in info.symbols:
        name = _name(raw)
        if name not in symbols:
            continue
        seen.add(name)
        try:
            found.append(_instrument(exchange, msgspec.json.decode(raw, type=_Symbol), everywhere))
        except (*UNREADABLE, TypeError) as error:
            unreadable.append(f"{name}: {error}")
    missing = tuple(symbol for symbol in symbols if symbol not in seen)
    return Listing(tuple(found), missing, tuple(unreadable))


def _name(raw: msgspec.Raw) -> str:
    row = PLAIN.decode(raw)
    name = row.get("symbol") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise Unreadable("a symbol without a name")
    return name


def _instrument(exchange: str, row: _Symbol, everywhere: _Filters) -> Instrument:
    own = _Filters(row.filters)
    min_price = own.amount("PRICE_FILTER", "minPrice")
    tick = own.amount("PRICE_FILTER", "tickSize") or ONE.scaleb(-row.quote_asset_precision)
    if min_price and EXACT.remainder(min_price, tick):
        raise ValueError(f"the least price {min_price} is no multiple of the tick {tick}")
    return Instrument(
        exchange=exchange,
        category=CATEGORY,
        symbol=row.symbol,
        base=row.base_asset,
        quote=row.quote_asset,
        tick=tick,
        step=own.amount("LOT_SIZE", "stepSize") or ONE.scaleb(-row.base_asset_precision),
        min_price=min_price,
        max_price=own.amount("PRICE_FILTER", "maxPrice"),
        min_quantity=own.amount("LOT_SIZE", "minQty"),
        max_quantity=own.amount("LOT_SIZE", "maxQty"),
        market_step=own.amount("MARKET_LOT_SIZE", "stepSize"),
        market_min_quantity=own.amount("MARKET_LOT_SIZE", "minQty"),
        market_max_quantity=own.amount("MARKET_LOT_SIZE", "maxQty"),
        min_notional=_most(
            own.amount("MIN_NOTIONAL", "minNotional"),
            own.amount("NOTIONAL", "minNotional"),
        ),
        max_notional=own.amount("NOTIONAL", "maxNotional"),
        market_min_notional=_most(
            own.amount("MIN_NOTIONAL", "minNotional", "applyToMarket"),
            own.amount("NOTIONAL", "minNotional", "applyMinToMarket"),
        ),
        market_max_notional=own.amount("NOTIONAL", "maxNotional", "applyMaxToMarket"),
        buy_band=_band(own, "bid"),
        sell_band=_band(own, "ask"),
        max_orders=own.count("MAX_NUM_ORDERS", "maxNumOrders"),
        max_orders_in_all=everywhere.count("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders"),
        has_post_only="LIMIT_MAKER" in row.order_types,
        is_trading=row.status == "TRADING" and row.is_spot_trading_allowed,
    )


def _band(own: _Filters, side: str) -> Band:
    by_side = "PERCENT_PRICE_BY_SIDE"
    downs = (own.amount("PERCENT_PRICE", "multiplierDown"), own.amount(by_side, f"{side}MultiplierDown"))
    ups = (own.amount("PERCENT_PRICE", "multiplierUp"), own.amount(by_side, f"{side}MultiplierUp"))
    return Band(_most(*downs), _least(*ups))


def _most(*bounds: Decimal | None) -> Decimal | None:
    return max((bound for bound in bounds if bound is not None), default=None)


def _least(*bounds: Decimal | None) -> Decimal | None:
    return min((bound for bound in bounds if bound is not None), default=None)

"""What Bybit lets be traded, and in which steps: instruments-info as our Instruments (v5/market/instrument, 2026-07-24).

* Spot counts quantities in steps of `basePrecision`, which is a step and no number
  of digits; contracts in `qtyStep`. Spot's least quantity is sent and no longer
  checked, its least value is; both hold for contracts.
* A maker-only order has a most of its own on spot (`postOnlyMaxLimitOrderSize`).
* A price far on the aggressive side is refused on spot and moved on contracts, to
  another price than was asked for. Both are beyond `priceLimitRatioY` of the market,
  which stands here as the band; a passive price has none.
* How many orders may rest is not listed: 500 in all of spot, 500 in each contract
  (v5/order/create-order).

What is missing, "" or 0 sets no bound.
"""

from decimal import Decimal

import msgspec

from core.errors import Unreadable
from core.instruments import Band, Instrument
from core.money import EXACT
from exchanges.bybit.words import Notes, amount
from exchanges.doubts import PLAIN, UNREADABLE
from exchanges.trading import Listing

EXCHANGE = "bybit"
MOST_ORDERS = 500
_ONE = Decimal(1)


class _Lots(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    base_precision: str | None = None
    qty_step: str | None = None
    min_order_qty: str | None = None
    max_order_qty: str | None = None
    min_order_amt: str | None = None
    max_limit_order_qty: str | None = None
    max_market_order_qty: str | None = None
    max_mkt_order_qty: str | None = None
    post_only_max_limit_order_size: str | None = None
    min_notional_value: str | None = None


class _Prices(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tick_size: str | None = None
    min_price: str | None = None
    max_price: str | None = None


class _Risk(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    price_limit_ratio_y: str | None = None


class _Row(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    status: str
    lot_size_filter: _Lots
    price_filter: _Prices
    risk_parameters: _Risk = _Risk()


def read_listing(category: str, symbol: str, rows: list[msgspec.Raw]) -> Listing:
    """The instrument, where it is among the rows of an answer."""
    for raw in rows:
        if _name(raw) != symbol:
            continue
        try:
            row = msgspec.json.decode(raw, type=_Row)
            return Listing(((_spot if category == "spot" else _contract)(category, row),))
        except (*UNREADABLE, TypeError) as error:
            return Listing((), (), (f"{symbol}: {error}",))
    return Listing((), (symbol,))


def _name(raw: msgspec.Raw) -> str:
    row = PLAIN.decode(raw)
    name = row.get("symbol") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise Unreadable("an instrument without a name")
    return name


def _spot(category: str, row: _Row) -> Instrument:
    lots = row.lot_size_filter
    least = _bound(lots.min_order_amt)
    return Instrument(
        exchange=EXCHANGE,
        category=category,
        symbol=row.symbol,
        base=row.base_coin,
        quote=row.quote_coin,
        tick=_step(row.price_filter.tick_size),
        step=_step(lots.base_precision),
        max_quantity=_bound(lots.max_limit_order_qty) or _bound(lots.max_order_qty),
        max_post_only=_bound(lots.post_only_max_limit_order_size),
        market_max_quantity=_bound(lots.max_market_order_qty),
        min_notional=least,
        market_min_notional=least,
        buy_band=_band(row, "buy"),
        sell_band=_band(row, "sell"),
        max_orders_in_all=MOST_ORDERS,
        is_trading=row.status == "Trading",
    )


def _contract(category: str, row: _Row) -> Instrument:
    lots, prices = row.lot_size_filter, row.price_filter
    least = _bound(lots.min_notional_value)
    return Instrument(
        exchange=EXCHANGE,
        category=category,
        symbol=row.symbol,
        base=row.base_coin,
        quote=row.quote_coin,
        tick=_step(prices.tick_size),
        step=_step(lots.qty_step),
        min_price=_bound(prices.min_price),
        max_price=_bound(prices.max_price),
        min_quantity=_bound(lots.min_order_qty),
        max_quantity=_bound(lots.max_order_qty),
        market_max_quantity=_bound(lots.max_mkt_order_qty),
        min_notional=least,
        market_min_notional=least,
        buy_band=_band(row, "buy"),
        sell_band=_band(row, "sell"),
        max_orders=MOST_ORDERS,
        is_trading=row.status == "Trading",
    )


def _bound(text: str | None) -> Decimal | None:
    """A bound; None for what sets none. ValueError for what is no amount."""
    notes = Notes()
    value = amount(text, "a bound", notes)
    if notes.trouble or (value is not None and value < 0):
        raise ValueError(f"{text} is no bound")
    return value or None


def _step(text: str | None) -> Decimal:
    step = _bound(text)
    if step is None:
        raise ValueError("a step is missing")
    return step


def _band(row: _Row, side: str) -> Band:
    ratio = _bound(row.risk_parameters.price_limit_ratio_y)
    if ratio is None:
        return Band()
    return Band(None, EXACT.add(_ONE, ratio)) if side == "buy" else Band(EXACT.subtract(_ONE, ratio), None)

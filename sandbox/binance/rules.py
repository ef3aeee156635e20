"""What makes an order acceptable on Binance before the engine sees it.

First the composition: which parameters a type needs (-1102) and which it must
not carry (-1106). Then the filters of the symbol in the order of exchangeInfo
(-1013 "Filter failure: NAME"). The engine's own refusals become -2010.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.binance.errors import (
    Refusal,
    bad_combination,
    filter_failure,
    missing,
    missing_either,
    rejected,
    unwanted,
)
from sandbox.market import Instrument
from sandbox.venue import InsufficientBalance, Refused, Venue, WouldTake, WouldTrigger
from sandbox.world import OrderRequest

NEEDS: Mapping[str, tuple[str, ...]] = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
    "MARKET": (),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
}
DEPENDS_ON_TYPE = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice")

AVG_MINUTES = 5
BID_UP, BID_DOWN = Decimal(5), Decimal("0.2")
ASK_UP, ASK_DOWN = Decimal(5), Decimal("0.2")


def compose(args: Mapping[str, Any]) -> OrderRequest:
    """The order that checked parameters describe; refuses impossible compositions."""
    kind = args["type"]
    if kind not in NEEDS:
        name = kind.replace("_", " ").capitalize()
        raise rejected(f"{name} orders are not supported for this symbol.")
    for name in NEEDS[kind]:
        if name not in args:
            raise missing(name)
    _refuse_unwanted(kind, args)
    if "icebergQty" in args:
        raise rejected("Iceberg orders are not supported for this symbol.")
    if "trailingDelta" in args:
        raise rejected("Trailing stop orders are not supported for this symbol.")
    if args.get("strategyType", 1_000_000) < 1_000_000:
        raise Refusal(-1134, "Strategy type was less than 1000000.")
    if args.get("selfTradePreventionMode", "NONE") != "NONE":
        raise Refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return _request(kind, args)


def _refuse_unwanted(kind: str, args: Mapping[str, Any]) -> None:
    allowed: tuple[str, ...] = NEEDS[kind]
    if kind == "MARKET":
        if "quantity" in args and "quoteOrderQty" in args:
            raise bad_combination()
        if "quantity" not in args and "quoteOrderQty" not in args:
            raise missing_either("quantity", "quoteOrderQty")
        allowed = ("quantity", "quoteOrderQty")
    for name in DEPENDS_ON_TYPE:
        if name in args and name not in allowed:
            raise unwanted(name)


def _request(kind: str, args: Mapping[str, Any]) -> OrderRequest:
    for name, text in (("quantity", "quantity"), ("quoteOrderQty", "quote order qty"), ("price", "price")):
        if name in args and args[name] <= 0:
            raise Refusal(-1013, f"Invalid {text}.")
    zero = Decimal(0)
    return OrderRequest(
        symbol=args["symbol"],
        side=args["side"].lower(),
        type=kind.lower(),
        time_in_force=args.get("timeInForce", "GTC").lower(),
        price=args.get("price", zero),
        stop_price=args.get("stopPrice", zero),
        quantity=args.get("quantity", zero),
        quote_quantity=args.get("quoteOrderQty", zero),
        client_order_id=args.get("newClientOrderId", ""),
        strategy_id=args.get("strategyId"),
        strategy_type=args.get("strategyType"),
    )


def filters(one: Instrument) -> list[dict[str, Any]]:
    """The filters of a symbol, as exchangeInfo lists them."""

    def text(value: Decimal) -> str:
        return f"{value:.8f}"

    return [
        {"filterType": "PRICE_FILTER", "minPrice": text(one.min_price), "maxPrice": text(one.max_price), "tickSize": text(one.tick)},
        {"filterType": "LOT_SIZE", "minQty": text(one.min_quantity), "maxQty": text(one.max_quantity), "stepSize": text(one.step)},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": text(one.max_market_quantity), "stepSize": "0.00000000"},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": str(BID_UP), "bidMultiplierDown": str(BID_DOWN),
         "askMultiplierUp": str(ASK_UP), "askMultiplierDown": str(ASK_DOWN), "avgPriceMins": AVG_MINUTES},
        {"filterType": "NOTIONAL", "minNotional": text(one.min_notional), "applyMinToMarket": True,
         "maxNotional": text(one.max_notional), "applyMaxToMarket": False, "avgPriceMins": AVG_MINUTES},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": one.max_stop_orders},
    ]  # fmt: skip


def pass_filters(venue: Venue, account: str, order: OrderRequest) -> None:
    """Refuse the first filter that the order fails."""
    one = venue.market.instruments[order.symbol]
    last = venue.market.last[order.symbol]
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("PRICE_FILTER", lambda: _prices_fit(one, order)),
        ("LOT_SIZE", lambda: _quantity_fits(one, order)),
        ("MARKET_LOT_SIZE", lambda: order.type != "market" or order.quantity <= one.max_market_quantity),
        ("PERCENT_PRICE_BY_SIDE", lambda: _near(order, last)),
        ("NOTIONAL", lambda: _notional_fits(one, order, last)),
        ("MAX_NUM_ORDERS", lambda: len(venue.open_of(account, order.symbol)) < one.max_orders),
        ("MAX_NUM_ALGO_ORDERS", lambda: _stops_fit(venue, account, order, one)),
    )
    for name, passes in checks:
        if not passes():
            raise filter_failure(name)


def _prices_fit(one: Instrument, order: OrderRequest) -> bool:
    prices = [price for price in (order.price, order.stop_price) if price]
    return all(one.min_price <= price <= one.max_price and price % one.tick == 0 for price in prices)


def _quantity_fits(one: Instrument, order: OrderRequest) -> bool:
    if order.quote_quantity:
        return True
    return one.min_quantity <= order.quantity <= one.max_quantity and order.quantity % one.step == 0


def _near(order: OrderRequest, average: Decimal) -> bool:
    if not order.price:
        return True
    lower, upper = (BID_DOWN, BID_UP) if order.side == "buy" else (ASK_DOWN, ASK_UP)
    return average * lower <= order.price <= average * upper


def _notional_fits(one: Instrument, order: OrderRequest, average: Decimal) -> bool:
    amount = order.quote_quantity or order.quantity * (order.price or average)
    if amount < one.min_notional:
        return False
    return order.type == "market" or amount <= one.max_notional


def _stops_fit(venue: Venue, account: str, order: OrderRequest, one: Instrument) -> bool:
    if not order.stop_price:
        return True
    waiting = [row for row in venue.open_of(account, order.symbol) if row.status == "untriggered"]
    return len(waiting) < one.max_stop_orders


def worded(refused: Refused) -> Refusal:
    """The engine's refusal in Binance's words."""
    match refused:
        case InsufficientBalance():
            return rejected("Account has insufficient balance for requested action.")
        case WouldTake():
            return rejected("Order would immediately match and take.")
        case WouldTrigger():
            return rejected("Order would trigger immediately.")
        case _:
            return rejected(str(refused))

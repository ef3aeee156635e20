"""The REST calls that vigil makes of Binance, with their weights (rest-api.md, 2026-07-21).

Every accepted combination of parameters is a function here; there is no other
way to build one, because the exchange refuses all others (-1128) and anything
unknown (-1101).
"""

from collections.abc import Sequence

from core.facts import Side
from core.wire import Call

PAGE = 1_000
DAY_MS = 86_400_000  # a window with both ends may not be longer

TIME = Call("GET", "/api/v3/time")
OPEN_ORDERS = Call("GET", "/api/v3/openOrders", auth="signed", weight=80)
EXCHANGE_INFO = Call("GET", "/api/v3/exchangeInfo", weight=20)
API_RESTRICTIONS = Call("GET", "/sapi/v1/account/apiRestrictions", auth="signed")


def account(*, omit_zeros: bool) -> Call:
    """All balances; `omitZeroBalances` exists on .com only."""
    return _signed("/api/v3/account", 20, ("omitZeroBalances", "true") if omit_zeros else None)


def order(symbol: str, order_id: str) -> Call:
    """One order by the exchange's id."""
    return _signed("/api/v3/order", 4, ("symbol", symbol), ("orderId", order_id))


def order_of_client(symbol: str, client_order_id: str) -> Call:
    """One order by our own id."""
    return _signed("/api/v3/order", 4, ("symbol", symbol), ("origClientOrderId", client_order_id))


def orders_between(symbol: str, start_ms: int, end_ms: int) -> Call:
    """The first page of a window of at most 24 h."""
    window = (("startTime", str(start_ms)), ("endTime", str(end_ms)))
    return _signed("/api/v3/allOrders", 20, ("symbol", symbol), *window, _LIMIT)


def orders_from(symbol: str, order_id: int) -> Call:
    """A page of orders from this id on, the id included."""
    return _signed("/api/v3/allOrders", 20, ("symbol", symbol), ("orderId", str(order_id)), _LIMIT)


def trades_since(symbol: str, start_ms: int) -> Call:
    """The first page of trades from this time on."""
    return _signed("/api/v3/myTrades", 20, ("symbol", symbol), ("startTime", str(start_ms)), _LIMIT)


def trades_from(symbol: str, trade_id: int) -> Call:
    """A page of trades from this id on, the id included."""
    return _signed("/api/v3/myTrades", 20, ("symbol", symbol), ("fromId", str(trade_id)), _LIMIT)


def trades_of_order(symbol: str, order_id: int, from_id: int | None = None) -> Call:
    """A page of one order's trades."""
    start = None if from_id is None else ("fromId", str(from_id))
    return _signed("/api/v3/myTrades", 5, ("symbol", symbol), ("orderId", str(order_id)), start, _LIMIT)


def allocations_of_order(symbol: str, order_id: int, from_id: int | None = None) -> Call:
    """A page of one order's fills by allocation (SOR), which are not among its trades."""
    start = None if from_id is None else ("fromAllocationId", str(from_id))
    return _signed("/api/v3/myAllocations", 20, ("symbol", symbol), ("orderId", str(order_id)), start, _LIMIT)


# ------------------------------------------------------------------- trading

_ORDER = "/api/v3/order"


def place_maker(symbol: str, side: Side, quantity: str, price: str, client_order_id: str) -> Call:
    """An order that is refused rather than let it take; it must not name a time in force (-1106)."""
    return _place(symbol, side, "LIMIT_MAKER", client_order_id, ("quantity", quantity), ("price", price))


def place_limit(symbol: str, side: Side, quantity: str, price: str, client_order_id: str) -> Call:
    """An order that takes what it can and rests with what is left."""
    amounts = (("timeInForce", "GTC"), ("quantity", quantity), ("price", price))
    return _place(symbol, side, "LIMIT", client_order_id, *amounts)


def place_market(symbol: str, side: Side, quantity: str, client_order_id: str) -> Call:
    """An order at whatever price there is."""
    return _place(symbol, side, "MARKET", client_order_id, ("quantity", quantity))


def _place(symbol: str, side: Side, kind: str, client_order_id: str, *amounts: tuple[str, str]) -> Call:
    """RESULT, for an ACK does not say how the order stands."""
    what = (("symbol", symbol), ("side", side.upper()), ("type", kind), *amounts)
    named = (("newClientOrderId", client_order_id), ("newOrderRespType", "RESULT"))
    return Call("POST", _ORDER, (*what, *named), auth="signed")


def cancel(symbol: str, order_id: str) -> Call:
    """End an order by the exchange's id, which is the fastest way."""
    return Call("DELETE", _ORDER, (("symbol", symbol), ("orderId", order_id)), auth="signed")


def cancel_of_client(symbol: str, client_order_id: str) -> Call:
    """End an order by our own id."""
    return Call("DELETE", _ORDER, (("symbol", symbol), ("origClientOrderId", client_order_id)), auth="signed")


def exchange_info(symbols: Sequence[str]) -> Call:
    """Some symbols with their filters; one that is unknown fails the whole call (-1121)."""
    names = ",".join(f'"{symbol}"' for symbol in symbols)
    return Call("GET", EXCHANGE_INFO.path, (("symbols", f"[{names}]"),), weight=EXCHANGE_INFO.weight)


def commission(symbol: str) -> Call:
    """What the account pays for trades in a symbol (.com)."""
    return _signed("/api/v3/account/commission", 20, ("symbol", symbol))


def trading_fee(symbol: str) -> Call:
    """The same on .us, where it is another call (docs.binance.us, Get Trade Fee)."""
    return _signed("/sapi/v1/asset/query/trading-fee", 1, ("symbol", symbol))


def book_ticker(symbol: str) -> Call:
    """Best bid and ask."""
    return Call("GET", "/api/v3/ticker/bookTicker", (("symbol", symbol),), weight=2)


_LIMIT = ("limit", str(PAGE))


def _signed(path: str, weight: int, *params: tuple[str, str] | None) -> Call:
    given = tuple(param for param in params if param is not None)
    return Call("GET", path, given, auth="signed", weight=weight)

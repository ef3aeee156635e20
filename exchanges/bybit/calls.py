"""The REST calls that vigil makes of Bybit, one function for each question (v5, 2026-07-24).

Every list is asked for in its largest pages. Linear open orders and positions
must be asked per settle coin; so are option executions, which would be those of
BTC alone. A question about one order carries the symbol too: the id outranks it,
and linear asks for one. The exchange counts calls, not weights.
"""

from collections.abc import Mapping

import msgspec

from core.wire import Call

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 3_600_000  # both bounds may lie 7 days apart at most
SETTLE_COINS = ("USDT", "USDC")

TIME = Call("GET", "/v5/market/time")
KEY = Call("GET", "/v5/user/query-api", auth="signed")
ACCOUNT = Call("GET", "/v5/account/info", auth="signed")
WALLET = Call("GET", "/v5/account/wallet-balance", (("accountType", "UNIFIED"),), auth="signed")

_ORDERS, _HISTORY, _EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"


def open_orders(category: str) -> tuple[Call, ...]:
    """All orders that are open in a market."""
    return tuple(
        _list(_ORDERS, category, 50, *settle, ("openOnly", "0")) for settle in _settled(category, "linear")
    )


def positions(category: str) -> tuple[Call, ...]:
    """All positions that are open in a market; spot has none."""
    if category == "spot":
        return ()
    return tuple(
        _list("/v5/position/list", category, 200, *settle) for settle in _settled(category, "linear")
    )


def executions(category: str, start_ms: int, end_ms: int) -> tuple[Call, ...]:
    """Everything that was executed in a window."""
    window = _window(start_ms, end_ms)
    return tuple(
        _list(_EXECUTIONS, category, 100, *settle, *window) for settle in _settled(category, "option")
    )


def history(category: str, start_ms: int, end_ms: int) -> Call:
    """The orders of a window, whatever became of them."""
    return _list(_HISTORY, category, 50, *_window(start_ms, end_ms))


def traces(category: str) -> Call:
    """One order of the last seven days, if there was any: no bounds mean just that."""
    return _list(_HISTORY, category, 1)


def order_now(category: str, symbol: str, *name: tuple[str, str]) -> Call:
    """One order, open or ended a moment ago, by `orderId` or `orderLinkId`."""
    return _list(_ORDERS, category, 50, ("symbol", symbol), *name)


def order_then(category: str, symbol: str, *name: tuple[str, str]) -> Call:
    """One order of the history. Without bounds, which an id may or may not outrank."""
    return _list(_HISTORY, category, 50, ("symbol", symbol), *name)


def executions_of(category: str, symbol: str, order_id: str) -> Call:
    """Everything that was executed of one order."""
    return _list(_EXECUTIONS, category, 100, ("symbol", symbol), ("orderId", order_id))


# ------------------------------------------------------------------- trading


def place(category: str, symbol: str, **what: str) -> Call:
    """One order. All amounts are text; nothing is said that is as we want it by default."""
    return _write("create", category, symbol, what)


def cancel(category: str, symbol: str, **name: str) -> Call:
    """End an order by `orderId` or `orderLinkId`."""
    return _write("cancel", category, symbol, name)


def instrument(category: str, symbol: str) -> Call:
    """One instrument with its filters."""
    return Call("GET", "/v5/market/instruments-info", (("category", category), ("symbol", symbol)))


def fee_rate(category: str, symbol: str) -> Call:
    """What the account pays for trades in a symbol."""
    params = (("category", category), ("symbol", symbol))
    return Call("GET", "/v5/account/fee-rate", params, auth="signed")


def ticker(category: str, symbol: str) -> Call:
    """Last and best prices."""
    return Call("GET", "/v5/market/tickers", (("category", category), ("symbol", symbol)))


def _write(action: str, category: str, symbol: str, what: Mapping[str, str]) -> Call:
    body = msgspec.json.encode({"category": category, "symbol": symbol, **what})
    return Call("POST", f"/v5/order/{action}", auth="signed", body=body)


def page_after(call: Call, cursor: str) -> Call:
    """The next page of the same list: nothing else may change."""
    kept = tuple(param for param in call.params if param[0] != "cursor")
    return msgspec.structs.replace(call, params=(*kept, ("cursor", cursor)))


def _list(path: str, category: str, limit: int, *params: tuple[str, str]) -> Call:
    return Call("GET", path, (("category", category), *params, ("limit", str(limit))), auth="signed")


def _settled(category: str, divided: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    """The parameters of each part, where one market has to be asked in parts."""
    return tuple((("settleCoin", coin),) for coin in SETTLE_COINS) if category == divided else ((),)


def _window(start_ms: int, end_ms: int) -> tuple[tuple[str, str], ...]:
    return (("startTime", str(start_ms)), ("endTime", str(end_ms)))

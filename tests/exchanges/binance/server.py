"""A Binance account by REST, in memory, that refuses what the exchange refuses.

It keeps to the written rules alone: which parameters may stand together, windows
of at most 24 h, pages of at most 1000 rows, lists oldest first. Whoever asks in
another way gets the error that the exchange would give.
"""

from typing import Any

from core.errors import BadRequest, NotFound, VigilError
from core.wire import Call
from exchanges.binance.errors import UnknownSymbol
from tests.exchanges.binance.frames import NOW

DAY = 86_400_000
TRADE_PARAMS = [
    {"startTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId"},
    {"orderId", "fromId"},
    set(),
]
ORDER_PARAMS = [{"startTime", "endTime"}, {"orderId"}, set()]
ALLOCATION_PARAMS = [{"orderId"}, {"orderId", "fromAllocationId"}]


def order_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": "ETHBTC",
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": f"mine-{number}",
        "price": "0.10264410",
        "origQty": "1.50000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": NOW - 60_000,
        "updateTime": NOW - 60_000,
        "isWorking": True,
        "workingTime": NOW - 60_000,
        "origQuoteOrderQty": "0.000000",
        "selfTradePreventionMode": "NONE",
        **changes,
    }


def filled_row(number: int, **changes: Any) -> dict[str, Any]:
    done = {"status": "FILLED", "executedQty": "1.50000000", "cummulativeQuoteQty": "0.15000000"}
    return order_row(number, **{**done, **changes})


def trade_row(number: int, order: int, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": "ETHBTC",
        "id": number,
        "orderId": order,
        "orderListId": -1,
        "price": "0.10000000",
        "qty": "0.50000000",
        "quoteQty": "0.05000000",
        "commission": "0.00050000",
        "commissionAsset": "ETH",
        "time": NOW,
        "isBuyer": True,
        "isMaker": True,
        "isBestMatch": True,
        **changes,
    }


def pair(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "filters": [{}],
    }


class Server:
    """`orders`, `trades`, `allocations`, `balances`, `pairs` are what it knows; `broken` what fails."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.allocations: list[dict[str, Any]] = []
        self.balances: dict[str, tuple[str, str]] = {}
        self.pairs = [pair("ETH", "BTC"), pair("BNB", "BTC"), pair("BTC", "USDT"), pair("ETH", "USDT")]
        self.updated = NOW
        self.broken: dict[str, VigilError] = {}

    def __call__(self, call: Call) -> Any:
        params = dict(call.params)
        assert len(params) == len(call.params)
        name = call.path.rsplit("/", 1)[1]
        if name in self.broken:
            return self.broken[name]
        if "symbol" in params and params["symbol"] not in {pair["symbol"] for pair in self.pairs}:
            return UnknownSymbol("-1121: Invalid symbol.")
        assert call.method == "GET"
        assert call.auth == ("none" if name == "exchangeInfo" else "signed")
        return getattr(self, f"_{name}")(params)

    def _openOrders(self, params: dict[str, str]) -> Any:
        assert params == {}
        return [row for row in self.orders if row["status"] in {"NEW", "PARTIALLY_FILLED", "PENDING_NEW"}]

    def _account(self, params: dict[str, str]) -> Any:
        omit = params.pop("omitZeroBalances", "false") == "true"
        assert params == {}
        rows = [
            {"asset": asset, "free": free, "locked": locked}
            for asset, (free, locked) in self.balances.items()
        ]
        if omit:
            rows = [row for row in rows if float(row["free"]) or float(row["locked"])]
        return {"canTrade": True, "updateTime": self.updated, "balances": rows, "uid": 1}

    def _exchangeInfo(self, params: dict[str, str]) -> Any:
        assert params == {}
        return {"timezone": "UTC", "serverTime": NOW, "rateLimits": [{}], "symbols": self.pairs}

    def _order(self, params: dict[str, str]) -> Any:
        for row in self.orders:
            by_id = str(row["orderId"]) == params.get("orderId")
            by_name = row["clientOrderId"] == params.get("origClientOrderId")
            if row["symbol"] == params["symbol"] and (by_id or by_name):
                return row
        return NotFound("-2013: Order does not exist.")

    def _allOrders(self, params: dict[str, str]) -> Any:
        return self._page(params, self.orders, "orderId", "orderId", "time", ORDER_PARAMS)

    def _myTrades(self, params: dict[str, str]) -> Any:
        rows = self._of_order(params, self.trades)
        return self._page(params, rows, "id", "fromId", "time", TRADE_PARAMS)

    def _myAllocations(self, params: dict[str, str]) -> Any:
        rows = self._of_order(params, self.allocations)
        return self._page(params, rows, "allocationId", "fromAllocationId", "time", ALLOCATION_PARAMS)

    def _of_order(self, params: dict[str, str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "orderId" not in params:
            return rows
        return [row for row in rows if str(row["orderId"]) == params["orderId"]]

    def _page(self, params: Any, rows: Any, number: Any, start: Any, time: Any, combinations: Any) -> Any:
        given = set(params) - {"symbol", "limit"}
        if given not in combinations:
            return BadRequest("-1128: Combination of optional parameters invalid.")
        first, last = int(params.get("startTime", 0)), int(params.get("endTime", 10**15))
        if "endTime" in given and last - first > DAY:
            return BadRequest("-1127: More than 24 hours between startTime and endTime.")
        limit = int(params.get("limit", 500))
        assert limit <= 1000
        found = [
            row
            for row in sorted(rows, key=lambda row: row[number])
            if row["symbol"] == params["symbol"]
            and row[number] >= int(params.get(start, 0))
            and first <= row[time] <= last
        ]
        return found[:limit] if given else found[-limit:]

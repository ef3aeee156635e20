"""A Bybit account by REST, in memory, that refuses what the exchange refuses.

It keeps to the written rules alone: what must be named, which windows and pages
are allowed, what is not listed, which order the rows come in. Whoever asks in
another way gets the error that the exchange would give.
"""

from typing import Any

from core.errors import BadRequest, VigilError
from core.wire import Call
from tests.exchanges.bybit.rows import NOW

DAY = 86_400_000
WEEK = 7 * DAY
LIMITS = {"realtime": 50, "history": 50, "executions": 100, "positions": 200}
OPEN = {"New", "PartiallyFilled", "Untriggered"}
NAMES = {
    "/v5/order/realtime": "realtime",
    "/v5/order/history": "history",
    "/v5/execution/list": "executions",
    "/v5/position/list": "positions",
    "/v5/account/wallet-balance": "wallet",
}
MARKETS = ("spot", "linear", "inverse", "option")


def settle_of(symbol: str) -> str:
    return "USDC" if symbol.endswith(("PERP", "-C", "-P")) else "USDT"


class Server:
    """`orders`, `executions` and `positions` by category, `coins`; `broken` is what fails, by name.

    `time` is that of its answers. `pages` cuts lists shorter than asked for. `lagging` hides orders from the
    history and executions from their list until they are asked for by order id.
    """

    def __init__(self) -> None:
        self.orders: dict[str, list[dict[str, Any]]] = {name: [] for name in MARKETS}
        self.executions: dict[str, list[dict[str, Any]]] = {name: [] for name in MARKETS}
        self.positions: dict[str, list[dict[str, Any]]] = {name: [] for name in MARKETS}
        self.coins: list[dict[str, Any]] = []
        self.broken: dict[str, VigilError] = {}
        self.pages = 1_000
        self.lagging: set[str] = set()
        self.time = NOW + 900

    def __call__(self, call: Call) -> Any:
        params = dict(call.params)
        assert len(params) == len(call.params)
        assert (call.method, call.auth) == ("GET", "signed")
        name = NAMES[call.path]
        for key in (name, f"{name} {params.get('category')}", f"{name} page 2" if "cursor" in params else ""):
            if key in self.broken:
                return self.broken[key]
        return getattr(self, f"_{name}")(params)

    # ---------------------------------------------------------------------- answers

    def _wallet(self, params: dict[str, str]) -> Any:
        assert params == {"accountType": "UNIFIED"}
        return self._answer({"list": [{"accountType": "UNIFIED", "coin": self.coins}]})

    def _realtime(self, params: dict[str, str]) -> Any:
        if params["category"] == "linear" and not params.keys() & {"symbol", "baseCoin", "settleCoin"}:
            return BadRequest("10001: symbol, baseCoin or settleCoin is needed")
        rows = self._named(self.orders, params)
        if "orderId" not in params and "orderLinkId" not in params:
            rows = [row for row in rows if row["orderStatus"] in OPEN]
        rows.sort(key=lambda row: row["createdTime"], reverse=True)
        return self._page("realtime", params, rows)

    def _history(self, params: dict[str, str]) -> Any:
        rows = [row for row in self._named(self.orders, params) if row["orderId"] not in self.lagging]
        if "orderId" in params or "orderLinkId" in params:
            assert "startTime" not in params
            return self._page("history", params, rows)
        return self._page("history", params, self._within(params, rows, "createdTime"))

    def _executions(self, params: dict[str, str]) -> Any:
        rows = self._named(self.executions, params)
        if "orderId" in params:
            return self._page("executions", params, rows)
        if params["category"] == "option" and "settleCoin" not in params:
            rows = [row for row in rows if row["symbol"].startswith("BTC")]
        rows = [row for row in rows if row["execId"] not in self.lagging]
        return self._page("executions", params, self._within(params, rows, "execTime"))

    def _positions(self, params: dict[str, str]) -> Any:
        if params["category"] not in {"linear", "inverse", "option"}:
            return BadRequest("10001: category")
        if params["category"] == "linear" and not params.keys() & {"symbol", "settleCoin"}:
            return BadRequest("10001: symbol or settleCoin is needed")
        rows = [row for row in self._named(self.positions, params) if row["size"] != "0"]
        return self._page("positions", params, rows)

    # --------------------------------------------------------------------- the rules

    def _named(self, rows: dict[str, list[dict[str, Any]]], params: dict[str, str]) -> list[dict[str, Any]]:
        """An id outranks the symbol, and that a settle coin."""
        found = list(rows[params["category"]])
        for key in ("orderId", "orderLinkId", "symbol"):
            if key in params:
                return [row for row in found if row[key] == params[key]]
        coin = params.get("settleCoin")
        return [row for row in found if coin in {None, settle_of(row["symbol"])}]

    def _within(self, params: dict[str, str], rows: Any, time: str) -> Any:
        start = int(params.get("startTime", NOW - WEEK))
        end = int(params.get("endTime", start + WEEK))
        if end - start > WEEK or start > end:
            return BadRequest("10001: the window is not allowed")
        found = [row for row in rows if start <= int(row[time]) <= end]
        return sorted(found, key=lambda row: int(row[time]), reverse=True)

    def _page(self, name: str, params: dict[str, str], rows: Any) -> Any:
        if isinstance(rows, VigilError):
            return rows
        limit = min(int(params.get("limit", 20)), self.pages)
        assert limit <= LIMITS[name]
        start = int(params["cursor"].removeprefix("page%3A")) if "cursor" in params else 0
        end = start + limit
        cursor = f"page%3A{end}" if end < len(rows) else ""
        listed = {"list": rows[start:end], "nextPageCursor": cursor, "category": params["category"]}
        return self._answer(listed)

    def _answer(self, result: dict[str, Any]) -> dict[str, Any]:
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.time}

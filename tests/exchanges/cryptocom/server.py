"""Crypto.com's REST as plans see it: windows, pages and lists as they are documented.

It answers by method. Rows may be added to it at any time; `fail` makes a method
answer with an error, and `seen` keeps the methods in the order of their calls.
"""

from typing import Any

from core.errors import NotFound, VigilError
from core.wire import Call
from exchanges.cryptocom.calls import PAGE, ROOT
from tests.exchanges.cryptocom.messages import MS, NOW, wallet

Rows = list[dict[str, Any]]


class Server:
    """One account."""

    def __init__(self) -> None:
        self.open: Rows = []
        self.advanced: Rows = []
        self.ended: Rows = []
        self.advanced_ended: Rows = []
        self.trades: Rows = []
        self.money: Rows = []
        self.held: Rows = []
        self.orders_by = "update_time"  # what the windows of the order history go by
        self.wallet: dict[str, Any] = wallet()
        self.fail: dict[str, VigilError] = {}
        self.seen: list[str] = []
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Any:
        method = call.path.removeprefix(f"{ROOT}private/")
        self.seen.append(method)
        self.calls.append(call)
        if method in self.fail:
            return self.fail[method]
        params = dict(call.params)
        if method.endswith("get-order-detail"):
            return self._detail(method, params)
        return {
            "id": 1,
            "method": f"private/{method}",
            "code": 0,
            "result": {"data": self._rows(method, params)},
        }

    def count(self, method: str) -> int:
        return self.seen.count(method)

    def _detail(self, method: str, params: dict[str, str]) -> Any:
        advanced = method.startswith("advanced/")
        rows = self.advanced + self.advanced_ended if advanced else self.open + self.ended
        for row in rows:
            if params.get("order_id") == row["order_id"] or params.get("client_oid") == row["client_oid"]:
                return {"id": 1, "method": f"private/{method}", "code": 0, "result": row}
        return NotFound("40401: NOT_FOUND")

    def _rows(self, method: str, params: dict[str, str]) -> Rows:
        match method:
            case "get-open-orders":
                return self.open
            case "advanced/get-open-orders":
                return self.advanced
            case "user-balance":
                return [self.wallet]
            case "get-positions":
                return self.held
            case "get-order-history":
                return page(self.ended, params, lambda row: int(row[self.orders_by]) * MS)
            case "advanced/get-order-history":
                return page(self.advanced_ended, params, lambda row: int(row[self.orders_by]) * MS)
            case "get-trades":
                return page(self.trades, params, lambda row: int(row["create_time_ns"]))
            case "get-transactions":
                return page(self.money, params, lambda row: int(row["event_timestamp_ns"]))
        raise AssertionError(f"nobody asks for {method}")


def page(rows: Rows, params: dict[str, str], stamp: Any) -> Rows:
    """The latest rows before the end, newest first; a day where the beginning is not said."""
    end = int(params.get("end_time", (NOW + 60_000) * MS))
    start = int(params.get("start_time", end - 86_400_000 * MS))
    wanted = params.get("instrument_name")
    found = [row for row in rows if start <= stamp(row) < end and wanted in {None, row["instrument_name"]}]
    return sorted(found, key=stamp, reverse=True)[: min(PAGE, int(params.get("limit", PAGE)))]

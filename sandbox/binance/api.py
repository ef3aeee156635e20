"""What can be asked of Binance spot, whichever way it is asked.

REST and the WebSocket API offer the same calls with the same parameters,
weights and answers, so each is declared once, in the table below. The two
surfaces only differ in how a request is spelled, signed and answered.
"""

from collections.abc import Callable
from typing import Any

from sandbox.binance import shapes
from sandbox.binance.calls import (
    BY_ID,
    LIMIT_1000,
    NEW_ORDER,
    OPTIONAL_SYMBOL,
    REQUIRED_SYMBOL,
    SPAN,
    SYMBOL_STATUS,
    SYMBOLS,
    Call,
    Endpoint,
    Weight,
    by_symbol,
    depth_weight,
    test_order_weight,
    trades_weight,
)
from sandbox.binance.desk import Desk
from sandbox.binance.fees import Fees
from sandbox.binance.history import History
from sandbox.binance.params import CLIENT_ID, RESTRICTION, Param, boolean, long, matching, up_to
from sandbox.binance.quotes import Quotes
from sandbox.faults import Board
from sandbox.limits import Limits
from sandbox.venue import Venue


class Api:
    """The calls of one venue."""

    def __init__(self, venue: Venue, limits: Limits, board: Board) -> None:
        self.venue = venue
        self.limits = limits
        quotes = Quotes(venue, limits)
        history = History(venue, quotes, board)
        self.fees = Fees(venue, quotes)
        self.rest = self._rest_table(quotes, history, Desk(venue, quotes, history, self.fees, limits))
        self.methods = self._method_table()

    def order_limits(self, account: str) -> list[dict[str, Any]]:
        """The unfilled order counts of an account."""
        now = self.venue.clock.now()
        return [shapes.limit_row(window, window.used(account, now)) for window in self.limits.orders]

    def weight_limit(self, address: str) -> dict[str, Any]:
        """The request weight of an address."""
        window = self.limits.weight
        return shapes.limit_row(window, window.used(address, self.venue.clock.now()))

    def _rest_table(self, quotes: Quotes, history: History, desk: Desk) -> dict[tuple[str, str], Endpoint]:
        def public(weight: Weight, run: Callable[[Call], Any], *params: Param) -> Endpoint:
            return Endpoint(security="none", weight=weight, params=params, run=run)

        def private(weight: Weight, run: Callable[[Call], Any], *params: Param) -> Endpoint:
            return Endpoint(security="user_data", weight=weight, params=params, run=run)

        def trade(run: Callable[[Call], Any], *params: Param) -> Endpoint:
            return Endpoint(security="trade", weight=1, params=params, run=run, free_on_success=True)

        info = (OPTIONAL_SYMBOL, SYMBOLS, Param("permissions", matching(r"^[\w\[\]\",]{1,}$")),
                Param("showPermissionSets", boolean), SYMBOL_STATUS)  # fmt: skip
        test = Endpoint(
            security="trade",
            weight=test_order_weight,
            params=(*NEW_ORDER, Param("computeCommissionRates", boolean)),
            run=desk.test_order,
        )
        return {
            ("GET", "/api/v3/ping"): public(1, lambda _: {}),
            ("GET", "/api/v3/time"): public(1, lambda _: {"serverTime": self.venue.clock.now()}),
            ("GET", "/api/v3/exchangeInfo"): public(20, quotes.exchange_info, *info),
            ("GET", "/api/v3/ticker/price"): public(
                by_symbol(2, 4), quotes.price, OPTIONAL_SYMBOL, SYMBOLS, SYMBOL_STATUS
            ),
            ("GET", "/api/v3/ticker/bookTicker"): public(
                by_symbol(2, 4), quotes.book, OPTIONAL_SYMBOL, SYMBOLS, SYMBOL_STATUS
            ),
            ("GET", "/api/v3/avgPrice"): public(2, quotes.average, REQUIRED_SYMBOL),
            ("GET", "/api/v3/depth"): public(
                depth_weight, quotes.depth, REQUIRED_SYMBOL, Param("limit", up_to(5000)), SYMBOL_STATUS
            ),
            ("GET", "/api/v3/account"): private(20, history.account, Param("omitZeroBalances", boolean)),
            ("GET", "/api/v3/account/commission"): private(20, self.fees.commission, REQUIRED_SYMBOL),
            ("GET", "/api/v3/openOrders"): private(by_symbol(6, 80), history.open_orders, OPTIONAL_SYMBOL),
            ("GET", "/api/v3/order"): private(4, history.order, REQUIRED_SYMBOL, *BY_ID),
            ("GET", "/api/v3/allOrders"): private(
                20, history.all_orders, REQUIRED_SYMBOL, Param("orderId", long), *SPAN, LIMIT_1000
            ),
            ("GET", "/api/v3/myTrades"): private(
                trades_weight, history.my_trades, REQUIRED_SYMBOL, Param("orderId", long), *SPAN,
                Param("fromId", long), LIMIT_1000,
            ),
            ("GET", "/api/v3/myPreventedMatches"): private(
                lambda sent: 2 if sent.get("preventedMatchId") else 20, history.prevented, REQUIRED_SYMBOL,
                Param("preventedMatchId", long), Param("orderId", long), Param("fromPreventedMatchId", long),
                LIMIT_1000,
            ),
            ("GET", "/api/v3/myAllocations"): private(
                20, history.allocations, REQUIRED_SYMBOL, *SPAN, Param("fromAllocationId", long), LIMIT_1000,
                Param("orderId", long),
            ),
            ("GET", "/api/v3/order/amendments"): private(
                4, history.amendments, REQUIRED_SYMBOL, Param("orderId", long, required=True),
                Param("fromExecutionId", long), LIMIT_1000,
            ),
            ("GET", "/api/v3/rateLimit/order"): private(40, lambda call: self.order_limits(call.account)),
            ("GET", "/api/v3/myFilters"): private(40, history.my_filters, REQUIRED_SYMBOL),
            ("POST", "/api/v3/order"): trade(desk.place, *NEW_ORDER),
            ("POST", "/api/v3/order/test"): test,
            ("DELETE", "/api/v3/order"): trade(
                desk.cancel, REQUIRED_SYMBOL, *BY_ID, Param("newClientOrderId", matching(CLIENT_ID)),
                Param("cancelRestrictions", RESTRICTION),
            ),
            ("DELETE", "/api/v3/openOrders"): trade(desk.cancel_all, REQUIRED_SYMBOL),
            ("GET", "/sapi/v1/account/apiRestrictions"): private(1, history.restrictions),
        }  # fmt: skip

    def _method_table(self) -> dict[str, Endpoint]:
        names = {
            "ping": ("GET", "ping"), "time": ("GET", "time"), "exchangeInfo": ("GET", "exchangeInfo"),
            "ticker.price": ("GET", "ticker/price"), "ticker.book": ("GET", "ticker/bookTicker"),
            "avgPrice": ("GET", "avgPrice"), "depth": ("GET", "depth"),
            "account.status": ("GET", "account"), "account.commission": ("GET", "account/commission"),
            "account.rateLimits.orders": ("GET", "rateLimit/order"),
            "allOrders": ("GET", "allOrders"), "myTrades": ("GET", "myTrades"),
            "myPreventedMatches": ("GET", "myPreventedMatches"), "myAllocations": ("GET", "myAllocations"),
            "order.amendments": ("GET", "order/amendments"), "myFilters": ("GET", "myFilters"),
            "order.place": ("POST", "order"), "order.test": ("POST", "order/test"),
            "order.status": ("GET", "order"), "order.cancel": ("DELETE", "order"),
            "openOrders.status": ("GET", "openOrders"), "openOrders.cancelAll": ("DELETE", "openOrders"),
        }  # fmt: skip
        calls = {name: (verb, f"/api/v3/{path}") for name, (verb, path) in names.items()}
        return {name: self.rest[call] for name, call in calls.items() if call in self.rest}

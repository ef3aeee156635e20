"""The private calls that trade, and the count of unfilled orders.

The count grows with every order placed and falls by one at its first fill;
cancels, expiries and later fills leave it alone.
"""

from collections.abc import Sequence
from typing import Any

from sandbox.binance import rules, shapes
from sandbox.binance.calls import Call
from sandbox.binance.errors import Refusal, rejected, too_many, unknown_order
from sandbox.binance.fees import Fees
from sandbox.binance.history import History
from sandbox.binance.quotes import Quotes
from sandbox.limits import Limits, TooMany
from sandbox.venue import Refused, Venue
from sandbox.world import Event, Order, OrderChanged, OrderRequest


class Desk:
    """Places and cancels on one venue."""

    def __init__(self, venue: Venue, quotes: Quotes, history: History, fees: Fees, limits: Limits) -> None:
        self._venue = venue
        self._quotes = quotes
        self._fees = fees
        self._history = history
        self._limits = limits
        self._unfilled: set[int] = set()
        venue.listeners.append(self._release_counts)

    def _release_counts(self, events: Sequence[Event]) -> None:
        """The first fill of an order gives its place in the count back; an end only forgets it."""
        for event in events:
            if not isinstance(event, OrderChanged) or event.order.order_id not in self._unfilled:
                continue
            if event.trade is not None:
                self._limits.count_order(event.order.account, -1)
            if event.trade is not None or event.order.ended:
                self._unfilled.discard(event.order.order_id)

    def place(self, call: Call) -> Any:
        """Place an order."""
        request = self._checked_order(call)
        account = call.account
        try:
            self._limits.check_orders(account)
        except TooMany as full:
            raise too_many(full) from None
        if request.client_order_id and self._is_open(account, request.symbol, request.client_order_id):
            raise rejected("Duplicate order sent.")
        try:
            order, trades = self._venue.place(account, request)
        except Refused as refused:
            raise rules.worded(refused) from None
        if not trades:
            self._limits.count_order(account, 1)
            self._unfilled.add(order.order_id)
        form = "FULL" if call.args["type"] in ("LIMIT", "MARKET") else "ACK"
        return shapes.placed(order, trades, call.args.get("newOrderRespType", form))

    def _is_open(self, account: str, symbol: str, client_id: str) -> bool:
        return any(one.client_order_id == client_id for one in self._venue.open_of(account, symbol))

    def _checked_order(self, call: Call) -> OrderRequest:
        self._quotes.instrument(call.args)
        request = rules.compose(call.args)
        rules.pass_filters(self._venue, call.account, request)
        return request

    def test_order(self, call: Call) -> Any:
        """Check an order and place nothing."""
        self._checked_order(call)
        if not call.args.get("computeCommissionRates"):
            return {}
        return self._fees.of_order(call.account, call.args["symbol"])

    def cancel(self, call: Call) -> Any:
        """Cancel one order."""
        order = self._history.find(call, unknown_order)
        if order.ended:
            raise unknown_order()
        wanted = call.args.get("cancelRestrictions")
        if wanted and shapes.STATUS[order.status] != wanted.removeprefix("ONLY_"):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        return self._cancel_one(order, call.args.get("newClientOrderId") or self._cancel_id())

    def _cancel_id(self) -> str:
        return f"sbxc{self._venue.store.next_id(f'{self._venue.name}.cancel'):x}"

    def _cancel_one(self, order: Order, request_id: str) -> Any:
        return shapes.canceled(self._venue.cancel(order.order_id, request_id), request_id)

    def cancel_all(self, call: Call) -> Any:
        """Cancel every open order of a symbol."""
        orders = self._venue.open_of(call.account, self._quotes.instrument(call.args).symbol)
        if not orders:
            raise unknown_order()
        request_id = self._cancel_id()
        with self._venue.step():
            return [self._cancel_one(one, request_id) for one in orders]

"""The private calls that trade. An answer says that a request was accepted, no more."""

from typing import Any

from sandbox.bybit import rules
from sandbox.bybit.calls import Call
from sandbox.bybit.errors import bad_params, duplicate_client_id, no_such_order
from sandbox.bybit.history import History
from sandbox.bybit.quotes import Quotes
from sandbox.venue import Refused, Venue
from sandbox.world import Order


class Desk:
    """Places, amends and cancels on one venue."""

    def __init__(self, venue: Venue, quotes: Quotes, history: History) -> None:
        self._venue = venue
        self._quotes = quotes
        self._history = history

    def create(self, call: Call) -> Any:
        """Place an order."""
        args, account = call.args, call.account
        one = self._quotes.instrument(args)
        request = rules.compose(self._venue.market, one, args)
        request = rules.pass_filters(self._venue, account, one, request)
        link = request.client_order_id
        if link and self._history.by_client_id(account, one.category, link) is not None:
            raise duplicate_client_id(one.category)
        try:
            order, _ = self._venue.place(account, request)
        except Refused as refused:
            raise rules.worded(refused, one.category) from None
        return self._named(order)

    def _named(self, order: Order) -> Any:
        number = self._venue.customs.order_id(order.category, order.order_id)
        return {"orderId": number, "orderLinkId": order.client_order_id}

    def _open(self, call: Call) -> Order:
        """The open order that the call names."""
        symbol = self._quotes.instrument(call.args).symbol
        order = self._history.find(call)
        if order is None or order.ended or order.symbol != symbol:
            raise no_such_order(call.args["category"])
        return order

    def cancel(self, call: Call) -> Any:
        """Cancel one order."""
        order = self._open(call)
        wanted = call.args.get("orderFilter", "Order")
        if order.category == "spot" and order.extra.get("filter", "Order") != wanted:
            raise no_such_order(order.category)
        return self._named(self._venue.cancel(order.order_id))

    def amend(self, call: Call) -> Any:
        """Give an order another quantity or price."""
        order, args = self._open(call), call.args
        if "qty" not in args and "price" not in args:
            raise bad_params("qty or price is missing")
        one = self._venue.market.instruments[order.symbol]
        if args.get("qty", one.step) % one.step or args.get("price", one.tick) % one.tick:
            raise bad_params("qty or price is off its step")
        try:
            return self._named(self._venue.amend(order.order_id, args.get("qty"), args.get("price")))
        except Refused as refused:
            raise rules.worded(refused, order.category) from None

    def cancel_all(self, call: Call) -> Any:
        """Cancel every open order that the filters leave."""
        args = call.args
        if args["category"] == "linear" and not {"symbol", "baseCoin", "settleCoin"} & set(args):
            raise bad_params("symbol, baseCoin or settleCoin is missing")
        symbols = {one.symbol for one in self._quotes.chosen(args)}
        wanted = args.get("orderFilter")
        orders = [
            one
            for one in self._venue.open_of(call.account)
            if one.symbol in symbols and wanted in (None, one.extra.get("filter", "Order"))
        ]
        with self._venue.step():
            return {"list": [self._named(self._venue.cancel(one.order_id)) for one in orders], "success": "1"}

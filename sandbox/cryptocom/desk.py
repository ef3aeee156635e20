"""The private calls that trade.

They are asynchronous: the reply only confirms, what became of the order is told
by the channels. An order that the exchange refuses after it was created has an
id and ends rejected; the reply then carries the code and the id.
"""

from typing import Any

from sandbox.cryptocom import rules
from sandbox.cryptocom.calls import Call
from sandbox.cryptocom.envelope import NOTHING
from sandbox.cryptocom.errors import Refusal, code_of, invalid
from sandbox.cryptocom.history import History
from sandbox.venue import NothingToClose, Refused, Venue
from sandbox.world import Order, OrderRequest


class Desk:
    """Places and cancels on one venue."""

    def __init__(self, venue: Venue, history: History) -> None:
        self._venue = venue
        self._history = history

    def _ids(self, order: Order) -> dict[str, Any]:
        order_id = self._venue.customs.order_id(order.category, order.order_id)
        return {"client_oid": order.client_order_id, "order_id": order_id}

    def create(self, call: Call) -> Any:
        """Place an order; without a client's id it gets the request's."""
        client_oid = call.args.get("client_oid", str(call.number))
        request = rules.compose(self._venue, call.args, client_oid)
        if self._history.by_client(call.account, client_oid) is not None:
            raise Refusal(204)
        if code := rules.shortcoming(self._venue, call.account, request):
            raise self._turned_down(call.account, request, code)
        try:
            order, _ = self._venue.place(call.account, request)
        except NothingToClose:
            raise self._turned_down(call.account, request, 1110) from None
        except Refused as refused:
            raise self._turned_down(call.account, request, code_of(refused)) from None
        return self._ids(order)

    def _turned_down(self, account: str, request: OrderRequest, code: int) -> Refusal:
        order = self._venue.turn_down(account, request, str(code))
        return Refusal(code, result=self._ids(order))

    def cancel(self, call: Call) -> Any:
        """Cancel an order in the market."""
        return self._cancel(self._history.find(call), waiting=False)

    def cancel_trigger(self, call: Call) -> Any:
        """Cancel a trigger order."""
        return self._cancel(self._history.find(call), waiting=True)

    def _cancel(self, order: Order, *, waiting: bool) -> Any:
        if (waiting and not order.stop_price) or (not waiting and order.status == "untriggered"):
            raise Refusal(40401)
        if order.ended:
            raise Refusal(316)
        self._venue.cancel(order.order_id)
        return self._ids(order) | {"message": "NO_ERROR"}

    def cancel_all(self, call: Call) -> Any:
        """Cancel what is in the market, of one instrument or of all."""
        orders = self._history.working(call.account, self._symbol(call))
        wanted = call.args.get("type", "ALL")
        return self._cancel_each([one for one in orders if wanted == "ALL" or one.type != "market"])

    def cancel_all_triggers(self, call: Call) -> Any:
        """Cancel the trigger orders, of one instrument or of all."""
        orders = self._venue.open_of(call.account, self._symbol(call))
        return self._cancel_each([one for one in orders if one.stop_price])

    def _symbol(self, call: Call) -> str | None:
        named = "instrument_name" in call.args
        return rules.instrument(self._venue, call.args).symbol if named else None

    def _cancel_each(self, orders: list[Order]) -> Any:
        with self._venue.step():
            for one in orders:
                self._venue.cancel(one.order_id)
        return NOTHING

    def cancel_open(self, numbers: set[int]) -> None:
        """Cancel those of the orders that are still open."""
        self._cancel_each([self._venue.open[one] for one in numbers if one in self._venue.open])

    def amend(self, call: Call) -> Any:
        """Change price and quantity; the id stays, the client's id becomes the new one."""
        args = {"order_id": call.args.get("order_id"), "client_oid": call.args.get("orig_client_oid")}
        wanted = {name: value for name, value in args.items() if value is not None}
        if not wanted:
            raise invalid("order_id")
        order = self._history.find(Call(call.account, wanted))
        if order.ended or order.status == "untriggered":
            raise Refusal(316)
        one = self._venue.market.instruments[order.symbol]
        price, quantity = call.args["new_price"], call.args["new_quantity"]
        if price % one.tick:
            raise Refusal(308)
        if quantity % one.step or quantity <= order.filled:
            raise Refusal(213)
        client_oid = call.args.get("client_oid", str(call.number))
        try:
            order = self._venue.amend(order.order_id, quantity, price, client_order_id=client_oid)
        except Refused as refused:
            raise Refusal(code_of(refused), result=self._ids(order)) from None
        return self._ids(order)

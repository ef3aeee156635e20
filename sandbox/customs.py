"""What the engine lets an exchange decide: how ids are spelled, how an end is called.

The engine counts orders, trades and cash moves; what a client sees may be
another spelling of the number, and must lead back to it. It knows why an order
ended; which word stands for that differs. The defaults are those of an exchange
that shows plain numbers. Nothing here knows a wire.
"""

from decimal import Decimal

from sandbox.world import Cash, Order


class Customs:
    """The customs of one exchange."""

    amends = False
    """True where an open order may be changed."""

    def order_id(self, category: str, number: int) -> str:
        """How an order's number is shown."""
        del category
        return str(number)

    def order_number(self, text: str) -> int:
        """The number behind a shown id; `ValueError` where there is none."""
        return int(text)

    def trade_id(self, category: str, number: int) -> str:
        """How a trade's number is shown."""
        del category
        return str(number)

    def client_id(self, category: str, number: int) -> str:
        """The client's id of an order whose client gave none."""
        del category
        return f"sbx{number:x}"

    def time_in_force(self, kind: str, asked: str) -> str:
        """How long an order of this kind stands when this was asked for."""
        del kind
        return asked

    def cash_id(self, one: Cash) -> str:
        """How a cash move is shown."""
        return one.reference or str(one.cash_id)

    def ending(self, order: Order, status: str, reason: str) -> str:
        """The status of an order that ends with `status` because of `reason`."""
        del order, reason
        return status

    def filled(self, order: Order, quote_filled: Decimal) -> str:
        """The status of an order that has nothing left to fill."""
        del order, quote_filled
        return "filled"

"""How Bybit spells ids, and how its orders end.

Spot ids are nineteen digits; an order placed without a client id gets the
number after its own as one. Contracts have UUIDs, here made from the number in
a way that leads back to it, so nothing has to be kept twice. Nothing ends as
"expired": what found nobody is cancelled, and a spot order that was to be a
maker only is rejected (reference, sections 3 to 5).
"""

import hashlib
from decimal import Decimal
from uuid import UUID

from sandbox.customs import Customs
from sandbox.world import Cash, Order

SPOT_ORDERS = 1_586_519_807_000_000_000
SPOT_TRADES = 2_200_000_000_000_000_000
MANY = 10**15


def _uuid(salt: str, number: int) -> str:
    """A UUID whose last twelve digits hide `number` under a mask made of the others."""
    head = hashlib.blake2b(f"{salt}{number}".encode(), digest_size=16).digest()
    shown = UUID(bytes=head, version=4 if salt == "order" else 5).bytes[:10]
    return str(UUID(bytes=shown + (number ^ _mask(shown)).to_bytes(6, "big")))


def _mask(head: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(head, digest_size=6).digest(), "big")


def uid(account: str) -> int:
    """The user id of an account."""
    return (
        int.from_bytes(hashlib.blake2b(account.encode(), digest_size=4).digest(), "big") % 900_000_000
        + 100_000_000
    )


class BybitCustoms(Customs):
    """The customs of Bybit."""

    amends = True

    def order_id(self, category: str, number: int) -> str:
        """Digits for spot, a UUID for contracts."""
        return str(SPOT_ORDERS + 2 * number) if category == "spot" else _uuid("order", number)

    def order_number(self, text: str) -> int:
        """The number behind either."""
        if text.isdecimal():
            number, odd = divmod(int(text) - SPOT_ORDERS, 2)
            if odd or not 0 < number < MANY:
                raise ValueError(f"no order {text}")
            return number
        shown = UUID(text).bytes
        number = int.from_bytes(shown[10:], "big") ^ _mask(shown[:10])
        if _uuid("order", number) != text:
            raise ValueError(f"no order {text}")
        return number

    def trade_id(self, category: str, number: int) -> str:
        """Digits for spot, a UUID for contracts."""
        return str(SPOT_TRADES + number) if category == "spot" else _uuid("trade", number)

    def client_id(self, category: str, number: int) -> str:
        """A number for spot, nothing for contracts."""
        return str(SPOT_ORDERS + 2 * number + 1) if category == "spot" else ""

    def time_in_force(self, kind: str, asked: str) -> str:
        """A market order is IOC, whatever was asked for (reference: market orders are IOC inside)."""
        return "ioc" if kind == "market" else asked

    def cash_id(self, one: Cash) -> str:
        """The id of its row in the transaction log, or of the execution that funded."""
        return one.reference or f"{uid(one.account)}_{one.asset}_{one.cash_id}"

    def ending(self, order: Order, status: str, reason: str) -> str:
        """Cancelled is what others call expired."""
        if status != "expired":
            return status
        if reason == "post_only_would_take" and order.category == "spot":
            return "rejected"
        return "canceled"

    def filled(self, order: Order, quote_filled: Decimal) -> str:
        """A spot purchase by amount that leaves change is cancelled after its last fill."""
        change = order.quote_quantity - quote_filled
        if order.category == "spot" and order.side == "buy" and order.quote_quantity and change > 0:
            return "canceled"
        return "filled"

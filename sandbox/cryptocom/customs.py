"""How Crypto.com spells ids, and how orders end there.

Ids are texts of nineteen digits, beyond what a double can hold. An order that
would have taken although it must not is rejected; a market order that was given
by its notional ends canceled although it spent the money.
"""

from decimal import Decimal

from sandbox.customs import Customs
from sandbox.world import Cash, Order

FIRST_ORDER = 6_142_909_900_000_000_000
FIRST_TRADE = 6_142_909_800_000_000_000
FIRST_MATCH = 4_611_686_018_000_000_000
FIRST_JOURNAL = 5_755_600_460_000_000_000


class CryptoComCustoms(Customs):
    """The customs of Crypto.com Exchange."""

    amends = True

    def order_id(self, category: str, number: int) -> str:
        del category
        return str(FIRST_ORDER + number)

    def order_number(self, text: str) -> int:
        return int(text) - FIRST_ORDER

    def trade_id(self, category: str, number: int) -> str:
        del category
        return str(FIRST_TRADE + number)

    def cash_id(self, one: Cash) -> str:
        return str(FIRST_JOURNAL + one.cash_id)

    def ending(self, order: Order, status: str, reason: str) -> str:
        del order
        return "rejected" if reason == "post_only_would_take" else status

    def filled(self, order: Order, quote_filled: Decimal) -> str:
        del quote_filled
        return "canceled" if order.quote_quantity else "filled"

"""What we want an exchange to do: one order to place, or one to cancel.

An intent is decided, validated and recorded before anything is sent, and its
client order id is what the exchange knows it by from then on. This file knows
neither who decides nor how it is sent.
"""

from decimal import Decimal

import msgspec

from core.facts import Side


class Placement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order to be placed.

    `quantity` is in the base asset, `price` in the quote asset, None = at the
    market. `post_only` asks the exchange to refuse the order rather than let it
    take. `closes` is the trade whose units it sells, None for any other order.
    """

    account: str
    category: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    client_order_id: str
    post_only: bool = True
    closes: str | None = None


class Cancellation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order of ours to be cancelled."""

    account: str
    category: str
    symbol: str
    client_order_id: str


Intent = Placement | Cancellation

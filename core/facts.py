"""What an exchange can state, in one normalised vocabulary.

A fact is one statement about one thing: an order, a fill, a balance, a
position, a cash movement. Amounts are exact decimals, times are integer
milliseconds UTC as the exchange gave them, words are lower case, and what the
exchange did not say is None, never zero. A fact does not name its account: the
batch it travels in does, because the exchanges do not name it either.

Facts travel in batches, one per frame or REST answer, from the reader or poller
through the inlet to the ledger. This file knows nothing about any of those.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from core.money import plain

Side = Literal["buy", "sell"]
Liquidity = Literal["maker", "taker"]
FillKind = Literal["trade", "liquidation", "adl", "delivery", "block"]
OrderStatus = Literal[
    "pending",
    "untriggered",
    "open",
    "partially_filled",
    "filled",
    "canceled",
    "rejected",
    "expired",
]
CashKind = Literal["deposit", "withdrawal", "transfer", "funding", "interest", "settlement"]
Source = Literal["stream", "reconcile", "audit", "poll", "command"]


class Fill(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="fill"):
    """Quantity changed hands. Identity: account, category, symbol, order_id, trade_id.

    `fee` is positive when paid and negative for a rebate, in `fee_asset`.
    """

    category: str
    symbol: str
    order_id: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    traded_at: int
    client_order_id: str | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None
    liquidity: Liquidity | None = None
    kind: FillKind = "trade"


class OrderState(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="order"):
    """What the exchange says of one order. Identity: account, category, symbol, order_id.

    `version` is the exchange's own counter for statements about this order
    (Binance's execution id); None where there is none.
    """

    category: str
    symbol: str
    order_id: str
    status: OrderStatus
    client_order_id: str | None = None
    side: Side | None = None
    type: str | None = None
    time_in_force: str | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quantity: Decimal | None = None
    filled: Decimal | None = None
    average_price: Decimal | None = None
    created_at: int | None = None
    updated_at: int | None = None
    reason: str | None = None
    version: int | None = None


class Balance(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="balance"):
    """An absolute balance. Identity: account, asset.

    `total` is given only where the exchange says nothing finer, or says it too.
    """

    asset: str
    free: Decimal | None = None
    locked: Decimal | None = None
    total: Decimal | None = None
    updated_at: int | None = None


class Position(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="position"):
    """An open position. Identity: account, category, symbol, side. Size 0 is flat."""

    category: str
    symbol: str
    side: str
    size: Decimal
    entry_price: Decimal | None = None
    leverage: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    updated_at: int | None = None


class CashMove(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="cash"):
    """Money moved without a trade. Identity: account, id. Positive is credited."""

    id: str
    asset: str
    amount: Decimal
    kind: CashKind
    at: int


class Unrecognised(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="unknown"):
    """An event that we do not know, or one with keys that we do not know.

    Kept in the journal beside its raw frame, so that nothing an exchange said
    is lost and a protocol change is seen on its first day.
    """

    event: str
    why: str
    at: int | None = None


Fact = Fill | OrderState | Balance | Position | CashMove | Unrecognised


def stated(fact: Fact) -> dict[str, Any]:
    """A fact as plain data: amounts are text, what was not said is None."""
    values = msgspec.structs.asdict(fact)
    for name, value in values.items():
        if isinstance(value, Decimal):
            values[name] = plain(value)
    return values


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Who made a statement: the fence that every effect carries (S24)."""

    boot: str
    child: str
    gen: int


class Batch(msgspec.Struct, frozen=True, gc=False, tag="batch"):
    """The facts of one frame or one REST answer, on their way to the ledger.

    `received_at` is wall time in ms; `received_mono` the monotonic second at
    which the frame's last byte came (latency is measured from it; meaningless
    after a restart). `raw` is the redacted text of the frame, None where there
    is none. `fence` is the journal sequence at the start of the request that a
    snapshot answers; None for the stream.
    """

    account: str
    exchange: str
    source: Source
    origin: Origin
    received_at: int
    received_mono: float
    facts: tuple[Fact, ...]
    raw: str | None = None
    fence: int | None = None

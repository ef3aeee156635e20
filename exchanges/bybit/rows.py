"""What Bybit says of an order, an execution, a position and a coin: the keys that we use.

The rows of stream and REST are nearly the same, so one shape serves both. They
differ in this: the stream's rows name their category, REST names it once per
answer; a position's average price is `entryPrice` there and `avgPrice` here
(v5/websocket/private, v5/order, v5/position, v5/account; 2026-07-24).

Everything is text on the wire, for numbers too, and everything may be missing:
what a row must say to mean something is decided where it is read.
"""

import msgspec


class OrderRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One order. `qty` of a spot market order may be in the quote coin."""

    category: str | None = None
    symbol: str | None = None
    order_id: str | None = None
    order_link_id: str | None = None
    side: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    order_status: str | None = None
    cancel_type: str | None = None
    reject_reason: str | None = None
    price: str | None = None
    qty: str | None = None
    avg_price: str | None = None
    cum_exec_qty: str | None = None
    cum_exec_value: str | None = None
    market_unit: str | None = None
    trigger_price: str | None = None
    created_time: str | None = None
    updated_time: str | None = None


class ExecutionRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One execution, which need not be a fill."""

    category: str | None = None
    symbol: str | None = None
    order_id: str | None = None
    order_link_id: str | None = None
    side: str | None = None
    exec_id: str | None = None
    exec_type: str | None = None
    exec_price: str | None = None
    exec_qty: str | None = None
    exec_time: str | None = None
    exec_fee: str | None = None
    fee_rate: str | None = None
    fee_currency: str | None = None
    is_maker: bool | None = None
    exec_pnl: str | None = None


class PositionRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One leg of a position. `size` is absolute; a flat one has size "0" and side ""."""

    category: str | None = None
    symbol: str | None = None
    side: str | None = None
    size: str | None = None
    position_idx: int | None = None
    entry_price: str | None = None  # stream
    avg_price: str | None = None  # REST
    leverage: str | None = None
    liq_price: str | None = None
    unrealised_pnl: str | None = None
    updated_time: str | None = None


class CoinRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One coin of the account. `locked` is what spot orders hold of `walletBalance`."""

    coin: str | None = None
    wallet_balance: str | None = None
    locked: str | None = None


Row = OrderRow | ExecutionRow | PositionRow

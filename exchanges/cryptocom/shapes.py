"""Crypto.com's messages and rows, key by key (Exchange API v1, 2026-05-21, and live recordings).

A shape names every documented key, because a key that is not named is news; what
reads them (reading.py) says so and goes on. What we use is typed; what we do not
use may be anything, for a changed type there must not cost us a fill. Numbers
come as numbers or as strings. What is required is what nothing can be said
without; amounts are finite and of sane size.

Rows inside a message are left as they came (Raw): which rows they are, the
channel or the method tells.
"""

from decimal import Decimal
from typing import Any

import msgspec

from exchanges.cryptocom.words import SIDES, milliseconds, nanoseconds, whole
from exchanges.replies import is_amount

Name = str | int  # ids are strings, and too large for a float where they are not
Number = int | str | None
Amount = Decimal | None

NOTHING = msgspec.Raw(b"null")
LONGEST = 200  # characters of an amount that is calculated with; sums are exact to 1000 digits


class Frame(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One message of the stream. Pushes have the id -1, or none."""

    id: Number = None
    method: str | None = None
    code: int | None = 0
    result: msgspec.Raw = NOTHING
    message: Any = None
    original: Any = None  # the request, signature and all: never shown
    details: Any = None
    nonce: Any = None


class Result(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """What a frame brings. `subscription` repeats what was asked for; `channel` says what it is."""

    channel: str | None = None
    subscription: str | None = None
    data: msgspec.Raw = NOTHING
    instrument_name: Any = None
    account_id: Any = None


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One order: user.order, user.advance.order, and every REST method that shows orders.

    The keys stand in the order in which they mostly come: the decoder looks for
    the next one first.
    """

    account_id: Any = None
    order_id: Name
    client_oid: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    side: str | None = None
    exec_inst: Any = None
    quantity: Amount = None
    limit_price: Amount = None
    order_value: Any = None
    maker_fee_rate: Any = None
    taker_fee_rate: Any = None
    avg_price: Amount = None
    ref_price: Amount = None
    ref_price_type: Any = None
    cumulative_quantity: Amount = None
    cumulative_value: Any = None
    cumulative_fee: Any = None  # of another sign and currency than it says: fees come from fills
    status: str
    update_user_id: Any = None
    order_date: Any = None
    instrument_name: str
    fee_instrument_name: Any = None
    reason: Number = None
    create_time: Number = None
    create_time_ns: Number = None
    update_time: Number = None
    transaction_time: Any = None
    transaction_time_ns: Number = None
    exchange_order_id: Name | None = None
    reject_reason: str | None = None
    type: str | None = None  # older payloads
    price: Amount = None  # older payloads
    trigger_price: Amount = None  # before 2025
    attach_isolation_id: Any = None
    attach_order_id: Any = None
    contingency_type: Any = None
    isolated_margin_amount: Any = None
    isolation_id: Any = None
    isolation_type: Any = None
    leg_id: Any = None
    leverage: Any = None
    list_id: Any = None

    def __post_init__(self) -> None:
        _check(
            self.quantity,
            self.limit_price,
            self.price,
            self.ref_price,
            self.trigger_price,
            self.avg_price,
            self.cumulative_quantity,
        )

    @property
    def created(self) -> int:
        """When it was created, ms; 0 where that is not said."""
        return milliseconds(self.create_time) or milliseconds(self.create_time_ns) or 0

    @property
    def changed(self) -> int:
        """When it last changed, ms; one that never did was created then."""
        return milliseconds(self.update_time) or self.created

    @property
    def age(self) -> tuple[int, int, Decimal]:
        """Of two rows about one order the greater is the later."""
        return self.changed, whole(self.transaction_time_ns) or 0, self.cumulative_quantity or Decimal(0)

    @property
    def names(self) -> frozenset[str]:
        """The ids that its fills may carry."""
        return frozenset(str(name) for name in (self.order_id, self.exchange_order_id) if name)


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One fill of ours: user.trade and get-trades."""

    account_id: Any = None
    event_date: Any = None
    journal_type: str | None = None
    side: str
    instrument_name: str
    fees: Amount = None
    fee_credits: Any = None  # `fees` are net of them
    trade_id: Name
    trade_match_id: Any = None
    client_oid: str | None = None
    taker_side: str | None = None
    create_time: Number = None
    create_time_ns: Number = None
    traded_price: Decimal
    traded_quantity: Decimal
    fee_instrument_name: str | None = None
    order_id: Name
    isolation_id: Any = None
    isolation_type: Any = None
    match_count: Any = None
    match_index: Any = None
    transact_time_ns: Any = None
    transaction_time: Any = None

    def __post_init__(self) -> None:
        _check(self.traded_price, self.traded_quantity, self.fees)
        if self.at is None or self.side not in SIDES:
            raise ValueError("a trade without a time or a side")

    @property
    def at(self) -> int | None:
        """When it was traded, ms."""
        return milliseconds(self.create_time) or milliseconds(self.create_time_ns)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.instrument_name, str(self.order_id), str(self.trade_id)

    @property
    def stamp(self) -> int:
        """The time that its history is paged by, ns."""
        return nanoseconds(self.create_time_ns, self.at) or 0


class Journal(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One row of the account's money: user.transactions and get-transactions."""

    journal_id: Name
    journal_type: str
    instrument_name: str
    transaction_qty: Amount = None
    transaction_cost: Amount = None
    realized_pnl: Amount = None
    event_timestamp_ms: Number = None
    event_timestamp_ns: Number = None
    isolation_id: Name | None = None
    account_id: Any = None
    client_oid: Any = None
    event_date: Any = None
    isolation_type: Any = None
    order_id: Any = None
    side: Any = None
    taker_side: Any = None
    trade_id: Any = None
    trade_match_id: Any = None

    def __post_init__(self) -> None:
        _check(self.transaction_qty, self.transaction_cost, self.realized_pnl)
        if self.at is None:
            raise ValueError("a movement without a time")

    @property
    def at(self) -> int | None:
        """When it happened, ms."""
        return milliseconds(self.event_timestamp_ms) or milliseconds(self.event_timestamp_ns)

    @property
    def key(self) -> tuple[str, str, str]:
        return str(self.journal_id), self.instrument_name, str(self.isolation_id or "")

    @property
    def stamp(self) -> int:
        """The time that its history is paged by, ns."""
        return nanoseconds(self.event_timestamp_ns, self.at) or 0


class Asset(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One asset of the wallet."""

    instrument_name: str
    quantity: Decimal
    reserved_qty: Amount = None
    max_withdrawal_balance: Amount = None
    collateral_eligible: bool | None = None
    collateral_amount: Any = None
    collateral_weight: Any = None  # older
    haircut: Any = None
    hourly_interest_rate: Any = None
    market_value: Any = None

    def __post_init__(self) -> None:
        _check(self.quantity, self.reserved_qty, self.max_withdrawal_balance)
        if any(len(str(amount)) > LONGEST for amount in (self.quantity, self.reserved_qty)):
            raise ValueError("an amount that is too long to be calculated with")


class Wallet(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The whole account: user.balance and user-balance."""

    position_balances: msgspec.Raw
    total_position_im: Amount = None
    total_maintenance_margin: Amount = None
    total_borrow: Amount = None
    account: Any = None
    credit_limits: Any = None
    has_risk: Any = None
    instrument_name: Any = None
    is_liquidating: Any = None
    isolated_positions: Any = None
    margin_score: Any = None
    position_limit: Any = None
    terminatable: Any = None
    total_available_balance: Any = None
    total_cash_balance: Any = None
    total_collateral_value: Any = None
    total_effective_leverage: Any = None
    total_haircut: Any = None
    total_initial_margin: Any = None
    total_isolated_cash_balance: Any = None
    total_margin_balance: Any = None
    total_position_cost: Any = None
    total_risk_exposure: Any = None
    total_session_realized_pnl: Any = None
    total_session_unrealized_pnl: Any = None
    used_position_limit: Any = None

    def __post_init__(self) -> None:
        _check(self.total_position_im, self.total_maintenance_margin, self.total_borrow)

    @property
    def is_margined(self) -> bool:
        """Whether positions or debts bind a part of the wallet."""
        return any((self.total_position_im, self.total_maintenance_margin, self.total_borrow))


class Holding(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One position: user.positions and get-positions; an isolated one is a row of its own."""

    instrument_name: str
    quantity: Decimal
    open_pos_cost: Amount = None
    open_position_pnl: Amount = None
    leverage: Amount = None
    liquidation_price: Amount = None
    update_timestamp_ms: Number = None
    isolation_id: Name | None = None
    account_id: Any = None
    cost: Any = None
    effective_leverage: Any = None
    isolated_margin_balance: Any = None
    isolation_type: Any = None
    mark_price: Any = None
    market_value: Any = None
    pos_initial_margin: Any = None
    pos_maintenance_margin: Any = None
    session_pnl: Any = None
    session_unrealized_pnl: Any = None
    target_leverage: Any = None
    type: Any = None

    def __post_init__(self) -> None:
        _check(
            self.quantity, self.open_pos_cost, self.open_position_pnl, self.leverage, self.liquidation_price
        )


def _check(*amounts: Amount) -> None:
    if not all(amount is None or is_amount(amount) for amount in amounts):
        raise ValueError("an amount that is no number")

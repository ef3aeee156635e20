"""The REST answers of Binance, row by row, in our facts (rest-api.md, 2026-07-21).

The same words and amounts as in the stream (words.py), so that a trade by REST
and by stream is one fill, field by field; only what a row does not say is None.
Unknown keys are ignored here: the stream tells of news. A row that cannot be
read makes the whole answer Unreadable, for half an answer proves nothing.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from core.facts import Balance, Fact, Fill, OrderState, Unrecognised
from core.money import EXACT
from core.orders import FINAL
from exchanges.binance.words import (
    ALLOCATION,
    CATEGORY,
    SIDES,
    STATUSES,
    average_price,
    lower,
    milliseconds,
    order_status,
    reason,
)
from exchanges.replies import is_amount

BALANCE_LAG_MS = 5_000


class OrderRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One order, of openOrders, allOrders or order."""

    symbol: str
    order_id: int
    status: str
    side: str
    type: str
    executed_qty: Decimal
    orig_qty: Decimal
    price: Decimal
    client_order_id: str | None = None
    cummulative_quote_qty: Decimal | None = None  # two m: so the exchange spells it; below 0 = unknown
    time_in_force: str | None = None
    stop_price: Decimal | None = None
    time: int | None = None
    update_time: int | None = None
    is_working: bool | None = None
    expiry_reason: str | None = None
    used_sor: bool = False

    def __post_init__(self) -> None:
        _check(self.executed_qty, self.orig_qty, self.price, self.stop_price, self.cummulative_quote_qty)

    @property
    def age(self) -> tuple[int, Decimal, bool]:
        """Of two rows about one order the greater is the later."""
        return self.update_time or 0, self.executed_qty, STATUSES.get(self.status) in FINAL

    @property
    def key(self) -> tuple[str, int]:
        """Order ids are unique within a symbol only."""
        return self.symbol, self.order_id


class TradeRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One trade of myTrades, or one allocation of myAllocations."""

    symbol: str
    order_id: int
    price: Decimal
    qty: Decimal
    time: int
    is_buyer: bool
    id: int | None = None
    allocation_id: int | None = None
    commission: Decimal | None = None
    commission_asset: str | None = None
    is_maker: bool | None = None

    def __post_init__(self) -> None:
        _check(self.price, self.qty, self.commission)
        if (self.id is None and self.allocation_id is None) or milliseconds(self.time) is None:
            raise ValueError("a trade without id or time")

    @property
    def number(self) -> int:
        """What its history is paged by."""
        return self.id or 0 if self.allocation_id is None else self.allocation_id


class BalanceRow(msgspec.Struct, frozen=True, gc=False):
    """One asset of account."""

    asset: str
    free: Decimal
    locked: Decimal

    def __post_init__(self) -> None:
        _check(self.free, self.locked)


class Account(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The account; `update_time` is the moment of its last change."""

    balances: list[BalanceRow]
    update_time: int | None = None


class Pair(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a symbol trades against what."""

    symbol: str
    base_asset: str
    quote_asset: str


class ExchangeInfo(msgspec.Struct, frozen=True, gc=False):
    """Of all that exchangeInfo says, the pairs."""

    symbols: list[Pair]


class ServerTime(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The answer of /time."""

    server_time: int


class Restrictions(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a key may do; a key that is missing is unknown, not false."""

    enable_withdrawals: bool | None = None
    enable_internal_transfer: bool | None = None
    permits_universal_transfer: bool | None = None
    enable_spot_and_margin_trading: bool | None = None
    ip_restrict: bool | None = None
    trading_authority_expiration_time: int | None = None


def order_facts(row: OrderRow) -> tuple[Fact, ...]:
    """How the order stands; beside it what is odd, where its status is unknown."""
    at = milliseconds(row.update_time)
    state = OrderState(
        category=CATEGORY,
        symbol=row.symbol,
        order_id=str(row.order_id),
        status=order_status(row.status, row.type, row.is_working, row.executed_qty),
        client_order_id=row.client_order_id or None,
        side=SIDES.get(row.side),
        type=lower(row.type),
        time_in_force=lower(row.time_in_force),
        price=row.price or None,
        stop_price=row.stop_price or None,
        quantity=row.orig_qty or None,
        filled=row.executed_qty,
        average_price=average_price(row.cummulative_quote_qty, row.executed_qty),
        created_at=milliseconds(row.time),
        updated_at=at,
        reason=reason(row.status, None, row.expiry_reason),
    )
    if row.status in STATUSES and row.side in SIDES:
        return (state,)
    return (state, Unrecognised("order", f"unknown status {row.status} or side {row.side}", at))


def fill(row: TradeRow, client_order_id: str | None) -> Fill:
    """The trade under the identity that the stream gives it. Its row does not name the client's id."""
    return Fill(
        category=CATEGORY,
        symbol=row.symbol,
        order_id=str(row.order_id),
        trade_id=str(row.id) if row.allocation_id is None else ALLOCATION.format(row.allocation_id),
        side="buy" if row.is_buyer else "sell",
        price=row.price,
        quantity=row.qty,
        traded_at=milliseconds(row.time) or 0,
        client_order_id=client_order_id,
        fee=row.commission,
        fee_asset=row.commission_asset,
        liquidity=None if row.is_maker is None else "maker" if row.is_maker else "taker",
    )


def totals(account: Account) -> dict[str, Decimal]:
    """What is held, free and locked together; assets of which nothing is held are left out."""
    return {row.asset: EXACT.add(row.free, row.locked) for row in account.balances if row.free or row.locked}


def balance_facts(account: Account, gone: Sequence[str], began_ms: int) -> tuple[Balance, ...]:
    """Every asset that is held, and 0 for those of `gone`.

    They hold good from the account's last change on, but at least from 5 s before
    the request: no event is on its way for longer. A last change that lies ahead
    of us by more than our clocks may differ is no moment to wait for.
    """
    changed = milliseconds(account.update_time) or 0
    at = max(began_ms - BALANCE_LAG_MS, min(changed, began_ms + BALANCE_LAG_MS))
    held = (Balance(row.asset, row.free, row.locked, None, at) for row in account.balances)
    nothing = Decimal(0)
    return (
        *(balance for balance in held if balance.free or balance.locked),
        *(Balance(asset, nothing, nothing, None, at) for asset in gone),
    )


def _check(*amounts: Decimal | None) -> None:
    if not all(amount is None or is_amount(amount) for amount in amounts):
        raise ValueError("an amount that is no number")

"""The nouns of the imitation: what an account owns, did, and was told.

They are exchange-neutral and frozen: a change makes a new value, so an event
keeps the order as it was at that moment. Words of state are those of the
ledger (`open`, `partially_filled`, ...); dialects translate.
"""

from decimal import Decimal

import msgspec

PRICE_UNIT = Decimal("1E-8")
ENDED = frozenset({"filled", "canceled", "rejected", "expired"})


def key_of(category: str, name: str) -> str:
    """The engine's symbol: one name may be listed in several categories."""
    return name if category == "spot" else f"{category}:{name}"


def name_of(symbol: str) -> str:
    """The exchange's name of an engine's symbol."""
    return symbol.rpartition(":")[2]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order.

    `hold` is what it keeps locked of its account's balance. `position_index`
    names the leg of a hedged contract (1 long, 2 short, 0 the only one).
    `trigger_direction` is 1 where a stop waits for a rise, 2 for a fall, 0 where
    its type says it. `extra` is what a dialect wants to see again.
    """

    exchange: str
    account: str
    category: str
    symbol: str
    order_id: int
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    status: str
    price: Decimal
    stop_price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    filled: Decimal
    quote_filled: Decimal
    hold: Decimal
    created_at: int
    updated_at: int
    working_at: int | None = None
    reason: str = ""
    strategy_id: int | None = None
    strategy_type: int | None = None
    position_index: int = 0
    reduce_only: bool = False
    trigger_direction: int = 0
    fees: dict[str, Decimal] = {}
    pnl: Decimal = Decimal(0)
    extra: dict[str, str] = {}

    @property
    def name(self) -> str:
        """What the exchange calls the symbol."""
        return name_of(self.symbol)

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def ended(self) -> bool:
        """True once no further fill can come."""
        return self.status in ENDED


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order as asked for, already checked by the dialect's own rules."""

    symbol: str
    side: str
    type: str
    time_in_force: str = "gtc"
    price: Decimal = Decimal(0)
    stop_price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    quote_quantity: Decimal = Decimal(0)
    client_order_id: str = ""
    strategy_id: int | None = None
    strategy_type: int | None = None
    position_index: int = 0
    reduce_only: bool = False
    trigger_direction: int = 0
    extra: dict[str, str] = {}


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One execution, with the fee that was really charged.

    `kind` is `trade`, or what befell a position: `liquidation`, `adl`,
    `delivery`, `settlement`, `block`, `funding` (moves money only). `closed` and
    `pnl` say what it closed and earned before fees, `mark` the price of that
    moment, `remaining` what its order still wants; trades concluded together
    share `seq`.
    """

    exchange: str
    account: str
    category: str
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: str
    at: int
    kind: str = "trade"
    rate: Decimal = Decimal(0)
    mark: Decimal = Decimal(0)
    closed: Decimal = Decimal(0)
    pnl: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    seq: int = 0
    position_index: int = 0

    @property
    def name(self) -> str:
        """What the exchange calls the symbol."""
        return name_of(self.symbol)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one contract, or of one leg of it.

    `size` is above zero for long and below for short; `cost` is what it was
    entered for, unsigned, in the asset it settles in. `realised` is what the
    present holding has brought, fees and funding included, `realised_total` what
    all of them did. `seq` is that of the last trade, -1 before the first.
    """

    exchange: str
    account: str
    category: str
    symbol: str
    index: int = 0
    inverse: bool = False
    size: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    realised_total: Decimal = Decimal(0)
    seq: int = -1
    opened_at: int = 0
    created_at: int = 0
    updated_at: int = 0

    @property
    def name(self) -> str:
        """What the exchange calls the symbol."""
        return name_of(self.symbol)

    @property
    def side(self) -> str:
        """buy, sell, or nothing when flat."""
        return ("buy" if self.size > 0 else "sell") if self.size else ""

    @property
    def entry(self) -> Decimal:
        """The average price of entry; zero when flat."""
        if not self.size:
            return Decimal(0)
        exact = abs(self.size) / self.cost if self.inverse else self.cost / abs(self.size)
        return exact.quantize(PRICE_UNIT)


class Balance(msgspec.Struct, frozen=True):
    """What an account has of one asset."""

    asset: str
    free: Decimal = Decimal(0)
    locked: Decimal = Decimal(0)
    updated_at: int = 0


class Cash(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came or went without a trade; `amount` is signed.

    `reference` is the exchange's own word for the move, where it has one that is
    not the number.
    """

    exchange: str
    account: str
    cash_id: int
    asset: str
    amount: Decimal
    kind: str
    at: int
    reference: str = ""


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An order took a step.

    `what` is new, triggered, amended, trade, canceled, expired or rejected;
    `request_id` is the client's id of the cancel that caused it.
    """

    order: Order
    what: str
    execution_id: int
    at: int
    trade: Trade | None = None
    request_id: str = ""


class BalancesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Balances that a step may have changed, as they are now."""

    account: str
    rows: tuple[Balance, ...]
    at: int


class CashMoved(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit or withdrawal was booked."""

    cash: Cash


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """A position was funded, closed or handed over without an order of its account."""

    trade: Trade


Event = OrderChanged | BalancesChanged | CashMoved | Executed


def account_of(event: Event) -> str:
    """The account that `event` is about."""
    match event:
        case OrderChanged():
            return event.order.account
        case BalancesChanged():
            return event.account
        case CashMoved():
            return event.cash.account
        case Executed():
            return event.trade.account


def kind_of(event: Event) -> str:
    """One word for what happened, as faults name it."""
    match event:
        case OrderChanged():
            return event.what
        case BalancesChanged():
            return "balances"
        case CashMoved():
            return "cash"
        case Executed():
            return event.trade.kind

"""What Crypto.com's rows state, in our facts: one translation for stream and REST.

The decisions (Exchange API v1, 2026-05-21, and recordings of the live service):

* `fees` of a trade are negative when paid, so the sign turns; they are in the
  asset that the row names, and net of credits. The fees that an order sums up are
  in another sign and often in another currency than it says: never read.
* An order shows its average price itself; 0 is none, as are prices of 0.
* `transaction_time_ns` rises with every event of an order: it is the version.
* What is locked is not all in `reserved_qty`: of an asset that counts as
  collateral open orders take only from `max_withdrawal_balance`, which is cut off
  after 8 decimals (so is the difference, which makes it exact again). Where
  positions or debts bind the wallet this says nothing about orders, so that only
  the total is known.
* An account has one net position per instrument, of either sign, and one more for
  each isolated margin. What is long says that short is flat, and the reverse.
* Money rows of trades state nothing that fills do not. In the others the amount
  is the quantity, where an asset is named; of a contract it is what was realised
  (or the cost, where that is 0), in USD, in which all contracts settle. An amount
  of 0 moved nothing.
"""

from decimal import ROUND_DOWN, Context, Decimal

from core.facts import (
    Balance,
    CashMove,
    Fact,
    Fill,
    Liquidity,
    OrderState,
    Position,
    Unrecognised,
)
from core.money import EXACT
from exchanges.cryptocom.shapes import Asset, Holding, Journal, Order, Trade
from exchanges.cryptocom.words import (
    BY_FILLS,
    CASH,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
    TRADED,
    category,
    lower,
    milliseconds,
    order_status,
    reason,
    whole,
)
from exchanges.replies import quotient

SETTLES_IN = "USD"
ZERO = Decimal(0)

_EIGHT, _CUT = Decimal("1e-8"), Context(prec=1000, rounding=ROUND_DOWN, traps=[])
_LIQUIDITY: dict[str | None, Liquidity] = {"MAKER": "maker", "TAKER": "taker"}


def order_facts(row: Order) -> tuple[Fact, ...]:
    """How the order stands; beside it what it says that we have no word for."""
    doubt = None
    if row.status not in STATUSES:
        doubt = f"unknown status {row.status[:40]}"
    elif row.side not in SIDES and row.side is not None:
        doubt = f"unknown side {row.side[:40]}"
    state = order(row)
    return (state,) if doubt is None else (state, Unrecognised("order", doubt, state.updated_at))


def order(row: Order) -> OrderState:
    """How the order stands."""
    kind = row.order_type or row.type
    return OrderState(
        category=category(row.instrument_name),
        symbol=row.instrument_name,
        order_id=str(row.order_id),
        status=order_status(row.status, kind, row.exchange_order_id, row.cumulative_quantity),
        client_order_id=row.client_oid or None,
        side=SIDES.get(row.side),
        type=lower(kind),
        time_in_force=TIMES_IN_FORCE.get(row.time_in_force or "", lower(row.time_in_force)),
        price=row.limit_price or row.price or None,
        stop_price=row.ref_price or row.trigger_price or None,
        quantity=row.quantity or None,
        filled=row.cumulative_quantity,
        average_price=row.avg_price or None,
        created_at=row.created or None,
        updated_at=milliseconds(row.update_time),
        reason=reason(row.status, row.reason, row.reject_reason),
        version=whole(row.transaction_time_ns) or None,
    )


def trade_facts(row: Trade) -> tuple[Fact, ...]:
    """A fill, if it is one: what moves a quantity is allowed by name, never guessed."""
    if row.journal_type in TRADED:
        return (fill(row),)
    return (Unrecognised("trade", f"unknown journal type {str(row.journal_type)[:40]}", row.at),)


def fill(row: Trade) -> Fill:
    """A trade as a fill."""
    return Fill(
        category=category(row.instrument_name),
        symbol=row.instrument_name,
        order_id=str(row.order_id),
        trade_id=str(row.trade_id),
        side=SIDES[row.side],
        price=row.traded_price,
        quantity=row.traded_quantity,
        traded_at=row.at or 0,
        client_order_id=row.client_oid or None,
        fee=row.fees.copy_negate() if row.fees else row.fees,
        fee_asset=row.fee_instrument_name or None,
        liquidity=_LIQUIDITY.get(row.taker_side),
    )


def balance(row: Asset, *, margined: bool, at: int) -> Balance:
    """One asset: its total always, its parts where they can be told."""
    locked = _locked(row, margined=margined)
    free = None if locked is None else EXACT.subtract(row.quantity, locked)
    return Balance(row.instrument_name, free, locked, row.quantity, at)


def _locked(row: Asset, *, margined: bool) -> Decimal | None:
    reserved, shown = row.reserved_qty or ZERO, row.max_withdrawal_balance
    if row.collateral_eligible is False or shown == _cut_off(EXACT.subtract(row.quantity, reserved)):
        return reserved
    if margined or shown is None or shown > row.quantity:
        return None
    return _cut_off(EXACT.subtract(row.quantity, shown))


def _cut_off(amount: Decimal) -> Decimal:
    """To 8 decimals, as the exchange does."""
    return amount.quantize(_EIGHT, context=_CUT)


def positions(row: Holding) -> tuple[Position, Position]:
    """The side that is held, and the other one flat; both flat where nothing is held."""
    market, symbol, at = (
        category(row.instrument_name),
        row.instrument_name,
        milliseconds(row.update_timestamp_ms),
    )
    isolated = f"/{row.isolation_id}" if row.isolation_id else ""
    held, other = ("buy", "sell") if row.quantity > 0 else ("sell", "buy")
    if not row.quantity:
        return flat(market, symbol, held + isolated, at), flat(market, symbol, other + isolated, at)
    cost = row.open_pos_cost
    entry = None if cost is None else quotient(cost, row.quantity).copy_abs()
    return (
        Position(
            category=market,
            symbol=symbol,
            side=held + isolated,
            size=row.quantity.copy_abs(),
            entry_price=entry,
            leverage=row.leverage,
            liquidation_price=row.liquidation_price,
            unrealised_pnl=row.open_position_pnl,
            updated_at=at,
        ),
        flat(market, symbol, other + isolated, at),
    )


def flat(market: str, symbol: str, side: str, at: int | None) -> Position:
    """Nothing is held there."""
    return Position(category=market, symbol=symbol, side=side, size=ZERO, updated_at=at)


def journal_facts(row: Journal) -> tuple[Fact, ...]:
    """The money that moved; nothing where fills tell it, or where none did."""
    if row.journal_type in BY_FILLS:
        return ()
    kind = CASH.get(row.journal_type)
    if kind is None:
        return (Unrecognised("transaction", f"unknown journal type {row.journal_type[:40]}", row.at),)
    of_asset = _names_an_asset(row.instrument_name)
    amount = row.transaction_qty if of_asset else row.realized_pnl or row.transaction_cost
    if not amount:
        return ()
    name = ":".join(filter(None, (str(row.journal_id), str(row.isolation_id or ""))))
    return (CashMove(name, row.instrument_name if of_asset else SETTLES_IN, amount, kind, row.at or 0),)


def _names_an_asset(instrument: str) -> bool:
    return "-" not in instrument and "_" not in instrument

"""What one row states, whether it came by stream or by REST.

The same trade by both ways is the same Fill, field by field, because both are
read here. What cannot be read is noted, and the rest of the row counts; a row
that does not say what it speaks of states nothing. The decisions:

* A market order's `price` is the exchange's own protective limit: None. Its
  `qty` is None where it counts the quote coin: a spot market buy does so unless
  `marketUnit` says otherwise (v5/order/create-order), or just so much was filled.
* `avgPrice` may be "" on an order that traded: then it is value by quantity, but
  for inverse contracts, whose value is in the base coin.
* Fees: `execFee` alone, as the exchange signs it. `extraFees` (taxes of some
  countries) are not in it and stay in the raw frame: REST does not repeat them
  in the same form, and one fill has one fee.
* Funding is cash: `execFee` > 0 was paid, so its amount is credited negative.
* A position is known by its leg: `buy` or `sell`, whatever the mode. In one-way
  mode a row speaks of both legs, for a long one leaves no room for a short one;
  in hedge mode `positionIdx` names the leg, so that a flat row does too.
* Of a coin, `walletBalance` is the total and `locked` what spot orders hold;
  what margin holds is not said per coin in cross mode.
"""

from decimal import Decimal

from core.facts import Balance, CashMove, Fact, Fill, OrderState, Position
from core.money import EXACT
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow
from exchanges.bybit.words import (
    CASH,
    KINDS,
    LEGS,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
    Notes,
    amount,
    fee_coin,
    lower,
    milliseconds,
    reason,
    settle_coin,
)
from exchanges.replies import quotient

ZERO = Decimal(0)
Facts = tuple[Fact, ...]


def order(category: str, row: OrderRow, notes: Notes) -> Facts:
    """How the order stands; nothing where its status is a word that we do not know."""
    status, side = STATUSES.get(row.order_status), SIDES.get(row.side)
    if not row.symbol or not row.order_id:
        notes.trouble.append("an order without symbol or id")
        return ()
    if status is None:
        notes.word("order status", row.order_status)
        return ()
    if side is None:
        notes.word("side", row.side)
    at_market = row.order_type == "Market"
    filled = amount(row.cum_exec_qty, "cumExecQty", notes)
    price = None if at_market else amount(row.price, "price", notes)
    quantity = amount(row.qty, "qty", notes)
    if at_market and _in_quote_coin(category, row) and quantity != filled:
        quantity = None
    state = OrderState(
        category,
        row.symbol,
        row.order_id,
        status,
        row.order_link_id or None,
        side,
        lower(row.order_type),
        TIMES_IN_FORCE.get(row.time_in_force or "") or lower(row.time_in_force),
        price or None,
        amount(row.trigger_price, "triggerPrice", notes) or None,
        quantity or None,
        filled,
        _average_price(category, row, filled, notes),
        milliseconds(row.created_time),
        milliseconds(row.updated_time),
        reason(status, row.cancel_type, row.reject_reason),
    )
    return (state,)


def execution(category: str, row: ExecutionRow, notes: Notes) -> Facts:
    """A fill, or money that moved without one. What is on neither list is noted and not booked."""
    if row.exec_type in KINDS:
        return _fill(category, row, notes)
    if row.exec_type in CASH:
        return _cash(category, row, notes)
    notes.word("execution type", row.exec_type)
    return ()


def position(category: str, row: PositionRow, notes: Notes) -> Facts:
    """The leg that is open, and those that this makes flat."""
    size, index = amount(row.size, "size", notes), row.position_idx or 0
    if not row.symbol or size is None:
        notes.trouble.append("a position without symbol or size")
        return ()
    leg = LEGS.get(index) or SIDES.get(row.side)
    if index not in {0, *LEGS} or (size and leg is None):
        notes.word("side of a position", f"{row.side} {index}")
        return ()
    symbol, at = row.symbol, milliseconds(row.updated_time)
    spoken_of = (LEGS[index],) if index else LEGS.values()
    closed = tuple(
        Position(category, symbol, side, ZERO, updated_at=at) for side in spoken_of if not size or side != leg
    )
    if not size or leg is None:
        return closed
    is_open = Position(
        category,
        symbol,
        leg,
        size,
        amount(row.entry_price or row.avg_price, "entryPrice", notes) or None,
        amount(row.leverage, "leverage", notes) or None,
        amount(row.liq_price, "liqPrice", notes) or None,
        amount(row.unrealised_pnl, "unrealisedPnl", notes),
        at,
    )
    return (is_open, *closed)


def balance(row: CoinRow, at: int | None, notes: Notes) -> tuple[Balance, ...]:
    """The coin as it is held at that time."""
    total, locked = amount(row.wallet_balance, "walletBalance", notes), amount(row.locked, "locked", notes)
    if not row.coin or total is None:
        notes.trouble.append("a coin without name or balance")
        return ()
    free = None if locked is None else EXACT.subtract(total, locked)
    return (Balance(row.coin, free, locked, total, at),)


# ------------------------------------------------------------------------ in pieces


def _fill(category: str, row: ExecutionRow, notes: Notes) -> Facts:
    side, at = SIDES.get(row.side), milliseconds(row.exec_time)
    price, quantity = amount(row.exec_price, "execPrice", notes), amount(row.exec_qty, "execQty", notes)
    if not (row.symbol and row.order_id and row.exec_id and side and at) or price is None or quantity is None:
        notes.trouble.append(f"an execution that says too little: {row.exec_type} {row.exec_id}")
        return ()
    if not quantity:
        notes.unknown.append(f"a {row.exec_type} of nothing: {row.exec_id}")
        return ()
    fee, rate = amount(row.exec_fee, "execFee", notes), amount(row.fee_rate, "feeRate", notes)
    coin = fee_coin(category, row.symbol, side, said=row.fee_currency, rate=rate, maker=row.is_maker)
    fill = Fill(
        category,
        row.symbol,
        row.order_id,
        row.exec_id,
        side,
        price,
        quantity,
        at,
        row.order_link_id or None,
        fee,
        None if fee is None else coin,
        None if row.is_maker is None else "maker" if row.is_maker else "taker",
        KINDS[row.exec_type],
    )
    return (fill,)


def _cash(category: str, row: ExecutionRow, notes: Notes) -> Facts:
    """Its id is the exchange's own, so that stream and REST state one movement."""
    kind, at = CASH[row.exec_type], milliseconds(row.exec_time)
    fee = amount(row.exec_fee, "execFee", notes)
    gain = ZERO if kind == "funding" else amount(row.exec_pnl, "execPnl", notes)
    coin = row.fee_currency or settle_coin(category, row.symbol or "")
    if not (row.symbol and row.exec_id and at and coin) or gain is None or fee is None:
        notes.trouble.append(f"{row.exec_type} that says too little")
        return ()
    id_ = f"{category}:{row.symbol}:{row.exec_id}"
    return (CashMove(id_, coin, EXACT.subtract(gain, fee), kind, at),)


def _in_quote_coin(category: str, row: OrderRow) -> bool:
    if category != "spot":
        return False
    return row.market_unit == "quoteCoin" or (row.side == "Buy" and row.market_unit != "baseCoin")


def _average_price(category: str, row: OrderRow, filled: Decimal | None, notes: Notes) -> Decimal | None:
    said = amount(row.avg_price, "avgPrice", notes)
    if said or not filled or category == "inverse":
        return said or None
    value = amount(row.cum_exec_value, "cumExecValue", notes)
    return quotient(value, filled) if value else None

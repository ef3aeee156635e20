"""How Crypto.com writes orders, fills and ledger rows, over REST and as pushes.

Keys follow the reference, sections 4.3 to 4.7, with its traps: fees of a fill
are negative while an order's are positive and in the asset received whatever
the order pays in; a partly filled order stays ACTIVE; instants come as
milliseconds in numbers and as nanoseconds in text, on pushes also in numbers.
The engine counts milliseconds; the nanoseconds are made from the ids, so that
they differ and never change.
"""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sandbox.cryptocom.customs import FIRST_JOURNAL, FIRST_MATCH, FIRST_ORDER, FIRST_TRADE
from sandbox.matching import down
from sandbox.world import Cash, Order, OrderChanged, Trade

Json = dict[str, Any]
NS = 1_000_000
STATUS = {
    "untriggered": "ACTIVE",
    "open": "ACTIVE",
    "partially_filled": "ACTIVE",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "rejected": "REJECTED",
    "expired": "EXPIRED",
}
TYPES = {
    "limit": "LIMIT",
    "limit_maker": "LIMIT",
    "market": "MARKET",
    "stop_loss_limit": "STOP_LIMIT",
    "take_profit_limit": "TAKE_PROFIT_LIMIT",
}
TIMES_IN_FORCE = {"gtc": "GOOD_TILL_CANCEL", "ioc": "IMMEDIATE_OR_CANCEL", "fok": "FILL_OR_KILL"}
REASONS = {
    "unfilled_fok": 43003,
    "unfilled_ioc": 43004,
    "no_liquidity": 43004,
    "post_only_would_take": 43005,
    "insufficient_balance": 306,
    "reduce_only": 1110,
}
SPOT_FEE = Decimal("0.001")
ZERO = Decimal(0)
PRICE = Decimal("1E-10")


def plain(value: Decimal) -> str:
    """An amount without exponent and trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


@cache
def account_id(account: str) -> str:
    """The id that every row of an account bears."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, account))


def nanoseconds(at: int, number: int) -> int:
    """The instant of what happened at `at` and bears `number`."""
    return at * NS + number % NS


def day(at: int) -> str:
    """The date of an instant."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")


def reason(order: Order) -> int:
    """Why an order ended, as a code; 0 where there is nothing to say."""
    if order.status not in ("rejected", "expired"):
        return 0
    known = REASONS.get(order.reason)
    return known or (int(order.reason) if order.reason.isdigit() else 224)


# -- orders ----------------------------------------------------------------------


def order_row(order: Order) -> Json:
    """What REST and pushes say of an order alike."""
    bought = order.side == "buy"
    base, _, quote = order.symbol.partition("_")
    received = base if bought and quote else "USD"
    filled = order.filled if received == base else order.quote_filled
    row: Json = {
        "account_id": account_id(order.account),
        "order_id": str(FIRST_ORDER + order.order_id),
        "client_oid": order.client_order_id,
        "order_type": order_type(order),
        "time_in_force": TIMES_IN_FORCE.get(order.time_in_force, "GOOD_TILL_CANCEL"),
        "side": order.side.upper(),
        "exec_inst": _instructions(order),
        "quantity": plain(order.quantity),
    }
    if order.type != "market":
        row["limit_price"] = plain(order.price)
    return row | {
        "order_value": plain(order.quote_quantity or order.quantity * (order.price or _average(order))),
        "avg_price": plain(_average(order)),
        "ref_price": plain(order.stop_price),
        "cumulative_quantity": plain(order.filled),
        "cumulative_value": plain(order.quote_filled),
        "cumulative_fee": plain(order.fees.get(received, down(filled * SPOT_FEE))),
        "status": STATUS[order.status],
        "update_user_id": account_id(order.account),
        "order_date": day(order.created_at),
        "instrument_name": order.symbol,
        "fee_instrument_name": order.extra.get("fee_asset", received),
        "create_time": order.created_at,
        "create_time_ns": str(nanoseconds(order.created_at, order.order_id)),
        "update_time": order.updated_at,
    }


def order_type(order: Order) -> str:
    """The type on the wire; a market order that waits for a price has a name of its own."""
    if order.type == "market" and order.stop_price:
        stops = (order.side == "buy") == (order.trigger_direction == 1)
        return "STOP_LOSS" if stops else "TAKE_PROFIT"
    return TYPES[order.type]


def _instructions(order: Order) -> list[str]:
    given = [word for word in order.extra.get("exec_inst", "").split(",") if word]
    return [*given, "NOTIONAL_ORDER"] if order.quote_quantity else given


def _average(order: Order) -> Decimal:
    return (order.quote_filled / order.filled).quantize(PRICE) if order.filled else ZERO


def stored_order(order: Order) -> Json:
    """An order as the REST calls show it."""
    row = order_row(order) | {"reason": reason(order)}
    if order.stop_price:
        row |= {"ref_price_type": order.extra.get("ref_price_type", "MARK_PRICE")}
        return row | ({"exchange_order_id": row["order_id"]} if order.working_at else {})
    if order.ended:
        row |= {"maker_fee_rate": "0", "taker_fee_rate": "0", "ref_price_type": "NULL_VAL"}
    return row


def listed_order(order: Order) -> Json:
    """An order as the first message of a subscription shows it."""
    row = order_row(order) | {"maker_fee_rate": "0", "taker_fee_rate": "0"}
    if order.stop_price:
        row["ref_price_type"] = order.extra.get("ref_price_type", "MARK_PRICE")
    return row


def pushed_order(changed: OrderChanged) -> Json:
    """An order as a push shows it; the last number strictly grows."""
    row = listed_order(changed.order)
    if code := reason(changed.order):
        row["reason"] = str(code)
    return row | {"transaction_time_ns": nanoseconds(changed.at, changed.execution_id)}


# -- fills -----------------------------------------------------------------------


def trade_row(trade: Trade) -> Json:
    """What REST and pushes say of a fill alike."""
    maker = trade.liquidity == "maker"
    row: Json = {
        "account_id": account_id(trade.account),
        "event_date": day(trade.at),
        "journal_type": "TRADING",
        "side": trade.side.upper(),
        "instrument_name": trade.symbol,
        "fees": plain(-trade.fee),
        "fee_credits": "0",
        "trade_id": str(FIRST_TRADE + trade.trade_id),
        "trade_match_id": match_id(trade),
        "create_time": trade.at,
        "traded_price": plain(trade.price),
        "traded_quantity": plain(trade.quantity),
        "fee_instrument_name": trade.fee_asset,
        "client_oid": trade.client_order_id,
        "taker_side": trade.liquidity.upper(),
        "order_id": str(FIRST_ORDER + trade.order_id),
        "create_time_ns": str(nanoseconds(trade.at, trade.trade_id)),
        "match_count": 1,
    }
    return row | ({"match_index": 0} if maker else {})


def match_id(trade: Trade) -> str:
    """What a fill shares with the public trade."""
    return str(FIRST_MATCH + trade.trade_id)


def stored_trade(trade: Trade) -> Json:
    """A fill as `get-trades` shows it."""
    row = trade_row(trade)
    return row | {"transact_time_ns": row["create_time_ns"]}


def pushed_trade(trade: Trade) -> Json:
    """A fill as a push shows it."""
    row = trade_row(trade)
    return row | {"transaction_time": row["create_time_ns"]}


# -- ledger ----------------------------------------------------------------------

JOURNALS = {"deposit": "ONCHAIN_DEPOSIT", "withdrawal": "ONCHAIN_WITHDRAWAL", "funding": "FUNDING"}


def journal_of_trade(trade: Trade) -> Json:
    """A fill as a ledger row."""
    sign = 1 if trade.side == "buy" else -1
    return {
        "account_id": account_id(trade.account),
        "event_date": day(trade.at),
        "journal_type": "TRADING",
        "journal_id": str(FIRST_TRADE + trade.trade_id),
        "transaction_qty": plain(sign * trade.quantity),
        "transaction_cost": plain(sign * trade.quote),
        "realized_pnl": plain(trade.pnl),
        "order_id": str(FIRST_ORDER + trade.order_id),
        "trade_id": str(FIRST_TRADE + trade.trade_id),
        "trade_match_id": match_id(trade),
        "event_timestamp_ms": trade.at,
        "event_timestamp_ns": str(nanoseconds(trade.at, trade.trade_id)),
        "client_oid": trade.client_order_id,
        "taker_side": trade.liquidity.upper(),
        "side": trade.side.upper(),
        "instrument_name": trade.symbol,
    }


def journal_of_cash(cash: Cash) -> Json:
    """Money that came or went as a ledger row."""
    return {
        "account_id": account_id(cash.account),
        "event_date": day(cash.at),
        "journal_type": JOURNALS.get(cash.kind, "ADJUSTMENT"),
        "journal_id": str(FIRST_JOURNAL + cash.cash_id),
        "transaction_qty": plain(cash.amount),
        "transaction_cost": plain(cash.amount),
        "realized_pnl": "0",
        "trade_match_id": "0",
        "event_timestamp_ms": cash.at,
        "event_timestamp_ns": str(nanoseconds(cash.at, cash.cash_id)),
        "client_oid": "",
        "taker_side": "",
        "instrument_name": cash.asset,
    }

"""The oracle's own record, in words that belong to no exchange.

The shape is documented in docs/sandbox.md: tests and the drill compare a
ledger with it field by field, so amounts are plain text and states are the
neutral ones. Faults never touch it.
"""

from decimal import Decimal
from typing import Any

from sandbox.venue import Venue
from sandbox.world import Balance, Cash, Order, Position, Trade

Row = dict[str, Any]


def plain(value: Decimal) -> str:
    """An amount without exponent and without trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def truth(venue: Venue, account: str, since: int = 0) -> Row:
    """Everything that happened to an account since `since` (ms), and what it has now."""
    orders = venue.store.orders(venue.name, account, "updated_at >= ? ORDER BY created_at, order_id", since)
    trades = venue.store.trades(venue.name, account, "at >= ? ORDER BY trade_id", since)
    return {
        "exchange": venue.name,
        "account": account,
        "at": venue.clock.now(),
        "fills": [fill(venue, one) for one in trades if one.kind != "funding"],
        "orders": [order(venue, one) for one in orders],
        "balances": [balance(one) for one in venue.balances(account)],
        "positions": [position(venue, one) for one in venue.positions.all_of(account)],
        "cash": [cash(venue, one) for one in venue.store.cash(venue.name, account, since)],
    }


def fill(venue: Venue, one: Trade) -> Row:
    """A fill; one of a contract says what closing earned, before the fee."""
    row = {
        "category": one.category,
        "symbol": one.name,
        "order_id": venue.customs.order_id(one.category, one.order_id),
        "trade_id": venue.customs.trade_id(one.category, one.trade_id),
        "client_order_id": one.client_order_id,
        "side": one.side,
        "price": plain(one.price),
        "quantity": plain(one.quantity),
        "fee": plain(one.fee),
        "fee_asset": one.fee_asset,
        "liquidity": one.liquidity,
        "kind": "delivery" if one.kind == "settlement" else one.kind,
        "traded_at": one.at,
    }
    settles = bool(venue.market.instruments[one.symbol].settle)
    return row | {"realised_pnl": plain(one.pnl)} if settles else row


def order(venue: Venue, one: Order) -> Row:
    """An order as it stands."""
    return {
        "category": one.category,
        "symbol": one.name,
        "order_id": venue.customs.order_id(one.category, one.order_id),
        "client_order_id": one.client_order_id,
        "side": one.side,
        "type": one.type,
        "time_in_force": one.time_in_force,
        "status": one.status,
        "price": plain(one.price) if one.price else None,
        "stop_price": plain(one.stop_price) if one.stop_price else None,
        "quantity": plain(one.quantity),
        "filled": plain(one.filled),
        "average_price": plain(_average(venue, one)) if one.filled else None,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "reason": one.reason,
    }


def _average(venue: Venue, one: Order) -> Decimal:
    inverse = venue.market.instruments[one.symbol].inverse
    return one.filled / one.quote_filled if inverse else one.quote_filled / one.filled


def position(venue: Venue, one: Position) -> Row:
    """A position; flat ones are kept, with size 0 and no side."""
    return {
        "category": one.category,
        "symbol": one.name,
        "index": one.index,
        "side": one.side,
        "size": plain(abs(one.size)),
        "entry_price": plain(one.entry),
        "leverage": plain(venue.market.instruments[one.symbol].leverage),
        "unrealised_pnl": plain(venue.positions.unrealised(one)),
        "realised_pnl": plain(one.realised_total),
        "updated_at": one.updated_at,
    }


def balance(one: Balance) -> Row:
    """A balance."""
    return {"asset": one.asset, "free": plain(one.free), "locked": plain(one.locked)}


def cash(venue: Venue, one: Cash) -> Row:
    """A cash move; `opening` is the money an account was born with."""
    return {
        "id": venue.customs.cash_id(one),
        "asset": one.asset,
        "amount": plain(one.amount),
        "kind": one.kind,
        "at": one.at,
    }

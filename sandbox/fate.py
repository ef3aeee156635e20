"""What befalls positions without an order of their account: funding, and the forced ends.

Funding moves money between longs and shorts and leaves the size alone. A
liquidation, an auto-deleveraging, a delivery or a settlement closes a position
at a price that nobody asked for; a block trade is agreed elsewhere and arrives
as a fill. Nothing here happens by itself: somebody commands it.
"""

from decimal import Decimal
from typing import Any

import msgspec

from sandbox.market import Instrument
from sandbox.matching import down
from sandbox.purse import FIRST_ID
from sandbox.venue import FIRST_SEQ, Refused, Venue
from sandbox.world import CashMoved, Executed, Position, Trade

CLOSING = frozenset({"liquidation", "adl", "delivery", "settlement"})


def fund(venue: Venue, symbol: str, rate: Decimal, account: str | None = None) -> list[Trade]:
    """Charge funding on every position in a contract: longs pay a positive `rate`, shorts receive it."""
    one = venue.market.instruments[symbol]
    held = [
        position
        for name in venue.accounts()
        for position in venue.positions.all_of(name)
        if position.symbol == symbol and position.size and account in (None, name)
    ]
    with venue.step():
        return [_fund_one(venue, one, position, rate) for position in held]


def _fund_one(venue: Venue, one: Instrument, held: Position, rate: Decimal) -> Trade:
    size, price = abs(held.size), venue.market.last[one.symbol]
    value = one.worth(size, price)
    fee = down(value * rate) * (1 if held.size > 0 else -1)
    trade = _trade(venue, one, held, kind="funding", side=held.side, quantity=size, price=price)
    trade = msgspec.structs.replace(trade, fee=fee, fee_asset=one.settle, rate=rate)
    name = venue.customs.trade_id(one.category, trade.trade_id)
    cash = venue.purse.move(held.account, one.settle, -fee, "funding", name)
    venue.positions.charge(held.account, one.symbol, held.index, fee, trade.seq)
    venue.store.keep_trade(trade)
    venue.tell(Executed(trade=trade))
    venue.tell(CashMoved(cash=cash))
    return trade


def force(
    venue: Venue,
    account: str,
    symbol: str,
    kind: str,
    *,
    side: str = "",
    quantity: Decimal | None = None,
    price: Decimal | None = None,
    index: int = 0,
) -> Trade:
    """Execute without an order: close a position, wholly unless told, or book a block trade."""
    one, held = venue.market.instruments[symbol], venue.position(account, symbol, index)
    if kind in CLOSING:
        side = "sell" if held.size > 0 else "buy"
        quantity = min(quantity or abs(held.size), abs(held.size))
    elif kind != "block" or side not in ("buy", "sell"):
        raise Refused("say adl, liquidation, delivery or settlement, or block with a side")
    if not one.settle or not quantity or quantity <= 0:
        raise Refused("there is no position, or no quantity")
    with venue.step():
        at = price or venue.market.last[symbol]
        trade = _trade(venue, one, held, kind=kind, side=side, quantity=quantity, price=at)
        trade = venue.settlement.settle(trade)
        venue.store.keep_trade(trade)
        venue.tell(Executed(trade=trade))
        venue.shed(account, symbol, index)
    return trade


def _trade(venue: Venue, one: Instrument, held: Position, **what: Any) -> Trade:
    """An execution under an order number that no order has; `what` is kind, side, quantity and price."""
    return Trade(
        exchange=venue.name,
        account=held.account,
        category=one.category,
        symbol=one.symbol,
        trade_id=venue.store.next_id(f"{venue.name}.trade", FIRST_ID),
        order_id=venue.store.next_id(f"{venue.name}.order", FIRST_ID),
        client_order_id="",
        quote=one.worth(what["quantity"], what["price"]),
        fee=Decimal(0),
        fee_asset="",
        liquidity="taker",
        at=venue.clock.now(),
        mark=venue.market.last[one.symbol],
        seq=venue.store.next_id(f"{venue.name}.seq.{one.symbol}", FIRST_SEQ),
        position_index=held.index,
        **what,
    )

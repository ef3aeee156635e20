"""When a SELL of a trade is placed, and how much of it at which price.

core/lots has the rules, core/profit the price. This file decides whether the moment
has come, merges the dust in, gives the SELL its number, and says what it waits for
if it has not.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from core.client_ids import sell_id
from core.intents import Placement
from core.lot_hearing import judged
from core.lots import UNSENT, Alarm, Lot, Sell, Sold, Turn, booked, moved, with_sell
from core.profit import Holding, Sale, Terms, TooLittle, Unknown, bought, sale


def considered(lot: Lot, pool: Holding, terms: Terms, hold: str | None, limit: int) -> Turn:
    """Decide what is to be done for the lot now.

    `pool` is the dust of its symbol, `hold` why nothing may be placed at the moment,
    `limit` how many failures are borne.
    """
    valued = _valued(lot, terms.values)
    lot = lot if valued == lot else judged(valued)
    if lot.state != "waiting":
        return Turn(lot)
    if lot.failures > limit:
        text = f"its SELL failed {lot.failures} times, and {limit} is the limit; the last: {lot.why}"
        return Turn(moved(lot, "exhausted", text), alarms=(Alarm(lot.id, "trade_stuck", text),))
    open_ones = [sell for sell in lot.sells if sell.ending is None]
    if open_ones:
        return Turn(_because(lot, f"SELL {open_ones[0].number} is not over"))
    if hold is not None:
        return Turn(_because(lot, hold))
    whole = lot.left
    if lot.holding is None:
        own = bought(lot.bought, lot.pair, terms.values)
        if isinstance(own, Unknown):
            return Turn(_because(lot, own.why))
        whole = own.plus(pool)
    outcome = sale(whole, terms)
    if isinstance(outcome, Unknown):
        return Turn(_because(lot, outcome.why))
    lot = _opened(lot, pool, whole, outcome)
    if isinstance(outcome, TooLittle):
        was_sold = any(sell.sold for sell in lot.sells)
        return Turn(moved(lot, "rest_too_little" if was_sold else "too_little", outcome.why))
    return _planned(lot, outcome, post_only=terms.maker_only)


def _opened(lot: Lot, pool: Holding, whole: Holding, outcome: Sale | TooLittle) -> Lot:
    """Merge the dust in, and set aside what no order holds (rule 2); once."""
    if lot.holding is not None:
        return lot
    holding = outcome.holding if isinstance(outcome, Sale) else Holding()
    return msgspec.structs.replace(lot, holding=holding, from_dust=pool, aside=whole.minus(holding))


def _planned(lot: Lot, outcome: Sale, *, post_only: bool) -> Turn:
    last = lot.current
    reused = last is not None and last.ending in UNSENT
    number = last.number if last is not None and reused else lot.numbers
    name = sell_id(lot.id, number)
    sell = Sell(number, name, outcome.quantity, outcome.price)
    lot = msgspec.structs.replace(
        lot,
        sells=(*(lot.sells[:-1] if reused else lot.sells), sell),
        numbers=max(lot.numbers, number + 1),
    )
    placement = Placement(
        account=lot.account,
        category=lot.bought.category,
        symbol=lot.bought.symbol,
        side="sell",
        quantity=outcome.quantity,
        price=outcome.price,
        client_order_id=name,
        post_only=post_only,
        closes=lot.id,
    )
    return Turn(moved(lot, "planned"), placement)


def _valued(lot: Lot, values: Mapping[str, Decimal]) -> Lot:
    """Book the fees whose worth was not known when they came."""
    for sell in lot.sells:
        if any(one.charged is None for one in sell.sold):
            sold = tuple(
                one if one.charged is not None else Sold(one.fill, booked(one.fill, lot.pair, values))
                for one in sell.sold
            )
            lot = with_sell(lot, msgspec.structs.replace(sell, sold=sold))
    return lot


def _because(lot: Lot, why: str) -> Lot:
    return lot if lot.why == why else msgspec.structs.replace(lot, why=why)

"""What a trade learns of its SELLs: from the exchange, and from whoever sent them.

core/lots has the rules. This file folds one statement into a lot and says where its
SELL stands by everything that was ever said of it, not by what came last: so late,
doubled and shuffled statements lead to the same place.
"""

from typing import Literal

import msgspec

from core.facts import Fill, OrderState
from core.fees import Pair
from core.lots import TABLE, Alarm, Ending, Lot, Sell, Sold, Trigger, Turn, booked, moved, with_sell
from core.merge import merge_fill
from core.money import EXACT, plain
from core.orders import FINAL, merge

Word = Literal["withheld", "refused", "unclear", "absent"]
_OVER: frozenset[Trigger] = frozenset({"complete", "ended"})


def heard(lot: Lot, number: int, fact: Fill | OrderState) -> Turn:
    """The exchange speaks of the SELL with that number."""
    sell = next((one for one in lot.sells if one.number == number), None)
    if sell is None:
        return _stranger(lot, number)
    if sell.order_id not in (None, fact.order_id):
        text = f"two orders go by {sell.client_order_id}: {sell.order_id} and {fact.order_id}"
        return Turn(lot, alarms=(Alarm(lot.id, "trade_surprise", text),))
    after = _folded(sell, fact, lot.pair)
    if after == sell:
        return Turn(lot)
    if sell is lot.current and sell.ending != "over":
        return Turn(_unwanting(judged(with_sell(lot, _revived(after)))))
    return _late(lot, sell, after)


def _folded(sell: Sell, fact: Fill | OrderState, pair: Pair) -> Sell:
    if isinstance(fact, OrderState):
        final = sell.final
        if fact.status in FINAL and fact.filled is not None:
            final = fact.filled if final is None else max(final, fact.filled)
        return msgspec.structs.replace(sell, order=merge(sell.order, fact).row, final=final)
    known = {one.fill.trade_id: one for one in sell.sold}
    before = known.get(fact.trade_id)
    row = merge_fill(before.fill if before else None, fact).row
    if before is None or row != before.fill:
        known[fact.trade_id] = Sold(row, booked(row, pair, {}))
    return msgspec.structs.replace(sell, sold=tuple(known.values()))


def _revived(sell: Sell) -> Sell:
    """Whatever we believed: the exchange speaks of it. That a refused one did nothing is no news."""
    order = sell.order
    did_nothing = order is not None and order.status in FINAL and not order.filled and not sell.sold
    if sell.ending is None or (sell.ending == "refused" and did_nothing):
        return sell
    return msgspec.structs.replace(sell, ending=None)


def judged(lot: Lot) -> Lot:
    """Move the lot to where its current SELL stands."""
    sell = lot.current
    trigger = _standing(sell) if sell is not None and sell.ending is None else None
    if sell is None or trigger is None:
        return lot
    if trigger == "ended" and "ended" in TABLE[lot.state]:
        return moved(_failed(lot, sell, "over"), trigger, _how(sell))
    if trigger in _OVER:
        lot = with_sell(lot, msgspec.structs.replace(sell, ending="over"))
    return moved(lot, trigger, _open_question(sell) if trigger == "unsettled" else None)


def _standing(sell: Sell) -> Trigger | None:
    """What the exchange has said of a SELL, taken together (rule 4); None where that is nothing yet."""
    sold, order = sell.quantity_sold, sell.order
    is_booked = all(one.charged is not None for one in sell.sold)
    if sold >= sell.quantity:
        return "complete" if is_booked else "unsettled"
    if order is not None and order.status in FINAL:
        return "ended" if is_booked and sell.filled == sold else "unsettled"
    if sold or (order is not None and order.filled):
        return "partly"
    return None if order is None else "opened"


def _how(sell: Sell) -> str:
    order = sell.order
    if order is None:
        return "it ended"
    return f"SELL {sell.number} is {order.status}" + (f": {order.reason}" if order.reason else "")


def _open_question(sell: Sell) -> str:
    if any(one.fill.fee is None for one in sell.sold):
        return f"a fee of SELL {sell.number} is not known"
    if any(one.charged is None for one in sell.sold):
        return f"the worth of a fee of SELL {sell.number} is not known"
    said = "an unknown quantity" if sell.filled is None else plain(sell.filled)
    return f"SELL {sell.number} filled {said}, and fills of {plain(sell.quantity_sold)} are known"


def _late(lot: Lot, before: Sell, after: Sell) -> Turn:
    """A word about a SELL that was taken as over (rule 7)."""
    more = EXACT.subtract(after.quantity_sold, before.quantity_sold)
    rises = before.ending not in (None, "over") and _standing(after) in {"opened", "partly", "unsettled"}
    if rises:
        after = msgspec.structs.replace(after, ending=None, is_unwanted=True)
    elif after.ending is None and _standing(after) in _OVER:
        after = msgspec.structs.replace(after, ending="over")
    lot = _unwanting(with_sell(lot, after))
    if not more and not rises:
        return Turn(lot)
    said = f"sold {plain(more)} more" if more else "lives"
    text = f"SELL {after.number} {said} after it was taken as {before.ending or 'unwanted'}"
    return Turn(lot, alarms=(Alarm(lot.id, "trade_surprise", text),))


def _stranger(lot: Lot, number: int) -> Turn:
    """A SELL by an id of this lot that was never given here: somebody knows more than we do."""
    if number < lot.numbers:
        return Turn(lot)
    text = f"SELL {number} exists, and nothing here has placed it: look before anything is sold again"
    after = moved(msgspec.structs.replace(lot, numbers=number + 1), "stranger", text)
    return Turn(after, alarms=(Alarm(lot.id, "trade_surprise", text),))


def _unwanting(lot: Lot) -> Lot:
    """A living SELL of more than the lot still holds is to be cancelled (rule 7)."""
    sell = lot.current
    if sell is None or not sell.is_living or sell.is_unwanted:
        return lot
    rest = EXACT.subtract(sell.quantity, sell.quantity_sold)
    return with_sell(lot, msgspec.structs.replace(sell, is_unwanted=True)) if rest > lot.left.units else lot


# ---------------------------------------------------------- what became of a request


def told(lot: Lot, number: int, word: Word, why: str) -> Lot:
    """What became of sending the SELL with that number, by whoever sent it."""
    sell = lot.current
    if sell is None or sell.number != number or sell.ending is not None or word not in TABLE[lot.state]:
        return lot
    text = f"SELL {number} is {word}: {why}"
    if word == "unclear":
        return moved(lot, "unclear", text)
    if word == "refused":
        return moved(_failed(lot, sell, "refused"), "refused", text)
    return moved(with_sell(lot, msgspec.structs.replace(sell, ending=word)), word, text)


def cancelling(lot: Lot, number: int) -> Lot:
    """We want the SELL with that number cancelled: its end will be no failure."""
    sell = lot.current
    if sell is None or sell.number != number or not sell.is_living:
        return lot
    return with_sell(lot, msgspec.structs.replace(sell, is_unwanted=True))


def excused(lot: Lot, number: int) -> Lot:
    """The SELL with that number would have taken: its end will be no failure."""
    sell = lot.current
    if sell is None or sell.number != number or sell.ending is not None:
        return lot
    return with_sell(lot, msgspec.structs.replace(sell, is_excused=True))


def restarted(lot: Lot) -> Lot:
    """Nobody remembers whether what was being placed was sent (rule 3)."""
    if lot.state != "placing":
        return lot
    return moved(lot, "unclear", "the daemon was restarted while the SELL was being placed")


def retried(lot: Lot) -> Lot:
    """A person says that it may go on."""
    if lot.state != "stuck":
        return lot
    return moved(msgspec.structs.replace(lot, failures=0), "retried", "a person asked to go on")


def _failed(lot: Lot, sell: Sell, ending: Ending) -> Lot:
    """The SELL came to an end unsold; what we asked for is no failure, nor what is excused (rule 6)."""
    lot = with_sell(lot, msgspec.structs.replace(sell, ending=ending))
    is_failure = not (sell.is_unwanted or sell.is_excused)
    return msgspec.structs.replace(lot, failures=lot.failures + is_failure)

"""How old a trade is, and when a person should hear that one is still open.

1. A trade ages from its BUY fill until its last unit is sold; one that ended without a
   sale (dust) is of no age. Times are the exchange's.
2. For each of the durations that a trade has been open for longer there is one warning,
   known by the trade and the duration. It is over when the trade is, or when nobody asks
   for that duration any more.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from core.lots import FINISHED, Lot
from core.money import plain

KIND: Final = "trade_old"


def age(lot: Lot, now: int) -> float | None:
    """Seconds from its purchase until now, or until it was over; None where it ended unsold."""
    if lot.state not in FINISHED:
        return max(0, now - lot.bought.traded_at) / 1000
    last = max((one.fill.traded_at for sell in lot.sells for one in sell.sold), default=None)
    return None if last is None else max(0, last - lot.bought.traded_at) / 1000


def warnings(lots: Iterable[Lot], now: int, after: Sequence[float]) -> dict[str, str]:
    """What is to be said of these trades (rule 2): the text by the key that it is known by.

    `after` are seconds. A text does not change while its warning lasts.
    """
    return {
        f"{KIND}:{lot.id}:{seconds:g}": _text(lot, seconds)
        for lot in lots
        if lot.state not in FINISHED and (old := age(lot, now)) is not None
        for seconds in after
        if old > seconds
    }


def _text(lot: Lot, seconds: float) -> str:
    bought = f"{plain(lot.bought.quantity)} {lot.bought.symbol} at {plain(lot.bought.price)}"
    return f"trade {lot.id} is not sold after {_span(seconds)}: bought {bought}"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"

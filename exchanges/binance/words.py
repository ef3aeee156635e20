"""Binance's words in ours: states, sides, times and amounts, the same for stream and REST.

Everything here is a table or one line, so that an event and a REST row about
the same thing cannot be translated in two ways (enums and field tables: Binance
spot API docs, 2026-07-21).

Enums are open. An unknown order status is read as "still alive", which asks no
more than a query later; an unknown side is None. Who reads a status looks it up
in STATUSES first and says aloud when it is not there.

Times are milliseconds; a value of 16 digits is in microseconds and is divided.
"""

import re
from decimal import Decimal

from core.facts import OrderStatus, Side
from exchanges.replies import is_amount, quotient

CATEGORY = "spot"
ALLOCATION = "alloc-{}"

STATUSES: dict[str, OrderStatus] = {
    "NEW": "open",
    "PENDING_NEW": "pending",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "PENDING_CANCEL": "open",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
SIDES: dict[str | None, Side] = {"BUY": "buy", "SELL": "sell"}
EXECUTIONS = frozenset({"NEW", "TRADE", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION"})
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})

MICROSECONDS = 10**15  # the first number of 16 digits
REMEMBERED = 20_000  # amounts
_AMOUNT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)


def order_status(status: str, kind: str | None, working: bool | None, filled: Decimal | None) -> OrderStatus:
    """Where the order stands. A stop order that is not on the book yet is untriggered."""
    known = STATUSES.get(status)
    if known is None:
        return "partially_filled" if filled else "open"
    if known == "open" and working is False and kind in STOPS:
        return "untriggered"
    return known


def average_price(quote: Decimal | None, filled: Decimal | None) -> Decimal | None:
    """Quote over base to 28 digits; None while nothing is filled, or where the quote is unknown (< 0)."""
    if not filled or quote is None or quote < 0:
        return None
    return quotient(quote, filled)


def reason(status: str, reject: str | None, expiry: str | None) -> str | None:
    """Why an order ended as it did, in lower case; None where nothing but the state is said."""
    if expiry and expiry != "NONE":
        return expiry.lower()
    if reject and reject != "NONE":
        return reject.lower()
    if status in STATUSES and status != "EXPIRED_IN_MATCH":
        return None
    return status.lower()


def lower(word: str | None) -> str | None:
    """One of Binance's words as one of ours; "" says nothing."""
    return word.lower() if word else None


def milliseconds(time: int | None) -> int | None:
    """A time in ms, however fine it came; None for -1 and other values that are none."""
    if time is None or time < 0:
        return None
    if time < MICROSECONDS:
        return time
    time //= 1000
    return time if time < MICROSECONDS else None


class Amounts(dict[str, Decimal]):
    """Exact decimals by their text, remembered: quantities, fees and zeros come again and again.

    Raises ValueError or TypeError for what is no amount. Any thread may ask: two
    that miss at once make the same decimal twice.
    """

    def __missing__(self, text: str) -> Decimal:
        if not _AMOUNT.fullmatch(text) or not is_amount(value := Decimal(text)):
            raise ValueError("no amount")
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = value
        return value


AMOUNTS = Amounts()

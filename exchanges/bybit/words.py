"""Bybit's words in ours: states, kinds, sides, times and amounts, the same for stream and REST.

Everything here is a table or a few lines, so that a push and a REST row about
the same thing cannot be translated in two ways (v5/enum, v5/websocket/private
and v5/order, 2026-07-24). The decisions:

* Enums are open, and their lists grow several times a year. An unknown word is
  noted and never guessed: an order keeps the state that is known of it, an
  execution is not booked, and whoever asked should look again.
* Only execution types that move a quantity are fills (KINDS). Funding and the
  session settlement of USDC contracts are cash. All others are noted.
* "" means that a field does not apply: None. So does "0" where an order simply
  has no such price.
* Which coin a fee is in: `feeCurrency`, else the settle coin of a derivative,
  else (spot) the coin that was received, or the other one for a maker's rebate
  at a negative rate (v5/enum). A symbol that cannot be taken apart leaves the
  coin unknown. `cumFeeDetail` is of the order and says nothing of one fill.
"""

import re
from decimal import Decimal, InvalidOperation

from core.facts import CashKind, FillKind, OrderStatus, Side
from exchanges.replies import is_amount

CATEGORIES = ("spot", "linear", "inverse", "option")

STATUSES: dict[str | None, OrderStatus] = {
    "New": "open",
    "PartiallyFilled": "partially_filled",
    "Untriggered": "untriggered",
    "Triggered": "pending",  # on its way to New; the documentation files it under the closed ones
    "Filled": "filled",
    "Cancelled": "canceled",
    "PartiallyFilledCanceled": "canceled",
    "Rejected": "rejected",
    "Deactivated": "canceled",  # a conditional order that ended before its trigger
    "Created": "pending",
    "Active": "open",
    "PendingCancel": "open",
}
SIDES: dict[str | None, Side] = {"Buy": "buy", "Sell": "sell"}
LEGS: dict[int, Side] = {1: "buy", 2: "sell"}  # positionIdx of the two legs in hedge mode; 0 has but one
TIMES_IN_FORCE = {"PostOnly": "post_only"}
KINDS: dict[str | None, FillKind] = {
    "Trade": "trade",
    "AdlTrade": "adl",
    "BustTrade": "liquidation",
    "BlockTrade": "block",
    "MovePosition": "block",
    "FutureSpread": "trade",
    "Delivery": "delivery",
    "Settle": "delivery",
}
OF_AN_ORDER = frozenset({"Trade", "AdlTrade", "BustTrade"})  # the others may have no visible order
CASH: dict[str | None, CashKind] = {"Funding": "funding", "SessionSettlePnL": "settlement"}
UNSAID = frozenset({None, "", "UNKNOWN", "EC_NoError"})

# What spot symbols end with; a longer one is meant before a shorter one.
QUOTES = (
    "RLUSD", "USDT", "USDC", "USDE", "USDQ", "USDR", "USD1", "EURQ", "XUSD", "DAI", "EUR", "GBP", "PLN",
    "TRY", "BRL", "BRZ", "KZT", "GEL", "AED", "IDR", "JPY", "MNT", "BTC", "ETH", "SOL", "USD",
)  # fmt: skip
_INVERSE = re.compile(r"(.+)USD(?:[FGHJKMNQUVXZ]\d\d)?")

_LONGEST = 40  # characters of a foreign word in a note
_DIGITS = 100  # more than any amount has, and few enough to be added up exactly
_NO_NUMBER = Decimal("NaN")
_MICROSECONDS = 10**15  # the first number that is no ms any more


class Notes:
    """What is odd about one message: `trouble` could not be read, `unknown` is a word that we do not know."""

    __slots__ = ("trouble", "unknown")

    def __init__(self) -> None:
        self.trouble: list[str] = []
        self.unknown: list[str] = []

    def word(self, what: str, word: object) -> None:
        """A word that is not in our table."""
        self.unknown.append(f"unknown {what} {quoted(word)}")


def quoted(value: object) -> str:
    """A foreign word as it may stand in a note."""
    return str(value)[:_LONGEST]


def amount(text: str | None, name: str, notes: Notes) -> Decimal | None:
    """An amount exactly as written; None for "" and, noted, for what is no amount."""
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = _NO_NUMBER
    if is_amount(value) and len(text) < _DIGITS:
        return value
    notes.trouble.append(f"{name}: {quoted(text)} is no amount")
    return None


def milliseconds(text: str | int | None) -> int | None:
    """A time in ms; None for "", -1 and whatever is none."""
    if isinstance(text, str):
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            return None
        text = int(text)
    return text if text is not None and 0 < text < _MICROSECONDS else None


def lower(word: str | None) -> str | None:
    """One of Bybit's words as one of ours; "" and UNKNOWN say nothing."""
    return None if word is None or word in UNSAID else word.lower()


def reason(status: OrderStatus, *said: str | None) -> str | None:
    """Why an order ended; None while it lives, and once it is filled.

    After a cancel that lost its race a filled order names the cancel and its
    failure: that reason is the cancel's, not the order's (v5/websocket/private/order).
    """
    if status not in {"canceled", "rejected"}:
        return None
    return " ".join(word for word in said if word is not None and word not in UNSAID) or None


def settle_coin(category: str, symbol: str) -> str | None:
    """The coin in which a derivative is settled and its fees are taken."""
    if category == "inverse":
        found = _INVERSE.fullmatch(symbol)
        return found[1] if found else None
    head, dash, tail = symbol.partition("-")
    if category == "option":
        last = tail.rpartition("-")[2]
        return "USDC" if last in {"C", "P"} else last if last in {"USDT", "USDC"} else None
    if head.endswith("USDT"):
        return "USDT"
    return "USDC" if dash or head.endswith(("PERP", "USDC")) else None


def fee_coin(
    category: str, symbol: str, side: Side, *, said: str | None, rate: Decimal | None, maker: bool | None
) -> str | None:
    """The coin of a fill's fee; the rules are this file's docstring."""
    if said:
        return said
    if category != "spot":
        return settle_coin(category, symbol)
    quote = next((quote for quote in QUOTES if symbol.endswith(quote) and symbol != quote), None)
    if quote is None:
        return None
    paid_in_received = not (maker and rate is not None and rate < 0)
    return symbol.removesuffix(quote) if (side == "buy") == paid_in_received else quote

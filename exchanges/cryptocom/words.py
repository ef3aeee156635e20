"""Crypto.com's words in ours: states, sides, times and kinds of money, the same for stream and REST.

Everything here is a table or one line, so that a push and a REST row about the
same thing cannot be translated in two ways (Exchange API v1, 2026-05-21). The
decisions:

* The category stands in the name of an instrument, for nothing else is said
  everywhere: BTC_USDT is spot, BTCUSD-PERP perpetual, any other with a dash is
  dated: future.
* NEW is in the matching engine and not on the book yet: pending. ACTIVE is on the
  book, also when a part is filled. A trigger order that is alive is untriggered
  until the matching side has given it an id of its own.
* Enums are open. An unknown status is read as "still alive", which asks no more
  than a query later; an unknown side is None. Who reads one says it aloud.
* Only an order that did not end filled has a reason; 0 is none.
* Times are milliseconds, and nanoseconds where the number is too large for that,
  whatever the key is called; numbers may be strings.
"""

from core.facts import CashKind, OrderStatus, Side

CATEGORIES = ("spot", "perpetual", "future")

STATUSES: dict[str, OrderStatus] = {
    "PENDING": "pending",
    "NEW": "pending",
    "ACTIVE": "open",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
}
SIDES: dict[str | None, Side] = {"BUY": "buy", "SELL": "sell"}
TRIGGERS = frozenset({"STOP_LOSS", "STOP_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
TIMES_IN_FORCE = {"GOOD_TILL_CANCEL": "gtc", "IMMEDIATE_OR_CANCEL": "ioc", "FILL_OR_KILL": "fok"}

TRADED = frozenset({"TRADING", "", None})  # the journal types of what moves a quantity
BY_FILLS = frozenset({"TRADING", "TRADE_FEE"})  # ledger rows of trades: the fills say it all
CASH: dict[str, CashKind] = {
    "ONCHAIN_DEPOSIT": "deposit",
    "DEPOSIT": "deposit",
    "ROLLBACK_DEPOSIT": "deposit",
    "ONCHAIN_WITHDRAWAL": "withdrawal",
    "WITHDRAW": "withdrawal",
    "WITHDRAW_FEE": "withdrawal",
    "ROLLBACK_WITHDRAW": "withdrawal",
    "FIAT_WITHDRAWAL_CANCEL": "withdrawal",
    "SUBACCOUNT_TX": "transfer",
    "AUTO_CONVERSION": "transfer",
    "MANUAL_CONVERSION": "transfer",
    "ADJUSTMENT": "transfer",
    "ADMIN_ADJUSTMENT": "transfer",
    "FUNDING": "funding",
    "MARGIN_TRADE_INTEREST": "interest",
    "SOFT_STAKE_REWARD": "interest",
    "REALIZED_PNL": "settlement",
    "SESSION_SETTLE": "settlement",
    "SESSION_RESET": "settlement",
    "SETTLEMENT_FEE": "settlement",
    "DELIST": "settlement",
    "INSURANCE_FUND": "settlement",
    "SOCIALIZED_LOSS": "settlement",
    "LIQUIDATION_FEE": "settlement",
    "UNCOVERED_LOSS": "settlement",
}
REASONS = {
    "204": "duplicate_client_order_id",
    "306": "insufficient_available_balance",
    "308": "invalid_price",
    "314": "exceeds_max_order_size",
    "315": "far_away_limit_price",
    "318": "exceeds_max_allowed_orders",
    "325": "exceeds_daily_volume_limit",
    "415": "below_min_order_size",
    "43003": "fill_or_kill",
    "43004": "immediate_or_cancel",
    "43005": "post_only_rejected",
    "43012": "self_trade_prevention",
}

_NANOSECONDS = 10**17  # from here on a time is no longer in milliseconds
_MILLISECOND = 10**6
_LARGEST = 10**15  # ms; a time beyond that is none


def category(instrument: str) -> str:
    """The market that an instrument belongs to."""
    if "-" not in instrument:
        return "spot"
    return "perpetual" if instrument.endswith("-PERP") else "future"


def order_status(status: str, kind: str | None, accepted: object, filled: object) -> OrderStatus:
    """Where the order stands; `accepted` is the id that the matching side gave a trigger order."""
    known = STATUSES.get(status, "open")
    if known not in {"open", "pending"}:
        return known
    if filled:
        return "partially_filled"
    waits = kind in TRIGGERS and not accepted and status != "PENDING"
    return "untriggered" if waits else known


def reason(status: str, code: int | str | None, text: str | None) -> str | None:
    """Why an order ended otherwise than filled, in words where the code has some."""
    if STATUSES.get(status) not in {"canceled", "rejected", "expired"}:
        return None
    said = str(code or "0")
    if said == "0":
        return lower(text)
    return REASONS.get(said, said)


def lower(word: str | None) -> str | None:
    """One of Crypto.com's words as one of ours; "" says nothing."""
    return word.lower() if word else None


def whole(number: int | str | None) -> int | None:
    """A number that may be written as a string; None for anything else."""
    if isinstance(number, str):
        return int(number) if number.isascii() and number.isdigit() and len(number) < 20 else None
    return number


def milliseconds(time: int | str | None) -> int | None:
    """A time in ms, however fine it came; None for 0, which says "never", and for what is no time."""
    number = whole(time)
    if number is None or number <= 0:
        return None
    if number >= _NANOSECONDS:
        number //= _MILLISECOND
    return number if number < _LARGEST else None


def nanoseconds(fine: int | str | None, coarse: int | str | None) -> int | None:
    """The finest time that is known, in ns; of a bare millisecond its end, so that nothing lies behind it."""
    number = whole(fine)
    if number is not None and number >= _NANOSECONDS:
        return number
    at = milliseconds(coarse)
    return None if at is None else at * _MILLISECOND + _MILLISECOND - 1

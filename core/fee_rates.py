"""Which fee rates an account had in a symbol, and when that was known.

An exchange says only what the rates are now. So each answer is kept with its time, and
answers that say the same become one span. In words:

1. A rate is known from the first answer that named it to the last one in a row, and
   `TRUSTED` longer where nothing else was said since.
2. Where two answers differ, nobody knows when it changed: between them no rate is known.
   Before the first answer none is either.
3. A side that an answer does not name is not known, and is never 0.

Times are ms of the exchange's clock; rates are parts of a value, below 0 for a rebate.
"""

from decimal import Decimal

import msgspec

from core.money import plain_or_none

TRUSTED_MS = 7_200_000
"""How long an answer is believed (rule 1): while a trade is open there is a new one each hour."""


class Rated(msgspec.Struct, frozen=True, gc=False):
    """One span in which all answers were the same."""

    since: int
    until: int
    maker: Decimal | None
    taker: Decimal | None


Rates = tuple[Rated, ...]
"""All spans of one account in one symbol, the oldest first."""


def learned(known: Rates, at: int, maker: Decimal | None, taker: Decimal | None) -> Rates:
    """What is known after an answer; one that comes late, or by a clock that was set back, only adds to the last span."""
    if known and (known[-1].maker, known[-1].taker) == (maker, taker):
        return (*known[:-1], msgspec.structs.replace(known[-1], until=max(at, known[-1].until)))
    at = max(at, known[-1].until) if known else at
    return (*known, Rated(at, at, maker, taker))


def rated(known: Rates, at: int) -> Rated | None:
    """The rates of that moment; None where they are not known (rules 1 and 2)."""
    for one in reversed(known):
        trusted = TRUSTED_MS if one is known[-1] else 0
        if one.since <= at <= one.until + trusted:
            return one
    return None


def dumped(known: Rates) -> str:
    """The spans as one text, for `loaded`."""
    rows = [[one.since, one.until, plain_or_none(one.maker), plain_or_none(one.taker)] for one in known]
    return msgspec.json.encode(rows).decode()


def loaded(text: str | None) -> Rates:
    """What `dumped` wrote; nothing is known where there is no text, or one that nobody can read."""
    if text is None:
        return ()
    try:
        rows = msgspec.json.decode(text, type=list[tuple[int, int, Decimal | None, Decimal | None]])
    except msgspec.MsgspecError:
        return ()
    return tuple(Rated(*row) for row in rows)

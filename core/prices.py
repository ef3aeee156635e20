"""Which price of a symbol may be believed, and when another source must be asked for it.

A price is the best bid and the best ask, at a moment, from a source: the stream,
REST, or whatever else a shell has. This file decides what becomes of each; it
knows no socket and no clock, moments are seconds of any one clock of the caller's.
The rules in words:

1. A quote without a bid or an ask, or with one that is not positive, is `empty`;
   one whose bid is not below its ask is `crossed`. Both are refused.
2. A quote that is older than `max_age`, or than the one that was believed last, is
   `stale`, and refused. Nothing is younger than now, whatever it says.
3. A quote whose middle lies further than `max_jump` (a part of it) from that of the
   last good one is a `jump`. It is refused and remembered as a doubt: either the
   market moved or somebody is wrong. If another source says the same within
   `max_age`, the market moved, and what came last is the price now. The very first
   price has nothing to be measured by and is believed.
4. A source takes its doubt back by a quote that is no jump. One source does not
   clear another's: as long as two tell different things, nothing is good.
5. A good price that is older than `max_age` is `stale`. What is remembered of it
   still measures the next one. A doubt of that age is forgotten.
6. Only in `good` is there a price; nothing is to be placed in any other state.
7. REST must be asked while there is no good price, and when the stream has said
   nothing that counts for `silent_after`: a book that does not change is silent
   too, so silence is no error. It is asked at most every `ask_every`.

TABLE is rules 3 to 6 once more; a missing key is an error of this file. The
diagram in docs/diagrams.md is drawn from it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from core.money import EXACT, plain

STREAM = "stream"

PriceState = Literal["unknown", "good", "doubted", "stale"]
Trigger = Literal["believed", "contested", "jumped", "forgotten", "aged"]
Reason = Literal["empty", "crossed", "stale", "jump"]

TABLE: dict[PriceState, dict[Trigger, PriceState]] = {
    "unknown": {"believed": "good"},
    "good": {"believed": "good", "jumped": "doubted", "aged": "stale"},
    "doubted": {
        "believed": "good",
        "contested": "doubted",
        "jumped": "doubted",
        "forgotten": "good",
        "aged": "stale",
    },
    "stale": {"believed": "good", "jumped": "doubted", "contested": "doubted", "aged": "stale"},
}


class Rules(msgspec.Struct, frozen=True):
    """`max_jump` is a part of the price, all else seconds."""

    max_jump: Decimal
    max_age: float
    silent_after: float
    ask_every: float = 1.0


class Quote(msgspec.Struct, frozen=True, gc=False):
    """What a source said: None where it named no bid, or no ask. `at` is when that was so at the latest."""

    bid: Decimal | None
    ask: Decimal | None
    at: float
    source: str


class Price(NamedTuple):
    """A price that was believed."""

    bid: Decimal
    ask: Decimal
    at: float
    source: str


class Watch(msgspec.Struct, frozen=True):
    """What is known of the price of one symbol.

    `last` is the last price that was believed, good or not any more. `doubts` are
    the jumps that nothing has confirmed or taken back, one for each source.
    `refused` counts by reason.
    """

    state: PriceState = "unknown"
    last: Price | None = None
    doubts: tuple[Price, ...] = ()
    streamed_at: float | None = None
    asked_at: float | None = None
    refused: Mapping[str, int] = {}


def heard(watch: Watch, quote: Quote, now: float, rules: Rules) -> tuple[Watch, Reason | None]:
    """Take a quote in: what is known now, and why it was refused if it was."""
    watch = looked(watch, now, rules)
    price, reason = _read(watch, quote, now, rules)
    if price is None or reason is not None:
        return _counted(watch, reason or "empty"), reason or "empty"
    if watch.last is None or _is_near(price, watch.last, rules.max_jump):
        doubts = tuple(doubt for doubt in watch.doubts if doubt.source != price.source)
    elif any(
        doubt.source != price.source and _is_near(price, doubt, rules.max_jump) for doubt in watch.doubts
    ):
        doubts = ()
    else:
        return _counted(_doubted(watch, price), "jump"), "jump"
    return _believed(watch, price, doubts), None


def looked(watch: Watch, now: float, rules: Rules) -> Watch:
    """What is known at that moment if nothing more was heard (rule 5)."""
    doubts = tuple(doubt for doubt in watch.doubts if now - doubt.at <= rules.max_age)
    if watch.last is not None and now - watch.last.at > rules.max_age:
        state = TABLE[watch.state]["aged"]
    elif watch.state == "doubted" and not doubts:
        state = TABLE[watch.state]["forgotten"]
    else:
        state = watch.state
    if state == watch.state and len(doubts) == len(watch.doubts):
        return watch
    return msgspec.structs.replace(watch, state=state, doubts=doubts)


def good(watch: Watch, now: float, rules: Rules) -> Price | None:
    """The price at that moment, None where there is none to act on (rule 6)."""
    watch = looked(watch, now, rules)
    return watch.last if watch.state == "good" else None


def age(watch: Watch, now: float) -> float | None:
    """Seconds since the last believed price was so; None before the first."""
    return None if watch.last is None else now - watch.last.at


def trouble(watch: Watch, now: float, rules: Rules) -> str | None:
    """Why there is no good price, in words; None where there is one."""
    watch = looked(watch, now, rules)
    match watch.state:
        case "good":
            return None
        case "unknown":
            return "no price has come yet"
        case "stale":
            return f"the last good price is {age(watch, now):.1f} s old, and {rules.max_age:g} s is the most"
    told = ", ".join(f"{doubt.source} says {_spread(doubt)}" for doubt in watch.doubts)
    return f"a jump is in doubt: {told}" + (f"; it was {_spread(watch.last)}" if watch.last else "")


def ask_because(watch: Watch, now: float, rules: Rules) -> str | None:
    """Why REST must be asked for the price now; None where it need not (rule 7)."""
    if watch.asked_at is not None and now - watch.asked_at < rules.ask_every:
        return None
    why = trouble(watch, now, rules)
    if why is not None:
        return why
    if watch.streamed_at is None:
        return "the stream has said nothing yet"
    silence = now - watch.streamed_at
    return f"the stream has said nothing for {silence:.1f} s" if silence > rules.silent_after else None


def asked(watch: Watch, now: float) -> Watch:
    """REST was asked at that moment, whatever comes of it."""
    return msgspec.structs.replace(watch, asked_at=now)


def _read(watch: Watch, quote: Quote, now: float, rules: Rules) -> tuple[Price | None, Reason | None]:
    """The quote as a price, or what is wrong with it by itself (rules 1 and 2)."""
    bid, ask = quote.bid, quote.ask
    if bid is None or ask is None or bid <= 0 or ask <= 0:
        return None, "empty"
    if bid >= ask:
        return None, "crossed"
    at = min(quote.at, now)
    if now - at > rules.max_age or (watch.last is not None and at < watch.last.at):
        return None, "stale"
    return Price(bid, ask, at, quote.source), None


def _is_near(one: Price, other: Price, max_jump: Decimal) -> bool:
    """Whether the middle moved no further than that; twice the middle measures as well."""
    new, old = EXACT.add(one.bid, one.ask), EXACT.add(other.bid, other.ask)
    return EXACT.abs(EXACT.subtract(new, old)) <= EXACT.multiply(old, max_jump)


def _spread(price: Price) -> str:
    return f"{plain(price.bid)} to {plain(price.ask)}"


def _believed(watch: Watch, price: Price, doubts: tuple[Price, ...]) -> Watch:
    return msgspec.structs.replace(
        watch,
        state=TABLE[watch.state]["contested" if doubts else "believed"],
        last=price,
        doubts=doubts,
        streamed_at=price.at if price.source == STREAM else watch.streamed_at,
    )


def _doubted(watch: Watch, price: Price) -> Watch:
    others = tuple(doubt for doubt in watch.doubts if doubt.source != price.source)
    state = TABLE[watch.state]["jumped"]
    return msgspec.structs.replace(watch, state=state, doubts=(*others, price))


def _counted(watch: Watch, reason: Reason) -> Watch:
    refused = {**watch.refused, reason: watch.refused.get(reason, 0) + 1}
    return msgspec.structs.replace(watch, refused=refused)

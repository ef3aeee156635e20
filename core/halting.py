"""When trading stops by itself: the kill switch that nobody has to press.

Figures go in, and out come the reasons to halt. The rules in words:

1. A loss of the day beyond `max_daily_loss`, a burst of rejected orders, a clock that
   differs from the exchange's, or a ledger that differs from what the exchange says:
   each halts by itself. LIMITS is the table.
2. A figure that is not known halts nobody, for it comes and goes with every price. But
   nothing that is not known is within its limit: until it is known nothing more is
   bought (`unknown`, and core/admission).
3. Halted is a state that is kept: the figures may recover, trading does not. Only a
   person releases it, and is refused as long as a reason stands.
4. What a halt does is not decided here. It is meant to cancel what the trader placed,
   and nothing else; core/admission lets no new order pass meanwhile.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from core.money import EXACT, plain

Cause = Literal["loss", "rejections", "clock", "ledger"]
Switch = Literal["running", "halted"]
Trigger = Literal["tripped", "asked", "released"]

TABLE: dict[Switch, dict[Trigger, Switch]] = {
    "running": {"tripped": "halted", "asked": "halted"},
    "halted": {"tripped": "halted", "asked": "halted", "released": "running"},
}
"""A missing key changes nothing: to release what runs is no error."""


UNKNOWN = {
    "result_today": "what today brought is not known",
    "clock_error": "how far the exchange's clock is off is not known",
}
"""The figures that can be so, and what is said then."""


class Bounds(msgspec.Struct, frozen=True):
    """`max_daily_loss` is in the quote asset, the clock's in seconds."""

    max_daily_loss: Decimal
    max_rejections: int = 5
    max_clock_error: float = 1.0
    max_discrepancies: int = 0


class Figures(msgspec.Struct, frozen=True):
    """How things stand; None is not known.

    `result_today` is realised and unrealised together, since the day (UTC) began.
    `rejections` were counted by `lately`. `clock_error` is how far the exchange's
    clock has moved from where the measured offset puts it, `discrepancies` how many
    statements of the exchange the ledger contradicts and could not repair.
    """

    result_today: Decimal | None
    rejections: int
    clock_error: float | None
    discrepancies: int


class Halt(NamedTuple):
    """One reason to halt."""

    cause: Cause
    text: str


class Trading(msgspec.Struct, frozen=True):
    """Whether there is trading, and why not: the reasons of the moment at which it was halted."""

    switch: Switch = "running"
    why: str | None = None


def reasons(figures: Figures, bounds: Bounds) -> tuple[Halt, ...]:
    """Every reason to halt, in the order of LIMITS; none while all is well."""
    found = ((cause, check(figures, bounds)) for cause, check in LIMITS)
    return tuple(Halt(cause, text) for cause, text in found if text is not None)


def unknown(figures: Figures) -> str | None:
    """What is not known of the figures, in words; None where all are."""
    missing = [text for name, text in UNKNOWN.items() if getattr(figures, name) is None]
    return "; ".join(missing) or None


def judged(trading: Trading, figures: Figures, bounds: Bounds) -> Trading:
    """Trading after a look at the figures. The first reason is kept (rule 3)."""
    found = reasons(figures, bounds)
    return _moved(trading, "tripped", "; ".join(one.text for one in found)) if found else trading


def asked(trading: Trading, why: str) -> Trading:
    """A person wants it halted."""
    return _moved(trading, "asked", why)


def released(trading: Trading, figures: Figures, bounds: Bounds) -> tuple[Trading, str | None]:
    """A person wants it to go on: trading as it is then, and why not if not."""
    standing = "; ".join(one.text for one in reasons(figures, bounds))
    if standing:
        return trading, standing
    return _moved(trading, "released", None), None


def lately(moments: Iterable[float], now: float, window: float) -> int:
    """How many of the moments lie within the last `window` seconds."""
    return sum(0 <= now - moment <= window for moment in moments)


def _moved(trading: Trading, trigger: Trigger, why: str | None) -> Trading:
    following = TABLE[trading.switch].get(trigger)
    if following is None or following == trading.switch:
        return trading
    return Trading(following, why)


def _loss(figures: Figures, bounds: Bounds) -> str | None:
    result = figures.result_today
    if result is None or EXACT.minus(result) <= bounds.max_daily_loss:
        return None
    return f"today lost {plain(EXACT.minus(result))}, and {plain(bounds.max_daily_loss)} is the limit"


def _rejections(figures: Figures, bounds: Bounds) -> str | None:
    return _beyond(figures.rejections, bounds.max_rejections, "orders were rejected in short time")


def _clock(figures: Figures, bounds: Bounds) -> str | None:
    error = figures.clock_error
    if error is None or abs(error) <= bounds.max_clock_error:
        return None
    return f"the exchange's clock is off by {error:.3f} s, and {bounds.max_clock_error:g} s is the limit"


def _ledger(figures: Figures, bounds: Bounds) -> str | None:
    return _beyond(
        figures.discrepancies, bounds.max_discrepancies, "differences stand between ledger and exchange"
    )


def _beyond(count: int, limit: int, what: str) -> str | None:
    return f"{count} {what}, and {limit} is the limit" if count > limit else None


LIMITS: tuple[tuple[Cause, Callable[[Figures, Bounds], str | None]], ...] = (
    ("loss", _loss),
    ("rejections", _rejections),
    ("clock", _clock),
    ("ledger", _ledger),
)

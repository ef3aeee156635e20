"""What can be traded and in which steps, and what the exchange would refuse of it.

An exchange refuses an order for its precision, its size, its worth, its distance
from the market or its number. All that is known beforehand, so it is found here,
with the figures, and no such order is sent. The rules in words:

1. A price is a multiple of the tick, a quantity one of the step. What is not is
   rounded in our favour: the price of a sale up, that of a purchase down, a
   quantity down. Nothing is ever rounded to the nearest.
2. A bound that is None is one that this exchange does not set. A reader of the
   exchange's list writes None for its zeros, which switch a filter off there.
3. The bounds for orders at the market stand on top of the general ones, those of
   worth apart: an exchange may judge the worth of such an order or not. What it
   is worth goes by the reference price.
4. A band limits a price to a part of the reference price (the exchange's average,
   or its last), each side for itself. Without a reference price nothing can be
   said to be inside it, so an order that a band concerns is refused.
5. The first thing that is wrong is told, in the order of CHECKS.

The exchange's own list is read elsewhere; this file has no notion of one exchange.
Binance.US counts ticks from the least price (2023 text), all others from zero: the
two agree where the least price is a multiple of the tick.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from core.facts import Side
from core.intents import Placement
from core.money import EXACT, plain

Filter = Literal["trading", "post_only", "precision", "price", "size", "percent_price", "notional", "count"]


class Band(msgspec.Struct, frozen=True, gc=False):
    """A price lies between these multiples of the reference price; None = no bound on that side."""

    down: Decimal | None = None
    up: Decimal | None = None


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable pair of one market, with its filters (rules 2 and 3).

    `max_post_only` replaces `max_quantity` for such orders. `max_orders` is how
    many may rest in this symbol, `max_orders_in_all` in the whole category.
    Raises ValueError for a tick or a step that is not positive: without them
    nothing can be traded.
    """

    exchange: str
    category: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    max_post_only: Decimal | None = None
    market_step: Decimal | None = None
    market_min_quantity: Decimal | None = None
    market_max_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    market_min_notional: Decimal | None = None
    market_max_notional: Decimal | None = None
    buy_band: Band = Band()
    sell_band: Band = Band()
    max_orders: int | None = None
    max_orders_in_all: int | None = None
    has_post_only: bool = True
    is_trading: bool = True

    def __post_init__(self) -> None:
        for name, step in (("tick", self.tick), ("step", self.step)):
            if not (step.is_finite() and step > 0):
                raise ValueError(f"the {name} of {self.symbol} is {step}")

    @property
    def pair(self) -> tuple[str, str]:
        """Base and quote."""
        return self.base, self.quote

    def most(self, *, post_only: bool) -> Decimal | None:
        """The greatest quantity of one order with a price."""
        return self.max_post_only if post_only and self.max_post_only is not None else self.max_quantity


class Resting(NamedTuple):
    """How many orders of the account rest at the exchange: in this symbol, and in its whole category."""

    here: int
    in_all: int


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Which filter an order would fail, and why in words and figures."""

    filter: Filter
    text: str


# ------------------------------------------------------------------------ rounding


def floored(value: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of `step` that is not above `value`, exactly."""
    whole, rest = EXACT.divmod(value, step)
    return EXACT.multiply(EXACT.subtract(whole, Decimal(1)) if rest < 0 else whole, step)


def raised(value: Decimal, step: Decimal) -> Decimal:
    """The least multiple of `step` that is not below `value`, exactly."""
    return EXACT.minus(floored(EXACT.minus(value), step))


def price_on_tick(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """The price on the tick that is not worse for us: a sale's is rounded up, a purchase's down."""
    return (raised if side == "sell" else floored)(price, instrument.tick)


def quantity_on_step(quantity: Decimal, instrument: Instrument) -> Decimal:
    """The quantity on the step, never more than was given."""
    return floored(quantity, instrument.step)


# ------------------------------------------------------------------------ refusals


def refusal(
    order: Placement, instrument: Instrument, reference_price: Decimal | None, resting: Resting
) -> Refusal | None:
    """Why the exchange would refuse this order; None where nothing known speaks against it.

    `reference_price` is what the exchange measures bands and orders at the market
    by, None where it is not known.
    """
    judged = _Judged(order, instrument, reference_price, resting)
    for name, check in CHECKS:
        text = check(judged)
        if text is not None:
            return Refusal(name, text)
    return None


class _Judged(NamedTuple):
    order: Placement
    one: Instrument
    reference: Decimal | None
    resting: Resting


def _trading(judged: _Judged) -> str | None:
    return None if judged.one.is_trading else f"{judged.one.symbol} is not traded at the moment"


def _post_only(judged: _Judged) -> str | None:
    order, one = judged.order, judged.one
    if not order.post_only:
        return None
    if order.price is None:
        return "an order at the market always takes: it cannot be maker only"
    return None if one.has_post_only else f"{one.symbol} has no orders that are maker only"


def _precision(judged: _Judged) -> str | None:
    order, one = judged.order, judged.one
    steps = [("price", order.price, one.tick, "tick"), ("quantity", order.quantity, one.step, "step")]
    if order.price is None:
        steps.append(("quantity", order.quantity, one.market_step or one.step, "step at the market"))
    for name, value, step, word in steps:
        if value is not None and EXACT.remainder(value, step):
            return f"the {name} {plain(value)} is no multiple of the {word} {plain(step)}"
    return None


def _price(judged: _Judged) -> str | None:
    price, one = judged.order.price, judged.one
    if price is None:
        return None
    if price <= 0:
        return f"the price {plain(price)} is not positive"
    return _outside("price", price, one.min_price, one.max_price, one.quote)


def _size(judged: _Judged) -> str | None:
    order, one = judged.order, judged.one
    if order.quantity <= 0:
        return f"the quantity {plain(order.quantity)} is not positive"
    most = one.most(post_only=order.post_only)
    wrong = _outside("quantity", order.quantity, one.min_quantity, most, one.base)
    if wrong is None and order.price is None:
        least, most = one.market_min_quantity, one.market_max_quantity
        wrong = _outside("quantity at the market", order.quantity, least, most, one.base)
    return wrong


def _percent_price(judged: _Judged) -> str | None:
    price, one, reference = judged.order.price, judged.one, judged.reference
    band = one.buy_band if judged.order.side == "buy" else one.sell_band
    if price is None or band == Band():
        return None
    if reference is None:
        return f"no reference price is known, and {one.symbol} allows no price far from it"
    least, most = (None if part is None else EXACT.multiply(reference, part) for part in (band.down, band.up))
    wrong = _outside("price", price, least, most, one.quote)
    return wrong and f"{wrong}, by the reference price {plain(reference)}"


def _notional(judged: _Judged) -> str | None:
    order, one = judged.order, judged.one
    least, most = one.min_notional, one.max_notional
    if order.price is None:
        least, most = one.market_min_notional, one.market_max_notional
    price = judged.reference if order.price is None else order.price
    if least is None and most is None:
        return None
    if price is None:
        return "no reference price is known, so the worth of an order at the market is not either"
    return _outside("worth", EXACT.multiply(order.quantity, price), least, most, one.quote)


def _count(judged: _Judged) -> str | None:
    one, resting = judged.one, judged.resting
    for count, most, where in (
        (resting.here, one.max_orders, one.symbol),
        (resting.in_all, one.max_orders_in_all, one.category),
    ):
        if most is not None and count >= most:
            return f"{count} orders rest in {where}, and no more than {most} may"
    return None


def _outside(
    name: str, value: Decimal, least: Decimal | None, most: Decimal | None, asset: str
) -> str | None:
    if least is not None and value < least:
        return f"the {name} {plain(value)} {asset} is below the least, {plain(least)}"
    if most is not None and value > most:
        return f"the {name} {plain(value)} {asset} is above the most, {plain(most)}"
    return None


CHECKS: tuple[tuple[Filter, Callable[[_Judged], str | None]], ...] = (
    ("trading", _trading),
    ("post_only", _post_only),
    ("precision", _precision),
    ("price", _price),
    ("size", _size),
    ("percent_price", _percent_price),
    ("notional", _notional),
    ("count", _count),
)

"""At which price, and how much of it, a bought quantity may be sold: the profit rule.

What is held is a Holding: units of the base asset and what they cost in the quote
asset. The rules in words; all of it is exact, nothing is rounded but where it says so:

1. A fee in the base asset changes the units that a purchase brought, or a sale took:
   bought 1.5 with a fee of 0.0015 are 1.4985 units. A fee in the quote asset changes
   what was paid or received. One in a third asset does so too, at a price that is
   given. A rebate is a fee below zero everywhere. A fee of nothing is worth nothing
   at any price. A fee that is not known, or of a third asset whose price is not
   known, makes the rest unknown: nothing is sold on a guess, and the reason is told.
2. The cost of a purchase is all that was paid for its units: price × quantity and
   the fee as far as rule 1 books it in the quote asset. Cost follows units: a part of
   a holding has that part of the cost. What does not divide is cut to GRAIN; the part
   that stays bears the rest, so that the parts always add up to the whole.
3. The price of a sale is the lowest tick at which

       (price × quantity - sell fee) - cost  >=  min_profit × cost

   where cost is that of all units that leave the holding with the sale: those sold,
   and those that the exchange takes as a fee (less those that it gives back). The
   sell fee is the rate that this account really pays × price × quantity, where it is
   not taken in units. Units and cost cancel out, so the price does not depend on how
   much is sold: price × (1 - rate) × units >= cost × (1 + rate in units) × (1 + min_profit).
4. The rate is that of a maker where the order is maker only, else the worse of both.
   Below the least price of the instrument, or where a maker-only order would take, the
   price is the next tick where it stands: in our favour, never against us.
5. The quantity is the greatest on the step for which the units suffice, its fee in
   units included, and no more than one order may hold. What is left stays a holding.
6. A quantity below the least, or worth less than the least at that price, is too
   little: nothing is sold, and it is told by how much.

The digit to which an exchange rounds a fee up is its own and is not foreseen.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Self

import msgspec

from core.facts import Fill
from core.fees import Pair
from core.instruments import Instrument, floored, raised
from core.money import EXACT, plain

GRAIN = Decimal("1E-20")
"""To which a part of a cost is cut (rule 2)."""

ZERO, ONE = Decimal(0), Decimal(1)


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Something is not known, so nothing is decided; `why` says what."""

    why: str


class TooLittle(msgspec.Struct, frozen=True, gc=False):
    """It cannot be sold by itself (rule 6); `why` has the figures."""

    why: str


class Holding(msgspec.Struct, frozen=True, gc=False):
    """Units of the base asset, and their cost in the quote asset."""

    units: Decimal = ZERO
    cost: Decimal = ZERO

    def plus(self, other: Self) -> "Holding":
        return Holding(EXACT.add(self.units, other.units), EXACT.add(self.cost, other.cost))

    def minus(self, other: Self) -> "Holding":
        return Holding(EXACT.subtract(self.units, other.units), EXACT.subtract(self.cost, other.cost))

    def part(self, units: Decimal) -> "Holding":
        """So many of the units with their cost (rule 2). Of nothing there are no parts but the whole."""
        if units == self.units:
            return Holding(units, self.cost)
        if not self.units:
            return Holding(units, ZERO)
        sign = Decimal(-1) if self.units < 0 else ONE
        return Holding(units, _cut(_product(self.cost, units, sign), EXACT.abs(self.units)))


class Charged(msgspec.Struct, frozen=True, gc=False):
    """A fee as it is booked (rule 1): units of the base asset, and an amount of the quote asset."""

    units: Decimal = ZERO
    quote: Decimal = ZERO


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known to sell. None is not known.

    `maker` and `taker` are the rates that this account pays here, as parts of the
    value and below zero for a rebate, `fee_asset` the asset that a sale is charged in,
    with the discount that goes with it. `values` are prices of third assets in the
    quote asset. `bid` is the best bid, and only a good price (core/prices).
    """

    instrument: Instrument
    min_profit: Decimal
    maker: Decimal | None
    taker: Decimal | None
    fee_asset: str | None
    bid: Decimal | None
    values: Mapping[str, Decimal] = {}
    maker_only: bool = True


class Sale(NamedTuple):
    """An order to place: `holding` is what it needs of what there is, fees in units included."""

    quantity: Decimal
    price: Decimal
    holding: Holding


# --------------------------------------------------------------------------- fees


def charged(
    fee: Decimal | None, asset: str | None, pair: Pair, values: Mapping[str, Decimal]
) -> Charged | Unknown:
    """How a fee is booked (rule 1)."""
    base, quote = pair
    if fee is None:
        return Unknown("the fee is not known")
    if not fee:
        return Charged()
    if asset is None:
        return Unknown(f"the asset of a fee of {plain(fee)} is not known")
    if asset == base:
        return Charged(units=fee)
    if asset == quote:
        return Charged(quote=fee)
    price = values.get(asset)
    if price is None:
        return Unknown(f"a fee of {plain(fee)} {asset} has no known worth: no price of {asset} in {quote}")
    return Charged(quote=EXACT.multiply(fee, price))


def bought(fill: Fill, pair: Pair, values: Mapping[str, Decimal]) -> Holding | Unknown:
    """What a BUY fill brought (rules 1 and 2)."""
    fee = charged(fill.fee, fill.fee_asset, pair, values)
    if isinstance(fee, Unknown):
        return fee
    paid = EXACT.multiply(fill.price, fill.quantity)
    return Holding(EXACT.subtract(fill.quantity, fee.units), EXACT.add(paid, fee.quote))


class Rate(NamedTuple):
    """What a sale will be charged: units for each unit sold, and quote for each of its value."""

    units: Decimal
    quote: Decimal


def expected(terms: Terms) -> Rate | Unknown:
    """What a sale by these terms will be charged (rule 4)."""
    if terms.maker is None or (terms.taker is None and not terms.maker_only):
        return Unknown("the fee rate of this account is not known")
    rate = terms.maker if terms.maker_only or terms.taker is None else max(terms.maker, terms.taker)
    if not -ONE < rate < ONE:
        return Unknown(f"a fee rate of {plain(rate)} cannot be")
    if not rate:
        return Rate(ZERO, ZERO)
    asset, one = terms.fee_asset, terms.instrument
    if asset is None:
        return Unknown("the asset that a sale is charged in is not known")
    if asset not in one.pair and asset not in terms.values:
        return Unknown(f"a sale is charged in {asset}, and no price of it in {one.quote} is known")
    return Rate(rate, ZERO) if asset == one.base else Rate(ZERO, rate)


# ----------------------------------------------------------------------- the rule


def sale(holding: Holding, terms: Terms) -> Sale | TooLittle | Unknown:
    """What to place for a holding: how much, at which price, and what of the holding it takes."""
    rate, one = expected(terms), terms.instrument
    if isinstance(rate, Unknown):
        return rate
    if terms.bid is None:
        return Unknown("there is no good price to sell by")
    if holding.units <= 0:
        return TooLittle(f"nothing is there to sell: {plain(holding.units)} {one.base}")
    price = _standing(lowest_price(holding, rate, terms.min_profit, one), terms, terms.bid)
    needed = EXACT.add(ONE, max(rate.units, ZERO))
    quantity = _quantity(holding.units, needed, price, terms)
    if why := _shortfall(quantity, price, holding.units, one):
        return TooLittle(why)
    return Sale(quantity, price, holding.part(EXACT.multiply(quantity, needed)))


def lowest_price(holding: Holding, rate: Rate, min_profit: Decimal, one: Instrument) -> Decimal:
    """The lowest tick at which any part of the holding earns `min_profit` (rule 3)."""
    wanted = _product(holding.cost, EXACT.add(ONE, rate.units), EXACT.add(ONE, min_profit))
    a_tick = _product(one.tick, EXACT.subtract(ONE, rate.quote), holding.units)  # what a tick adds
    whole, rest = EXACT.divmod(max(wanted, ZERO), a_tick)
    ticks = EXACT.add(whole, ONE) if rest else whole
    return EXACT.multiply(max(ticks, ONE), one.tick)


def _standing(price: Decimal, terms: Terms, bid: Decimal) -> Decimal:
    """The price where the order stands in the book (rule 4)."""
    one = terms.instrument
    if one.min_price is not None:
        price = max(price, raised(one.min_price, one.tick))
    if terms.maker_only:
        price = max(price, EXACT.add(floored(bid, one.tick), one.tick))
    return price


def _quantity(units: Decimal, needed: Decimal, price: Decimal, terms: Terms) -> Decimal:
    """The greatest quantity of one order (rule 5)."""
    one = terms.instrument
    steps = EXACT.divide_int(units, EXACT.multiply(one.step, needed))
    most = [one.most(post_only=terms.maker_only)]
    if one.max_notional is not None:
        most.append(_cut(one.max_notional, price))
    return floored(
        min([EXACT.multiply(steps, one.step), *(cap for cap in most if cap is not None)]), one.step
    )


def _shortfall(quantity: Decimal, price: Decimal, units: Decimal, one: Instrument) -> str | None:
    """What is missing for an order (rule 6)."""
    if quantity <= 0:
        return f"{plain(units)} {one.base} are less than one step of {plain(one.step)}"
    if one.min_quantity is not None and quantity < one.min_quantity:
        return f"{plain(quantity)} {one.base} are less than the least, {plain(one.min_quantity)}"
    worth = EXACT.multiply(quantity, price)
    if one.min_notional is not None and worth < one.min_notional:
        least = plain(one.min_notional)
        return f"{plain(quantity)} {one.base} at {plain(price)} are {plain(worth)} {one.quote}, and {least} is the least"
    return None


def _cut(value: Decimal, by: Decimal) -> Decimal:
    """`value` / `by` (positive), cut down to GRAIN."""
    grains, rest = EXACT.divmod(value, EXACT.multiply(by, GRAIN))
    return EXACT.multiply(EXACT.subtract(grains, ONE) if rest < 0 else grains, GRAIN)


def _product(*factors: Decimal) -> Decimal:
    total = ONE
    for factor in factors:
        total = EXACT.multiply(total, factor)
    return total

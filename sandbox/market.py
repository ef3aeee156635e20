"""What can be traded, and at which price right now.

One market belongs to one exchange. A price is a seeded random walk that is
pulled back to where it started, so that it stays plausible over days, or it
stands still until someone sets it. A contract follows the price of its
underlying pair, to its own tick. The book around the price is synthetic and
replenishes at once: trading never moves it, which keeps every test exact. It
is finite, though, so that an order may exhaust it.

Nothing here knows orders, accounts or wire shapes.
"""

import random
from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import msgspec

from sandbox.world import name_of

UNIT = Decimal("1E-8")
LEVELS = 20
WANDER = 0.0003
PULL = 0.005


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade costs, as a part of its value; below zero it pays."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable pair and its rules; each dialect words the rules its own way."""

    symbol: str
    base: str
    quote: str
    start: Decimal
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_price: Decimal
    max_price: Decimal
    min_notional: Decimal
    max_notional: Decimal
    depth: Decimal
    """Quote amount that rests on the best level; the k-th level holds 2k+1 times as much."""
    category: str = "spot"
    max_orders: int = 200
    max_stop_orders: int = 5
    settle: str = ""
    """The asset that a contract's profit is booked in; nothing where the assets themselves are swapped."""
    inverse: bool = False
    """Counted in quote, settled in base."""
    follows: str = ""
    """The symbol whose price it shares."""
    leverage: Decimal = Decimal(10)
    rates: Rates = Rates()

    @property
    def name(self) -> str:
        """What the exchange calls it."""
        return name_of(self.symbol)

    def paid_by(self, side: str) -> str:
        """The asset that an order on `side` is paid with."""
        return self.settle or (self.quote if side == "buy" else self.base)

    def worth(self, quantity: Decimal, price: Decimal) -> Decimal:
        """What `quantity` costs at `price`: quote, or base where it is inverse."""
        exact = quantity / price if self.inverse else price * quantity
        return exact.quantize(UNIT, ROUND_DOWN)


class Level(msgspec.Struct, frozen=True):
    """A price and the quantity that waits there."""

    price: Decimal
    quantity: Decimal


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


class Market:
    """The prices of one exchange."""

    def __init__(self, instruments: Iterable[Instrument], seed: int) -> None:
        self.instruments = {one.symbol: one for one in instruments}
        self.last = {one.symbol: one.start for one in self.instruments.values()}
        self._random = random.Random(seed)
        self._follow()

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Put the last price of `symbol`, and of all that share it, where the caller wants it."""
        root = self.instruments[symbol].follows or symbol
        self.last[root] = price
        self._follow()

    def _follow(self) -> None:
        for one in self.instruments.values():
            if one.follows:
                self.last[one.symbol] = self._on_tick(one, self.last[one.follows])

    def _on_tick(self, one: Instrument, price: Decimal) -> Decimal:
        ticks = (price / one.tick).to_integral_value(ROUND_HALF_UP)
        return max(ticks * one.tick, one.tick * (LEVELS * 2))

    def wander(self) -> None:
        """Move every price by one small random step."""
        for one in self.instruments.values():
            if not one.follows:
                last = self.last[one.symbol]
                factor = Decimal(1 + self._random.gauss(0, WANDER))
                moved = last * factor + (one.start - last) * Decimal(PULL)
                self.last[one.symbol] = self._on_tick(one, moved)
        self._follow()

    def bid(self, symbol: str) -> Decimal:
        """The best price someone pays."""
        return self.levels(symbol, "buy", 1)[0].price

    def ask(self, symbol: str) -> Decimal:
        """The best price someone asks."""
        return self.levels(symbol, "sell", 1)[0].price

    def levels(self, symbol: str, side: str, count: int = LEVELS) -> list[Level]:
        """The resting orders of the world on `side`, best first."""
        one, last = self.instruments[symbol], self.last[symbol]
        gap = max(one.tick, floor_to(last / 20_000, one.tick))
        away = -gap if side == "buy" else gap
        rows = []
        for k in range(min(count, LEVELS)):
            price = max(last + away * (k + 1), one.tick)
            amount = one.depth * (2 * k + 1)
            quantity = amount if one.inverse else amount / price
            rows.append(Level(price, max(one.step, floor_to(quantity, one.step))))
        return rows

"""What a seed does to its account while something is wrong.

Pure: the same seed does the same thing always. Everything that can happen to
orders happens at least once (the wish list is B14's: orders filled, one in part,
one cancelled, one opened, a trade at the market, money that arrives); the order
of it, the amounts and the pauses in between are the seed's own.
"""

from decimal import Decimal
from random import Random
from typing import NamedTuple

RESTING = 4


class Fill(NamedTuple):
    """The resting order of this number is filled; by `quantity`, where it is not None."""

    order: int
    quantity: str | None = None


class Cancel(NamedTuple):
    """The resting order of this number is cancelled."""

    order: int


class Open(NamedTuple):
    """Another limit order is placed, and rests."""

    quantity: str


class Market(NamedTuple):
    """An order at the market, filled at once."""

    side: str
    quantity: str


class Contract(NamedTuple):
    """The same with a contract, where the exchange has any: a position changes."""

    side: str
    quantity: str


class Deposit(NamedTuple):
    """Money arrives."""

    amount: str


Deed = Fill | Cancel | Open | Market | Contract | Deposit


class Script(NamedTuple):
    """`before` are the quantities of the orders that rest; `deeds` follow each other after these pauses, s."""

    before: tuple[str, ...]
    deeds: tuple[tuple[float, Deed], ...]


def script(random: Random, *, pause: float = 0.15) -> Script:
    """One seed's script; its whole chance comes from `random`."""
    before = tuple(_quantity(random, 10, 60) for _ in range(RESTING))
    filled, also, partly, cancelled = random.sample(range(RESTING), RESTING)
    deeds: list[Deed] = [
        Fill(filled),
        Fill(also),
        Fill(partly, _quantity(random, 1, 9)),
        Cancel(cancelled),
        Open(_quantity(random, 10, 60)),
        *(
            Market(random.choice(("buy", "sell")), _quantity(random, 1, 3))
            for _ in range(random.randint(1, 3))
        ),
        Contract(random.choice(("buy", "sell")), _quantity(random, 1, 3)),
        Deposit(str(Decimal(random.randint(1, 99_999)) / 100)),
    ]
    random.shuffle(deeds)
    return Script(before, tuple((random.uniform(0, pause), deed) for deed in deeds))


def _quantity(random: Random, least: int, most: int) -> str:
    """In thousandths of a coin."""
    return str(Decimal(random.randint(least, most)) / 1000)

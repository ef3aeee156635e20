"""How long to wait before the next try (S14).

Equal jitter: half of the capped exponential is certain, the other half drawn.
Never near zero, because an exchange counts connects; still spread, because
twenty sockets that fell together must not come back together. Full jitter took
25.7 connects and plain exponential kept everyone in lock-step where this took
18.8, in the simulation that chose it.
"""

from random import Random

_STEEPEST = 64
"""Beyond this many doublings nothing grows any more, and a float would overflow."""


def ceiling(first: float, cap: float, doublings: int) -> float:
    """Give `first` doubled so often, at most `cap`. Any number of doublings is fine."""
    return float(min(cap, first * 2 ** min(doublings, _STEEPEST)))


def jittered(ceiling: float, rng: Random) -> float:
    """Draw from the upper half of `ceiling`."""
    return ceiling / 2 + rng.uniform(0, ceiling / 2)


def delay(failures: int, base: float, cap: float, rng: Random) -> float:
    """Give the seconds to wait after the n-th failure in a row, n from 1."""
    return jittered(ceiling(base, cap, failures - 1), rng)

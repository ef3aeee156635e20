"""S14: tested by its values, not by its name."""

import math
import random

import pytest

from core import backoff


class Extreme(random.Random):
    """Draws the lower or the upper end, always."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


@pytest.mark.parametrize("n", range(1, 21))
def test_the_bounds_of_the_nth_wait_are_exact(n: int) -> None:
    ceiling = min(30, 1 * 2 ** (n - 1))
    assert backoff.delay(n, 1, 30, Extreme(0)) == ceiling / 2
    assert backoff.delay(n, 1, 30, Extreme(1)) == ceiling


@pytest.mark.parametrize("n", range(1, 21))
def test_every_draw_lies_within_the_bounds_and_they_differ(n: int) -> None:
    rng = random.Random(n)
    draws = [backoff.delay(n, 1, 30, rng) for _ in range(200)]
    ceiling = min(30, 2 ** (n - 1))
    assert all(ceiling / 2 <= draw <= ceiling for draw in draws)
    assert len(set(draws)) > 150
    assert min(draws) < ceiling * 0.55
    assert max(draws) > ceiling * 0.95


def test_the_jitter_never_exceeds_the_cap() -> None:
    assert backoff.delay(50, 1, 30, Extreme(1)) == 30


def test_a_base_above_the_cap_is_capped_too() -> None:
    assert backoff.ceiling(100, 30, 0) == 30


def test_so_many_failures_that_a_float_would_overflow_are_still_the_cap() -> None:
    for failures in (100, 1025, 5000, 10**6):
        assert backoff.delay(failures, 1.0, 30.0, Extreme(1)) == 30


def test_a_tiny_base_reaches_its_cap_in_the_end() -> None:
    assert backoff.ceiling(0.001, 30, 14) == pytest.approx(16.384)
    assert backoff.ceiling(0.001, 30, 15) == 30


def test_equal_seeds_draw_equal_waits() -> None:
    one, two = random.Random(5), random.Random(5)
    assert [backoff.delay(n, 1, 30, one) for n in range(1, 9)] == [
        backoff.delay(n, 1, 30, two) for n in range(1, 9)
    ]


def test_a_wait_is_a_plain_finite_number() -> None:
    wait = backoff.delay(3, 1, 30, random.Random(1))
    assert isinstance(wait, float)
    assert math.isfinite(wait)

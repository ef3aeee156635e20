"""S14: the n-th failure in a row waits v/2 + U(0, v/2), v = min(cap, base * 2^(n-1))."""

from typing import Any

import pytest

from core.tree import ChildSpec, GroupSpec
from tests.supervision.kit import Daemon, started


def waits(seed: int, failures: int, **limits: Any) -> list[float]:
    daemon = Daemon(GroupSpec("g", (ChildSpec("a"),), trip=1000, **limits), seed=seed).boot()
    drawn = []
    for _ in range(failures):
        daemon.dies("a")
        drawn.append(daemon.retry_in("g"))
        daemon.wait_until(lambda: daemon.phase("a") == "starting")
    return drawn


@pytest.mark.parametrize("seed", range(5))
def test_the_wait_doubles_up_to_the_cap_and_keeps_its_lower_half(seed: int) -> None:
    for n, wait in enumerate(waits(seed, 20), start=1):
        ceiling = min(30, 2 ** (n - 1))
        assert ceiling / 2 <= wait <= ceiling


def test_base_and_cap_are_those_of_the_group() -> None:
    for n, wait in enumerate(waits(1, 12, base=0.1, cap=2), start=1):
        ceiling = min(2, 0.1 * 2 ** (n - 1))
        assert ceiling / 2 <= wait <= ceiling


def test_a_restart_comes_when_the_wait_is_over_and_not_before() -> None:
    daemon = Daemon(GroupSpec("g", (ChildSpec("a"),))).boot()
    daemon.dies("a")
    wait = daemon.retry_in("g")
    assert started(daemon.wait(wait - 0.001)) == []
    assert started(daemon.wait(0.002)) == ["a"]


def test_equal_seeds_draw_equal_waits_and_others_do_not() -> None:
    assert waits(7, 10) == waits(7, 10)
    assert waits(7, 10) != waits(8, 10)

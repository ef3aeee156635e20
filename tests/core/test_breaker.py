"""The breaker alone, sentence by sentence of its essay."""

from math import inf
from random import Random
from typing import Any, get_args

import pytest

from core.breaker import TABLE, Breaker, Trigger
from core.status import BreakerMode
from core.tree import ChildSpec, GroupSpec

LIMITS = GroupSpec("g", (ChildSpec("a"),))
NOW = 1000.0


@pytest.fixture
def rng() -> Random:
    return Random(1)


def closed(**changes: Any) -> Breaker:
    return Breaker(LIMITS, **changes)


def opened(rng: Random) -> Breaker:
    breaker = closed()
    for _ in range(5):
        breaker.failed(NOW, rng)
    assert breaker.mode == "open"
    return breaker


def probing(rng: Random) -> Breaker:
    breaker = opened(rng)
    assert breaker.started()
    return breaker


def test_the_table_speaks_of_every_mode_and_of_no_other() -> None:
    assert set(TABLE) == set(get_args(BreakerMode))
    assert {target for row in TABLE.values() for target in row.values()} == set(TABLE)
    assert {trigger for row in TABLE.values() for trigger in row} == set(get_args(Trigger))


def test_a_new_breaker_allows_a_start_at_any_time() -> None:
    assert closed().may_start(-inf)
    assert closed().may_start(0.0)


@pytest.mark.parametrize("failures", range(1, 5))
def test_closed_waits_for_the_nth_backoff(rng: Random, failures: int) -> None:
    breaker = closed()
    for _ in range(failures):
        breaker.retry_at = -inf
        breaker.failed(NOW, rng)
    ceiling = 2 ** (failures - 1)
    assert NOW + ceiling / 2 <= breaker.retry_at <= NOW + ceiling
    assert breaker.mode == "closed"


def test_a_start_is_allowed_from_the_very_instant_on(rng: Random) -> None:
    breaker = closed()
    breaker.failed(NOW, rng)
    assert not breaker.may_start(breaker.retry_at - 0.001)
    assert breaker.may_start(breaker.retry_at)


def test_the_fifth_failure_opens_and_the_fourth_does_not(rng: Random) -> None:
    breaker = closed()
    modes = []
    for _ in range(5):
        breaker.failed(NOW, rng)
        modes.append(breaker.mode)
    assert modes == ["closed"] * 4 + ["open"]
    assert 15 <= breaker.retry_at - NOW <= 30


def test_one_that_never_trips_only_backs_off(rng: Random) -> None:
    breaker = closed(trips=False)
    for _ in range(2000):
        breaker.retry_at = -inf
        breaker.failed(NOW, rng)
        assert breaker.mode == "closed"
        assert breaker.retry_at <= NOW + 30


def test_only_the_first_start_after_an_opening_is_a_probe(rng: Random) -> None:
    breaker = opened(rng)
    assert breaker.started()
    assert not breaker.started()
    assert breaker.mode == "half_open"


def test_a_start_of_a_closed_breaker_is_no_probe() -> None:
    assert not closed().started()


def test_openings_in_a_row_last_longer_up_to_their_cap(rng: Random) -> None:
    breaker = closed()
    limits = []
    for _ in range(5):
        breaker.failed(NOW, rng)
    for _ in range(3):
        limits.append(breaker.retry_at - NOW)
        breaker.started()
        breaker.retry_at = -inf
        breaker.failed(NOW, rng)
    assert 15 <= limits[0] <= 30
    assert all(30 <= limit <= 60 for limit in limits[1:])


def test_a_failure_while_open_counts_and_changes_no_instant(rng: Random) -> None:
    breaker = opened(rng)
    due, openings = breaker.retry_at, breaker.openings
    breaker.failed(NOW + 1, rng)
    assert (breaker.mode, breaker.retry_at, breaker.openings, breaker.failures) == ("open", due, openings, 6)


def test_steadiness_closes_and_forgets(rng: Random) -> None:
    breaker = probing(rng)
    breaker.steadied()
    assert (breaker.mode, breaker.failures, breaker.openings) == ("closed", 0, 0)


def test_an_open_breaker_cannot_be_steady(rng: Random) -> None:
    with pytest.raises(KeyError):
        opened(rng).steadied()


def test_a_held_breaker_starts_nothing_at_any_time(rng: Random) -> None:
    for breaker in (closed(), opened(rng), probing(rng)):
        breaker.refused("key")
        assert not breaker.may_start(inf)
        with pytest.raises(KeyError):
            breaker.started()
        breaker.failed(NOW, rng)
        assert (breaker.mode, breaker.held_reason) == ("held", "key")


@pytest.mark.parametrize("mode", list(TABLE))
def test_a_reset_leaves_every_mode_for_closed_and_allows_a_start(rng: Random, mode: BreakerMode) -> None:
    breaker = Breaker(LIMITS, mode=mode, failures=9, openings=3, retry_at=NOW + 50, held_reason="key")
    breaker.reset(NOW)
    assert breaker.may_start(NOW)
    assert (breaker.mode, breaker.failures, breaker.openings, breaker.held_reason) == ("closed", 0, 0, None)


def test_a_hint_lengthens_and_never_shortens(rng: Random) -> None:
    breaker = opened(rng)
    due = breaker.retry_at
    breaker.hinted(NOW, 1)
    assert breaker.retry_at == due
    breaker.hinted(NOW, 500)
    assert breaker.retry_at == NOW + 500


@pytest.mark.parametrize("act", ["reset", "ask_now", "hurry"])
def test_nothing_goes_below_a_hint(rng: Random, act: str) -> None:
    breaker = opened(rng)
    breaker.hinted(NOW, 500)
    if act == "hurry":
        assert not breaker.hurry(NOW, rng)
    else:
        getattr(breaker, act)(NOW)
    assert breaker.retry_at == NOW + 500


def test_asking_now_keeps_the_failures(rng: Random) -> None:
    breaker = opened(rng)
    breaker.ask_now(NOW)
    assert breaker.may_start(NOW)
    assert (breaker.mode, breaker.failures) == ("open", 5)


def test_a_hurried_probe_comes_within_two_seconds_once_per_opening(rng: Random) -> None:
    breaker = opened(rng)
    assert breaker.hurry(NOW, rng)
    due = breaker.retry_at
    assert NOW <= due <= NOW + 2
    assert not breaker.hurry(NOW, rng)
    assert breaker.retry_at == due
    breaker.started()
    breaker.failed(NOW + 3, rng)
    assert breaker.hurry(NOW + 3, rng)


@pytest.mark.parametrize("mode", ["closed", "half_open", "held"])
def test_only_an_open_breaker_is_hurried(rng: Random, mode: BreakerMode) -> None:
    breaker = Breaker(LIMITS, mode=mode, retry_at=NOW + 50)
    assert not breaker.hurry(NOW, rng)
    assert breaker.retry_at == NOW + 50

"""The weight budget of one REST origin."""

from hypothesis import given
from hypothesis import strategies as st

from core.budget import Attempts, Budget, until_next_minute

NOON = 12 * 3600 * 1000  # the beginning of a minute
LIMIT = Budget(limit=100)


def wait(budget: Budget, weight: int, *, now_ms: int = NOON, now: float = 0.0, urgent: bool = False) -> float:
    return budget.wait(weight, now_ms=now_ms, now=now, urgent=urgent)


def spent(weight: int, *, now_ms: int = NOON, stated: int | None = None) -> Budget:
    return LIMIT.began(weight).ended(weight, now_ms=now_ms, stated=stated)


def test_a_fresh_budget_lets_calls_leave() -> None:
    assert wait(LIMIT, 20) == 0


def test_a_fifth_is_kept_for_what_is_urgent() -> None:
    budget = spent(70)
    assert wait(budget, 10) == 0
    assert wait(budget, 11) > 0
    assert wait(budget, 30, urgent=True) == 0
    assert wait(budget, 31, urgent=True) > 0


def test_what_is_used_up_comes_back_with_the_exchanges_next_minute() -> None:
    budget = spent(80, now_ms=NOON + 15_000)
    assert wait(budget, 1, now_ms=NOON + 20_000) == 40
    assert wait(budget, 1, now_ms=NOON + 60_000) == 0


def test_the_exchanges_own_count_replaces_ours_in_both_directions() -> None:
    assert wait(spent(10, stated=80), 1) > 0, "others behind our address have used it"
    assert wait(spent(80, stated=5), 70) == 0, "our prices were too high"


def test_calls_under_way_count_although_no_reply_has_stated_them() -> None:
    budget = LIMIT.began(50).began(25).ended(25, now_ms=NOON, stated=25)
    assert wait(budget, 6) > 0
    assert wait(budget, 5) == 0


def test_a_call_that_failed_without_a_reply_still_costs() -> None:
    assert wait(spent(80), 1) > 0


def test_a_call_under_way_across_the_minute_is_not_forgotten() -> None:
    budget = spent(80).began(50)
    assert wait(budget, 40, now_ms=NOON + 60_000) > 0


def test_one_call_larger_than_the_budget_has_its_turn_when_nothing_else_was_used() -> None:
    assert wait(LIMIT, 500) == 0
    assert wait(spent(1), 500) > 0


def test_a_closed_origin_lets_nothing_leave_until_then_urgent_or_not() -> None:
    budget = LIMIT.closed(120.0)
    assert wait(budget, 1, now=20.0) == 100
    assert wait(budget, 1, now=119.0, urgent=True) == 1
    assert wait(budget, 1, now=120.0) == 0


def test_a_second_refusal_never_shortens_the_first() -> None:
    assert wait(LIMIT.closed(120.0).closed(60.0), 1, now=0.0) == 120


def test_the_next_minute_is_never_further_than_a_minute() -> None:
    assert until_next_minute(NOON) == 60
    assert until_next_minute(NOON + 59_999) == 0.001


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 90_000)), max_size=40))
def test_no_order_of_calls_spends_more_than_the_limit_in_a_minute(calls: list[tuple[int, int]]) -> None:
    budget, now_ms = LIMIT, NOON
    used: dict[int, int] = {}
    for weight, step in calls:
        now_ms += step
        if wait(budget, weight, now_ms=now_ms) == 0:
            minute = now_ms // 60_000
            used[minute] = used.get(minute, 0) + weight
            budget = budget.began(weight).ended(weight, now_ms=now_ms, stated=None)
    assert all(weight <= 80 for weight in used.values())


def test_four_fifths_of_the_connections_of_five_minutes_may_be_opened_and_then_one_waits() -> None:
    attempts = Attempts(limit=10)
    for second in range(8):
        assert attempts.wait(float(second)) == 0
        attempts = attempts.made(float(second))
    assert attempts.wait(8.0) == 292
    assert attempts.wait(299.9) > 0
    assert attempts.wait(300.0) == 0
    assert attempts.made(300.0).wait(300.0) == 1


def test_old_attempts_are_forgotten() -> None:
    attempts = Attempts(limit=10)
    for second in range(0, 100_000, 50):
        attempts = attempts.made(float(second))
    assert len(attempts.times) <= 7


def test_the_smallest_limit_still_admits_one_attempt() -> None:
    assert Attempts(limit=1).wait(0.0) == 0
    assert Attempts(limit=1).made(0.0).wait(10.0) == 290

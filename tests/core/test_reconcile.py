"""What absence proves, what an audit leaves alone, and when."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Balance, Fact, Fill, OrderState, Position
from core.reconcile import (
    BURST,
    MISSES,
    Absences,
    Inquiry,
    OrderName,
    missing,
    name_of,
    next_audit,
    proven_to,
    retry_in,
    unshielded,
)


def order(order_id: str, symbol: str = "BTCUSDT") -> OrderState:
    return OrderState("spot", symbol, order_id, "open")


def name(order_id: str) -> OrderName:
    return ("spot", "BTCUSDT", order_id)


def names(count: int, start: int = 0) -> list[OrderName]:
    return [name(str(n)) for n in range(start, start + count)]


FILL = Fill("spot", "BTCUSDT", "1", "100", "buy", Decimal(1), Decimal(1), 0)


# --------------------------------------------------------------------- absence


def test_an_order_that_the_answer_mentions_in_any_state_is_not_missing() -> None:
    closed = OrderState("spot", "BTCUSDT", "2", "canceled")
    assert missing([order("1"), order("2"), order("3")], [order("1"), closed]) == [order("3")]


def test_a_fill_alone_does_not_account_for_its_order() -> None:
    assert missing([order("1")], [FILL]) == [order("1")]


def test_orders_are_told_apart_by_symbol_as_well_as_by_id() -> None:
    assert missing([order("1", "ETHUSDT")], [order("1", "BTCUSDT")]) == [order("1", "ETHUSDT")]


def test_one_burst_asks_for_ten_at_most_and_says_that_others_wait() -> None:
    inquiry = Absences().inquiry(names(25), deep=False)
    assert list(inquiry.ask) == names(BURST)
    assert inquiry.more


def test_no_more_bursts_follow_once_each_was_asked_for() -> None:
    absences = Absences()
    bursts: list[Inquiry] = []
    while not bursts or bursts[-1].more:
        bursts.append(absences.inquiry(names(25), deep=False))
        for one in bursts[-1].ask:
            absences.missed(one)
    assert [len(burst.ask) for burst in bursts] == [10, 10, 10]
    assert {one for burst in bursts for one in burst.ask} == set(names(25))


def test_the_ones_never_asked_come_before_the_hopeless_ones() -> None:
    absences = Absences()
    for one in names(BURST):
        absences.missed(one)
    assert absences.inquiry(names(BURST + 1), deep=False).ask[0] == name(str(BURST))


def test_only_the_third_miss_in_a_row_is_a_discrepancy_and_only_once() -> None:
    absences = Absences()
    assert [absences.missed(name("1")) for _ in range(6)] == [False, False, True, False, False, False]


def test_an_answer_in_between_starts_the_count_again() -> None:
    absences = Absences()
    absences.missed(name("1"))
    absences.missed(name("1"))
    assert not absences.found(name("1"))
    assert not absences.missed(name("1"))


def test_an_order_that_is_not_missing_any_more_is_forgotten() -> None:
    absences = Absences()
    for _ in range(MISSES):
        absences.missed(name("1"))
    absences.inquiry([], deep=False)
    assert not absences.is_given_up(name("1"))


def test_one_that_was_given_up_and_is_no_question_any_more_is_named_once_as_over() -> None:
    absences = Absences()
    for _ in range(MISSES):
        absences.missed(name("1"))
    absences.missed(name("2"))
    assert absences.inquiry([name("1"), name("2")], deep=False).over == ()
    assert absences.inquiry([], deep=False).over == (name("1"),)
    assert absences.inquiry([], deep=False).over == ()


def test_what_was_given_up_is_asked_again_only_when_the_comparison_is_deep() -> None:
    absences = Absences()
    for _ in range(MISSES):
        absences.missed(name("1"))
    assert absences.inquiry([name("1")], deep=False).ask == ()
    assert absences.inquiry([name("1")], deep=True).ask == (name("1"),)


def test_a_discrepancy_that_is_answered_for_after_all_is_over_and_says_so() -> None:
    absences = Absences()
    for _ in range(MISSES):
        absences.missed(name("1"))
    assert absences.found(name("1"))
    assert not absences.is_given_up(name("1"))


@given(
    known=st.sets(st.integers(0, 60)),
    held=st.sets(st.integers(0, 60)),
)
def test_whatever_is_held_is_either_told_or_missing(known: set[int], held: set[int]) -> None:
    told = [order(str(n)) for n in known]
    gone = missing([order(str(n)) for n in held], told)
    assert {int(one.order_id) for one in gone} == held - known


# ---------------------------------------------------------------------- shield


def test_an_audit_leaves_what_the_stream_has_just_touched_and_keeps_the_rest() -> None:
    position = Position("linear", "BTCUSDT", "long", Decimal(1))
    facts: list[Fact] = [order("1"), order("2"), Balance("BTC"), Balance("USDT"), position]
    touched = {("order", *name("1")), ("balance", "USDT"), ("position", "linear", "BTCUSDT", "long")}
    assert unshielded(facts, touched) == (order("2"), Balance("BTC"))


def test_fills_are_never_shielded() -> None:
    touched = {("order", *name_of(FILL)), ("fill", "spot", "BTCUSDT", "1", "100")}
    assert unshielded([FILL], touched) == (FILL,)


# ---------------------------------------------------------------- proof and time


def test_a_complete_answer_proves_up_to_five_seconds_before_it_was_begun() -> None:
    assert proven_to(1_700_000_060_000) == 1_700_000_055_000


@pytest.mark.parametrize("every", [1.0, 60.0, 3600.0])
@pytest.mark.parametrize("now", [0.0, 12.3, 1e6])
def test_the_next_audit_is_within_one_period_and_keeps_its_place(now: float, every: float) -> None:
    first = next_audit(now, every, "main")
    assert now < first <= now + every * 1.001
    assert next_audit(first, every, "main") == pytest.approx(first + every)


def test_audits_of_many_accounts_are_spread_over_the_period() -> None:
    times = sorted(next_audit(1000.0, 60.0, f"account-{n}") - 1000.0 for n in range(200))
    for quarter in range(4):
        assert 25 < len([t for t in times if quarter * 15 < t <= (quarter + 1) * 15]) < 75


def test_a_failed_comparison_is_tried_again_at_the_polls_pace_but_not_all_at_once() -> None:
    waits = [retry_in(5.0, None, Random(seed)) for seed in range(50)]
    assert all(4.5 <= wait <= 5.5 for wait in waits)
    assert len(set(waits)) > 40


def test_a_servers_hint_only_ever_lengthens_the_wait() -> None:
    assert retry_in(5.0, 120.0, Random(1)) == 120.0
    assert retry_in(5.0, 1.0, Random(1)) >= 4.5

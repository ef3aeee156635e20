"""Which fee rates were known when: never before somebody said so, and not between two answers that differ."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from core.fee_rates import TRUSTED_MS, Rates, dumped, learned, loaded, rated

RATES = st.none() | st.sampled_from([D("0.001"), D("-0.0001"), D(0), D("0.00075")])
ANSWERS = st.lists(st.tuples(st.integers(0, 10**12), RATES, RATES), max_size=12)


def told(*answers: tuple[int, D | None, D | None]) -> Rates:
    known: Rates = ()
    for answer in answers:
        known = learned(known, *answer)
    return known


def taker(known: Rates, at: int) -> D | None:
    found = rated(known, at)
    return None if found is None else found.taker


def test_a_rate_is_known_from_the_first_answer_to_two_hours_after_the_last() -> None:
    known = told((1000, D("0.001"), D("0.002")), (9000, D("0.001"), D("0.002")))
    assert [taker(known, at) for at in (999, 1000, 5000, 9000, 9000 + TRUSTED_MS, 9001 + TRUSTED_MS)] == [
        None, D("0.002"), D("0.002"), D("0.002"), D("0.002"), None,
    ]  # fmt: skip


def test_between_two_answers_that_differ_nobody_knows_the_rate() -> None:
    known = told((1000, D(0), D("0.002")), (2000, D(0), D("0.002")), (5000, D(0), D("0.003")))
    assert [taker(known, at) for at in (2000, 2001, 4999, 5000)] == [D("0.002"), None, None, D("0.003")]


def test_a_side_that_was_not_named_is_not_known_and_not_nothing() -> None:
    assert taker(told((1000, D("0.001"), None)), 1000) is None
    assert rated((), 1000) is None


def test_a_clock_that_was_set_back_takes_no_span_back() -> None:
    known = told((5000, D(0), D(1)), (1000, D(0), D(1)), (2000, D(0), D(2)))
    assert [(one.since, one.until, one.taker) for one in known] == [(5000, 5000, D(1)), (5000, 5000, D(2))]


@given(ANSWERS)
def test_what_was_written_down_is_read_as_it_was(answers: list[tuple[int, D | None, D | None]]) -> None:
    known = told(*answers)
    assert loaded(dumped(known)) == known


@given(ANSWERS, st.integers(0, 2 * 10**12))
def test_what_is_known_was_answered_at_that_moment_or_on_both_sides_or_lately(
    answers: list[tuple[int, D | None, D | None]], at: int
) -> None:
    answers.sort(key=lambda answer: answer[0])
    found = rated(told(*answers), at)
    if found is None:
        return
    said = (found.maker, found.taker)
    before = [answer for answer in answers if answer[0] <= at]
    after = [answer for answer in answers if answer[0] >= at]
    latest = [answer[1:] for answer in before if answer[0] == before[-1][0]]
    assert said in latest
    assert at - before[-1][0] <= TRUSTED_MS or said == after[0][1:]


def test_what_nobody_can_read_is_not_known() -> None:
    assert loaded(None) == loaded("nonsense") == loaded('[["a"]]') == ()

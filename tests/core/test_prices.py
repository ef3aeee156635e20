"""Which price is believed, sentence by sentence of core/prices."""

from decimal import Decimal as D
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prices import (
    TABLE,
    Price,
    PriceState,
    Quote,
    Rules,
    Trigger,
    Watch,
    age,
    ask_because,
    asked,
    good,
    heard,
    looked,
    trouble,
)

RULES = Rules(max_jump=D("0.05"), max_age=10, silent_after=3, ask_every=2)


def quote(bid: Any, ask: Any, at: float = 0, source: str = "stream") -> Quote:
    return Quote(None if bid is None else D(bid), None if ask is None else D(ask), at, source)


def watching(*quotes: Quote, now: float | None = None) -> Watch:
    """What is known after these, each heard at its own time."""
    watch = Watch()
    for one in quotes:
        watch, _ = heard(watch, one, one.at if now is None else now, RULES)
    return watch


FIRST = quote(99, 101)
JUMPED = quote(109, 111, 1)


def test_the_table_speaks_of_every_state_and_of_no_other() -> None:
    assert set(TABLE) == set(get_args(PriceState))
    assert {target for row in TABLE.values() for target in row.values()} <= set(TABLE)
    assert {trigger for row in TABLE.values() for trigger in row} == set(get_args(Trigger))


def test_before_the_first_quote_there_is_no_price_and_no_age() -> None:
    assert good(Watch(), 0, RULES) is None
    assert age(Watch(), 5) is None
    assert trouble(Watch(), 0, RULES) == "no price has come yet"


def test_the_first_price_is_believed() -> None:
    watch = watching(FIRST)
    assert good(watch, 1, RULES) == Price(D(99), D(101), 0, "stream")
    assert trouble(watch, 1, RULES) is None
    assert age(watch, 2.5) == 2.5


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (quote(None, 101), "empty"),
        (quote(99, None), "empty"),
        (quote(0, 101), "empty"),
        (quote(99, 0), "empty"),
        (quote(-1, 101), "empty"),
        (quote(101, 101), "crossed"),
        (quote(102, 101), "crossed"),
        (quote(99, 101, -10.5), "stale"),
    ],
)
def test_what_is_no_price_is_refused_and_counted_and_changes_nothing(bad: Quote, reason: str) -> None:
    for before in (Watch(), watching(FIRST)):
        watch, why = heard(before, bad, 0, RULES)
        assert why == reason
        assert watch.refused == {reason: 1}
        assert (watch.state, watch.last, watch.streamed_at) == (before.state, before.last, before.streamed_at)


def test_refusals_are_counted_by_reason() -> None:
    watch = watching(FIRST, quote(5, 4), quote(5, 4), quote(None, 4), JUMPED)
    assert watch.refused == {"crossed": 2, "empty": 1, "jump": 1}


def test_a_quote_older_than_what_is_believed_is_stale() -> None:
    watch, why = heard(watching(quote(99, 101, 5)), quote(98, 100, 4.9), 5, RULES)
    assert (why, watch.last) == ("stale", Price(D(99), D(101), 5, "stream"))


def test_a_quote_of_the_future_is_one_of_now() -> None:
    watch, _ = heard(Watch(), quote(99, 101, 1000), 5, RULES)
    assert age(watch, 6) == 1
    assert good(watch, 15.5, RULES) is None


def test_a_move_up_to_the_limit_is_believed_and_one_beyond_is_a_jump() -> None:
    assert heard(watching(FIRST), quote(104, 106), 0, RULES)[1] is None
    assert heard(watching(FIRST), quote(94, 96), 0, RULES)[1] is None
    assert heard(watching(FIRST), quote("104.01", 106), 0, RULES)[1] == "jump"
    assert heard(watching(FIRST), quote("93.99", 96), 0, RULES)[1] == "jump"


def test_while_a_jump_is_in_doubt_there_is_no_price_at_all() -> None:
    watch = watching(FIRST, JUMPED)
    assert watch.state == "doubted"
    assert good(watch, 1, RULES) is None
    assert trouble(watch, 1, RULES) == "a jump is in doubt: stream says 109 to 111; it was 99 to 101"


def test_the_same_source_cannot_confirm_its_own_jump() -> None:
    watch = watching(FIRST, JUMPED, quote(109, 111, 2), quote(110, 112, 3))
    assert (watch.state, watch.refused) == ("doubted", {"jump": 3})
    assert len(watch.doubts) == 1


def test_a_second_source_that_agrees_makes_the_jump_the_price() -> None:
    watch = watching(FIRST, JUMPED, quote("109.5", "111.5", 2, "rest"))
    assert good(watch, 2, RULES) == Price(D("109.5"), D("111.5"), 2, "rest")
    assert watch.doubts == ()


def test_a_second_source_that_says_something_else_again_is_in_doubt_as_well() -> None:
    watch = watching(FIRST, JUMPED, quote(89, 91, 2, "rest"))
    assert watch.state == "doubted"
    assert {one.source for one in watch.doubts} == {"stream", "rest"}


def test_a_source_takes_its_own_doubt_back() -> None:
    watch = watching(FIRST, JUMPED, quote(99, 101, 2))
    assert good(watch, 2, RULES) == Price(D(99), D(101), 2, "stream")


def test_one_source_does_not_clear_the_doubt_of_another() -> None:
    watch = watching(FIRST, JUMPED, quote(99, 101, 2, "rest"))
    assert good(watch, 2, RULES) is None
    assert watch.last == Price(D(99), D(101), 2, "rest")
    back = heard(watch, quote(99, 101, 3), 3, RULES)[0]
    assert good(back, 3, RULES) == Price(D(99), D(101), 3, "stream")


def test_a_doubt_is_forgotten_when_it_is_too_old() -> None:
    watch = watching(FIRST, JUMPED, quote(99, 101, 5, "rest"))
    assert good(watch, 11, RULES) is None
    assert good(watch, 11.5, RULES) == Price(D(99), D(101), 5, "rest")


def test_a_doubt_that_is_too_old_confirms_nothing() -> None:
    late, why = heard(watching(FIRST, JUMPED), quote(109, 111, 11.5, "rest"), 11.5, RULES)
    assert (why, late.state) == ("jump", "doubted")


def test_an_old_price_is_none_but_still_measures_the_next() -> None:
    watch = watching(FIRST)
    assert good(watch, 10, RULES) is not None
    assert good(watch, 10.1, RULES) is None
    assert trouble(watch, 10.5, RULES) == "the last good price is 10.5 s old, and 10 s is the most"
    assert heard(watch, quote(109, 111, 60), 60, RULES)[1] == "jump"
    assert heard(watch, quote(100, 102, 60), 60, RULES)[1] is None


def test_rest_is_asked_while_there_is_no_price_and_when_the_stream_is_silent() -> None:
    assert ask_because(Watch(), 0, RULES) == "no price has come yet"
    assert ask_because(watching(FIRST), 3, RULES) is None
    assert ask_because(watching(FIRST), 3.5, RULES) == "the stream has said nothing for 3.5 s"
    assert ask_because(watching(quote(99, 101, 0, "rest")), 1, RULES) == "the stream has said nothing yet"


def test_a_jump_is_a_reason_to_ask_at_once() -> None:
    assert str(ask_because(watching(FIRST, JUMPED), 1, RULES)).startswith("a jump is in doubt")


def test_a_stream_that_says_only_nonsense_is_silent() -> None:
    watch = heard(watching(FIRST), quote(5, 4, 4), 4, RULES)[0]
    assert ask_because(watch, 4, RULES) == "the stream has said nothing for 4.0 s"


def test_rest_is_not_asked_again_before_its_time() -> None:
    watch = asked(Watch(), 1)
    assert ask_because(watch, 2.9, RULES) is None
    assert ask_because(watch, 3, RULES) == "no price has come yet"


def test_what_rest_says_keeps_the_price_good_while_a_calm_stream_is_silent() -> None:
    watch = watching(FIRST, quote(99, 101, 9, "rest"))
    assert good(watch, 18, RULES) is not None
    assert watch.streamed_at == 0


quotes = st.builds(
    Quote,
    st.none() | st.integers(-1, 200).map(D),
    st.none() | st.integers(-1, 200).map(D),
    st.integers(0, 60),
    st.sampled_from(["stream", "rest"]),
)


@given(st.lists(st.tuples(quotes, st.integers(0, 5)), max_size=20))
def test_whatever_is_said_a_good_price_is_sound_young_and_undisputed(said: Any) -> None:
    watch, now, count = Watch(), 0, 0
    for one, later in said:
        now += later
        before = watch.last
        watch, reason = heard(watch, one, now, RULES)
        count += reason is not None
        price = good(watch, now, RULES)
        assert sum(watch.refused.values()) == count
        assert (price is None) == (trouble(watch, now, RULES) is not None)
        assert (reason is None) == (watch.last is not before)
        if price is not None:
            assert 0 < price.bid < price.ask
            assert 0 <= now - price.at <= RULES.max_age
            assert not looked(watch, now, RULES).doubts

"""Trading stops by itself, for each of four causes, and goes on by a person's word alone."""

from decimal import Decimal as D
from typing import Any, get_args

import pytest

from core.halting import (
    LIMITS,
    TABLE,
    Bounds,
    Cause,
    Figures,
    Switch,
    Trading,
    Trigger,
    asked,
    judged,
    lately,
    reasons,
    released,
    unknown,
)

BOUNDS = Bounds(max_daily_loss=D(50))


def figures(**changes: Any) -> Figures:
    return Figures(
        **{"result_today": D(0), "rejections": 0, "clock_error": 0.0, "discrepancies": 0, **changes}
    )


def why(**changes: Any) -> list[tuple[str, str]]:
    return [(one.cause, one.text) for one in reasons(figures(**changes), BOUNDS)]


def test_the_tables_speak_of_every_cause_and_state() -> None:
    assert tuple(cause for cause, _ in LIMITS) == get_args(Cause)
    assert set(TABLE) == set(get_args(Switch))
    assert {trigger for row in TABLE.values() for trigger in row} == set(get_args(Trigger))


@pytest.mark.parametrize(
    "fine",
    [
        {},
        {"result_today": D(-50)},
        {"result_today": D(1000)},
        {"rejections": 5},
        {"clock_error": 1.0},
        {"clock_error": -1.0},
    ],
)
def test_a_figure_at_its_limit_halts_nothing(fine: Any) -> None:
    assert why(**fine) == []


@pytest.mark.parametrize(
    ("bad", "cause", "text"),
    [
        ({"result_today": D("-50.01")}, "loss", "today lost 50.01, and 50 is the limit"),
        ({"rejections": 6}, "rejections", "6 orders were rejected in short time, and 5 is the limit"),
        ({"clock_error": 1.5}, "clock", "the exchange's clock is off by 1.500 s, and 1 s is the limit"),
        ({"clock_error": -1.5}, "clock", "the exchange's clock is off by -1.500 s, and 1 s is the limit"),
        (
            {"clock_error": float("nan")},
            "clock",
            "the exchange's clock is off by nan s, and 1 s is the limit",
        ),
        (
            {"discrepancies": 1},
            "ledger",
            "1 differences stand between ledger and exchange, and 0 is the limit",
        ),
    ],
)
def test_a_figure_beyond_its_limit_halts_and_says_by_how_much(bad: Any, cause: str, text: str) -> None:
    assert why(**bad) == [(cause, text)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("result_today", "what today brought is not known"),
        ("clock_error", "how far the exchange's clock is off is not known"),
    ],
)
def test_a_figure_that_is_not_known_halts_nobody_and_is_told(name: str, text: str) -> None:
    assert why(**{name: None}) == []
    assert unknown(figures(**{name: None})) == text
    assert judged(Trading(), figures(**{name: None}), BOUNDS) == Trading()


def test_what_is_known_leaves_nothing_to_tell() -> None:
    assert unknown(figures()) is None
    assert str(unknown(figures(result_today=None, clock_error=None))).count(";") == 1


def test_all_reasons_are_told() -> None:
    halted = judged(Trading(), figures(rejections=9, discrepancies=2), BOUNDS)
    assert halted.switch == "halted"
    assert str(halted.why).count(";") == 1


def test_halted_is_kept_when_the_figures_recover_and_its_first_reason_too() -> None:
    halted = judged(Trading(), figures(rejections=9), BOUNDS)
    assert judged(halted, figures(), BOUNDS) == halted
    assert judged(halted, figures(discrepancies=1), BOUNDS) == halted
    assert asked(halted, "by a person") == halted


def test_a_person_halts_and_releases_it() -> None:
    halted = asked(Trading(), "by a person")
    assert halted == Trading("halted", "by a person")
    assert released(halted, figures(), BOUNDS) == (Trading(), None)
    assert released(Trading(), figures(), BOUNDS) == (Trading(), None)


def test_it_is_not_released_while_a_reason_stands() -> None:
    halted = asked(Trading(), "by a person")
    after, text = released(halted, figures(clock_error=2.0), BOUNDS)
    assert (after, text) == (halted, "the exchange's clock is off by 2.000 s, and 1 s is the limit")


def test_only_what_happened_within_the_window_counts() -> None:
    assert lately([0.0, 40.0, 40.1, 99.9, 100.0, 100.1], now=100.0, window=60.0) == 4
    assert lately([], now=100.0, window=60.0) == 0

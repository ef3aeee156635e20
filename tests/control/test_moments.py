"""How a moment is written, and how moments and spans are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.moments import as_clock, as_span, as_utc, since_ms

NOW = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (1_600_000_000_000, 1_600_000_000_000),
        ("1600000000000", 1_600_000_000_000),
        ("90s", NOW - 90_000),
        ("30m", NOW - 1_800_000),
        ("1h", NOW - 3_600_000),
        ("2D", NOW - 172_800_000),
        ("1w", NOW - 604_800_000),
        (" 1h ", NOW - 3_600_000),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14 23:13:20+01:00", NOW),
        ("2023-11-14", 1_699_920_000_000),
        ("2023-11-14T22:13:20.500Z", NOW + 500),
    ],
)
def test_a_moment_is_a_span_an_iso_time_or_milliseconds(written: str | int, meant: int) -> None:
    assert since_ms(written, NOW) == meant


@pytest.mark.parametrize(
    "wrong", ["", "yesterday", "1y", "h", "-1h", "1.5h", "2023-13-01", "٣h", "9999999999h", "9" * 5000]
)
def test_anything_else_is_refused_with_how_to_write_one(wrong: str) -> None:
    with pytest.raises(ValueError, match="write 1h, 30m, 2d, an ISO time, or milliseconds"):
        since_ms(wrong, NOW)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    try:
        assert isinstance(since_ms(text, NOW), int)
    except ValueError as refusal:
        assert "is no time" in str(refusal)  # noqa: PT017


def test_a_moment_is_shown_in_utc() -> None:
    assert as_utc(NOW) == "2023-11-14 22:13:20"


def test_a_moment_beyond_the_calendar_stays_a_number() -> None:
    assert as_utc(10**18) == str(10**18)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (60, "1 m 0 s"),
        (3_599, "59 m 59 s"),
        (3_660, "1 h 1 m"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_span_is_shown_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert as_span(seconds) == shown


def test_a_moment_is_short_where_day_or_year_go_without_saying() -> None:
    now = 1_700_000_000_000
    assert as_clock(now - 1000, now) == "22:13:19"
    assert as_clock(now - 86_400_000, now) == "11-13 22:13:20"
    assert as_clock(now - 400 * 86_400_000, now) == "2022-10-10 22:13:20"
    assert as_clock(10**18, now) == str(10**18)

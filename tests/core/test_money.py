"""Amounts are exact, and written in one way only."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import add, plain, plain_or_none, total_of

LONG = "123456789012345678901234567890.123456789"
amounts = st.decimals(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("given_as", "written"),
    [
        ("0.00000783", "0.00000783"),
        ("1e-19", "0.0000000000000000001"),
        ("1E+3", "1000"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("0.0", "0"),
        ("-0.00", "0"),
        ("-0", "0"),
        ("0E+8", "0"),
        ("-1.10", "-1.1"),
        (LONG, LONG),
    ],
)
def test_a_number_is_written_plainly(given_as: Any, written: Any) -> None:
    assert plain(D(given_as)) == written


@given(amounts)
def test_what_is_written_reads_back_exactly(amount: Any) -> None:
    assert D(plain(amount)) == amount
    assert "E" not in plain(amount)


@given(amounts, st.integers(0, 9))
def test_equal_numbers_are_written_alike(amount: Any, zeros: Any) -> None:
    assert plain(D(plain(amount) + ("." if "." not in plain(amount) else "") + "0" * zeros)) == plain(amount)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="no amount"):
        plain(D(text))


def test_unknown_stays_unknown() -> None:
    assert plain_or_none(None) is None
    assert plain_or_none(D("1.0")) == "1"


def test_sums_are_not_rounded() -> None:
    assert add([D(LONG), D("1e-19"), D(1)]) == D("123456789012345678901234567891.1234567890000000001")
    assert add([]) == 0


def test_a_total_is_made_of_its_parts_where_both_are_known() -> None:
    assert total_of(D(1), D(2), D(9)) == 3
    assert total_of(D(1), None, D(9)) == 9
    assert total_of(None, None, None) is None

"""What counts as missing, in which market, and what proves a hole in the stream."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.differences import Difference, is_hole_in, repaired_in, settled
from core.facts import Balance

FACT = Balance("USDT", free=Decimal(1))


def difference(category: str | None = "spot", at: int | None = 100, **more: Any) -> Difference:
    values: dict[str, Any] = {"outcome": "new", "is_repair": False, **more}
    return Difference("balance", category, None, "USDT", at, ledger=None, exchange=FACT, **values)


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (difference(is_repair=True), True),
        (difference(), False),
        (difference(at=40), True),
        (difference(at=None), False),
        (difference(at=40, outcome="contradicted"), False),
    ],
    ids=["too old to be under way", "may be", "before anybody watched", "when is unknown", "not repaired"],
)
def test_a_fact_was_missing_if_it_is_too_old_to_be_under_way_or_nobody_watched(
    found: Difference, counts: bool
) -> None:
    assert repaired_in("spot", [found], watched=50) == counts


def test_what_belongs_to_no_market_concerns_each() -> None:
    found = [difference(is_repair=True), difference(None, is_repair=True)]
    assert [repaired_in(name, found, 0) for name in ("spot", "linear")] == [2, 1]


def test_a_hole_is_what_the_stream_should_have_told_after_the_last_proof() -> None:
    assert is_hole_in("spot", [difference(is_repair=True)], proven=100)
    assert is_hole_in("spot", [difference(is_repair=True)], proven=None)
    assert not is_hole_in("spot", [difference(is_repair=True)], proven=101), "an earlier proof missed it"
    assert not is_hole_in("linear", [difference(is_repair=True)], proven=0)
    assert not is_hole_in("spot", [difference()], proven=0)
    assert not is_hole_in("spot", [difference(at=None, is_repair=True)], proven=0)


def test_each_thing_is_told_once_with_what_was_held_at_first_and_said_at_last() -> None:
    first = difference(at=50)
    second = msgspec.structs.replace(first, outcome="changed", ledger=FACT, exchange=Balance("USDT"))
    (told,) = settled([first, second], until=100)
    assert (told.ledger, told.exchange, told.outcome) == (None, Balance("USDT"), "changed")


def test_what_may_still_be_on_its_way_is_left_out_and_what_is_stated_as_it_is_now_is_not() -> None:
    fill = msgspec.structs.replace(difference(at=101), kind="fill")
    assert settled([fill], until=100) == ()
    assert settled([msgspec.structs.replace(fill, at=100)], until=100)
    assert settled([msgspec.structs.replace(fill, at=None)], until=100)
    assert settled([difference(at=101)], until=100), "a balance bears the time of its reading"

"""How old a trade is, and the warnings that follow: one for each duration, and none of what is over."""

from decimal import Decimal as D
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.ageing import age, warnings
from core.lots import Lot
from core.trading import Book, Considered
from tests.core.trades import AT, PAIR, buy, sold, terms

HOUR = 3_600_000


def lots(*quantities: str, **changes: Any) -> list[Lot]:
    """One trade of which these quantities were sold, an hour after it was bought."""
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy(**changes))
    for sell in book.take(Considered(terms())).placements:
        for number, quantity in enumerate(quantities):
            book.take(sold(sell, quantity, f"s{number}", traded_at=AT + HOUR))
    return list(book.lots.values())


def test_an_open_trade_ages_until_now_and_one_that_is_over_until_its_last_sale() -> None:
    (resting,), (over,) = lots("0.5"), lots("1.49")
    assert (age(resting, AT + 2 * HOUR), age(over, AT + 2 * HOUR)) == (7200, 3600)
    assert age(resting, AT - 1) == 0, "two clocks that differ make nothing younger than new"


def test_a_trade_that_ended_without_a_sale_is_of_no_age() -> None:
    (dust,) = lots(quantity=D("0.01"), fee=D(0))
    assert (dust.state, age(dust, AT + HOUR)) == ("dust", None)


def test_there_is_one_warning_for_each_duration_that_has_passed() -> None:
    (lot,) = found = lots()
    assert warnings(found, AT + HOUR, (3600, 86_400)) == {}
    said = warnings(found, AT + HOUR + 1, (3600, 86_400))
    assert said == {
        f"trade_old:{lot.id}:3600": f"trade {lot.id} is not sold after 1 h: bought 1.5 SOLUSDT at 100"
    }
    later = warnings(found, AT + 25 * HOUR, (3600, 86_400, 0.5, 5400))
    assert [key.rpartition(":")[2] for key in later] == ["3600", "86400", "0.5", "5400"]
    assert [text.partition(" after ")[2].partition(":")[0] for text in later.values()] == [
        "1 h", "1 d", "0.5 s", "90 min",
    ]  # fmt: skip


def test_of_what_is_over_and_where_nobody_asks_there_is_none() -> None:
    assert warnings(lots("1.49"), AT + 99 * HOUR, (3600,)) == {}
    assert warnings(lots(), AT + 99 * HOUR, ()) == {}


@given(st.integers(0, 100 * HOUR), st.integers(0, 100 * HOUR))
def test_a_warning_lasts_as_it_is_until_the_trade_is_over(first: int, more: int) -> None:
    found = lots()
    early, late = (warnings(found, AT + at, (60, 3600, 86_400)) for at in (first, first + more))
    assert early.items() <= late.items()

"""What trades earned: exact, net of every fee, and never 0 where it is not known."""

from decimal import Decimal as D
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.earnings import By, curve, day, held, realised, summary, unrealised
from core.facts import Fill
from core.lots import Lot
from core.profit import Holding, Rate
from core.trading import Book, Considered
from tests.core.trades import AT, PAIR, buy, instrument, order, sold, terms

DAY = 86_400_000
FREE = Rate(D(0), D(0))


def traded(*quantities: str, fill: Fill | None = None, account: str = "main", **changes: Any) -> Lot:
    """A trade of which these quantities were sold."""
    book = Book(account, "spot", "SOLUSDT", PAIR)
    book.take(fill or buy())
    (sell,) = book.take(Considered(terms())).placements
    for number, quantity in enumerate(quantities):
        book.take(sold(sell, quantity, f"s{number}", **changes))
    (lot,) = book.lots.values()
    return lot


def profit(lot: Lot) -> D:
    earned = realised(lot)
    assert earned is not None
    return earned.profit


def test_a_finished_trade_earned_what_came_less_fees_less_the_cost_of_what_left() -> None:
    """1.49 of 1.4985 that cost 150, at 100.51 less 0.1 %."""
    earned = realised(traded("1.49"))
    assert earned is not None
    assert (earned.proceeds, earned.fees) == (D("149.7599"), D("0.1497599"))
    assert earned.cost == D("149.14914914914914914914")
    assert earned.profit == D("0.46099095085085085086")


def test_a_sale_in_parts_earns_the_same_as_at_once() -> None:
    assert profit(traded("0.49", "0.60", "0.40")) == profit(traded("1.49"))


def test_of_a_trade_that_is_sold_in_part_only_that_part_counts() -> None:
    """A third of the units bears a third of the cost."""
    lot = traded("0.5", fill=buy(quantity=D("1.5"), fee=D(0)), fee=D(0))
    assert (lot.state, profit(lot)) == ("partly_sold", D("0.5") * D("100.41") - 50)
    assert held(lot, {}) == Holding(D(1), D(100))


def test_nothing_sold_has_earned_nothing_and_that_is_known() -> None:
    assert profit(traded()) == 0


def test_a_fee_that_is_not_known_makes_the_profit_unknown() -> None:
    assert realised(traded("1.49", fee=None)) is None
    assert realised(traded("0.49", fee=D("0.001"), fee_asset="BNB")) is None


def test_a_rebate_is_earned_and_a_fee_in_units_costs_their_cost() -> None:
    plain = profit(traded("1.49", fee=D(0)))
    assert profit(traded("1.49", fee=D("-0.1"))) == plain + D("0.1")
    fee = traded("1.48", fee=D("0.01"), fee_asset="SOL")
    assert fee.consumed == traded("1.49").consumed


def test_what_is_held_is_worth_a_price_less_its_fee() -> None:
    holding = Holding(D(2), D(200))
    assert unrealised(holding, D(110), FREE) == 20
    assert unrealised(holding, D(110), Rate(D(0), D("0.001"))) == D("19.78")
    assert unrealised(holding, D(110), Rate(D("0.001"), D(0))) == D("19.78")
    assert unrealised(holding, D(90), FREE) == -20


def test_without_a_price_what_is_held_is_worth_nobody_knows_what() -> None:
    assert unrealised(Holding(D(2), D(200)), None, FREE) is None


def test_a_purchase_whose_fee_is_not_known_is_held_and_nobody_knows_what_it_cost() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy(fee=D("0.1"), fee_asset="BNB"))
    (lot,) = book.lots.values()
    assert held(lot, {}) is None
    assert held(lot, {"BNB": D(600)}) == Holding(D("1.5"), D(210))


def test_a_finished_trade_holds_nothing_for_its_rest_is_dust() -> None:
    assert held(traded("1.49"), {}) == Holding()


# ------------------------------------------------------------------------- the sums


def test_the_sum_is_by_account_day_and_symbol_in_their_order() -> None:
    lots = [
        traded("1.49", traded_at=AT + DAY),
        traded("1.49"),
        traded("0.49", "1.00"),
        traded("1.49", account="aux"),
    ]
    rows = summary(lots)
    assert [(row["account"], row["day"], row["symbol"], row["trades"]) for row in rows] == [
        ("aux", day(AT), "SOLUSDT", 1),
        ("main", day(AT), "SOLUSDT", 2),
        ("main", day(AT + DAY), "SOLUSDT", 1),
    ]
    assert rows[1] == {
        "account": "main",
        "day": day(AT),
        "category": "spot",
        "symbol": "SOLUSDT",
        "quote": "USDT",
        "trades": 2,
        "unknown": 0,
        "units": "2.98",
        "proceeds": "299.5198",
        "fees": "0.2995198",
        "cost": "298.29829829829829829828",
        "profit": "0.92198190170170170172",
    }


def test_a_trade_counts_on_the_day_of_its_last_sale() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy())
    (sell,) = book.take(Considered(terms())).placements
    book.take(sold(sell, "0.49", "s1", traded_at=AT))
    assert summary(book.lots.values()) == []
    book.take(sold(sell, "1.00", "s2", traded_at=AT + DAY))
    assert [row["day"] for row in summary(book.lots.values())] == [day(AT + DAY)]


def test_what_was_never_sold_is_no_trade_of_any_day() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy(quantity=D("0.01"), fee=D(0)))
    book.take(Considered(terms(instrument=instrument())))
    assert [lot.state for lot in book.lots.values()] == ["dust"]
    assert summary(book.lots.values()) == []


def test_a_profit_that_is_not_known_is_counted_and_in_no_sum() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy())
    (sell,) = book.take(Considered(terms())).placements
    book.take(order(sell, "open"))
    book.take(sold(sell, "1.49", "s1"))
    book.take(sold(sell, "0.01", "late", fee=None))
    (row,) = summary([*book.lots.values(), traded("1.49", fill=buy("2"))])
    assert (row["trades"], row["unknown"], row["units"]) == (2, 1, "1.49")


@pytest.mark.parametrize(("at", "expected"), [(AT, "2026-09-21"), (0, "1970-01-01"), (DAY - 1, "1970-01-01")])
def test_a_day_is_one_of_utc(at: int, expected: str) -> None:
    assert day(at) == expected


def test_the_sum_by_day_or_by_symbol_alone_says_the_same_in_other_parts() -> None:
    lots = [traded("1.49", traded_at=AT + DAY), traded("1.49"), traded("0.49", "1.00")]
    (one,) = summary(lots, "symbol")
    assert (one["day"], one["symbol"], one["trades"], one["profit"]) == (
        None, "SOLUSDT", 3, "1.38297285255255255258",
    )  # fmt: skip
    days = summary(lots, "day")
    assert [(row["day"], row["category"], row["symbol"], row["trades"]) for row in days] == [
        (day(AT), None, None, 2),
        (day(AT + DAY), None, None, 1),
    ]


# ------------------------------------------------------------------------ the curve


def test_the_curve_rises_with_each_trade_that_is_over_in_the_order_of_their_ends() -> None:
    late, early = traded("1.49", traded_at=AT + DAY), traded("1.49", fill=buy("2"))
    (first, second) = curve([late, traded("0.5", fill=buy("3")), early])
    assert first == {
        "at": AT + 1000,
        "id": early.id,
        "account": "main",
        "symbol": "SOLUSDT",
        "profit": "0.46099095085085085086",
        "total": "0.46099095085085085086",
        "unknown": 0,
        "quote": "USDT",
    }
    assert (second["id"], second["total"]) == (late.id, "0.92198190170170170172")
    assert [point["total"] for point in curve([late, early], since=AT + DAY)] == [second["profit"]]


def test_a_profit_that_is_not_known_leaves_the_curve_as_it_is_and_is_counted() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy("2"))
    (sell,) = book.take(Considered(terms())).placements
    book.take(sold(sell, "1.49", "s1"))
    book.take(sold(sell, "0.01", "late", fee=None, traded_at=AT + DAY))
    first, second = curve([*book.lots.values(), traded("1.49")])
    assert (second["profit"], second["total"], second["unknown"]) == (None, first["total"], 1)


@given(
    st.lists(st.tuples(st.integers(0, 5 * DAY), st.sampled_from(["1.49", "0.5"]), st.none() | st.just(D(0))))
)
def test_the_curve_ends_where_the_sums_by_day_and_by_symbol_do(
    sales: list[tuple[int, str, D | None]],
) -> None:
    lots = [
        traded(quantity, fill=buy(str(number)), traded_at=AT + at, fee=fee)
        for number, (at, quantity, fee) in enumerate(sales)
    ]
    points = curve(lots)
    end: dict[str, Any] = points[-1] if points else {"total": "0", "unknown": 0}
    for by in get_args(By):
        rows = summary(lots, by)
        assert sum((D(row["profit"]) for row in rows), D(0)) == D(end["total"])
        assert sum(row["unknown"] for row in rows) == end["unknown"]
        assert sum(row["trades"] for row in rows) == len(points)

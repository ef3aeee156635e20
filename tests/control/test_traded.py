"""What `trades` says of the trades in the ledger: their age, their worth now, their sums and their curve."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from control.traded import traded
from control.words import Mistake, find, read_arguments
from core import fee_rates
from core.clock import SystemClock
from core.lots import Lot
from core.records import Remember, Traded
from core.trading import Book, Considered
from models.ledger import Ledger
from models.read import Reader, rates_key
from tests.core.trades import AT, PAIR, buy, sold, terms

DAY = 86_400_000
NOW = AT + 2 * DAY
PRICE = {
    "accounts": ["main"],
    "exchange": "binance",
    "category": "spot",
    "symbol": "SOLUSDT",
    "bid": "110",
    "ask": "111",
    "good": True,
}
"""A row of `prices`."""


def trade(number: int, *quantities: str, at: int = AT) -> Lot:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy(str(number)))
    (sell,) = book.take(Considered(terms())).placements
    for n, quantity in enumerate(quantities):
        book.take(sold(sell, quantity, f"s{number}-{n}", traded_at=at))
    (lot,) = book.lots.values()
    return lot


@pytest.fixture
def reader(place: str) -> Iterator[Reader]:
    """Two trades that are over, a day apart, one half sold, and one that is being sold."""
    lots = [trade(1, "1.49"), trade(2, "1.49", at=AT + DAY), trade(3, "0.49"), trade(4)]
    ledger = Ledger.open(place, SystemClock())
    ledger.write(
        [
            Traded(NOW, lot.id, "main", "spot", "SOLUSDT", lot.state, msgspec.json.encode(lot).decode(), seq)
            for seq, lot in enumerate(lots, start=1)
        ]
    )
    known = fee_rates.learned((), NOW, D("0.001"), D("0.002"))
    ledger.write([Remember(NOW, rates_key("main", "spot", "SOLUSDT"), fee_rates.dumped(known))])
    ledger.close()
    opened = Reader(place)
    yield opened
    opened.close()


def ask(reader: Reader, *prices: dict[str, Any], now: int = NOW, **given: Any) -> list[dict[str, Any]]:
    return list(traded(reader, read_arguments(find("trades"), given), prices, now))


def test_an_open_trade_is_as_old_as_its_purchase_and_worth_the_bid_net_of_all_fees(reader: Reader) -> None:
    rows = ask(reader, PRICE, open=True)
    assert [(row["state"], row["age_s"]) for row in rows] == [
        ("partly_sold", 2 * DAY / 1000), ("placing", 2 * DAY / 1000),
    ]  # fmt: skip
    assert [(row["left"], row["left_cost"][:7]) for row in rows] == [("1", "100.100"), ("1.49", "149.149")]
    for row in rows:
        net = D("109.89") * D(row["left"])  # 110, less a maker's 0.1 %
        assert D(row["unrealised"]) == net - D(row["left_cost"])


def test_what_is_over_has_its_own_age_and_nothing_that_is_not_realised(reader: Reader) -> None:
    over = [row for row in ask(reader, PRICE) if row["state"] == "sold"]
    assert [(row["age_s"], row["unrealised"]) for row in over] == [(0.0, None), (DAY / 1000, None)]
    assert all(D(row["profit"]) > 0 for row in over)


@pytest.mark.parametrize(
    ("prices", "now"),
    [
        ((), NOW),
        (({**PRICE, "good": False},), NOW),
        (({**PRICE, "accounts": ["other"]},), NOW),
        ((PRICE,), NOW + fee_rates.TRUSTED_MS + 1),
    ],
)
def test_without_a_good_price_and_a_known_rate_nobody_knows_what_it_is_worth(
    reader: Reader, prices: tuple[dict[str, Any], ...], now: int
) -> None:
    assert [row["unrealised"] for row in ask(reader, *prices, now=now, open=True)] == [None, None]


def test_profit_is_summed_by_day_and_symbol_or_by_either(reader: Reader) -> None:
    both, days = ask(reader, what="profit"), ask(reader, what="profit", by="day")
    assert [(row["day"], row["symbol"]) for row in both] == [
        ("2026-09-21", "SOLUSDT"), ("2026-09-22", "SOLUSDT"),
    ]  # fmt: skip
    assert [(row["day"], row["symbol"], row["profit"]) for row in days] == [
        (row["day"], None, row["profit"]) for row in both
    ]
    assert ask(reader, by="day") == days
    (all_of_it,) = ask(reader, by="symbol")
    assert D(all_of_it["profit"]) == sum(D(row["profit"]) for row in days)
    (later,) = ask(reader, by="symbol", since=AT + DAY)
    assert later["profit"] == days[1]["profit"]


def test_the_curve_ends_with_the_whole_profit_and_begins_where_it_is_told_to(reader: Reader) -> None:
    points = ask(reader, what="curve")
    assert [point["at"] for point in points] == [AT, AT + DAY]
    assert points[-1]["total"] == ask(reader, by="symbol")[0]["profit"]
    (later,) = ask(reader, what="curve", since=AT + DAY)
    assert later["total"] == later["profit"] == points[-1]["profit"]
    assert ask(reader, what="curve", limit=1) == points[-1:]


def test_a_sum_by_anything_else_is_a_mistake(reader: Reader) -> None:
    with pytest.raises(Mistake, match=r"no sum by 'dai'; did you mean 'day'\?; there are: day, symbol"):
        ask(reader, by="dai")

"""The trades of one symbol: whose fact it is, what they pass on to each other, and that twice is once."""

from decimal import Decimal as D
from typing import Any

import pytest

from core.facts import Fill, OrderState
from core.intents import Cancellation
from core.lots import Lot
from core.money import add
from core.profit import Holding, bought
from core.trading import Book, CancelAsked, Considered, Event, Restarted, Retried, Taken, Told
from tests.core.trades import PAIR, buy, instrument, order, sold, terms


def a_book(*events: Event, lots: tuple[Lot, ...] = ()) -> Book:
    book = Book("main", "spot", "SOLUSDT", PAIR, lots)
    for event in events:
        book.take(event)
    return book


def consider(**changes: Any) -> Considered:
    return Considered(terms(**changes), limit=2)


def test_every_partial_fill_is_a_trade_of_its_own() -> None:
    book = a_book(buy("1"), buy("2"), buy("3"))
    taken = book.take(consider())
    assert len(taken.placements) == len(book.lots) == 3
    assert len({one.client_order_id for one in taken.placements}) == 3
    assert {one.closes for one in taken.placements} == set(book.lots)


def test_the_remainder_of_one_trade_is_merged_into_the_next_one() -> None:
    """1.4985 three times: each leaves 0.0085, and the second and third have a step more by it."""
    book = a_book(*(buy(str(n)) for n in range(1, 4)))
    taken = book.take(consider())
    assert [one.quantity for one in taken.placements] == [D("1.49"), D("1.50"), D("1.50")]
    assert book.dust.units == D("1.4985") * 3 - D("4.49")
    assert book.dust.cost == D(450) - add(lot.holding.cost for lot in book.lots.values())


def test_fills_that_are_too_little_gather_until_they_are_enough() -> None:
    """Each is worth 2 USDT and 5 are the least: the third sells all three."""
    small = {"quantity": D("0.02"), "fee": D(0)}
    book = a_book(*(buy(str(n), **small) for n in range(1, 6)))
    taken = book.take(consider())
    assert [one.quantity for one in taken.placements] == [D("0.06")]
    assert [lot.state for lot in book.lots.values()] == ["dust", "dust", "placing", "dust", "dust"]
    assert book.dust == Holding(D("0.04"), D(4))


def test_what_a_held_trade_waits_for_does_not_take_the_dust() -> None:
    book = a_book(buy("1"), consider(), buy("2"), Considered(terms(), hold="halted"))
    assert book.dust.units == D("0.0085")
    assert [lot.why for lot in book.unfinished()] == [None, "halted"]


@pytest.mark.parametrize(
    "other",
    [
        buy(category="linear"),
        buy(symbol="ETHUSDT"),
        buy(kind="liquidation"),
        buy(side="sell"),
        buy(side="sell", client_order_id="vth4d7darubeaolye53zpdz7vw-0"),
    ],
)
def test_what_is_none_of_its_business_changes_nothing(other: Fill) -> None:
    book = a_book()
    assert book.take(other) == Taken()
    assert not book.lots


def test_a_fill_without_a_client_order_id_is_known_by_the_order_id() -> None:
    """Binance's history of trades does not repeat the client order id."""
    book = a_book(buy())
    (sell,) = book.take(consider()).placements
    nameless = sold(sell, "1.49", client_order_id=None)
    assert book.take(nameless) == Taken()
    book.take(order(sell, "open"))
    book.take(nameless)
    assert [lot.state for lot in book.lots.values()] == ["sold"]


def test_what_is_in_doubt_is_a_question_until_it_is_answered() -> None:
    book = a_book(buy())
    (sell,) = book.take(consider()).placements
    assert book.in_doubt() == ()
    book.take(Told(sell.client_order_id, "unclear", "timeout"))
    assert book.in_doubt() == (sell.client_order_id,)
    book.take(order(sell, "canceled", "0.5"))
    assert book.in_doubt() == (sell.client_order_id,)
    book.take(sold(sell, "0.5"))
    assert book.in_doubt() == ()


def test_a_halt_cancels_the_sells_that_live_and_nothing_else() -> None:
    book = a_book(buy("1"), buy("2"), buy("3", order_id="b3"))
    first, second, third = book.take(consider()).placements
    for event in (order(first, "open"), sold(second, second.quantity), order(third, "open")):
        book.take(event)
    assert [one.client_order_id for one in book.resting()] == [first.client_order_id, third.client_order_id]
    assert book.unwanted() == ()
    book.take(CancelAsked(first.client_order_id))
    assert book.unwanted() == (
        Cancellation(
            account="main", category="spot", symbol="SOLUSDT", client_order_id=first.client_order_id
        ),
    )
    book.take(order(first, "canceled"))
    assert book.unwanted() == ()
    assert [one.client_order_id for one in book.resting()] == [third.client_order_id]


def test_after_a_restart_the_stored_trades_and_the_same_facts_place_nothing_again() -> None:
    facts: list[Fill | OrderState] = [buy("1"), buy("2")]
    before = a_book(*facts)
    first, second = before.take(consider()).placements
    facts += [order(first, "open"), sold(first, "0.5")]
    for fact in facts:
        before.take(fact)
    after = a_book(Restarted(), *facts, lots=tuple(before.lots.values()))
    assert after.take(consider()).placements == ()
    assert after.dust == before.dust
    assert after.in_doubt() == (second.client_order_id,)
    after.take(Told(second.client_order_id, "absent", "not found anywhere"))
    (again,) = after.take(consider()).placements
    assert again.client_order_id == second.client_order_id


def test_a_sell_that_filled_while_we_were_away_closes_its_trade() -> None:
    before = a_book(buy())
    (sell,) = before.take(consider()).placements
    before.take(order(sell, "open"))
    facts = (order(sell, "filled", "1.49"), sold(sell, "1.49"))
    after = a_book(Restarted(), *facts, lots=tuple(before.lots.values()))
    assert [lot.state for lot in after.lots.values()] == ["sold"]


def test_a_stuck_trade_goes_on_when_a_person_says_so_and_others_are_not_asked() -> None:
    book = a_book(buy())
    for _ in range(3):
        (sell,) = book.take(consider()).placements
        book.take(Told(sell.client_order_id, "refused", "no funds"))
    (alarm,) = book.take(consider()).alarms
    assert alarm.kind == "trade_stuck"
    assert book.take(Retried("nobody")) == Taken()
    book.take(Retried(alarm.lot))
    assert len(book.take(consider()).placements) == 1


def test_a_name_that_belongs_to_no_trade_is_told_to_nobody() -> None:
    book = a_book(buy())
    for name in ("x", "vth4d7darubeaolye53zpdz7v7-0"):
        assert book.take(Told(name, "unclear", "?")) == Taken()
        assert book.take(CancelAsked(name)) == Taken()


def test_a_thousand_partial_fills_are_sold_or_carried_to_the_last_digit() -> None:
    """Dropped, doubled and late facts change the order of things and not the sum."""
    book, sells = a_book(), []
    one = consider(instrument=instrument(min_notional=D(20)))
    fills = [
        buy(str(n), quantity=D("0.11") + D(n % 7) / 100, fee=D("0.000017") * n, fee_asset="SOL")
        for n in range(1000)
    ]
    for n, fill in enumerate(fills):
        book.take(fill)
        book.take(fills[n // 2])
        sells += book.take(one).placements
        for sell in sells[-2:-1]:
            book.take(sold(sell, sell.quantity, "s" + sell.client_order_id))
    net = [bought(fill, PAIR, {}) for fill in fills]
    gone = add(sell.quantity for sell in sells[:-1])
    placed = sells[-1].quantity
    assert gone + placed + book.dust.units == add(own.units for own in net)
    cost = add(lot.consumed.cost for lot in book.lots.values()) + add(
        lot.left.cost for lot in book.unfinished()
    )
    assert cost + book.dust.cost == add(own.cost for own in net)
    assert len({sell.client_order_id for sell in sells}) == len(sells)

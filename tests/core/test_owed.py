"""Balances that an order's event moved are owed until the stream says how they stand."""

from decimal import Decimal
from typing import Any

import pytest

from core.facts import Balance, Fill, OrderState
from core.owed import Owed


def order(
    status: Any = "open", side: Any = "buy", symbol: str = "BTCUSDT", category: str = "spot"
) -> OrderState:
    return OrderState(category, symbol, "1", status, side=side)


def fill(side: Any = "buy", symbol: str = "BTCUSDT", category: str = "spot") -> Fill:
    return Fill(category, symbol, "1", "7", side, Decimal(1), Decimal(1), 0)


def owing(*facts: Any) -> Owed:
    one = Owed()
    assert one.heard(facts, 10.0)
    return one


@pytest.mark.parametrize(
    "status", ["open", "untriggered", "partially_filled", "filled", "canceled", "expired"]
)
def test_an_order_that_locks_or_frees_leaves_balances_owed(status: Any) -> None:
    assert owing(order(status)).look() == 10.0


@pytest.mark.parametrize(
    "fact",
    [order("rejected"), order("pending"), order(category="linear"), Balance("USDT", Decimal(1), Decimal(0))],
)
def test_what_moves_no_balance_leaves_nothing_owed(fact: Any) -> None:
    one = Owed()
    assert not one.heard([fact], 10.0)
    assert one.look() is None


@pytest.mark.parametrize(
    ("side", "pays", "does_not"),
    [("buy", "USDT", "BTC"), ("sell", "BTC", "USDT"), (None, "BTC", "ETH"), (None, "USDT", "ETH")],
)
def test_a_word_on_the_asset_that_the_order_moved_pays_and_one_on_another_does_not(
    side: Any, pays: str, does_not: str
) -> None:
    one = owing(order("canceled", side))
    one.heard([Balance(does_not)], 10.1)
    assert one.look() == 10.0
    one.heard([Balance(pays)], 10.2)
    assert one.look() is None


@pytest.mark.parametrize(("category", "coin"), [("linear", "USDT"), ("inverse", "BTC")])
def test_a_fill_of_a_contract_is_paid_by_a_word_on_what_it_settles_in(category: str, coin: str) -> None:
    one = owing(fill("sell", category=category))
    one.heard([Balance(coin)], 10.1)
    assert one.look() is None


def test_what_a_frame_says_of_the_balance_beside_the_order_counts() -> None:
    one = Owed()
    assert not one.heard([order(), fill(), Balance("BTC"), Balance("USDT")], 10.0)
    assert one.look() is None


def test_the_oldest_debt_is_shown_and_one_that_grows_stays_as_old_as_it_is() -> None:
    one = owing(order("open", "buy"))
    one.heard([order("open", "sell")], 10.5)
    one.heard([order("canceled", "buy")], 10.9)
    assert one.look() == 10.0
    one.heard([Balance("USDT")], 11.0)
    assert one.look() == 10.5


def test_who_has_asked_for_all_balances_knows_what_was_owed_before_and_not_what_came_since() -> None:
    one = owing(order("canceled", "buy"))
    one.heard([order("canceled", "sell")], 10.5)
    one.settle(10.2)
    assert one.look() == 10.5
    one.settle(10.5)
    assert one.look() is None


def test_somebody_is_told_once_until_he_has_looked_and_found_nothing_owed() -> None:
    one = owing(order())
    assert not one.heard([order(side="sell")], 10.1), "he knows"
    assert one.look() == 10.0
    assert not one.heard([order("canceled")], 10.2), "he will look again"
    one.heard([Balance("BTC"), Balance("USDT")], 10.3)
    assert not one.heard([order()], 10.4), "he has not looked yet"
    one.heard([Balance("USDT")], 10.5)
    assert one.look() is None
    assert one.heard([order()], 10.6)

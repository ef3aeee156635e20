"""The board of prices: what is acted on, whose it is, what is asked for, and what is told of it."""

from decimal import Decimal as D
from typing import Any

import pytest

from actors.quotes import NO_SOURCE, REFUSED_FOR, REST, Place
from core.prices import Price
from tests.actors.quoting import Board
from tests.support.clock import ManualClock

BTC, ETH = Place("words", "spot", "BTCUSDT"), Place("words", "spot", "ETHUSDT")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def board(clock: ManualClock) -> Board:
    return Board(clock, "BTCUSDT")


def test_before_the_first_price_there_is_none_and_it_is_asked_for(board: Board) -> None:
    assert board.why() == "no price has come yet"
    assert board.due("words") == [BTC]
    (row,) = board.rows()
    assert (row["bid"], row["age_s"], row["source"], row["good"]) == (None, None, None, False)


def test_a_price_is_good_until_it_is_too_old(board: Board, clock: ManualClock) -> None:
    assert board.told(99, 101) is None
    assert isinstance(board.price(), Price)
    clock.advance(10.1)
    assert board.why() == "the last good price is 10.1 s old, and 10 s is the most"


def test_prices_grow_old_while_the_machine_sleeps(board: Board, clock: ManualClock) -> None:
    board.told(99, 101)
    clock.suspend(60)
    assert "60.0 s old" in board.why()


@pytest.mark.parametrize(
    ("bid", "ask", "ago", "reason"),
    [(None, 101, 0, "empty"), (0, 101, 0, "empty"), (101, 99, 0, "crossed"), (99, 101, 11, "stale"), (199, 201, 0, "jump")],
)  # fmt: skip
def test_what_is_not_believed_is_counted_and_shown_and_told_once_a_minute(
    board: Board, clock: ManualClock, logged: list[Any], bid: Any, ask: Any, ago: float, reason: str
) -> None:
    board.told(99, 101)
    assert [board.told(bid, ask, ago=ago) for _ in range(3)] == [reason] * 3
    assert board.rows()[0]["refused"] == {reason: 3}
    assert board.refused() == {("binance", reason): 3}
    assert [line["reason"] for line in logged if line["event"] == "price_refused"] == [reason]
    clock.advance(61)
    board.told(bid, ask, ago=ago)
    assert len([line for line in logged if line["event"] == "price_refused"]) == 2


def test_a_jump_leaves_no_price_until_rest_says_the_same(board: Board) -> None:
    board.told(99, 101)
    board.told(199, 201)
    assert board.why() == "a jump is in doubt: stream says 199 to 201; it was 99 to 101"
    assert board.told(199, 201, by=REST) is None
    price = board.price()
    assert isinstance(price, Price)
    assert (price.bid, price.source) == (D(199), "rest")


def test_a_jump_of_the_stream_alone_never_becomes_the_price(board: Board) -> None:
    board.told(99, 101)
    board.told(199, 201)
    board.told(99, 101, by=REST)
    assert "a jump is in doubt" in board.why()
    assert board.told(100, 102) is None
    assert isinstance(board.price(), Price)


def test_an_answer_that_the_stream_overtook_is_nobodys_mistake(board: Board) -> None:
    board.told(100, 102)
    assert board.told(99, 101, ago=1, by=REST) is None
    price = board.price()
    assert isinstance(price, Price)
    assert price.bid == 100
    assert board.refused() == {}


# ------------------------------------------------------------------------ whose


def test_an_account_without_a_source_has_no_price_and_never_anothers(board: Board) -> None:
    board.told(99, 101)
    assert board.why("other") == NO_SOURCE
    board.serve("main", None)
    assert board.why() == NO_SOURCE
    assert board.rows() == []


def test_an_account_that_moves_goes_by_the_prices_of_its_new_place(board: Board) -> None:
    board.told(99, 101)
    board.offer("elsewhere", "binance")
    board.serve("main", "elsewhere")
    assert board.why() == "no price has come yet"
    board.serve("main", "words")
    assert isinstance(board.price(), Price)


def test_accounts_at_one_place_share_its_prices_and_each_brings_its_needs(
    board: Board, clock: ManualClock
) -> None:
    board.needs["other"] = [("spot", "ETHUSDT"), ("spot", "BTCUSDT")]
    board.serve("other", "words")
    board.told(99, 101)
    assert board.needed("words") == (BTC, ETH)
    assert isinstance(board.price("other"), Price)
    assert {row["symbol"]: row["accounts"] for row in board.rows()} == {
        "BTCUSDT": ["main", "other"],
        "ETHUSDT": ["main", "other"],
    }
    clock.advance(2)
    assert board.ages() == {"main": 2, "other": 2}
    assert board.lacking() == {"main": 0, "other": 1}


# ---------------------------------------------------------------- what is asked for


def test_what_is_doubted_is_asked_for_before_what_is_lacking_and_that_before_the_silent(
    board: Board, clock: ManualClock
) -> None:
    board.needs["main"] = [("spot", name) for name in ("A", "B", "C", "D")]
    for symbol in ("A", "B", "C"):
        board.told(99, 101, symbol)
    clock.advance(3.5)
    board.told(99, 101, "B")
    board.told(199, 201, "B")
    board.told(99, 101, "C")
    assert [place.symbol for place in board.due("words")] == ["B", "D", "A"]


def test_what_was_just_asked_for_waits_its_time(board: Board, clock: ManualClock) -> None:
    board.asked(BTC)
    assert board.due("words") == []
    clock.advance(2)
    assert board.due("words") == [BTC]


def test_what_the_exchange_does_not_tell_is_asked_for_once_a_minute_and_shown(
    board: Board, clock: ManualClock
) -> None:
    board.refuses(BTC, "no such symbol")
    assert board.why() == "no price has come yet; the exchange says: no such symbol"
    clock.advance(REFUSED_FOR - 1)
    assert board.due("words") == []
    clock.advance(1)
    assert board.due("words") == [BTC]
    board.told(99, 101)
    assert isinstance(board.price(), Price)


# ------------------------------------------------------------------- what is told


def test_a_lasting_lack_is_told_once_and_its_end_too(board: Board, clock: ManualClock) -> None:
    assert board.turned("words") == []
    clock.advance(10.5)
    assert board.turned("words") == [(BTC, "no price has come yet")]
    assert board.turned("words") == []
    board.told(99, 101)
    assert board.turned("words") == [(BTC, None)]
    assert board.turned("words") == []


def test_a_lack_is_over_when_nobody_needs_the_price_any_more(board: Board, clock: ManualClock) -> None:
    board.turned("words")
    clock.advance(11)
    assert [place for place, _ in board.turned("words")] == [BTC]
    board.needs["main"] = []
    assert board.turned("words") == [(BTC, None)]


def test_a_symbol_that_the_exchange_does_not_have_is_no_incident(board: Board, clock: ManualClock) -> None:
    board.refuses(BTC, "no such symbol")
    board.turned("words")
    clock.advance(60)
    assert board.turned("words") == []


def test_counts_never_fall_whoever_needs_the_price(board: Board) -> None:
    board.told(101, 99)
    board.needs["main"] = []
    assert board.rows() == []
    assert board.refused() == {("binance", "crossed"): 1}

"""The trader: what it acts on, in which order, when it stops, and what outlives it."""

from collections.abc import Callable, Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.orders import AGAIN
from actors.trader import CLOCK_EVERY, LOOK, RECONSIDER
from core.errors import Rejected
from core.offset import Sample
from exchanges.trading import Refused
from models import database
from models.read import rates_key
from tests.actors.trading import House, trading_house
from tests.support.ledger import locked, order
from tests.support.waiting import eventually

A_WHILE = 5.0


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """With a ledger that is written; a database that is locked is waited for a twentieth of a second."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with trading_house(tmp_path) as made:
        yield made


def resting(house: House) -> str:
    """A trade whose SELL rests, beside a person's order and one that nobody here placed; the SELL."""
    house.start()
    trade = house.bought()
    house.passes()
    assert house.buys()["state"] == "accepted"
    house.tells(order("open", "77", side="buy"))
    assert house.trades() == [(trade, "resting")]
    return f"{trade}-0"


def failures(house: House, trade: str) -> int:
    row = house.reader.trade(trade)
    assert row is not None
    return int(msgspec.json.decode(row["detail"])["failures"])


# --------------------------------------------------------------------- what counts


def test_a_committed_buy_fill_gets_one_sell_whose_intent_is_committed_before_it_leaves(house: House) -> None:
    house.start()
    trade = house.bought()
    house.passes(10)
    assert house.venue.placed == [f"{trade}-0"]
    assert house.venue.at_sending == [[("intended", [trade])]]
    assert house.intents() == [(f"{trade}-0", "accepted")]
    assert house.trades() == [(trade, "resting")]


def test_a_fill_that_is_told_again_and_a_new_generation_place_nothing_more(house: House) -> None:
    house.start()
    one = house.filled()
    house.tells(one)
    house.tells(one, source="poll")
    house.restart()
    house.tells(one, source="audit")
    house.passes(10)
    assert len(house.venue.placed) == 1
    assert [state for _, state in house.trades()] == ["resting"]


def test_each_fill_gets_a_sell_of_its_own(house: House) -> None:
    house.start()
    trades = [house.bought(str(n)) for n in range(3)]
    house.passes()
    assert house.venue.placed == [f"{trade}-0" for trade in trades]


def test_what_was_bought_before_the_first_start_is_never_sold_and_that_start_is_remembered_once(
    house: House,
) -> None:
    before = house.filled("before")
    house.tells(before)
    house.clock.advance(1)
    house.start()
    since = house.remembered("since")
    assert since is not None
    house.tells(before, source="audit")
    house.restart()
    house.tells(before, source="poll")
    house.passes(10)
    assert (house.venue.placed, house.trades()) == ([], [])
    assert house.remembered("since") == since
    trade = house.bought("after")
    house.passes()
    assert house.venue.placed == [f"{trade}-0"]


def test_what_was_traded_before_the_first_start_and_told_only_after_it_is_not_sold(house: House) -> None:
    house.start()
    house.bought("late", ago=10, source="audit")
    house.passes(10)
    assert (house.venue.placed, house.trades()) == ([], [])


def test_what_is_bought_while_no_trader_runs_is_sold_by_the_next(house: House) -> None:
    house.start()
    house.stop()
    trade = house.bought()
    house.start()
    house.passes()
    assert house.venue.placed == [f"{trade}-0"]


def test_only_the_symbols_that_are_named_are_traded(house: House) -> None:
    house.start(symbols=("ETHUSDT",))
    house.bought()
    house.passes(10)
    assert (house.venue.placed, house.trades()) == ([], [])


def test_while_the_account_is_not_live_a_trade_waits_and_says_so(house: House) -> None:
    house.start()
    house.state = "stale"
    trade = house.bought()
    house.passes()
    assert (house.venue.placed, house.why(trade)) == ([], "the account is stale")
    house.state = "live"
    house.passes(RECONSIDER)
    assert house.venue.placed == [f"{trade}-0"]


def test_the_board_is_told_of_what_is_traded_and_fee_rates_are_kept(house: House) -> None:
    house.start()
    house.bought()
    house.passes()
    assert house.needs[-1] == frozenset({("spot", "BTCUSDT")})
    (rates,) = house.reader.rates().items()
    assert rates[0] == rates_key("main", "spot", "BTCUSDT")


# ---------------------------------------------------------------------- the ledger


def test_while_the_ledger_takes_nothing_nothing_leaves(house: House) -> None:
    bid = house.prices.pop("BTCUSDT")
    house.start()
    trade = house.bought()
    house.passes(A_WHILE)
    house.prices["BTCUSDT"] = bid
    house.board.told(bid, bid + 10)
    with locked(house.place):
        house.clock.advance(LOOK)
        eventually(lambda: house.inlet.is_busy, what="a decision that waits to be committed")
        assert house.retries(trade)["state"] == "placing"
        assert house.venue.placed == []

    def placed() -> list[str]:
        house.clock.advance(LOOK)
        return house.venue.placed

    eventually(placed, what="an order")
    house.settle()
    assert house.venue.at_sending == [[("intended", [trade])]]


def test_a_ledger_that_cannot_be_read_is_waited_for_and_read_on_later(
    house: House, logged: list[Any]
) -> None:
    house.start()
    house.reading.unreadable = house.reading.ALL
    trade = house.bought()
    house.passes(A_WHILE)
    assert house.venue.placed == []
    waits = [line for line in logged if line["event"] == "trader_waits_for_the_ledger"]
    assert {(line["account"], line["error"]) for line in waits} == {("main", "the disk is gone")}
    house.reading.unreadable = None
    house.passes(10)
    assert house.venue.placed == [f"{trade}-0"]


@pytest.mark.parametrize("what", ["", "system_state", "MAX(seq)", "FROM trades", "FROM intents"])
def test_a_first_start_that_cannot_read_begins_when_it_can(house: House, what: str) -> None:
    house.reading.unreadable = what
    house.start()
    house.passes(A_WHILE)
    house.reading.unreadable = None
    house.passes(A_WHILE)
    assert house.remembered("since") is not None
    trade = house.bought()
    house.passes()
    assert house.venue.placed == [f"{trade}-0"]


def test_an_unclear_order_is_asked_for_once_the_ledger_can_be_read_again(house: House) -> None:
    house.start()
    house.venue.failing["place"] = 500
    trade = house.bought()
    house.reading.unreadable = "MAX(seq)"  # what the answer is compared with
    house.passes(10)
    assert (house.venue.asked("find"), house.trades()) == ([], [(trade, "unclear")])
    house.reading.unreadable = None
    house.venue.failing.clear()
    house.passes(4 * AGAIN)
    assert house.venue.asked("find") == [f"{trade}-0"]
    assert house.trades() == [(trade, "resting")], "it was proven absent, and placed under the same id"


def test_a_person_hears_that_the_ledger_cannot_be_read_and_the_trader_goes_on(house: House) -> None:
    sell = resting(house)
    house.switches(is_halted=True)
    house.reading.unreadable = house.reading.ALL
    said = house.switches(is_halted=False)
    assert (said["halted"], said["error"]) == (True, "the ledger cannot be read: the disk is gone")
    said = house.cancels(sell)
    assert (said["state"], said["why"]) == ("unknown", "the ledger cannot be read: the disk is gone")
    house.reading.unreadable = None
    assert house.switches(is_halted=False)["halted"] is False


# ------------------------------------------------------------------------- halting


def clock_is_off(house: House) -> None:
    house.venue.ahead = 1.5
    house.passes(CLOCK_EVERY + 1)


def ledger_differs(house: House) -> None:
    house.incident("discrepancy")
    house.passes()


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (clock_is_off, "the exchange's clock is off by 1.500 s, and 1 s is the limit"),
        (ledger_differs, "1 differences stand between ledger and exchange, and 0 is the limit"),
    ],
)
def test_a_halt_cancels_the_traders_sells_and_nothing_else_and_outlives_the_generation(
    house: House, logged: list[Any], happens: Callable[[House], None], why: str
) -> None:
    sell = resting(house)
    before = len(house.venue.placed)
    happens(house)
    assert house.venue.cancelled == [sell]
    (told,) = house.open_incidents("trading_halted")
    assert (told["severity"], told["account"], told["text"]) == (
        "critical", "main", f"trading is halted: {why}",
    )  # fmt: skip
    assert [line["why"] for line in logged if line["event"] == "trading_switched"] == [why]
    trade = house.bought("while halted")
    house.passes(RECONSIDER)
    house.restart()
    house.passes(RECONSIDER)
    assert house.remembered("halted") == why
    assert house.why(trade) == f"trading is halted: {why}"
    assert house.buys(price="49000")["why"] == f"trading is halted: {why}"
    assert len(house.venue.placed) == before
    assert house.venue.cancelled == [sell]
    assert len(house.open_incidents("trading_halted")) == 1


def test_a_clock_that_is_off_by_the_limit_halts_nothing(house: House) -> None:
    resting(house)
    house.venue.ahead = 1.0
    house.passes(CLOCK_EVERY + 1)
    assert (house.venue.cancelled, house.open_incidents("trading_halted")) == ([], [])


def test_a_discrepancy_of_another_account_halts_nobody_here(house: House) -> None:
    resting(house)
    house.incident("discrepancy", account="other")
    house.incident("stale")
    house.passes()
    assert house.venue.cancelled == []


def test_it_is_not_released_while_a_discrepancy_stands_and_is_afterwards(house: House) -> None:
    sell = resting(house)
    ledger_differs(house)
    said = house.switches(is_halted=False)
    assert (said["halted"], said["error"]) == (
        True, "1 differences stand between ledger and exchange, and 0 is the limit",
    )  # fmt: skip
    house.passes()
    assert len(house.open_incidents("trading_halted")) == 1
    house.incident("discrepancy", resolved=True)
    house.passes(RECONSIDER)
    assert house.venue.placed[-1] != f"{sell[:-1]}1", "that the reason is over releases nobody"
    said = house.switches(is_halted=False)
    assert (said["halted"], said["why"], said["error"], said["cancelling"]) == (False, None, None, 0)
    house.passes(RECONSIDER)
    assert house.venue.placed[-1] == f"{sell[:-1]}1"
    assert failures(house, sell[:-2]) == 0
    assert (house.remembered("halted"), house.open_incidents("trading_halted")) == (None, [])


def test_a_release_after_a_step_of_the_clock_lasts_for_its_time_was_learnt(house: House) -> None:
    sell = resting(house)
    clock_is_off(house)
    assert house.switches(is_halted=False)["halted"] is False
    house.passes(CLOCK_EVERY + 1)
    assert house.open_incidents("trading_halted") == []
    assert house.venue.placed[-1] == f"{sell[:-1]}1"


def test_it_is_not_released_while_the_loss_of_the_day_stands(house: House) -> None:
    house.start(max_daily_loss=D(1))
    house.bought()
    house.passes()
    (told,) = house.open_incidents("trading_halted")
    assert told["text"].startswith("trading is halted: today lost 1")
    said = house.switches(is_halted=False)
    assert said["halted"] is True
    assert said["error"].startswith("today lost 1")
    house.prices["BTCUSDT"] = D(61_000)
    house.passes()
    assert house.switches(is_halted=False)["halted"] is False
    house.passes(RECONSIDER)
    assert house.open_incidents("trading_halted") == []


def test_a_person_halts_it_and_hears_what_is_being_cancelled(house: House) -> None:
    sell = resting(house)
    said = house.switches(is_halted=True, why="a test")
    assert (said["halted"], said["why"], said["cancelling"], said["error"]) == (True, "a test", 1, None)
    house.settle()
    assert house.venue.cancelled == [sell]


# --------------------------------------------------------------- what is not known


def test_while_what_today_brought_is_not_known_nothing_is_bought_and_all_is_sold(house: House) -> None:
    house.start()
    unpriced = house.bought(symbol="ETHUSDT")
    house.passes()
    refused = house.buys()
    assert (refused["state"], refused["why"]) == (
        "refused", "nothing is bought as long as what today brought is not known",
    )  # fmt: skip
    priced = house.bought()
    house.passes()
    assert house.venue.placed == [f"{priced}-0"]
    assert (house.venue.cancelled, house.open_incidents("trading_halted")) == ([], [])
    house.prices["ETHUSDT"] = D(60_000)
    house.passes(RECONSIDER)
    assert f"{unpriced}-0" in house.venue.placed
    assert house.buys()["state"] == "accepted"


def test_while_the_error_of_the_clock_is_not_known_nothing_is_bought_and_all_is_sold(house: House) -> None:
    now = house.clock.boottime()
    known_to_others = house.origins.rest(house.venue.peer.url, 100_000)
    known_to_others.learn([Sample(now, now, house.clock.wall_ms())])
    house.venue.failing["time"] = 500
    house.start()
    house.passes(10)  # what failed closes the desk for a moment
    trade = house.bought()
    house.passes()
    refused = house.buys()
    assert (refused["state"], refused["why"]) == (
        "refused", "nothing is bought as long as how far the exchange's clock is off is not known",
    )  # fmt: skip
    assert house.venue.placed == [f"{trade}-0"]
    assert (house.venue.cancelled, house.open_incidents("trading_halted")) == ([], [])
    house.venue.failing.clear()
    house.passes(CLOCK_EVERY)
    assert house.buys()["state"] == "accepted"


# ------------------------------------------------------------------------ its ends


def test_an_orderly_stop_leaves_what_rests(house: House) -> None:
    resting(house)
    before = list(house.venue.placed)
    house.restart(on_stop="keep")
    house.passes(10)
    house.stop()
    assert (house.venue.cancelled, house.venue.placed) == ([], before)


def test_an_orderly_stop_cancels_the_sells_alone_where_that_is_wanted_and_that_is_no_failure(
    house: House,
) -> None:
    house.rules["on_stop"] = "cancel"
    sell = resting(house)
    house.stop()
    assert house.venue.cancelled == [sell]
    house.tells(house.venue.orders[sell])
    house.start()
    house.passes(RECONSIDER)
    assert house.venue.placed[-1] == f"{sell[:-1]}1"
    assert failures(house, sell[:-2]) == 0


def test_a_trade_that_is_open_for_too_long_is_told_once_until_it_is_sold(house: House) -> None:
    house.rules["alert_after"] = (30.0,)
    house.start()
    trade = house.bought()
    house.passes(20)
    assert house.open_incidents("trade_old") == []
    house.passes(20)
    house.restart()
    house.passes()
    (told,) = house.open_incidents("trade_old")
    assert told["count"] == 1
    house.sold(trade)
    house.passes()
    assert house.trades() == [(trade, "sold")]
    assert house.open_incidents("trade_old") == []


# -------------------------------------------------------------------- stuck trades


def test_a_stuck_trade_waits_for_a_person_and_goes_on_by_that_word(house: House) -> None:
    house.start(max_failures=0)
    house.venue.instead = [Refused("funds", Rejected("no money"))]
    trade = house.bought()
    house.passes(10)
    assert (house.trades(), house.venue.placed) == ([(trade, "stuck")], [f"{trade}-0"])
    (told,) = house.open_incidents("trade_stuck")
    assert told["severity"] == "critical"
    assert house.retries(trade) == {"trade": trade, "state": "waiting", "error": None}
    house.passes(RECONSIDER)
    assert house.venue.placed == [f"{trade}-0", f"{trade}-1"]
    assert (house.trades(), house.open_incidents("trade_stuck")) == ([(trade, "resting")], [])


def test_a_trade_that_there_is_not_cannot_be_retried(house: House) -> None:
    house.start()
    said = house.retries("vtnobody")
    assert said == {"trade": "vtnobody", "error": "account main has no trade vtnobody"}


def test_to_retry_a_trade_that_is_not_stuck_changes_nothing(house: House) -> None:
    sell = resting(house)
    before = list(house.venue.placed)
    assert house.retries(sell[:-2])["state"] == "resting"
    house.passes(RECONSIDER)
    assert (house.venue.placed, house.venue.cancelled) == (before, [])

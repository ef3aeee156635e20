"""How statements about fills, balances, positions and cash movements join what is known."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from core.facts import Balance, CashMove, Fill, Position
from core.merge import Merged, merge_balance, merge_cash, merge_fill, merge_position

FILL = Fill("spot", "BTCUSDT", "1", "2", "buy", D(60000), D("0.1"), 100)
CASH = CashMove("t1", "USDT", D(5), "deposit", 100)
BALANCE = Balance("USDT", D(5), D(1), updated_at=100)
POSITION = Position("linear", "BTCUSDT", "buy", D(2), entry_price=D(7), updated_at=100)

changed = msgspec.structs.replace


@pytest.mark.parametrize(
    ("merge", "fact"),
    [(merge_fill, FILL), (merge_cash, CASH), (merge_balance, BALANCE), (merge_position, POSITION)],
)
def test_the_first_statement_is_new_and_the_second_the_same(merge: Any, fact: Any) -> None:
    assert merge(None, fact) == Merged("new", fact, news=True)
    assert merge(fact, changed(fact)) == Merged("same", fact)


def test_what_was_unknown_of_a_fill_may_become_known() -> None:
    fuller = changed(FILL, fee=D("0.1"), fee_asset="BNB", liquidity="maker", client_order_id="c")
    assert merge_fill(FILL, fuller) == Merged("changed", fuller)
    assert merge_fill(fuller, FILL) == Merged("same", fuller)


@pytest.mark.parametrize(
    "change",
    [
        {"price": D(1)},
        {"quantity": D(1)},
        {"side": "sell"},
        {"traded_at": 101},
        {"fee": D(2)},
        {"liquidity": "taker"},
    ],
)
def test_what_is_known_of_a_fill_never_changes(change: Any) -> None:
    row = changed(FILL, fee=D(1), fee_asset="BNB", liquidity="maker")
    merged = merge_fill(row, changed(row, **change))
    assert merged == Merged("contradicted", row, tuple(change))


def test_a_contradicted_fill_is_not_completed_by_the_contradiction_either() -> None:
    assert merge_fill(FILL, changed(FILL, price=D(1), liquidity="maker")).row == FILL


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert merge_fill(FILL, changed(FILL, price=D("60000.000"))).outcome == "same"


def test_an_amended_name_contradicts_no_fill() -> None:
    row = changed(FILL, client_order_id="before")
    assert merge_fill(row, changed(FILL, client_order_id="after")) == Merged("same", row)


def test_the_particular_kind_of_a_fill_wins_over_the_general_one() -> None:
    forced = changed(FILL, kind="liquidation")
    assert merge_fill(FILL, forced).row == forced
    assert merge_fill(forced, FILL).row == forced
    assert merge_fill(forced, changed(FILL, kind="adl")).conflicts == ("kind",)


def test_what_is_known_of_a_cash_move_never_changes() -> None:
    assert merge_cash(CASH, changed(CASH, amount=D(6))) == Merged("contradicted", CASH, ("amount",))


def test_the_newer_balance_counts_and_the_older_is_stale() -> None:
    newer = Balance("USDT", D(4), D(2), updated_at=200)
    assert merge_balance(BALANCE, newer) == Merged("changed", newer, news=True)
    assert merge_balance(newer, BALANCE) == Merged("stale", newer)


def test_a_balance_that_was_confirmed_since_is_not_overwritten_by_what_came_between() -> None:
    between = Balance("USDT", D(9), D(0), updated_at=150)
    assert merge_balance(BALANCE, between, confirmed=200).outcome == "stale"
    assert merge_balance(BALANCE, between, confirmed=140).outcome == "changed"


def test_an_answer_that_the_stream_overtook_is_stale_whatever_its_time() -> None:
    newer = Balance("USDT", D(4), D(2), updated_at=999)
    assert merge_balance(BALANCE, newer, late=True).outcome == "stale"
    assert (
        merge_position(POSITION, changed(POSITION, size=D(0), updated_at=999), late=True).outcome == "stale"
    )


def test_what_an_audit_finds_once_the_stream_has_been_silent_holds_whatever_its_time() -> None:
    """An exchange whose clock was set back says nothing newer for a while."""
    older = changed(POSITION, size=D(1), updated_at=50)
    assert merge_position(POSITION, older, settled=True) == Merged("changed", older, news=True)
    less = changed(BALANCE, free=D(3), updated_at=50)
    assert merge_balance(BALANCE, less, confirmed=200, settled=True) == Merged("changed", less, news=True)
    assert merge_position(POSITION, changed(POSITION, updated_at=50), settled=True).outcome in {
        "same",
        "changed",
    }


def test_an_overtaken_answer_that_agrees_is_the_same() -> None:
    assert merge_balance(BALANCE, changed(BALANCE), late=True).outcome == "same"
    assert merge_position(POSITION, changed(POSITION), late=True).outcome == "same"


def test_a_balance_without_a_time_goes_by_arrival() -> None:
    assert merge_balance(BALANCE, Balance("USDT", D(4), D(2))).outcome == "changed"


@pytest.mark.parametrize(
    ("row", "fact", "outcome"),
    [
        (BALANCE, Balance("USDT", total=D(6), updated_at=200), "same"),
        (BALANCE, Balance("USDT", total=D(7), updated_at=200), "changed"),
        (BALANCE, Balance("USDT", D("5.0"), D(1), total=D(6), updated_at=200), "same"),
        (Balance("USDT", total=D(6)), Balance("USDT", D(5), D(1)), "changed"),
        (Balance("USDT", total=D(6)), Balance("USDT", total=D("6.00")), "same"),
    ],
)
def test_a_total_says_nothing_new_of_parts_that_add_up_to_it(row: Any, fact: Any, outcome: Any) -> None:
    assert merge_balance(row, fact).outcome == outcome


def test_parts_that_a_newer_total_contradicts_are_unknown_and_not_as_before() -> None:
    row = merge_balance(BALANCE, Balance("USDT", total=D(7), updated_at=200)).row
    assert (row.free, row.locked, row.total) == (None, None, D(7))


def test_a_position_keeps_what_a_newer_statement_does_not_mention() -> None:
    row = merge_position(POSITION, Position("linear", "BTCUSDT", "buy", D(3), updated_at=200)).row
    assert row == changed(POSITION, size=D(3), updated_at=200)


def test_a_position_that_is_flat_has_no_entry_price_left() -> None:
    flat = Position("linear", "BTCUSDT", "buy", D(0), updated_at=200)
    assert merge_position(POSITION, flat).row == flat


def test_a_revalued_position_has_changed_but_is_no_news() -> None:
    merged = merge_position(POSITION, changed(POSITION, unrealised_pnl=D(-3)))
    assert (merged.outcome, merged.news) == ("changed", False)
    assert merge_position(POSITION, changed(POSITION, size=D(1))).news


def test_an_older_position_is_stale() -> None:
    assert merge_position(POSITION, changed(POSITION, size=D(1), updated_at=50)) == Merged("stale", POSITION)

"""What is not as documented costs no more than the key it stands in, and is told."""

from decimal import Decimal
from typing import Any

import pytest

from core.facts import Balance, Fill, OrderState, Unrecognised
from exchanges.binance import salvage as part
from tests.exchanges.binance.frames import NOW, position, report, trade, without


def salvage(event: Any) -> Any:
    return part.salvage(event)


def kinds(event: Any) -> list[type]:
    return [type(fact) for fact in salvage(event).facts]


def test_an_unknown_key_is_news_and_the_rest_counts() -> None:
    read = salvage(trade(zz=1, Zz={"deep": []}))
    assert [type(fact) for fact in read.facts] == [Fill, OrderState]
    assert read.news == ("unknown key zz", "unknown key Zz")
    assert read.trouble == ()


def test_every_documented_key_of_a_report_is_known() -> None:
    documented = {
        "W": 1,
        "d": 4,
        "D": 1,
        "j": 1,
        "J": 1,
        "v": 3,
        "A": "3",
        "B": "3",
        "u": 1,
        "U": 37,
        "Cs": "X",
        "pl": "2",
        "pL": "0.1",
        "pY": "0.2",
        "b": "ONE_PARTY_TRADE_REPORT",
        "a": 1234,
        "k": "SOR",
        "uS": True,
        "gP": "PRIMARY_PEG",
        "gOT": "PRICE_LEVEL",
        "gOV": 1,
        "gp": "1.0",
        "eR": "NONE",
    }
    assert salvage(trade(**documented)).news == ()
    assert salvage(trade(**documented)).trouble == ()


def test_an_event_that_nobody_documented_is_kept_as_such() -> None:
    read = salvage({"e": "moonPhase", "E": NOW, "x": 1})
    assert read.facts == (Unrecognised("moonPhase", "unknown event", NOW),)
    assert read.trouble == ()


@pytest.mark.parametrize("event", [{}, {"e": None}, {"e": 7}, {"e": ["executionReport"]}, {"E": "soon"}])
def test_an_object_without_a_name_is_an_unknown_event(event: Any) -> None:
    assert kinds(event) == [Unrecognised]


@pytest.mark.parametrize("key", ["F", "g", "M", "V", "Y", "Q", "W", "d", "J", "uS", "gOV", "pl"])
def test_a_key_that_we_do_not_use_may_be_of_any_type(key: Any) -> None:
    read = salvage(trade(**{key: {"any": ["thing"]}}))
    assert [type(fact) for fact in read.facts] == [Fill, OrderState]
    assert read.trouble == ()


def test_a_wrong_type_costs_the_key_and_not_the_fill() -> None:
    read = salvage(trade(O="yesterday", m="maybe"))
    deal, state = read.facts
    assert (deal.trade_id, deal.liquidity, state.created_at) == ("77", None, None)
    assert [note[:2] for note in sorted(read.trouble)] == ["O:", "m:"]


def test_numbers_in_quotes_are_read_as_numbers() -> None:
    deal, state = salvage(trade(i="4293153", t="77", T=str(NOW), I="12")).facts
    assert (deal.order_id, deal.trade_id, deal.traded_at, state.version) == ("4293153", "77", NOW, 12)


@pytest.mark.parametrize("key", ["s", "i", "x", "X"])
def test_without_a_key_that_names_the_order_nothing_is_said_of_it(key: Any) -> None:
    read = salvage(without(trade(), key))
    assert read.facts == ()
    assert read.trouble


@pytest.mark.parametrize("key", ["z", "Z", "q", "p", "P", "T"])
def test_a_missing_amount_or_time_is_unknown_and_told(key: Any) -> None:
    read = salvage(without(report(), key))
    assert [type(fact) for fact in read.facts] == [OrderState]
    assert f"{key} is missing" in read.trouble


def test_an_order_without_its_filled_quantity_does_not_say_zero() -> None:
    (state,) = salvage(without(report(), "z")).facts
    assert (state.filled, state.average_price) == (None, None)


@pytest.mark.parametrize("key", ["l", "L", "S", "T", "t"])
def test_a_trade_that_cannot_be_told_is_no_fill_but_leaves_its_order(key: Any) -> None:
    read = salvage(without(trade(), key))
    assert [type(fact) for fact in read.facts] == [OrderState]
    assert any("trade that cannot be told" in note for note in read.trouble)


def test_a_trade_without_id_and_allocation_is_left_to_the_reconcile() -> None:
    read = salvage(trade(t=-1))
    assert [type(fact) for fact in read.facts] == [OrderState]
    assert read.trouble


def test_a_trade_of_nothing_is_no_fill() -> None:
    assert kinds(trade(l="0.00000000")) == [OrderState]


@pytest.mark.parametrize(
    "value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "abc", ""]
)
def test_what_is_no_amount_never_becomes_one(value: Any) -> None:
    for key in "qpPzZ":
        read = salvage(report(**{key: value}))
        assert [type(fact) for fact in read.facts] == [OrderState]
        assert read.trouble
    for key in "lL":
        assert kinds(trade(**{key: value})) == [OrderState]
    (deal, _) = salvage(trade(n=value)).facts
    assert deal.fee is None


def test_an_unknown_status_is_taken_for_alive_and_told() -> None:
    read = salvage(report(X="ON_HOLIDAY"))
    assert [fact.status for fact in read.facts] == ["open"]
    assert read.facts[0].reason == "on_holiday"
    assert read.trouble == ("unknown status ON_HOLIDAY",)
    assert salvage(report(X="ON_HOLIDAY", z="1.0")).facts[0].status == "partially_filled"


def test_an_unknown_execution_type_moves_no_quantity() -> None:
    read = salvage(trade(x="CALCULATED"))
    assert [type(fact) for fact in read.facts] == [OrderState]
    assert read.trouble == ("unknown execution type CALCULATED",)


def test_an_unknown_side_is_unknown() -> None:
    read = salvage(report(S="SIDEWAYS"))
    assert read.facts[0].side is None
    assert read.trouble


def test_a_version_that_no_database_can_hold_is_left_out() -> None:
    read = salvage(report(I=2**63))
    assert read.facts[0].version is None
    assert read.trouble


def test_a_time_that_is_none_is_unknown() -> None:
    assert salvage(report(T=-5)).facts[0].updated_at is None
    assert salvage(report(T=10**30)).facts[0].updated_at is None


def test_each_balance_is_read_for_itself() -> None:
    event = position(("ETH", "1", "2"))
    event["B"] += [{"a": "BTC", "f": "NaN", "l": "0"}, 7, {"a": "BNB", "f": "3", "l": "4", "x": 1}]
    read = salvage(event)
    assert read.facts == (
        Balance("ETH", Decimal(1), Decimal(2), None, NOW),
        Balance("BNB", Decimal(3), Decimal(4), None, NOW),
    )
    assert len(read.trouble) == 3
    assert read.news == ("unknown key x in B",)


@pytest.mark.parametrize("rows", [None, 5, "ETH", {"a": "ETH"}])
def test_balances_that_are_no_list_are_none(rows: Any) -> None:
    event = position()
    event["B"] = rows
    assert salvage(event).facts == ()
    assert salvage(event).trouble


def test_a_movement_without_a_time_is_no_movement() -> None:
    event = {"e": "balanceUpdate", "E": NOW, "a": "BTC", "d": "1", "T": -1}
    assert salvage(event).facts == ()
    assert salvage(event).trouble == ("T: no time",)


def test_the_notes_of_a_hostile_event_are_bounded() -> None:
    read = salvage(report(**{f"key-{number}" * 50: 1 for number in range(500)}))
    assert len(read.news) == 12
    assert max(map(len, read.news)) < 60

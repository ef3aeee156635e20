"""What a row states, field by field, whether it came by stream or by REST."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.facts import Balance, CashMove, Fill, OrderState, Position
from exchanges.bybit import reading
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow
from exchanges.bybit.words import Notes
from tests.exchanges.bybit.rows import (
    NOW,
    UUID,
    coin,
    execution_row,
    filled_row,
    order_row,
    position_row,
)

ZERO = Decimal(0)


def read(what: Any, shape: Any, row: Any, category: str = "linear") -> Any:
    notes = Notes()
    facts = what(category, msgspec.convert(row, shape), notes)
    return facts, notes


def order(category: str = "linear", **changes: Any) -> OrderState:
    (state,), notes = read(reading.order, OrderRow, order_row(**changes), category)
    assert notes.trouble == notes.unknown == []
    assert isinstance(state, OrderState)
    return state


def fill(category: str = "spot", **changes: Any) -> Fill:
    (deal,), notes = read(reading.execution, ExecutionRow, execution_row(**changes), category)
    assert notes.trouble == notes.unknown == []
    assert isinstance(deal, Fill)
    return deal


def cash(category: str = "linear", **changes: Any) -> CashMove:
    (move,), notes = read(reading.execution, ExecutionRow, execution_row(**changes), category)
    assert notes.trouble == notes.unknown == []
    assert isinstance(move, CashMove)
    return move


def positions(category: str = "linear", **changes: Any) -> dict[str, Position]:
    facts, notes = read(reading.position, PositionRow, position_row(**changes), category)
    assert notes.trouble == notes.unknown == []
    return {fact.side: fact for fact in facts}


def held(row: Any) -> Balance:
    notes = Notes()
    (balance,) = reading.balance(msgspec.convert(row, CoinRow), NOW, notes)
    assert notes.trouble == []
    return balance


# --------------------------------------------------------------------------- orders


def test_an_order_is_told_in_our_words() -> None:
    assert order() == OrderState(
        category="linear",
        symbol="BTCUSDT",
        order_id=UUID,
        status="open",
        client_order_id="mine-1",
        side="buy",
        type="limit",
        time_in_force="gtc",
        price=Decimal("30000.50"),
        quantity=Decimal("0.100"),
        filled=Decimal("0.000"),
        created_at=NOW - 60_000,
        updated_at=NOW - 60_000,
    )


def test_the_category_is_part_of_an_orders_identity() -> None:
    assert {order(category).category for category in ("spot", "linear", "inverse")} == {
        "spot",
        "linear",
        "inverse",
    }


def test_a_market_orders_protective_price_is_not_its_price() -> None:
    assert order(orderType="Market", price="28500").price is None


@pytest.mark.parametrize(
    ("side", "unit", "quantity"),
    [
        ("Buy", "", None),
        ("Buy", "quoteCoin", None),
        ("Sell", "quoteCoin", None),
        ("Buy", "baseCoin", Decimal(10)),
        ("Sell", "", Decimal(10)),
        ("Sell", "baseCoin", Decimal(10)),
    ],
)
def test_a_spot_market_order_counts_what_its_unit_says_and_a_buy_the_quote_coin(
    side: Any, unit: Any, quantity: Any
) -> None:
    assert order("spot", orderType="Market", side=side, marketUnit=unit, qty="10").quantity == quantity


def test_a_spot_market_buy_of_which_just_its_amount_was_filled_counted_the_base_coin() -> None:
    done = filled_row(orderType="Market", qty="0.1000")
    assert order("spot", **done).quantity == Decimal("0.1")


def test_a_derivative_market_order_counts_contracts() -> None:
    assert order(orderType="Market", qty="10").quantity == 10


def test_a_limit_buy_on_spot_counts_the_base_coin() -> None:
    assert order("spot").quantity == Decimal("0.1")


@pytest.mark.parametrize("none", ["", "0", "0.00"])
def test_a_trigger_price_that_is_not_set_is_none(none: Any) -> None:
    assert order(triggerPrice=none).stop_price is None
    assert order(triggerPrice="28000.5").stop_price == Decimal("28000.5")


def test_a_spot_order_that_was_canceled_after_fills_keeps_them() -> None:
    state = order("spot", orderStatus="PartiallyFilledCanceled", cumExecQty="0.04", avgPrice="30000.5")
    assert (state.status, state.filled) == ("canceled", Decimal("0.04"))


@pytest.mark.parametrize("status", ["Cancelled", "Rejected"])
def test_a_final_order_may_have_traded(status: Any) -> None:
    assert order(orderStatus=status, cumExecQty="0.04").filled == Decimal("0.04")


def test_the_second_filled_after_a_lost_cancel_is_the_same_statement() -> None:
    first = filled_row()
    second = filled_row(cancelType="CancelByUser", rejectReason="EC_OrigClOrdIDDoesNotExist")
    assert order(**first) == order(**second)


def test_a_post_only_order_that_would_take_is_known_by_its_reason_under_both_statuses() -> None:
    told = {"rejectReason": "EC_PostOnlyWillTakeLiquidity", "timeInForce": "PostOnly"}
    linear, spot = order(orderStatus="Cancelled", **told), order("spot", orderStatus="Rejected", **told)
    assert {linear.reason, spot.reason} == {"EC_PostOnlyWillTakeLiquidity"}
    assert (linear.status, spot.status, spot.time_in_force) == ("canceled", "rejected", "post_only")


def test_the_average_price_is_unknown_while_nothing_is_filled() -> None:
    assert order(avgPrice="").average_price is None
    assert order(avgPrice="0").average_price is None


def test_an_average_price_that_is_not_said_is_value_by_quantity() -> None:
    done = filled_row(avgPrice="", cumExecValue="9.99952645", cumExecQty="0.000601")
    assert order("spot", **done).average_price == Decimal("9.99952645") / Decimal("0.000601")


def test_the_value_of_an_inverse_order_is_in_its_base_coin_and_tells_no_price() -> None:
    assert (
        order("inverse", **filled_row(avgPrice="", cumExecValue="0.0109", cumExecQty="300")).average_price
        is None
    )


def test_a_quantity_that_is_not_said_is_unknown() -> None:
    state = order(cumExecQty="", qty="")
    assert (state.filled, state.quantity) == (None, None)


def test_an_order_placed_without_a_client_id_has_none() -> None:
    assert order(orderLinkId="").client_order_id is None


@pytest.mark.parametrize("word", ["UNKNOWN", ""])
def test_a_type_that_is_not_known_to_the_exchange_is_none(word: Any) -> None:
    assert order(orderType=word).type is None


def test_a_new_status_states_nothing_and_is_noted() -> None:
    facts, notes = read(reading.order, OrderRow, order_row(orderStatus="OnHoliday"))
    assert facts == ()
    assert notes.unknown == ["unknown order status OnHoliday"]


def test_a_new_side_is_noted_and_the_rest_counts() -> None:
    (state,), notes = read(reading.order, OrderRow, order_row(side="Both"))
    assert (state.side, state.status) == (None, "open")
    assert notes.unknown == ["unknown side Both"]


@pytest.mark.parametrize("key", ["symbol", "orderId"])
def test_an_order_that_cannot_be_told_states_nothing(key: Any) -> None:
    facts, notes = read(reading.order, OrderRow, order_row(**{key: ""}))
    assert facts == ()
    assert notes.trouble


# ---------------------------------------------------------------------------- fills


def test_a_fill_is_told_in_our_words() -> None:
    assert fill() == Fill(
        category="spot",
        symbol="BTCUSDT",
        order_id=UUID,
        trade_id="e0cbe81d-0f18-5866-9415-cf319b5dab3b",
        client_order_id="mine-1",
        side="buy",
        price=Decimal("30000.50"),
        quantity=Decimal("0.100"),
        fee=Decimal("0.0001"),
        fee_asset="BTC",
        liquidity="maker",
        traded_at=NOW,
        kind="trade",
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Trade", "trade"),
        ("AdlTrade", "adl"),
        ("BustTrade", "liquidation"),
        ("BlockTrade", "block"),
        ("MovePosition", "block"),
        ("FutureSpread", "trade"),
        ("Delivery", "delivery"),
        ("Settle", "delivery"),
    ],
)
def test_every_type_that_moves_a_quantity_is_a_fill_of_its_kind(theirs: Any, ours: Any) -> None:
    assert fill("linear", execType=theirs).kind == ours


@pytest.mark.parametrize("theirs", ["CorporateAction", "UNKNOWN", "", "Gift"])
def test_a_type_that_is_on_no_list_is_not_booked(theirs: Any) -> None:
    facts, notes = read(reading.execution, ExecutionRow, execution_row(execType=theirs))
    assert facts == ()
    assert notes.unknown == [f"unknown execution type {theirs}"]


def test_a_rebate_is_a_negative_fee_in_the_coin_that_is_paid_out() -> None:
    deal = fill(execFee="-0.3", feeRate="-0.0001", feeCurrency="")
    assert (deal.fee, deal.fee_asset) == (Decimal("-0.3"), "USDT")


def test_a_fee_in_another_coin_is_kept_as_it_is_said() -> None:
    assert fill(feeCurrency="MNT").fee_asset == "MNT"


def test_a_fee_that_is_not_said_is_unknown_with_its_coin() -> None:
    deal = fill(execFee="")
    assert (deal.fee, deal.fee_asset) == (None, None)


def test_a_fee_of_zero_is_zero() -> None:
    assert fill(execFee="0").fee == ZERO


@pytest.mark.parametrize(("maker", "ours"), [(True, "maker"), (False, "taker"), (None, None)])
def test_liquidity_is_told_where_it_is_said(maker: Any, ours: Any) -> None:
    assert fill(isMaker=maker).liquidity == ours


def test_an_option_may_be_delivered_at_a_price_of_zero() -> None:
    assert fill("option", symbol="ETH-28FEB25-2800-C", execType="Delivery", execPrice="0").price == ZERO


@pytest.mark.parametrize("key", ["symbol", "orderId", "execId", "side", "execPrice", "execQty", "execTime"])
def test_a_fill_that_says_too_little_is_not_booked(key: Any) -> None:
    facts, notes = read(reading.execution, ExecutionRow, execution_row(**{key: ""}))
    assert facts == ()
    assert notes.trouble


def test_an_execution_of_nothing_is_no_fill_and_hides_none() -> None:
    facts, notes = read(reading.execution, ExecutionRow, execution_row(execQty="0"))
    assert facts == ()
    assert (len(notes.unknown), notes.trouble) == (1, [])


# ----------------------------------------------------------------------------- cash


FUNDING: dict[str, Any] = {
    "execType": "Funding",
    "orderId": "16791",
    "orderLinkId": "",
    "orderType": "UNKNOWN",
    "orderQty": "0",
    "execQty": "3.00238",
    "feeCurrency": "",
    "isMaker": False,
}


def test_funding_is_cash_and_never_a_fill() -> None:
    move = cash(**FUNDING, execFee="8.25")
    assert move == CashMove(
        "linear:BTCUSDT:e0cbe81d-0f18-5866-9415-cf319b5dab3b", "USDT", Decimal("-8.25"), "funding", NOW
    )


def test_funding_that_was_received_is_credited() -> None:
    assert cash(**FUNDING, execFee="-8.0758617716").amount == Decimal("8.0758617716")


def test_funding_of_an_inverse_contract_is_in_its_base_coin() -> None:
    assert cash("inverse", **{**FUNDING, "symbol": "BTCUSD"}, execFee="0.00001").asset == "BTC"


def test_a_session_settlement_is_what_was_gained_less_its_fee() -> None:
    move = cash(execType="SessionSettlePnL", execPnl="12.5", execFee="0.5", feeCurrency="USDC")
    assert (move.kind, move.amount, move.asset) == ("settlement", Decimal(12), "USDC")


@pytest.mark.parametrize(
    "changes",
    [
        {"execId": ""},
        {"execTime": ""},
        {"execFee": ""},
        {"symbol": ""},
        {"symbol": "WHATEVER"},
        {"execType": "SessionSettlePnL"},
    ],
)
def test_cash_that_says_too_little_is_not_booked(changes: Any) -> None:
    facts, notes = read(reading.execution, ExecutionRow, execution_row(**{**FUNDING, **changes}))
    assert facts == ()
    assert notes.trouble


# ------------------------------------------------------------------------ positions


def test_a_long_one_way_position_leaves_no_short_one() -> None:
    legs = positions(avgPrice="29999.5")
    assert legs["buy"] == Position(
        category="linear",
        symbol="BTCUSDT",
        side="buy",
        size=Decimal("0.5"),
        entry_price=Decimal("29999.5"),
        leverage=Decimal(10),
        liquidation_price=Decimal("27000.1"),
        unrealised_pnl=Decimal("5.25"),
        updated_at=NOW,
    )
    assert legs["sell"] == Position("linear", "BTCUSDT", "sell", ZERO, updated_at=NOW)


def test_the_entry_price_has_two_names() -> None:
    assert positions(entryPrice="29999.5")["buy"] == positions(avgPrice="29999.5")["buy"]


def test_a_one_way_position_that_turned_round_is_short_and_not_long() -> None:
    legs = positions(side="Sell", size="0.2")
    assert {side: leg.size for side, leg in legs.items()} == {"sell": Decimal("0.2"), "buy": ZERO}


def test_a_flat_one_way_position_is_flat_on_both_sides() -> None:
    assert {side: leg.size for side, leg in positions(side="", size="0").items()} == {
        "buy": ZERO,
        "sell": ZERO,
    }


@pytest.mark.parametrize(("index", "leg"), [(1, "buy"), (2, "sell")])
def test_the_legs_of_a_hedged_position_are_known_by_their_index(index: Any, leg: Any) -> None:
    side = "Buy" if leg == "buy" else "Sell"
    assert {name: at.size for name, at in positions(positionIdx=index, side=side).items()} == {
        leg: Decimal("0.5")
    }
    assert {name: at.size for name, at in positions(positionIdx=index, side="", size="0").items()} == {
        leg: ZERO
    }


@pytest.mark.parametrize("none", ["", "0"])
def test_what_does_not_apply_to_a_position_is_none(none: Any) -> None:
    leg = positions(liqPrice=none, leverage=none, entryPrice=none)["buy"]
    assert (leg.liquidation_price, leg.leverage, leg.entry_price) == (None, None, None)


def test_a_profit_of_zero_is_known() -> None:
    assert positions(unrealisedPnl="0")["buy"].unrealised_pnl == ZERO


@pytest.mark.parametrize("changes", [{"side": ""}, {"side": "Both"}, {"positionIdx": 3}])
def test_a_position_without_a_leg_is_noted_and_not_stated(changes: Any) -> None:
    facts, notes = read(reading.position, PositionRow, position_row(**changes))
    assert facts == ()
    assert notes.unknown


@pytest.mark.parametrize("changes", [{"size": ""}, {"symbol": ""}, {"size": "NaN"}])
def test_a_position_without_symbol_or_size_is_not_stated(changes: Any) -> None:
    facts, notes = read(reading.position, PositionRow, position_row(**changes))
    assert facts == ()
    assert notes.trouble


# ------------------------------------------------------------------------- balances


def test_a_coin_is_what_is_held_less_what_spot_orders_lock() -> None:
    assert held(coin("USDT", "1000.5", "300.25")) == Balance(
        "USDT", Decimal("700.25"), Decimal("300.25"), Decimal("1000.5"), NOW
    )


def test_a_debt_is_a_negative_balance() -> None:
    assert held(coin("BTC", "-0.5")).free == Decimal("-0.5")


def test_a_lock_that_is_not_said_leaves_the_free_part_unknown() -> None:
    assert held(coin("ETH", "2", "")) == Balance("ETH", None, None, Decimal(2), NOW)


@pytest.mark.parametrize("row", [coin("", "1"), coin("BTC", ""), coin("BTC", "NaN")])
def test_a_coin_without_name_or_balance_is_not_stated(row: Any) -> None:
    notes = Notes()
    assert reading.balance(msgspec.convert(row, CoinRow), NOW, notes) == ()
    assert notes.trouble

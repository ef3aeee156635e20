"""What rows state, field by field, by stream and by REST alike."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Balance, CashMove, Fill, OrderState, Position, Unrecognised
from core.orders import merge
from exchanges.cryptocom import rows
from exchanges.cryptocom.shapes import Asset, Holding, Journal, Order, Trade
from tests.exchanges.cryptocom.messages import (
    LARGE,
    MS,
    NOW,
    asset,
    movement,
    order,
    position,
    recorded,
    row,
    trade,
)

D = Decimal


def said(**values: Any) -> OrderState:
    return rows.order(row(Order, order(**values)))


# ------------------------------------------------------------------------ orders


def test_an_order_says_all_that_its_row_says() -> None:
    values = {"cumulative_quantity": "0.04", "avg_price": "49.9", "transaction_time_ns": NOW * MS + 7}
    assert said(**values) == OrderState(
        category="spot",
        symbol="LTC_USDT",
        order_id=LARGE,
        status="partially_filled",
        client_order_id=f"mine-{LARGE}",
        side="buy",
        type="limit",
        time_in_force="gtc",
        price=D(50),
        quantity=D("0.1"),
        filled=D("0.04"),
        average_price=D("49.9"),
        created_at=NOW - 5_000,
        updated_at=NOW - 4_000,
        version=NOW * MS + 7,
    )


def test_ids_beyond_what_a_float_can_hold_come_through_whole_even_as_numbers() -> None:
    assert said(order_id=int(LARGE)).order_id == LARGE
    (fact,) = rows.trade_facts(row(Trade, trade(int(LARGE) + 1, int(LARGE) + 3)))
    assert isinstance(fact, Fill)
    assert (fact.trade_id, fact.order_id) == (str(int(LARGE) + 1), str(int(LARGE) + 3))


def test_numbers_as_strings_and_as_numbers_say_the_same() -> None:
    texts = {
        "create_time": str(NOW - 5_000),
        "update_time": str(NOW - 4_000),
        "transaction_time_ns": str(NOW * MS),
    }
    assert said(**texts) == said(transaction_time_ns=NOW * MS)


def test_what_is_zero_or_missing_is_not_said() -> None:
    bare = {"limit_price": "0", "avg_price": "0.0", "update_time": 0, "client_oid": "", "quantity": "0"}
    state = said(**bare)
    assert (state.price, state.average_price, state.updated_at) == (None, None, None)
    assert (state.client_order_id, state.quantity, state.stop_price) == (None, None, None)
    assert state.filled == 0


def test_older_payloads_are_read_by_their_older_names() -> None:
    values = order()
    for key in ("order_type", "limit_price", "ref_price"):
        del values[key]
    state = rows.order(row(Order, {**values, "type": "STOP_LIMIT", "price": "49", "trigger_price": "48"}))
    assert (state.type, state.price, state.stop_price) == ("stop_limit", D(49), D(48))


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("GOOD_TILL_CANCEL", "gtc"),
        ("IMMEDIATE_OR_CANCEL", "ioc"),
        ("FILL_OR_KILL", "fok"),
        ("AT_DAWN", "at_dawn"),
    ],
)
def test_a_time_in_force_is_one_of_the_usual_words(word: Any, ours: Any) -> None:
    assert said(time_in_force=word).time_in_force == ours


@pytest.mark.parametrize(
    ("values", "doubt"),
    [({"status": "ODD"}, "unknown status ODD"), ({"side": "BOTH"}, "unknown side BOTH")],
)
def test_an_unknown_word_stands_beside_the_state_of_its_order(values: Any, doubt: Any) -> None:
    state, odd = rows.order_facts(row(Order, order(**values)))
    assert isinstance(state, OrderState)
    assert odd == Unrecognised("order", doubt, NOW - 4_000)


def test_a_cancel_may_say_that_more_was_filled_than_ordered_and_the_ledger_takes_it() -> None:
    living = said(exec_inst=["NOTIONAL_ORDER"], quantity="21", limit_price="0")
    ended = said(
        exec_inst=["NOTIONAL_ORDER"],
        quantity="21",
        limit_price="0",
        status="CANCELED",
        cumulative_quantity="22",
    )
    merged = merge(living, ended)
    assert (merged.outcome, merged.row.status, merged.row.filled) == ("changed", "canceled", D(22))


def test_an_amend_keeps_the_order_and_changes_its_name_its_price_and_its_quantity() -> None:
    amended = said(client_oid="renamed", limit_price="51", quantity="0.2", update_time=NOW)
    merged = merge(said(), amended)
    assert merged.outcome == "changed"
    assert (merged.row.client_order_id, merged.row.price, merged.row.quantity) == ("renamed", D(51), D("0.2"))


def test_of_two_events_in_one_millisecond_the_finer_time_decides() -> None:
    first, second = (
        said(limit_price=price, transaction_time_ns=NOW * MS + n) for n, price in ((1, "49"), (2, "51"))
    )
    assert merge(second, first).row.price == 51
    assert merge(first, second).row.price == 51


# -------------------------------------------------------------------------- fills


def test_a_trade_by_stream_and_by_rest_is_one_fill() -> None:
    pushed = trade(match_count=1, transaction_time=NOW * MS)
    shown = trade(
        match_count="1", create_time=str(NOW - 3_000), fee_credits="0", transact_time_ns=str(NOW * MS)
    )
    assert rows.trade_facts(row(Trade, pushed)) == rows.trade_facts(row(Trade, shown))


def test_the_sign_of_a_fee_turns_and_its_asset_is_the_one_that_is_named() -> None:
    paid = rows.fill(row(Trade, trade(fees="-0.00454572", fee_instrument_name="USD")))
    assert (paid.fee, paid.fee_asset) == (D("0.00454572"), "USD")
    assert rows.fill(row(Trade, trade(fees="0.0001"))).fee == D("-0.0001")
    nothing = rows.fill(row(Trade, trade(fees="0", fee_instrument_name="")))
    assert (nothing.fee, nothing.fee_asset) == (D(0), None)
    unknown = trade()
    del unknown["fees"]
    assert rows.fill(row(Trade, unknown)).fee is None


@pytest.mark.parametrize(
    ("word", "ours"), [("MAKER", "maker"), ("TAKER", "taker"), ("", None), ("ODD", None)]
)
def test_taker_side_is_the_role_and_not_a_side(word: Any, ours: Any) -> None:
    fact = rows.fill(row(Trade, trade(taker_side=word, side="SELL")))
    assert (fact.liquidity, fact.side) == (ours, "sell")


@pytest.mark.parametrize("kind", ["FUNDING", "SESSION_SETTLE", "NEW_THING"])
def test_what_is_not_known_to_move_a_quantity_is_no_fill(kind: Any) -> None:
    (fact,) = rows.trade_facts(row(Trade, trade(journal_type=kind)))
    assert fact == Unrecognised("trade", f"unknown journal type {kind}", NOW - 3_000)


@given(amount=st.decimals(allow_nan=False, allow_infinity=False, min_value=D("1e-30"), max_value=D("1e30")))
def test_amounts_come_through_exactly(amount: Decimal) -> None:
    text = f"{amount:f}"
    fact = rows.fill(row(Trade, trade(traded_price=text, traded_quantity=text, fees=f"-{text}")))
    assert (fact.price, fact.quantity, fact.fee) == (amount, amount, amount)
    state = said(quantity=text, cumulative_quantity=text, avg_price=text, limit_price=text)
    assert {state.quantity, state.filled, state.average_price, state.price} == {amount}


def test_the_recorded_and_the_documented_trades_are_read() -> None:
    for name in ("get_trades_response", "get_trades_response_observed"):
        for values in recorded(name)["result"]["data"]:
            fact = rows.fill(row(Trade, values))
            assert (fact.fee or 0) > 0
            assert fact.traded_at == int(values["create_time"])


# ----------------------------------------------------------------------- balances


def held(margined: bool = False, **values: Any) -> Balance:
    said = asset("USD", values.pop("quantity", "9.677146618"), **values)
    return rows.balance(row(Asset, said), margined=margined, at=NOW)


def test_what_is_locked_of_collateral_is_what_cannot_be_withdrawn() -> None:
    """Recorded: 3.0709 USD in open orders, and nothing in reserved_qty."""
    balance = held(max_withdrawal_balance="6.60624661")
    assert balance == Balance("USD", D("6.606246618"), D("3.0709"), D("9.677146618"), NOW)


def test_a_balance_that_is_merely_cut_off_is_not_locked() -> None:
    balance = held(quantity="0.0002119875", max_withdrawal_balance="0.00021198")
    assert (balance.free, balance.locked) == (D("0.0002119875"), D(0))


def test_of_a_token_that_is_no_collateral_the_reserved_quantity_is_locked() -> None:
    balance = held(
        quantity="1000", reserved_qty="520", max_withdrawal_balance="0", collateral_eligible="false"
    )
    assert (balance.free, balance.locked, balance.total) == (D(480), D(520), D(1000))


@pytest.mark.parametrize(
    "values",
    [
        {"margined": True, "max_withdrawal_balance": "6.6"},
        {"max_withdrawal_balance": None},
        {"max_withdrawal_balance": "10"},
        {"quantity": "-5", "max_withdrawal_balance": "0"},
    ],
)
def test_where_the_parts_cannot_be_told_only_the_total_is_said(values: Any) -> None:
    balance = held(**values)
    assert (balance.free, balance.locked) == (None, None)
    assert balance.total == D(values.get("quantity", "9.677146618"))


@given(
    free=st.decimals(min_value=0, max_value=10**9, places=12),
    locked=st.decimals(min_value=0, max_value=10**9, places=8),
)
def test_what_orders_lock_is_found_again_exactly(free: Decimal, locked: Decimal) -> None:
    shown = int(free * 10**8) * D("1e-8")
    balance = held(quantity=f"{free + locked:f}", max_withdrawal_balance=f"{shown:f}")
    assert (balance.free, balance.locked) == (free, locked)


# ---------------------------------------------------------------------- positions


def test_a_position_is_held_on_one_side_and_flat_on_the_other() -> None:
    long, other = rows.positions(row(Holding, position(leverage="5", liquidation_price="33.5")))
    assert long == Position(
        category="perpetual",
        symbol="LTCUSD-PERP",
        side="buy",
        size=D("1.8"),
        entry_price=D("63.75888888888888888888888889"),
        leverage=D(5),
        liquidation_price=D("33.5"),
        unrealised_pnl=D("-0.0216206"),
        updated_at=NOW - 2_000,
    )
    assert other == Position("perpetual", "LTCUSD-PERP", "sell", D(0), updated_at=NOW - 2_000)


def test_a_negative_quantity_is_short_with_a_positive_size_and_price() -> None:
    short, other = rows.positions(row(Holding, position("-0.1984", open_pos_cost="-10159.3522")))
    assert (short.side, short.size, other.side, other.size) == ("sell", D("0.1984"), "buy", D(0))
    assert short.entry_price is not None
    assert 51_206 < short.entry_price < 51_207


def test_an_isolated_position_is_another_position_of_the_same_instrument() -> None:
    cross, isolated = recorded("get_positions_response")["result"]["data"]
    assert rows.positions(row(Holding, cross))[0].side == "sell"
    assert rows.positions(row(Holding, isolated))[0].side == "sell/19848526"


def test_a_closed_position_is_flat_on_both_sides() -> None:
    closed = rows.positions(row(Holding, position("0")))
    assert {(fact.side, fact.size) for fact in closed} == {("buy", D(0)), ("sell", D(0))}


# -------------------------------------------------------------------------- money


def moved(kind: str, **values: Any) -> Any:
    return rows.journal_facts(row(Journal, movement(kind=kind, **values)))


def test_money_of_an_asset_moves_by_its_quantity() -> None:
    assert moved("ONCHAIN_DEPOSIT") == (CashMove("187078", "USDT", D("100.5"), "deposit", NOW - 3_000),)
    assert moved("MARGIN_TRADE_INTEREST", transaction_qty="-0.1")[0].amount == D("-0.1")


def test_money_of_a_contract_moves_by_what_was_realised_in_dollars() -> None:
    values = {"instrument_name": "BTCUSD-PERP", "transaction_qty": "0", "realized_pnl": "-0.0078"}
    (settled,) = moved("SESSION_SETTLE", **values)
    assert (settled.asset, settled.amount, settled.kind) == ("USD", D("-0.0078"), "settlement")
    (funded,) = moved("FUNDING", **{**values, "realized_pnl": "0", "transaction_cost": "-0.5"})
    assert (funded.amount, funded.kind) == (D("-0.5"), "funding")


def test_funding_never_becomes_a_fill_and_a_trade_never_money() -> None:
    assert isinstance(moved("FUNDING")[0], CashMove)
    assert moved("TRADING") == moved("TRADE_FEE") == ()


def test_where_nothing_moved_nothing_is_said() -> None:
    assert moved("SESSION_RESET", transaction_qty="0.000000") == ()
    assert moved("SESSION_RESET", transaction_qty=None) == ()


def test_one_journal_id_in_two_isolated_positions_is_two_movements() -> None:
    ids = {moved("SESSION_SETTLE", isolation_id=name)[0].id for name in (None, "19848526")}
    assert ids == {"187078", "187078:19848526"}


def test_an_unknown_kind_of_money_is_told_and_not_booked() -> None:
    assert moved("AIRDROP") == (Unrecognised("transaction", "unknown journal type AIRDROP", NOW - 3_000),)


def test_the_documented_transactions_are_read() -> None:
    facts = [
        fact
        for values in recorded("get_transactions_response")["result"]["data"]
        for fact in rows.journal_facts(row(Journal, values))
    ]
    assert facts == [CashMove("186959", "USD", D("-0.0078"), "settlement", 1_613_638_800_001)]

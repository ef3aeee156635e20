"""Every word that is documented is known, and no other is guessed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import plain
from exchanges.bybit.words import (
    CASH,
    KINDS,
    STATUSES,
    Notes,
    amount,
    fee_coin,
    lower,
    milliseconds,
    reason,
    settle_coin,
)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("New", "open"),
        ("PartiallyFilled", "partially_filled"),
        ("Untriggered", "untriggered"),
        ("Triggered", "pending"),
        ("Filled", "filled"),
        ("Cancelled", "canceled"),
        ("PartiallyFilledCanceled", "canceled"),
        ("Rejected", "rejected"),
        ("Deactivated", "canceled"),
        ("Created", "pending"),
        ("PendingCancel", "open"),
        ("Active", "open"),
    ],
)
def test_a_status_is_known_by_its_meaning(theirs: Any, ours: Any) -> None:
    assert STATUSES[theirs] == ours


def test_only_types_that_move_a_quantity_are_fills() -> None:
    assert set(KINDS) == {
        "Trade",
        "AdlTrade",
        "BustTrade",
        "BlockTrade",
        "MovePosition",
        "FutureSpread",
        "Delivery",
        "Settle",
    }
    assert CASH == {"Funding": "funding", "SessionSettlePnL": "settlement"}


@pytest.mark.parametrize("text", ["", None])
def test_nothing_said_is_unknown_and_not_zero(text: Any) -> None:
    notes = Notes()
    assert amount(text, "qty", notes) is None
    assert milliseconds(text) is None
    assert notes.trouble == []


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=18))
def test_an_amount_is_kept_exactly(value: Decimal) -> None:
    notes = Notes()
    assert amount(plain(value), "qty", notes) == value
    assert notes.trouble == []


@pytest.mark.parametrize("text", ["0.00", "-0.01489538", "1E-7", "0.00000783", "9" * 30])
def test_any_way_to_write_a_number_is_read(text: Any) -> None:
    assert amount(text, "qty", Notes()) == Decimal(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1E+999999", "ten", "--1", "0." + "1" * 200])
def test_what_is_no_amount_is_noted_by_its_name(text: Any) -> None:
    notes = Notes()
    assert amount(text, "qty", notes) is None
    assert notes.trouble[0].startswith("qty: ")
    assert len(notes.trouble[0]) < 80


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1672364262457", 1672364262457),
        (1672364262457, 1672364262457),
        ("0", None),
        ("-1", None),
        (-1, None),
        ("soon", None),
        ("9" * 30, None),
        (10**15, None),
        ("١٢٣", None),
    ],
)
def test_a_time_is_in_milliseconds_or_unknown(text: Any, at: Any) -> None:
    assert milliseconds(text) == at


@pytest.mark.parametrize(("word", "ours"), [("Limit", "limit"), ("UNKNOWN", None), ("", None), (None, None)])
def test_a_word_that_says_nothing_is_none(word: Any, ours: Any) -> None:
    assert lower(word) == ours


# ----------------------------------------------------------------- why orders end


def test_a_reason_names_who_ended_the_order_and_why() -> None:
    assert reason("canceled", "CancelByUser", "EC_PerCancelRequest") == "CancelByUser EC_PerCancelRequest"
    assert reason("rejected", "UNKNOWN", "EC_PostOnlyWillTakeLiquidity") == "EC_PostOnlyWillTakeLiquidity"


def test_an_order_that_ended_without_a_word_has_no_reason() -> None:
    assert reason("canceled", "UNKNOWN", "EC_NoError") is None
    assert reason("canceled", "", None) is None


@pytest.mark.parametrize("status", ["filled", "open", "partially_filled", "untriggered"])
def test_a_filled_or_living_order_has_no_reason_to_end(status: Any) -> None:
    assert reason(status, "CancelByUser", "EC_OrigClOrdIDDoesNotExist") is None


# --------------------------------------------------------------------------- coins


@pytest.mark.parametrize(
    ("category", "symbol", "coin"),
    [
        ("linear", "BTCUSDT", "USDT"),
        ("linear", "1000PEPEUSDT", "USDT"),
        ("linear", "BTCPERP", "USDC"),
        ("linear", "BTC-24MAR23", "USDC"),
        ("linear", "BTCUSDT-21FEB25", "USDT"),
        ("linear", "WHATEVER", None),
        ("inverse", "BTCUSD", "BTC"),
        ("inverse", "BTCUSDH23", "BTC"),
        ("inverse", "WHATEVER", None),
        ("option", "BTC-13FEB25-89000-P-USDT", "USDT"),
        ("option", "ETH-28FEB25-2800-C", "USDC"),
        ("option", "ETH-28FEB25-2800-C-MOON", None),
    ],
)
def test_a_derivative_is_settled_in_the_coin_that_its_symbol_tells(
    category: Any, symbol: Any, coin: Any
) -> None:
    assert settle_coin(category, symbol) == coin


def spot_fee(side: Any, *, rate: str = "0.001", maker: bool = False, symbol: str = "LTCUSDT") -> str | None:
    return fee_coin("spot", symbol, side, said="", rate=Decimal(rate), maker=maker)


def test_a_named_fee_coin_counts_whatever_the_rules_say() -> None:
    assert fee_coin("linear", "BTCUSDT", "buy", said="MNT", rate=None, maker=True) == "MNT"


def test_a_derivatives_fee_is_taken_in_its_settle_coin() -> None:
    assert fee_coin("linear", "BTCPERP", "sell", said="", rate=None, maker=False) == "USDC"
    assert fee_coin("inverse", "BTCUSD", "sell", said=None, rate=None, maker=False) == "BTC"


@pytest.mark.parametrize("maker", [True, False])
def test_a_spot_fee_is_taken_from_what_was_received(maker: Any) -> None:
    assert spot_fee("buy", maker=maker) == "LTC"
    assert spot_fee("sell", maker=maker) == "USDT"


def test_a_makers_rebate_is_paid_in_the_other_coin() -> None:
    assert spot_fee("buy", rate="-0.0001", maker=True) == "USDT"
    assert spot_fee("sell", rate="-0.0001", maker=True) == "LTC"


def test_a_taker_pays_from_what_was_received_even_where_makers_are_paid() -> None:
    assert spot_fee("buy", rate="-0.0001", maker=False) == "LTC"


@pytest.mark.parametrize(
    ("symbol", "base"),
    [("BTCEUR", "BTC"), ("ETHBTC", "ETH"), ("XRPRLUSD", "XRP"), ("USDCUSDT", "USDC"), ("SOLUSD1", "SOL")],
)
def test_a_spot_symbol_is_taken_apart_at_its_longest_known_end(symbol: Any, base: Any) -> None:
    assert spot_fee("buy", symbol=symbol) == base


@pytest.mark.parametrize("symbol", ["ABCXYZ", "USDT"])
def test_a_symbol_that_cannot_be_taken_apart_leaves_the_coin_unknown(symbol: Any) -> None:
    assert spot_fee("buy", symbol=symbol) is None

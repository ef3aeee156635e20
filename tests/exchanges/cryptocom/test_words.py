"""Crypto.com's words in ours."""

from typing import Any

import pytest

from core.orders import FINAL, STEPS
from exchanges.cryptocom.words import (
    BY_FILLS,
    CASH,
    CATEGORIES,
    STATUSES,
    category,
    milliseconds,
    nanoseconds,
    order_status,
    reason,
    whole,
)

DOCUMENTED_JOURNAL = [
    "TRADING",
    "TRADE_FEE",
    "ONCHAIN_WITHDRAWAL",
    "ONCHAIN_DEPOSIT",
    "FUNDING",
    "REALIZED_PNL",
    "INSURANCE_FUND",
    "SOCIALIZED_LOSS",
    "LIQUIDATION_FEE",
    "SESSION_RESET",
    "ADJUSTMENT",
    "SESSION_SETTLE",
    "UNCOVERED_LOSS",
    "ADMIN_ADJUSTMENT",
    "DELIST",
    "SETTLEMENT_FEE",
    "AUTO_CONVERSION",
    "MANUAL_CONVERSION",
    "SUBACCOUNT_TX",
    "FIAT_WITHDRAWAL_CANCEL",
    "MARGIN_TRADE_INTEREST",
]


@pytest.mark.parametrize(
    ("instrument", "market"),
    [
        ("BTC_USDT", "spot"),
        ("1INCH_USD", "spot"),
        ("BTCUSD", "spot"),
        ("BTCUSD-PERP", "perpetual"),
        ("BTCUSD-261225", "future"),
        ("ODD-THING", "future"),
    ],
)
def test_the_market_of_an_instrument_stands_in_its_name(instrument: Any, market: Any) -> None:
    assert category(instrument) == market
    assert market in CATEGORIES


@pytest.mark.parametrize(
    ("status", "kind", "accepted", "filled", "ours"),
    [
        ("PENDING", "LIMIT", None, 0, "pending"),
        ("NEW", "LIMIT", None, 0, "pending"),
        ("ACTIVE", "LIMIT", None, 0, "open"),
        ("ACTIVE", "LIMIT", None, 1, "partially_filled"),
        ("ACTIVE", "MARKET", None, None, "open"),
        ("NEW", "LIMIT", None, 1, "partially_filled"),
        ("FILLED", "LIMIT", None, 1, "filled"),
        ("CANCELED", "MARKET", None, 1, "canceled"),
        ("REJECTED", "LIMIT", None, 0, "rejected"),
        ("EXPIRED", "LIMIT", None, 0, "expired"),
        ("PENDING", "STOP_LOSS", None, 0, "pending"),
        ("NEW", "STOP_LIMIT", None, 0, "untriggered"),
        ("ACTIVE", "TAKE_PROFIT", None, 0, "untriggered"),
        ("ACTIVE", "TAKE_PROFIT_LIMIT", "653", 0, "open"),
        ("ACTIVE", "STOP_LOSS", None, 1, "partially_filled"),
        ("CANCELED", "STOP_LOSS", None, 0, "canceled"),
        ("UNHEARD_OF", "LIMIT", None, 0, "open"),
        ("UNHEARD_OF", None, None, 1, "partially_filled"),
    ],
)
def test_an_order_stands_where_its_status_its_kind_and_its_fills_say(
    status: Any, kind: Any, accepted: Any, filled: Any, ours: Any
) -> None:
    assert order_status(status, kind, accepted, filled) == ours


def test_every_documented_status_is_known_and_exactly_four_are_final() -> None:
    assert set(STATUSES) == {"PENDING", "NEW", "ACTIVE", "FILLED", "CANCELED", "REJECTED", "EXPIRED"}
    assert {word for word, ours in STATUSES.items() if ours in FINAL} == {
        "FILLED",
        "CANCELED",
        "REJECTED",
        "EXPIRED",
    }


@pytest.mark.parametrize("after", ["NEW", "ACTIVE", "FILLED", "CANCELED", "REJECTED", "EXPIRED"])
def test_every_documented_step_forward_exists_for_us(after: Any) -> None:
    for before in ("PENDING", "NEW", "ACTIVE")[: 1 if after == "NEW" else 2 if after == "ACTIVE" else 3]:
        assert STATUSES[after] in STEPS[STATUSES[before]]


@pytest.mark.parametrize(
    ("status", "code", "text", "why"),
    [
        ("CANCELED", 0, None, None),
        ("CANCELED", "0", None, None),
        ("CANCELED", None, None, None),
        ("REJECTED", "43005", None, "post_only_rejected"),
        ("CANCELED", 43012, None, "self_trade_prevention"),
        ("EXPIRED", 999, None, "999"),
        ("REJECTED", 0, "NO_LUCK", "no_luck"),
        ("ACTIVE", 43012, None, None),
        ("FILLED", 43012, None, None),
    ],
)
def test_only_an_order_that_did_not_end_filled_has_a_reason(
    status: Any, code: Any, text: Any, why: Any
) -> None:
    assert reason(status, code, text) == why


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        (1_692_698_252_148, 1_692_698_252_148),
        ("1692698252148", 1_692_698_252_148),
        ("1692698252148766947", 1_692_698_252_148),
        (1_783_175_052_146_156_346, 1_783_175_052_146),
        (0, None),
        ("0", None),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        (-5, None),
        (10**16, None),
        ("٣", None),
    ],
)
def test_a_time_is_in_milliseconds_however_it_came(time: Any, ms: Any) -> None:
    assert milliseconds(time) == ms


def test_the_finest_time_is_taken_and_of_a_bare_millisecond_its_end() -> None:
    assert nanoseconds("1692698252148766947", 5) == 1_692_698_252_148_766_947
    assert nanoseconds(None, 1_692_698_252_148) == 1_692_698_252_148_999_999
    assert nanoseconds(1_692_698_252_148, 1_692_698_252_148) == 1_692_698_252_148_999_999
    assert nanoseconds(None, None) is None


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), (12, 12), ("x", None), ("1" * 20, None), (None, None)]
)
def test_a_number_may_be_written_as_a_string(text: Any, number: Any) -> None:
    assert whole(text) == number


def test_every_documented_kind_of_money_is_known_once() -> None:
    assert set(DOCUMENTED_JOURNAL) <= CASH.keys() | BY_FILLS
    assert not CASH.keys() & BY_FILLS

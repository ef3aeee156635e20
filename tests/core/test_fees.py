"""What trading cost: exact totals, unknown fees counted, and worth only where it is proven."""

from decimal import Decimal as D
from typing import Any

import pytest

from core.fees import Charge, Quoted, charge, parted, spellings, told, totals

ASSETS = {"BTC", "USDT", "BNB", "BNBUP", "ETHW", "ETH", "USD"}
AT = 1_700_000_000_000


def row(**fields: Any) -> dict[str, Any]:
    return {
        "seq": 1,
        "account": "main",
        "exchange": "binance",
        "category": "spot",
        "symbol": "BTCUSDT",
        "order_id": "7",
        "trade_id": "1",
        "price": "60000.10",
        "fee": "0.001",
        "fee_asset": "USDT",
        "traded_at": AT,
        **fields,
    }


def charged(prices: tuple[Quoted, ...] = (), **fields: Any) -> Charge:
    fill = row(**fields)
    return charge(fill, parted(fill["symbol"], ASSETS), lambda _fill, _asset, _quote: prices)


# ----------------------------------------------------------------- what a symbol names


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("BTC_USDT", ("BTC", "USDT")),
        ("BTC-USD", ("BTC", "USD")),
        ("ETHWUSDT", ("ETHW", "USDT")),
        ("BNBUPUSDT", ("BNBUP", "USDT")),
        ("DOGEUSDT", None),
        ("BTCUSD-PERP", None),
        ("BTC-30DEC22-18000-C", None),
        ("BTC", None),
        ("", None),
        ("BTC_", None),
    ],
)
def test_a_symbol_names_two_assets_that_are_known_or_none(symbol: str, pair: tuple[str, str] | None) -> None:
    assert parted(symbol, ASSETS) == pair


def test_a_symbol_that_can_be_read_in_two_ways_names_nothing() -> None:
    assert parted("ABC", {"A", "BC", "AB", "C"}) is None


def test_every_spelling_of_a_pair_is_read_as_that_pair() -> None:
    assert [parted(symbol, ASSETS) for symbol in spellings("BTC", "USDT")] == [("BTC", "USDT")] * 4


# ---------------------------------------------------------------------- what it was worth


def test_a_fee_in_the_quote_asset_is_worth_itself() -> None:
    assert charged() == Charge(D("0.001"), "USDT", D("0.001"), "USDT")


def test_a_fee_in_the_base_asset_is_worth_what_the_trade_paid_for_it() -> None:
    assert charged(fee="0.000001", fee_asset="BTC") == Charge(D("0.000001"), "BTC", D("0.0600001"), "USDT")


def test_a_rebate_is_worth_less_than_nothing() -> None:
    assert charged(fee="-0.000001", fee_asset="BTC").worth == D("-0.0600001")


def test_a_fee_in_a_third_asset_goes_by_the_nearest_trade_of_it() -> None:
    prices = (Quoted(D(600), AT - 9), Quoted(D(610), AT + 5), Quoted(D(620), AT + 6))
    assert charged(prices, fee="0.1", fee_asset="BNB") == Charge(D("0.1"), "BNB", D(61), "USDT")


def test_no_trade_of_it_proves_no_worth() -> None:
    assert charged(fee="0.1", fee_asset="BNB") == Charge(D("0.1"), "BNB", None, None)


def test_nothing_is_worth_nothing_at_any_price() -> None:
    assert charged(fee="0", fee_asset="BNB") == Charge(D(0), "BNB", D(0), "USDT")


@pytest.mark.parametrize("fields", [{"fee": None, "fee_asset": None}, {"fee": None}, {"symbol": "DOGEUSDT"}])
def test_what_is_not_known_has_no_worth(fields: dict[str, Any]) -> None:
    one = charged(**fields)
    assert (one.worth, one.worth_in) == (None, None)


def test_a_worth_is_exact_however_long_it_is() -> None:
    one = charged(fee="0.0000000000000000001", fee_asset="BTC", price="123456789012345678901234567890.1")
    assert one.worth == D("12345678901.23456789012345678901")


# -------------------------------------------------------------------------------- totals


def added(by: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return totals(((one, charge(one, parted(one["symbol"], ASSETS), lambda *_: ())) for one in rows), by)


def test_different_assets_are_never_added_up() -> None:
    found = added("symbol", row(), row(fee="2", fee_asset="BNB"), row(fee="0.1"))
    assert [(one["key"], one["fee_asset"], one["fee"], one["fills"]) for one in found] == [
        ("BTCUSDT", "BNB", "2", 1),
        ("BTCUSDT", "USDT", "0.101", 2),
    ]
    assert [(one["worth"], one["unproven"]) for one in found] == [({}, 1), ({"USDT": "0.101"}, 0)]


def test_an_unknown_fee_is_counted_and_is_not_nothing() -> None:
    (only,) = added("asset", row(fee=None))
    assert (only["fee"], only["fills"], only["unknown"], only["unproven"]) == (None, 1, 1, 0)
    (both,) = added("asset", row(fee=None), row())
    assert (both["fee"], both["fills"], both["unknown"]) == ("0.001", 2, 1)


def test_rebates_make_the_total_smaller() -> None:
    (one,) = added("asset", row(fee="1"), row(fee="-1.5"))
    assert (one["fee"], one["worth"]) == ("-0.5", {"USDT": "-0.5"})


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("day", ["2023-11-14", "2023-11-15"]),
        ("symbol", ["BTCUSDT", "ETHUSDT"]),
        ("order", ["7", "8"]),
        ("asset", ["USDT"]),
    ],
)
def test_the_key_is_what_was_chosen(by: str, keys: list[str]) -> None:
    later = row(order_id="8", symbol="ETHUSDT", traded_at=AT + 86_400_000, fee="1")
    found = added(by, row(), later, row())
    assert [one["key"] for one in found] == keys
    assert sum(D(one["fee"]) for one in found) == D("1.002")
    assert max(one["last_at"] for one in found) == later["traded_at"]


def test_accounts_and_markets_are_kept_apart() -> None:
    found = added("symbol", row(), row(account="other"), row(category="linear"))
    assert [(one["account"], one["category"]) for one in found] == [
        ("main", "linear"),
        ("main", "spot"),
        ("other", "spot"),
    ]


def test_the_fee_of_a_fill_is_told_as_it_was_sent() -> None:
    one = told(row(seq=5), charged(fee="0.000001", fee_asset="BTC"))
    assert (one["fill_seq"], one["fee"], one["fee_asset"]) == (5, "0.000001", "BTC")
    assert (one["worth"], one["worth_in"]) == ("0.0600001", "USDT")

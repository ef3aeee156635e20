"""What maker-only saved: exact where the taker's rate was known, and unknown is never 0."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fees import Charge, charge
from core.savings import Saving, saving, shares

PAIR = ("BTC", "USDT")
TAKER = D("0.001")
AMOUNTS = st.decimals("0.0001", "10000", places=4)


def row(**fields: Any) -> dict[str, Any]:
    return {
        "account": "main",
        "exchange": "binance",
        "category": "spot",
        "symbol": "BTCUSDT",
        "price": "60000",
        "quantity": "0.5",
        "fee": "12",
        "fee_asset": "USDT",
        "liquidity": "maker",
        "traded_at": 1_700_000_000_000,
        **fields,
    }


def saved(taker: D | None = TAKER, **fields: Any) -> Saving:
    fill = row(**fields)
    return saving(fill, charge(fill, PAIR, lambda *_: ()), PAIR, taker)


def test_a_maker_saved_what_a_taker_would_have_been_charged_less_its_own_fee() -> None:
    assert saved() == Saving(D(30_000), "USDT", D(18))


def test_a_fee_in_the_base_asset_counts_with_its_worth() -> None:
    assert saved(fee="0.0002", fee_asset="BTC").saved == D(18)


def test_a_rebate_adds_to_what_was_saved() -> None:
    assert saved(fee="-3").saved == D(33)


def test_a_maker_who_pays_more_than_a_taker_saved_less_than_nothing() -> None:
    assert saved(fee="31").saved == D(-1)


def test_a_taker_saved_nothing_and_that_is_known() -> None:
    assert saved(liquidity="taker", taker=None).saved == 0


@pytest.mark.parametrize(
    "fields",
    [{"taker": None}, {"fee": None}, {"liquidity": None}, {"fee": "0.01", "fee_asset": "BNB"},
     {"fee": "0", "fee_asset": "BNB"}],
)  # fmt: skip
def test_where_anything_of_it_is_not_known_what_was_saved_is_not(fields: dict[str, Any]) -> None:
    assert saved(**fields).saved is None


def test_of_a_contract_that_is_not_worth_price_times_quantity_nothing_is_known() -> None:
    assert saved(category="inverse") == Saving(None, None, None)
    assert saving(row(), Charge(D(12), "USDT", None, None), None, TAKER) == Saving(None, None, None)


def shared(*fills: tuple[dict[str, Any], D | None]) -> list[dict[str, Any]]:
    return shares((row(**fields), saved(taker, **fields)) for fields, taker in fills)


def test_the_share_is_of_what_is_told_to_be_a_makers_or_a_takers() -> None:
    (one,) = shared(
        ({}, TAKER), ({"liquidity": "taker", "quantity": "0.1"}, TAKER), ({"liquidity": None}, TAKER)
    )
    assert one == {
        "account": "main",
        "exchange": "binance",
        "quote": "USDT",
        "fills": 3,
        "unknown": 1,
        "volume": "36000",
        "maker": "30000",
        "maker_pct": pytest.approx(100 * 5 / 6),
        "saved": "18",
        "unproven": 0,
        "last_at": 1_700_000_000_000,
    }


def test_what_is_not_known_to_have_saved_is_counted_and_in_no_sum() -> None:
    (one,) = shared(({}, TAKER), ({}, None))
    assert (one["saved"], one["unproven"], one["volume"]) == ("18", 1, "60000")
    (none,) = shared(({}, None), ({}, None))
    assert (none["saved"], none["unproven"]) == (None, 2)
    (nothing,) = shared(({"liquidity": None}, TAKER))
    assert [nothing[name] for name in ("volume", "maker", "maker_pct", "saved")] == [None] * 4


def test_accounts_and_quote_assets_are_never_added_up() -> None:
    found = shared(({}, TAKER), ({"account": "other"}, TAKER), ({"category": "inverse"}, TAKER))
    assert [(one["account"], one["quote"]) for one in found] == [
        ("main", "USDT"), ("main", None), ("other", "USDT"),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(AMOUNTS, AMOUNTS, st.decimals("-1", "1", places=5), st.sampled_from(["maker", "taker"]))
    )
)
def test_fees_paid_and_what_was_saved_are_together_what_takers_pay(
    fills: list[tuple[D, D, D, str]],
) -> None:
    """To the last digit, whatever the maker's rate; a taker is charged the taker's."""
    told, paid, dear = [], D(0), D(0)
    for price, quantity, rate, liquidity in fills:
        worth = price * quantity
        fee = worth * (rate if liquidity == "maker" else TAKER)
        paid, dear = paid + fee, dear + worth * TAKER
        told.append(
            (
                {"price": str(price), "quantity": str(quantity), "fee": f"{fee:f}", "liquidity": liquidity},
                TAKER,
            )
        )
    found = shared(*told)
    assert sum((D(one["saved"]) for one in found), D(0)) == dear - paid

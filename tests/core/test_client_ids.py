"""The id of a SELL follows from the BUY fill: the same one always, and one that every exchange takes."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client_ids import SellId, read_sell_id, sell_id, trade_id
from tests.core.trades import buy

FORMS = {
    "binance": re.compile(r"[a-zA-Z0-9-_]{1,36}"),
    "binance_us": re.compile(r"[a-zA-Z0-9-_]{1,36}"),
    "bybit": re.compile(r"[A-Za-z0-9_-]{1,36}"),
    "cryptocom": re.compile(r".{1,36}"),
}
names = st.text(min_size=1, max_size=40)


def test_the_form_never_changes() -> None:
    """A SELL that rests under the id of an older version would be placed a second time."""
    assert trade_id("main", buy()) == "vth4d7darubeaolye53zpdz7vw"
    assert sell_id(trade_id("main", buy()), 0) == "vth4d7darubeaolye53zpdz7vw-0"


@given(names, names, names, names, st.integers(0, 999_999_999))
def test_every_exchange_takes_it_and_it_reads_back(
    account: str, symbol: str, order_id: str, trade: str, number: int
) -> None:
    name = trade_id(account, buy(trade, symbol=symbol, order_id=order_id))
    for form in FORMS.values():
        assert form.fullmatch(sell_id(name, number))
    assert read_sell_id(sell_id(name, number)) == SellId(name, number)


@given(names, names, names, names, names)
def test_it_depends_on_the_identity_alone(
    account: str, category: str, symbol: str, order_id: str, trade: str
) -> None:
    fill = buy(trade, category=category, symbol=symbol, order_id=order_id)
    later = buy(
        trade,
        category=category,
        symbol=symbol,
        order_id=order_id,
        fee=None,
        client_order_id="c",
        liquidity=None,
    )
    assert trade_id(account, fill) == trade_id(account, later)


@pytest.mark.parametrize("change", [{"category": "x"}, {"symbol": "x"}, {"order_id": "x"}, {"trade_id": "x"}])
def test_every_part_of_the_identity_counts(change: Any) -> None:
    assert trade_id("main", buy(**change)) != trade_id("main", buy())


def test_parts_of_the_identity_cannot_be_taken_for_each_other() -> None:
    assert trade_id("main", buy(order_id="1", trade_id="23")) != trade_id(
        "main", buy(order_id="12", trade_id="3")
    )
    assert trade_id("main", buy()) != trade_id("other", buy())


@pytest.mark.parametrize(
    "name",
    [None, "", "x-1", "vth4d7darubeaolye53zpdz7vw", "vth4d7darubeaolye53zpdz7vw-", "vth4d7darubeaolye53zpdz7vw-01",
     "vth4d7darubeaolye53zpdz7vw--1", "VTH4D7DARUBEAOLYE53ZPDZ7VW-1", "xvth4d7darubeaolye53zpdz7vw-1",
     "vth4d7darubeaolye53zpdz7vw-1x", "vth4d7darubeaolye53zpdz7vw-1\n", "vth4d7darubeaolye53zpdz7v8-1"],
)  # fmt: skip
def test_what_is_not_of_this_form_is_none_of_ours(name: Any) -> None:
    assert read_sell_id(name) is None


@pytest.mark.parametrize("number", [-1, 1_000_000_000])
def test_a_number_that_has_no_room_is_an_error(number: int) -> None:
    with pytest.raises(ValueError, match="no client order id"):
        sell_id(trade_id("main", buy()), number)

"""Rows that are not as documented: what is kept of them, and what is said about the rest."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.cryptocom.reading import ASSETS, MOST, ORDERS, TRADES, WALLETS, Legible, Shape
from exchanges.cryptocom.shapes import Frame, Result
from tests.exchanges.cryptocom.messages import LARGE, asset, order, trade, wallet

FRAMES, RESULTS = Shape(Frame), Shape(Result)


def read(shape: Shape[Any], *rows: Any) -> Legible[Any]:
    return shape.many(json.dumps(rows))


def test_rows_as_documented_leave_no_note() -> None:
    legible = read(ORDERS, order(), order("7"))
    assert [row.order_id for row in legible.rows] == [LARGE, "7"]
    assert (legible.trouble, legible.news) == ((), ())


def test_an_unknown_key_is_news_and_the_rest_of_its_row_counts() -> None:
    legible = read(ORDERS, order(brand_new="x"), order("7"))
    assert len(legible.rows) == 2
    assert (legible.trouble, legible.news) == ((), ("unknown key brand_new",))


def test_a_key_of_a_wrong_type_is_trouble_and_left_out() -> None:
    legible = read(ORDERS, order(quantity=["0.1"]))
    assert legible.rows[0].quantity is None
    assert legible.rows[0].limit_price == 50
    assert len(legible.trouble) == 1
    assert legible.trouble[0].startswith("quantity: ")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+999999", "-1E-999999"])
def test_what_no_account_could_hold_is_no_amount(amount: Any) -> None:
    legible = read(ORDERS, order(quantity=amount))
    assert legible.rows[0].quantity is None
    assert legible.trouble == ("quantity: no amount",)


def test_a_row_without_what_it_needs_is_lost_and_the_others_are_not() -> None:
    bare = trade()
    del bare["traded_price"]
    legible = read(
        TRADES, bare, trade(side="BOTH"), trade("9", create_time=0, create_time_ns=None), trade("8"), "x"
    )
    assert [row.trade_id for row in legible.rows] == ["8"]
    assert len(legible.trouble) == 4
    assert all(note.startswith(("lost: ", "no object")) for note in legible.trouble)


def test_what_we_do_not_use_may_be_anything() -> None:
    legible = read(ORDERS, order(leverage=1.5, exec_inst="?", cumulative_fee={"a": 1}, list_id=[None]))
    assert (len(legible.rows), legible.trouble, legible.news) == (1, (), ())


def test_rows_within_a_row_are_left_as_they_came() -> None:
    (account,) = read(WALLETS, wallet(asset("USD", "1.50"), brand_new=1.25)).rows
    assert [row.quantity for row in ASSETS.many(account.position_balances).rows] == [Decimal("1.50")]


def test_a_yes_may_be_written_as_a_string() -> None:
    rows = read(
        ASSETS, *(asset("USD", "1", collateral_eligible=value) for value in (True, "true", "false"))
    ).rows
    assert [row.collateral_eligible for row in rows] == [True, True, False]


def test_an_amount_too_long_to_be_added_up_is_trouble_and_not_a_crash() -> None:
    legible = read(ASSETS, asset("USD", "0." + "1" * 2_000))
    assert legible.rows == ()
    assert len(legible.trouble) == 1


@pytest.mark.parametrize("text", ["", "x", "7", "null", "[]", '{"a":', "\ud800"])
def test_a_frame_that_is_no_object_is_no_frame(text: Any) -> None:
    assert FRAMES.one(text).rows == ()


@pytest.mark.parametrize("text", ["", "x", "7", "null", "{}", '"rows"'])
def test_what_is_no_list_of_rows_is_trouble(text: Any) -> None:
    legible = ORDERS.many(text)
    assert legible.rows == ()
    assert len(legible.trouble) == 1


def test_a_frame_of_strings_is_a_frame() -> None:
    (frame,) = FRAMES.one('{"id":"5","method":"subscribe","code":"0"}').rows
    assert (frame.id, frame.code) == ("5", 0)


def test_the_notes_on_one_message_have_an_end() -> None:
    legible = read(ORDERS, *(order(status=n, **{f"key {n}": 1}) for n in range(100)))
    assert (len(legible.trouble), len(legible.news)) == (MOST, MOST)
    assert all(len(note) < 200 for note in (*legible.trouble, *legible.news))


@given(
    key=st.sampled_from(sorted(order())),
    value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
)
def test_no_value_of_any_key_makes_reading_fail(key: Any, value: Any) -> None:
    legible = ORDERS.many(msgspec.json.encode([order() | {key: value}]))
    assert len(legible.rows) == 1 or legible.trouble

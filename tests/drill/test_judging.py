"""The oracle of the drill with a trader: it passes good books, and finds each kind of bad ones.

One trade, by the example in docs/trading.md, and a second that takes its dust over.
"""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal as D
from fractions import Fraction as F
from typing import Any

import pytest

from core.client_ids import trade_id as ours
from core.facts import Fill
from drill.judging import Kind, Market, Rules, Verdict, figure, judge, trade_id

AT = Market("SOLUSDT", "SOL", F("0.01"), F("0.01"), F(5))
RULES = Rules(F("0.003"), F(100))
Books = tuple[dict[str, Any], list[dict[str, Any]]]


def fill(side: str, order: str, price: str, quantity: str, fee: str) -> dict[str, Any]:
    return {
        "category": "spot", "symbol": "SOLUSDT", "order_id": order, "trade_id": f"t{order}", "side": side,
        "price": price, "quantity": quantity, "fee": fee, "fee_asset": "SOL" if side == "buy" else "USDT",
        "liquidity": "maker", "client_order_id": "",
    }  # fmt: skip


def order(
    number: str, name: str, price: str, quantity: str, filled: str, status: str, side: str = "sell"
) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT", "order_id": number, "client_order_id": name, "side": side, "price": price,
        "quantity": quantity, "filled": filled, "status": status,
    }  # fmt: skip


BUYS = [fill("buy", "1", "100", "1.5", "0.0015"), fill("buy", "2", "100", "0.502", "0.000502")]
FIRST, SECOND = (trade_id("main", one) for one in BUYS)


def good() -> Books:
    """Two trades: one sold in two parts, the other resting with the dust of the first."""
    truth = {
        "fills": [*BUYS, fill("sell", "3", "100.51", "1", "0.10051"), fill("sell", "3", "100.51", "0.49", "0.0492499")],
        "orders": [
            order("3", f"{FIRST}-0", "100.51", "1.49", "1.49", "filled"),
            order("4", f"{SECOND}-0", "100.51", "0.5", "0.2", "canceled"),
            order("5", f"{SECOND}-1", "100.51", "0.3", "0", "open"),
            order("6", "vpabc", "99", "1", "0", "open", "buy"),
        ],
    }  # fmt: skip
    truth["fills"].append(fill("sell", "4", "100.51", "0.2", "0.020102"))
    rows = [
        {
            "seq": 1, "id": FIRST, "state": "sold", "why": None, "sell": f"{FIRST}-0", "sold": "1.49", "left": "0",
            "dust": "0.0085", "dust_cost": "0.85085085085085085086", "profit": "0.46099095085085085086",
        },
        {
            "seq": 2, "id": SECOND, "state": "partly_sold", "why": None, "sell": f"{SECOND}-1", "sold": "0.2",
            "left": "0.3", "dust": "0.001498", "dust_cost": None, "profit": None,
        },
    ]  # fmt: skip
    bought = F("0.501498") + F("0.0085")  # of which half a unit can be sold
    cost = (F("50.2") + F("0.85085085085085085086")) * F("0.5") / bought // F(1, 10**20) * F(1, 10**20)
    part = cost * F("0.2") / F("0.5") // F(1, 10**20) * F(1, 10**20)
    rows[1] |= {"dust_cost": figure(F("50.2") - cost), "profit": figure(F("20.102") - F("0.020102") - part)}
    return truth, rows


def verdict(books: Books) -> Verdict:
    return judge("main", *books, RULES, AT)


def test_good_books_are_found_good() -> None:
    found = verdict(good())
    assert found.findings == ()
    assert (found.buys, found.trips, found.resting, found.sells, found.exempt) == (2, 1, 1, 3, 1)
    assert figure(found.dust) == "0.009998"


def test_the_example_in_the_documents_is_reckoned_as_it_is_told_there() -> None:
    truth, rows = good()
    found = judge("main", {"fills": truth["fills"][:1] + truth["fills"][2:4], "orders": truth["orders"][:1]}, rows[:1], RULES, AT)  # fmt: skip
    assert (figure(found.profit), found.lowest) == ("0.46099095085085085086", 1)


def test_a_trade_is_called_as_the_trader_calls_it() -> None:
    """The form is a promise: another id would be another order."""
    one = BUYS[0]
    fact = Fill("spot", "SOLUSDT", one["order_id"], one["trade_id"], "buy", D(1), D(1), traded_at=0)
    assert trade_id("main", one) == ours("main", fact)


def above_the_limit(truth: dict[str, Any], _: Any) -> None:
    truth["orders"][3]["quantity"] = "1.02"


def a_sell_of_more_than_there_is(truth: dict[str, Any], _: Any) -> None:
    truth["orders"][2]["quantity"] = "0.52"


def a_tick_too_low(truth: dict[str, Any], _: Any) -> None:
    truth["orders"][2]["price"] = "100.49"


def the_same_id_twice(truth: dict[str, Any], _: Any) -> None:
    truth["orders"][3]["client_order_id"] = f"{SECOND}-1"


def two_that_live_together(truth: dict[str, Any], _: Any) -> None:
    truth["orders"][1] |= {"status": "open", "quantity": "0.2"}


def a_sell_that_its_trade_forgot(_: Any, rows: list[dict[str, Any]]) -> None:
    rows[1]["sell"] = f"{SECOND}-2"


def a_sell_of_no_trade(truth: dict[str, Any], _: Any) -> None:
    truth["orders"].append(order("9", f"vt{'a' * 24}-0", "101", "0.1", "0", "open"))


def units_that_are_gone(_: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["dust"] = "0.008499"


def a_digit_of_profit(_: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["profit"] = "0.46099095085085085087"


def a_digit_of_what_dust_cost(_: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["dust_cost"] = "0.85085085085085085085"


def a_buy_without_a_trade(_: Any, rows: list[dict[str, Any]]) -> None:
    del rows[1]


def a_trade_in_between(_: Any, rows: list[dict[str, Any]]) -> None:
    rows[1] |= {"state": "unclear", "why": "nobody knows"}


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("limit", above_the_limit),
        ("limit", a_sell_of_more_than_there_is),
        ("rule", a_tick_too_low),
        ("duplicate", the_same_id_twice),
        ("duplicate", two_that_live_together),
        ("orphan", a_sell_that_its_trade_forgot),
        ("orphan", a_sell_of_no_trade),
        ("units", units_that_are_gone),
        ("profit", a_digit_of_profit),
        ("profit", a_digit_of_what_dust_cost),
        ("trade", a_buy_without_a_trade),
        ("trade", a_trade_in_between),
    ],
)
def test_bad_books_are_found_bad(kind: Kind, spoil: Callable[..., None]) -> None:
    books = deepcopy(good())
    spoil(*books)
    assert kind in {one.kind for one in verdict(books).findings}


def test_dust_that_came_late_is_looked_for_until_it_explains_what_is_said() -> None:
    """A rest that stayed unsold joins whichever trade was planned after that: nobody else knows which."""
    buys = [fill("buy", str(number), "100", "1", "0") for number in (1, 2, 3)]
    names = [trade_id("main", one) for one in buys]
    row = {"why": None, "left": "0", "profit": "0", "dust_cost": "0", "sold": "0"}
    rows = [
        row | {"seq": 1, "id": names[0], "state": "sold", "sell": f"{names[0]}-0", "sold": "0.97", "dust": "0.03", "dust_cost": "3", "profit": "0.97"},
        row | {"seq": 2, "id": names[1], "state": "resting", "sell": f"{names[1]}-0", "dust": "0"},
        row | {"seq": 3, "id": names[2], "state": "resting", "sell": f"{names[2]}-0", "dust": "-0.03", "dust_cost": "-3"},
    ]  # fmt: skip
    truth = {
        "fills": [*buys, fill("sell", "4", "101", "0.97", "0")],
        "orders": [
            order("4", f"{names[0]}-0", "101", "1", "0.97", "canceled"),
            order("5", f"{names[1]}-0", "101", "1", "0", "open"),
            order("6", f"{names[2]}-0", "101", "1.03", "0", "open"),
        ],
    }
    assert verdict((truth, rows)).findings == ()
    rows[1], rows[2] = (
        rows[1] | {"dust": "-0.03", "dust_cost": "-3"},
        rows[2] | {"dust": "0", "dust_cost": "0"},
    )
    assert {one.kind for one in verdict((truth, rows)).findings} >= {"units"}


@pytest.mark.parametrize(
    ("value", "text"), [(F(3, 2), "1.5"), (F(-1, 10**20), "-0.00000000000000000001"), (F(0), "0")]
)
def test_figures_are_plain_and_exact(value: F, text: str) -> None:
    assert figure(value) == text

"""The profit rule against an oracle that walks tick by tick from below, for every shape of fee and filter.

The oracle knows no formula: it sells at a price, lets the exchange take its fee, and
looks at what is left. It counts in fractions, so it rounds nothing.
"""

from decimal import Decimal as D
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.facts import Fill
from core.money import add
from core.profit import (
    GRAIN,
    Charged,
    Holding,
    Rate,
    Sale,
    Terms,
    TooLittle,
    Unknown,
    bought,
    charged,
    expected,
    lowest_price,
    sale,
)
from tests.core.trades import PAIR, buy, instrument, terms

VALUES = {"BNB": D(640)}

# --------------------------------------------------------------------------- fees


def test_a_fee_in_the_base_asset_takes_units_and_one_in_the_quote_asset_takes_money() -> None:
    assert charged(D("0.1"), "SOL", PAIR, {}) == Charged(units=D("0.1"))
    assert charged(D("0.1"), "USDT", PAIR, {}) == Charged(quote=D("0.1"))


def test_a_fee_in_a_third_asset_is_valued_at_its_price() -> None:
    assert charged(D("0.1"), "BNB", PAIR, VALUES) == Charged(quote=D(64))


def test_a_rebate_is_a_fee_below_zero() -> None:
    assert charged(D("-0.1"), "SOL", PAIR, {}) == Charged(units=D("-0.1"))
    assert charged(D("-0.1"), "BNB", PAIR, VALUES) == Charged(quote=D(-64))


@pytest.mark.parametrize("asset", ["SOL", "USDT", "BNB", None])
def test_a_fee_of_nothing_is_worth_nothing_at_any_price(asset: Any) -> None:
    assert charged(D(0), asset, PAIR, {}) == Charged()


@pytest.mark.parametrize(
    ("fee", "asset", "why"),
    [
        (None, None, "the fee is not known"),
        (None, "USDT", "the fee is not known"),
        (D("0.1"), None, "the asset of a fee of 0.1 is not known"),
        (D("0.1"), "BNB", "a fee of 0.1 BNB has no known worth: no price of BNB in USDT"),
    ],
)
def test_what_is_not_known_of_a_fee_is_said_and_nothing_is_guessed(fee: Any, asset: Any, why: str) -> None:
    assert charged(fee, asset, PAIR, {}) == Unknown(why)
    assert bought(buy(fee=fee, fee_asset=asset), PAIR, {}) == Unknown(why)


@pytest.mark.parametrize(
    ("fee", "asset", "units", "cost"),
    [
        ("0.0015", "SOL", "1.4985", "150"),
        ("0.15", "USDT", "1.5", "150.15"),
        ("0.0002", "BNB", "1.5", "150.128"),
        ("-0.0015", "SOL", "1.5015", "150"),
        ("-0.15", "USDT", "1.5", "149.85"),
        ("0", "USDT", "1.5", "150"),
    ],
)
def test_a_purchase_brings_what_the_fee_left_and_costs_what_was_paid(
    fee: str, asset: str, units: str, cost: str
) -> None:
    fill = buy(fee=D(fee), fee_asset=asset)
    assert bought(fill, PAIR, VALUES) == Holding(D(units), D(cost))


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({}, Rate(D(0), D("0.001"))),
        ({"maker": D("-0.0001")}, Rate(D(0), D("-0.0001"))),
        ({"fee_asset": "SOL"}, Rate(D("0.001"), D(0))),
        ({"fee_asset": "BNB", "values": VALUES}, Rate(D(0), D("0.001"))),
        ({"maker": D(0), "fee_asset": None}, Rate(D(0), D(0))),
        ({"maker_only": False, "taker": D("0.002")}, Rate(D(0), D("0.002"))),
        ({"maker_only": False, "maker": D("0.002")}, Rate(D(0), D("0.002"))),
        ({"taker": None}, Rate(D(0), D("0.001"))),
    ],
)
def test_a_sale_is_expected_to_be_charged_what_the_account_pays(changes: Any, rate: Rate) -> None:
    assert expected(terms(**changes)) == rate


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"maker": None}, "the fee rate of this account is not known"),
        ({"taker": None, "maker_only": False}, "the fee rate of this account is not known"),
        ({"fee_asset": None}, "the asset that a sale is charged in is not known"),
        ({"fee_asset": "BNB"}, "a sale is charged in BNB, and no price of it in USDT is known"),
        ({"maker": D(1)}, "a fee rate of 1 cannot be"),
        ({"maker": D(-1)}, "a fee rate of -1 cannot be"),
        ({"bid": None}, "there is no good price to sell by"),
    ],
)
def test_what_is_not_known_sells_nothing_and_is_said(changes: Any, why: str) -> None:
    assert sale(Holding(D(1), D(100)), terms(**changes)) == Unknown(why)


# ----------------------------------------------------------------------- holdings

amounts = st.decimals(-1000, 1000, places=8)


@given(amounts, amounts, amounts)
def test_the_parts_of_a_holding_add_up_to_the_whole(units: D, cost: D, some: D) -> None:
    whole = Holding(units, cost)
    part = whole.part(some)
    assert part.units == some
    assert part.plus(whole.minus(part)) == whole
    if units:
        exact = Fraction(cost) * Fraction(some) / Fraction(units)
        assert 0 <= exact - Fraction(part.cost) < Fraction(GRAIN)


@given(amounts, amounts)
def test_the_whole_is_no_part_that_loses_anything(units: D, cost: D) -> None:
    assert Holding(units, cost).part(units) == Holding(units, cost)


# ------------------------------------------------------------------------ the rule


class Case(NamedTuple):
    """A purchase, dust that waits, and the terms of the sale."""

    fill: Fill
    dust: Holding
    terms: Terms

    @property
    def holding(self) -> Holding:
        own = bought(self.fill, PAIR, VALUES)
        assert isinstance(own, Holding)
        return own.plus(self.dust)


rates = st.sampled_from(["0", "0.001", "0.00075", "0.002", "0.01", "-0.0001", "-0.00025", "0.0003333"]).map(D)
fee_assets = st.sampled_from(["SOL", "USDT", "BNB"])


@st.composite
def cases(draw: Any, *, bounded: bool = True) -> Case:
    """Any shape of fee on both sides, any steps, and filters that may or may not matter."""
    tick = draw(st.sampled_from(["1E-8", "0.0001", "0.01", "0.05", "1"]).map(D))
    step = draw(st.sampled_from(["0.00001", "0.001", "0.01", "0.1", "1", "0.25"]).map(D))
    price = draw(st.integers(1, 300)) * tick
    quantity = draw(st.integers(1, 400)) * step
    asset, rate = draw(fee_assets), draw(rates)
    fee = {"SOL": quantity * rate, "USDT": quantity * price * rate, "BNB": quantity * price * rate / 640}[
        asset
    ]
    dust = draw(st.sampled_from(["0", "0.3", "0.999", "-0.2"]).map(D)) * step
    worth = quantity * price
    filters: dict[str, Any] = {
        "min_quantity": None,
        "max_quantity": None,
        "min_notional": None,
        "max_notional": None,
    }
    if bounded:
        some = st.sampled_from(["0.1", "0.5", "0.99", "1", "1.01", "2"]).map(D)
        filters = {
            "min_price": draw(st.none() | st.just(price * draw(some))),
            "min_quantity": draw(st.none() | st.just(quantity * draw(some))),
            "max_quantity": draw(st.none() | st.just(quantity * draw(some))),
            "max_post_only": draw(st.none() | st.just(quantity * draw(some))),
            "min_notional": draw(st.none() | st.just(worth * draw(some))),
            "max_notional": draw(st.none() | st.just(worth * draw(some))),
        }
    return Case(
        buy(price=price, quantity=quantity, fee=round(fee, 10), fee_asset=asset),
        Holding(dust, dust * price),
        terms(
            instrument=instrument(tick=tick, step=step, **filters),
            min_profit=draw(st.sampled_from(["0", "0.003", "0.01", "0.2"]).map(D)),
            maker=draw(rates),
            taker=draw(rates),
            fee_asset=draw(fee_assets),
            values=VALUES,
            bid=price * draw(st.sampled_from(["0.5", "1", "1.02"]).map(D)) if bounded else tick / 2,
            maker_only=draw(st.booleans()) if bounded else False,
        ),
    )


def rate_of(one: Terms) -> Fraction:
    assert one.maker is not None
    assert one.taker is not None
    return Fraction(one.maker) if one.maker_only else max(Fraction(one.maker), Fraction(one.taker))


def earns_enough(case: Case, price: Fraction, quantity: Fraction) -> bool:
    """Sell, be charged, and look at what it brought: the sentence of the rule."""
    rate, whole = rate_of(case.terms), case.holding
    taken_units = rate * quantity if case.terms.fee_asset == "SOL" else 0
    taken_money = rate * quantity * price if case.terms.fee_asset != "SOL" else 0
    cost = Fraction(whole.cost) * (quantity + taken_units) / Fraction(whole.units)
    return price * quantity - taken_money - cost >= Fraction(case.terms.min_profit) * cost


def walked_price(case: Case, quantity: Fraction) -> Fraction:
    """The first tick from below at which the sale is allowed."""
    one, tick = case.terms, Fraction(case.terms.instrument.tick)
    price = tick
    least = Fraction(one.instrument.min_price or 0)
    bid = Fraction(one.bid or 0)
    while not earns_enough(case, price, quantity) or price < least or (one.maker_only and price <= bid):
        price += tick
    return price


def walked_quantity(case: Case, price: Fraction) -> Fraction:
    """The last step from below for which units and filters suffice."""
    one, units = case.terms.instrument, Fraction(case.holding.units)
    rate = max(rate_of(case.terms), Fraction(0)) if case.terms.fee_asset == "SOL" else Fraction(0)
    step, quantity = Fraction(one.step), Fraction(0)
    most = one.max_post_only if case.terms.maker_only and one.max_post_only is not None else one.max_quantity
    while True:
        more = quantity + step
        if more + rate * more > units:
            return quantity
        if most is not None and more > Fraction(most):
            return quantity
        if one.max_notional is not None and more * price > Fraction(one.max_notional):
            return quantity
        quantity = more


@given(cases())
def test_price_and_quantity_are_those_of_the_oracle(case: Case) -> None:
    assume(case.holding.units > 0)
    outcome = sale(case.holding, case.terms)
    price = walked_price(case, Fraction(1))
    quantity = walked_quantity(case, price)
    one = case.terms.instrument
    is_enough = (
        quantity > 0
        and quantity >= Fraction(one.min_quantity or 0)
        and quantity * price >= Fraction(one.min_notional or 0)
    )
    if not is_enough:
        assert isinstance(outcome, TooLittle)
        return
    assert isinstance(outcome, Sale)
    assert (Fraction(outcome.price), Fraction(outcome.quantity)) == (price, quantity)
    assert earns_enough(case, price, quantity)


@given(cases(bounded=False))
def test_one_tick_below_earns_too_little(case: Case) -> None:
    outcome = sale(case.holding, case.terms) if case.holding.units > 0 else None
    assume(isinstance(outcome, Sale))
    assert isinstance(outcome, Sale)
    below = Fraction(outcome.price) - Fraction(case.terms.instrument.tick)
    assert below == 0 or not earns_enough(case, below, Fraction(outcome.quantity))


@given(cases())
def test_what_a_sale_takes_and_what_it_leaves_is_what_there_was(case: Case) -> None:
    outcome = sale(case.holding, case.terms)
    if isinstance(outcome, Sale):
        rest = case.holding.minus(outcome.holding)
        assert outcome.holding.plus(rest) == case.holding
        assert rest.units >= 0
        assert outcome.holding.units >= outcome.quantity


@given(cases(bounded=False), st.integers(1, 50))
def test_the_price_does_not_depend_on_how_much_is_sold(case: Case, times: int) -> None:
    assume(case.holding.units > 0)
    rate = expected(case.terms)
    assert isinstance(rate, Rate)
    more = Holding(case.holding.units * times, case.holding.cost * times)
    one = case.terms
    price = lowest_price(case.holding, rate, one.min_profit, one.instrument)
    assert lowest_price(more, rate, one.min_profit, one.instrument) == price


@given(st.lists(st.tuples(amounts, amounts), max_size=20))
def test_merging_holdings_is_exact_in_units_and_cost(parts: Any) -> None:
    whole = Holding()
    for units, cost in parts:
        whole = whole.plus(Holding(units, cost))
    assert whole == Holding(add(units for units, _ in parts), add(cost for _, cost in parts))


# ------------------------------------------------------------------ in single cases


def test_what_is_sold_is_what_the_base_fee_left_floored_to_the_step() -> None:
    """B25: bought 1.5 with 0.1 % taken in the base asset, so 1.4985 are there and 1.49 can be sold."""
    holding = bought(buy(), PAIR, {})
    assert holding == Holding(D("1.4985"), D(150))
    outcome = sale(holding, terms())
    assert isinstance(outcome, Sale)
    assert (outcome.quantity, outcome.price) == (D("1.49"), D("100.51"))
    assert holding.minus(outcome.holding).units == D("0.0085")


def test_a_sale_that_is_charged_in_the_base_asset_keeps_units_for_its_fee() -> None:
    outcome = sale(Holding(D(10), D(1000)), terms(fee_asset="SOL"))
    assert isinstance(outcome, Sale)
    assert outcome.quantity == D("9.99")
    assert outcome.holding == Holding(D("9.99999"), D("999.999"))


def test_a_rebate_in_the_base_asset_is_not_sold_before_it_is_there() -> None:
    outcome = sale(Holding(D(10), D(1000)), terms(fee_asset="SOL", maker=D("-0.01")))
    assert isinstance(outcome, Sale)
    assert (outcome.quantity, outcome.price) == (D(10), D("100.00"))  # a bid of 99.99 stands below


def test_a_maker_only_sale_stands_above_the_bid_where_the_market_is_above_the_rule() -> None:
    above = sale(Holding(D(1), D(100)), terms(bid=D("120.005")))
    assert isinstance(above, Sale)
    assert above.price == D("120.01")
    at_once = sale(Holding(D(1), D(100)), terms(bid=D(120), maker_only=False))
    assert isinstance(at_once, Sale)
    assert at_once.price == D("100.41")


@pytest.mark.parametrize(
    ("holding", "why"),
    [
        (Holding(D(0), D(0)), "nothing is there to sell: 0 SOL"),
        (Holding(D("-0.5"), D(0)), "nothing is there to sell: -0.5 SOL"),
        (Holding(D("0.009"), D("0.9")), "0.009 SOL are less than one step of 0.01"),
        (Holding(D("0.04"), D(4)), "0.04 SOL at 100.41 are 4.0164 USDT, and 5 is the least"),
    ],
)
def test_too_little_is_told_with_the_figures(holding: Holding, why: str) -> None:
    assert sale(holding, terms()) == TooLittle(why)


def test_less_than_the_least_quantity_is_too_little() -> None:
    one = terms(instrument=instrument(min_quantity=D("0.5")))
    assert sale(Holding(D("0.494"), D(50)), one) == TooLittle("0.49 SOL are less than the least, 0.5")


def test_a_price_of_eight_digits_is_exact() -> None:
    one = terms(
        instrument=instrument(tick=D("1E-8"), step=D(1), max_quantity=None), bid=D("1E-8"), maker=D("0.00075")
    )
    outcome = sale(Holding(D(1_000_000), D("7.83")), one)
    assert isinstance(outcome, Sale)
    assert outcome.price == D("0.00000786")


def test_units_that_cost_nothing_are_sold_at_the_first_tick() -> None:
    assert lowest_price(Holding(D(5), D(-1)), Rate(D(0), D(0)), D(0), instrument()) == D("0.01")

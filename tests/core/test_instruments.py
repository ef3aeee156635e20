"""What an exchange would refuse is found here, with the figures; and rounding is in our favour."""

from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.instruments import (
    CHECKS,
    Band,
    Refusal,
    Resting,
    floored,
    price_on_tick,
    quantity_on_step,
    raised,
    refusal,
)
from core.intents import Placement
from core.money import plain
from tests.core.trades import instrument

NONE = Resting(0, 0)


def placement(**changes: Any) -> Placement:
    return Placement(
        **{
            "account": "main",
            "category": "spot",
            "symbol": "SOLUSDT",
            "side": "buy",
            "quantity": D(1),
            "price": D(100),
            "client_order_id": "x",
            **changes,
        }
    )


def refused(one: Any, reference: Any = D(100), resting: Resting = NONE, **changes: Any) -> tuple[str, str]:
    found = refusal(placement(**changes), one, reference, resting)
    return ("", "") if found is None else (found.filter, found.text)


# ------------------------------------------------------------------------ rounding

steps = st.sampled_from([D("1E-8"), D("0.00001"), D("0.01"), D("0.5"), D(1), D(1000), D("0.25"), D(3)])
values = st.decimals(-(10**12), 10**12, places=12)


@given(values, steps)
def test_a_value_lies_between_its_floor_and_its_ceiling_less_than_a_step_away(value: D, step: D) -> None:
    below, above = floored(value, step), raised(value, step)
    for edge in (below, above):
        assert (Fraction(edge) / Fraction(step)).denominator == 1
    assert below <= value <= above
    assert Fraction(value) - Fraction(below) < Fraction(step)
    assert Fraction(above) - Fraction(value) < Fraction(step)


def test_rounding_is_exact_beyond_28_digits() -> None:
    long = D("123456789012345678901234567890.000000015")
    assert floored(long, D("1E-8")) == D("123456789012345678901234567890.00000001")
    assert raised(long, D("1E-8")) == D("123456789012345678901234567890.00000002")


def test_a_price_is_rounded_in_our_favour_and_a_quantity_never_up() -> None:
    one = instrument(tick=D("0.05"), step=D("0.2"))
    assert price_on_tick(D("99.98"), "sell", one) == D(100)
    assert price_on_tick(D("99.98"), "buy", one) == D("99.95")
    assert price_on_tick(D("99.95"), "sell", one) == price_on_tick(D("99.95"), "buy", one) == D("99.95")
    assert quantity_on_step(D("1.599"), one) == D("1.4")


@given(
    values.filter(lambda value: value > 0),
    values.filter(lambda value: value > 0),
    steps,
    steps,
    st.sampled_from(["buy", "sell"]),
)
def test_what_was_rounded_here_is_never_refused_for_its_precision(
    price: D, quantity: D, tick: D, step: D, side: Any
) -> None:
    one = instrument(tick=tick, step=step, min_quantity=None, max_quantity=None, min_notional=None)
    order = placement(
        side=side, price=price_on_tick(price, side, one), quantity=quantity_on_step(quantity, one)
    )
    found = refusal(order, one, None, NONE)
    assert found is None or found.filter in {"price", "size", "notional"}


# ------------------------------------------------------------------------ refusals


def test_an_order_that_passes_every_filter_is_not_refused() -> None:
    assert refused(instrument()) == ("", "")


BAND = Band(D("0.8"), D("1.2"))


@pytest.mark.parametrize(
    ("one", "order", "expected"),
    [
        ({"is_trading": False}, {}, ("trading", "SOLUSDT is not traded at the moment")),
        ({"has_post_only": False}, {}, ("post_only", "SOLUSDT has no orders that are maker only")),
        ({}, {"price": None}, ("post_only", "an order at the market always takes: it cannot be maker only")),
        ({}, {"price": D("1.005")}, ("precision", "the price 1.005 is no multiple of the tick 0.01")),
        ({}, {"quantity": D("1.005")}, ("precision", "the quantity 1.005 is no multiple of the step 0.01")),
        (
            {"market_step": D("0.1")},
            {"price": None, "post_only": False, "quantity": D("1.01")},
            ("precision", "the quantity 1.01 is no multiple of the step at the market 0.1"),
        ),
        ({}, {"price": D(0)}, ("price", "the price 0 is not positive")),
        ({"min_price": D(101)}, {}, ("price", "the price 100 USDT is below the least, 101")),
        ({"max_price": D(99)}, {}, ("price", "the price 100 USDT is above the most, 99")),
        ({}, {"quantity": D(0)}, ("size", "the quantity 0 is not positive")),
        ({"min_quantity": D(2)}, {}, ("size", "the quantity 1 SOL is below the least, 2")),
        ({"max_quantity": D("0.5")}, {}, ("size", "the quantity 1 SOL is above the most, 0.5")),
        ({"max_post_only": D("0.5")}, {}, ("size", "the quantity 1 SOL is above the most, 0.5")),
        (
            {"market_max_quantity": D("0.5")},
            {"price": None, "post_only": False},
            ("size", "the quantity at the market 1 SOL is above the most, 0.5"),
        ),
        (
            {"buy_band": BAND},
            {"price": D("120.01")},
            (
                "percent_price",
                "the price 120.01 USDT is above the most, 120, by the reference price 100",
            ),
        ),
        (
            {"sell_band": BAND},
            {"side": "sell", "price": D("79.99")},
            ("percent_price", "the price 79.99 USDT is below the least, 80, by the reference price 100"),
        ),
        ({"min_notional": D(101)}, {}, ("notional", "the worth 100 USDT is below the least, 101")),
        ({"max_notional": D(99)}, {}, ("notional", "the worth 100 USDT is above the most, 99")),
        (
            {"market_min_notional": D(101)},
            {"price": None, "post_only": False},
            ("notional", "the worth 100 USDT is below the least, 101"),
        ),
    ],
)
def test_each_filter_refuses_with_its_name_and_the_figures(one: Any, order: Any, expected: Any) -> None:
    assert refused(instrument(**one), **order) == expected


@pytest.mark.parametrize(
    ("one", "order"),
    [
        ({"min_price": D(100), "max_price": D(100)}, {}),
        ({"min_quantity": D(1), "max_quantity": D(1)}, {}),
        ({"min_notional": D(100), "max_notional": D(100)}, {}),
        ({"buy_band": BAND}, {"price": D(120)}),
        ({"buy_band": BAND}, {"price": D(80)}),
        ({"sell_band": BAND}, {"price": D(500)}),
        ({"max_quantity": D("0.5"), "max_post_only": D(1)}, {}),
        ({"max_quantity": D(1), "max_post_only": D("0.5")}, {"post_only": False}),
        ({"has_post_only": False}, {"post_only": False}),
        ({"market_min_quantity": D(2), "market_min_notional": D(500)}, {}),
        ({"min_notional": D(500)}, {"price": None, "post_only": False}),
    ],
)
def test_a_bound_itself_and_a_bound_of_other_orders_refuse_nothing(one: Any, order: Any) -> None:
    assert refused(instrument(**one), **order) == ("", "")


def test_the_numbers_of_resting_orders_are_bounded_in_the_symbol_and_in_all() -> None:
    one = instrument(max_orders=3, max_orders_in_all=5)
    assert refused(one, resting=Resting(2, 4)) == ("", "")
    assert refused(one, resting=Resting(3, 4)) == (
        "count",
        "3 orders rest in SOLUSDT, and no more than 3 may",
    )
    assert refused(one, resting=Resting(2, 5)) == ("count", "5 orders rest in spot, and no more than 5 may")


def test_without_a_reference_price_nothing_is_inside_a_band() -> None:
    name, text = refused(instrument(buy_band=BAND), reference=None)
    assert (name, text) == (
        "percent_price",
        "no reference price is known, and SOLUSDT allows no price far from it",
    )
    assert refused(instrument(sell_band=BAND), reference=None) == ("", "")


def test_without_a_reference_price_an_order_at_the_market_has_no_known_worth() -> None:
    one = instrument(market_min_notional=D(5))
    assert refused(one, reference=None, price=None, post_only=False)[0] == "notional"


def test_the_first_wrong_thing_is_told_in_the_order_of_the_table() -> None:
    """Each order here fails everything from one check on; what is mended uncovers the next."""
    broken: dict[str, dict[str, Any]] = {
        "trading": {"is_trading": False},
        "post_only": {"has_post_only": False},
        "precision": {"tick": D("0.3")},
        "price": {"min_price": D(500)},
        "size": {"min_quantity": D(500)},
        "percent_price": {"buy_band": Band(D(2), None)},
        "notional": {"min_notional": D(500)},
        "count": {"max_orders": 0},
    }
    assert [name for name, _ in CHECKS] == list(broken)
    for name in [name for name, _ in CHECKS]:
        changes = {key: value for change in broken.values() for key, value in change.items()}
        assert refused(instrument(**changes))[0] == name
        del broken[name]


@pytest.mark.parametrize("changes", [{"tick": D(0)}, {"step": D(0)}, {"tick": D(-1)}, {"step": D("NaN")}])
def test_an_instrument_without_steps_is_none(changes: Any) -> None:
    with pytest.raises(ValueError, match="of SOLUSDT is"):
        instrument(**changes)


def test_figures_are_told_in_plain_notation() -> None:
    one = instrument(tick=D("1E-8"), min_notional=None)
    found = refusal(placement(price=D("1.5E-8")), one, None, NONE)
    assert found == Refusal(
        "precision", f"the price {plain(D('1.5E-8'))} is no multiple of the tick 0.00000001"
    )

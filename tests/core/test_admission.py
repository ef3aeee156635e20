"""What may be sent: every rule of core/admission refuses, in its words and in its place."""

from decimal import Decimal as D
from typing import Any, get_args

import pytest

from core.admission import RULES, Circumstances, Rule, objection
from core.instruments import Resting
from core.intents import Cancellation, Placement
from core.prices import Price
from core.status import AccountState
from tests.core.trades import instrument


def placement(**changes: Any) -> Placement:
    return Placement(
        **{
            "account": "main",
            "category": "spot",
            "symbol": "SOLUSDT",
            "side": "buy",
            "quantity": D("0.5"),
            "price": D(99),
            "client_order_id": "new",
            **changes,
        }
    )


def known(**changes: Any) -> Circumstances:
    return Circumstances(
        **{
            "state": "live",
            "halted": None,
            "unknown": None,
            "instrument": instrument(),
            "price": Price(D(99), D(101), 0.0, "stream"),
            "why_no_price": None,
            "reference_price": D(100),
            "free": D(1000),
            "resting": Resting(0, 0),
            "open_orders": 0,
            "living": (),
            "symbols": {"SOLUSDT"},
            "quotes": {"USDT"},
            "max_order_quote": D(100),
            "max_open_orders": 10,
            "max_jump": D("0.05"),
            "dry_run": False,
            **changes,
        }
    )


def against(order: dict[str, Any] | None = None, **changes: Any) -> tuple[str, str]:
    found = objection(placement(**(order or {})), known(**changes))
    return ("", "") if found is None else (found.rule, found.text)


SELL = {"side": "sell", "price": D(102), "closes": "t1"}


def test_an_order_that_passes_every_rule_is_accepted() -> None:
    assert against() == ("", "")
    assert against(SELL) == ("", "")


def test_every_rule_has_its_place_in_the_table() -> None:
    assert tuple(name for name, _ in RULES) == get_args(Rule)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "reconciling"},
        {"state": "held"},
        {"halted": "by a person"},
        {"dry_run": True},
        {"instrument": None, "price": None, "free": None},
    ],
)
def test_to_cancel_is_always_allowed(changes: Any) -> None:
    one = Cancellation(account="main", category="spot", symbol="SOLUSDT", client_order_id="x")
    assert objection(one, known(**changes)) is None


@pytest.mark.parametrize("state", [state for state in get_args(AccountState) if state != "live"])
@pytest.mark.parametrize("order", [{}, SELL])
def test_nothing_is_placed_while_the_account_is_not_live(state: Any, order: Any) -> None:
    text = f"account main is {state}: orders are placed while it is live, cancels always"
    assert against(order, state=state) == ("account", text)


def test_while_it_is_not_known_whether_to_halt_nothing_is_bought_and_what_was_bought_is_sold() -> None:
    unknown = "what today brought is not known"
    assert against(unknown=unknown) == ("unknown", f"nothing is bought as long as {unknown}")
    assert against(SELL, unknown=unknown) == ("", "")


def test_nothing_is_placed_while_trading_is_halted() -> None:
    assert against(SELL, halted="today lost 7") == ("halted", "trading is halted: today lost 7")


def test_only_spot_is_traded() -> None:
    assert against({"category": "linear"}) == ("category", "linear is not traded, only spot")


def test_only_symbols_that_are_named_are_traded_and_all_where_none_is() -> None:
    assert against(symbols={"ETHUSDT", "BTCUSDT"}) == (
        "symbol",
        "SOLUSDT is not among the symbols to trade: BTCUSDT, ETHUSDT",
    )
    assert against(symbols=()) == ("", "")


def test_a_symbol_whose_steps_are_not_known_is_not_traded() -> None:
    assert against(instrument=None) == ("symbol", "the steps and limits of SOLUSDT are not known")


def test_limits_hold_in_their_own_asset_only() -> None:
    assert against(quotes={"USD", "EUR"}) == (
        "quote",
        "SOLUSDT is paid in USDT, and the limits are in EUR, USD",
    )


def test_without_a_good_price_nothing_is_placed() -> None:
    one = known(price=None, why_no_price="the last good price is 60.0 s old")
    found = objection(placement(), one)
    assert found is not None
    assert found.text == "there is no good price of SOLUSDT: the last good price is 60.0 s old"
    assert against(SELL, price=None)[0] == "price"


@pytest.mark.parametrize(
    ("order", "rule", "text"),
    [
        (
            {"price": D("106.06"), "post_only": False},
            "price",
            "the price 106.06 is 5.06 above the ask, 101: more than max_jump",
        ),
        ({"price": D("106.05"), "post_only": False}, "", ""),
        (
            {"side": "sell", "price": D("94.04"), "post_only": False},
            "price",
            "the price 94.04 is 4.96 below the bid, 99: more than max_jump",
        ),
        ({"side": "sell", "price": D("94.05"), "post_only": False}, "", ""),
        ({"price": D(20)}, "", ""),
        (SELL | {"price": D(199)}, "", ""),
    ],
)
def test_a_price_must_make_sense_on_the_side_where_it_would_cost(order: Any, rule: str, text: str) -> None:
    assert against(order) == (rule, text)


def test_an_order_is_worth_no_more_than_the_limit() -> None:
    text = "it is worth 100.98 USDT, and 100 is the limit (max_order_quote)"
    assert against({"quantity": D("1.02")}) == ("size", text)
    assert against({"quantity": D("1.02"), "side": "sell"}, max_order_quote=D("100.97"))[0] == "size"
    assert against({"quantity": D(1), "price": D(100)}) == ("", "")


def test_an_order_at_the_market_is_worth_what_it_would_cost_there() -> None:
    market = {"price": None, "post_only": False}
    assert against(market | {"quantity": D(1)}) == (
        "size",
        "it is worth 101 USDT, and 100 is the limit (max_order_quote)",
    )
    assert against(market | {"quantity": D(1), "side": "sell"}) == ("", "")


def test_no_more_orders_are_open_than_the_limit() -> None:
    assert against(open_orders=10) == ("count", "10 orders are open, and 10 is the limit (max_open_orders)")
    assert against(open_orders=9) == ("", "")


def test_the_sell_that_closes_a_trade_is_free_of_both_limits() -> None:
    assert against(SELL | {"quantity": D(5)}, open_orders=10) == ("", "")


def test_an_order_that_is_maker_only_must_not_take() -> None:
    text = "at 101 it would take at once (bid 99, ask 101), and it is maker only"
    assert against({"price": D(101)}) == ("taking", text)
    assert against({"price": D("100.99")}) == ("", "")
    assert against({"side": "sell", "price": D(99)})[0] == "taking"
    assert against({"price": D(101), "post_only": False, "quantity": D("0.4")}) == ("", "")


def test_what_the_exchange_would_refuse_is_not_sent() -> None:
    text = "the exchange would refuse it: the price 99.005 is no multiple of the tick 0.01"
    assert against({"price": D("99.005")}) == ("filter", text)


def test_what_it_spends_must_be_free_with_its_fee() -> None:
    assert against(free=D("49.5")) == ("", "")
    assert against(free=D("49.49")) == ("balance", "it needs 49.5 USDT, and 49.49 are free")
    assert against(free=D("49.5"), fee_rate=D("0.001")) == (
        "balance",
        "it needs 49.5495 USDT, and 49.5 are free",
    )
    assert against(free=D("49.5"), fee_rate=D("-0.001")) == ("", "")
    assert against(SELL, free=D("0.49")) == ("balance", "it needs 0.5 SOL, and 0.49 are free")


def test_what_is_free_and_not_known_is_not_spent() -> None:
    assert against(free=None) == ("balance", "how much USDT is free is not known")
    assert against(SELL, free=None) == ("balance", "how much SOL is free is not known")


def test_nothing_is_sent_twice() -> None:
    assert against(living=(placement(price=D(90)),)) == ("duplicate", "an order by the id new lives already")
    other = placement(client_order_id="old")
    text = "an equal order lives already: old; say that it is meant"
    assert against(living=(other,)) == ("duplicate", text)
    assert against(living=(other,), is_meant=True) == ("", "")
    assert against({"price": D(98)}, living=(other,)) == ("", "")
    assert against(living=(placement(client_order_id="new", account="other"),)) == ("", "")


def test_a_trade_has_one_sell_and_equal_trades_have_one_each() -> None:
    living = placement(**SELL, client_order_id="t1-0")
    assert against(SELL, living=(living,)) == ("duplicate", "trade t1 has a SELL that lives: t1-0")
    assert against(SELL | {"closes": "t2"}, living=(living,)) == ("", "")


def test_a_dry_run_tells_what_would_be_sent_and_every_other_reason_before() -> None:
    assert against(dry_run=True) == ("dry_run", "dry run: buy 0.5 SOLUSDT at 99 would be sent")
    market = {"price": None, "post_only": False}
    assert against(market, dry_run=True)[1] == "dry run: buy 0.5 SOLUSDT at the market would be sent"
    assert against(free=D(0), dry_run=True)[0] == "balance"

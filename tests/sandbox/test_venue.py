"""The engine: money is conserved, orders obey their type, steps are whole."""

import random
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from sandbox.binance import BALANCES, INSTRUMENTS
from sandbox.clock import Clock
from sandbox.market import Market
from sandbox.settlement import Terms
from sandbox.store import Store
from sandbox.venue import InsufficientBalance, Refused, UnknownOrder, Venue, WouldTake, WouldTrigger
from sandbox.world import BalancesChanged, OrderChanged, OrderRequest


@pytest.fixture
def venue(tmp_path: Path):
    store = Store(tmp_path)
    venue = Venue("binance", Market(INSTRUMENTS, 7), store, Clock())
    venue.open_account("main", BALANCES)
    yield venue
    store.close()


@pytest.fixture
def told(venue):
    events = []
    venue.listeners.append(events.extend)
    return events


def limit(**more):
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "price": D(90000),
        "quantity": D("0.1"),
    }
    return OrderRequest(**(fields | more))


def owned(venue, asset, account="main"):
    balance = venue.balance(account, asset)
    return balance.free, balance.locked


def test_a_resting_buy_locks_exactly_its_cost_and_a_cancel_frees_it(venue):
    order, trades = venue.place("main", limit())
    assert (order.status, trades) == ("open", [])
    assert owned(venue, "USDT") == (D(991000), D(9000))
    venue.cancel(order.order_id)
    assert owned(venue, "USDT") == (D(1000000), 0)


def test_a_resting_sell_locks_base(venue):
    venue.place("main", limit(side="sell", price=D(99000)))
    assert owned(venue, "BTC") == (D("9.9"), D("0.1"))


def test_a_partial_fill_spends_from_the_lock_and_charges_the_fee_in_what_was_received(venue):
    order, _ = venue.place("main", limit())
    trade = venue.fill(order.order_id, D("0.04"))
    assert (trade.fee, trade.fee_asset, trade.liquidity) == (D("0.00004"), "BTC", "maker")
    assert venue.find_open(order.order_id).status == "partially_filled"
    assert owned(venue, "USDT") == (D(991000), D(5400))
    assert owned(venue, "BTC") == (D("10.03996"), 0)


def test_a_better_price_than_the_limit_gives_the_difference_back(venue):
    order, _ = venue.place("main", limit())
    venue.fill(order.order_id, price=D(89000))
    assert owned(venue, "USDT") == (D(991100), 0)


def test_no_order_trades_at_a_worse_price_than_its_own(venue):
    buy, _ = venue.place("main", limit())
    sell, _ = venue.place("main", limit(side="sell", price=D(99000)))
    with pytest.raises(Refused):
        venue.fill(buy.order_id, price=D(90001))
    with pytest.raises(Refused):
        venue.fill(sell.order_id, price=D(98999))


def test_a_market_order_walks_the_book_and_ends_filled(venue):
    order, trades = venue.place("main", limit(type="market", price=D(0)))
    assert order.status == "filled"
    assert len(trades) > 1
    assert sum(one.quantity for one in trades) == D("0.1")
    assert [one.price for one in trades] == sorted(one.price for one in trades)
    assert {one.liquidity for one in trades} == {"taker"}


def test_a_market_order_that_exhausts_the_book_expires_with_its_fills_kept(venue):
    venue.deposit("main", "BTC", D(100))
    order, trades = venue.place("main", limit(type="market", side="sell", price=D(0), quantity=D(50)))
    assert (order.status, order.reason) == ("expired", "no_liquidity")
    assert 0 < order.filled < order.quantity
    assert order.filled == sum(one.quantity for one in trades)


def test_a_quote_amount_buys_no_more_than_it_pays_for(venue):
    order, trades = venue.place(
        "main", limit(type="market", price=D(0), quantity=D(0), quote_quantity=D(1000))
    )
    assert order.status == "filled"
    assert D(990) < sum(one.quote for one in trades) <= D(1000)


def test_immediate_or_cancel_takes_what_is_there_and_expires_the_rest(venue):
    ask = venue.market.ask("BTCUSDT")
    order, trades = venue.place("main", limit(price=ask, time_in_force="ioc", quantity=D(1)))
    assert (order.status, order.reason) == ("expired", "unfilled_ioc")
    assert len(trades) == 1
    assert owned(venue, "USDT")[1] == 0


def test_fill_or_kill_does_nothing_unless_everything_fits(venue):
    ask = venue.market.ask("BTCUSDT")
    order, trades = venue.place("main", limit(price=ask, time_in_force="fok", quantity=D(1)))
    assert (order.status, order.reason, trades) == ("expired", "unfilled_fok", [])
    assert owned(venue, "USDT") == (D(1000000), 0)
    order, _ = venue.place("main", limit(price=ask, time_in_force="fok", quantity=D("0.001")))
    assert order.status == "filled"


def test_what_a_crossing_limit_order_does_not_take_rests(venue):
    ask = venue.market.ask("BTCUSDT")
    order, trades = venue.place("main", limit(price=ask, quantity=D(1)))
    assert order.status == "partially_filled"
    assert venue.find_open(order.order_id).remaining == 1 - trades[0].quantity


def test_a_maker_only_order_that_would_take_changes_nothing(venue, told):
    with pytest.raises(WouldTake):
        venue.place("main", limit(type="limit_maker", price=D(96000)))
    assert told == []
    assert owned(venue, "USDT") == (D(1000000), 0)


def test_a_stop_order_waits_and_then_acts_as_its_limit(venue, told):
    order, _ = venue.place(
        "main", limit(type="stop_loss_limit", side="sell", price=D(89000), stop_price=D(90000))
    )
    assert order.status == "untriggered"
    assert order.working_at is None
    venue.set_price("BTCUSDT", D(89900))
    assert [one.what for one in told if isinstance(one, OrderChanged)][:2] == ["new", "triggered"]
    final = venue.find("main", "BTCUSDT", order.order_id, None)
    assert final.status == "filled"


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        ("stop_loss_limit", "sell", 95000),
        ("stop_loss_limit", "buy", 95000),
        ("take_profit_limit", "sell", 94000),
        ("take_profit_limit", "buy", 96000),
    ],
)
def test_a_stop_whose_condition_already_holds_is_refused(venue, kind, side, stop):
    with pytest.raises(WouldTrigger):
        venue.place("main", limit(type=kind, side=side, stop_price=D(stop)))


def test_a_resting_order_fills_at_its_own_price_when_the_market_reaches_it(venue):
    order, _ = venue.place("main", limit())
    venue.set_price("BTCUSDT", D(89000))
    final = venue.find("main", "BTCUSDT", order.order_id, None)
    assert (final.status, final.quote_filled) == ("filled", D(9000))


def test_an_order_beyond_the_balance_changes_nothing(venue, told):
    with pytest.raises(InsufficientBalance):
        venue.place("main", limit(quantity=D(20)))
    with pytest.raises(InsufficientBalance):
        venue.withdraw("main", "BTC", D(11))
    assert told == []


def test_an_ended_order_is_unknown_to_every_action(venue):
    order, _ = venue.place("main", limit())
    venue.expire(order.order_id, "admin")
    for act in (venue.cancel, venue.fill, lambda i: venue.reject(i, "x")):
        with pytest.raises(UnknownOrder):
            act(order.order_id)


def test_the_fee_asset_pays_at_a_discount_while_it_lasts(venue):
    venue.open_account("saver", {"USDT": D(10000), "BNB": D("0.001")}, Terms(fee_asset="BNB"))
    order, _ = venue.place("saver", limit(price=D(64000), quantity=D("0.01")))
    first = venue.fill(order.order_id, D("0.001"))
    assert (first.fee_asset, first.fee) == ("BNB", D("0.00007500"))
    second = venue.fill(order.order_id, D("0.009"))
    assert (second.fee_asset, second.fee) == ("BNB", D("0.00067500"))
    order, _ = venue.place("saver", limit(price=D(64000), quantity=D("0.01")))
    third = venue.fill(order.order_id)
    assert (third.fee_asset, third.fee) == ("BTC", D("0.00001"))


def test_a_step_tells_orders_first_and_then_each_touched_balance_once(venue, told):
    venue.place("main", limit(type="market", price=D(0)))
    kinds = [one.what if isinstance(one, OrderChanged) else "balances" for one in told]
    assert kinds[0] == "new"
    assert set(kinds[1:-1]) == {"trade"}
    assert kinds[-1] == "balances"
    assert isinstance(told[-1], BalancesChanged)
    assert [row.asset for row in told[-1].rows] == ["BTC", "USDT"]


def test_nobody_is_told_before_it_is_written(venue, tmp_path):
    seen = []

    def look(events):
        reader = Store(tmp_path)
        seen.append([one.status for one in reader.open_orders("binance")])
        reader.close()

    venue.listeners.append(look)
    venue.place("main", limit())
    assert seen == [["open"]]


def test_the_opening_balances_count_only_once(venue):
    venue.open_account("main", {"USDT": D(5)})
    assert owned(venue, "USDT")[0] == D(1000000)


@pytest.mark.parametrize("seed", range(8))
def test_money_is_conserved_to_the_last_digit_whatever_happens(venue, told, seed):
    dice = random.Random(seed)
    venue.settlement.terms["main"] = Terms(fee_asset=dice.choice(["", "BNB"]))
    for _ in range(150):
        try:
            random_action(venue, dice)
        except Refused:
            continue
    assert_accounts_balance(venue)


def random_action(venue, dice):
    one = dice.choice(INSTRUMENTS)
    last = venue.market.last[one.symbol]
    live = list(venue.open)
    what = dice.choice(["limit", "limit", "market", "fill", "cancel", "move", "deposit"])
    if what in ("limit", "market"):
        price = (last * D(dice.randint(970, 1030)) / 1000 // one.tick) * one.tick
        quantity = one.step * max(1, int(100 * dice.random() / float(last * one.step)))
        request = OrderRequest(
            symbol=one.symbol, side=dice.choice(["buy", "sell"]), type=what, quantity=quantity,
            price=D(0) if what == "market" else max(price, one.tick),
            time_in_force=dice.choice(["gtc", "ioc", "fok"]),
        )  # fmt: skip
        venue.place("main", request)
    elif what == "move":
        venue.wander()
    elif what == "deposit":
        venue.deposit("main", "USDT", D(dice.randint(1, 9)))
    elif live and what == "fill":
        order = venue.find_open(dice.choice(live))
        step = venue.market.instruments[order.symbol].step
        venue.fill(order.order_id, max(step, order.remaining / 3 // step * step))
    elif live:
        venue.cancel(dice.choice(live))


def assert_accounts_balance(venue):
    """Totals equal cash moves plus trades minus fees; locks equal what open orders hold."""
    store = venue.store
    expected: dict[str, D] = {}
    for move in store.cash("binance", "main"):
        expected[move.asset] = expected.get(move.asset, D(0)) + move.amount
    for trade in store.trades("binance", "main"):
        one = venue.market.instruments[trade.symbol]
        sign = 1 if trade.side == "buy" else -1
        expected[one.base] += sign * trade.quantity
        expected[one.quote] -= sign * trade.quote
        expected[trade.fee_asset] -= trade.fee
    held: dict[str, D] = {}
    for order in venue.open.values():
        one = venue.market.instruments[order.symbol]
        asset = one.quote if order.side == "buy" else one.base
        held[asset] = held.get(asset, D(0)) + order.hold
    for balance in venue.balances("main"):
        assert balance.free + balance.locked == expected[balance.asset], balance.asset
        assert balance.locked == held.get(balance.asset, 0), balance.asset
        assert balance.free >= 0
        assert balance.locked >= 0

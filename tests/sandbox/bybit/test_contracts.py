"""The engine's contracts: positions, margin, what only closes, what befalls, and money to the last digit."""

import random
from decimal import Decimal as D
from pathlib import Path

import pytest

from sandbox import fate
from sandbox.bybit import BALANCES, INSTRUMENTS, BybitCustoms
from sandbox.clock import Clock
from sandbox.customs import Customs
from sandbox.market import Market, Rates
from sandbox.settlement import Terms
from sandbox.store import Store
from sandbox.trader import MOST_HELD, Trader
from sandbox.truth import truth
from sandbox.venue import (
    InsufficientBalance,
    NothingToClose,
    Refused,
    UnknownOrder,
    Venue,
    WouldTrigger,
    WrongLeg,
)
from sandbox.world import CashMoved, Executed, OrderChanged, OrderRequest

PERP = "linear:BTCUSDT"
COIN = "inverse:BTCUSD"


def made(folder: Path, customs: Customs | None = None) -> Venue:
    venue = Venue("bybit", Market(INSTRUMENTS, 7), Store(folder), Clock(), customs or BybitCustoms())
    venue.open_account("main", BALANCES)
    venue.open_account("hedger", BALANCES, Terms(hedged=frozenset({"BTCUSDT"})))
    return venue


@pytest.fixture
def venue(tmp_path: Path):
    venue = made(tmp_path)
    yield venue
    venue.store.close()


@pytest.fixture
def told(venue):
    events = []
    venue.listeners.append(events.extend)
    return events


def limit(**more):
    fields = {"symbol": PERP, "side": "buy", "type": "limit", "price": D(90000), "quantity": D("0.1")}
    return OrderRequest(**(fields | more))


def filled(venue, account="main", **more):
    """Rest an order away from the market and let all of it fill."""
    order, _ = venue.place(account, limit(**more))
    return venue.fill(order.order_id)


def usdt(venue, account="main"):
    return venue.balance(account, "USDT").free


# -- positions ---------------------------------------------------------------------------


def test_an_order_of_a_contract_locks_nothing_but_ties_up_margin(venue):
    venue.place("main", limit())
    assert (venue.balance("main", "USDT").free, venue.balance("main", "USDT").locked) == (D(1_000_000), 0)
    assert venue.available("main", "USDT") == D(1_000_000) - 900


def test_a_fill_opens_a_position_and_costs_the_maker_s_fee(venue):
    trade = filled(venue)
    held = venue.position("main", PERP)
    assert (held.size, held.entry, held.side, held.seq) == (D("0.1"), D(90000), "buy", trade.seq)
    assert (trade.fee, trade.fee_asset, trade.closed, trade.pnl) == (D("1.8"), "USDT", 0, 0)
    assert usdt(venue) == D(1_000_000) - D("1.8")
    assert venue.balance("main", "BTC").free == 10
    assert venue.positions.unrealised(held) == 500


def test_adding_averages_the_entry_and_reducing_leaves_it(venue):
    filled(venue)
    filled(venue, price=D(93000), quantity=D("0.2"))
    assert venue.position("main", PERP).entry == D(92000)
    trade = filled(venue, side="sell", price=D(98000), quantity=D("0.1"))
    assert (trade.closed, trade.pnl) == (D("0.1"), D(600))
    held = venue.position("main", PERP)
    assert (held.size, held.entry) == (D("0.2"), D(92000))


def test_a_position_turns_round_within_one_fill_and_its_realised_begins_anew(venue):
    filled(venue)
    trade = filled(venue, side="sell", price=D(98000), quantity=D("0.3"))
    held = venue.position("main", PERP)
    assert (trade.closed, trade.pnl) == (D("0.1"), D(800))
    assert (held.size, held.entry, held.side) == (D("-0.2"), D(98000), "sell")
    assert held.realised == -trade.fee
    assert held.realised_total == D(800) - trade.fee - D("1.8")


def test_a_short_earns_when_the_price_falls(venue):
    filled(venue, side="sell", price=D(99000))
    venue.set_price("BTCUSDT", D(94000))
    assert venue.positions.unrealised(venue.position("main", PERP)) == 500
    assert filled(venue, price=D(93000)).pnl == 600
    flat = venue.position("main", PERP)
    assert (flat.size, flat.side, flat.entry, flat.opened_at) == (0, "", 0, 0)


def test_an_inverse_contract_is_counted_in_dollars_and_settled_in_coin(venue):
    trade = filled(venue, symbol=COIN, price=D(90000), quantity=D(900))
    assert (trade.quote, trade.fee, trade.fee_asset) == (D("0.01"), D("0.000002"), "BTC")
    venue.set_price("BTCUSDT", D(100000))
    held = venue.position("main", COIN)
    assert (held.entry, venue.positions.unrealised(held)) == (D(90000), D("0.001"))
    closed = filled(venue, symbol=COIN, side="sell", price=D(100010), quantity=D(900))
    assert closed.pnl == D("0.01") - D("0.00899910")
    assert venue.balance("main", "BTC").free == 10 + closed.pnl - closed.fee - trade.fee


def test_takers_pay_more_and_agreed_rates_replace_the_usual_ones(venue):
    _, trades = venue.place("main", limit(type="market", price=D(0), quantity=D("0.001")))
    assert trades[0].rate == D("0.00055")
    venue.settlement.terms["main"] = Terms(fees={"linear": Rates(maker=D("-0.0001"), taker=D(0))})
    assert filled(venue).fee == D("-0.9")


# -- margin and what only closes --------------------------------------------------------------


def test_margin_is_needed_for_what_opens_and_not_for_what_closes(venue):
    with pytest.raises(InsufficientBalance):
        venue.place("main", limit(quantity=D(112)))
    filled(venue, quantity=D(105))
    assert venue.available("main", "USDT") < 60_000 + 105 * 5000
    with pytest.raises(InsufficientBalance):
        venue.place("main", limit(quantity=D(70)))
    venue.place("main", limit(side="sell", price=D(99000), quantity=D(105)))


def test_losses_eat_into_the_margin(venue):
    filled(venue, quantity=D(10))
    before = venue.available("main", "USDT")
    venue.set_price("BTCUSDT", D(85000))
    assert before - venue.available("main", "USDT") == D(10) * 10_000 - D(10) * 10_000 / 10


def test_what_may_only_reduce_needs_something_to_reduce(venue):
    with pytest.raises(NothingToClose):
        venue.place("main", limit(side="sell", price=D(99000), reduce_only=True))
    filled(venue)
    with pytest.raises(NothingToClose):
        venue.place("main", limit(reduce_only=True))
    order, _ = venue.place("main", limit(side="sell", price=D(99000), quantity=D(5), reduce_only=True))
    assert order.quantity == D("0.1")


def test_what_can_only_reduce_ends_with_the_position(venue, told):
    filled(venue)
    first, _ = venue.place("main", limit(side="sell", price=D(99000), reduce_only=True))
    second, _ = venue.place("main", limit(side="sell", price=D(99500), reduce_only=True))
    venue.fill(first.order_id, D("0.06"))
    assert venue.fill(second.order_id).quantity == D("0.04")
    assert not venue.open
    ends = [one.order for one in told if isinstance(one, OrderChanged) and one.what == "canceled"]
    assert {one.reason for one in ends} == {"reduce_only"}
    assert {one.order_id for one in ends} == {first.order_id, second.order_id}


def test_a_hedger_holds_both_legs_and_neither_turns_round(venue):
    with pytest.raises(WrongLeg):
        venue.place("hedger", limit())
    with pytest.raises(WrongLeg):
        venue.place("main", limit(position_index=1))
    filled(venue, "hedger", position_index=1)
    filled(venue, "hedger", position_index=2, side="sell", price=D(99000))
    assert [one.size for one in venue.positions.all_of("hedger")] == [D("0.1"), D("-0.1")]
    with pytest.raises(NothingToClose):
        venue.place("main", limit(side="sell", price=D(99000), reduce_only=True))
    closing, _ = venue.place("hedger", limit(side="sell", price=D(99000), position_index=1, quantity=D(3)))
    assert closing.quantity == D("0.1")
    venue.fill(closing.order_id)
    assert venue.position("hedger", PERP, 1).size == 0
    assert venue.position("hedger", PERP, 2).size == D("-0.1")


# -- stops and amendments -----------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "reached"), [(1, 94999), (2, 95001)])
def test_a_trigger_s_direction_overrules_what_the_side_would_say(venue, direction, reached):
    with pytest.raises(WouldTrigger):
        venue.place("main", limit(stop_price=D(reached), trigger_direction=direction))
    order, _ = venue.place(
        "main", limit(stop_price=D(95000 + 500 * (3 - 2 * direction)), trigger_direction=direction)
    )
    assert order.status == "untriggered"
    venue.set_price("BTCUSDT", D(95000 + 600 * (3 - 2 * direction)))
    assert venue.find_open(order.order_id).status == "open"


def test_a_closing_stop_without_a_position_is_cancelled_at_its_trigger(venue):
    stop = limit(
        side="sell", type="market", price=D(0), stop_price=D(94000), trigger_direction=2, reduce_only=True
    )
    order, _ = venue.place("main", stop)
    venue.set_price("BTCUSDT", D(93999))
    final = venue.find("main", PERP, order.order_id, None)
    assert (final.status, final.reason, final.filled) == ("canceled", "reduce_only", 0)


def test_a_closing_stop_closes_what_is_there(venue):
    filled(venue)
    stop = limit(
        side="sell", type="market", price=D(0), stop_price=D(94000), trigger_direction=2, reduce_only=True,
        quantity=D(5),
    )  # fmt: skip
    order, _ = venue.place("main", stop)
    venue.set_price("BTCUSDT", D(93999))
    final = venue.find("main", PERP, order.order_id, None)
    assert (final.filled, venue.position("main", PERP).size) == (D("0.1"), 0)


def test_a_market_stop_over_an_amount_spends_it_at_the_prices_of_its_trigger(venue):
    request = limit(
        symbol="BTCUSDT", type="market", price=D(0), quantity=D(0), quote_quantity=D(1000), stop_price=D(96000),
        trigger_direction=1,
    )  # fmt: skip
    order, _ = venue.place("main", request)
    venue.set_price("BTCUSDT", D(97000))
    final = venue.find("main", "BTCUSDT", order.order_id, None)
    assert (final.status, D(990) < final.quote_filled <= D(1000)) == ("canceled", True)


def test_an_amended_order_takes_what_it_reaches(venue, told):
    order, _ = venue.place("main", limit(symbol="BTCUSDT"))
    amended = venue.amend(order.order_id, D("0.2"), D(80000))
    assert (amended.quantity, amended.price, venue.balance("main", "USDT").locked) == (
        D("0.2"),
        D(80000),
        D(16000),
    )
    crossing = venue.amend(order.order_id, price=venue.market.ask("BTCUSDT"))
    assert 0 < crossing.filled < D("0.2")
    assert [one.what for one in told if isinstance(one, OrderChanged)][:3] == ["new", "amended", "amended"]
    with pytest.raises(InsufficientBalance):
        venue.amend(order.order_id, D(80))
    with pytest.raises(Refused):
        venue.amend(order.order_id, crossing.filled)


def test_an_exchange_that_does_not_amend_refuses_to(tmp_path):
    venue = made(tmp_path, Customs())
    order, _ = venue.place("main", limit(symbol="BTCUSDT"))
    with pytest.raises(Refused):
        venue.amend(order.order_id, D("0.2"))
    venue.store.close()


def test_an_amendment_of_a_contract_needs_the_margin_it_adds(venue):
    order, _ = venue.place("main", limit(quantity=D(100)))
    with pytest.raises(InsufficientBalance):
        venue.amend(order.order_id, D(120))
    assert venue.amend(order.order_id, D(50)).quantity == 50


# -- what befalls ------------------------------------------------------------------------------------


def test_funding_is_paid_by_longs_to_shorts_and_leaves_the_size(venue, told):
    filled(venue)
    filled(venue, "hedger", position_index=2, side="sell", price=D(99000))
    before = usdt(venue), usdt(venue, "hedger")
    paid, received = fate.fund(venue, PERP, D("0.0001"))
    assert (paid.fee, received.fee, paid.quantity) == (D("0.95"), D("-0.95"), D("0.1"))
    assert (usdt(venue) - before[0], usdt(venue, "hedger") - before[1]) == (D("-0.95"), D("0.95"))
    assert venue.position("main", PERP).size == D("0.1")
    assert venue.position("main", PERP).seq == paid.seq
    kinds = [type(one) for one in told[-4:]]
    assert kinds.count(Executed) + kinds.count(CashMoved) >= 2
    assert [one["kind"] for one in truth(venue, "main")["fills"]] == ["trade"]
    assert truth(venue, "main")["cash"][-1]["amount"] == "-0.95"


def test_funding_may_concern_one_account_and_skips_who_is_flat(venue):
    assert fate.fund(venue, PERP, D("0.0001")) == []
    filled(venue)
    assert fate.fund(venue, PERP, D("0.0001"), "hedger") == []
    assert len(fate.fund(venue, PERP, D("0.0001"), "main")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "adl"},
        {"kind": "dance"},
        {"kind": "block"},
        {"kind": "block", "side": "buy"},
        {"kind": "block", "side": "buy", "quantity": D(-1)},
    ],
)
def test_nothing_is_forced_that_makes_no_sense(venue, told, body):
    with pytest.raises(Refused):
        fate.force(venue, "main", PERP, **body)
    assert told == []


def test_pairs_cannot_be_forced(venue):
    with pytest.raises(Refused):
        fate.force(venue, "main", "BTCUSDT", "block", side="buy", quantity=D(1))


def test_a_forced_close_is_no_larger_than_the_position(venue):
    filled(venue)
    trade = fate.force(venue, "main", PERP, "liquidation", quantity=D(9), price=D(91000))
    assert (trade.quantity, trade.side, trade.pnl, trade.kind) == (D("0.1"), "sell", D(100), "liquidation")
    with pytest.raises(Refused):
        fate.force(venue, "main", PERP, "liquidation")


# -- money and memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_money_is_conserved_to_the_last_digit_whatever_befalls(venue, seed):
    dice = random.Random(seed)
    venue.settlement.terms["main"] = Terms(fee_asset=dice.choice(["", "MNT"]))
    for _ in range(200):
        try:
            random_action(venue, dice)
        except (Refused, UnknownOrder):
            continue
    assert_accounts_balance(venue)


def random_action(venue, dice):
    one = dice.choice(INSTRUMENTS)
    last, live = venue.market.last[one.symbol], list(venue.open)
    what = dice.choice(
        ["limit", "limit", "market", "fill", "fill", "cancel", "move", "amend", "fund", "force"]
    )
    if what in ("limit", "market"):
        price = (last * D(dice.randint(970, 1030)) / 1000 // one.tick) * one.tick
        lots = 400 if one.inverse else 400 / float(last * one.step)
        request = OrderRequest(
            symbol=one.symbol, side=dice.choice(["buy", "sell"]), type=what,
            quantity=one.step * max(1, int(lots * dice.random())),
            price=D(0) if what == "market" else price,
            time_in_force=dice.choice(["gtc", "ioc", "fok", "post_only"]) if what == "limit" else "ioc",
            reduce_only=bool(one.settle) and dice.random() < 0.3,
        )  # fmt: skip
        venue.place("main", request)
    elif what == "move":
        venue.wander()
    elif what == "fund" and one.settle:
        fate.fund(venue, one.symbol, D(dice.randint(-30, 30)) / 100_000)
    elif what == "force" and one.settle:
        fate.force(venue, "main", one.symbol, dice.choice(["adl", "liquidation", "settlement"]))
    elif live and what == "fill":
        order = venue.find_open(dice.choice(live))
        step = venue.market.instruments[order.symbol].step
        venue.fill(order.order_id, max(step, order.remaining / 3 // step * step))
    elif live and what == "amend":
        order = venue.find_open(dice.choice(live))
        venue.amend(order.order_id, order.quantity + venue.market.instruments[order.symbol].step)
    elif live:
        venue.cancel(dice.choice(live))


def assert_accounts_balance(venue):
    """Totals equal cash moves plus what trades swapped or earned, less fees; positions equal their trades."""
    expected: dict[str, D] = {}
    sizes: dict[str, D] = {}
    for move in venue.store.cash("bybit", "main"):
        expected[move.asset] = expected.get(move.asset, D(0)) + move.amount
    for trade in venue.store.trades("bybit", "main"):
        one, sign = venue.market.instruments[trade.symbol], 1 if trade.side == "buy" else -1
        if trade.kind == "funding":
            continue
        if one.settle:
            expected[one.settle] += trade.pnl
            sizes[trade.symbol] = sizes.get(trade.symbol, D(0)) + sign * trade.quantity
        else:
            expected[one.base] += sign * trade.quantity
            expected[one.quote] -= sign * trade.quote
        expected[trade.fee_asset] -= trade.fee
    held: dict[str, D] = {}
    for order in venue.open.values():
        asset = venue.market.instruments[order.symbol].paid_by(order.side)
        held[asset] = held.get(asset, D(0)) + order.hold
    for asset, total in expected.items():
        balance = venue.balance("main", asset)
        assert (balance.free + balance.locked, balance.locked) == (total, held.get(asset, D(0)))
    for symbol, size in sizes.items():
        position = venue.position("main", symbol)
        assert position.size == size
        assert (position.cost == 0) == (size == 0)


def test_a_round_trip_earns_exactly_what_came_out_less_what_went_in(venue):
    dice, inflow, outflow, earned = random.Random(3), D(0), D(0), D(0)
    for _ in range(60):
        trade = filled(
            venue, price=D(dice.randint(800_000, 949_000)) / 10, quantity=D(dice.randint(1, 99)) / 1000
        )
        outflow += trade.quote
    while (size := venue.position("main", PERP).size) > 0:
        trade = filled(
            venue, side="sell", price=D(dice.randint(951_000, 990_000)) / 10, quantity=min(size, D("0.333"))
        )
        inflow, earned = inflow + trade.quote, earned + trade.pnl
    assert earned == inflow - outflow


def test_positions_are_remembered_over_a_kill(tmp_path):
    venue = made(tmp_path)
    filled(venue)
    before = venue.position("main", PERP)
    venue.store.close()
    again = made(tmp_path)
    assert again.position("main", PERP) == before
    assert again.market.last[PERP] == again.market.last["BTCUSDT"]
    assert filled(again, side="sell", price=D(99000)).closed == D("0.1")
    again.store.close()


def test_the_truth_tells_positions_in_neutral_words(venue):
    filled(venue)
    row = truth(venue, "main")["positions"][0]
    assert (row["category"], row["symbol"], row["index"], row["side"], row["size"]) == (
        "linear", "BTCUSDT", 0, "buy", "0.1",
    )  # fmt: skip
    assert (row["entry_price"], row["unrealised_pnl"], row["realised_pnl"]) == ("90000", "500", "-1.8")
    fill = truth(venue, "main")["fills"][0]
    assert (fill["category"], fill["symbol"], fill["realised_pnl"]) == ("linear", "BTCUSDT", "0")


def test_the_trader_trades_pairs_and_contracts_and_keeps_its_positions_small(venue):
    trader = Trader(venue, "main", BALANCES, 5)
    for _ in range(2000):
        venue.wander()
        trader.act()
    trades = venue.store.trades("bybit", "main")
    by_category = {one.category: 0 for one in trades}
    for one in trades:
        by_category[one.category] += 1
    assert set(by_category) == {"spot", "linear"}
    assert min(by_category.values()) > 200
    for held in venue.positions.all_of("main"):
        assert abs(held.size) * venue.market.last[held.symbol] < 3 * MOST_HELD


def test_the_trader_leaves_hedged_contracts_alone(venue):
    trader = Trader(venue, "hedger", BALANCES, 5)
    for _ in range(300):
        trader.act()
    symbols = {one.symbol for one in venue.store.trades("bybit", "hedger")}
    assert PERP not in symbols
    assert "linear:ETHUSDT" in symbols

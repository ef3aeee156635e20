"""Every dialect that trades, against an imitation of its exchange that was written by others.

What a plan says came of an order is compared with what the exchange knows of it.
"""

import itertools
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from core.errors import ClockError, FatalError, RateLimited, RejectReason, UnknownOutcome
from core.facts import Fill
from core.instruments import Instrument, Resting, price_on_tick, quantity_on_step, refusal
from core.money import EXACT
from exchanges.base import Credentials, PongReceived
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    Duplicate,
    FeeRates,
    Found,
    NotOpen,
    NotYet,
    Refused,
    TopOfBook,
    Unheard,
    Unsure,
)
from tests.exchanges.desk import MARKETS, Desk, Market, Quotes
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

RATES = {"maker": "0.0007", "taker": "0.0013"}
EXCHANGES = tuple(dict.fromkeys(market.exchange for market in MARKETS))
CATEGORIES = tuple(dict.fromkeys(market.category for market in MARKETS))
RICHES = {"USD": "1e15", "USDT": "1e15", "BTC": "1e9"}
FEES = dict.fromkeys(CATEGORIES, RATES)
ACCOUNTS = [
    account(name, exchange, **more)
    for exchange in EXCHANGES
    for name, more in (
        ("main", {}),
        ("dear", {"fees": FEES}),
        ("poor", {"balances": {"ETH": "1"}}),
        ("rich", {"balances": RICHES}),
    )
]
every_market = pytest.mark.parametrize("market", MARKETS, ids=str)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(ACCOUNTS, exchanges=EXCHANGES) as one:
        yield one


@pytest.fixture
def desk(box: Sandbox, market: Market) -> Iterator[Desk]:
    with closing(Desk(box, market)) as one:
        one.clear()
        yield one


@pytest.fixture
def ours() -> str:
    """A client order id that nobody had yet."""
    return f"vt-test-{next(NUMBERS)}"


def settled(desk: Desk, placed: Any, ours: str) -> RejectReason | None:
    """Why an order was not wanted, said at once or found afterwards; None = it rests."""
    if isinstance(placed, Refused):
        return placed.reason
    assert isinstance(placed, Accepted), placed
    return desk.trading.ended_because(desk.found(ours).order)


# ------------------------------------------------------------------------ placing


@every_market
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_rests_is_accepted_exactly_as_it_was_asked_for(
    desk: Desk, ours: str, side: str
) -> None:
    price = desk.market.low if side == "buy" else desk.market.high
    placed = desk.place(ours, side, price=price)
    assert isinstance(placed, Accepted)
    (order,) = desk.truth(ours)
    assert (order["order_id"], order["status"]) == (placed.order_id, "open")
    assert (order["side"], Decimal(order["price"]), Decimal(order["quantity"])) == (
        side,
        price,
        desk.market.quantity,
    )
    assert placed.state is None or (placed.state.status, placed.state.client_order_id) == ("open", ours)


@every_market
def test_an_accepted_order_is_found_by_our_id_with_its_fills(desk: Desk, ours: str) -> None:
    placed = desk.place(ours)
    desk.box.admin.fill(placed.order_id, quantity="0.004", exchange=desk.market.exchange)
    found = desk.found(ours)
    assert (found.order.order_id, found.order.status) == (placed.order_id, "partially_filled")
    fills = [fact for fact in found.facts if isinstance(fact, Fill)]
    assert [(fill.quantity, fill.order_id) for fill in fills] == [(Decimal("0.004"), placed.order_id)]


@every_market
def test_a_second_order_under_the_same_id_is_a_duplicate_and_is_not_made(desk: Desk, ours: str) -> None:
    assert isinstance(desk.place(ours), Accepted)
    again = desk.place(ours)
    assert isinstance(again, Duplicate)
    assert len(desk.truth(ours)) == 1
    assert desk.found(ours).order.status == "open"


@every_market
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_is_to_be_maker_only_never_takes(desk: Desk, ours: str, side: str) -> None:
    price = desk.market.high if side == "buy" else desk.market.last - 100
    placed = desk.place(ours, side, price=price)
    assert settled(desk, placed, ours) == "would_take"
    assert desk.fills(ours) == []


@every_market
def test_the_same_order_takes_where_it_may(desk: Desk, ours: str) -> None:
    placed = desk.place(ours, price=desk.market.high, post_only=False)
    assert settled(desk, placed, ours) is None
    assert desk.found(ours).order.status == "filled"
    assert {fill["liquidity"] for fill in desk.fills(ours)} == {"taker"}


@every_market
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_at_the_market_is_of_so_much_base(desk: Desk, ours: str, side: str) -> None:
    assert isinstance(desk.place(ours, side, price=None, post_only=False), Accepted)
    bought = sum(Decimal(fill["quantity"]) for fill in desk.fills(ours))
    assert bought == desk.market.quantity


# ---------------------------------------------------------------------- refusals


@every_market
def test_a_price_off_the_tick_is_refused_for_that(desk: Desk, ours: str) -> None:
    price = desk.market.low + instrument(desk).tick / 10
    assert settled(desk, desk.place(ours, price=price), ours) in {"precision", "price"}


@every_market
def test_a_quantity_off_the_step_is_refused_for_that(desk: Desk, ours: str) -> None:
    quantity = desk.market.quantity + instrument(desk).step / 10
    assert settled(desk, desk.place(ours, quantity=quantity), ours) in {"precision", "size"}


@every_market
def test_an_order_that_is_too_small_is_refused_for_that(desk: Desk, ours: str) -> None:
    one = instrument(desk)
    assert one.min_notional is not None
    price = min(desk.market.low, price_on_tick(one.min_notional / one.step / 2, "buy", one))
    placed = desk.place(ours, quantity=one.step, price=price)
    assert settled(desk, placed, ours) in {"notional", "size"}


@every_market
def test_an_order_without_the_money_for_it_is_refused_for_that(
    box: Sandbox, market: Market, ours: str
) -> None:
    with closing(Desk(box, market, "poor")) as desk:
        desk.clear()
        assert settled(desk, desk.place(ours), ours) == "funds"


@every_market
def test_an_order_in_an_unknown_symbol_is_refused_and_not_unsure(desk: Desk, ours: str) -> None:
    assert isinstance(desk.place(ours, symbol="NOSUCH"), Refused)


# ------------------------------------------------------- when the answer does not come


@every_market
def test_an_order_whose_answer_was_lost_is_unsure_and_is_found_and_never_made_twice(
    desk: Desk, ours: str
) -> None:
    desk.box.admin.fault("slow_rest", exchange=desk.market.exchange, seconds=3, count=1)
    with closing(desk.dial((5.0, 0.5))) as hasty:
        lost = desk.run(desk.trading.place(desk.order(ours)), hasty)
    assert isinstance(lost, Unsure)
    eventually(lambda: isinstance(desk.find(ours), Found), what="the lost order to be shown")
    found = desk.found(ours)
    assert found.order.status == "open"
    assert isinstance(desk.place(ours), Duplicate)
    assert [order["order_id"] for order in desk.truth(ours)] == [found.order.order_id]


@every_market
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_fails_leaves_it_open_whether_there_is_an_order(
    desk: Desk, ours: str, status: int
) -> None:
    desk.box.admin.fault("rest_status", exchange=desk.market.exchange, status=status, count=1)
    unsure = desk.place(ours)
    assert isinstance(unsure, Unsure)
    assert isinstance(desk.find(ours), NotYet)
    assert isinstance(desk.find(ours, sent_ago=desk.trading.absence.proven_after), Absent)
    assert desk.truth(ours) == []
    assert isinstance(desk.place(ours), Accepted)


@every_market
def test_an_order_that_came_too_fast_was_not_heard_and_says_how_long_to_wait(desk: Desk, ours: str) -> None:
    desk.box.admin.fault("rest_status", exchange=desk.market.exchange, status=429, retry_after=7, count=1)
    unheard = desk.place(ours)
    assert isinstance(unheard, Unheard)
    assert isinstance(unheard.error, RateLimited)
    assert unheard.error.retry_after is not None
    assert unheard.error.retry_after >= 2
    assert desk.truth(ours) == []


@every_market
def test_an_order_with_a_stamp_from_tomorrow_was_not_heard(desk: Desk, ours: str) -> None:
    desk.box.admin.fault("clock_step", exchange=desk.market.exchange, ms=-90_000)
    unheard = desk.place(ours)
    assert isinstance(unheard, Unheard)
    assert isinstance(unheard.error, ClockError)
    assert desk.truth(ours) == []


@every_market
def test_an_order_under_a_wrong_key_was_not_heard(desk: Desk, ours: str) -> None:
    desk.rest = desk.exchange.rest(Credentials(token(), token()), desk.endpoints)
    with closing(desk.dial((5.0, 8.0))) as stranger:
        unheard = desk.run(desk.trading.place(desk.order(ours)), stranger)
    assert isinstance(unheard, Unheard)
    assert isinstance(unheard.error, FatalError)


@every_market
def test_a_question_that_fails_is_an_error_and_no_absence(desk: Desk, ours: str) -> None:
    desk.box.admin.fault("rest_status", exchange=desk.market.exchange, status=503, count=1)
    with pytest.raises(Exception, match="503") as failed:
        desk.find(ours, sent_ago=1_000.0)
    assert not isinstance(failed.value, UnknownOutcome)


# ---------------------------------------------------------------------- cancelling


@every_market
@pytest.mark.parametrize("by_their_id", [False, True])
def test_an_open_order_is_cancelled_by_either_id_and_then_not_open(
    desk: Desk, ours: str, by_their_id: bool
) -> None:
    placed = desk.place(ours)
    order_id = placed.order_id if by_their_id else None
    taken = desk.cancel(ours, order_id)
    assert isinstance(taken, CancelTaken)
    assert taken.state is None or (taken.state.status, taken.state.client_order_id) == ("canceled", ours)
    assert [order["status"] for order in desk.truth(ours)] == ["canceled"]
    assert isinstance(desk.cancel(ours, order_id), NotOpen)
    assert desk.found(ours).order.status == "canceled"
    assert desk.trading.ended_because(desk.found(ours).order) is None


@every_market
def test_a_filled_order_and_one_that_never_was_are_not_open(desk: Desk, ours: str) -> None:
    placed = desk.place(ours)
    desk.box.admin.fill(placed.order_id, exchange=desk.market.exchange)
    assert isinstance(desk.cancel(ours), NotOpen)
    assert desk.found(ours).order.status == "filled"
    assert isinstance(desk.cancel(f"{ours}-never"), NotOpen)


@every_market
def test_a_cancel_whose_answer_was_lost_is_unsure_and_may_be_sent_again(desk: Desk, ours: str) -> None:
    desk.place(ours)
    desk.box.admin.fault("slow_rest", exchange=desk.market.exchange, seconds=3, count=1)
    with closing(desk.dial((5.0, 0.5))) as hasty:
        lost = desk.run(desk.trading.cancel(desk.cancellation(ours)), hasty)
    assert isinstance(lost, Unsure)
    eventually(lambda: isinstance(desk.cancel(ours), NotOpen), what="the lost cancel to have been done")
    assert [order["status"] for order in desk.truth(ours)] == ["canceled"]


# -------------------------------------------------------- instruments, fees, prices


def instrument(desk: Desk) -> Instrument:
    listing = desk.run(desk.trading.instruments(desk.market.category, (desk.market.symbol,)))
    assert (listing.missing, listing.unreadable) == ((), ())
    (one,) = listing.instruments
    assert isinstance(one, Instrument)
    return one


@every_market
def test_an_instrument_says_what_it_is(desk: Desk) -> None:
    one = instrument(desk)
    assert (one.exchange, one.category, one.symbol) == desk.market
    assert one.base == "BTC"
    assert one.quote in {"USD", "USDT"}
    assert one.is_trading
    assert one.has_post_only


@every_market
def test_a_symbol_that_is_not_listed_is_missing_and_costs_only_itself(desk: Desk) -> None:
    wanted = (desk.market.symbol, "NOSUCH")
    listing = desk.run(desk.trading.instruments(desk.market.category, wanted))
    assert [one.symbol for one in listing.instruments] == [desk.market.symbol]
    assert listing.missing == ("NOSUCH",)


def tried(random: Random, one: Instrument, last: Decimal) -> tuple[str, Decimal, Decimal]:
    """Side, price and quantity of an order that would rest, near one of the bounds or beyond it."""
    buys = random.random() < 0.5
    away = ["0.21", "0.3", "0.5", "0.9", "0.99"] if buys else ["1.01", "1.5", "2", "4", "4.9"]
    price = price_on_tick(last * Decimal(random.choice(away)), "buy" if buys else "sell", one)
    bounds = [one.step, one.step * 7, one.min_quantity, one.max_quantity, one.max_post_only]
    bounds += [None if worth is None else worth / price for worth in (one.min_notional, one.max_notional)]
    bound = random.choice([bound for bound in bounds if bound is not None])
    quantity = quantity_on_step(bound, one) + random.choice([-1, 0, 0, 1, 2]) * one.step
    odd = random.random()
    if odd < 0.1:
        price += one.tick / 10
    elif odd < 0.2:
        quantity += one.step / 10
    return ("buy" if buys else "sell"), price, max(quantity, one.step)


@every_market
def test_an_order_that_its_instrument_allows_is_taken_and_any_other_is_refused(
    box: Sandbox, market: Market, ours: str
) -> None:
    random = Random(market.exchange + market.category)
    with closing(Desk(box, market, "rich")) as desk:
        desk.clear()
        one = instrument(desk)
        outcomes = set()
        for number in range(60):
            box.admin.clear(exchange=market.exchange)
            side, price, quantity = tried(random, one, market.last)
            order = desk.order(f"{ours}-{number}", side, price=price, quantity=quantity)
            stated = refusal(order, one, market.last, Resting(0, 0))
            placed = desk.run(desk.trading.place(order))
            said = settled(desk, placed, order.client_order_id)
            assert (said is None) == (stated is None), (order, stated, placed)
            outcomes.add(stated and stated.filter)
            if said is None:
                assert isinstance(desk.cancel(order.client_order_id), CancelTaken)
        assert {None, "precision"} < outcomes


@every_market
@pytest.mark.parametrize("name", ["main", "dear"])
@pytest.mark.parametrize("takes", [False, True])
def test_the_fee_rates_are_what_a_trade_is_then_charged(
    box: Sandbox, market: Market, ours: str, name: str, takes: bool
) -> None:
    with closing(Desk(box, market, name)) as desk:
        desk.clear()
        rates = desk.run(desk.trading.fee_rates(market.category, market.symbol))
        assert isinstance(rates, FeeRates)
        price = market.high if takes else market.low
        placed = desk.place(ours, price=price, post_only=not takes)
        if not takes:
            box.admin.fill(placed.order_id, exchange=market.exchange)
        rate = rates.taker if takes else rates.maker
        assert rate is not None
        for fill in desk.fills(ours):
            worth = Decimal(fill["quantity"])
            if fill["fee_asset"] != "BTC":
                worth = EXACT.multiply(worth, Decimal(fill["price"]))
            charged = EXACT.multiply(worth, rate)
            assert charged - Decimal("1e-8") < Decimal(fill["fee"]) <= charged


@every_market
def test_the_price_by_rest_is_the_price_of_this_moment(desk: Desk) -> None:
    for price in ("95000", "94000"):
        desk.box.admin.post("price", symbol=desk.market.symbol, price=price, **desk.where)
        quote = desk.run(desk.trading.quote(desk.market.category, desk.market.symbol))
        assert isinstance(quote, TopOfBook)
        assert quote.symbol == desk.market.symbol
        assert quote.bid is not None
        assert quote.ask is not None
        assert Decimal(price) - 100 < quote.bid < Decimal(price) < quote.ask < Decimal(price) + 100


@pytest.fixture
def quotes(desk: Desk) -> Iterator[Quotes]:
    with closing(Quotes(desk)) as one:
        one.read_until(lambda: "subscribed" in one.stages)
        yield one


@every_market
def test_the_prices_by_stream_follow_the_market(desk: Desk, quotes: Quotes) -> None:
    assert quotes.stages == ["subscribing", "subscribed"]
    for price in (Decimal(94_000), Decimal(96_000)):
        desk.box.admin.post("price", symbol=desk.market.symbol, price=str(price), **desk.where)

        def told(price: Decimal = price) -> bool:
            latest = quotes.quotes[-1:]
            return any(one.bid and one.ask and price - 100 < one.bid < price < one.ask for one in latest)

        quotes.read_until(told)
    assert {(quote.category, quote.symbol) for quote in quotes.quotes} == {desk.market[1:]}


@every_market
def test_the_prices_by_stream_and_by_rest_are_the_same(desk: Desk, quotes: Quotes) -> None:
    desk.box.admin.post("price", symbol=desk.market.symbol, price="94321", **desk.where)
    shown = desk.run(desk.trading.quote(desk.market.category, desk.market.symbol))
    quotes.read_until(lambda: quotes.quotes and quotes.quotes[-1].bid == shown.bid)
    assert quotes.quotes[-1].ask == shown.ask


@every_market
def test_an_unknown_symbol_costs_only_itself_and_is_told_where_the_exchange_tells(desk: Desk) -> None:
    """Binance takes any name and is silent."""
    with closing(Quotes(desk, desk.market.symbol, "NOSUCH")) as quotes:
        quotes.read_until(lambda: "subscribed" in quotes.stages and quotes.of(desk.market.symbol))
        assert quotes.unknown == ([] if desk.market.exchange.startswith("binance") else ["NOSUCH"])


@every_market
def test_a_heartbeat_of_the_exchange_is_kept(desk: Desk, quotes: Quotes) -> None:
    beat = quotes.session.heartbeat(0)
    if beat is not None:
        quotes.send(beat)
        quotes.read_until(lambda: any(isinstance(signal, PongReceived) for signal in quotes.signals))

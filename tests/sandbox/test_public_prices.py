"""Prices that are not so, and a public stream that is mute: what the imitation can do to who believes everything."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal as D
from typing import Any

import pytest

from exchanges.trading import TopOfBook
from tests.exchanges.desk import MARKETS, Desk, Market, Quotes
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

every_market = pytest.mark.parametrize("market", MARKETS, ids=str)
EXCHANGES = tuple(dict.fromkeys(market.exchange for market in MARKETS))


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox([account("main", exchange) for exchange in EXCHANGES], exchanges=EXCHANGES) as one:
        yield one


@pytest.fixture
def desk(box: Sandbox, market: Market) -> Iterator[Desk]:
    with closing(Desk(box, market)) as one:
        one.clear()
        yield one
        one.clear()


@pytest.fixture
def quotes(desk: Desk) -> Iterator[Quotes]:
    with closing(Quotes(desk)) as one:
        one.read_until(lambda: "subscribed" in one.stages and one.quotes)
        yield one


def put(desk: Desk, price: D) -> None:
    desk.box.admin.post("price", symbol=desk.market.symbol, price=str(price), **desk.where)


def rest(desk: Desk) -> TopOfBook:
    quote = desk.run(desk.trading.quote(desk.market.category, desk.market.symbol))
    assert isinstance(quote, TopOfBook)
    return quote


def now_ms(desk: Desk) -> int:
    """The exchange's clock."""
    at: int = desk.box.admin.truth(desk.account, exchange=desk.market.exchange)["at"]
    return at


def is_crossed(quote: TopOfBook) -> bool:
    return quote.bid is not None and quote.ask is not None and quote.bid > quote.ask


def has_no_bid(quote: TopOfBook) -> bool:
    return quote.bid is None and quote.ask is not None


def is_double(quote: TopOfBook) -> bool:
    return quote.bid is not None and quote.bid > 180_000


@every_market
@pytest.mark.parametrize(
    ("what", "is_so"), [("crossed", is_crossed), ("zero", has_no_bid), ("jump", is_double)]
)
def test_a_false_price_is_told_by_the_stream_alone(desk: Desk, quotes: Quotes, what: str, is_so: Any) -> None:
    desk.box.admin.fault("false_price", exchange=desk.market.exchange, what=what)
    put(desk, desk.market.last + 50)
    quotes.read_until(lambda: is_so(quotes.quotes[-1]))
    true = rest(desk)
    assert true.bid is not None
    assert true.ask is not None
    assert abs(true.bid - desk.market.last) < 100
    assert true.bid < true.ask


@every_market
def test_a_mute_exchange_tells_no_price_and_answers_all_the_same(desk: Desk, quotes: Quotes) -> None:
    desk.box.admin.fault("mute", exchange=desk.market.exchange)
    put(desk, desk.market.last + 50)
    true, began = rest(desk), now_ms(desk)
    eventually(lambda: now_ms(desk) - began > 2500, what="two ticks, in each of which it would have spoken")
    put(desk, desk.market.last - 50)
    desk.box.admin.clear()
    quotes.read_until(lambda: quotes.quotes[-1].bid == rest(desk).bid)
    assert true.bid not in {quote.bid for quote in quotes.quotes}, "what went by meanwhile is not made up for"

"""What is refused here is what the sandbox's filters refuse, and nothing else.

The sandbox was written by the exchanges' documents and shares no code with the rules.
Only its filters are asked, with a market that stands still and no orders that rest.
"""

from collections.abc import Callable
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sandbox.binance.rules as binance
import sandbox.binance.symbols as binance_symbols
import sandbox.bybit.rules as bybit
import sandbox.bybit.symbols as bybit_symbols
import sandbox.cryptocom.rules as cryptocom
import sandbox.cryptocom.symbols as cryptocom_symbols
from core.instruments import Band, Instrument, Resting, floored, refusal
from core.intents import Placement
from sandbox.binance.errors import Refusal as BinanceRefusal
from sandbox.bybit.errors import Refusal as BybitRefusal
from sandbox.market import Instrument as Listed
from sandbox.market import Market
from sandbox.world import OrderRequest

Bands = tuple[Band, Band]
Refuses = Callable[[Any, Listed, OrderRequest], bool]


def listed(one: Listed, bands: Bands, **changes: Any) -> Instrument:
    """The instrument as the exchange's own list would tell it."""
    return Instrument(
        **{
            "exchange": "sandbox",
            "category": "spot",
            "symbol": one.symbol,
            "base": one.base,
            "quote": one.quote,
            "tick": one.tick,
            "step": one.step,
            "min_price": one.min_price,
            "max_price": one.max_price,
            "min_quantity": one.min_quantity,
            "max_quantity": one.max_quantity,
            "min_notional": one.min_notional,
            "max_notional": one.max_notional,
            "market_min_notional": one.min_notional,
            "buy_band": bands[0],
            "sell_band": bands[1],
            **changes,
        }
    )


def of_binance(one: Listed) -> Instrument:
    bands = Band(binance.BID_DOWN, binance.BID_UP), Band(binance.ASK_DOWN, binance.ASK_UP)
    return listed(one, bands, market_max_quantity=one.max_market_quantity)


def of_bybit(one: Listed) -> Instrument:
    limit = bybit.BAND["spot"]
    return listed(
        one,
        (Band(up=1 + limit), Band(down=1 - limit)),
        min_price=None,
        max_price=None,
        min_quantity=None,
        max_notional=None,
        max_post_only=one.max_quantity * 5,
        market_max_quantity=one.max_market_quantity,
    )


def of_cryptocom(one: Listed) -> Instrument:
    far = Band(1 / cryptocom.FARTHEST, cryptocom.FARTHEST)
    return listed(one, (far, far), min_price=None, max_price=None, market_max_notional=one.max_notional)


def binance_refuses(venue: Any, _one: Listed, order: OrderRequest) -> bool:
    return raises(lambda: binance.pass_filters(venue, "a", order))


def bybit_refuses(venue: Any, one: Listed, order: OrderRequest) -> bool:
    return raises(lambda: bybit.pass_filters(venue, "a", one, order))


def cryptocom_refuses(venue: Any, one: Listed, order: OrderRequest) -> bool:
    off = order.price % one.tick or order.quantity % one.step
    return bool(off or cryptocom.shortcoming(venue, "a", order))


def raises(check: Callable[[], object]) -> bool:
    try:
        check()
    except (BinanceRefusal, BybitRefusal):
        return True
    return False


EXCHANGES: dict[str, tuple[tuple[Listed, ...], Callable[[Listed], Instrument], Refuses]] = {
    "binance": (binance_symbols.INSTRUMENTS, of_binance, binance_refuses),
    "bybit": (bybit_symbols.INSTRUMENTS, of_bybit, bybit_refuses),
    "cryptocom": (cryptocom_symbols.INSTRUMENTS, of_cryptocom, cryptocom_refuses),
}


@pytest.mark.parametrize("exchange", EXCHANGES)
@given(data=st.data())
def test_here_and_there_the_same_orders_are_refused(exchange: str, data: st.DataObject) -> None:
    agree(exchange, data)


@pytest.mark.long
@pytest.mark.parametrize("exchange", EXCHANGES)
@settings(max_examples=10_000, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_of_ten_thousand_orders_none_is_sent_in_vain_and_none_kept_back(
    exchange: str, data: st.DataObject
) -> None:
    agree(exchange, data)


def agree(exchange: str, data: st.DataObject) -> None:
    """One order is refused by both or by neither."""
    symbols, told, refuses = EXCHANGES[exchange]
    one = data.draw(st.sampled_from([one for one in symbols if one.category == "spot"]))
    market = Market(symbols, seed=1)
    venue = SimpleNamespace(market=market, open_of=lambda *_: [])
    last = market.last[one.symbol]
    factor = st.sampled_from(["0.1", "0.2", "0.98", "0.99", "1", "1.01", "1.02", "5", "6"]).map(D)
    price = floored(last * data.draw(factor), one.tick) + one.tick * data.draw(
        st.sampled_from([D(0), D(1), D("0.5")])
    )
    worth = data.draw(st.sampled_from(["0.5", "1", "5", "5.01", "100", "1E6", "1E7", "1E9", "1E11"]).map(D))
    quantity = floored(worth / last, one.step) + one.step * data.draw(st.sampled_from([D(0), D(1), D("0.5")]))
    at_market, post_only = data.draw(st.sampled_from([(False, True), (False, False), (True, False)]))
    side: Any = data.draw(st.sampled_from(["buy", "sell"]))
    order = OrderRequest(
        symbol=one.symbol,
        side=side,
        type="market" if at_market else "limit",
        time_in_force="ioc" if at_market else "post_only" if post_only else "gtc",
        price=D(0) if at_market else price,
        quantity=quantity,
    )
    placement = Placement(
        account="a", category="spot", symbol=one.symbol, side=side, quantity=quantity,
        price=None if at_market else price, client_order_id="x", post_only=post_only,
    )  # fmt: skip
    found = refusal(placement, told(one), last, Resting(0, 0))
    if quantity > 0 and (at_market or price > 0):
        assert (found is not None) == refuses(venue, one, order), found
    else:
        assert found is not None

"""A filled BUY gets its SELL, at every exchange, and what comes of it is what the exchange has in its books."""

from pathlib import Path

import pytest

from exchanges.registry import REGISTRY
from exchanges.trading import TradingExchange
from tests.end_to_end.trading import sells, trading_scene, until_trades

EXCHANGES = sorted(name for name, exchange in REGISTRY.items() if isinstance(exchange, TradingExchange))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_buy_gets_its_sell(exchange: str, tmp_path: Path) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        it.trade()
        (trade,) = until_trades(it, "resting")
        (sell,) = sells(it)
        assert sell["client_order_id"] == trade["sell"]
        it.admin.fill(sell["order_id"])
        (trade,) = until_trades(it, "sold")
        print(trade)
        it.agrees()

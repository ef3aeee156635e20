"""Every exchange that vigil speaks, one line each.

The contract tests and every end-to-end scenario are parametrised over it.
"""

from exchanges.base import Exchange
from exchanges.binance import Binance
from exchanges.binance_us import BinanceUs
from exchanges.bybit import Bybit
from exchanges.cryptocom import Cryptocom

REGISTRY: dict[str, Exchange] = {
    exchange.name: exchange for exchange in (Binance(), BinanceUs(), Bybit(), Cryptocom())
}

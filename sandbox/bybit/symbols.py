"""The symbols that the imitation of Bybit lists, spot and contracts sharing one price.

Spot and linear pairs have the same names, so a category belongs to every key.
Steps, limits and fees are those of the documented examples and of a new account.
"""

from decimal import Decimal

from sandbox.market import Instrument, Rates
from sandbox.world import key_of

SPOT_RATES = Rates(maker=Decimal("0.001"), taker=Decimal("0.001"))
CONTRACT_RATES = Rates(maker=Decimal("0.0002"), taker=Decimal("0.00055"))
CATEGORIES = ("spot", "linear", "inverse", "option")
CONTRACTS = ("linear", "inverse", "option")


def _spot(base: str, start: str, tick: str, step: str, most: str) -> Instrument:
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        start=Decimal(start),
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(most),
        max_market_quantity=Decimal(most) / 2,
        min_price=Decimal(tick),
        max_price=Decimal(1_999_999),
        min_notional=Decimal(5),
        max_notional=Decimal(8_000_000),
        depth=Decimal(500),
        max_orders=500,
        max_stop_orders=30,
        rates=SPOT_RATES,
    )


def _contract(name: str, base: str, tick: str, step: str, most: str, *, inverse: bool = False) -> Instrument:
    return Instrument(
        symbol=key_of("inverse" if inverse else "linear", name),
        base=base,
        quote="USD" if inverse else "USDT",
        start=Decimal(1),
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(most),
        max_market_quantity=Decimal(most) / 2,
        min_price=Decimal(tick),
        max_price=Decimal("1999999.80"),
        min_notional=Decimal(5),
        max_notional=Decimal(1_000_000_000),
        depth=Decimal(500),
        category="inverse" if inverse else "linear",
        max_orders=500,
        max_stop_orders=10,
        settle=base if inverse else "USDT",
        inverse=inverse,
        follows=f"{base}USDT",
        rates=CONTRACT_RATES,
    )


INSTRUMENTS = (
    _spot("BTC", "95000", "0.1", "0.000001", "83"),
    _spot("ETH", "3300", "0.01", "0.00001", "2300"),
    _spot("SOL", "180", "0.01", "0.001", "50000"),
    _spot("MNT", "1.1", "0.0001", "0.01", "9000000"),
    _contract("BTCUSDT", "BTC", "0.10", "0.001", "1190.000"),
    _contract("ETHUSDT", "ETH", "0.01", "0.01", "7240.00"),
    _contract("SOLUSDT", "SOL", "0.010", "0.1", "79770.0"),
    _contract("BTCUSD", "BTC", "0.10", "1", "10000000", inverse=True),
)
BALANCES = {
    "USDT": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(200),
    "SOL": Decimal(5_000),
    "MNT": Decimal(100_000),
}

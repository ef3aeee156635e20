"""What the imitation of Crypto.com Exchange lists, with real-looking steps.

A2Z_USD is there for its tick sizes, which its decimals do not show, and because
its token is no collateral. BTCUSD-PERP is a contract settled in USD.
"""

from decimal import Decimal

from sandbox.market import Instrument, Rates

MIN_NOTIONAL, MAX_NOTIONAL = Decimal(1), Decimal(5_000_000)
PERP_RATES = Rates(maker=Decimal("0.00011"), taker=Decimal("0.0003"))
COLLATERAL = {"USD": Decimal(0), "BTC": Decimal("0.1"), "ETH": Decimal("0.1"), "CRO": Decimal("0.5")}
"""The haircut of an asset that counts as collateral; others do not count."""


def _pair(base: str, start: str, tick: str, step: str, depth: str = "500") -> Instrument:
    return Instrument(
        symbol=f"{base}_USD",
        base=base,
        quote="USD",
        start=Decimal(start),
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(10_000_000_000),
        max_market_quantity=Decimal(10_000_000_000),
        min_price=Decimal(tick),
        max_price=Decimal(10_000_000),
        min_notional=MIN_NOTIONAL,
        max_notional=MAX_NOTIONAL,
        depth=Decimal(depth),
    )


PERPETUAL = Instrument(
    symbol="BTCUSD-PERP",
    base="BTC",
    quote="USD",
    start=Decimal("95000.0"),
    tick=Decimal("0.1"),
    step=Decimal("0.0001"),
    min_quantity=Decimal("0.0001"),
    max_quantity=Decimal(1000),
    max_market_quantity=Decimal(1000),
    min_price=Decimal("0.1"),
    max_price=Decimal(10_000_000),
    min_notional=MIN_NOTIONAL,
    max_notional=MAX_NOTIONAL,
    depth=Decimal(500),
    category="perpetual",
    settle="USD",
    follows="BTC_USD",
    leverage=Decimal(50),
    rates=PERP_RATES,
)
INSTRUMENTS = (
    _pair("BTC", "95000", "0.01", "0.00001"),
    _pair("ETH", "3300", "0.01", "0.0001"),
    _pair("CRO", "0.0609", "0.00001", "1"),
    _pair("A2Z", "0.0021234", "0.0000001", "1000"),
    PERPETUAL,
)
BALANCES = {
    "USD": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(200),
    "CRO": Decimal(1_000_000),
    "A2Z": Decimal(20_000_000),
}

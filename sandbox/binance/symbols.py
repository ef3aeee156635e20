"""The symbols that the imitation of Binance lists, with real-looking filters."""

from decimal import Decimal

from sandbox.market import Instrument


def _one(  # noqa: PLR0917 (a row of the table below)
    base: str, quote: str, start: str, tick: str, step: str, quantities: tuple[str, str, str], depth: str
) -> Instrument:
    least, most, most_market = quantities
    return Instrument(
        symbol=base + quote,
        base=base,
        quote=quote,
        start=Decimal(start),
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(least),
        max_quantity=Decimal(most),
        max_market_quantity=Decimal(most_market),
        min_price=Decimal(tick),
        max_price=Decimal(1_000_000) if quote == "USDT" else Decimal(922_327),
        min_notional=Decimal(5) if quote == "USDT" else Decimal("0.0001"),
        max_notional=Decimal(9_000_000),
        depth=Decimal(depth),
    )


INSTRUMENTS = (
    _one("BTC", "USDT", "95000", "0.01", "0.00001", ("0.00001", "9000", "120"), "500"),
    _one("ETH", "USDT", "3300", "0.01", "0.0001", ("0.0001", "9000", "2700"), "500"),
    _one("BNB", "USDT", "640", "0.01", "0.001", ("0.001", "900000", "4100"), "500"),
    _one("SHIB", "USDT", "0.00000783", "0.00000001", "1", ("1", "46116860414", "17000000000"), "500"),
    _one("ETH", "BTC", "0.03474", "0.00001", "0.0001", ("0.0001", "100000", "980"), "0.005"),
)
BALANCES = {
    "USDT": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(200),
    "BNB": Decimal(500),
    "SHIB": Decimal(10_000_000_000),
}

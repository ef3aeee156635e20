"""Orders at Binance.US: as on .com, but for what the account pays (docs.binance.us, Get Trade Fee).

Fees are asked for by another call, which tells the rates of the account's level in
one symbol and leaves the discount for fees in BNB out. Placement, cancel, filters
and prices are the same: see exchanges/binance/trading.py. Its documents do not say
that a timestamp is checked a second time in front of the engine; what they say of
the window and of -1007 is the same, and so is when an unknown order is absent.
"""

from collections.abc import Generator
from decimal import Decimal
from typing import ClassVar

import msgspec

from core.errors import Unreadable
from core.wire import Call, Reply
from exchanges.binance import calls
from exchanges.binance.trading import BinanceTrading, demand_spot
from exchanges.replies import is_amount, parse
from exchanges.trading import FeeRates


class FeeRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The rates of one symbol."""

    symbol: str
    maker_commission: Decimal
    taker_commission: Decimal

    def __post_init__(self) -> None:
        if not (is_amount(self.maker_commission) and is_amount(self.taker_commission)):
            raise ValueError("a rate that is no number")


class BinanceUsTrading(BinanceTrading):
    """The Trading of binance.us."""

    exchange: ClassVar[str] = "binance_us"

    def fee_rates(self, category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        """The rates of the account's level; whether fees are taken in BNB is not said."""
        demand_spot(category)
        rows = parse((yield calls.trading_fee(symbol)), list[FeeRow])
        row = next((row for row in rows if row.symbol == symbol), None)
        if row is None:
            raise Unreadable(f"no rates of {symbol} in the answer that asked for them")
        return FeeRates(row.maker_commission, row.taker_commission)

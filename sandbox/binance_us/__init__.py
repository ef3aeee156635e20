"""The dialect of Binance.US, built to the reference of 2026-11-20: what it shares with .com is .com's."""

from sandbox.binance.symbols import BALANCES, INSTRUMENTS
from sandbox.binance_us.site import BinanceUs, UsHeartbeat

__all__ = ["BALANCES", "INSTRUMENTS", "BinanceUs", "UsHeartbeat"]

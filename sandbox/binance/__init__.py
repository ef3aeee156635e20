"""The dialect of Binance.com, built to the reference of 2026-11-20."""

from sandbox.binance.site import Binance
from sandbox.binance.symbols import BALANCES, INSTRUMENTS

__all__ = ["BALANCES", "INSTRUMENTS", "Binance"]

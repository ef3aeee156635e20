"""The dialect of Crypto.com Exchange v1, built to the reference of 2026-11-20."""

from sandbox.cryptocom.customs import CryptoComCustoms
from sandbox.cryptocom.site import HEARTBEAT, CryptoCom
from sandbox.cryptocom.symbols import BALANCES, INSTRUMENTS

__all__ = ["BALANCES", "HEARTBEAT", "INSTRUMENTS", "CryptoCom", "CryptoComCustoms"]

"""Bybit V5, as the reference describes it: unified account, spot, linear and inverse."""

from sandbox.bybit.customs import BybitCustoms
from sandbox.bybit.site import HEARTBEAT, Bybit
from sandbox.bybit.symbols import BALANCES, INSTRUMENTS

__all__ = ["BALANCES", "HEARTBEAT", "INSTRUMENTS", "Bybit", "BybitCustoms"]

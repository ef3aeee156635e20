"""Frames of Binance, made from the field tables of its documentation."""

from typing import Any

from tests.exchanges.kit import text

NOW = 1_790_000_000_000


def report(**changes: Any) -> dict[str, Any]:
    """An executionReport with every key that is always there: a limit BUY that was accepted."""
    return {
        "e": "executionReport",
        "E": NOW + 3,
        "s": "ETHBTC",
        "c": "mine-1",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "1.50000000",
        "p": "0.10264410",
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": 4293153,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": NOW,
        "t": -1,
        "I": 8641984,
        "w": True,
        "m": False,
        "M": False,
        "O": NOW - 60_000,
        "Z": "0.00000000",
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": NOW - 60_000,
        "V": "NONE",
        **changes,
    }


def trade(**changes: Any) -> dict[str, Any]:
    """A part of the same order was filled."""
    return report(
        **{
            "x": "TRADE",
            "X": "PARTIALLY_FILLED",
            "l": "0.50000000",
            "L": "0.10000000",
            "z": "0.50000000",
            "Z": "0.05000000",
            "Y": "0.05000000",
            "n": "0.00050000",
            "N": "ETH",
            "t": 77,
            "I": 8641990,
            "m": True,
            "M": True,
            **changes,
        }
    )


def position(*rows: tuple[str, str, str], at: int = NOW) -> dict[str, Any]:
    return {
        "e": "outboundAccountPosition",
        "E": at + 2,
        "u": at,
        "B": [{"a": asset, "f": free, "l": locked} for asset, free, locked in rows],
    }


def wrapped(event: Any, subscription: int = 0) -> str:
    """As the WS API sends it."""
    return text({"subscriptionId": subscription, "event": event})


def combined(event: Any, stream: str = "a-listen-key") -> str:
    """As a listen key on /stream sends it."""
    return text({"stream": stream, "data": event})


def without(event: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in keys}

"""Crypto.com's heartbeats, which are the server's: the same on the user socket and on that of the market.

Every 30 s it sends one and wants its id back within 5 s (Exchange API v1, "Heartbeats").
Where neither heartbeats nor anything else came for two periods and the five
seconds that an answer may take, the exchange is gone: pongs to our own pings may
come from a gateway in front of it.
"""

import msgspec

from core.errors import LinkError
from exchanges.base import Broken, Send

HEARTBEAT = "public/heartbeat"
QUIET_MS = 65_000

_ANSWER = "public/respond-heartbeat"
_encode = msgspec.json.Encoder().encode


def answer(number: int | str) -> Send:
    """The heartbeat's own id goes back, as it came."""
    return Send(_encode({"id": number, "method": _ANSWER}).decode())


def silence(quiet_ms: int, most_ms: int) -> Broken | None:
    """The end of a session that has heard nothing for too long."""
    if quiet_ms <= most_ms:
        return None
    seconds = quiet_ms / 1000
    return Broken(LinkError(f"neither heartbeat nor anything else for {seconds:.0f} s, pongs aside"))

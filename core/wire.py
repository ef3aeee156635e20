"""One REST call on its way between a dialect and the socket.

A dialect (which knows an exchange and no socket) and the transport (which knows
sockets and no exchange) meet in these three words: what is to be asked, the
exact bytes that ask it, and what came back. Nothing here knows what it means.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec


class Call(msgspec.Struct, frozen=True):
    """One request, not signed yet. `params` keep their order; `weight` is its price.

    GET marks what only reads, whatever method the exchange wants in the Wire.
    `pace` is the least number of seconds between two calls of this path.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    params: tuple[tuple[str, str], ...] = ()
    auth: Literal["none", "key", "signed"] = "none"
    weight: int = 1
    body: bytes | None = None
    pace: float = 0.0


class Wire(msgspec.Struct, frozen=True):
    """The exact bytes to send; the target is path and query as they were signed."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None


class Reply(msgspec.Struct, frozen=True):
    """What came back. Header names are lower case; `began_ms` is exchange time at request start.

    `began` and `ended` are boottime seconds: a clock sample needs the round trip.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    began_ms: int
    began: float = 0.0
    ended: float = 0.0

"""What Bybit has signed, and how a request is spelled so that the signature fits (v5/guide).

* REST: timestamp + key + window + the raw query or the raw body, to the byte; no
  order of parameters is asked for. The result goes into four headers.
* Stream: "GET/realtime" + the moment at which the request expires.

HMAC in hex or RSA in base64; there are no Ed25519 keys here. A page's cursor
comes percent-encoded already and goes back as it came: encoded again it would be
another text. Only what could not travel in a query at all is encoded in it.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import FatalError
from exchanges.base import Credentials
from exchanges.keys import by_private_key, by_secret, private_key

RECEIVE_WINDOW_MS = 5_000  # the exchange's own; a longer one helps against a slow clock only
EXPIRES_AFTER_MS = 10_000  # of a stream's auth: 1 s was often past on arrival

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Signer:
    """One account's key. Raises FatalError where the credentials cannot sign at all."""

    def __init__(self, credentials: Credentials) -> None:
        self.api_key = credentials.api_key
        key = private_key(credentials)
        if isinstance(key, Ed25519PrivateKey):
            raise FatalError("Bybit takes HMAC secrets and RSA keys, not Ed25519")
        self._sign = by_secret(credentials) if key is None else by_private_key(key)

    def headers(self, payload: bytes, wall_ms: int) -> tuple[tuple[str, str], ...]:
        """The headers of a REST request whose raw query or body is `payload`."""
        prefix = f"{wall_ms}{self.api_key}{RECEIVE_WINDOW_MS}".encode()
        return (
            ("X-BAPI-API-KEY", self.api_key),
            ("X-BAPI-TIMESTAMP", str(wall_ms)),
            ("X-BAPI-RECV-WINDOW", str(RECEIVE_WINDOW_MS)),
            ("X-BAPI-SIGN", self._sign(prefix + payload)),
        )

    def auth(self, wall_ms: int) -> list[str | int]:
        """The arguments of a stream's auth request."""
        expires = wall_ms + EXPIRES_AFTER_MS
        return [self.api_key, expires, self._sign(f"GET/realtime{expires}".encode())]


def encoded(params: Iterable[tuple[str, str]]) -> str:
    """A query string, the order kept; a cursor as it came."""
    return "&".join(
        f"{quote(name, safe='')}={_cursor(value) if name == 'cursor' else quote(value, safe='')}"
        for name, value in params
    )


def _cursor(text: str) -> str:
    """Escapes stay (in upper case, which is the same token); all that means something to a query goes."""
    kept = _ESCAPE.sub(lambda found: found[0].upper(), _PERCENT.sub("%25", text))
    return quote(kept, safe="%=:,;@/?!$'()*")

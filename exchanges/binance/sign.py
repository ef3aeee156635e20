"""What Binance has signed; how a key signs, `exchanges/keys` says. Every kind is taken.

What is signed differs by channel (Binance spot API docs, "Request security",
2026-07-21):

* REST: the query exactly as it will be sent, percent-encoded before signing,
  with the signature appended last; everything goes into the query, no body.
* WS API: all params but the signature, apiKey included, sorted by name, joined
  as name=value with &, not percent-encoded; numbers spelled as in the JSON.

Nothing here knows a clock or a socket.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges.base import Credentials
from exchanges.keys import by_private_key, by_secret, private_key


class Signer:
    """One account's key. Raises FatalError where the credentials cannot sign at all."""

    def __init__(self, credentials: Credentials) -> None:
        self.api_key = credentials.api_key
        key = private_key(credentials)
        self.can_log_on = isinstance(key, Ed25519PrivateKey)  # session.logon takes no other
        self._sign = by_secret(credentials) if key is None else by_private_key(key)

    def signature(self, payload: str) -> str:
        """Hex for HMAC, base64 for RSA and Ed25519; not percent-encoded."""
        return self._sign(payload.encode())

    def query(self, params: Iterable[tuple[str, str]]) -> str:
        """REST: the encoded query with its signature in the last place."""
        text = encoded(params)
        return f"{text}&signature={quote(self.signature(text), safe='')}"

    def signed(self, params: Mapping[str, str | int]) -> dict[str, str | int]:
        """WS API: the params completed by apiKey and signature."""
        named = {"apiKey": self.api_key, **params}
        text = "&".join(f"{name}={named[name]}" for name in sorted(named))
        return {**named, "signature": self.signature(text)}


def encoded(params: Iterable[tuple[str, str]]) -> str:
    """A query string: UTF-8, percent-encoded, the order kept."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)

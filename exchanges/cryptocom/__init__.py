"""Crypto.com Exchange, API v1: one dialect, as the registry holds it.

Both halves are built anew for each socket and each poller, and hold nothing but
the account's key. There are no weights on this exchange; the ceiling is the
public limit of an address, 100 calls a second.
"""

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.cryptocom.rest import CryptocomRest
from exchanges.cryptocom.sign import Signer
from exchanges.cryptocom.stream import UserSession


class Cryptocom:
    """The Exchange of crypto.com."""

    name = "cryptocom"
    defaults = Defaults(
        endpoints=Endpoints(
            rest="https://api.crypto.com",
            ws="wss://stream.crypto.com/exchange/v1/user",
            public_ws="wss://stream.crypto.com/exchange/v1/market",
        ),
        heartbeat=30,
        stale_after=45,
        weight_per_minute=6000,
    )

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:  # noqa: ARG002
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        return UserSession(endpoints.ws, Signer(credentials))

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return CryptocomRest(Signer(credentials))

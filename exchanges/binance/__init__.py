"""Binance (binance.com), spot: one dialect, as the registry holds it.

The private stream is the WS API, whatever `user_stream` says: listen keys ended
here on 2026-02-20. Both halves are built anew for each socket and each poller,
and hold nothing but the account's key (and the list of pairs, for an hour).
"""

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.binance.rest import BinanceRest
from exchanges.binance.sign import Signer
from exchanges.binance.ws_api import ApiStream


class Binance:
    """The Exchange of binance.com."""

    name = "binance"
    defaults = Defaults(
        endpoints=Endpoints(
            rest="https://api.binance.com",
            ws="wss://ws-api.binance.com:443/ws-api/v3",
            public_ws="wss://stream.binance.com:9443",
        ),
        heartbeat=20,
        stale_after=45,
        weight_per_minute=6000,
    )

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:  # noqa: ARG002
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        return ApiStream(endpoints.ws, Signer(credentials))

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return BinanceRest(Signer(credentials))

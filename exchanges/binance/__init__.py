"""Binance (binance.com), spot: one dialect, as the registry holds it.

The private stream is the WS API, whatever `user_stream` says: listen keys ended
here on 2026-02-20. Both halves are built anew for each socket and each poller,
and hold nothing but the account's key (and the list of pairs, for an hour).
"""

from collections.abc import Sequence

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.binance.quotes import AT_ONCE, BookTickers
from exchanges.binance.rest import BinanceRest
from exchanges.binance.sign import Signer
from exchanges.binance.trading import BinanceTrading, demand_spot
from exchanges.binance.words import CATEGORY
from exchanges.binance.ws_api import ApiStream
from exchanges.trading import QuoteSession, Trading


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
    trades = (CATEGORY,)
    quotes_at_once = AT_ONCE

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:  # noqa: ARG002
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        return ApiStream(endpoints.ws, Signer(credentials))

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return BinanceRest(Signer(credentials))

    def trading(self, rest: RestDialect) -> Trading:
        """The orders of the account that `rest` speaks for."""
        return BinanceTrading(rest)

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        """A session for one new public socket."""
        demand_spot(category)
        return BookTickers(endpoints.public_ws, symbols)

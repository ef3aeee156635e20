"""Binance.US (spot), and any host of the family that still gives out listen keys.

The private stream has two ways, and only trying tells which of them a host has
today: the REST listen key, and the signature subscription of the WS API. The
first is the documented one; the second is taken where the settings name it, or
where the first has ended. Which of them that is, is for others to remember.
"""

from collections.abc import Sequence

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.binance.quotes import AT_ONCE, BookTickers
from exchanges.binance.sign import Signer
from exchanges.binance.trading import demand_spot
from exchanges.binance.words import CATEGORY
from exchanges.binance.ws_api import ApiStream
from exchanges.binance_us.listen_key import ListenKeyStream
from exchanges.binance_us.rest import BinanceUsRest
from exchanges.binance_us.trading import BinanceUsTrading
from exchanges.trading import QuoteSession, Trading


class BinanceUs:
    """The Exchange of binance.us."""

    name = "binance_us"
    defaults = Defaults(
        endpoints=Endpoints(
            rest="https://api.binance.us",
            ws="wss://stream.binance.us:9443/ws",
            public_ws="wss://stream.binance.us:9443",
            ws_api="wss://ws-api.binance.us:443/ws-api/v3",
        ),
        heartbeat=20,
        stale_after=45,
        weight_per_minute=6000,
    )
    trades = (CATEGORY,)
    quotes_at_once = AT_ONCE

    def flows(self, endpoints: Endpoints, user_stream: str) -> tuple[str, ...]:
        """The ways that the settings allow; `auto` are those that have an address."""
        if user_stream != "auto":
            return (user_stream,)
        have = (("listen_key", endpoints.ws), ("ws_api", endpoints.ws_api))
        return tuple(flow for flow, url in have if url) or ("listen_key",)

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        signer = Signer(credentials)
        if user_stream == "ws_api":
            return ApiStream(endpoints.ws_api, signer)
        return ListenKeyStream(endpoints.ws)

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return BinanceUsRest(Signer(credentials))

    def trading(self, rest: RestDialect) -> Trading:
        """The orders of the account that `rest` speaks for."""
        return BinanceUsTrading(rest)

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        """A session for one new public socket."""
        demand_spot(category)
        return BookTickers(endpoints.public_ws, symbols)

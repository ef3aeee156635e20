"""Bybit V5 (unified accounts; spot, linear, inverse and option): one dialect, as the registry holds it.

Both halves are built anew for each socket and each poller, and hold nothing but
the account's key, and what a poller has learnt about which markets are in use.
An account of another site (EU, NL, TR, JP …) or of the demo or test environment
is the same dialect under other addresses: a key works in exactly one of them.
"""

from collections.abc import Sequence

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.bybit.quotes import AT_ONCE, BestLevels
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from exchanges.bybit.stream import BybitStream
from exchanges.bybit.trading import TRADES, BybitTrading, demand
from exchanges.trading import QuoteSession, Trading


class Bybit:
    """The Exchange of bybit.com and its sisters."""

    name = "bybit"
    defaults = Defaults(
        endpoints=Endpoints(
            rest="https://api.bybit.com",
            ws="wss://stream.bybit.com/v5/private",
            public_ws="wss://stream.bybit.com/v5/public/spot",
        ),
        heartbeat=20,
        stale_after=45,
        weight_per_minute=7_200,  # 600 calls in any 5 s
    )
    trades = TRADES
    quotes_at_once = AT_ONCE

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:  # noqa: ARG002
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        return BybitStream(endpoints.ws, Signer(credentials))

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return BybitRest(Signer(credentials))

    def trading(self, rest: RestDialect) -> Trading:
        """The orders of the account that `rest` speaks for."""
        return BybitTrading(rest)

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        """A session for one new public socket."""
        demand(category)
        return BestLevels(endpoints.public_ws, category, symbols)

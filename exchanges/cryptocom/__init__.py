"""Crypto.com Exchange, API v1: one dialect, as the registry holds it.

Both halves are built anew for each socket and each poller, and hold nothing but
the account's key. There are no weights on this exchange; the ceiling is the
public limit of an address, 100 calls a second.
"""

from collections.abc import Sequence

from exchanges.base import Credentials, Defaults, Endpoints, RestDialect, StreamSession
from exchanges.cryptocom.quotes import AT_ONCE, Tickers
from exchanges.cryptocom.rest import CryptocomRest
from exchanges.cryptocom.sign import Signer
from exchanges.cryptocom.stream import UserSession
from exchanges.cryptocom.trading import TRADES, CryptocomTrading, demand
from exchanges.trading import QuoteSession, Trading


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
    trades = TRADES
    quotes_at_once = AT_ONCE

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:  # noqa: ARG002
        """A session for one new socket; raises FatalError where the credentials cannot sign."""
        return UserSession(endpoints.ws, Signer(credentials))

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:  # noqa: ARG002
        """The account's REST side; raises FatalError where the credentials cannot sign."""
        return CryptocomRest(Signer(credentials))

    def trading(self, rest: RestDialect) -> Trading:
        """The orders of the account that `rest` speaks for."""
        return CryptocomTrading(rest)

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        """A session for one new public socket."""
        demand(category)
        return Tickers(endpoints.public_ws, category, symbols)

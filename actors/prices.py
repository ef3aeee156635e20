"""The public streams of one source and category: one generation, and no reconnect.

The actor decides which sockets there are: as many as the exchange needs for the
symbols of which somebody needs the price. It is ready when every one of them is
subscribed by acknowledgement, at once where nobody needs any; lost when a reader
says so, or when a peer was silent for `stale_after`, which is judged here. Then this
generation ends, and the supervisor's backoff decides about the next.

A symbol more means new sockets for all: an exchange's session has its symbols from
the start. Nothing is lost by the gap: a price that is missed is not made up for, and
while none comes the exchange is asked by REST (actors/price_poller). A symbol less
changes nothing.
"""

from typing import assert_never

import structlog

from actors.base import Actor, Context
from actors.quote_reader import QuoteDesk, QuoteReader, QuotesLost, QuotesSubscribed
from actors.quotes import Quotes
from core.errors import LinkError, RateLimited, VigilError
from core.messages import Momentary, PriceDoubted
from exchanges.base import Endpoints
from exchanges.trading import TradingExchange
from transport.origin import Origins, RestOrigin
from transport.websocket import WebSocket

log = structlog.get_logger()

LOOKS_EVERY = 1.0  # seconds, at who needs what and how long the peers have been silent
AGAIN = 60.0  # seconds to the next try of what only a changed program can mend
JOIN_WITHIN = 0.9


class _Look(Momentary, frozen=True, gc=False):
    """See what is needed, and how long the peers have been silent."""


class _Beat(Momentary, frozen=True, gc=False):
    """Have a heartbeat sent."""


Inbox = QuotesSubscribed | QuotesLost | _Look | _Beat


class PricesActor(Actor):
    """`heartbeat` and `stale_after` are seconds; `poller` is the id of the child that asks by REST."""

    def __init__(
        self,
        context: Context,
        *,
        source: str,
        category: str,
        exchange: TradingExchange,
        endpoints: Endpoints,
        quotes: Quotes,
        origins: Origins,
        poller: str,
        heartbeat: float,
        stale_after: float,
    ) -> None:
        super().__init__(context)
        self._source = source
        self._category = category
        self._exchange = exchange
        self._endpoints = endpoints
        self._quotes = quotes
        self._origins = origins
        self._poller = poller
        self._heartbeat = heartbeat
        self._stale_after = stale_after
        self._symbols: tuple[str, ...] = ()
        self._readers: dict[int, QuoteReader] = {}
        self._made = 0
        self._is_ready = False

    # -------------------------------------------------------------------- a life

    def started(self) -> None:
        self._look()
        self.later(self._heartbeat, _Beat())

    def handle(self, message: Inbox) -> None:
        match message:
            case QuotesSubscribed():
                self._say_ready()
            case QuotesLost(reader=number, error=error):
                if number in self._readers:
                    raise self._ending(error)
            case _Look():
                self._look()
            case _Beat():
                for reader in self._readers.values():
                    if reader.is_subscribed:
                        reader.beat()
                self.later(self._heartbeat, _Beat())
            case _:
                assert_never(message)

    def stopping(self) -> None:
        self._dismiss()

    def abandoned(self) -> None:
        for reader in tuple(self._readers.values()):
            reader.dismiss()

    # --------------------------------------------------------------- the sockets

    def _look(self) -> None:
        needed = [
            place.symbol for place in self._quotes.needed(self._source) if place.category == self._category
        ]
        if not set(needed) <= set(self._symbols):
            self._dismiss()
            self._symbols = tuple(needed)
            self._connect()
        self._say_ready()
        self._judge()
        self.later(min(LOOKS_EVERY, self._stale_after / 4), _Look())

    def _connect(self) -> None:
        """New readers on new sockets, for all that is needed. Raises what makes it senseless to try."""
        rest = self._rest()
        rest.heed_ban()
        most = self._exchange.quotes_at_once
        for start in range(0, len(self._symbols), most):
            symbols = self._symbols[start : start + most]
            session = self._exchange.quotes(self._endpoints, self._category, symbols)
            self._origins.connecting(session.url)
            self._made += 1
            reader = QuoteReader(self._made, session, self._plug, self._desk(rest))
            self._readers[self._made] = reader
            reader.start()
        log.info("prices_subscribing", child=self.name, gen=self.gen, symbols=list(self._symbols))

    def _plug(self, url: str) -> WebSocket:
        return WebSocket(url, clock=self.context.clock)

    def _desk(self, rest: RestOrigin) -> QuoteDesk:
        poller = self.context.directory.address(self._poller)
        return QuoteDesk(
            source=self._source,
            category=self._category,
            origin=self.context.origin,
            clock=self.context.clock,
            quotes=self._quotes,
            rest=rest,
            is_current=self.is_current,
            tell=self.me.urge,
            doubted=lambda: poller.tell(PriceDoubted()),
        )

    def _rest(self) -> RestOrigin:
        return self._origins.rest(self._endpoints.rest, self._exchange.defaults.weight_per_minute)

    def _dismiss(self) -> None:
        readers = tuple(self._readers.values())
        self._readers.clear()
        for reader in readers:
            reader.dismiss()
        for reader in readers:
            reader.join(JOIN_WITHIN / len(readers))

    def _say_ready(self) -> None:
        if not self._is_ready and all(reader.is_subscribed for reader in self._readers.values()):
            self._is_ready = True
            self.ready()

    def _judge(self) -> None:
        """End what was silent for too long."""
        now = self.context.clock.boottime()
        for reader in self._readers.values():
            if not reader.is_alive():
                if not reader.has_told_its_end:
                    raise LinkError("the reader is gone")
                continue  # its last word waits in our mailbox
            silence = 0.0 if reader.heard_at is None else now - reader.heard_at
            patience = self._stale_after
            if not reader.is_subscribed:
                patience = max(patience, reader.session.subscribe_timeout)
            if silence >= patience:
                raise LinkError(f"no byte from the peer for {silence:.1f} s")

    def _ending(self, error: Exception) -> Exception:
        """What this generation ends with: there is no key that a person could mend, so nothing is held."""
        if isinstance(error, RateLimited) and error.ban:
            self._rest().refused(error)
        if isinstance(error, LinkError) or not isinstance(error, VigilError):
            return error
        return RateLimited(f"{type(error).__name__}: {error}", retry_after=AGAIN)

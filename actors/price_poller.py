"""The second source of prices: asks by REST where the streams of one source do not suffice.

What is asked for, and when, core/prices says: a jump that is in doubt, a price that
is lacking, a symbol of which the stream says nothing. It is a child of its own because
it is needed exactly when a stream is down.

* One call per message, and the most pressing first; a call that takes longer than
  WITHIN is given up, for its price would be old.
* It draws on the budget that all who call there share, and takes a part of it only:
  so many symbols that this does not suffice for are asked for less often. While the
  exchange wants nobody to call, nobody does.
* What the exchange does not tell is asked for once a minute.
* A symbol that lacks a price for long is an incident, until it has one again.

Prices are public: no call is signed, and no key is looked up.
"""

from typing import Final, assert_never

import structlog

from actors.base import Actor, Context, Timer
from actors.quotes import REST, Place, Quotes
from core.errors import LinkError, RateLimited, VigilError
from core.messages import Momentary, PriceDoubted
from core.records import Incident
from exchanges.base import Credentials, Endpoints
from exchanges.trading import TopOfBook, TradingExchange
from transport.origin import Origins
from transport.rest import RestClient

log = structlog.get_logger()

LOOKS_EVERY = 0.5  # seconds
WITHIN = (2.0, 2.0)  # seconds to connect, and to be answered
SHARE = 0.2  # of the weight that a minute allows
PATIENCE = 60.0  # after a refusal for pace that names no time
INCIDENT: Final = "price_lacking"
_NOBODY = Credentials("nobody", "nothing")


class _Look(Momentary, frozen=True, gc=False):
    """See what is due."""


Inbox = PriceDoubted | _Look


class PricePollerActor(Actor):
    """Works for all categories of one source."""

    def __init__(
        self,
        context: Context,
        *,
        source: str,
        exchange: TradingExchange,
        endpoints: Endpoints,
        quotes: Quotes,
        origins: Origins,
    ) -> None:
        super().__init__(context, mailbox=4, overflow="keep_last")
        self._source = source
        self._exchange = exchange
        self._endpoints = endpoints
        self._quotes = quotes
        self._limit = exchange.defaults.weight_per_minute
        self._origin = origins.rest(endpoints.rest, self._limit)
        self._client: RestClient | None = None
        self._free_at = 0.0  # boottime: no call leaves before
        self._timer: Timer | None = None

    def started(self) -> None:
        dialect = self._exchange.rest(_NOBODY, self._endpoints)
        self._trading = self._exchange.trading(dialect)
        self._client = RestClient(
            self._endpoints.rest,
            dialect=dialect,
            origin=self._origin,
            clock=self.context.clock,
            timeouts=WITHIN,
        )
        self.ready()
        self._look()

    def handle(self, message: Inbox) -> None:
        match message:
            case PriceDoubted() | _Look():
                self._look()
            case _:
                assert_never(message)

    def stopping(self) -> None:
        if self._client is not None:
            self._client.close()

    def abandoned(self) -> None:
        if self._client is not None:
            self._client.abort()

    def _look(self) -> None:
        """At most one call; back when the next may leave."""
        if self._timer is not None:
            self._timer.cancel()
        due = self._quotes.due(self._source)
        if due and self._client is not None and self.context.clock.boottime() >= self._free_at:
            self._ask(self._client, due[0])
        self._tell()
        wait = self._free_at - self.context.clock.boottime()
        self._timer = self.later(wait if 0 < wait < LOOKS_EVERY else LOOKS_EVERY, _Look())

    def _ask(self, client: RestClient, place: Place) -> None:
        clock, weight = self.context.clock, 0
        asked_at = clock.boottime()
        self._quotes.asked(place)
        plan = self._trading.quote(place.category, place.symbol)
        try:
            call = next(plan)
            while True:
                weight += call.weight
                call = plan.send(client.call(call))
        except StopIteration as end:
            self._answered(end.value, asked_at)
        except RateLimited as error:
            self._free_at = clock.boottime() + (error.retry_after or PATIENCE)
            log.warning("prices_not_asked", child=self.name, error=str(error))
            return
        except LinkError as error:
            log.warning("price_not_answered", child=self.name, symbol=place.symbol, error=str(error))
            client.renew()
        except VigilError as error:
            log.warning("price_refused_by_exchange", child=self.name, symbol=place.symbol, error=str(error))
            self._quotes.refuses(place, str(error))
        self._free_at = clock.boottime() + weight * 60 / (self._limit * SHARE)

    def _answered(self, top: TopOfBook, asked_at: float) -> None:
        """It was so after the question left: that is as old as it can be."""
        if self.is_current():
            self._quotes.hear(self._source, top, asked_at, REST)

    def _tell(self) -> None:
        """What lacks a price for long, and what has one again."""
        for place, why in self._quotes.turned(self._source):
            at, key = self.context.clock.wall_ms(), "price:" + ":".join(place)
            text = f"{place.source} {place.category} {place.symbol}: {why or 'there is a price again'}"
            self.context.record(Incident(at, key, INCIDENT, "warning", text, resolved=why is None))

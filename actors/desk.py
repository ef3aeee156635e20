"""One account's way to its exchange for orders: what is to be asked, one call at a time.

The desk is a queue of errands. Each is a plan of the dialect (`exchanges/trading`),
begun when its turn comes and driven one call per message, so that the actor it
belongs to hears pings and a Stop in between. What ends something (a cancel) goes
before what begins something. It decides nothing about orders: it brings what came of
a plan to whoever asked, and sees to what all of them need, the exchange's time and
credentials that were mended.

A plan that changes something is never begun twice by the desk.
"""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import structlog

from actors.base import Context
from core.errors import ClockError, FatalError, RateLimited, VigilError
from core.offset import SAMPLES, Sample, measured
from core.secrecy import masked
from core.wire import Call, Reply
from exchanges.base import Credentials, Endpoints
from exchanges.trading import Trading, TradingExchange, Unheard, Unsure
from transport.origin import Origins
from transport.rest import RestClient

log = structlog.get_logger()

Plan = Generator[Call, Reply, Any]
Begin = Callable[[], Plan | None]
"""Makes the plan when its turn has come; None = it is not wanted any more."""
Then = Callable[[Any], object]
"""Is told what the plan returned, or the VigilError that it let through."""

CLOCK_FOR = 3600.0  # seconds that a set clock is trusted
WAIT = 5.0  # seconds after a refusal that says nothing of how long it lasts


class _Errand:
    """A plan that waits for its turn, or is on its way; `call` is what it wants next."""

    def __init__(self, begin: Begin, then: Then, *, urgent: bool) -> None:
        self.begin = begin
        self.then = then
        self.urgent = urgent
        self.plan: Plan | None = None
        self.call: Call | None = None


class Desk:
    """One thread only, `abort` aside. `wake` is told in how many seconds `step` is to be called."""

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        exchange: TradingExchange,
        credentials: Callable[[], Credentials],
        endpoints: Endpoints,
        origins: Origins,
        wake: Callable[[float], None],
    ) -> None:
        self._context = context
        self._account = account
        self._exchange = exchange
        self._credentials = credentials
        self._endpoints = endpoints
        self._origin = origins.rest(endpoints.rest, exchange.defaults.weight_per_minute)
        self._wake = wake
        self._urgent: deque[_Errand] = deque()
        self._waiting: deque[_Errand] = deque()
        self._errand: _Errand | None = None
        self._client: RestClient | None = None
        self._secrets: tuple[str, ...] = ()
        self.trading: Trading
        self.closed_until = 0.0  # boottime: nothing new is to be placed before
        self.clock_error: float | None = (
            None  # seconds by which the exchange's clock had moved when last asked
        )

    def open(self) -> None:
        """Be the account's voice with the credentials as they are now. Raises FatalError where there are none."""
        self.close()
        credentials = self._credentials()
        self._secrets = credentials.texts()
        rest = self._exchange.rest(credentials, self._endpoints)
        self._dialect = rest
        self.trading = self._exchange.trading(rest)
        self._client = RestClient(
            self._endpoints.rest,
            dialect=rest,
            origin=self._origin,
            clock=self._context.clock,
            ended=self._origin.ended(self._account),
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def abort(self) -> None:
        """From any thread: end what runs."""
        if self._client is not None:
            self._client.abort()

    def time_ms(self) -> int:
        """Exchange time now."""
        return self._origin.time_ms()

    def masked(self, text: str) -> str:
        """The text without what we sign with: an exchange may echo it."""
        return masked(text, self._secrets)

    # --------------------------------------------------------------------- errands

    def ask(self, begin: Begin, then: Then, *, urgent: bool = False) -> None:
        """Have this done when its turn comes; `urgent` before all that is not, and from the kept budget."""
        (self._urgent if urgent else self._waiting).append(_Errand(begin, then, urgent=urgent))
        self._wake(0.0)

    def set_clock(self, then: Then = lambda _: None) -> None:
        """Learn the exchange's time anew, before anything is placed."""
        self.ask(self._clock, then, urgent=True)

    def is_clock_old(self) -> bool:
        """Whether the exchange's time has to be learnt before anything is signed."""
        at = self._origin.anchored_at
        return at is None or self._context.clock.boottime() - at > CLOCK_FOR

    def forgive_clock(self) -> None:
        """What the exchange's clock had moved by was learnt when it was seen: it does not stand any more."""
        self.clock_error = None if self.clock_error is None else 0.0

    def step(self) -> None:
        """At most one call of the errand that is being done; says itself when it wants to go on."""
        errand = self._errand or self._next()
        if errand is None or errand.plan is None or errand.call is None:
            return
        assert self._client is not None
        if (pause := self._client.pause(errand.call)) > 0:
            self._wake(pause)
            return
        brought: Reply | VigilError
        try:
            brought = self._client.call(errand.call, urgent=errand.urgent)
        except VigilError as error:
            brought = error
        self._advance(errand, brought)

    def run(self, plan: Plan, until: float) -> None:
        """Drive a plan here and now, urgently, until boottime `until`: for the last second of a life."""
        assert self._client is not None
        try:
            call = next(plan)
            while self._context.clock.boottime() < until:
                try:
                    reply = self._client.call(call, urgent=True)
                except VigilError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(reply)
        except (StopIteration, VigilError):
            return

    def _next(self) -> _Errand | None:
        """Begin the next errand that is still wanted."""
        while waiting := self._urgent or self._waiting:
            errand = waiting.popleft()
            errand.plan = errand.begin()
            if errand.plan is None:
                continue
            self._errand = errand
            self._advance(errand, None)
            if self._errand is errand:
                return errand
        return None

    def _advance(self, errand: _Errand, brought: Reply | VigilError | None) -> None:
        """Hand over what the call brought; the plan's next call, or its end."""
        assert errand.plan is not None
        try:
            if isinstance(brought, VigilError):
                errand.call = errand.plan.throw(brought)
            elif brought is None:
                errand.call = next(errand.plan)
            else:
                errand.call = errand.plan.send(brought)
        except StopIteration as end:
            self._end(errand, end.value)
        except VigilError as error:
            self._end(errand, error)
        else:
            self._wake(0.0)

    def _end(self, errand: _Errand, came_of_it: Any) -> None:
        self._errand = None
        error = came_of_it.error if isinstance(came_of_it, Unheard | Unsure) else came_of_it
        if isinstance(error, VigilError):
            self._heed(error)
        errand.then(came_of_it)
        if self._urgent or self._waiting:
            self._wake(0.0)

    def _heed(self, error: VigilError) -> None:
        """What an error asks for, whoever it came to."""
        log.info("trading_call_failed", account=self._account, error=self.masked(str(error)))
        wait = error.retry_after if isinstance(error, RateLimited) else None
        self.closed_until = self._context.clock.boottime() + (WAIT if wait is None else wait)
        if isinstance(error, ClockError):
            self._origin.doubt_clock()
        elif isinstance(error, FatalError):
            try:
                self.open()  # what was refused may have been mended in its file
            except FatalError as missing:
                log.warning("no_credentials", account=self._account, error=str(missing))

    def _clock(self) -> Plan:
        """Sample the exchange's time; how far it had moved is kept where it was known before."""
        was_known = self._origin.anchored_at is not None
        samples: list[Sample] = []
        while len(samples) < SAMPLES:
            sample = yield from measured(self._dialect.clock())
            samples.append(sample)
        best = min(samples, key=lambda sample: sample.round_trip)
        if was_known:
            ours = self._origin.time_ms() - (self._context.clock.boottime() - best.ended) * 1000
            off = best.server_ms - ours
            slack = best.round_trip * 1000
            self.clock_error = 0.0 if -slack <= off <= slack else off / 1000
        else:
            self.clock_error = 0.0
        self._origin.learn(samples)

"""The reader of one public socket: the prices of some symbols, onto the board of prices.

Between a frame and the board stands no mailbox. A price is as old as the exchange
says, where our clock was set by the exchange's, so that one which was long on its
way is not taken for a new one; else it is as old as its arrival. What comes later on
one socket is not older than what came before.

A reader of a generation without authority writes nothing (S24).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
import structlog

from actors.quotes import Place, Quotes
from actors.sockets import SocketReader
from core.clock import Clock
from core.facts import Origin
from exchanges.trading import Quoted, QuoteSession, TopOfBook
from transport.frames import Pong
from transport.origin import RestOrigin
from transport.websocket import Received, WebSocket

log = structlog.get_logger()


class QuotesSubscribed(msgspec.Struct, frozen=True, gc=False):
    """Every symbol of this reader was acknowledged on its own socket."""

    reader: int


class QuotesLost(msgspec.Struct, frozen=True):
    """It ended; `error` says why."""

    reader: int
    error: Exception


Notice = QuotesSubscribed | QuotesLost


@dataclass(frozen=True)
class QuoteDesk:
    """What the readers of one generation share; every callable is safe in every thread."""

    source: str
    category: str
    origin: Origin
    clock: Clock
    quotes: Quotes
    rest: RestOrigin  # for the exchange's time
    is_current: Callable[[], bool]
    tell: Callable[[Notice], object]
    doubted: Callable[[], object]  # somebody should ask by REST whether a jump is true


class QuoteReader(SocketReader):
    """One public socket's thread."""

    session: QuoteSession

    def __init__(
        self, number: int, session: QuoteSession, plug: Callable[[str], WebSocket], desk: QuoteDesk
    ) -> None:
        super().__init__(
            number, session, plug, owner=desk.origin, clock=desk.clock, time_ms=desk.rest.time_ms
        )
        self._desk = desk
        self._told_at: dict[str, float] = {}  # boottime, by symbol, as the exchange said

    def _tell_end(self, error: Exception | None) -> None:
        self._desk.tell(QuotesLost(self.number, error or RuntimeError("the reader ended by itself")))

    def _reached(self, stage: Literal["authenticating", "subscribing", "subscribed"]) -> None:
        super()._reached(stage)
        if stage == "subscribed":
            self._desk.tell(QuotesSubscribed(self.number))

    def _take(self, received: Received) -> None:
        time_ms = self._desk.rest.time_ms()
        for message in received.messages:
            if isinstance(message, str):
                self._quoted(message, time_ms)
            elif isinstance(message, Pong):
                self._ponged(message)
            else:
                self._note(message.why)

    def _quoted(self, text: str, time_ms: int) -> None:
        told = self.session.received(text, time_ms)
        if self._desk.is_current():
            self._write(told, time_ms)
        for note in told.notes:
            self._note(note)
        for signal in told.signals:
            self._act(signal)

    def _write(self, told: Quoted, time_ms: int) -> None:
        desk = self._desk
        for top in told.quotes:
            if desk.quotes.hear(desk.source, top, self._was_so_at(top, time_ms)) == "jump":
                desk.doubted()
        for symbol in told.unknown:
            desk.quotes.refuses(Place(desk.source, desk.category, symbol), "there are no prices of it")

    def _was_so_at(self, top: TopOfBook, time_ms: int) -> float:
        """The boottime second."""
        now = self.heard_at or self._clock.boottime()
        if top.at_ms is None or self._desk.rest.anchored_at is None:
            return now
        at = now - (time_ms - top.at_ms) / 1000
        self._told_at[top.symbol] = at = min(now, max(at, self._told_at.get(top.symbol, at)))
        return at

    def _note(self, note: str) -> None:
        log.warning("quote_not_readable", child=self._desk.origin.child, why=note)

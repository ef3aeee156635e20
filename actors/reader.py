"""The reader of one private socket: from the key that lets it in to its last frame.

It decodes, and hands facts to the inlet itself: between a frame and the ledger
stands no mailbox. Its actor serves one all the while, and hears from here only
what concerns the session, as Notices, the end included, whatever ended it.

* Where the socket is entered by a key, this thread asks for it first: it may
  block. A key that could not be confirmed but must be alive still is used.
* A refused timestamp has the clock set before the end is told. Where the exchange
  does not say whether stamp or key is wrong, and refuses the next attempt too, it
  is asked by REST what the key is worth: that is definite.
* What cannot be read is kept, not fatal: it goes to the journal as Unrecognised.
* After a rotation the old reader is retired: it reads on until the pong to a
  last ping has come, and a little longer, so that nothing that was on its way
  on the old socket is lost. If that pong does not come, it says so by Lost.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
import structlog

from actors.inlet import Inlet
from actors.memory import StreamMemory
from actors.sockets import SocketReader
from core.clock import Clock
from core.errors import AuthInDoubt, ClockError, FatalError, KeyGone, LinkError, RateLimited, VigilError
from core.facts import Batch, Fact, Origin, Unrecognised
from core.secrecy import masked
from core.status import Vitals
from core.wire import Call, Reply
from exchanges.base import (
    KeyedSession,
    Resubscribed,
    RotateSoon,
    Signal,
    StreamSession,
)
from transport.frames import Garbled, Pong
from transport.rest import RestClient
from transport.websocket import Received, WebSocket

log = structlog.get_logger()

T = TypeVar("T")

LINGER = 1.0  # seconds that a retired reader reads on at least
RETIRE_WITHIN = 5.0
_LAST_PING = b"vigil retires"
_ODD = {Unrecognised}

# --------------------------------------------------------- what the actor hears


class Progressed(msgspec.Struct, frozen=True, gc=False):
    reader: int
    stage: Literal["connecting", "authenticating", "subscribing"]


class Subscribed(msgspec.Struct, frozen=True, gc=False):
    """Acknowledged on this reader's own socket."""

    reader: int


class Renewed(msgspec.Struct, frozen=True, gc=False):
    """The subscription ended and was renewed on the same socket; a gap may have opened."""

    reader: int
    cause: str


class RotationAsked(msgspec.Struct, frozen=True, gc=False):
    """The server is about to leave."""

    reader: int
    cause: str


class Retired(msgspec.Struct, frozen=True, gc=False):
    """Ended after a rotation, and nothing was left on its socket."""

    reader: int


class Lost(msgspec.Struct, frozen=True):
    """Ended; `error` says why."""

    reader: int
    error: Exception


Notice = Progressed | Subscribed | Renewed | RotationAsked | Retired | Lost

# -------------------------------------------------------------------- the reader


@dataclass(frozen=True)
class Desk:
    """What the readers of one generation share. `tell` and `inlet` are safe in every thread."""

    account: str
    exchange: str
    origin: Origin
    clock: Clock
    inlet: Inlet
    vitals: Vitals
    secrets: tuple[str, ...]  # never to be kept in a raw frame
    time_ms: Callable[[], int]  # exchange time
    memory: StreamMemory
    rest: Callable[[], RestClient]  # for a key, and for what follows from a refusal
    permissions: Callable[[], Generator[Call, Reply, object]]  # raises FatalError where the key is refused
    tell: Callable[[Notice], object]
    owe: Callable[[], object]  # balances are owed: have somebody look in a moment


class StreamReader(SocketReader):
    """One private socket's thread."""

    session: StreamSession

    def __init__(
        self, number: int, session: StreamSession, plug: Callable[[str], WebSocket], desk: Desk
    ) -> None:
        super().__init__(number, session, plug, owner=desk.origin, clock=desk.clock, time_ms=desk.time_ms)
        self._desk = desk
        self._secrets = desk.secrets
        self._retire_at: float | None = None  # None: not retired, or its last pong has not come
        self._client: RestClient | None = None

    # --------------------------------------------------------------- any thread

    def retire(self) -> None:
        """Have it read to the end of what is on its way, then end with Retired."""
        self._ask(self._retire)

    def abort(self) -> None:
        """End it now, whatever it is doing. It tells that it was lost."""
        super().abort()
        if (client := self._client) is not None:
            client.abort()

    # -------------------------------------------------------------- its own life

    def _prepare(self) -> None:
        self._desk.tell(Progressed(self.number, "connecting"))
        if isinstance(self.session, KeyedSession):
            self._enter(self.session)

    def _tell_end(self, error: Exception | None) -> None:
        emptied = self._retire_at is not None and isinstance(error, LinkError)
        if error is None or emptied:
            self._desk.tell(Retired(self.number))
        else:
            self._desk.tell(Lost(self.number, self._looked_into(error)))

    def _enter(self, session: KeyedSession) -> None:
        """Have a key. A shared one is the same for every socket of the account."""
        memory = self._desk.memory
        try:
            key = self._ask_rest(lambda client: client.drive(session.open_key()))
        except (KeyGone, RateLimited):
            raise
        except LinkError as error:
            age, held = memory.age(), memory.held
            if self._is_aborted or held is None or age is None or age >= session.key_life:
                raise
            log.warning("listen_key_not_confirmed", account=self._desk.account, error=str(error))
            key = held.key
        else:
            memory.renewed(key)
            self._desk.vitals.duties["listen_key"] = self._clock.boottime()
            self._desk.vitals.key_life = session.key_life
        self._secrets = (*self._secrets, key)
        session.enter(key)

    def _ask_rest(self, work: Callable[[RestClient], T]) -> T:
        """Let a client of its own do `work`, which anybody may abort."""
        client = self._client = self._desk.rest()
        if self._is_aborted:
            client.abort()
        try:
            return work(client)
        finally:
            client.close()

    def _moments(self) -> list[float]:
        return [*super()._moments(), *([self._retire_at] if self._retire_at else [])]

    def _look(self, now: float) -> None:
        if self._retire_at is not None and now >= self._retire_at:
            self._ended = True
        else:
            super()._look(now)

    # ------------------------------------------------------------ what comes in

    def _take(self, received: Received) -> None:
        """One read's messages: their facts to the inlet as one list, whatever happens meanwhile."""
        self._desk.vitals.transport_at = self.heard_at
        time_ms, wall_ms = self._desk.time_ms(), self._clock.wall_ms()
        batches: list[Batch] = []
        try:
            for message in received.messages:
                if isinstance(message, str):
                    decoded = self.session.received(message, time_ms)
                    if decoded.facts:
                        batches.append(self._batch(decoded.facts, message, received.at, wall_ms))
                    for signal in decoded.signals:
                        self._act(signal)
                elif isinstance(message, Pong):
                    self._ponged(message)
                else:
                    batches.append(self._odd(message, received.at, wall_ms))
        finally:
            if batches:
                self._desk.inlet.put(batches)

    def _batch(self, facts: tuple[Fact, ...], raw: str, at: float, wall_ms: int) -> Batch:
        desk = self._desk
        if set(map(type, facts)) != _ODD:
            desk.vitals.streamed += len(facts)
            desk.vitals.last_event_at = wall_ms
            if desk.vitals.owed.heard(facts, desk.vitals.transport_at or 0.0):
                desk.owe()
        raw = masked(raw, self._secrets)
        return Batch(desk.account, desk.exchange, "stream", desk.origin, wall_ms, at, facts, raw)

    def _odd(self, message: Garbled, at: float, wall_ms: int) -> Batch:
        log.warning("frame_not_readable", account=self._desk.account, why=message.why)
        return self._batch((Unrecognised("frame", message.why),), message.excerpt, at, wall_ms)

    def _act(self, signal: Signal) -> None:
        match signal:
            case RotateSoon(cause=cause):
                self._desk.tell(RotationAsked(self.number, cause))
            case Resubscribed(cause=cause):
                self._desk.tell(Renewed(self.number, cause))
            case _:
                super()._act(signal)

    def _reached(self, stage: Literal["authenticating", "subscribing", "subscribed"]) -> None:
        if stage != "subscribed":
            self._desk.tell(Progressed(self.number, stage))
            return
        super()._reached(stage)
        self._desk.vitals.subscribed_gen = self._desk.origin.gen
        self._beaten()
        self._desk.tell(Subscribed(self.number))

    # ------------------------------------------------------- heartbeats, the end

    def _ponged(self, pong: Pong) -> None:
        if pong.payload == _LAST_PING and self._deadline is not None:
            self._retire_at = max(self._clock.monotonic(), self._deadline[0] - RETIRE_WITHIN + LINGER)
            self._deadline = None
        else:
            super()._ponged(pong)

    def _beaten(self) -> None:
        self._desk.vitals.duties["heartbeat"] = self._clock.boottime()

    def _retire(self) -> None:
        self._deadline = (self._clock.monotonic() + RETIRE_WITHIN, "the last ping was not answered")
        self._socket.send_ping(_LAST_PING)

    def _looked_into(self, error: Exception) -> Exception:
        """The error that is told: what ended the session, or what was found to be behind it."""
        if isinstance(error, ClockError):
            self._set_clock()
        if isinstance(error, AuthInDoubt) and self._desk.memory.doubted():
            return self._verdict(error)
        return error

    def _verdict(self, doubt: AuthInDoubt) -> VigilError:
        """What REST has against the key; the doubt itself where that is nothing, or nothing definite."""
        try:
            self._ask_rest(lambda client: client.drive(self._desk.permissions()))
        except FatalError as refusal:
            return refusal
        except VigilError as error:
            log.warning("key_not_verified", account=self._desk.account, error=str(error))
        else:
            log.warning("key_is_good", account=self._desk.account, refused=str(doubt))
        return doubt

    def _set_clock(self) -> None:
        """Our stamp was refused: the next attempt shall have the right time."""
        try:
            self._ask_rest(lambda client: client.resync())
        except VigilError as error:
            log.warning("clock_not_set", account=self._desk.account, error=str(error))

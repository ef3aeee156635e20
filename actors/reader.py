"""The thread that owns one private socket, from its lookup to its last frame.

It connects, runs the exchange's session, decodes, and hands facts to the inlet
itself: between a frame and the ledger stands no mailbox. Its actor serves one
all the while, and hears from here only what concerns the session, as Notices,
the end included, whatever ended it.

* The session belongs to this thread alone. Whoever wants something of it leaves
  a request and wakes the socket.
* Only bytes from the peer are a sign of life (`heard_at`), never our own loop.
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

import heapq
import threading
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, TypeVar, assert_never

import msgspec
import structlog

from actors.inlet import Inlet
from actors.memory import StreamMemory
from core.clock import Clock
from core.errors import AuthInDoubt, ClockError, FatalError, KeyGone, LinkError, RateLimited, VigilError
from core.facts import Batch, Fact, Origin, Unrecognised
from core.secrecy import masked
from core.status import Vitals
from core.wire import Call, Reply
from exchanges.base import (
    Broken,
    KeyedSession,
    PongReceived,
    Reached,
    Resubscribed,
    RotateSoon,
    Send,
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
_HEARTBEAT, _LAST_PING = b"vigil", b"vigil retires"
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


class StreamReader:
    """One socket's thread. `start` it once; everything but the attributes is for any thread."""

    def __init__(
        self, number: int, session: StreamSession, plug: Callable[[str], WebSocket], desk: Desk
    ) -> None:
        """`plug` makes a socket to this URL, which may be complete only when the thread runs."""
        self.number = number
        self.heard_at: float | None = None  # boottime of the peer's last byte; None until it is open
        self.is_subscribed = False
        self.has_told_its_end = False  # final once the thread is not alive any more
        self.session = session
        self._plug = plug
        self._plugged: WebSocket | None = None
        self._desk = desk
        self._secrets = desk.secrets
        self._clock = desk.clock
        self._requests: deque[Callable[[], None]] = deque()
        self._delayed: list[tuple[float, int, str]] = []  # frames to be sent at a monotonic second
        self._deadline: tuple[float, str] | None = None  # of the phase that the session is in
        self._retire_at: float | None = None  # None: not retired, or its last pong has not come
        self._awaits_pong = False
        self._ended = self._is_dismissed = self._is_aborted = False
        self._client: RestClient | None = None
        name = f"{desk.origin.child}#{desk.origin.gen} reader {number}"
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    # --------------------------------------------------------------- any thread

    def start(self) -> None:
        self._thread.start()

    def beat(self) -> None:
        """Have a heartbeat sent."""
        self._ask(self._beat)

    def retire(self) -> None:
        """Have it read to the end of what is on its way, then end with Retired."""
        self._ask(self._retire)

    def dismiss(self) -> None:
        """End it now; nobody wants to hear of it any more."""
        self._is_dismissed = True
        self.abort()

    def abort(self) -> None:
        """End it now, whatever it is doing. It tells that it was lost."""
        self._is_aborted = True
        if (socket := self._plugged) is not None:
            socket.abort()
        if (client := self._client) is not None:
            client.abort()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _ask(self, request: Callable[[], None]) -> None:
        self._requests.append(request)
        if (socket := self._plugged) is not None:
            socket.wake()

    @property
    def _socket(self) -> WebSocket:
        assert self._plugged is not None
        return self._plugged

    # -------------------------------------------------------------- its own life

    def _live(self) -> None:
        """From the first lookup to the last notice; what is raised here ends the session."""
        notice: Notice
        try:
            self._desk.tell(Progressed(self.number, "connecting"))
            if isinstance(self.session, KeyedSession):
                self._enter(self.session)
            self._open()
            while not self._ended:
                self._turn()
            notice = Retired(self.number)
        except Exception as error:  # noqa: BLE001  the border of supervision: the actor raises it again
            emptied = self._retire_at is not None and isinstance(error, LinkError)
            notice = Retired(self.number) if emptied else Lost(self.number, error)
        except BaseException as error:  # noqa: BLE001  a thread may not vanish without a word
            notice = Lost(self.number, RuntimeError(f"the reader ended with {error!r}"))
        if self._plugged is not None:
            self._plugged.close()
        if self._is_dismissed:
            return
        if isinstance(notice, Lost):
            notice = Lost(self.number, self._looked_into(notice.error))
        self._desk.tell(notice)
        self.has_told_its_end = True

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

    def _open(self) -> None:
        self._plugged = self._plug(self.session.url)
        if self._is_aborted:
            self._plugged.abort()
        self._socket.open()
        self.heard_at = self._clock.boottime()
        within = self.session.subscribe_timeout
        self._deadline = (self._clock.monotonic() + within, f"not subscribed within {within:.0f} s")
        for signal in self.session.opened(self._desk.time_ms()):
            self._act(signal)

    def _turn(self) -> None:
        """Wait for what comes first: bytes, a request, or a moment that was set."""
        received = self._socket.read(self._patience())
        if received is not None:
            self._take(received)
        while self._requests:
            self._requests.popleft()()
        now = self._clock.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            self._socket.send_text(heapq.heappop(self._delayed)[2])
        if self._retire_at is not None and now >= self._retire_at:
            self._ended = True
        elif self._deadline is not None and now >= self._deadline[0]:
            raise LinkError(self._deadline[1])

    def _patience(self) -> float | None:
        moments = [self._delayed[0][0]] if self._delayed else []
        moments += [self._deadline[0]] if self._deadline else []
        moments += [self._retire_at] if self._retire_at else []
        return max(0.0, min(moments) - self._clock.monotonic()) if moments else None

    # ------------------------------------------------------------ what comes in

    def _take(self, received: Received) -> None:
        """One read's messages: their facts to the inlet as one list, whatever happens meanwhile."""
        self.heard_at = self._desk.vitals.transport_at = self._clock.boottime()
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
            case Send(text=text, after=after) if after > 0:
                due = self._clock.monotonic() + after
                heapq.heappush(self._delayed, (due, len(self._delayed), text))
            case Send(text=text):
                self._socket.send_text(text)
            case Reached(stage=stage):
                self._reached(stage)
            case Broken(error=error):
                raise error
            case PongReceived():
                self._beat_answered()
            case RotateSoon(cause=cause):
                self._desk.tell(RotationAsked(self.number, cause))
            case Resubscribed(cause=cause):
                self._desk.tell(Renewed(self.number, cause))
            case _:
                assert_never(signal)

    def _reached(self, stage: Literal["authenticating", "subscribing", "subscribed"]) -> None:
        if stage != "subscribed":
            self._desk.tell(Progressed(self.number, stage))
            return
        self._deadline = None
        self.is_subscribed = True
        self._desk.vitals.subscribed_gen = self._desk.origin.gen
        self._stamp_heartbeat()
        self._desk.tell(Subscribed(self.number))

    # ------------------------------------------------------- heartbeats, the end

    def _beat(self) -> None:
        send = self.session.heartbeat(self._desk.time_ms())
        self._awaits_pong = True
        if send is None:
            self._socket.send_ping(_HEARTBEAT)
        else:
            self._act(send)

    def _ponged(self, pong: Pong) -> None:
        if pong.payload == _LAST_PING and self._deadline is not None:
            self._retire_at = max(self._clock.monotonic(), self._deadline[0] - RETIRE_WITHIN + LINGER)
            self._deadline = None
        elif pong.payload == _HEARTBEAT:
            self._beat_answered()

    def _beat_answered(self) -> None:
        """Only an answer that we waited for is a success: a peer may send pongs of its own."""
        if self._awaits_pong:
            self._awaits_pong = False
            self._stamp_heartbeat()

    def _stamp_heartbeat(self) -> None:
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

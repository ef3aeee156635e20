"""The thread that owns one socket, from its lookup to its last frame.

It connects and runs the exchange's session; what is done with what the session
makes of a frame is a subclass's business. Its actor hears from it how it ended,
once, whatever ended it.

* The session belongs to this thread alone. Whoever wants something of it leaves
  a request and wakes the socket.
* Only bytes from the peer are a sign of life (`heard_at`), never our own loop.
* That a socket is not subscribed in time, this thread sees; that its peer is
  silent, its actor must: a thread that hangs would not judge itself.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol, assert_never

from core.clock import Clock
from core.errors import LinkError
from core.facts import Origin
from exchanges.base import Broken, PongReceived, Reached, Resubscribed, RotateSoon, Send, Signal
from transport.frames import Pong
from transport.websocket import Received, WebSocket

_HEARTBEAT = b"vigil"


class Session(Protocol):
    """What every session has (exchanges.base.StreamSession, exchanges.trading.QuoteSession)."""

    url: str
    subscribe_timeout: float

    def opened(self, wall_ms: int) -> tuple[Signal, ...]: ...

    def heartbeat(self, wall_ms: int) -> Send | Broken | None: ...


class SocketReader:
    """One socket's thread. `start` it once; everything but the attributes is for any thread."""

    def __init__(
        self,
        number: int,
        session: Session,
        plug: Callable[[str], WebSocket],
        *,
        owner: Origin,
        clock: Clock,
        time_ms: Callable[[], int],
    ) -> None:
        """`plug` makes a socket to this URL, which may be complete only when the thread runs."""
        self.number = number
        self.heard_at: float | None = None  # boottime of the peer's last byte; None until it is open
        self.is_subscribed = False
        self.has_told_its_end = False  # final once the thread is not alive any more
        self.session = session
        self._plug = plug
        self._plugged: WebSocket | None = None
        self._clock = clock
        self._time_ms = time_ms  # exchange time
        self._requests: deque[Callable[[], None]] = deque()
        self._delayed: list[tuple[float, int, str]] = []  # frames to be sent at a monotonic second
        self._deadline: tuple[float, str] | None = None  # of the phase that the session is in
        self._awaits_pong = False
        self._ended = self._is_dismissed = self._is_aborted = False
        name = f"{owner.child}#{owner.gen} reader {number}"
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    # --------------------------------------------------------------- any thread

    def start(self) -> None:
        self._thread.start()

    def beat(self) -> None:
        """Have a heartbeat sent."""
        self._ask(self._beat)

    def dismiss(self) -> None:
        """End it now; nobody wants to hear of it any more."""
        self._is_dismissed = True
        self.abort()

    def abort(self) -> None:
        """End it now, whatever it is doing. It tells how it ended."""
        self._is_aborted = True
        if (socket := self._plugged) is not None:
            socket.abort()

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

    # --------------------------------------------------------- a subclass decides

    def _prepare(self) -> None:
        """What has to be done before the socket can be opened."""

    def _take(self, received: Received) -> None:
        """One read's messages."""
        raise NotImplementedError

    def _tell_end(self, error: Exception | None) -> None:
        """The thread ends: by itself, or by this error, which the actor raises again."""
        raise NotImplementedError

    def _beaten(self) -> None:
        """The peer has answered a heartbeat of ours."""

    # -------------------------------------------------------------- its own life

    def _live(self) -> None:
        """From the first lookup to the last word; what is raised here ends the session."""
        error: Exception | None = None
        try:
            self._prepare()
            self._open()
            while not self._ended:
                self._turn()
        except Exception as raised:  # noqa: BLE001  the border of supervision: the actor raises it again
            error = raised
        except BaseException as raised:  # noqa: BLE001  a thread may not vanish without a word
            error = RuntimeError(f"the reader ended with {raised!r}")
        if self._plugged is not None:
            self._plugged.close()
        if not self._is_dismissed:
            self._tell_end(error)
            self.has_told_its_end = True

    def _open(self) -> None:
        self._plugged = self._plug(self.session.url)
        if self._is_aborted:
            self._plugged.abort()
        self._socket.open()
        self.heard_at = self._clock.boottime()
        within = self.session.subscribe_timeout
        self._deadline = (self._clock.monotonic() + within, f"not subscribed within {within:.0f} s")
        for signal in self.session.opened(self._time_ms()):
            self._act(signal)

    def _turn(self) -> None:
        """Wait for what comes first: bytes, a request, or a moment that was set."""
        received = self._socket.read(self._patience())
        if received is not None:
            self.heard_at = self._clock.boottime()
            self._take(received)
        while self._requests:
            self._requests.popleft()()
        now = self._clock.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            self._socket.send_text(heapq.heappop(self._delayed)[2])
        self._look(now)

    def _look(self, now: float) -> None:
        """Whether it is over by time."""
        if self._deadline is not None and now >= self._deadline[0]:
            raise LinkError(self._deadline[1])

    def _patience(self) -> float | None:
        moments = self._moments()
        return max(0.0, min(moments) - self._clock.monotonic()) if moments else None

    def _moments(self) -> list[float]:
        """The monotonic seconds at which there is something to do."""
        moments = [self._delayed[0][0]] if self._delayed else []
        return moments + ([self._deadline[0]] if self._deadline else [])

    # ------------------------------------------------------------------- signals

    def _act(self, signal: Signal) -> None:
        """Do what the session says. Where it is about to end, it ends: who needs a better end overrides that."""
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
            case RotateSoon(cause=cause) | Resubscribed(cause=cause):
                raise LinkError(f"the session is not what it was: {cause}")
            case _:
                assert_never(signal)

    def _reached(self, stage: Literal["authenticating", "subscribing", "subscribed"]) -> None:
        if stage == "subscribed":
            self._deadline = None
            self.is_subscribed = True

    # ---------------------------------------------------------------- heartbeats

    def _beat(self) -> None:
        send = self.session.heartbeat(self._time_ms())
        self._awaits_pong = True
        if send is None:
            self._socket.send_ping(_HEARTBEAT)
        else:
            self._act(send)

    def _ponged(self, pong: Pong) -> None:
        if pong.payload == _HEARTBEAT:
            self._beat_answered()

    def _beat_answered(self) -> None:
        """Only an answer that we waited for is a success: a peer may send pongs of its own."""
        if self._awaits_pong:
            self._awaits_pong = False
            self._beaten()

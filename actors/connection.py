"""The private stream of one account: one generation, one connection, no reconnect.

The actor decides what becomes of the session that its reader runs: ready only
when it is subscribed by acknowledgement on this very socket (B1); lost when the
reader says so, or when the peer was silent for `stale_after` (S22), which is
judged here, for a reader that hangs would not judge itself. Then this generation
ends, and the supervisor's backoff decides about the next.

The one exception is planned rotation. A second reader connects and subscribes
first; when it is there, the old one is retired (it reads what is still on its
way) and the two streams overlap: the ledger takes each fact once. If the
successor fails, the old one stays and it is tried again later. If the old one
breaks before it could confirm that nothing was left, a reconcile is asked for.

Where a stream is entered by a key, the keepalive says when it is to be renewed.
A key that is gone ends this generation at once, and so does the age at which it
must have expired, however alive the socket looks. Where the exchange says that
its way in has ended, the next try takes the other way, if the settings allow one;
as long as none has led to a stream again, there is one try a minute.
"""

from collections.abc import Callable
from typing import Any, Final, assert_never

import structlog

from actors.base import Actor, Context
from actors.inlet import Inlet
from actors.memory import StreamMemory
from actors.reader import (
    RETIRE_WITHIN,
    Desk,
    Lost,
    Notice,
    Progressed,
    Renewed,
    Retired,
    RotationAsked,
    StreamReader,
    Subscribed,
)
from core.errors import (
    FatalError,
    KeyGone,
    LinkError,
    ProtocolChanged,
    RateLimited,
    StaleGeneration,
    VigilError,
)
from core.incidents import Duty, Kind
from core.messages import (
    BalancesOwed,
    Momentary,
    RenewKey,
    ResyncNeeded,
    Rotate,
    SendHeartbeat,
    StreamProgressed,
    Warned,
)
from core.records import Incident, Severity
from core.status import Vitals
from exchanges.base import Credentials, Endpoints, Exchange, KeyedSession, ManyWays, RestDialect
from transport.origin import Origins, RestOrigin
from transport.rest import RestClient
from transport.websocket import WebSocket

log = structlog.get_logger()

LOOKS = 4  # at the age of the last byte, per `stale_after`
AGAIN = 60.0  # seconds to the next try of a rotation, and of what only a changed program can mend
JOIN_WITHIN = 0.9
_CHANGED: Final = "protocol_changed"
_REFUSED: Final = "stream_refused"
_KEY: Final = "listen_key"
_OF_THE_STREAM: tuple[Duty, ...] = ("heartbeat", "rotation", "listen_key")  # duties that end with it


class _Look(Momentary, frozen=True, gc=False):
    """See how long the peers have been silent."""


Inbox = SendHeartbeat | Rotate | RenewKey | Notice | _Look


class ConnectionActor(Actor):
    """`stale_after` is in seconds; `user_stream` chooses among the exchange's flows.

    `credentials` looks them up, once for each generation; it may read files, and
    raises FatalError where there are none.
    """

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        exchange: Exchange,
        credentials: Callable[[], Credentials],
        endpoints: Endpoints,
        user_stream: str,
        stale_after: float,
        inlet: Inlet,
        vitals: Vitals,
        origins: Origins,
        memory: StreamMemory | None = None,
    ) -> None:
        super().__init__(context)
        self._account = account
        self._exchange = exchange
        self._look_up_credentials = credentials
        self._endpoints = endpoints
        self._user_stream = user_stream
        self._flows: tuple[str, ...] = (user_stream,)
        self._memory = memory or StreamMemory(context.clock)
        self._stale_after = stale_after
        self._inlet = inlet
        self._vitals = vitals
        self._origins = origins
        self._made = 0
        self._current: StreamReader | None = None
        self._successor: StreamReader | None = None
        self._retiring: StreamReader | None = None
        self._renewing: RestClient | None = None
        self._renew_from = 0.0  # boottime: what was asked for before that has been tried since

    # -------------------------------------------------------------------- a life

    def started(self) -> None:
        self._credentials = self._look_up_credentials()
        if isinstance(self._exchange, ManyWays):
            self._flows = self._exchange.flows(self._endpoints, self._user_stream)
        if self._memory.is_doubtful:
            self._warn("the exchange has ended the way into the stream that was used: see the incidents")
        self._current = self._connect()
        self._look()

    def handle(self, message: Inbox) -> None:
        match message:
            case SendHeartbeat():
                for reader in self._readers():
                    if reader.is_subscribed and reader is not self._retiring:
                        reader.beat()
            case Rotate(cause=cause):
                self._rotate(cause)
            case RenewKey(asked_at=asked_at):
                self._renew(asked_at)
            case RotationAsked(reader=number, cause=cause):
                if self._is_current(number):
                    self._rotate(cause)
            case Progressed(reader=number, stage=stage):
                if self._is_current(number):
                    self._supervisor_hears(StreamProgressed(self.name, self.gen, self._account, stage))
            case Subscribed(reader=number):
                self._subscribed(number)
            case Renewed(cause=cause):
                self._resync(cause)
            case Retired():
                self._retiring = None
            case Lost(reader=number, error=error):
                self._lost(number, error)
            case _Look():
                self._look()
            case _:
                assert_never(message)

    def stopping(self) -> None:
        if self._vitals.subscribed_gen == self.gen:  # one that was abandoned must not speak for the next
            self._vitals.subscribed_gen = None
            for duty in _OF_THE_STREAM:
                self._vitals.duties.pop(duty, None)
        readers = self._readers()
        for reader in readers:
            reader.dismiss()
        for reader in readers:
            reader.join(JOIN_WITHIN / len(readers))

    def abandoned(self) -> None:
        for reader in self._readers():
            reader.dismiss()
        if (client := self._renewing) is not None:
            client.abort()

    # --------------------------------------------------------------- the readers

    def _readers(self) -> list[StreamReader]:
        return [reader for reader in (self._current, self._successor, self._retiring) if reader is not None]

    def _is_current(self, number: int) -> bool:
        return self._current is not None and self._current.number == number

    def _connect(self) -> StreamReader:
        """A new reader on a new socket, on its way. Raises what makes it senseless to try."""
        clock, flow = self.context.clock, self._memory.flow(self._flows)
        session = self._exchange.stream(self._credentials, self._endpoints, flow)
        if not session.url:
            raise FatalError(f"this account has no {'ws_api_url' if self._endpoints.ws else 'ws_url'}")
        self._rest_origin().heed_ban()
        self._origins.connecting(session.url)
        self._made += 1
        reader = StreamReader(self._made, session, lambda url: WebSocket(url, clock=clock), self._desk())
        reader.start()
        return reader

    def _desk(self) -> Desk:
        poller = self.context.directory.address(f"{self._account}/poller")
        return Desk(
            account=self._account,
            exchange=self._exchange.name,
            origin=self.context.origin,
            clock=self.context.clock,
            inlet=self._inlet,
            vitals=self._vitals,
            secrets=self._credentials.texts(),
            time_ms=self._rest_origin().time_ms,
            memory=self._memory,
            rest=self._client,
            permissions=lambda: self._dialect().permissions(),
            tell=self.me.urge,
            owe=lambda: poller.tell(BalancesOwed()),
        )

    def _rest_origin(self) -> RestOrigin:
        return self._origins.rest(self._endpoints.rest, self._exchange.defaults.weight_per_minute)

    def _client(self) -> RestClient:
        return RestClient(
            self._endpoints.rest,
            dialect=self._dialect(),
            origin=self._rest_origin(),
            clock=self.context.clock,
        )

    def _dialect(self) -> RestDialect:
        return self._exchange.rest(self._credentials, self._endpoints)

    def _subscribed(self, number: int) -> None:
        if self._is_current(number):
            self._arrived(self._current)
            self._rest_origin().stream_is_back(self._account)
            self.ready()
        elif self._successor is not None and self._successor.number == number:
            self._retiring, self._current, self._successor = self._current, self._successor, None
            if self._retiring is not None:
                self._retiring.retire()
            self._arrived(self._current)
            log.info("stream_rotated", account=self._account, gen=self.gen)

    def _arrived(self, reader: StreamReader | None) -> None:
        """There is a stream: whatever was wrong with the way to it is over."""
        self._vitals.duties["rotation"] = self.context.clock.boottime()
        if reader is not None and not isinstance(reader.session, KeyedSession):
            self._memory.lost_key()
            self._vitals.duties.pop("listen_key", None)
        if self._memory.is_doubtful:
            self._warn(None)
        self._memory.arrived(self._flows)
        for kind in (_CHANGED, _REFUSED, _KEY):
            self._record(kind, "the stream is subscribed", resolved=True)

    def _rotate(self, cause: str) -> None:
        """Open the next socket, unless one is on its way; once the last change is done."""
        current = self._current
        if current is None or not current.is_subscribed or self._successor is not None:
            return
        if self._retiring is not None:
            self.later(RETIRE_WITHIN, Rotate(cause))
            return
        log.info("stream_rotating", account=self._account, gen=self.gen, cause=cause)
        try:
            self._successor = self._connect()
        except VigilError as error:
            self._rotate_later(error)

    def _rotate_later(self, error: Exception) -> None:
        log.warning("rotation_failed", account=self._account, gen=self.gen, error=str(error))
        hint = error.retry_after if isinstance(error, RateLimited) else None
        self.later(max(AGAIN, hint or 0.0), Rotate("the last try failed"))

    # ------------------------------------------------------------------- the key

    def _renew(self, asked_at: float) -> None:
        """One call, and no second one for what was asked for meanwhile."""
        held, keyed = self._memory.held, self._keyed()
        if held is None or keyed is None or asked_at < self._renew_from or not self.is_current():
            return
        client = self._renewing = self._client()
        pause = 0.0
        try:
            client.drive(keyed.renew_key(held.key))
        except ProtocolChanged as error:
            pause = AGAIN
            self._cannot_renew(error)
        except (KeyGone, FatalError, StaleGeneration) as error:
            raise self._ending(error) from None
        except VigilError as error:
            log.warning("listen_key_not_renewed", account=self._account, gen=self.gen, error=str(error))
            self._record(_KEY, f"the listen key was not renewed: {error}", severity="warning")
        else:
            self._memory.renewed(held.key)
            self._vitals.duties[_KEY] = self.context.clock.boottime()
            self._record(_KEY, "the listen key is renewed", resolved=True)
        finally:
            self._renewing = None
            self._renew_from = self.context.clock.boottime() + pause
            client.close()

    def _cannot_renew(self, error: ProtocolChanged) -> None:
        """The way has ended but the key lives on for a while: go over to the other way, if there is one."""
        self._record(_CHANGED, f"{type(error).__name__}: {error}")
        if not self._memory.is_doubtful and self._memory.turn(self._flows):
            self._rotate("the exchange gives out no listen keys any more")

    def _keyed(self) -> KeyedSession | None:
        session = self._current.session if self._current is not None else None
        return session if isinstance(session, KeyedSession) else None

    def _look_at_key(self) -> None:
        """An expired key may leave the socket open and silent for ever."""
        keyed, age = self._keyed(), self._memory.age()
        if keyed is None or self._current is None or not self._current.is_subscribed:
            return  # a reader on its way asks for a key by itself
        if age is not None and age >= keyed.key_life:
            raise self._ending(KeyGone(f"the listen key was not renewed for {age / 60:.0f} min"))

    # ----------------------------------------------------------- what ends them

    def _lost(self, number: int, error: Exception) -> None:
        if isinstance(error, RateLimited) and error.ban:
            self._rest_origin().refused(error)  # it is the address that is banned, not this socket
        if self._retiring is not None and self._retiring.number == number:
            self._retiring = None
            self._resync(f"the old socket broke while it was being left: {error}")
        elif self._successor is not None and self._successor.number == number:
            self._successor = None
            self._rotate_later(error)
        elif self._is_current(number):
            raise self._ending(error)

    def _look(self) -> None:
        """End what was silent for too long; come back when the next could be."""
        now, left = self.context.clock.boottime(), [self._stale_after]
        self._look_at_key()
        for reader in self._readers():
            if not reader.is_alive():
                if self._is_current(reader.number) and not reader.has_told_its_end:
                    raise LinkError("the reader is gone")
                continue  # its last notice waits in our mailbox, and knows more than we see here
            age = 0.0 if reader.heard_at is None else now - reader.heard_at
            patience = self._patience_with(reader)
            if age < patience:
                left.append(patience - age)
            elif self._is_current(reader.number):
                raise LinkError(f"no byte from the peer for {age:.1f} s")
            else:
                reader.abort()
        # also when nothing can be due: a suspended machine stops timers but not ages
        self.later(max(min(*left, self._stale_after / LOOKS), 0.005), _Look())

    def _patience_with(self, reader: StreamReader) -> float:
        """Seconds that its peer may say nothing.

        Before the subscription an exchange may want a pause of us, in which nobody says
        anything: that an attempt takes too long, its reader knows, unless it hangs.
        """
        if reader.is_subscribed:
            return self._stale_after
        return max(self._stale_after, reader.session.subscribe_timeout)

    def _ending(self, error: Exception) -> Exception:
        """The error that this generation ends with: what only a person or a new program can mend waits.

        Anything that is none of the known errors is a bug, and stays one.
        """
        if isinstance(error, StaleGeneration) or not isinstance(error, VigilError):
            return error
        if isinstance(error, KeyGone):
            self._memory.lost_key()
            self._record(_KEY, str(error), severity="warning")
            return error
        if self._memory.is_doubtful and len(self._flows) > 1:
            return self._lost_again(error)
        if isinstance(error, LinkError | FatalError):
            return error
        changed = isinstance(error, ProtocolChanged)
        self._record(_CHANGED if changed else _REFUSED, f"{type(error).__name__}: {error}")
        if changed and self._memory.turn(self._flows):
            return LinkError(f"{error}; the next try goes by {self._memory.flow(self._flows)}")
        return RateLimited(str(error), retry_after=AGAIN)

    def _lost_again(self, error: VigilError) -> Exception:
        """One way has ended and the other leads nowhere: polling is what is left, and a try a minute."""
        way = self._memory.flow(self._flows)
        self._memory.turn(self._flows)
        self._record(_CHANGED, f"no way leads to a stream now, only REST is asked: {way}: {error}")
        hint = error.retry_after if isinstance(error, RateLimited) else None
        return RateLimited(f"{way}: {error}", retry_after=max(AGAIN, hint or 0.0))

    # ---------------------------------------------------------------- what is told

    def _resync(self, cause: str) -> None:
        self._supervisor_hears(ResyncNeeded(self.name, self.gen, self._account, cause))

    def _supervisor_hears(self, message: Any) -> None:
        self.context.supervisor.tell(message)

    def _warn(self, text: str | None) -> None:
        self._supervisor_hears(Warned(self.name, self.gen, self._account, "stream", text))

    def _record(
        self, kind: Kind, text: str, *, severity: Severity = "critical", resolved: bool = False
    ) -> None:
        at, key = self.context.clock.wall_ms(), f"{self._account}:stream:{kind}"
        self.context.record(Incident(at, key, kind, severity, text, self._account, resolved))

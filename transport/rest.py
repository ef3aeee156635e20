"""One signed call over HTTP, and what its failure means.

A RestClient belongs to one actor (one `requests` session each). It asks the
origin whether the call may leave, has it signed with the exchange's time, sends
exactly the bytes that were signed, and raises what the dialect makes of the
reply. It never repeats a call, follows no redirect, takes no proxy from the
environment, and reads no endless body: whoever calls decides about another try,
for a retry that sleeps in here would knock during a ban and look hung (S21).

A call fails *before* it was sent with LinkError; a write that fails after that
may have taken effect, which is UnknownOutcome and nothing else.

A call that has a pace leaves that long after the end of the last one of its path:
counted from the end, so that no delay on the way brings two too close together.
"""

import re
import socket
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection

from core.clock import Clock
from core.errors import BadRequest, LinkError, RateLimited, UnknownOutcome, VigilError
from core.offset import SAMPLES, measured
from core.wire import Call, Reply, Wire
from transport.dial import RESOLVER, Interrupt, Resolver, dial
from transport.origin import RestOrigin

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 8.0
BODY_LIMIT = 32 * 1024 * 1024
STUCK = 1.0  # seconds; a call that is younger is given its time

T = TypeVar("T")

# What passes through urllib3 unchanged. Anything else would be re-encoded on the
# way, and the exchange would check the signature of other bytes than were signed.
_UNTOUCHED = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-F]{2})*")


class Dialect(Protocol):
    """What a client needs of an exchange's REST side (exchanges/base.RestDialect is one)."""

    def sign(self, call: Call, wall_ms: int) -> Wire: ...

    def classify(self, call: Call, reply: Reply) -> VigilError | None: ...

    def used_weight(self, reply: Reply) -> int | None: ...

    def clock(self) -> Generator[Call, Reply, int]: ...


class RestClient:
    """One actor's way to one REST origin. One thread calls; any may abort."""

    def __init__(
        self,
        base: str,
        *,
        dialect: Dialect,
        origin: RestOrigin,
        clock: Clock,
        resolver: Resolver = RESOLVER,
        timeouts: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT),
        ended: dict[str, float] | None = None,
    ) -> None:
        self._base = base.rstrip("/")
        self._dialect = dialect
        self._origin = origin
        self._clock = clock
        self._timeouts = timeouts
        self._ended = {} if ended is None else ended  # path -> boottime second, of calls that have a pace
        self._reading_since: float | None = None  # boottime, while the answer to a reading call is awaited
        self._interrupt = Interrupt()
        self._adapter = _Adapter(partial(self._dial, resolver))
        self._session = _Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def call(self, call: Call, *, urgent: bool = False) -> Reply:
        """A good reply, or the VigilError that says what to do; at most 13 s either way.

        `urgent` calls may use the part of the budget that is kept back. What the
        exchange refuses for pace closes the origin for everybody.
        """
        if (pause := self.pause(call)) > 0:
            raise RateLimited("not sent: too soon after the last call of its kind", retry_after=pause)
        self._origin.begin(call.weight, urgent=urgent)
        if call.pace:  # whoever else calls for this account sees it on its way
            self._ended[call.path] = self._clock.boottime()
        stated = None
        try:
            began_ms = self._origin.time_ms()
            reply = self._send(call, self._dialect.sign(call, began_ms), began_ms)
            stated = self._dialect.used_weight(reply)
        finally:
            self._origin.end(call.weight, stated)
            if call.pace:
                self._ended[call.path] = self._clock.boottime()
        error = self._dialect.classify(call, reply)
        if isinstance(error, RateLimited):
            self._origin.refused(error)
        if error is not None:
            raise error
        return reply

    def pause(self, call: Call) -> float:
        """Seconds until a call of this path may leave, by its own pace; 0 = now."""
        ended = self._ended.get(call.path)
        return 0.0 if ended is None else max(0.0, ended + call.pace - self._clock.boottime())

    def drive(self, plan: Generator[Call, Reply, T]) -> T:
        """Run a plan to its end. It blocks for all its calls: not for a thread with a mailbox."""
        try:
            call = next(plan)
            while True:
                try:
                    reply = self.call(call)
                except VigilError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(reply)
        except StopIteration as end:
            value: T = end.value
            return value

    def resync(self) -> None:
        """Set the origin's clock by fresh samples; blocks, see `drive`."""
        self._origin.learn([self.drive(measured(self._dialect.clock())) for _ in range(SAMPLES)])

    def renew(self) -> None:
        """Forget the connection that is kept open: the next call dials.

        For whoever has seen another connection to the same place die, for this
        one may be as dead and would only say so after the whole read timeout.
        """
        self._adapter.close()

    def abort(self) -> None:
        """End what runs, and refuse what comes, from any thread: the owner is being abandoned."""
        self._interrupt.set()
        self._adapter.shut()

    def hurry(self) -> None:
        """End a reading call that has waited for a while with LinkError, from any thread; never a write."""
        since = self._reading_since
        if since is not None and self._clock.boottime() - since > STUCK:
            self._adapter.shut()

    def close(self) -> None:
        self._session.close()

    # ---------------------------------------------------------------- one request

    def _send(self, call: Call, wire: Wire, began_ms: int) -> Reply:
        if not _UNTOUCHED.fullmatch(wire.target):
            raise BadRequest("not sent: a character of the target would be re-encoded after signing")
        began = self._clock.boottime()
        self._reading_since = began if call.method == "GET" else None
        try:
            with self._session.send(self._prepared(wire), stream=True, timeout=self._timeouts) as response:
                body = self._body(response, began + sum(self._timeouts))
                headers = {name.lower(): value for name, value in response.headers.items()}
                ended = self._clock.boottime()
                return Reply(response.status_code, headers, body, began_ms, began, ended)
        except requests.exceptions.SSLError as error:
            raise LinkError(_told(error)) from None  # no request leaves before the handshake is done
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if call.method == "GET":
                raise LinkError(_told(error)) from None
            raise UnknownOutcome(_told(error)) from None
        finally:
            self._reading_since = None

    def _prepared(self, wire: Wire) -> requests.PreparedRequest:
        """Filled in by hand: preparing it would quote the URL once more."""
        prepared = requests.PreparedRequest()
        prepared.method = wire.method
        prepared.url = self._base + wire.target
        prepared.headers = CaseInsensitiveDict((("User-Agent", "vigil"), *wire.headers))
        prepared.body = wire.body
        prepared.hooks = default_hooks()
        if wire.body is not None:
            prepared.headers["Content-Length"] = str(len(wire.body))
        return prepared

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """The whole body, as long as it is neither endless nor dripping."""
        body = bytearray()
        while chunk := response.raw.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > BODY_LIMIT:
                raise OSError(f"a body of more than {BODY_LIMIT} bytes")
            if self._clock.boottime() > deadline:
                raise OSError("the body took too long")
        return bytes(body)

    def _dial(
        self, resolver: Resolver, host: str, port: int, adopt: Callable[[socket.socket], None]
    ) -> socket.socket:
        return dial(
            host,
            port,
            timeout=self._timeouts[0],
            clock=self._clock,
            adopt=adopt,
            interrupt=self._interrupt,
            resolver=resolver,
        )


class _Session(requests.Session):
    """A redirect is an answer like any other: not followed, nor even looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


# ------------------------------------------------------------- our own connecting

_Dial = Callable[[str, int, Callable[[socket.socket], None]], socket.socket]


class _Plain(HTTPConnection):
    """Connects by `dial`: lookups that cannot hang us, sockets that others can shut."""

    def __init__(self, dial: _Dial, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._dial = dial

    def _new_conn(self) -> socket.socket:
        return self._dial(self.host, self.port, partial(setattr, self, "sock"))


class _Secure(HTTPSConnection):
    def __init__(self, dial: _Dial, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._dial = dial

    def _new_conn(self) -> socket.socket:
        return self._dial(self.host, self.port or 443, partial(setattr, self, "sock"))


class _Adapter(HTTPAdapter):
    """No retries; connections of our kind, remembered weakly so that they can be shut."""

    def __init__(self, dial: _Dial) -> None:
        self._dial = dial
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=1)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = partial(self._connection, _Secure if pool.scheme == "https" else _Plain)
        return pool

    def shut(self) -> None:
        for connection in tuple(self._connections):
            sock = connection.sock
            if sock is None:
                continue
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                continue  # not connected

    def _connection(self, kind: type[_Plain | _Secure], *args: Any, **options: Any) -> HTTPConnection:
        connection = kind(self._dial, *args, **options)
        self._connections.add(connection)
        return connection


def _told(error: Exception) -> str:
    """The failure by its kind and its root; not by its own text, in which requests puts the whole URL."""
    root: BaseException = error
    while (cause := root.__cause__ or root.__context__) is not None:
        root = cause
    plain = isinstance(root, OSError) and not isinstance(root, requests.RequestException)
    return f"{type(error).__name__}: {root if plain else type(root).__name__}"

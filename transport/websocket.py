"""A client's WebSocket whose reader can be woken, and that reads in bulk.

websocket-client makes the opening handshake and masks what we send; the
receiving half is our own (`frames`), because one recv of a quarter megabyte
brings hundreds of frames and its reader would take three system calls for each.

One thread owns a WebSocket: it alone opens, reads, sends and closes. Any other
thread may `wake` it (its read returns None, so that it can look at its requests)
or `abort` it, which ends whatever it does with LinkError at once, a lookup and a
connect included: shutdown wakes a blocked recv, close from another thread does
not. Whatever goes wrong is a VigilError, and no text of one shows the URL: it may
hold a listen key.
"""

import functools
import math
import select
import socket
import ssl
import threading
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import websocket as client

from core.clock import Clock
from core.errors import FatalError, LinkError, ProtocolChanged, RateLimited, VigilError
from transport.dial import RESOLVER, Interrupt, Resolver, dial
from transport.frames import MESSAGE_LIMIT, FrameSplitter, Message

CONNECT_TIMEOUT = 10.0
_SEND_TIMEOUT = 5.0
_CHUNK = 256 * 1024
_HANDSHAKE_LIMIT = 64 * 1024
_PATIENCE = 60.0  # after a refusal for pace that names no time
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Received(msgspec.Struct, frozen=True, gc=False):
    """What one read brought, and the monotonic second of its last byte.

    `messages` may be empty although bytes came: a ping, or a part of a frame.
    """

    messages: list[Message]
    at: float


class WebSocket:
    """One connection, from its opening to its end. Always `close` it in the end."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        timeout: float = CONNECT_TIMEOUT,
        limit: int = MESSAGE_LIMIT,
        resolver: Resolver = RESOLVER,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._clock = clock
        self._timeout = timeout
        self._resolver = resolver
        self._tls = tls
        self._splitter = FrameSplitter(limit)
        self._lock = threading.Lock()  # abort against close: a closed descriptor may be another's by now
        self._interrupt = Interrupt()
        self._sock: socket.socket | None = None
        self._is_open = False
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)

    # ------------------------------------------------------- the owner's thread

    def open(self) -> None:
        """Connect and upgrade within the timeout; raises what should be done about a failure."""
        deadline = self._clock.monotonic() + self._timeout
        try:
            host, port, secure = _target(self._url)
            sock = dial(
                host,
                port,
                timeout=self._timeout,
                clock=self._clock,
                adopt=self._adopt,
                interrupt=self._interrupt,
                resolver=self._resolver,
            )
            if secure:
                sock = self._encrypt(sock, host)
            self._upgrade(sock, deadline)
            sock.setblocking(False)
            self._poll.register(sock, select.POLLIN)
        except client.WebSocketBadStatusException as refused:
            raise self._refusal(refused.status_code, refused.resp_headers or {}) from None
        except (OSError, ValueError, client.WebSocketException) as error:
            raise self._lost("opening", error) from None
        self._is_open = True

    def read(self, timeout: float | None) -> Received | None:
        """All that has come, as soon as anything has; None when woken or when the time is up."""
        if self._splitter.ended is not None:
            raise self._splitter.ended
        data = self._receive(timeout)
        if data is None:
            return None
        at = self._clock.monotonic()
        messages = self._splitter.feed(data)
        while self._splitter.pings:
            self._send(self._splitter.pings.pop(0), client.ABNF.OPCODE_PONG)
        return Received(messages, at)

    def send_text(self, text: str) -> None:
        self._send(text, client.ABNF.OPCODE_TEXT)

    def send_ping(self, payload: bytes = b"") -> None:
        self._send(payload, client.ABNF.OPCODE_PING)

    def close(self) -> None:
        """Say goodbye if that is possible without waiting, and free everything."""
        with self._lock:
            sock, self._sock = self._sock, None
            if sock is not None:
                if self._is_open and not self._interrupt.raised:
                    _farewell(sock)
                sock.close()
            self._waker.close()
            self._woken.close()

    # --------------------------------------------------------------- any thread

    def wake(self) -> None:
        """Let a read that waits return None; kept for the next one if none does."""
        with self._lock:
            try:
                self._waker.send(b"\0")
            except OSError:
                return  # closed, or woken many times already

    def abort(self) -> None:
        """End it from outside: what the owner does now, and all it tries later, fails at once."""
        self._interrupt.set()
        with self._lock:
            if self._sock is not None:
                _shut(self._sock)
        self.wake()

    # ------------------------------------------------------------------ opening

    def _adopt(self, sock: socket.socket) -> None:
        with self._lock:
            self._sock = sock
            if self._interrupt.raised:
                raise OSError("aborted")

    def _encrypt(self, sock: socket.socket, host: str) -> socket.socket:
        context = self._tls or _verifying()
        secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        self._adopt(secured)
        secured.do_handshake()
        return secured

    def _upgrade(self, sock: socket.socket, deadline: float) -> None:
        client.create_connection(
            self._url,
            timeout=self._timeout,
            socket=_Handshake(sock, self._clock, deadline),
            skip_utf8_validation=True,
            enable_multithread=False,
            suppress_origin=True,
            redirect_limit=0,
        )

    def _refusal(self, status: int, headers: dict[str, str]) -> VigilError:
        """What a handshake answered with an HTTP status means for the account.

        401 the key · 404, 410 this method is gone · 403, 418, 429 the pace (a
        firewall or a ban: wait) · all else, 5xx above all, the link.
        """
        text = f"the handshake was answered with HTTP {status}"
        if status == 401:
            return FatalError(text)
        if status in {404, 410}:
            return ProtocolChanged(text)
        if status in {403, 418, 429}:
            hint = retry_after(headers.get("retry-after"), self._clock.wall_ms())
            wait = _PATIENCE if hint is None else hint
            return RateLimited(text, retry_after=wait, ban=status == 418)
        return LinkError(text)

    # ------------------------------------------------------------------ running

    def _receive(self, timeout: float | None) -> bytes | None:
        sock = self._living()
        buffered = isinstance(sock, ssl.SSLSocket) and sock.pending()
        if not buffered and not self._wait(sock, timeout):
            return None
        try:
            data = _read_records(sock) if isinstance(sock, ssl.SSLSocket) else sock.recv(_CHUNK)
        except _AGAIN:
            return None
        except OSError as error:
            raise self._lost("reading", error) from None
        if not data:
            raise LinkError("aborted" if self._interrupt.raised else "the peer hung up without a close")
        return data

    def _wait(self, sock: socket.socket, timeout: float | None) -> bool:
        """Whether the socket has something to say; the wake-up calls are taken off."""
        limit = None if timeout is None else max(0, math.ceil(timeout * 1000))
        ready = {descriptor for descriptor, _ in self._poll.poll(limit)}
        if self._woken.fileno() in ready:
            self._woken.recv(4096)
        return sock.fileno() in ready

    def _send(self, payload: str | bytes, opcode: int) -> None:
        sock = self._living()
        left = memoryview(client.ABNF.create_frame(payload, opcode).format())
        deadline = self._clock.monotonic() + _SEND_TIMEOUT
        while left:
            try:
                left = left[sock.send(left) :]
            except _AGAIN:
                if not _has_room(sock, deadline - self._clock.monotonic()):
                    raise LinkError(f"the peer took nothing for {_SEND_TIMEOUT:.0f} s") from None
            except OSError as error:
                raise self._lost("sending", error) from None

    def _living(self) -> socket.socket:
        if self._sock is None or self._interrupt.raised:
            raise LinkError("aborted" if self._interrupt.raised else "not open")
        return self._sock

    def _lost(self, what: str, error: Exception) -> LinkError:
        if self._interrupt.raised:
            return LinkError("aborted")
        return LinkError(f"{what}: {type(error).__name__} {str(error)[:200]}".rstrip())


class _Handshake:
    """The socket as websocket-client sees it: one deadline and one size limit for all of it.

    Its own timeout counts from byte to byte, and it reads byte by byte: a server
    that drips would hold the reader for ever.
    """

    def __init__(self, sock: socket.socket, clock: Clock, deadline: float) -> None:
        self._sock = sock
        self._clock = clock
        self._deadline = deadline
        self._left = _HANDSHAKE_LIMIT

    def recv(self, size: int) -> bytes:
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the handshake took too long")
        self._sock.settimeout(left)
        data = self._sock.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError("the answer to the handshake is too long")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@functools.cache
def _verifying() -> ssl.SSLContext:
    """The system's trust, loaded once: it takes 10 ms and half a megabyte each time."""
    return ssl.create_default_context()


def _target(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"ws", "wss"}:
        raise FatalError("the stream's address is not a ws:// or wss:// URL")
    secure = parts.scheme == "wss"
    return host, port or (443 if secure else 80), secure


def _read_records(sock: ssl.SSLSocket) -> bytes:
    """TLS gives one record a call: gather what is there, so that a burst is one list."""
    records = [sock.recv(_CHUNK)]
    size = len(records[0])
    while records[-1] and size < _CHUNK:
        try:
            records.append(sock.recv(_CHUNK))
        except OSError:
            break  # nothing more for now; a real error comes back with the next read
        size += len(records[-1])
    return b"".join(records)


def _has_room(sock: socket.socket, timeout: float) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return timeout > 0 and bool(poll.poll(math.ceil(timeout * 1000)))


def _farewell(sock: socket.socket) -> None:
    """A close frame, if the socket takes it at once; nobody waits for the answer."""
    try:
        sock.send(client.ABNF.create_frame(b"\x03\xe8", client.ABNF.OPCODE_CLOSE).format())
    except OSError:
        return


def _shut(sock: socket.socket) -> None:
    """Wake whoever is blocked on it.

    The plain socket's method on purpose: SSLSocket's own also drops the cipher
    state under the reader's feet, which would then take ciphertext for frames.
    """
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # not connected any more


def retry_after(value: str | None, now_ms: int) -> float | None:
    """Seconds to wait by a Retry-After header: a number, or an HTTP date; None if it says nothing."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_ms / 1000)
    except ValueError:
        return None

"""The sockets: HTTP/1.1 and WebSocket on one port, down to the single byte.

Both protocols are spoken by sans-I/O libraries (h11, websockets) over one plain
asyncio protocol, because an imitation of a bad day must do what a web framework
forbids: reset a connection, stop reading without closing it, send text that is
no text, and cut a peer that does not echo our ping in time. A dialect never
sees a socket: it answers a `Request` with a `Response`, or takes over a
`WebSocket`.
"""

import asyncio
import logging
import socket
from email.utils import formatdate
from typing import Protocol, cast

import h11
import msgspec

from sandbox.websocket import Heartbeat, Session, WebSocket, reset

log = logging.getLogger("sandbox")

MAX_BODY = 1 << 20


class Request(msgspec.Struct, kw_only=True):
    """One HTTP request; `query` and `body` are the bytes as they came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    address: str


class Response(msgspec.Struct, kw_only=True):
    """What to answer."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = []
    content_type: str = "application/json;charset=UTF-8"


class Site(Protocol):
    """What answers on one listener."""

    name: str
    heartbeat: Heartbeat

    def admits(self, transport: str) -> bool:
        """False to reset a connection: `any` at accept, then `rest` or `ws`."""

    async def http(self, request: Request) -> Response | None:
        """The answer, or None to leave the client waiting for ever."""

    def websocket(self, request: Request, peer: WebSocket) -> Session | Response | None:
        """Take the WebSocket over, or refuse the handshake, or (None) leave the client waiting for ever."""


class Connection(asyncio.Protocol):
    """One TCP connection: HTTP until the peer asks for a WebSocket."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._site = listener.site
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 18)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._answer: asyncio.Task[None] | None = None
        self._frozen = False
        self.peer: WebSocket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._listener.connections.add(self)
        if not self._site.admits("any"):
            reset(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._listener.connections.discard(self)
        if self._answer is not None:
            self._answer.cancel()
        if self.peer is not None:
            self.peer.lost()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.receive(data)
            return
        self._http.receive_data(data)
        self._pump()

    def eof_received(self) -> bool:
        return False

    def freeze(self) -> None:
        """Stop reading and writing without closing."""
        self._frozen = True
        if self.peer is not None:
            self.peer.freeze()
        elif not self.transport.is_closing():
            self.transport.pause_reading()

    def _pump(self) -> None:
        try:
            while self._step():
                pass
        except h11.RemoteProtocolError as wrong:
            log.info("bad request: %s", wrong)
            self.transport.close()

    def _step(self) -> bool:
        """Handle one event of the HTTP parser; False when it has no more."""
        event = self._http.next_event()
        if isinstance(event, h11.Request):
            self._head, self._body = event, bytearray()
            return not self._upgrade(event)
        if isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > MAX_BODY:
                self.transport.close()
            return True
        if isinstance(event, h11.EndOfMessage):
            self._answer = asyncio.get_running_loop().create_task(self._respond(self._request()))
        elif isinstance(event, h11.ConnectionClosed):
            self.transport.close()
        return False

    def _request(self) -> Request:
        if self._head is None:
            raise RuntimeError("a body without a head")
        path, _, query = self._head.target.decode("latin-1").partition("?")
        return Request(
            method=self._head.method.decode(),
            path=path,
            query=query,
            headers={name.decode().lower(): value.decode("latin-1") for name, value in self._head.headers},
            body=bytes(self._body),
            address=self.transport.get_extra_info("peername")[0],
        )

    def _upgrade(self, head: h11.Request) -> bool:
        """Turn into a WebSocket where the peer asks for one; True when this was handled."""
        request = self._request()
        if request.headers.get("upgrade", "").lower() != "websocket":
            return False
        if not self._site.admits("ws"):
            reset(self.transport)
            return True
        peer = WebSocket(self.transport, self._site.heartbeat)
        answer = self._site.websocket(request, peer)
        if isinstance(answer, Response):
            self._send(answer, close=True)
            return True
        if answer is None:
            return True
        peer.session = answer
        self.peer = peer
        lines = [head.method + b" " + head.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in head.headers]
        peer.accept(b"\r\n".join(lines) + b"\r\n\r\n")
        if early := self._http.trailing_data[0]:
            peer.receive(early)
        return True

    async def _respond(self, request: Request) -> None:
        if not self._site.admits("rest"):
            reset(self.transport)
            return
        response = await self._site.http(request)
        if response is not None and not self._frozen:
            self._send(response)

    def _send(self, response: Response, *, close: bool = False) -> None:
        headers = [
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            ("date", formatdate(usegmt=True)),
            *response.headers,
        ]
        if close:
            headers.append(("connection", "close"))
        head = h11.Response(
            status_code=response.status, headers=[(k.encode(), v.encode()) for k, v in headers]
        )
        out = self._http.send(head) or b""
        if self._head is not None and self._head.method != b"HEAD":
            out += self._http.send(h11.Data(data=response.body)) or b""
        self.transport.write(out + (self._http.send(h11.EndOfMessage()) or b""))
        if self._http.our_state is h11.MUST_CLOSE or close:
            self.transport.close()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._pump()


class Listener:
    """One port and the connections that came through it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> str:
        """Serve on a bound socket; returns `host:port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listening, backlog=512)
        host, port = listening.getsockname()[:2]
        return f"{host}:{port}"

    def reset_all(self) -> None:
        """Reset every connection, REST included."""
        for one in list(self.connections):
            reset(one.transport)

    def freeze_all(self) -> None:
        """Make every connection half-open."""
        for one in list(self.connections):
            one.freeze()

    def peers(self) -> list[WebSocket]:
        """The WebSockets among the connections."""
        return [one.peer for one in self.connections if one.peer is not None]

    def stop(self) -> None:
        """Accept no more, and close what is open."""
        if self._server is not None:
            self._server.close()
        for one in list(self.connections):
            one.transport.abort()

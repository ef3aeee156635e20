"""Servers that do exactly what a test tells them, and nothing that a protocol demands.

`StreamPeer` speaks just enough WebSocket to follow a script frame by frame, and
to break the rules on purpose; `RestPeer` answers each request with what a
function of the test returns, and keeps the exact request lines it was sent.
"""

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WAIT = 30.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """One unmasked frame, as servers send them."""
    head = bytes([(0x80 if final else 0) | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65_536:
        return head + b"\x7e" + struct.pack(">H", size) + payload
    return head + b"\x7f" + struct.pack(">Q", size) + payload


class Gone(Exception):
    """The client hung up."""


class Guest:
    """One client's connection, seen from the server. Scripts call this."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def greet(self) -> str:
        """Read the client's handshake and accept it; returns the request line."""
        head = self.request()
        key = next(
            line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        return head.split(b"\r\n")[0].decode()

    def request(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def raw(self, data: bytes) -> None:
        with suppress(OSError):
            self.sock.sendall(data)

    def text(self, text: str) -> None:
        self.raw(frame(TEXT, text.encode()))

    def send(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        self.raw(frame(opcode, payload, final=final))

    def receive(self) -> tuple[int, bytes]:
        """The client's next frame, whatever it is; Gone when there is none."""
        head = self._take(2)
        size = head[1] & 0x7F
        assert head[1] & 0x80, "a client masks its frames"
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        mask, payload = self._take(4), self._take(size)
        return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    def expect(self, opcode: int) -> bytes:
        """The payload of the client's next frame of this kind; others are passed over."""
        while True:
            kind, payload = self.receive()
            if kind == opcode:
                return payload

    def until_gone(self) -> None:
        """Answer pings and hear nothing else, until the client hangs up."""
        with suppress(Gone):
            while True:
                kind, payload = self.receive()
                if kind == PING:
                    self.send(PONG, payload)

    def silence(self) -> None:
        """Say nothing, whatever comes, until the client hangs up."""
        with suppress(Gone):
            while True:
                self._more()

    def reset(self) -> None:
        """Cut it with RST, from any thread."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)  # a thread blocked in recv would keep it open
        self.sock.close()

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self) -> None:
        try:
            data = self.sock.recv(65_536)
        except OSError:
            data = b""
        if not data:
            raise Gone
        self._buffer += data


Script = Callable[[Guest], None]


class StreamPeer:
    """Runs `script` for each client, in a thread of its own."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.visits = 0
        self.failures: list[BaseException] = []
        self._guests: list[Guest] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self._thread = threading.Thread(target=self._accept, name="peer", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.visits += 1
            guest = Guest(sock)
            self._guests.append(guest)
            thread = threading.Thread(target=self._serve, args=(guest,), name="peer's guest", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, guest: Guest) -> None:
        try:
            self.script(guest)
        except Gone:
            pass
        except BaseException as error:
            self.failures.append(error)
        finally:
            guest.sock.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for guest in self._guests:
            with suppress(OSError):
                guest.sock.shutdown(socket.SHUT_RDWR)
        for thread in (self._thread, *self._threads):
            thread.join(WAIT)
        assert not self.failures, self.failures


@contextmanager
def stream_peer(script: Script) -> Iterator[StreamPeer]:
    """A StreamPeer for the length of a test; an assertion that failed in a script fails the test."""
    peer = StreamPeer(script)
    try:
        yield peer
    finally:
        peer.close()


@dataclass
class Asked:
    """One request as it came: the target is the exact text of the request line."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Answered:
    """What to answer; `cut` closes the connection after so many bytes of the body."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


class RestPeer:
    """Answers each request with what `answer` returns. Keeps all requests, and counts connections."""

    def __init__(self, answer: Callable[[Asked], Answered]) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one segment: no waiting for acknowledgements

            def setup(self) -> None:
                peer.connections += 1
                super().setup()

            def _handle(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                target = self.requestline.split(" ")[1]
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, target, headers, self.rfile.read(size))
                peer.asked.append(asked)
                self._respond(answer(asked))

            do_GET = do_POST = do_PUT = do_DELETE = _handle

            def _respond(self, answered: Answered) -> None:
                self.send_response(answered.status)
                for name, value in answered.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answered.body)))
                self.end_headers()
                self.wfile.write(answered.body[: answered.cut])
                self.close_connection = self.close_connection or answered.cut is not None

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="rest peer", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT)


@contextmanager
def rest_peer(answer: Callable[[Asked], Answered]) -> Iterator[RestPeer]:
    peer = RestPeer(answer)
    try:
        yield peer
    finally:
        peer.close()

"""The WebSocket shell, against servers that follow a script frame by frame."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.server import ServerConnection, serve

from core.clock import SystemClock
from core.errors import FatalError, LinkError, ProtocolChanged, RateLimited, Unreadable
from tests.support.peers import CLOSE, PING, PONG, TEXT, WAIT, Guest, frame, stream_peer
from transport.dial import Resolver
from transport.frames import Garbled, Pong
from transport.websocket import WebSocket, retry_after

CLOCK = SystemClock()


def connect(url: str, **options: Any) -> closing[WebSocket]:
    """An open WebSocket that the `with` closes."""
    ws = WebSocket(url, clock=CLOCK, **options)
    try:
        ws.open()
    except BaseException:
        ws.close()
        raise
    return closing(ws)


def read_all(ws: WebSocket, count: int) -> list[object]:
    """The next `count` messages, however many reads they take."""
    messages: list[object] = []
    while len(messages) < count:
        received = ws.read(WAIT)
        assert received is not None, f"only {messages} came"
        messages.extend(received.messages)
    return messages


class Blocked:
    """A thread that does one thing with a WebSocket, and what came of it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.result: object = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.result = work()
        except Exception as error:
            self.result = error

    def outcome(self) -> object:
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "still blocked"
        return self.result


# ------------------------------------------------------------------------ reading


def test_a_burst_of_frames_comes_as_one_list() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.raw(b"".join(frame(TEXT, f"event {n}".encode()) for n in range(500)))
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        first = ws.read(WAIT)
        assert first is not None
        assert len(first.messages) > 100
        rest = read_all(ws, 500 - len(first.messages))
        assert first.messages + rest == [f"event {n}" for n in range(500)]


def test_a_message_carries_the_monotonic_second_of_its_receipt() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.text("event")
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        before = time.monotonic()
        received = ws.read(WAIT)
        assert received is not None
        assert before - WAIT < received.at <= time.monotonic()


def test_frames_sent_together_with_the_handshakes_answer_are_not_lost() -> None:
    def script(guest: Guest) -> None:
        send = guest.raw
        sent: list[bytes] = []
        guest.raw = sent.append  # type: ignore[method-assign, assignment]
        guest.greet()
        send(b"".join(sent) + frame(TEXT, b"in one segment"))
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        assert read_all(ws, 1) == ["in one segment"]


def test_a_read_without_news_ends_with_its_timeout() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        assert ws.read(0.01) is None
        assert ws.read(0) is None


def test_a_ping_is_answered_at_once_with_its_payload_and_counts_as_received() -> None:
    answered = threading.Event()

    def script(guest: Guest) -> None:
        guest.greet()
        guest.send(PING, b"1735689600000")
        assert guest.expect(PONG) == b"1735689600000"
        answered.set()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        received = ws.read(WAIT)
        assert received is not None
        assert received.messages == []
        assert answered.wait(WAIT)


def test_odd_messages_stand_where_they_came_and_the_stream_goes_on() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.text("one")
        guest.send(TEXT, b"\xff\xff")
        guest.send(2, b"\x00\x01")
        guest.text("two")
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        messages = read_all(ws, 4)
        assert messages[0] == "one"
        assert messages[3] == "two"
        assert all(isinstance(message, Garbled) for message in messages[1:3])


def test_a_too_large_frame_ends_the_link_after_what_came_before_it() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.text("before")
        guest.send(TEXT, b"x" * 5000)
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url, limit=4096) as ws:
        assert read_all(ws, 1) == ["before"]
        with pytest.raises(Unreadable):
            read_all(ws, 1)


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (lambda guest: guest.send(CLOSE, b"\x03\xe9going away"), "1001 going away"),
        (lambda guest: guest.sock.shutdown(socket.SHUT_RDWR), "hung up without a close"),
        (lambda guest: guest.reset(), "reset"),
    ],
)
def test_every_way_to_leave_is_a_link_error_that_says_which(
    leave: Callable[[Guest], None], words: str
) -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.text("last words")
        guest.expect(TEXT)
        leave(guest)

    with stream_peer(script) as peer, connect(peer.url) as ws:
        assert read_all(ws, 1) == ["last words"]
        ws.send_text("heard")
        with pytest.raises(LinkError, match=words):
            read_all(ws, 1)


# ------------------------------------------------------------------------ sending


@pytest.mark.parametrize("text", ["{}", "x" * 200, "grün " * 30_000])
def test_what_is_sent_arrives_masked_and_whole(text: str) -> None:
    arrived: list[bytes] = []
    there = threading.Event()

    def script(guest: Guest) -> None:
        guest.greet()
        arrived.append(guest.expect(TEXT))
        there.set()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        ws.send_text(text)
        assert there.wait(WAIT)
    assert arrived == [text.encode()]


def test_the_answer_to_our_own_ping_is_handed_on() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        ws.send_ping(b"mark")
        assert read_all(ws, 1) == [Pong(b"mark")]


def test_closing_says_goodbye_and_does_not_wait_for_the_answer() -> None:
    heard: list[bytes] = []

    def script(guest: Guest) -> None:
        guest.greet()
        heard.append(guest.expect(CLOSE))

    with stream_peer(script) as peer:
        connect(peer.url).__enter__().close()
    assert heard == [b"\x03\xe8"]


# ------------------------------------------------------- waking and aborting


def test_a_wake_from_another_thread_ends_a_read_and_leaves_the_socket_whole() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.text(guest.expect(TEXT).decode())
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        reader = Blocked(lambda: ws.read(None))
        ws.wake()
        assert reader.outcome() is None
        ws.send_text("still here")
        assert read_all(ws, 1) == ["still here"]


def test_a_wake_that_comes_before_the_read_is_kept_for_it() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        for _ in range(5000):  # more than the waker holds: waking never blocks
            ws.wake()
        assert ws.read(None) is None


def test_an_abort_wakes_a_blocked_reader_and_all_later_use_fails() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        reader = Blocked(lambda: ws.read(None))
        ws.abort()
        assert isinstance(reader.outcome(), LinkError)
        with pytest.raises(LinkError, match="aborted"):
            ws.read(None)
        with pytest.raises(LinkError, match="aborted"):
            ws.send_text("too late")


def test_an_abort_before_the_opening_lets_nothing_leave() -> None:
    with stream_peer(lambda guest: None) as peer:
        ws = WebSocket(peer.url, clock=CLOCK)
        ws.abort()
        with closing(ws), pytest.raises(LinkError):
            ws.open()


def test_an_abort_wakes_an_opening_that_waits_for_the_servers_answer() -> None:
    greeted = threading.Event()

    def script(guest: Guest) -> None:
        guest.request()
        greeted.set()
        guest.until_gone()

    with stream_peer(script) as peer, closing(WebSocket(peer.url, clock=CLOCK, timeout=3600)) as ws:
        opening = Blocked(ws.open)
        assert greeted.wait(WAIT)
        ws.abort()
        assert isinstance(opening.outcome(), LinkError)


def test_an_abort_wakes_an_opening_that_waits_for_a_lookup() -> None:
    asked, go = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> list:
        asked.set()
        go.wait(WAIT)
        return []

    ws = WebSocket("ws://exchange.test/ws", clock=CLOCK, timeout=3600, resolver=Resolver(resolve))
    with closing(ws):
        opening = Blocked(ws.open)
        assert asked.wait(WAIT)
        ws.abort()
        assert isinstance(opening.outcome(), LinkError)
    go.set()


def test_waking_and_aborting_what_is_closed_does_nothing() -> None:
    def script(guest: Guest) -> None:
        guest.greet()
        guest.until_gone()

    with stream_peer(script) as peer, connect(peer.url) as ws:
        ws.close()
        ws.wake()
        ws.abort()
        ws.close()


def test_sending_to_a_peer_that_takes_nothing_fails_instead_of_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transport.websocket._SEND_TIMEOUT", 0.05)
    done = threading.Event()

    def script(guest: Guest) -> None:
        guest.greet()
        done.wait(WAIT)

    with stream_peer(script) as peer, connect(peer.url) as ws:
        with pytest.raises(LinkError, match="took nothing"):
            ws.send_text("x" * 20_000_000)
        done.set()


# -------------------------------------------------------------------- refusals


def refusing(answer: bytes) -> Callable[[Guest], None]:
    def script(guest: Guest) -> None:
        guest.request()
        guest.raw(answer)
        guest.until_gone()

    return script


@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [
        (b"401 Unauthorized", FatalError, None),
        (b"403 Forbidden", RateLimited, 60),
        (b"404 Not Found", ProtocolChanged, None),
        (b"410 Gone", ProtocolChanged, None),
        (b"418 I'm a teapot\r\nRetry-After: 120", RateLimited, 120),
        (b"429 Too Many Requests\r\nRetry-After: 7", RateLimited, 7),
        (b"500 Internal Server Error", LinkError, None),
        (b"503 Service Unavailable", LinkError, None),
        (b"301 Moved\r\nLocation: ws://127.0.0.1:1/", LinkError, None),
    ],
)
def test_a_refused_handshake_says_what_should_be_done(status: bytes, kind: type, wait: float | None) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}"
    with stream_peer(refusing(answer)) as peer, pytest.raises(kind) as refused:
        connect(peer.url)
    assert type(refused.value) is kind
    assert getattr(refused.value, "retry_after", None) == wait


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="no upgrade"),
        pytest.param(b"HTTP/1.1 101 x\r\n" + b"X-Pad: y\r\n" * 10_000 + b"\r\n", id="endless headers"),
        pytest.param(
            b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
            id="wrong accept",
        ),
    ],
)
def test_an_answer_that_is_no_handshake_is_a_link_error(answer: bytes) -> None:
    with stream_peer(refusing(answer)) as peer, pytest.raises(LinkError):
        connect(peer.url)


def test_a_server_that_drips_its_answer_is_given_up_at_the_deadline() -> None:
    stop = threading.Event()

    def script(guest: Guest) -> None:
        guest.request()
        guest.raw(b"HTTP/1.1 101 x\r\n")
        while not stop.wait(0.02):
            guest.raw(b"y")

    with stream_peer(script) as peer:
        with pytest.raises(LinkError):
            connect(peer.url, timeout=0.2)
        stop.set()


@pytest.mark.parametrize("url", ["", "http://exchange.test", "ws://", "ws://host:port/x"])
def test_an_address_that_is_no_websocket_url_is_for_the_user_to_fix(url: str) -> None:
    with pytest.raises(FatalError):
        connect(url)


def test_no_error_shows_the_url_for_it_may_hold_a_listen_key() -> None:
    with stream_peer(refusing(b"HTTP/1.1 410 Gone\r\n\r\n")) as peer:
        with pytest.raises(ProtocolChanged) as gone:
            connect(peer.url + "/pqia91ma19a5s61cv6a81va65sd099v8a65a1a5s61")
        peer.close()
        with pytest.raises(LinkError) as refused:
            connect(peer.url + "/pqia91ma19a5s61cv6a81va65sd099v8a65a1a5s61")
    assert "pqia91" not in f"{gone.value} {refused.value}"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("12", 0) == 12
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 20_000) == 40
    assert retry_after("Thu, 01 Jan 1970 00:00:01 GMT", 20_000) == 0
    assert retry_after("soon", 0) is None
    assert retry_after(None, 0) is None


# ------------------------------------------------ a server nobody here wrote, TLS


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_it_talks_to_a_server_that_others_wrote() -> None:
    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        with connect(f"ws://127.0.0.1:{port}/") as ws:
            for text in ("hello", "x" * 70_000):
                ws.send_text(text)
                assert read_all(ws, 1) == [text]
        server.shutdown()
        thread.join(WAIT)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key, and a certificate for localhost that only itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "key.pem", folder / "cert.pem"


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


@pytest.fixture
def tls_echo(certificate: tuple[Path, Path]) -> Iterator[str]:
    with serve(echo, "127.0.0.1", 0, ssl=server_context(certificate)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"wss://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()
        thread.join(WAIT)


def test_it_works_over_tls_in_bursts(tls_echo: str, certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[1]))
    with connect(tls_echo, tls=trusting) as ws:
        sent = [f"event {n} " + "x" * 5000 for n in range(200)]
        for text in sent:
            ws.send_text(text)
        assert read_all(ws, 200) == sent


def test_what_tls_had_already_decrypted_during_the_handshake_is_read_at_once(
    certificate: tuple[Path, Path],
) -> None:
    def script(guest: Guest) -> None:
        guest.sock = server_context(certificate).wrap_socket(guest.sock, server_side=True)
        send = guest.raw
        sent: list[bytes] = []
        guest.raw = sent.append  # type: ignore[method-assign, assignment]
        guest.greet()
        send(b"".join(sent) + frame(TEXT, b"in one record"))
        guest.silence()

    trusting = ssl.create_default_context(cafile=str(certificate[1]))
    with (
        stream_peer(script) as peer,
        connect(peer.url.replace("ws://", "wss://"), tls=trusting) as ws,
    ):
        assert read_all(ws, 1) == ["in one record"]


def test_an_abort_wakes_a_reader_blocked_on_tls(tls_echo: str, certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[1]))
    with connect(tls_echo, tls=trusting) as ws:
        reader = Blocked(lambda: ws.read(None))
        ws.abort()
        assert isinstance(reader.outcome(), LinkError)


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_echo: str) -> None:
    with pytest.raises(LinkError, match="certificate"):
        connect(tls_echo)

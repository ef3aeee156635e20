"""The server as its actor owns it: a port, threads, and a certain end of both."""

import socket
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from core.errors import FatalError, LinkError
from tests.support.daemon import ROOT
from tests.support.waiting import eventually
from tests.web.kit import TOKEN, Ears, Site, descriptors, serve, web_threads
from web.server import Where


def taken() -> socket.socket:
    """A port that another program has."""
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    return other


def test_a_port_that_another_program_has_is_named_with_what_to_do(tmp_path: Path) -> None:
    with closing(taken()) as other:
        port = other.getsockname()[1]
        with pytest.raises(LinkError, match=rf"web.listen: 127.0.0.1:{port} is in use .* another port"):
            Site(tmp_path, where=Where("127.0.0.1", port)).start()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_this_machine_does_not_have_is_named(tmp_path: Path, host: str) -> None:
    with pytest.raises(LinkError, match="no address of this machine"):
        Site(tmp_path, TOKEN, Where(host, 0, is_loopback=False)).start()


def test_it_does_not_open_to_others_without_a_token(tmp_path: Path) -> None:
    """The settings refuse that already; this is for whatever comes past them."""
    with pytest.raises(FatalError, match="auth_token"):
        Site(tmp_path, where=Where("0.0.0.0", 0, is_loopback=False)).start()


def test_with_a_token_it_opens_to_others_and_asks_for_it(tmp_path: Path) -> None:
    with serve(tmp_path, TOKEN, Where("0.0.0.0", 0, is_loopback=False)) as site:
        assert site.get("/api/status", Host="192.168.1.2").status == 401
        assert site.get("/api/status", Host="192.168.1.2", Authorization=f"Bearer {TOKEN}").status == 200
        assert site.get("/api/status", Host="evil.example", Authorization=f"Bearer {TOKEN}").status == 421


def test_it_listens_on_the_other_loopback_too(tmp_path: Path) -> None:
    with serve(tmp_path, where=Where("::1", 0)) as site:
        assert site.address.startswith("http://[::1]:")
        assert site.get("/healthz").status == 200


def test_nothing_is_left_of_many_servers(tmp_path: Path) -> None:
    def one() -> None:
        with serve(tmp_path) as site, ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(site.greeted())
            site.get("/api/fills")

    one()  # what is loaded once stays
    before = descriptors()
    for _ in range(5):
        one()
    eventually(descriptors, lambda now: now <= before, what=f"{before} descriptors")


def test_the_same_port_can_be_taken_at_once_by_the_next(tmp_path: Path) -> None:
    with serve(tmp_path) as site, site.greeted():
        place = site.place
        assert site.server.stop(5)
        with serve(tmp_path, where=Where(*place)) as successor:
            assert successor.get("/healthz").status == 200


def test_one_that_is_abandoned_leaves_its_port_and_its_clients(tmp_path: Path) -> None:
    with serve(tmp_path) as site, site.greeted() as ears:
        site.server.abandon()
        with serve(tmp_path, where=Where(*site.place)) as successor:
            assert successor.get("/healthz").status == 200
            assert ears.ended()


def test_a_stop_before_the_first_request_ends_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.start()
    assert site.server.stop(10)
    eventually(lambda: not web_threads(), what="no thread left")
    assert site.failures == []


def test_one_that_takes_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serve(tmp_path) as site, Ears(site.place, "/events", {}, narrow=True) as slow:
        slow.hello = slow.next("hello")
        site.commit(*range(1, 2001), fact={"text": "x" * 5000})
        assert site.server.stop(5)


def test_one_who_says_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serve(tmp_path) as site, socket.create_connection(site.place) as silent:
        assert site.get("/healthz").status == 200
        assert site.server.stop(5)
        silent.settimeout(5)
        assert silent.recv(1) == b""


def test_a_server_that_fails_by_itself_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a test")

    monkeypatch.setattr("web.app.build", broken)
    site = Site(tmp_path)
    with capture_logs():
        site.start()
        assert site.failed.wait(10)
    assert site.failures == ["the server failed: ZeroDivisionError: a test"]
    assert site.server.stop(5)


def test_a_tail_that_fails_is_a_server_that_failed(tmp_path: Path) -> None:
    """Else its streams would fall silent, and nobody would know."""
    site = Site(tmp_path)
    site.start()
    with capture_logs(), site.greeted():
        site.ledger.broken = ZeroDivisionError("a test")
        site.commit(1)
        assert site.failed.wait(10)
    assert site.server.stop(10)
    assert site.failures == ["the tail failed: ZeroDivisionError: a test"]


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\0" * 70_000, b"GET / HTTP/9.9\r\n\r\n"]
)
def test_rubbish_costs_its_sender_the_connection_and_nobody_else(site: Site, rubbish: bytes) -> None:
    with socket.create_connection(site.place, timeout=10) as client, suppress(ConnectionError):
        client.sendall(rubbish)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert site.get("/healthz").status == 200


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"])
def test_one_who_never_finishes_a_request_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, is_first: bool
) -> None:
    """Silent connections would fill the house, and trickling ones too."""
    monkeypatch.setattr("web.loop.HEAD", 0.1)
    monkeypatch.setattr("web.loop.IDLE", 0.1)
    with serve(tmp_path) as site, socket.create_connection(site.place, timeout=10) as client:
        if not is_first:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
        with suppress(ConnectionError):
            client.sendall(said)
            while client.recv(65536):
                pass


def test_a_body_that_is_never_finished_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.body.WITHIN", 0.1)
    head = "POST /api/pause HTTP/1.1\r\nHost: localhost\r\nX-Vigil-Action: 1\r\n"
    with socket.create_connection(site.place, timeout=10) as client:
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode())
        assert client.recv(12) == b"HTTP/1.1 400"
    assert site.daemon.told == []


def certificate(home: Path) -> tuple[Path, Path]:
    """One for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = home / "cert.pem", home / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_path, key_path


def test_with_a_certificate_it_speaks_https_alone(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with serve(tmp_path, TOKEN, Where("127.0.0.1", 0, tls_cert=cert, tls_key=key)) as site:
        assert site.address.startswith("https://")
        secure = f"https://localhost:{site.place[1]}"
        answer = requests.post(
            f"{secure}/login", data={"token": TOKEN}, verify=str(cert), allow_redirects=False, timeout=10
        )
        assert (answer.status_code, "Secure" in answer.headers["Set-Cookie"]) == (303, True)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://localhost:{site.place[1]}/healthz", timeout=10)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LinkError, match=r"web.tls_cert .*bad.pem .* cannot be used"):
        Site(tmp_path, where=Where("127.0.0.1", 0, tls_cert=path, tls_key=path)).start()


@pytest.mark.parametrize("module", ["host.run", "control.cli", "actors.web"])
def test_nobody_pays_for_the_framework_before_it_serves(module: str) -> None:
    """It takes longer to load than the rest of a command's start."""
    look = f"import sys, {module}; print(sorted({{'uvicorn', 'starlette', 'anyio'}} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout.strip() == "[]"

"""What the tests of every dialect share: frames, replies, and a driver for plans.

`drive` plays the poller: it hands a plan the answers of a small server function,
one call at a time, throws in what is an error, and keeps the calls it saw.
"""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.errors import VigilError
from core.wire import Call, Reply
from exchanges.base import Credentials

HERE = Path(__file__).parent
Server = Callable[[Call], Any]

SECRET = "the-secret-of-the-tests"
CREDENTIALS = Credentials("the-key-of-the-tests", SECRET)


def text(value: Any) -> str:
    """As an exchange writes it: no spaces, no escapes for what UTF-8 can say."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def reply(body: Any, *, status: int = 200, headers: dict[str, str] | None = None, at: int = 0) -> Reply:
    """One HTTP answer; a body of bytes goes as it is."""
    raw = body if isinstance(body, bytes) else text(body).encode()
    return Reply(status, headers or {}, raw, at)


def drive(plan: Generator[Call, Reply, Any], server: Server, *, at: int = 0) -> tuple[Any, list[Call]]:
    """Run a plan to its end against `server`, which gives a body, a Reply or an error to throw in."""
    calls: list[Call] = []
    try:
        call = next(plan)
        while True:
            calls.append(call)
            assert len(calls) < 200, "a plan that does not end"
            answer = server(call)
            if isinstance(answer, VigilError):
                call = plan.throw(answer)
            else:
                call = plan.send(answer if isinstance(answer, Reply) else reply(answer, at=at))
    except StopIteration as end:
        return end.value, calls


def recorded(exchange: str) -> list[tuple[str, dict[str, Any]]]:
    """The exchange's own frames: file name, and what is in it (frame, facts, signals)."""
    files = sorted((HERE / "frames" / exchange).glob("*.json"))
    return [(file.stem, json.loads(file.read_text())) for file in files]


def vectors(name: str) -> dict[str, Any]:
    """Published signing vectors."""
    found: dict[str, Any] = json.loads((HERE / "vectors" / f"{name}.json").read_text())
    return found


def pem(key: RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """PKCS#8, as the exchanges want it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = generate_private_key(public_exponent=65537, key_size=2048)

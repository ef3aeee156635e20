"""Signatures are checked against published vectors and by the public half of keys made here."""

import base64
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from core.errors import FatalError
from exchanges.base import Credentials
from exchanges.binance.sign import Signer, encoded
from tests.exchanges.kit import ED25519, RSA, pem, vectors

VECTORS = vectors("binance_signing")
HMAC = VECTORS["hmac_sha256"]
OURS = [vector for vector in VECTORS["ed25519"]["vectors"] if "seed_hex" in vector]
ORDER = (
    ("side", "BUY"),
    ("type", "LIMIT"),
    ("timeInForce", "GTC"),
    ("quantity", "1"),
    ("price", "0.1"),
    ("recvWindow", "5000"),
    ("timestamp", "1499827319559"),
)


def hmac_signer() -> Signer:
    return Signer(Credentials(HMAC["api_key"], HMAC["secret"]))


def vector(name: str) -> dict[str, str]:
    return next(vector for vector in HMAC["vectors"] if vector["name"] == name)


@pytest.mark.parametrize("case", HMAC["vectors"], ids=lambda case: case["name"])
def test_every_published_hmac_vector_is_reproduced(case: Any) -> None:
    assert hmac_signer().signature(case["payload"]) == case["signature"]


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["name"])
def test_every_ed25519_vector_is_reproduced(case: Any) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["seed_hex"]))
    assert (
        Signer(Credentials("key", private_key=pem(key))).signature(case["payload"])
        == case["signature_base64"]
    )


def test_the_vectors_that_nobody_can_reproduce_have_the_form_of_ours() -> None:
    published = next(case for case in VECTORS["ed25519"]["vectors"] if case["name"].startswith("official"))
    rsa = VECTORS["rsa_pkcs1v15_sha256"]["vectors"]
    assert len(base64.b64decode(published["signature_base64"])) == 64
    assert {len(base64.b64decode(case["signature_base64"])) for case in rsa} == {256}
    assert len(base64.b64decode(Signer(Credentials("k", private_key=pem(RSA))).signature("x"))) == 256


def test_a_query_is_encoded_before_it_is_signed_and_the_signature_comes_last() -> None:
    case = vector("rest_non_ascii_percent_encoded")
    query = hmac_signer().query((("symbol", "１２３４５６"), *ORDER))
    assert query == f"{case['payload']}&signature={case['signature']}"


def test_a_query_keeps_the_order_of_its_parameters() -> None:
    case = vector("rest_query_or_body")
    assert hmac_signer().query((("symbol", "LTCBTC"), *ORDER)).startswith(case["payload"] + "&signature=")


def test_every_character_with_a_meaning_is_encoded() -> None:
    assert encoded([("a b", "x&y=z+/ü[")]) == "a%20b=x%26y%3Dz%2B%2F%C3%BC%5B"


def test_ws_api_parameters_are_signed_sorted_with_the_key_and_unencoded() -> None:
    case = vector("wsapi_non_ascii_raw_utf8")
    params: dict[str, str | int] = {
        "type": "LIMIT",
        "symbol": "１２３４５６",
        "side": "BUY",
        "timestamp": 1645423376532,
        "timeInForce": "GTC",
        "recvWindow": 5000,
        "quantity": "1.00000000",
        "price": "0.10000000",
    }
    signed = hmac_signer().signed(params)
    assert signed["signature"] == case["signature"]
    assert signed["apiKey"] == HMAC["api_key"]
    assert signed["timestamp"] == 1645423376532


def test_a_subscription_is_signed_as_the_vector_says() -> None:
    signed = hmac_signer().signed({"timestamp": 1747385641636})
    assert signed["signature"] == vector("wsapi_subscribe_signature")["signature"]


def test_an_rsa_signature_is_verified_by_the_public_key() -> None:
    signature = base64.b64decode(Signer(Credentials("key", private_key=pem(RSA))).signature("a=1&b=2"))
    RSA.public_key().verify(signature, b"a=1&b=2", PKCS1v15(), hashes.SHA256())


def test_an_ed25519_signature_in_a_query_is_verified_by_the_public_key() -> None:
    query = Signer(Credentials("key", private_key=pem(ED25519))).query((("symbol", "BTCUSDT"),))
    payload, _, signature = query.rpartition("&signature=")
    ED25519.public_key().verify(base64.b64decode(unquote(signature)), payload.encode())
    assert "+" not in signature
    assert "/" not in signature
    assert parse_qsl(query)[-1] == ("signature", unquote(signature))


def test_pem_text_in_the_secret_is_a_private_key_too() -> None:
    signer = Signer(Credentials("key", "\n" + pem(ED25519).decode()))
    assert signer.signature("x") == Signer(Credentials("key", private_key=pem(ED25519))).signature("x")


def test_only_an_ed25519_key_can_log_a_session_on() -> None:
    assert Signer(Credentials("key", private_key=pem(ED25519))).can_log_on
    assert not Signer(Credentials("key", private_key=pem(RSA))).can_log_on
    assert not hmac_signer().can_log_on


def test_credentials_without_any_secret_are_a_fatal_error() -> None:
    with pytest.raises(FatalError, match="api_secret"):
        Signer(Credentials("key"))


def encrypted() -> bytes:
    how = serialization.BestAvailableEncryption(b"password")
    return ED25519.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


@pytest.mark.parametrize(
    "key",
    [b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", b"no pem at all", encrypted()],
    ids=["damaged", "no-pem", "encrypted"],
)
def test_a_key_that_cannot_be_read_is_a_fatal_error_that_does_not_show_it(key: Any) -> None:
    with pytest.raises(FatalError) as raised:
        Signer(Credentials("key", private_key=key))
    assert "nonsense" not in str(raised.value)


def test_a_key_of_another_kind_is_a_fatal_error() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(FatalError, match="RSA or Ed25519"):
        Signer(Credentials("key", private_key=pem(key)))

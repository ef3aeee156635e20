"""Signatures that the exchange accepts: every published vector, and every byte as it was signed."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from core.errors import FatalError
from core.wire import Call
from exchanges.base import Credentials
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer, encoded
from tests.exchanges.kit import ED25519, RSA, pem, vectors

BOOK = vectors("bybit_signing")
KEY = Credentials(BOOK["api_key"], BOOK["api_secret"])
VECTORS = {case["name"]: case for case in BOOK["vectors"]}
REST = [case for name, case in VECTORS.items() if name.startswith("rest_")]


def call_of(case: Any) -> Call:
    params = tuple(tuple(part.split("=", 1)) for part in case.get("query", "").split("&") if part)
    body = case["body"].encode() if "body" in case else None
    return Call(case["method"], case["path"], params, "signed", body=body)


@pytest.mark.parametrize("case", REST, ids=[case["name"] for case in REST])
def test_a_request_is_signed_as_its_vector_says(case: Any) -> None:
    wire = BybitRest(Signer(KEY)).sign(call_of(case), case["timestamp"])
    headers = dict(wire.headers)
    assert headers["X-BAPI-SIGN"] == case["signature"]
    assert headers["X-BAPI-API-KEY"] == BOOK["api_key"]
    assert headers["X-BAPI-TIMESTAMP"] == str(case["timestamp"])
    assert headers["X-BAPI-RECV-WINDOW"] == str(case["recv_window"])


@pytest.mark.parametrize("case", REST, ids=[case["name"] for case in REST])
def test_what_is_sent_is_what_was_signed_to_the_byte(case: Any) -> None:
    wire = BybitRest(Signer(KEY)).sign(call_of(case), case["timestamp"])
    query = case.get("query", "")
    assert wire.target == (f"{case['path']}?{query}" if query else case["path"])
    assert wire.body == (case["body"].encode() if "body" in case else None)


def test_the_streams_auth_is_signed_as_its_vector_says() -> None:
    case = VECTORS["ws_private_auth"]
    assert Signer(KEY).auth(case["expires"] - 10_000) == case["frame"]["args"]


def test_every_vector_is_checked() -> None:
    assert len(REST) + 1 == len(BOOK["vectors"]) == 7


def test_a_post_says_that_its_body_is_json_and_a_get_has_no_body() -> None:
    rest = BybitRest(Signer(KEY))
    post = rest.sign(Call("POST", "/v5/order/create", auth="signed", body=b"{}"), 1)
    get = rest.sign(Call("GET", "/v5/user/query-api", auth="signed"), 1)
    assert dict(post.headers)["Content-Type"] == "application/json"
    assert "Content-Type" not in dict(get.headers)
    assert get.body is None


def test_a_call_that_needs_no_key_carries_none() -> None:
    wire = BybitRest(Signer(KEY)).sign(Call("GET", "/v5/market/time"), 1)
    assert wire.headers == ()
    assert wire.target == "/v5/market/time"


def test_an_rsa_key_signs_in_base64() -> None:
    signer = Signer(Credentials("key", private_key=pem(RSA)))
    _, expires, signature = signer.auth(1_700_000_000_000)
    payload = f"GET/realtime{expires}".encode()
    RSA.public_key().verify(base64.b64decode(str(signature)), payload, PKCS1v15(), hashes.SHA256())


def test_the_request_to_a_stream_expires_ten_seconds_ahead() -> None:
    assert Signer(KEY).auth(1_700_000_000_000)[1] == 1_700_000_010_000


@pytest.mark.parametrize("credentials", [Credentials("key"), Credentials("key", private_key=pem(ED25519))])
def test_a_key_that_the_exchange_does_not_take_is_fatal(credentials: Any) -> None:
    with pytest.raises(FatalError):
        Signer(credentials)


# ------------------------------------------------------------------------- queries


def test_the_order_of_the_parameters_is_kept() -> None:
    assert encoded([("symbol", "BTCUSDT"), ("category", "spot")]) == "symbol=BTCUSDT&category=spot"


def test_a_value_is_encoded_once() -> None:
    assert encoded([("orderLinkId", "a b&c=d")]) == "orderLinkId=a%20b%26c%3Dd"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("page_token%3D39380%26", "page_token%3D39380%26"),
        ("132766%3A2%2C132766%3A2", "132766%3A2%2C132766%3A2"),
        ("abc==", "abc=="),
        ("a%3db", "a%3Db"),
        ("100%", "100%25"),
        ("a&b#c+d e", "a%26b%23c%2Bd%20e"),
        ('{"page":1}', "%7B%22page%22:1%7D"),
    ],
)
def test_a_cursor_goes_back_as_it_came_and_only_what_could_not_travel_is_encoded(
    given: Any, sent: Any
) -> None:
    assert encoded([("cursor", given)]) == f"cursor={sent}"

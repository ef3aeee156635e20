"""How requests are signed: the documented vectors, and the rules for values."""

import json
from typing import Any

import pytest

from core.errors import FatalError
from exchanges.base import Credentials
from exchanges.cryptocom.sign import Signer, written
from tests.exchanges.kit import vectors

VECTORS = vectors("cryptocom_signing")["vectors"]


def signer(vector: Any) -> Signer:
    return Signer(Credentials(vector["api_key"], vector["secret"]))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_every_known_vector_is_signed_as_documented(vector: Any) -> None:
    request = signer(vector).request(vector["method"], vector["id"], vector["nonce"], vector["params"])
    assert request["sig"] == vector["sig"]
    assert written(vector["params"] or {}) == vector["param_string"]


def test_a_request_carries_what_was_signed_and_no_secret() -> None:
    vector = next(vector for vector in VECTORS if vector["name"] == "C create")
    request = signer(vector).request(vector["method"], 3, vector["nonce"], vector["params"])
    assert request == {
        "id": 3,
        "method": "private/create-order",
        "api_key": "test_api_key",
        "params": vector["params"],
        "sig": vector["sig"],
        "nonce": vector["nonce"],
    }
    assert "test_api_secret" not in json.dumps(request)


def test_an_authentication_has_no_parameters_and_every_other_request_at_least_an_empty_object() -> None:
    one = Signer(Credentials("key", "secret"))
    assert "params" not in one.request("public/auth", 1, 2)
    assert one.request("private/user-balance", 1, 2, {})["params"] == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("30000.50", "30000.50"),
        (100, "100"),
        (6142909895884702096, "6142909895884702096"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (["POST_ONLY", "REDUCE_ONLY"], "POST_ONLYREDUCE_ONLY"),
        ([], ""),
        ({"b": "2", "a": "1"}, "a1b2"),
        ({"list": [{"b": "2", "a": ["x", {"z": "1", "y": None}]}, "end"]}, "lista" + "xynullz1" + "b2end"),
        (({"a": 1}, "b"), "a1b"),
    ],
)
def test_a_value_is_written_without_separators_and_keys_in_ascending_order(value: Any, text: Any) -> None:
    assert written(value) == text


@pytest.mark.parametrize(
    "credentials", [Credentials("key"), Credentials("key", ""), Credentials("key", None, b"pem")]
)
def test_without_a_secret_nothing_can_be_signed(credentials: Any) -> None:
    with pytest.raises(FatalError, match="api_secret"):
        Signer(credentials)

"""Signing, pace and budget: each part by itself, against the vectors of the reference."""

import hashlib
import hmac
import json

import pytest

from sandbox.cryptocom.customs import CryptoComCustoms
from sandbox.cryptocom.envelope import asked, in_texts, rendered
from sandbox.cryptocom.errors import status_of
from sandbox.cryptocom.market import _changes
from sandbox.cryptocom.pace import Budget, Pace
from sandbox.cryptocom.user import split

# method, id, key, secret, params, nonce, signature: section 2.2 of the reference, cross-checked there
CREATE = {
    "instrument_name": "BTC_USDT", "side": "BUY", "type": "LIMIT", "price": "30000.5", "quantity": "0.001",
    "client_oid": "abc-1", "exec_inst": ["POST_ONLY"], "time_in_force": "GOOD_TILL_CANCEL",
}  # fmt: skip
SPAN = {
    "instrument_name": "BTC_USDT", "start_time": "1699900000000000000", "end_time": "1700000000000000000", "limit": 100,
}  # fmt: skip
OURS = ("test_api_key", "test_api_secret")
VECTORS = [
    ("public/auth", 11, "token", "secretKey", None, 1589594102779,
     "9dcebf6eeec155f829227ee447dee73120e0aead42fab74d38ed5d8271793dc8"),
    ("private/get-order-detail", 11, "token", "secretKey", {"order_id": "53287421324"}, 1587846358253,
     "02ef0a52c9428e5d3dcc5dd24d534ca39ef73f35acd3f6945f139a2364ef67a9"),
    ("public/auth", 1, *OURS, None, 1700000000000,
     "ba431db6ca8c45916bce5d464bd30e1a677fbe9a96faed377c9367a64c569f16"),
    ("private/user-balance", 2, *OURS, {}, 1700000000001,
     "175c0a66d2e38b95c7003ada0d9e391b781502d52f0c1707773aa20b18372030"),
    ("private/create-order", 3, *OURS, CREATE, 1700000000002,
     "bfdf79a34e5ae7237abe4baa9e46d3af14004632f569fac4cf5534a2b8eca1d3"),
    ("private/get-trades", 4, *OURS, SPAN, 1700000000004,
     "20b3a499fd7c413e160fa0411323cd839517af0518ce9dc9d1a7e7a1e0ca5dbb"),
    ("public/auth", 1700000000000, *OURS, None, 1700000000000,
     "ab689f16ea6374da4b5f00aea0f0ede4596e81b49f212956d2c1f80b5ee3b916"),
    ("private/create-order", 1700000000002, *OURS, CREATE, 1700000000002,
     "aee3d800c6c5a48079ee79c4c8cb483cca9fb4ba1f1443591a06fe5e9181397b"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "number", "key", "secret", "params", "nonce", "expected"), VECTORS)
def test_the_signed_text_is_that_of_the_reference(method, number, key, secret, params, nonce, expected):
    body = {"id": number, "method": method, "api_key": key, "nonce": nonce, "sig": expected}
    request = asked(json.dumps(body if params is None else body | {"params": params}))
    assert hmac.new(secret.encode(), request.signed_text, hashlib.sha256).hexdigest() == expected


def test_every_value_is_rendered_as_it_was_spelled():
    text = '{"id":1,"method":"m","params":{"b":[1,"x",{"z":true,"a":null}],"a":1.50,"c":{"k":"v"}}}'
    assert rendered(asked(text).params) == "a1.50b1xanullztrueckv"


def test_ids_beyond_a_double_are_read_exactly():
    assert asked('{"id":9223372036854775807,"method":"m"}').number == 2**63 - 1
    assert asked('{"id":"9007199254740993","method":"m"}').number == 2**53 + 1


def test_numbers_become_texts_and_truths_stay():
    assert in_texts({"id": 1, "data": [{"t": 2, "ok": True, "none": None, "q": "3"}]}) == {
        "id": "1", "data": [{"t": "2", "ok": True, "none": None, "q": "3"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, 200), (40401, 200), (43012, 200), (40101, 401), (40103, 401), (40801, 408), (42901, 429), (306, 500),
     (415, 500), (316, 500), (43005, 500), (204, 400), (213, 400), (315, 400), (40102, 400), (40107, 400)],
)  # fmt: skip
def test_a_code_has_the_status_that_the_reference_lists(code, status):
    assert status_of(code) == status


def test_the_pace_of_a_method_counts_the_last_moments():
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert [pace.admits("private/create-order", "key") for _ in range(16)] == [True] * 15 + [False]
    assert pace.admits("private/cancel-order", "key")
    assert pace.admits("private/create-order", "another")
    now[0] = 0.1
    assert pace.admits("private/create-order", "key")


@pytest.mark.parametrize(
    ("method", "limit", "seconds"),
    [
        ("private/cancel-all-orders", 15, 0.1),
        ("private/get-order-detail", 30, 0.1),
        ("private/get-trades", 1, 1.0),
        ("private/get-order-history", 1, 1.0),
        ("private/user-balance", 3, 0.1),
        ("private/advanced/get-open-orders", 3, 0.1),
        ("public/get-tickers", 100, 1.0),
    ],
)
def test_every_method_has_the_limit_of_the_reference(method, limit, seconds):
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert [pace.admits(method, "who") for _ in range(limit + 1)] == [True] * limit + [False]
    now[0] = seconds - 0.01
    assert not pace.admits(method, "who")
    now[0] = seconds
    assert pace.admits(method, "who")


def test_refused_requests_do_not_prolong_the_wait():
    now = [0.0]
    pace = Pace(lambda: now[0])
    for now[0] in (0.0, 0.5, 0.9):
        pace.admits("private/get-trades", "key")
    now[0] = 1.0
    assert pace.admits("private/get-trades", "key")


@pytest.mark.parametrize(("opened", "left"), [(5_000, 150), (5_500, 75), (5_900, 15), (5_999, 1)])
def test_the_first_second_of_a_socket_has_only_what_is_left_of_it(opened, left):
    budget = Budget(150, opened)
    assert [budget.spend(5_999) for _ in range(left + 1)] == [True] * left + [False]
    assert [budget.spend(6_000) for _ in range(151)] == [True] * 150 + [False]


def test_ids_are_long_texts_and_lead_back():
    customs = CryptoComCustoms()
    shown = customs.order_id("spot", 1_000_001)
    assert len(shown) == 19
    assert int(shown) > 2**53
    assert customs.order_number(shown) == 1_000_001
    assert customs.trade_id("spot", 1_000_001) != shown


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("user.order", ("user.order", None)),
        ("user.order.BTC_USD", ("user.order", "BTC_USD")),
        ("user.advance.order.BTC_USD", ("user.advance.order", "BTC_USD")),
        ("user.balance", ("user.balance", None)),
        ("user.balance.BTC", ("user.balance.BTC", None)),
    ],
)
def test_a_channel_is_a_topic_and_perhaps_an_instrument(name, parts):
    assert split(name) == parts


def test_a_book_update_names_what_changed_and_what_is_gone():
    before, now = [["1", "5", "1"], ["2", "6", "1"]], [["2", "7", "1"], ["3", "1", "1"]]
    assert _changes(before, now) == [["1", "0", "0"], ["2", "7", "1"], ["3", "1", "1"]]

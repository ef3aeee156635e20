"""Crypto.com's strictness: tables of requests that must be refused, and how."""

import json

import pytest

from tests.sandbox.client import now_ms
from tests.sandbox.cryptocom.client import NS, Rest, Socket, early_in_a_second, signed
from tests.support.sandbox import Sandbox, account

LIMIT = {
    "instrument_name": "BTC_USD",
    "side": "BUY",
    "type": "LIMIT",
    "price": "90000",
    "quantity": "0.001",
}
MARKET = {"instrument_name": "BTC_USD", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
STOP = LIMIT | {"type": "STOP_LIMIT", "side": "SELL", "ref_price": "91000"}
CREATE, TRIGGER = "private/create-order", "private/advanced/create-order"
DETAIL, CANCEL = "private/get-order-detail", "private/cancel-order"
TRADES, HISTORY = "private/get-trades", "private/get-order-history"
DAY = 86_400_000


def but(base, **changes):
    """`base` with some values changed; None takes one away."""
    return {name: value for name, value in (base | changes).items() if value is not None}


# method, parameters, HTTP status, code, message or part of it
REFUSALS = [
    ("private/nothing", {}, 400, 40002, "METHOD_NOT_FOUND"),
    ("public/get-instruments", {}, 400, 40002, "METHOD_NOT_FOUND"),
    ("private/create-order-list", {}, 400, 40002, "METHOD_NOT_FOUND"),
    (DETAIL, {}, 400, 40004, "order_id"),
    (DETAIL, {"order_id": "x"}, 500, 212, "INVALID_ORDERID"),
    (DETAIL, {"order_id": "99999999999999999999"}, 500, 212, "INVALID_ORDERID"),
    (DETAIL, {"order_id": "6142909900009999999"}, 200, 40401, "NOT_FOUND"),
    (DETAIL, {"order_id": 6142909900009999999}, 200, 40401, "NOT_FOUND"),
    (DETAIL, {"client_oid": "never-was"}, 200, 40401, "NOT_FOUND"),
    (DETAIL, {"client_oid": 7}, 400, 40004, "client_oid"),
    (CANCEL, {}, 400, 40004, "order_id"),
    (CANCEL, {"order_id": "6142909900009999999"}, 200, 40401, "NOT_FOUND"),
    ("private/cancel-all-orders", {"type": "TRIGGER"}, 400, 40004, "type"),
    ("private/cancel-all-orders", {"instrument_name": "NOPE"}, 400, 209, "INVALID_INSTRUMENT"),
    ("private/get-open-orders", {"instrument_name": "BTCUSD"}, 400, 209, "INVALID_INSTRUMENT"),
    ("private/get-positions", {"instrument_name": "NOPE"}, 400, 209, "INVALID_INSTRUMENT"),
    ("private/get-instrument-fee-rate", {}, 400, 40004, "instrument_name"),
    (TRADES, {"limit": 101}, 400, 40004, "limit"),
    (TRADES, {"limit": "0"}, 400, 40004, "limit"),
    (TRADES, {"limit": True}, 400, 40004, "limit"),
    (TRADES, {"start_time": "yesterday"}, 400, 40005, "start_time"),
    (TRADES, {"start_time": 2 * DAY, "end_time": DAY}, 400, 40005, "INVALID_DATE"),
    (TRADES, {"start_time": now_ms() - 8 * DAY, "end_time": now_ms()}, 400, 40005, "INVALID_DATE"),
    (HISTORY, {"start_time": str(NS * (now_ms() - 8 * DAY))}, 400, 40005, "INVALID_DATE"),
    (HISTORY, {"instrument_name": "NOPE"}, 400, 209, "INVALID_INSTRUMENT"),
    (CREATE, but(LIMIT, instrument_name=None), 400, 40004, "instrument_name"),
    (CREATE, but(LIMIT, instrument_name="BTC_EUR"), 400, 209, "INVALID_INSTRUMENT"),
    (CREATE, but(LIMIT, side="buy"), 400, 220, "INVALID_SIDE"),
    (CREATE, but(LIMIT, side=None), 400, 40004, "side"),
    (CREATE, but(LIMIT, type="STOP_LIMIT"), 400, 218, "INVALID_ORDTYPE"),
    (CREATE, but(LIMIT, type=None), 400, 40004, "type"),
    (CREATE, but(LIMIT, price=None), 400, 40004, "price"),
    (CREATE, but(LIMIT, quantity=None), 400, 40004, "quantity"),
    (CREATE, but(LIMIT, price=90000), 400, 40004, "price"),
    (CREATE, but(LIMIT, quantity=1), 400, 40004, "quantity"),
    (CREATE, but(LIMIT, quantity=0.001), 400, 40004, "quantity"),
    (CREATE, but(LIMIT, quantity="1e-3"), 400, 213, "Invalid quantity format"),
    (CREATE, but(LIMIT, quantity="-1"), 400, 213, "Invalid quantity format"),
    (CREATE, but(LIMIT, quantity="0"), 400, 213, "Invalid quantity format"),
    (CREATE, but(LIMIT, quantity="0.000011"), 400, 213, "Invalid quantity format"),
    (CREATE, but(LIMIT, price="90000.001"), 400, 308, "INVALID_PRICE"),
    (CREATE, but(LIMIT, price="none"), 400, 308, "Invalid price format"),
    (CREATE, but(LIMIT, time_in_force="GTC"), 400, 221, "INVALID_TIF"),
    (CREATE, but(LIMIT, client_oid="x" * 37), 400, 40004, "client_oid"),
    (CREATE, but(LIMIT, notional="10"), 400, 40004, "notional"),
    (CREATE, but(LIMIT, exec_inst="POST_ONLY"), 500, 219, "INVALID_EXECINST"),
    (CREATE, but(LIMIT, exec_inst=["MAKER"]), 500, 219, "INVALID_EXECINST"),
    (CREATE, but(LIMIT, exec_inst=["POST_ONLY", "SMART_POST_ONLY"]), 500, 219, "INVALID_EXECINST"),
    (CREATE, but(LIMIT, exec_inst=["POST_ONLY"], time_in_force="FILL_OR_KILL"), 500, 43005, "POST_ONLY_REJ"),
    (CREATE, but(LIMIT, exec_inst=["REDUCE_ONLY"]), 400, 1110, "REDUCE_ONLY_REJECTED"),
    (CREATE, but(LIMIT, exec_inst=["ISOLATED_MARGIN"]), 500, 130008, "NON_APPLICABLE"),
    (CREATE, but(LIMIT, spot_margin="MARGIN"), 500, 130008, "NON_APPLICABLE"),
    (CREATE, but(LIMIT, stp_scope="M"), 400, 40004, "stp_inst"),
    (CREATE, but(LIMIT, stp_scope="M", stp_inst="T", stp_id="32768"), 400, 40004, "stp_id"),
    (CREATE, but(LIMIT, fee_instrument_name="ETH"), 500, 215, "INVALID_FEE_CURRENCY"),
    (CREATE, but(MARKET, price="90000"), 400, 40004, "price"),
    (CREATE, but(MARKET, notional="100"), 400, 40004, "notional"),
    (CREATE, but(MARKET, quantity=None), 400, 40004, "quantity"),
    (CREATE, but(MARKET, exec_inst=["POST_ONLY"]), 500, 219, "INVALID_EXECINST"),
    (CREATE, but(MARKET, side="SELL", quantity=None, notional="100"), 400, 40004, "notional"),
    (TRIGGER, but(STOP, ref_price=None), 400, 40004, "ref_price"),
    (TRIGGER, but(STOP, type="LIMIT"), 400, 218, "INVALID_ORDTYPE"),
    (TRIGGER, but(STOP, type="STOP_LOSS"), 400, 40004, "price"),
    (TRIGGER, but(STOP, price=None), 400, 40004, "price"),
    (TRIGGER, but(STOP, ref_price="91000.001"), 400, 308, "INVALID_PRICE"),
    (TRIGGER, but(STOP, ref_price_type="BEST"), 400, 40004, "ref_price_type"),
    ("private/amend-order", {"new_price": "1", "new_quantity": "1"}, 400, 40004, "order_id"),
    ("private/amend-order", {"order_id": "6142909900009999999"}, 400, 40004, "new_price"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "params", "status", "code", "message"), REFUSALS)
def test_a_bad_request_is_refused_as_the_reference_says(box, rest, method, params, status, code, message):
    began = now_ms() - 1
    answer = rest.call(method, **params)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert message in body["message"]
    assert (body["id"], body["method"]) == (1, method)
    assert "result" not in body
    assert box.admin.truth("main", since=began)["orders"] == []


# parameters, HTTP status, code: an order exists, rejected, although the answer is an error
LEFT_BEHIND = [
    (but(LIMIT, quantity="0.00001"), 500, 415),
    (but(MARKET, quantity=None, notional="0.5"), 500, 415),
    (but(LIMIT, quantity="60"), 400, 314),
    (but(LIMIT, price="1000"), 400, 315),
    (but(LIMIT, price="900000"), 400, 315),
    (but(LIMIT, quantity="20"), 500, 306),
    (but(LIMIT, instrument_name="BTCUSD-PERP", side="SELL", exec_inst=["REDUCE_ONLY"]), 400, 1110),
]


@pytest.mark.parametrize(("params", "status", "code"), LEFT_BEHIND)
def test_an_order_refused_after_its_creation_is_named_in_the_error(rest, params, status, code):
    answer = rest.call(CREATE, number=77 + now_ms(), **params)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    found = rest.ask(DETAIL, order_id=body["result"]["order_id"])
    assert (found["status"], found["reason"]) == ("REJECTED", code)
    assert found["client_oid"] == body["result"]["client_oid"] == str(body["id"])


def test_more_open_orders_than_allowed_are_refused(box, rest):
    for _ in range(200):
        box.admin.place("main", "CRO_USD", "buy", "100", "0.02")
    body = rest.call(CREATE, **but(LIMIT, instrument_name="CRO_USD", price="0.02", quantity="100")).json()
    assert (body["code"], body["message"]) == (318, "EXCEEDS_MAX_ALLOWED_ORDERS")


def test_a_clients_id_serves_once_for_all_instruments_and_for_ever(rest):
    own = f"own-{now_ms()}"
    first = rest.ask(CREATE, **LIMIT, client_oid=own)
    rest.ask(CANCEL, order_id=first["order_id"])
    again = rest.call(CREATE, **but(LIMIT, instrument_name="ETH_USD", price="3000", client_oid=own))
    assert (again.status_code, again.json()["code"]) == (400, 204)


def test_unknown_parameters_are_ignored(rest):
    assert rest.ask("private/get-open-orders", fish="1")["data"] == []


# -- envelope, key, signature, clock --------------------------------------------------


def altered(**changes):
    return lambda body: but(body, **changes)


ENVELOPES = [
    ("no id", altered(id=None), 400, 40003),
    ("negative id", altered(id=-1), 400, 40003),
    ("too large an id", altered(id=2**63), 400, 40003),
    ("a word as id", altered(id="one"), 400, 40003),
    ("a fraction as id", altered(id=1.0), 400, 40003),
    ("another method", altered(method="private/get-trades"), 400, 40003),
    ("no method", altered(method=None), 400, 40003),
    ("params that are no object", altered(params=[]), 400, 40003),
    ("no params", altered(params=None), 400, 10004),
    ("no key", altered(api_key=None), 401, 40101),
    ("a strange key", altered(api_key="nobody"), 401, 40101),
    ("no signature", altered(sig=None), 401, 40101),
    ("a wrong signature", altered(sig="0" * 64), 401, 40101),
    ("a signature in capitals", lambda body: body | {"sig": body["sig"].upper()}, 401, 40101),
    ("a parameter that was not signed", altered(params={"instrument_name": "BTC_USD"}), 401, 40101),
    ("no nonce", altered(nonce=None), 401, 40101),
]


@pytest.mark.parametrize(("name", "change", "status", "code"), ENVELOPES, ids=[row[0] for row in ENVELOPES])
def test_a_request_that_is_not_well_formed_is_refused(rest, entry, name, change, status, code):
    method = "private/get-open-orders"
    answer = rest.post(method, change(signed(entry, method, {})))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize(("off", "code"), [(-61_000, 40102), (61_000, 40102), (-58_000, 0), (58_000, 0)])
def test_the_nonce_must_lie_within_a_minute(rest, entry, off, code):
    body = signed(entry, "private/user-balance", {}, nonce=now_ms() + off)
    answer = rest.post("private/user-balance", body)
    assert answer.json()["code"] == code
    assert answer.status_code == (400 if code else 200)


def test_id_and_nonce_may_be_texts_and_the_answer_has_numbers(rest, entry):
    body = signed(entry, "private/user-balance", {}, number="17", nonce=str(now_ms()))
    assert rest.post("private/user-balance", body).json()["id"] == 17


def test_the_wallet_may_be_asked_for_without_params(rest, entry):
    assert rest.post("private/user-balance", signed(entry, "private/user-balance")).json()["code"] == 0


def test_an_error_repeats_the_request_with_all_that_is_in_it(rest, entry):
    body = signed(entry, CREATE, but(LIMIT, side=None))
    answer = rest.post(CREATE, body).json()
    assert json.loads(answer["original"]) == body
    assert "original" not in rest.call(CREATE, **but(LIMIT, side="UP")).json()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"id": 1, "id"', '{"id":NaN,"method":"x"}'])
def test_what_is_no_request_is_answered_as_an_error_without_a_name(rest, text):
    answer = rest.session.post(
        f"{rest.box.cryptocom_url}/{DETAIL}",
        data=text,
        headers={"Content-Type": "application/json"},
        timeout=5,
    )
    body = answer.json()
    assert (answer.status_code, body["id"], body["method"], body["code"]) == (400, -1, "ERROR", 40003)
    assert body["original"] == text


def test_only_json_is_read(rest, entry):
    body = json.dumps(signed(entry, DETAIL, {"order_id": "1"}))
    answer = rest.session.post(f"{rest.box.cryptocom_url}/{DETAIL}", data=body, timeout=5)
    assert answer.json()["code"] == 40003


def test_a_private_method_is_posted_and_a_public_one_is_got(rest):
    assert rest.public("private/user-balance").json()["code"] == 40002
    assert rest.public("public/nothing").status_code == 400
    assert rest.session.get(rest.box.url("cryptocom") + "/api/v3/time", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("permission", "method", "code"),
    [
        ("can_trade", CREATE, 40101),
        ("can_trade", CANCEL, 40101),
        ("can_trade", "private/get-open-orders", 0),
        ("can_read", "private/get-open-orders", 40101),
        ("can_read", "private/user-balance", 40101),
        ("can_read", CREATE, 0),
        ("ip_allowed", "private/get-open-orders", 40103),
        ("tier_valid", "private/get-open-orders", 40104),
    ],
)
def test_what_a_key_may_not_do_is_refused(permission_boxes, permission, method, code):
    rest = permission_boxes[permission]
    answer = rest.call(method, **(LIMIT if method == CREATE else {}))
    assert (answer.json()["code"], answer.status_code) == (code, 401 if code else 200)


def test_a_key_that_may_not_read_is_let_in_and_hears_nothing(permission_boxes):
    rest = permission_boxes["can_read"]
    with Socket(rest.box, "user") as socket:
        assert socket.auth(rest.entry)["code"] == 0
        assert socket.ask("subscribe", {"channels": ["user.order"]})["code"] == 40101
        assert socket.ask("private/get-open-orders", {})["code"] == 40101


@pytest.fixture(scope="module")
def permission_boxes():
    names = ("can_trade", "can_read", "ip_allowed", "tier_valid")
    entries = [account(name, "cryptocom", permissions={name: False}) for name in names]
    with Sandbox(entries, exchanges=("cryptocom",)) as box:
        clients = {entry["account"]: Rest(box, entry) for entry in entries}
        yield clients
        for one in clients.values():
            one.close()


# -- pace ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", [TRADES, HISTORY])
def test_a_second_list_within_a_second_is_too_many(rest, method):
    assert rest.call(method).status_code == 200
    answer = rest.call(method)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        429, 42901, "TOO_MANY_REQUESTS",
    )  # fmt: skip
    assert rest.call(HISTORY if method == TRADES else TRADES).status_code == 200


def test_a_key_has_a_pace_of_its_own(box, rest):
    assert rest.call(TRADES).status_code == 200
    other = Rest(box, box.accounts[1])
    try:
        assert other.call(TRADES).status_code == 200
    finally:
        other.close()


# -- the user socket -----------------------------------------------------------------


def test_a_socket_asks_for_authentication_before_everything(stranger):
    for method, params in (("subscribe", {"channels": ["user.order"]}), ("private/get-open-orders", {})):
        assert stranger.ask(method, params) == {
            "id": stranger._number, "method": method, "code": 40101, "message": "UNAUTHORIZED",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [({"sig": "0" * 64}, 40101), ({"api_key": "nobody"}, 40101), ({"nonce": 1}, 40101), ({"id": 901}, 40101)],
)
def test_a_wrong_authentication_is_refused(stranger, entry, change, code):
    answer = stranger.auth(entry, **change)
    assert (answer["code"], answer["message"], answer["method"]) == (code, "UNAUTHORIZED", "public/auth")


def test_an_old_authentication_is_told_about_its_clock(stranger, entry):
    stranger.send(**signed(entry, "public/auth", number=5, nonce=now_ms() - 61_000))
    assert stranger.receive() == {"id": 5, "method": "public/auth", "code": 40102, "message": "INVALID_NONCE"}


def test_the_authentication_is_answered_with_a_bare_code(stranger, entry):
    assert stranger.auth(entry) == {"id": 900, "method": "public/auth", "code": 0}


CHANNELS = [
    ["user.orders"], ["trade.BTC_USD"], ["user.order.NOPE"], ["user.advanced.order"], ["user.balance.BTC_USD"],
    ["user.order", "ticker.BTC_USD"],
]  # fmt: skip


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_wrong_channel_spoils_the_whole_request_and_its_id_is_lost(user, channels):
    user.send(id=5, method="subscribe", params={"channels": channels}, nonce=1)
    answer = user.receive()
    assert (answer["id"], answer["code"], answer["method"]) == (0, 10004, "subscribe")
    assert answer["message"].startswith('invalid channel {"channels":["')
    assert user.ask("subscribe", {"channels": ["user.trade"]})["code"] == 0


FRAMES = [
    ({"foo": 1}, -1, "ERROR", 40003),
    ({"id": 4}, 4, "ERROR", 40003),
    ({"id": "x", "method": "subscribe"}, -1, "subscribe", 40003),
    ({"id": 4, "method": "subscribe", "params": {}}, 4, "subscribe", 40004),
    ({"id": 4, "method": "subscribe", "params": {"channels": "user.order"}}, 4, "subscribe", 40004),
    ({"id": 4, "method": "private/nothing", "params": {}, "nonce": 1}, 4, "private/nothing", 40002),
    ({"id": 4, "method": "nothing"}, 4, "nothing", 40002),
    ({"id": 4, "method": TRADES, "params": {}, "nonce": 1}, 4, TRADES, 40002),
    ({"id": 4, "method": DETAIL, "params": {"order_id": "1"}, "nonce": 1}, 4, DETAIL, 40002),
    ({"method": "private/get-open-orders", "params": {}, "nonce": 1}, -1, "private/get-open-orders", 40003),
    ({"id": 4, "method": "private/get-open-orders", "params": {}}, 4, "private/get-open-orders", 40003),
    ({"id": 4, "method": "private/set-cancel-on-disconnect", "params": {"scope": "ACCOUNT"}, "nonce": 1}, 4,
     "private/set-cancel-on-disconnect", 40004),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "number", "method", "code"), FRAMES)
def test_a_bad_frame_is_answered_and_the_socket_lives_on(user, frame, number, method, code):
    user.send(**frame)
    answer = user.receive()
    assert (answer["id"], answer["method"], answer["code"]) == (number, method, code)
    assert json.loads(answer["original"]) == frame
    assert user.ask("private/get-open-orders", {})["code"] == 0


def test_what_is_no_json_is_a_bad_frame_too(stranger):
    stranger.socket.send("no json")
    assert stranger.receive() == {
        "id": -1, "method": "ERROR", "code": 40003, "message": "INVALID_REQUEST", "original": "no json",
    }  # fmt: skip


def test_a_subscription_may_come_without_id_and_nonce(user):
    user.send(method="subscribe", params={"channels": ["user.trade"]})
    assert user.receive() == {"id": -1, "method": "subscribe", "code": 0}


def test_a_socket_that_asks_too_often_is_told_so(box):
    with Socket(box, "market") as socket:
        early_in_a_second()
        for number in range(250):
            socket.send(id=number, method="unsubscribe", params={"channels": ["ticker.BTC_USD"]})
        codes = [socket.receive()["code"] for _ in range(250)]
    assert 42901 in codes
    assert codes[0] == 0


def test_a_market_socket_takes_four_hundred_subscriptions(market):
    names = [f"ticker.X{number}" for number in range(401)]
    answer = market.ask("subscribe", {"channels": names})
    assert (answer["code"], answer["message"]) == (40107, "EXCEED_MAX_SUBSCRIPTIONS")

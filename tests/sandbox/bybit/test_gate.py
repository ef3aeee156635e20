"""Who gets in over HTTP, and what everybody else is told."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.bybit.gate import Gate
from sandbox.clock import Clock
from sandbox.faults import Board
from sandbox.keys import KeyRing
from sandbox.wire import Request
from tests.sandbox.bybit.client import BUY, LINEAR, LONG, Rest, now_ms, sign
from tests.support.sandbox import Sandbox, account

INFO = "/v5/account/info"
KEY = "TESTKEY0123456789AB"
SECRET = "TESTSECRET0123456789abcdefghijKLMNOP"
CURSOR = "page_token%3D39380%26"
COMPACT = '{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"20000","timeInForce":"PostOnly","orderLinkId":"recon-000001"}'  # fmt: skip
SPACED = COMPACT.replace('","', '", "').replace('":"', '": "')
VECTORS = [
    ("GET", "category=linear&limit=50&settleCoin=USDT", "84685393b3df6f78c12749847ebac3d8e871c89719c558761c611bf420058775"),
    ("GET", "symbol=BTCUSDT&category=spot", "28e4a02b4dde8fdd84e68134714c4d00acb916c1f6ee69f18cd645986049f681"),
    ("GET", f"category=linear&cursor={CURSOR}&limit=50", "93a1f6af347d1d477d8ce3a923b68f04699993a9948f1757b600ce0c81f9484e"),
    ("GET", "", "8f6ffd535373d6fda2543975e665ba8320597dd7517c00ed62edd72d501f2ddb"),
    ("POST", COMPACT, "14ec28068ddd3529ffd41cb11fc0d026bc68a6aed5fd75bfe2b9d7d07345f45a"),
    ("POST", SPACED, "37c3bd6dc0055ae270382e88066715953bae518e2a033a692271d77c3afa5660"),
]  # fmt: skip


class StoppedClock(Clock):
    """A clock that stands where the vectors were made."""

    def now(self) -> int:
        return 1_700_000_000_000


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    entry = {"exchange": "bybit", "account": "vector", "api_key": KEY, "api_secret": SECRET}
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps([entry]))
    return Gate("bybit", StoppedClock(), KeyRing(file), Board())


def request_of(verb, tail, signature):
    headers = {"x-bapi-api-key": KEY, "x-bapi-timestamp": "1700000000000", "x-bapi-recv-window": "5000", "x-bapi-sign": signature}  # fmt: skip
    query, body = (tail, b"") if verb == "GET" else ("", tail.encode())
    return Request(
        method=verb, path="/v5/order/history", query=query, headers=headers, body=body, address="127.0.0.1"
    )


@pytest.mark.parametrize(("verb", "tail", "signature"), VECTORS)
def test_the_published_signatures_are_accepted_and_no_others(gate, verb, tail, signature):
    assert gate.admit(request_of(verb, tail, signature)).account == "vector"
    for wrong in (signature.upper(), signature[:-1] + ("0" if signature[-1] != "0" else "1"), "", "zz"):
        with pytest.raises(Exception) as refused:
            gate.admit(request_of(verb, tail, wrong))
        assert getattr(refused.value, "code", None) in (10004, 10001)
    with pytest.raises(Exception) as refused:
        gate.admit(request_of(verb, tail + " ", signature))
    assert refused.value.code == 10004


def test_the_published_socket_signature_is_ours_too():
    assert sign(SECRET, "GET/realtime1700000010000") == (
        "ea73b78ed9f06e1f0fd1f5815dea377a9253b17e6bfae4e6b931354dce620639"
    )


# -- the clock -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "window", "code"),
    [(0, 5000, 0), (-4000, 5000, 0), (-6000, 5000, 10002), (-6000, 20000, 0), (700, 5000, 0), (3000, 60000, 10002)],
)  # fmt: skip
def test_a_slow_clock_has_the_window_and_a_fast_one_has_a_second(rest, offset, window, code):
    envelope = rest.get(INFO, stamp=now_ms() + offset, window=window).json()
    assert envelope["retCode"] == code
    if code:
        assert "recv_window" in envelope["retMsg"]


def test_the_window_may_be_left_out_and_is_then_five_seconds(rest):
    stamp = str(now_ms() - 3000)
    signed = sign(rest.secret, stamp + rest.key)
    answer = rest.get(INFO, stamp=stamp, X_BAPI_RECV_WINDOW=None, X_BAPI_SIGN=signed)
    assert answer.json()["retCode"] == 0
    signed = sign(rest.secret, stamp + rest.key + "5000")
    assert rest.get(INFO, stamp=stamp, X_BAPI_RECV_WINDOW=None, X_BAPI_SIGN=signed).json()["retCode"] == 0


@pytest.mark.parametrize(("stamp", "window"), [("x", "5000"), ("1.5", "5000"), ("-5", "5000"), ("1", "five")])
def test_times_that_are_no_integers_are_wrong_parameters(rest, stamp, window):
    assert rest.get(INFO, stamp=stamp, window=window).json()["retCode"] == 10001


# -- keys ------------------------------------------------------------------------------


def test_without_a_key_there_are_two_shapes_of_refusal(rest):
    bare = rest.send("GET", "/v5/account/wallet-balance", "accountType=UNIFIED")
    assert (bare.status_code, bare.json()) == (401, None)
    told = rest.send("GET", "/v5/user/query-api")
    assert (told.status_code, told.json()["retCode"]) == (200, 10001)
    assert told.json()["retMsg"] == "Request parameter error: apiKey is missing"
    half = rest.get(INFO, X_BAPI_SIGN=None).json()
    assert (half["retCode"], half["retMsg"]) == (10001, "Request parameter error: sign is missing")


def test_an_unknown_key_and_a_wrong_signature_are_told_apart(rest):
    assert rest.get(INFO, X_BAPI_API_KEY="nobody").json()["retCode"] == 10003
    assert rest.get(INFO, X_BAPI_SIGN="0" * 64).json()["retCode"] == 10004


def test_a_revoked_key_is_invalid_and_an_expired_one_says_so(box, rest):
    box.admin.fault("auth_revoked", account="main")
    assert rest.ask(INFO)["retCode"] == 10003
    box.admin.clear(account="main")
    box.admin.fault("auth_revoked", account="main", code=33004)
    assert rest.ask(INFO)["retCode"] == 33004
    box.admin.clear(account="main")
    assert rest.ask(INFO)["retCode"] == 0


@pytest.fixture(scope="module")
def kinds():
    """Accounts whose keys differ in what they may do."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    entries = [
        account("reader", "bybit", permissions={"readOnly": True}),
        account("pair", "bybit", permissions={"Order": False, "Withdraw": True}),
        account("blind", "bybit", permissions={"SpotTrade": False, "Order": False, "Position": False}),
        account("bound", "bybit", ips=["10.1.2.3"]),
        account("here", "bybit", ips=["127.0.0.1"]),
        {"exchange": "bybit", "account": "signer", "api_key": "RSAKEY", "public_key": pem.decode()},
    ]
    with Sandbox(entries, exchanges=("bybit",)) as box:
        clients = {entry["account"]: Rest(box, entry) for entry in entries}
        yield clients, private
        for one in clients.values():
            one.close()


def test_a_key_that_only_reads_reads_everything_and_places_nothing(kinds):
    reader = kinds[0]["reader"]
    assert reader.order(BUY)["retCode"] == 10005
    assert reader.post("/v5/order/cancel-all", {"category": "spot"}).json()["retCode"] == 10005
    assert reader.ask("/v5/account/wallet-balance", accountType="UNIFIED")["retCode"] == 0
    assert reader.rows("/v5/order/realtime", **LINEAR) == []
    assert reader.result("/v5/user/query-api")["readOnly"] == 1


def test_permissions_are_by_product(kinds):
    pair = kinds[0]["pair"]
    assert pair.order(BUY)["retCode"] == 0
    assert pair.order(LONG)["retCode"] == 10005
    told = pair.result("/v5/user/query-api")["permissions"]
    assert (told["Wallet"], told["Spot"], told["ContractTrade"]) == (
        ["Withdraw"],
        ["SpotTrade"],
        ["Position"],
    )


LISTS = [
    ("/v5/order/realtime", {"category": "spot"}, ("blind",)),
    ("/v5/order/realtime", LINEAR, ("pair", "blind")),
    ("/v5/order/history", {"category": "spot"}, ("blind",)),
    ("/v5/execution/list", {"category": "inverse"}, ("pair", "blind")),
    ("/v5/position/list", LINEAR, ("blind",)),
    ("/v5/account/wallet-balance", {"accountType": "UNIFIED"}, ()),
    ("/v5/user/query-api", {}, ()),
]


@pytest.mark.parametrize(("path", "params", "refused"), LISTS)
def test_orders_and_positions_are_read_with_the_permission_of_their_product(kinds, path, params, refused):
    codes = {name: kinds[0][name].ask(path, **params)["retCode"] for name in ("reader", "pair", "blind")}
    assert codes == {name: 10005 if name in refused else 0 for name in codes}


def test_a_permission_is_missed_before_a_parameter(kinds):
    assert kinds[0]["blind"].ask("/v5/order/realtime", category="spot", limit=51)["retCode"] == 10005
    assert kinds[0]["reader"].ask("/v5/order/realtime", category="spot", limit=51)["retCode"] == 10001


def test_a_key_bound_elsewhere_is_refused_by_its_address(kinds):
    assert kinds[0]["bound"].ask(INFO)["retCode"] == 10010
    told = kinds[0]["here"].result("/v5/user/query-api")
    assert (told["ips"], told["deadlineDay"]) == (["127.0.0.1"], -2)
    assert kinds[0]["pair"].result("/v5/user/query-api")["ips"] == ["*"]


def test_an_rsa_signature_is_believed(kinds):
    signer, private = kinds[0]["signer"], kinds[1]
    stamp = str(now_ms())
    signed = private.sign(f"{stamp}RSAKEY5000".encode(), padding.PKCS1v15(), hashes.SHA256())
    answer = signer.get(INFO, stamp=stamp, X_BAPI_SIGN=base64.b64encode(signed).decode())
    assert answer.json()["retCode"] == 0


# -- bare HTTP ----------------------------------------------------------------------------


def test_unknown_paths_and_wrong_methods_are_not_found(rest):
    assert rest.get("/v5/nothing").status_code == 404
    assert rest.post("/v5/account/info", {}).status_code == 404
    assert rest.get("/v5/order/create").status_code == 404


def test_a_get_with_a_body_is_forbidden(rest):
    answer = rest.session.get(rest.base + INFO, data="{}", headers=rest.headers(""), timeout=5)
    assert answer.status_code == 403


def test_a_post_is_json_by_name_and_by_nature(rest):
    assert rest.post("/v5/order/create", BUY, Content_Type="text/plain").json()["retCode"] == 10001
    for body in ("category=spot", "[]", "", '{"category":'):
        assert rest.post("/v5/order/create", body).json()["retCode"] == 10001


# -- limits --------------------------------------------------------------------------------


def test_every_signed_answer_tells_the_limit_and_what_is_left(rest):
    headers = [rest.get(INFO).headers for _ in range(2)]
    assert [one["X-Bapi-Limit"] for one in headers] == ["50", "50"]
    left = [int(one["X-Bapi-Limit-Status"]) for one in headers]
    assert left[0] == left[1] + 1
    assert abs(int(headers[0]["X-Bapi-Limit-Reset-Timestamp"]) - now_ms()) < 2000


def test_the_calls_of_a_rolling_second_are_counted_by_endpoint(rest):
    answers = [rest.get("/v5/account/fee-rate", "category=spot&symbol=BTCUSDT")]
    while answers[-1].json()["retCode"] == 0 and len(answers) < 200:
        answers.append(rest.get("/v5/account/fee-rate", "category=spot&symbol=BTCUSDT"))
    assert len(answers) > 5
    last = answers[-1]
    assert (last.json()["retCode"], last.json()["retMsg"]) == (10006, "Too many visits!")
    assert (last.headers["X-Bapi-Limit"], last.headers["X-Bapi-Limit-Status"]) == ("5", "0")
    assert abs(int(last.headers["X-Bapi-Limit-Reset-Timestamp"]) - now_ms()) < 2000
    assert rest.ask(INFO)["retCode"] == 0


@pytest.mark.parametrize(
    ("order", "limit"), [(BUY, "20"), (LONG, "10"), ({**LONG, "category": "inverse"}, "10")]
)
def test_orders_have_a_limit_by_product(rest, order, limit):
    assert rest.post("/v5/order/create", order).headers["X-Bapi-Limit"] == limit


def test_an_address_that_asks_too_much_is_banned_for_a_while(box, rest):
    box.admin.fault("ban", exchange="bybit", seconds=60)
    answer = rest.send("GET", "/v5/market/time")
    assert (answer.status_code, answer.text) == (403, "access too frequent")
    box.admin.clear()
    statuses = {rest.send("GET", "/v5/market/time").status_code for _ in range(30)}
    assert statuses == {200}

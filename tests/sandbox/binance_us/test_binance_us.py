"""The imitation of Binance.US: listen keys as its reference has them, and what else it has of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from websockets.sync.client import connect

from tests.sandbox.client import WAIT, Signer, signed_params
from tests.sandbox.client import Rest as ComRest
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

KEY = "/api/v3/userDataStream"


class Rest(ComRest):
    """Signed calls, and those that are secured by the key alone."""

    def __init__(self, box: Sandbox, entry: dict[str, Any]) -> None:
        self.url = box.url("binance_us")
        self.signer = Signer(entry)
        self.offset = 0
        self.session = requests.Session()
        self.session.trust_env = False

    def key(self, verb: str = "POST", query: str = "", **more: Any) -> Any:
        return self.raw(verb, KEY, query, **more)

    def opened(self) -> str:
        answer = self.key()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["listenKey"])


class Stream:
    """A socket at a listen key."""

    def __init__(self, box: Sandbox, path: str) -> None:
        url = f"ws://{box.host('binance_us')}{path}"
        self._link = connect(url, ping_interval=None, proxy=None)
        self.socket = self._link.__enter__()

    def next(self) -> Any:
        return json.loads(self.socket.recv(WAIT))

    def ask(self, frame: Any) -> Any:
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))
        return self.next()

    def is_quiet(self) -> bool:
        """Whether nothing was sent before the answer to a question asked now."""
        return bool(self.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 99})["id"] == 99)

    def close(self) -> None:
        self._link.__exit__(None, None, None)


@pytest.fixture(scope="module")
def module_box() -> Iterator[Sandbox]:
    accounts = [account(name, "binance_us") for name in ("main", "other")]
    with Sandbox(accounts, exchanges=("binance_us",)) as box:
        yield box


@pytest.fixture
def box(module_box: Sandbox) -> Iterator[Sandbox]:
    module_box.admin.clear()
    module_box.admin.fault("key_expired", what="silent")
    yield module_box
    module_box.admin.clear()
    module_box.admin.post("settings", key_life=3600)


@pytest.fixture
def rest(box: Sandbox) -> Iterator[Rest]:
    client = Rest(box, box.accounts[0])
    yield client
    client.close()


@pytest.fixture
def at(box: Sandbox) -> Iterator[Any]:
    made: list[Stream] = []

    def open_at(path: str) -> Stream:
        made.append(Stream(box, path))
        return made[-1]

    yield open_at
    for one in made:
        one.close()


def trade(box: Sandbox, name: str = "main") -> Any:
    return box.admin.place(name, "BTCUSDT", "buy", "0.01")


def code(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


# ---------------------------------------------------------------------- listen keys


def test_a_key_is_given_out_and_the_same_one_again(rest: Rest) -> None:
    first, second = rest.opened(), rest.opened()
    assert first == second
    assert len(first) == 64
    assert rest.key().headers["X-MBX-USED-WEIGHT-1M"]


def test_accounts_do_not_share_a_key(box: Sandbox, rest: Rest) -> None:
    other = Rest(box, box.accounts[1])
    assert rest.opened() != other.opened()
    assert code(rest.key("PUT", f"listenKey={other.opened()}")) == (400, -1125)
    other.close()


@pytest.mark.parametrize(
    ("verb", "query", "text"),
    [
        ("POST", "timestamp=1&signature=a", "Too many parameters; expected '0' and received '2'."),
        ("POST", "recvWindow=5000", "Too many parameters; expected '0' and received '1'."),
        ("PUT", "listenKey=abc&timestamp=1", "Too many parameters; expected '1' and received '2'."),
    ],
)
def test_any_parameter_too_many_is_refused(rest: Rest, verb: str, query: str, text: str) -> None:
    answer = rest.key(verb, query)
    assert code(answer) == (400, -1101)
    assert answer.json()["msg"] == text


def test_a_key_that_is_sent_twice_is_refused(rest: Rest) -> None:
    key = rest.opened()
    answer = rest.key("PUT", f"listenKey={key}", body=f"listenKey={key}")
    assert code(answer) == (400, -1101)
    assert "Duplicate" in answer.json()["msg"]


def test_a_renewal_without_a_key_is_refused(rest: Rest) -> None:
    assert code(rest.key("PUT")) == (400, -1102)


def test_a_key_may_be_named_in_the_body(rest: Rest) -> None:
    assert rest.key("PUT", body=f"listenKey={rest.opened()}").json() == {}


@pytest.mark.parametrize(("api_key", "wanted"), [(None, -2014), ("short", -2014), ("a" * 64, -2015)])
def test_without_a_key_of_ours_there_is_no_listen_key(rest: Rest, api_key: Any, wanted: int) -> None:
    assert code(rest.key(key=api_key)) == (401, wanted)


def test_what_was_deleted_is_unknown_to_all(rest: Rest) -> None:
    key = rest.opened()
    assert rest.key("DELETE", f"listenKey={key}").json() == {}
    for verb in ("PUT", "DELETE"):
        assert code(rest.key(verb, f"listenKey={key}")) == (400, -1125)
    assert rest.opened() != key


def test_a_key_that_nobody_renews_dies_and_the_socket_stays_open_and_silent(
    box: Sandbox, rest: Rest, at: Any
) -> None:
    key = rest.opened()
    stream = at(f"/ws/{key}")
    box.admin.post("settings", key_life=0.01)
    eventually(
        lambda: rest.key("PUT", f"listenKey={key}"), lambda answer: answer.status_code == 400, what="-1125"
    )
    trade(box)
    assert stream.is_quiet()


def test_a_renewed_key_lives_on(box: Sandbox, rest: Rest, at: Any) -> None:
    key = rest.opened()
    stream = at(f"/ws/{key}")
    assert rest.key("PUT", f"listenKey={key}").json() == {}
    trade(box)
    assert stream.next()["e"] == "executionReport"


@pytest.mark.parametrize("told", [True, False])
def test_a_key_expires_on_command_with_a_word_or_without(
    box: Sandbox, rest: Rest, at: Any, told: bool
) -> None:
    key = rest.opened()
    stream = at(f"/ws/{key}")
    box.admin.fault("key_expired", account="main", **({} if told else {"what": "silent"}))
    if told:
        event = stream.next()
        assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)
    trade(box)
    assert stream.is_quiet()
    assert code(rest.key("PUT", f"listenKey={key}")) == (400, -1125)


@pytest.mark.parametrize("status", [404, 410])
def test_the_flow_can_be_switched_off(box: Sandbox, rest: Rest, status: int) -> None:
    box.admin.fault("rest_status", path=KEY, status=status)
    for verb in ("POST", "PUT"):
        answer = rest.key(verb)
        assert answer.status_code == status
        assert answer.text.startswith("<html>")
    box.admin.clear()
    box.admin.fault("gone")
    assert rest.key().status_code == 410
    assert rest.signed("GET", "/api/v3/account").status_code == 200


# --------------------------------------------------------------------------- streams


def test_events_are_bare_on_ws_and_named_on_stream(box: Sandbox, rest: Rest, at: Any) -> None:
    key = rest.opened()
    bare, named = at(f"/ws/{key}"), at(f"/stream?streams={key}")
    order = trade(box)
    event = bare.next()
    assert (event["e"], str(event["i"])) == ("executionReport", order["order_id"])
    assert {"W", "V"} <= event.keys()
    assert named.next() == {"stream": key, "data": event}


def test_a_swallowed_subscription_is_a_handshake_without_an_answer(box: Sandbox, rest: Rest, at: Any) -> None:
    key = rest.opened()
    box.admin.fault("swallow_subscribe_ack", account="main")
    at(f"/ws/{token()}")
    with pytest.raises(TimeoutError):
        connect(f"ws://{box.host('binance_us')}/ws/{key}", proxy=None, open_timeout=0.3)
    assert [one for one in box.admin.state()["binance_us"]["sockets"] if one["subscriptions"]] == []
    stream = at(f"/ws/{key}")
    trade(box)
    assert stream.next()["e"] == "executionReport"


def test_pings_on_a_key_s_stream_stay_unanswered(box: Sandbox, rest: Rest, at: Any) -> None:
    stream, stranger = at(f"/ws/{rest.opened()}"), at("/ws")
    box.admin.fault("lost_pongs", account="main")
    lost = stream.socket.ping()
    assert stream.is_quiet()
    assert not lost.is_set()
    assert stranger.socket.ping().wait(WAIT)
    box.admin.clear(account="main")
    assert stream.socket.ping().wait(WAIT)


def test_an_unknown_key_is_let_in_and_hears_nothing(box: Sandbox, at: Any) -> None:
    stream = at(f"/ws/{token()}")
    trade(box)
    assert stream.is_quiet()


def test_only_the_own_account_is_heard(box: Sandbox, rest: Rest, at: Any) -> None:
    stream = at(f"/ws/{rest.opened()}")
    trade(box, "other")
    assert stream.is_quiet()


@pytest.mark.parametrize("frame_id", ["text", -1, None, 1.5, True])
def test_the_id_of_a_control_frame_is_an_unsigned_integer(at: Any, frame_id: Any) -> None:
    assert at("/ws").ask({"method": "LIST_SUBSCRIPTIONS", "id": frame_id})["code"] == 2


def test_the_server_may_say_that_it_goes(box: Sandbox, rest: Rest, at: Any) -> None:
    key = rest.opened()
    bare, named = at(f"/ws/{key}"), at(f"/stream?streams={key}")
    box.admin.fault("server_shutdown")
    assert bare.next()["e"] == "serverShutdown"
    assert named.next()["stream"] == "!serverShutdown"


def test_the_signature_subscription_is_served_beside_it(box: Sandbox, rest: Rest, at: Any) -> None:
    stream = at("/ws-api/v3?returnRateLimits=false")
    request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": signed_params(rest.signer)}
    assert stream.ask(request) == {"id": 1, "status": 200, "result": {"subscriptionId": 0}}
    trade(box)
    assert stream.next()["event"]["e"] == "executionReport"


def test_the_state_shows_who_is_subscribed_where(box: Sandbox, rest: Rest, at: Any) -> None:
    at(f"/ws/{rest.opened()}")
    sockets = box.admin.state()["binance_us"]["sockets"]
    assert {"subscriptions": {"0": "main"}, "kind": "stream"} in sockets


# ------------------------------------------------------------------------------ REST


@pytest.mark.parametrize(
    ("verb", "path", "params"),
    [
        ("GET", "/api/v3/account", {"omitZeroBalances": "true"}),
        ("GET", "/api/v3/account", {"recvWindow": "5000.5"}),
        ("POST", "/api/v3/order/test", {"symbol": "BTCUSDT", "strategyId": "1"}),
    ],
)
def test_parameters_of_com_are_refused(rest: Rest, verb: str, path: str, params: Any) -> None:
    status, number = code(rest.signed(verb, path, **params))
    assert status == 400
    assert number in {-1100, -1101, -1104}


@pytest.mark.parametrize(
    "path",
    [
        "/sapi/v1/account/apiRestrictions",
        "/api/v3/myAllocations",
        "/api/v3/order/amendments",
        "/api/v3/account/commission",
    ],
)
def test_calls_of_com_are_not_found(rest: Rest, path: str) -> None:
    assert rest.signed("GET", path).status_code == 404


def test_answers_lack_what_binance_us_leaves_out(rest: Rest) -> None:
    row = rest.signed("GET", "/api/v3/account").json()
    assert "uid" not in row
    assert "preventSor" not in row
    assert "tradeGroupId" in row
    placed = rest.order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000"
    ).json()
    assert "origQuoteOrderQty" not in placed
    both = {"orderId": placed["orderId"], "origClientOrderId": "another"}
    canceled = rest.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", **both).json()
    assert canceled["status"] == "CANCELED"
    assert not {"transactTime", "origQuoteOrderQty"} & canceled.keys()


def test_fees_are_told_by_a_call_of_its_own_for_one_symbol_or_all(rest: Rest) -> None:
    path = "/sapi/v1/asset/query/trading-fee"
    row = {"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}
    assert rest.signed("GET", path, symbol="BTCUSDT").json() == [row]
    assert row in rest.signed("GET", path).json()
    assert len(rest.signed("GET", path).json()) == 5
    assert code(rest.signed("GET", path, symbol="NOSUCH")) == (400, -1121)
    assert code(rest.signed("GET", path, pair="BTCUSDT")) == (400, -1104)


def test_limits_are_those_of_binance_us(rest: Rest) -> None:
    limits = rest.public("/api/v3/exchangeInfo").json()["rateLimits"]
    assert [(row["rateLimitType"], row["limit"]) for row in limits] == [
        ("REQUEST_WEIGHT", 6000),
        ("ORDERS", 100),
        ("ORDERS", 200_000),
        ("RAW_REQUESTS", 61_000),
    ]


def test_a_full_count_of_orders_does_not_say_when(rest: Rest) -> None:
    for _ in range(201):  # a hundred and one of them lie in one ten-second window, wherever it ends
        answer = rest.order(
            symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="50000"
        )
        if not answer.ok:
            break
    assert code(answer) == (429, -1015)
    assert "Retry-After" not in answer.headers


def test_both_rhythms_of_pings_can_be_had(box: Sandbox) -> None:
    assert box.admin.post("settings")["binance_us"]["ping_every"] == 20
    older = box.admin.post("settings", exchange="binance_us", ping_every=180, pong_within=600)
    assert (older["binance_us"]["ping_every"], older["binance_us"]["pong_within"]) == (180, 600)
    box.admin.post("settings", ping_every=20, pong_within=60)

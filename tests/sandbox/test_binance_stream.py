"""The WebSocket API: sessions, subscriptions, and events with exactly the documented keys."""

import json
from decimal import Decimal as D

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.sandbox.client import WAIT, Rest, Signer, Stream, now_ms, public_pem
from tests.support.sandbox import Sandbox, account, token

REPORT = frozenset("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQWV")
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "90000.00", "quantity": "0.01"}  # fmt: skip


# -- requests ---------------------------------------------------------------------


@pytest.mark.parametrize("frame_id", [1, -7, "abc", "", None, "é", 2**60])
def test_an_id_comes_back_with_its_own_type(stream, frame_id):
    assert stream.ask("ping", frame_id=frame_id) == {"id": frame_id, "status": 200, "result": {}}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"id":1}',
        '{"method":"ping"}',
        '{"id":1.5,"method":"ping"}',
        '{"id":[],"method":"ping"}',
        '{"id":1,"method":"ping","params":[]}',
    ],
)
def test_a_frame_that_is_no_request_is_answered_without_an_id(stream, text):
    stream.socket.send(text)
    answer = stream.receive()
    assert (answer["id"], answer["status"], answer["error"]["code"]) == (None, 400, -1135)
    assert stream.ask("ping")["status"] == 200


def test_methods_may_carry_their_version_and_unknown_ones_are_refused(stream):
    assert set(stream.ask("v3/time")["result"]) == {"serverTime"}
    for removed in ("userDataStream.start", "userDataStream.ping", "nonsense"):
        answer = stream.ask(removed, {"apiKey": stream.signer.api_key})
        assert (answer["status"], answer["error"]["code"]) == (400, -1020)


def test_rate_limits_are_shown_unless_switched_off(box, signer):
    with Stream(box, signer, query="") as stream:
        shown = stream.ask("time")["rateLimits"]
        assert [one["rateLimitType"] for one in shown] == ["REQUEST_WEIGHT"]
        assert "rateLimits" not in stream.ask("time", {"returnRateLimits": False})
        placed = stream.ask("order.place", stream.params(**LIMIT))
        assert [one["rateLimitType"] for one in placed["rateLimits"]] == [
            "ORDERS",
            "ORDERS",
            "REQUEST_WEIGHT",
        ]
    with Stream(box, signer) as stream:
        assert "rateLimits" not in stream.ask("time")
        signed = stream.params(returnRateLimits="true")
        assert "rateLimits" in stream.ask("account.status", signed)


def test_rest_and_the_socket_draw_on_one_weight(box, signer, rest):
    before = int(rest.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"])
    with Stream(box, signer, query="") as stream:
        count = stream.ask("exchangeInfo", {"symbol": "BTCUSDT"})["rateLimits"][0]["count"]
    assert count in (before + 2 + 20, 20, 22)


def test_orders_can_be_placed_queried_and_cancelled(stream):
    placed = stream.ask("order.place", stream.params(**LIMIT, newClientOrderId="ws-1"))["result"]
    query = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    assert stream.ask("order.status", stream.params(**query))["result"]["status"] == "NEW"
    assert len(stream.ask("openOrders.status", stream.params())["result"]) == 1
    cancelled = stream.ask("order.cancel", stream.params(**query))["result"]
    assert cancelled["origClientOrderId"] == "ws-1"
    gone = stream.ask("order.cancel", stream.params(**query))
    assert (gone["status"], gone["error"]["code"]) == (400, -2011)
    assert stream.ask("myTrades", stream.params(symbol="BTCUSDT"))["status"] == 200
    assert stream.ask("account.status", stream.params())["result"]["accountType"] == "SPOT"


def test_the_signature_covers_the_key_and_every_parameter(stream):
    good = stream.params(recvWindow=5000)
    for change, code in [
        ({"recvWindow": 6000}, -1022),
        ({"signature": "0" * 64}, -1022),
        ({"apiKey": token()}, -2015),
        ({"apiKey": "x"}, -2014),
        ({"timestamp": now_ms() - 10_000}, -1021),
        ({"fish": 1}, -1104),
    ]:
        answer = stream.ask("account.status", good | change)
        assert answer["error"]["code"] == code, change
    missing = {name: value for name, value in good.items() if name != "timestamp"}
    assert stream.ask("account.status", missing)["error"]["code"] == -1102
    keyless = {name: value for name, value in good.items() if name != "apiKey"}
    assert stream.ask("account.status", keyless)["error"]["code"] == -2014


# -- subscriptions -------------------------------------------------------------------


def test_one_account_subscribes_once_a_socket_and_ids_count_up(box, stream, signer):
    assert stream.subscribe() == 0
    again = stream.ask("userDataStream.subscribe.signature", stream.params())
    assert (again["status"], again["error"]["code"]) == (400, -2035)
    other = Signer(box.accounts[1])
    stream.signer = other
    assert stream.subscribe() == 1
    stream.signer = signer
    assert stream.ask("session.subscriptions")["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
    box.admin.deposit("other", "USDT", "1")
    assert stream.receive()["subscriptionId"] == 1


def test_unsubscribing_ends_with_a_terminated_event(stream):
    stream.subscribe()
    unknown = stream.ask("userDataStream.unsubscribe", {"subscriptionId": 9})
    assert unknown["error"]["code"] == -2036
    stream.send("userDataStream.unsubscribe", {"subscriptionId": 0})
    frames = [stream.receive(), stream.receive()]
    assert frames[0]["subscriptionId"] == 0
    assert frames[0]["event"]["e"] == "eventStreamTerminated"
    assert frames[1] == {"id": 1, "status": 200, "result": {}}
    assert stream.subscribe() == 1


def test_subscribing_without_a_logon_or_with_a_parameter_is_refused(stream):
    assert stream.ask("userDataStream.subscribe")["error"]["code"] == -2015
    assert stream.ask("userDataStream.subscribe", {"apiKey": "x"})["error"]["code"] == -1104


def test_only_ed25519_keys_log_on(stream):
    assert stream.ask("session.logon", stream.params())["error"]["code"] == -1022


@pytest.fixture
def modern():
    private = ed25519.Ed25519PrivateKey.generate()
    entry = {
        "exchange": "binance",
        "account": "modern",
        "api_key": token(),
        "public_key": public_pem(private),
    }
    with Sandbox([entry, account("main")]) as box:
        yield box, Signer(entry, private)


def test_a_logged_on_session_speaks_without_a_key(modern):
    box, signer = modern
    with Stream(box, signer) as stream:
        status = stream.ask("session.status")["result"]
        assert (status["apiKey"], status["authorizedSince"], status["userDataStream"]) == (None, None, False)
        status = stream.ask("session.logon", stream.params())["result"]
        assert status["apiKey"] == signer.api_key
        assert stream.ask("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
        placed = stream.ask("order.place", LIMIT | {"timestamp": now_ms()})
        assert placed["result"]["status"] == "NEW"
        assert stream.ask("account.status", {})["error"]["code"] == -1102
        stream.signer = Signer(box.accounts[1])
        explicit = stream.ask("openOrders.status", stream.params())
        assert explicit["result"] == []
        stream.send("session.logout")
        frames = [stream.receive(), stream.receive()]
        assert frames[0]["event"]["e"] == "eventStreamTerminated"
        assert frames[1]["result"]["apiKey"] is None
        assert stream.ask("session.subscriptions")["result"] == []


def test_a_logout_leaves_signature_subscriptions_alone(modern):
    box, signer = modern
    with Stream(box, signer) as stream:
        stream.subscribe()
        stream.ask("session.logon", stream.params())
        assert stream.ask("session.logout")["result"]["userDataStream"] is True


def test_a_revoked_key_ends_the_session_after_the_next_request(modern):
    box, signer = modern
    with Stream(box, signer) as stream:
        stream.ask("session.logon", stream.params())
        box.admin.fault("auth_revoked", account="modern")
        assert stream.ask("ping")["status"] == 200
        last = stream.receive()
        assert (last["id"], last["status"], last["error"]["code"]) == (None, 401, -2015)
        assert stream.ask("session.status")["result"]["apiKey"] is None


# -- events ---------------------------------------------------------------------------


def test_the_life_of_an_order_is_told_with_exactly_the_documented_keys(box, stream):
    stream.subscribe()
    order = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000", client_order_id="mine")
    box.admin.fill(order["order_id"], quantity="0.004")
    box.admin.cancel(order["order_id"])
    events = stream.events_until(lambda event: event.get("X") == "CANCELED")
    reports = [one for one in events if one["e"] == "executionReport"]
    assert [(one["x"], one["X"]) for one in reports] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("CANCELED", "CANCELED"),
    ]
    assert all(set(one) == REPORT for one in reports)
    assert [one["e"] for one in events][1] == "outboundAccountPosition"
    new, trade, gone = reports
    assert (new["n"], new["N"], new["t"], new["w"], new["C"]) == ("0", None, -1, True, "")
    assert (trade["l"], trade["L"], trade["z"], trade["n"], trade["N"]) == (
        "0.00400000", "90000.00000000", "0.00400000", "0.00000400", "BTC",
    )  # fmt: skip
    assert (trade["m"], trade["M"], trade["Y"], trade["Z"]) == (True, True, "360.00000000", "360.00000000")
    assert gone["C"] == "mine"
    assert gone["c"] not in ("", "mine")
    assert gone["z"] == "0.00400000"
    assert new["I"] < trade["I"] < gone["I"]


def test_a_market_order_tells_new_and_trades_and_the_balances_once(box, stream):
    stream.subscribe()
    box.admin.place("main", "BTCUSDT", "sell", "0.02")
    events = stream.events_until(lambda event: event["e"] == "outboundAccountPosition")
    assert [one.get("x") for one in events] == ["NEW", *["TRADE"] * (len(events) - 2), None]
    assert events[-2]["X"] == "FILLED"
    assert {one["a"] for one in events[-1]["B"]} == {"BTC", "USDT"}
    assert [one["m"] for one in events[1:-1]] == [False] * (len(events) - 2)


def test_what_expires_says_why_and_an_expiry_has_one_key_more(box, stream):
    stream.subscribe()
    box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000", time_in_force="ioc")
    events = stream.events_until(lambda event: event.get("x") == "EXPIRED")
    assert set(events[-1]) == REPORT | {"eR"}
    assert events[-1]["eR"] == "UNFILLED_IOC_QUANTITY_EXPIRED"


def test_a_waiting_stop_has_no_working_time_until_it_is_triggered(box, stream):
    stream.subscribe()
    box.admin.place("main", "BTCUSDT", "sell", "0.001", "94900", type="stop_loss_limit", stop_price="94000")
    waiting = stream.event()
    assert (waiting["x"], waiting["w"], "W" in waiting) == ("NEW", False, False)
    box.admin.post("price", symbol="BTCUSDT", price="93999")
    triggered = stream.event()
    assert (triggered["x"], triggered["w"], triggered["i"]) == ("NEW", True, waiting["i"])
    assert triggered["W"] >= triggered["O"]


@pytest.mark.parametrize(("word", "x"), [("expire", "EXPIRED"), ("reject", "REJECTED")])
def test_the_admin_can_end_an_order_as_the_exchange_would(box, stream, word, x):
    stream.subscribe()
    order = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000")
    box.admin.post(word, order_id=order["order_id"])
    event = stream.events_until(lambda one: one.get("x") == x)[-1]
    assert (event["X"], event["i"]) == (x, int(order["order_id"]))


def test_money_that_comes_and_goes_is_a_delta_and_then_a_position(box, stream):
    stream.subscribe()
    box.admin.deposit("main", "USDT", "10.5")
    event = stream.event("balanceUpdate")
    assert set(event) == {"e", "E", "a", "d", "T"}
    assert (event["a"], event["d"]) == ("USDT", "10.50000000")
    position = stream.event("outboundAccountPosition")
    assert set(position) == {"e", "E", "u", "B"}
    assert set(position["B"][0]) == {"a", "f", "l"}
    box.admin.withdraw("main", "USDT", "10.5")
    assert stream.event("balanceUpdate")["d"] == "-10.50000000"


def test_a_rest_order_is_told_to_every_socket_of_its_account_and_to_no_other(box, stream, signer, rest):
    stream.subscribe()
    with Stream(box, signer) as twin, Stream(box, Signer(box.accounts[1])) as stranger:
        twin.subscribe()
        stranger.subscribe()
        order_id = rest.order(**LIMIT).json()["orderId"]
        assert stream.event()["i"] == twin.event()["i"] == order_id
        assert stranger.ask("ping")["result"] == {}


def test_the_events_of_a_busy_account_add_up_to_the_truth(box, stream):
    stream.subscribe()
    start = box.admin.state()["binance"]["server_time"]
    box.admin.burst("main", 300)
    for price in ("90000", "100000", "95000"):
        box.admin.place("main", "SHIBUSDT", "buy", "1000000", "0.00000780")
        box.admin.place("main", "ETHBTC", "sell", "0.5")
        box.admin.post("price", symbol="BTCUSDT", price=price)
    box.admin.deposit("main", "BNB", "77")
    events = stream.events_until(lambda event: event["e"] == "balanceUpdate" and event["a"] == "BNB")
    truth = box.admin.truth("main", since=start)
    told = {(one["s"], one["t"]): one for one in events if one.get("x") == "TRADE"}
    assert len(told) == len(truth["fills"]) > 300
    for fill in truth["fills"]:
        event = told[fill["symbol"], int(fill["trade_id"])]
        assert D(event["l"]) == D(fill["quantity"])
        assert D(event["L"]) == D(fill["price"])
        assert (D(event["n"]), event["N"]) == (D(fill["fee"]), fill["fee_asset"])
    finals = {one["i"]: one["X"] for one in events if one["e"] == "executionReport"}
    words = {
        "filled": "FILLED",
        "open": "NEW",
        "canceled": "CANCELED",
        "partially_filled": "PARTIALLY_FILLED",
    }
    for order in truth["orders"]:
        assert finals[int(order["order_id"])] == words[order["status"]]


# -- market streams ---------------------------------------------------------------------


def test_market_streams_speak_when_the_price_moves(box):
    from websockets.sync.client import connect

    with connect(
        f"{box.public_ws_url}/stream?streams=btcusdt@bookTicker/btcusdt@miniTicker", proxy=None
    ) as socket:
        frames = {json.loads(socket.recv(WAIT))["stream"] for _ in range(2)}
        assert frames == {"btcusdt@bookTicker", "btcusdt@miniTicker"}
        socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 3}))
        box.admin.post("price", symbol="BTCUSDT", price="95500")
        seen = {}
        while "btcusdt@aggTrade" not in seen or "btcusdt@bookTicker" not in seen:
            frame = json.loads(socket.recv(WAIT))
            seen[frame.get("stream", frame.get("id"))] = frame
        assert seen[3] == {"result": None, "id": 3}
        assert seen["btcusdt@aggTrade"]["data"]["p"] == "95500.00000000"


def test_market_control_frames_are_answered_and_limited(box):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with connect(f"{box.public_ws_url}/ws/nothing@here", proxy=None) as socket:

        def ask(**frame):
            socket.send(json.dumps(frame))
            return json.loads(socket.recv(WAIT))

        assert ask(method="LIST_SUBSCRIPTIONS", id=1) == {"result": ["nothing@here"], "id": 1}
        assert ask(method="UNSUBSCRIBE", params=["nothing@here"], id="u") == {"result": None, "id": "u"}
        assert ask(method="GET_PROPERTY", params=["combined"], id=2)["result"] is False
        assert ask(method="GET_PROPERTY", params=["colour"], id=2)["code"] == 0
        assert ask(nonsense=1)["code"] == 2
        with pytest.raises(ConnectionClosed) as end:
            ask(method="LIST_SUBSCRIPTIONS", id=1)
        assert end.value.rcvd.code == 1008


def test_the_rest_client_of_another_account_reads_its_own_stream_only(box):
    other = Rest(box, Signer(box.accounts[1]))
    with Stream(box, Signer(box.accounts[1])) as stream:
        stream.subscribe()
        order_id = other.order(**LIMIT).json()["orderId"]
        assert stream.event()["i"] == order_id
    other.close()

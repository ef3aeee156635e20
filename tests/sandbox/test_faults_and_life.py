"""Bad days on command, heartbeats, and what survives a kill."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from tests.sandbox.client import WAIT, Rest, Signer, Stream, now_ms, signed_params
from tests.support.sandbox import ROOT, AdminError, Sandbox, account, token
from tests.support.waiting import eventually

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "90000"}  # fmt: skip


def refused_by(box):
    """Try to open the WebSocket API."""
    with connect(box.ws_url, proxy=None) as opened:
        opened.recv(0)


def deposit_seen(stream, box, amount):
    """The next balance event after a deposit of `amount`."""
    box.admin.deposit("main", "USDT", amount)
    return stream.event("balanceUpdate")["d"]


# -- events that are lost, doubled, held -----------------------------------------------


def test_a_mute_stream_answers_requests_but_tells_nothing(box, stream):
    stream.subscribe()
    box.admin.fault("mute", account="main")
    box.admin.deposit("main", "USDT", "1")
    assert stream.ask("ping")["status"] == 200
    box.admin.clear(account="main")
    assert deposit_seen(stream, box, "2") == "2.00000000"
    amounts = [one["amount"] for one in box.admin.truth("main")["cash"]][-2:]
    assert amounts == ["1", "2"]


def test_losing_one_hides_one_trade_but_the_truth_has_it(box, stream):
    stream.subscribe()
    box.admin.fault("lose_one", account="main")
    order = box.admin.place("main", "BTCUSDT", "buy", "0.003", "90000")
    for _ in range(3):
        box.admin.fill(order["order_id"], quantity="0.001")
    events = stream.events_until(lambda event: event.get("X") == "FILLED")
    assert [one["z"] for one in events if one.get("x") == "TRADE"] == ["0.00200000", "0.00300000"]
    fills = [one for one in box.admin.truth("main")["fills"] if one["order_id"] == order["order_id"]]
    assert len(fills) == 3


def test_any_kind_of_event_can_be_lost_by_name(box, stream):
    stream.subscribe()
    box.admin.fault("lose_one", account="main", what="canceled")
    order = box.admin.place("main", "BTCUSDT", "buy", "0.003", "90000")
    box.admin.cancel(order["order_id"])
    box.admin.deposit("main", "USDT", "1")
    events = stream.events_until(lambda event: event["e"] == "balanceUpdate")
    assert [one["x"] for one in events if "x" in one] == ["NEW"]


def test_duplicates_are_the_same_bytes_twice(box, stream):
    stream.subscribe()
    box.admin.fault("duplicate", account="main", what="cash")
    box.admin.deposit("main", "USDT", "1")
    first, second = stream.socket.recv(WAIT), stream.socket.recv(WAIT)
    assert first == second


def test_reordering_swaps_two_neighbours(box, stream):
    stream.subscribe()
    box.admin.fault("reorder", account="main")
    box.admin.deposit("main", "USDT", "1")
    kinds = [stream.receive()["event"]["e"] for _ in range(2)]
    assert kinds == ["outboundAccountPosition", "balanceUpdate"]


def test_a_delay_holds_events_back_but_keeps_their_order(box, stream):
    stream.subscribe()
    box.admin.fault("delay", account="main", seconds=0.2)
    for amount in ("1", "2", "3"):
        box.admin.deposit("main", "USDT", amount)
    assert stream.ask("ping")["status"] == 200
    events = stream.events_until(lambda event: event.get("d") == "3.00000000")
    assert [one["d"] for one in events if "d" in one] == ["1.00000000", "2.00000000", "3.00000000"]


# -- connections ------------------------------------------------------------------------


def test_a_drop_resets_the_sockets_of_one_account_only(box, stream):
    stream.subscribe()
    with Stream(box, Signer(box.accounts[1])) as other:
        other.subscribe()
        box.admin.fault("drop", account="main")
        with pytest.raises((ConnectionClosed, ConnectionResetError)) as end:
            stream.receive()
        assert getattr(end.value, "rcvd", None) is None
        assert other.ask("ping")["status"] == 200


def test_a_half_open_socket_says_nothing_and_stays(box, stream):
    stream.subscribe()
    box.admin.fault("half_open", account="main")
    stream.send("ping")
    box.admin.deposit("main", "USDT", "1")
    with pytest.raises(TimeoutError):
        stream.socket.recv(0.3)
    assert box.admin.state()["binance"]["sockets"] != []
    box.admin.fault("drop", account="main")


@pytest.mark.parametrize(
    ("form", "check"),
    [
        ("text", lambda frame: frame.startswith('{"subscriptionId"') and not frame.endswith("}")),
        ("binary", lambda frame: isinstance(frame, bytes)),
        ("oversized", lambda frame: len(frame) > 2_000_000),
    ],
)
def test_garbage_comes_in_several_forms(box, signer, form, check):
    with connect(box.ws_url, max_size=None, proxy=None) as raw:
        subscribe = {"id": 1, "method": "userDataStream.subscribe.signature", "params": signed_params(signer)}
        raw.send(json.dumps(subscribe))
        raw.recv(WAIT)
        box.admin.fault("garbage", account="main", form=form, size=2_000_000)
        assert check(raw.recv(WAIT))


def test_text_that_is_no_utf8_is_really_sent(box, stream):
    stream.subscribe()
    box.admin.fault("garbage", account="main", form="utf8")
    with pytest.raises(ConnectionClosed) as end:
        stream.receive()
    assert end.value.sent.code == 1007


def test_a_swallowed_subscription_is_neither_answered_nor_made(box, stream):
    box.admin.fault("swallow_subscribe_ack", account="main")
    stream.send("userDataStream.subscribe.signature", stream.params())
    assert stream.ask("session.subscriptions")["result"] == []
    assert stream.subscribe() == 0


LOGON = "session.logon"
SUBSCRIBE = "userDataStream.subscribe.signature"


def test_an_authentication_can_be_late_and_nothing_is_subscribed_before(box, stream):
    box.admin.fault("late_auth", account="main", seconds=0.3)
    stream.send(SUBSCRIBE, stream.params(), frame_id="late")
    box.admin.deposit("main", "USDT", "1")
    assert stream.ask("session.subscriptions")["result"] == []
    answer = stream.receive()
    assert (answer["id"], answer["result"]) == ("late", {"subscriptionId": 0})
    assert deposit_seen(stream, box, "2") == "2.00000000"
    assert stream.ask(SUBSCRIBE, stream.params())["error"]["code"] == -2035, "once, unless told otherwise"


def test_a_late_authentication_may_never_come(box, stream):
    box.admin.fault("late_auth", account="main")
    stream.send(SUBSCRIBE, stream.params())
    assert stream.ask("session.subscriptions")["result"] == []
    assert stream.subscribe() == 0


def test_a_wrong_authentication_is_refused_at_once_and_the_late_one_is_still_to_come(box, stream):
    box.admin.fault("late_auth", account="main", seconds=0.1)
    wrong = stream.params() | {"signature": "0" * 64}
    assert stream.ask(SUBSCRIBE, wrong)["error"]["code"] == -1022
    assert stream.ask(LOGON, stream.params())["error"]["code"] == -1022, "late, and no key for it"
    assert stream.subscribe() == 0
    assert box.admin.get("faults") == []


def test_pings_stay_unanswered_and_all_else_goes_on(box, stream):
    stream.subscribe()
    with Stream(box, Signer(box.accounts[1])) as other:
        other.subscribe()
        box.admin.fault("lost_pongs", account="main")
        lost, answered = stream.socket.ping(), other.socket.ping()
        assert deposit_seen(stream, box, "1") == "1.00000000"
        assert answered.wait(WAIT)
        assert not lost.is_set()
    box.admin.clear(account="main")
    assert stream.socket.ping().wait(WAIT)


def test_a_single_pong_can_be_lost_and_of_a_whole_exchange_those_of_the_market_too(box, stream):
    stream.subscribe()
    with connect(f"{box.public_ws_url}/ws", ping_interval=None, proxy=None) as market:
        box.admin.fault("lost_pongs", exchange="binance", count=2)
        lost = [market.ping(), stream.socket.ping()]
        market.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        market.recv(WAIT)
        assert stream.ask("ping")["status"] == 200
        assert [one.is_set() for one in lost] == [False, False]
        assert market.ping().wait(WAIT)


def test_refused_connections_are_reset_until_cleared(box, rest):
    box.admin.fault("refuse_connect", exchange="binance")
    with pytest.raises(requests.ConnectionError):
        requests.get(box.rest_url + "/api/v3/ping", timeout=5)
    box.admin.clear()
    assert rest.public("/api/v3/ping").ok
    box.admin.fault("refuse_connect", exchange="binance", transport="ws", count=1)
    with pytest.raises((OSError, InvalidHandshake)):
        refused_by(box)
    assert rest.public("/api/v3/ping").ok


def test_a_shutdown_is_announced_on_every_socket_and_then_carried_out(box, stream):
    stream.subscribe()
    box.admin.fault("server_shutdown", exchange="binance", seconds=0.05, close=True)
    frame = stream.receive()
    assert set(frame) == {"event"}
    assert set(frame["event"]) == {"e", "E"}
    assert frame["event"]["e"] == "serverShutdown"
    with pytest.raises(ConnectionClosed) as end:
        stream.receive()
    assert end.value.rcvd.code == 1001


def test_a_terminated_stream_leaves_the_socket_to_subscribe_again(box, stream):
    stream.subscribe()
    box.admin.fault("stream_terminated", account="main")
    assert stream.receive()["event"]["e"] == "eventStreamTerminated"
    assert stream.subscribe() == 1
    assert deposit_seen(stream, box, "1") == "1.00000000"


def test_a_revoked_key_is_refused_everywhere_until_cleared(box, stream, rest):
    stream.subscribe()
    box.admin.fault("auth_revoked", account="main")
    assert stream.receive()["event"]["e"] == "eventStreamTerminated"
    assert rest.signed("GET", "/api/v3/account").json()["code"] == -2015
    refused = stream.ask("userDataStream.subscribe.signature", stream.params())
    assert (refused["status"], refused["error"]["code"]) == (401, -2015)
    box.admin.clear(account="main")
    assert rest.signed("GET", "/api/v3/account").ok


# -- REST -------------------------------------------------------------------------------


def test_a_ban_stops_rest_and_handshakes_but_not_the_open_socket(box, stream, rest):
    stream.subscribe()
    box.admin.fault("ban", exchange="binance", seconds=90)
    answer = rest.public("/api/v3/ping")
    assert answer.status_code == 418
    assert 80 <= int(answer.headers["Retry-After"]) <= 90
    with pytest.raises(InvalidStatus) as refused:
        refused_by(box)
    assert refused.value.response.status_code == 418
    asked = stream.ask("ping")
    assert (asked["status"], asked["error"]["code"]) == (418, -1003)
    assert asked["error"]["data"]["retryAfter"] > asked["error"]["data"]["serverTime"]
    assert deposit_seen(stream, box, "1") == "1.00000000"
    box.admin.clear()
    assert rest.public("/api/v3/ping").ok


@pytest.mark.parametrize(
    ("status", "more", "code", "header"),
    [
        (500, {}, None, None),
        (503, {"code": -1008, "message": "Busy."}, -1008, None),
        (403, {}, None, None),
        (429, {"retry_after": 7}, -1003, "7"),
        (418, {}, -1003, None),
        (400, {"code": -1021}, -1021, None),
    ],
)
def test_any_status_can_be_had_with_and_without_retry_after(box, rest, status, more, code, header):
    box.admin.fault("rest_status", path="/api/v3/time", status=status, count=1, **more)
    assert rest.public("/api/v3/ping").ok
    answer = rest.public("/api/v3/time")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == header
    assert (answer.json()["code"] if code else answer.headers["content-type"]) == (code or "text/html")
    assert rest.public("/api/v3/time").ok


def test_a_ban_without_a_header_names_its_end_in_the_text(box, rest):
    box.admin.fault("rest_status", path="/api/v3/time", status=418, count=1)
    answer = rest.public("/api/v3/time")
    (until,) = re.findall(r"until (\d{13})", answer.json()["msg"])
    assert 100_000 < int(until) - now_ms() <= 120_000


def test_the_second_page_can_fail_alone_and_only_for_one_account(box, rest):
    box.admin.fault("rest_status", account="main", path="/api/v3/myTrades", status=500, skip=1, count=1)
    other = Rest(box, Signer(box.accounts[1]))
    assert other.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").ok
    statuses = [rest.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").status_code for _ in range(3)]
    assert statuses == [200, 500, 200]
    other.close()


def test_a_fault_may_mean_only_what_a_request_asks_for(box, rest):
    box.admin.fault("rest_status", account="main", path="/api/v3/myTrades", having="fromId=", status=500)
    assert rest.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").ok
    assert rest.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=1).status_code == 500
    assert rest.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").ok


def test_an_answer_may_be_an_error_though_the_order_was_made(box, rest):
    one = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    for done in (True, False):
        box.admin.fault("rest_status", path="/api/v3/order", status=503, count=1, done=done)
        name = f"made-{done}"
        assert rest.order(**one, price="50000", newClientOrderId=name).status_code == 503
        assert rest.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name).ok == done


def test_a_slow_answer_makes_no_other_wait(box, rest, signer):
    box.admin.fault("slow_rest", path="/api/v3/time", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        requests.get(box.rest_url + "/api/v3/time", timeout=0.3)
    assert rest.public("/api/v3/ping").ok


def test_a_slow_answer_says_how_things_stood_when_it_was_asked_for(box, rest):
    path, order = "/api/v3/openOrders", box.admin.place("main", "BTCUSDT", "buy", "0.001", "90000")
    box.admin.fault("slow_rest", account="main", path=path, seconds=0.6, count=1)
    with ThreadPoolExecutor() as pool:
        before = box.admin.state()["binance"]["requests"].get(f"GET {path}", 0)
        answer = pool.submit(rest.signed, "GET", path)
        eventually(lambda: box.admin.state()["binance"]["requests"].get(f"GET {path}", 0) > before)
        box.admin.cancel(order["order_id"])
        assert not answer.done()
        assert [row["status"] for row in answer.result().json()] == ["NEW"]
    assert rest.signed("GET", path).json() == []


def test_a_flow_can_be_switched_off(box, rest):
    box.admin.fault("gone", exchange="binance")
    with pytest.raises(InvalidStatus) as refused:
        refused_by(box)
    assert refused.value.response.status_code == 410
    assert b"nginx" in refused.value.response.body
    assert rest.public("/api/v3/ping").ok


def test_a_stepped_clock_refuses_what_it_would_accept_and_the_other_way_round(box, rest):
    box.admin.fault("clock_step", exchange="binance", ms=-7000)
    assert rest.signed("GET", "/api/v3/account").json()["code"] == -1021
    assert abs(rest.public("/api/v3/time").json()["serverTime"] - now_ms() + 7000) < 2000
    box.admin.fault("clock_step", exchange="binance", ms=14000)
    assert rest.signed("GET", "/api/v3/account").json()["code"] == -1021
    rest.offset = 7000
    assert rest.signed("GET", "/api/v3/account").ok


def test_a_lagging_history_shows_a_fresh_fill_later(box, rest):
    box.admin.fault("lag", account="main", seconds=3600)
    order = box.admin.place("main", "BNBUSDT", "buy", "0.1")
    found = rest.signed("GET", "/api/v3/myTrades", symbol="BNBUSDT", orderId=order["order_id"])
    assert found.json() == []
    box.admin.clear()
    found = rest.signed("GET", "/api/v3/myTrades", symbol="BNBUSDT", orderId=order["order_id"])
    assert len(found.json()) == len(order["fills"]) > 0


def test_the_history_of_trades_can_lag_behind_that_of_orders(box, rest):
    box.admin.fault("lag", account="main", what="trade", seconds=3600)
    order = box.admin.place("main", "BNBUSDT", "buy", "0.1")["order_id"]
    assert rest.signed("GET", "/api/v3/myTrades", symbol="BNBUSDT", orderId=order).json() == []
    assert order in {
        str(row["orderId"]) for row in rest.signed("GET", "/api/v3/allOrders", symbol="BNBUSDT").json()
    }


# -- the admin itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("place", {"account": "main", "symbol": "NOPE", "side": "buy", "quantity": "1"}),
        ("place", {"account": "nobody", "symbol": "BTCUSDT", "side": "buy", "quantity": "1"}),
        ("fill", {"order_id": "1"}),
        ("cancel", {"order_id": "x"}),
        ("withdraw", {"account": "main", "asset": "USDT", "amount": "1e12"}),
        ("price", {"symbol": "BTCUSDT", "price": "-1"}),
        ("fault", {"kind": "nonsense"}),
        ("fault", {"kind": "mute", "exchange": "nowhere"}),
        ("dance", {}),
    ],
)
def test_the_admin_says_what_it_cannot_do(box, word, body):
    with pytest.raises(AdminError) as refused:
        box.admin.post(word, **body)
    assert "error" in str(refused.value)


def test_an_order_belongs_to_its_account(box):
    order = box.admin.place("main", "BTCUSDT", "buy", "0.001", "90000")
    with pytest.raises(AdminError):
        box.admin.fill(order["order_id"], account="other")
    assert box.admin.fill(order["order_id"], account="main")["quantity"] == "0.001"


def test_the_state_counts_requests_and_shows_subscriptions(box, stream, rest):
    stream.subscribe()
    rest.public("/api/v3/avgPrice", symbol="BTCUSDT")
    rest.public("/api/v3/klines")
    state = box.admin.state()["binance"]
    assert state["requests"]["GET /api/v3/avgPrice"] >= 1
    assert "GET /api/v3/avgPrice" not in state["refused"]
    assert state["requests"]["GET /api/v3/klines"] == state["refused"]["GET /api/v3/klines"] >= 1
    assert state["requests"]["ws userDataStream.subscribe.signature"] >= 1
    assert {"subscriptions": {"0": "main"}, "kind": "ws-api"} in state["sockets"]
    assert state["weight"]["127.0.0.1"] > 0


def test_the_state_counts_for_what_each_key_was_shown_known_or_not(box):
    stranger, known = token(), box.accounts[0]["api_key"]
    for key in (stranger, stranger, known):
        requests.get(box.rest_url + "/api/v3/account", headers={"X-MBX-APIKEY": key}, timeout=5)
    requests.get(box.rest_url + "/api/v3/time", timeout=5)
    keys = box.admin.state()["binance"]["keys"]
    assert keys[stranger] == {"GET /api/v3/account": 2}
    assert keys[known]["GET /api/v3/account"] >= 1
    assert not any("GET /api/v3/time" in calls for calls in keys.values())


def test_faults_that_last_are_listed(box):
    box.admin.fault("mute", account="main", seconds=60)
    assert [(one["kind"], one["account"]) for one in box.admin.get("faults")] == [("mute", "main")]


def test_a_paced_burst_keeps_its_pace(box):
    done = box.admin.burst("main", 20, rate=100)
    assert done["fills"] == 20
    assert done["seconds"] >= 0.19


# -- heartbeats ------------------------------------------------------------------------------


def test_the_server_pings_and_cuts_who_does_not_echo_it():
    hasty = Sandbox(options=("--ping-every=0.1", "--pong-within=2"))
    with hasty as box, connect(box.ws_url, ping_interval=None, proxy=None) as polite:
        silent = handshaken(box)
        silent.settimeout(WAIT)
        received = b""
        while not received.endswith(b"Pong timeout"):
            part = silent.recv(4096)
            assert part, "closed without a reason"
            received += part
            silent.sendall(Frame(Opcode.PONG, b"").serialize(mask=True))
        silent.close()
        assert b"\x89" in received
        polite.send('{"id":1,"method":"ping"}')
        assert '"status":200' in polite.recv(WAIT)


def test_the_server_may_stop_pinging_and_then_cuts_nobody():
    with Sandbox(options=("--ping-every=0.05", "--pong-within=0.2")) as box:
        box.admin.fault("no_heartbeats", exchange="binance")
        silent = handshaken(box)
        silent.settimeout(0.6)
        with pytest.raises(TimeoutError):
            silent.recv(64)
        box.admin.clear()
        assert silent.recv(1) == b"\x89"
        silent.close()


def handshaken(box):
    """A raw socket that spoke the handshake and then only does what the test says."""
    raw = socket.create_connection(("127.0.0.1", int(box.host().split(":")[1])))
    raw.sendall(
        b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert b"101 Switching Protocols" in head
    return raw


def test_a_ping_of_the_client_is_answered_with_its_payload(box):
    raw = handshaken(box)
    raw.settimeout(WAIT)
    raw.sendall(Frame(Opcode.PING, b"hello").serialize(mask=True))
    assert raw.recv(64) == Frame(Opcode.PONG, b"hello").serialize(mask=False)
    raw.sendall(Frame(Opcode.CLOSE, struct.pack("!H", 1000)).serialize(mask=True))
    assert raw.recv(64)[:1] == b"\x88"
    assert raw.recv(64) == b""
    raw.close()


def test_a_fragmented_request_is_one_request(box):
    with connect(box.ws_url, proxy=None) as peer:
        peer.send(['{"id":1,', '"method":', '"ping"}'])
        assert '"status":200' in peer.recv(WAIT)


def test_a_life_ends_and_may_be_shortened_while_it_is_lived(box, stream):
    before = box.admin.post("settings")["binance"]
    box.admin.post("settings", life=0.05)
    with pytest.raises(ConnectionClosed) as end:
        stream.receive()
    assert end.value.rcvd.code == 1001
    box.admin.post("settings", **before)


# -- processes ---------------------------------------------------------------------------------


def numbers(truth):
    """Every id of an account that the exchange gave out."""
    fills = [one["trade_id"] for one in truth["fills"]]
    return fills, [one["order_id"] for one in truth["orders"]]


def test_nothing_acknowledged_is_lost_by_a_kill_and_no_id_repeats():
    with Sandbox([account("main")]) as box:
        known_orders: set[str] = set()
        execution = 0
        for _ in range(3):
            with Stream(box, Signer(box.accounts[0])) as stream:
                stream.subscribe()
                resting = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000")
                box.admin.fill(resting["order_id"], quantity="0.004")
                last = stream.events_until(lambda event: event.get("x") == "TRADE")[-1]
                assert last["I"] > execution
                execution = last["I"]
            before = box.admin.truth("main")
            box.restart()
            after = box.admin.truth("main")
            assert {**after, "at": 0} == {**before, "at": 0}
            fills, orders = numbers(after)
            assert len(set(fills)) == len(fills)
            assert resting["order_id"] not in known_orders
            known_orders |= set(orders)
        assert box.admin.fill(resting["order_id"])["quantity"] == "0.006"


def test_a_kill_in_the_middle_of_a_burst_leaves_a_world_that_adds_up():
    with Sandbox([account("main")]) as box:
        with Stream(box, Signer(box.accounts[0])) as stream:
            stream.subscribe()
            with pytest.raises(requests.RequestException):
                kill_during(box, stream)
            seen = drained(stream)
        box.restart()
        truth = box.admin.truth("main")
        stored = {one["trade_id"] for one in truth["fills"]}
        assert {str(one["t"]) for one in seen} <= stored
        assert conserved(truth)
        assert not set(numbers(truth)[0]) - stored


def kill_during(box, stream):
    """Start a long burst and kill the process once its first trade was told."""
    import threading

    def strike():
        stream.events_until(lambda event: event.get("x") == "TRADE")
        os.kill(box.pid, signal.SIGKILL)

    killer = threading.Thread(target=strike)
    killer.start()
    try:
        box.admin.burst("main", 20_000)
    finally:
        killer.join()


def drained(stream):
    """The trades that still were on their way."""
    trades = []
    try:
        while True:
            event = stream.receive().get("event", {})
            if event.get("x") == "TRADE":
                trades.append(event)
    except (ConnectionClosed, ConnectionResetError, TimeoutError):
        return trades


def conserved(truth):
    """Totals equal openings and moves plus trades minus fees."""
    pairs = {"BTCUSDT": ("BTC", "USDT")}
    total: dict[str, D] = {}
    for move in truth["cash"]:
        total[move["asset"]] = total.get(move["asset"], D(0)) + D(move["amount"])
    for fill in truth["fills"]:
        base, quote = pairs[fill["symbol"]]
        sign = 1 if fill["side"] == "buy" else -1
        total[base] += sign * D(fill["quantity"])
        total[quote] -= sign * D(fill["quantity"]) * D(fill["price"])
        total[fill["fee_asset"]] -= D(fill["fee"])
    return all(D(one["free"]) + D(one["locked"]) == total[one["asset"]] for one in truth["balances"])


def test_it_ends_with_its_standard_input_and_starts_on_ports_of_its_own(tmp_path):
    (tmp_path / "accounts.json").write_text("[]")
    command = [
        sys.executable, "-m", "sandbox", "--world", str(tmp_path / "w"), "--accounts",
        str(tmp_path / "accounts.json"), "--listen", "binance=127.0.0.1:0", "--exit-on-stdin-eof",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        line = json.loads(process.stdout.readline())
        assert line["ready"] is True
        assert requests.get(f"http://{line['listen']['binance']}/api/v3/ping", timeout=5).json() == {}
        process.stdin.close()
        assert process.wait(10) == 0


def test_accounts_are_read_again_on_demand(box):
    box.accounts.append(account("late"))
    late = Rest(box, Signer(box.accounts[-1]))
    box.write_accounts()
    assert late.signed("GET", "/api/v3/account").json()["code"] == -2015
    os.kill(box.pid, signal.SIGHUP)
    eventually(lambda: late.signed("GET", "/api/v3/account").ok)
    box.accounts.pop()
    box.write_accounts()
    box.admin.post("reload")
    assert late.signed("GET", "/api/v3/account").json()["code"] == -2015
    late.close()


def test_an_automatic_account_has_fills_within_seconds():
    with Sandbox([account("bot", auto=True), account("calm")], auto=True) as box:
        eventually(lambda: box.admin.truth("bot")["fills"])
        assert box.admin.truth("calm")["fills"] == []

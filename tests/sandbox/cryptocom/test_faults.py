"""Bad days on command, spoken in Crypto.com's words, and what survives a kill."""

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from tests.sandbox.client import WAIT, now_ms
from tests.sandbox.cryptocom.client import Rest, Socket, signed
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

ORDER = ("main", "CRO_USD", "buy", "1000", "0.05")
OPEN, TRADES, HISTORY = "private/get-open-orders", "private/get-trades", "private/get-order-history"


def statuses(user, count):
    return [
        (row["status"], row["cumulative_quantity"])
        for row in (user.push("user.order")["data"][0] for _ in range(count))
    ]


def opened(box, endpoint="user"):
    with connect(box.cryptocom_ws_url(endpoint), proxy=None) as socket:
        socket.recv(0)


# -- events ------------------------------------------------------------------------------


def test_a_lost_fill_is_missing_on_every_channel_but_not_in_the_truth(box, user):
    user.subscribe("user.order", "user.trade")
    box.admin.fault("lose_one", account="main")
    order = box.admin.place(*ORDER)
    for _ in range(2):
        box.admin.fill(order["order_id"], quantity="400")
    assert statuses(user, 2) == [("ACTIVE", "0"), ("ACTIVE", "800")]
    assert user.push("user.trade")["data"][0]["traded_quantity"] == "400"
    fills = [one for one in box.admin.truth("main")["fills"] if one["order_id"] == order["order_id"]]
    assert len(fills) == 2


@pytest.mark.parametrize(
    ("what", "left"), [("new", ["CANCELED"]), ("canceled", ["ACTIVE"]), ("any", ["CANCELED"])]
)
def test_any_event_can_be_lost_by_name(box, user, what, left):
    user.subscribe("user.order")
    box.admin.fault("lose_one", account="main", what=what)
    box.admin.cancel(box.admin.place(*ORDER)["order_id"])
    last = box.admin.place(*ORDER)["order_id"]
    told = []
    while (row := user.push("user.order")["data"][0])["order_id"] != last:
        told.append(row["status"])
    assert told == left


def test_a_balance_push_can_be_lost_too(box, user):
    user.subscribe("user.position_balance")
    box.admin.fault("lose_one", account="main", what="balances")
    box.admin.deposit("main", "A2Z", "1")
    box.admin.deposit("main", "A2Z", "2")
    told = user.push("user.position_balance")["data"][0]["balances"]
    held = next(one for one in box.admin.truth("main")["balances"] if one["asset"] == "A2Z")
    assert held["free"] in {one["quantity"] for one in told}
    assert user.ask(OPEN, {})["code"] == 0
    assert user.data == []


def test_a_duplicate_is_the_same_message_again(box, user):
    user.subscribe("user.order")
    box.admin.fault("duplicate", account="main")
    box.admin.place(*ORDER)
    assert user.socket.recv(WAIT) == user.socket.recv(WAIT)


def test_reordering_swaps_two_neighbours(box, user):
    user.subscribe("user.order")
    box.admin.fault("reorder", account="main")
    box.admin.cancel(box.admin.place(*ORDER)["order_id"])
    assert statuses(user, 2) == [("CANCELED", "0"), ("ACTIVE", "0")]


def test_a_delay_holds_events_back_but_keeps_their_order(box, user):
    user.subscribe("user.order")
    box.admin.fault("delay", account="main", seconds=0.2)
    order = box.admin.place(*ORDER)
    box.admin.fill(order["order_id"], quantity="400")
    assert user.ask(OPEN, {})["result"]["data"][0]["cumulative_quantity"] == "400"
    assert user.data == []
    assert statuses(user, 2) == [("ACTIVE", "0"), ("ACTIVE", "400")]


def test_a_mute_socket_answers_but_tells_nothing(box, user):
    user.subscribe("user.order", "user.balance")
    box.admin.fault("mute", account="main")
    box.admin.place(*ORDER)
    assert len(user.ask(OPEN, {})["result"]["data"]) == 1
    box.admin.clear(account="main")
    second = box.admin.place(*ORDER)
    assert user.push("user.order")["data"][0]["order_id"] == second["order_id"]


@pytest.mark.parametrize("form", ["text", "utf8", "binary", "oversized"])
def test_garbage_comes_in_every_form(box, user, form):
    user.subscribe("user.order")
    box.admin.fault("garbage", account="main", form=form, size=2 << 20)
    if form == "utf8":
        with pytest.raises(ConnectionClosed) as end:
            user.socket.recv(WAIT)
        assert end.value.sent.code == 1007
        return
    frame = user.socket.recv(WAIT)
    assert isinstance(frame, bytes if form == "binary" else str)
    assert len(frame) > (2 << 20 if form == "oversized" else 20)


def test_a_swallowed_subscription_is_neither_answered_nor_made(box, user):
    box.admin.fault("swallow_subscribe_ack", account="main")
    user.send(id=50, method="subscribe", params={"channels": ["user.order"]}, nonce=1)
    assert user.ask(OPEN, {})["code"] == 0
    assert user.data == []
    assert box.admin.state()["cryptocom"]["sockets"][0]["subscriptions"] == []
    assert user.subscribe("user.order")[0]["code"] == 0


def test_an_authentication_can_be_late_and_what_is_asked_before_is_refused(box, stranger, entry):
    box.admin.fault("late_auth", account="main", seconds=0.3)
    assert stranger.auth(entry, sig="0" * 64)["code"] == 40101
    stranger.send(**signed(entry, "public/auth", number=900))
    assert stranger.ask("subscribe", {"channels": ["user.order"]})["code"] == 40101
    assert stranger.receive() == {"id": 900, "method": "public/auth", "code": 0}
    assert stranger.subscribe("user.order")[0]["code"] == 0


def test_a_late_authentication_may_never_come(box, stranger, entry):
    box.admin.fault("late_auth", account="main")
    stranger.send(**signed(entry, "public/auth", number=900))
    assert stranger.ask("subscribe", {"channels": ["user.order"]})["code"] == 40101
    assert stranger.data == []
    assert stranger.auth(entry)["code"] == 0


def test_pings_stay_unanswered_and_all_else_goes_on(box, user):
    box.admin.fault("lost_pongs", account="main")
    lost = user.socket.ping()
    assert user.ask(OPEN, {})["code"] == 0
    assert not lost.is_set()
    box.admin.clear(account="main")
    assert user.socket.ping().wait(WAIT)


def test_numbers_can_come_as_texts_everywhere(box, user, rest):
    box.admin.fault("number_texts", exchange="cryptocom")
    answer = rest.call("private/user-balance").json()
    assert (answer["id"], answer["code"]) == ("1", "0")
    user.send(id=7, method="subscribe", params={"channels": ["user.order"]}, nonce=1)
    assert user.receive()["id"] == "7"
    box.admin.place(*ORDER)
    pushed = user.receive()
    assert (pushed["id"], pushed["code"]) == ("-1", "0")
    row = pushed["result"]["data"][0]
    assert row["create_time"].isdigit()
    assert row["transaction_time_ns"].isdigit()


# -- connections ---------------------------------------------------------------------------


def test_a_drop_resets_the_sockets_of_one_account_only(box, user):
    with Socket(box) as other:
        other.auth(box.accounts[1])
        box.admin.fault("drop", account="main")
        with pytest.raises((ConnectionClosed, ConnectionResetError)) as end:
            user.receive()
        assert getattr(end.value, "rcvd", None) is None
        assert other.ask(OPEN, {})["code"] == 0


def test_a_drop_of_everything_takes_the_market_with_it(box, market):
    box.admin.fault("drop", exchange="cryptocom")
    with pytest.raises((ConnectionClosed, ConnectionResetError)):
        market.receive()


def test_a_half_open_socket_says_nothing_and_stays(box, user):
    user.subscribe("user.order")
    box.admin.fault("half_open", account="main")
    box.admin.place(*ORDER)
    with pytest.raises(TimeoutError):
        user.socket.recv(0.2)
    assert len(box.admin.state()["cryptocom"]["sockets"]) == 1


def test_a_restarting_server_closes_with_1013(box, user):
    box.admin.fault("server_shutdown", exchange="cryptocom", seconds=0)
    with pytest.raises(ConnectionClosed) as end:
        user.receive()
    assert end.value.rcvd.code == 1013


def test_a_terminated_stream_is_a_closed_socket(box, user):
    box.admin.fault("stream_terminated", account="main")
    with pytest.raises(ConnectionClosed) as end:
        user.receive()
    assert end.value.rcvd.code == 1000


def test_a_revoked_key_is_refused_everywhere(box, user, rest, entry):
    box.admin.fault("auth_revoked", account="main")
    with pytest.raises(ConnectionClosed):
        user.receive()
    answer = rest.call("private/user-balance")
    assert (answer.status_code, answer.json()["code"]) == (401, 40101)
    with Socket(box) as again:
        assert again.auth(entry)["code"] == 40101


def test_refused_connections_are_reset(box):
    box.admin.fault("refuse_connect", exchange="cryptocom", transport="ws")
    with pytest.raises((ConnectionError, InvalidHandshake, EOFError)):
        opened(box)
    assert Rest(box, box.accounts[0]).call("private/user-balance").status_code == 200


# -- REST ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 401}, 401, 40101),
        ({"status": 408}, 408, 40801),
        ({"status": 429}, 429, 42901),
        ({"status": 500, "code": 50001}, 500, 50001),
        ({"status": 400, "code": 40102}, 400, 40102),
        ({"status": 500, "code": 120009, "message": "REJECTED"}, 500, 120009),
    ],
)
def test_an_ordered_failure_is_worded_as_the_exchange_words_it(box, rest, fault, status, code):
    box.admin.fault("rest_status", path=f"/exchange/v1/{TRADES}", count=1, **fault)
    assert rest.call("private/user-balance").status_code == 200
    answer = rest.call(TRADES, number=9)
    body = answer.json()
    assert (answer.status_code, body["code"], body["id"], body["method"]) == (status, code, 9, TRADES)
    assert body["message"]
    assert rest.ask(TRADES)["data"] is not None


def test_maintenance_answers_without_id_and_method(box, rest):
    box.admin.fault("rest_status", exchange="cryptocom", status=503, code=9010001)
    body = rest.call("private/user-balance").json()
    assert (set(body), body["code"]) == ({"code", "message", "details"}, 9010001)
    assert body["message"] == "SYSTEM_MAINTENANCE"


def test_an_answer_may_be_an_error_though_the_order_was_made(box, rest):
    one = {"instrument_name": "BTC_USD", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}
    for done in (True, False):
        box.admin.fault("rest_status", exchange="cryptocom", status=503, count=1, done=done)
        answer = rest.call("private/create-order", **one, client_oid=f"made-{done}")
        assert answer.status_code == 503
        found = rest.call("private/get-order-detail", client_oid=f"made-{done}")
        assert (found.json()["code"] == 0) == done


def test_a_proxy_in_trouble_answers_with_a_page(box, rest):
    box.admin.fault("rest_status", exchange="cryptocom", status=502, retry_after=3)
    answer = rest.call("private/user-balance")
    assert (answer.status_code, answer.headers["Retry-After"]) == (502, "3")
    assert answer.headers["Content-Type"] == "text/html"


def test_the_second_page_can_fail(box, rest):
    box.admin.fault("rest_status", path=f"/exchange/v1/{TRADES}", status=500, skip=1, count=1)
    assert rest.call(TRADES).status_code == 200
    assert rest.call(TRADES).status_code == 500


def test_a_fault_may_mean_only_what_a_request_asks_for(box, rest):
    box.admin.fault("rest_status", path=f"/exchange/v1/{TRADES}", having='"BTC_USD"', status=500)
    assert rest.call(TRADES).status_code == 200
    assert rest.call(TRADES, instrument_name="BTC_USD").status_code == 500


def test_a_slow_answer_comes_late(box, rest, entry):
    box.admin.fault("slow_rest", account="main", seconds=5, path=f"/exchange/v1/{OPEN}", count=1)
    with pytest.raises(requests.ReadTimeout):
        rest.session.post(f"{box.cryptocom_url}/{OPEN}", json=signed(entry, OPEN, {}), timeout=0.2)
    assert rest.ask(OPEN) == {"data": []}


def test_a_banned_address_is_answered_with_too_many_requests(box, rest, user):
    box.admin.fault("ban", exchange="cryptocom", seconds=60)
    answer = rest.call("private/user-balance")
    assert (answer.status_code, answer.json()["code"]) == (429, 42901)
    assert user.ask(OPEN, {})["code"] == 42901
    with pytest.raises(InvalidStatus) as refused:
        opened(box)
    assert refused.value.response.status_code == 429
    assert rest.ask("private/user-balance")


@pytest.mark.parametrize(("fault", "status"), [({"kind": "gone"}, 410), ({"kind": "rest_status", "status": 503, "path": "/exchange/v1/user"}, 503)])  # fmt: skip
def test_the_way_in_can_be_closed(box, fault, status):
    box.admin.post("fault", exchange="cryptocom", **fault)
    with pytest.raises(InvalidStatus) as refused:
        opened(box)
    assert refused.value.response.status_code == status


def test_a_lagging_history_hides_what_is_new(box, rest):
    box.admin.fill(box.admin.place(*ORDER)["order_id"])
    shown = rest.rows(TRADES)
    box.admin.clear()
    box.admin.fault("lag", account="main", seconds=3600)
    assert rest.call(TRADES).json()["result"]["data"] == []
    assert rest.call(HISTORY).json()["result"]["data"] == []
    assert rest.rows(TRADES) == shown


def test_the_history_of_trades_can_lag_behind_that_of_orders(box, rest):
    order_id = box.admin.place(*ORDER)["order_id"]
    box.admin.fill(order_id)
    box.admin.clear()
    box.admin.fault("lag", account="main", what="trade", seconds=3600)
    assert rest.call(TRADES).json()["result"]["data"] == []
    assert order_id in {row["order_id"] for row in rest.call(HISTORY).json()["result"]["data"]}


def test_a_stepped_clock_refuses_an_honest_nonce(box, rest):
    box.admin.fault("clock_step", exchange="cryptocom", ms=120_000)
    refused = box.admin.state()["cryptocom"]["refused"].get("POST private/user-balance", 0)
    answer = rest.call("private/user-balance")
    assert (answer.status_code, answer.json()["code"]) == (400, 40102)
    assert box.admin.state()["cryptocom"]["refused"]["POST private/user-balance"] == refused + 1
    box.admin.clear()
    assert rest.call("private/user-balance").status_code == 200


# -- life --------------------------------------------------------------------------------------


def test_a_killed_sandbox_has_lost_nothing_and_repeats_no_id():
    with Sandbox([account("main", "cryptocom")], exchanges=("cryptocom",)) as box:
        rest = Rest(box, box.accounts[0])
        order = box.admin.place(*ORDER)
        box.admin.fill(order["order_id"], quantity="400")
        before = box.admin.truth("main")
        box.restart()
        after = box.admin.truth("main")
        for name in ("fills", "orders", "balances", "cash"):
            assert after[name] == before[name]
        assert rest.rows(OPEN)[0]["cumulative_quantity"] == "400"
        assert int(box.admin.place(*ORDER)["order_id"]) > int(order["order_id"])
        rest.close()


def test_an_automatic_trader_trades_within_seconds():
    entry = account("main", "cryptocom", auto=True)
    with Sandbox([entry], exchanges=("cryptocom",), auto=True) as box:
        eventually(lambda: box.admin.truth("main")["fills"])
        rest = Rest(box, entry)
        shown = {row["trade_id"] for row in rest.rows(TRADES)}
        rest.close()
        assert shown <= {one["trade_id"] for one in box.admin.truth("main")["fills"]}
        assert shown


def test_two_exchanges_live_side_by_side_in_one_process():
    entries = [account("main"), account("main", "cryptocom")]
    with Sandbox(entries, exchanges=("binance", "cryptocom")) as box:
        box.admin.place(*ORDER, exchange="cryptocom")
        assert box.admin.truth("main", exchange="binance")["orders"] == []
        assert len(box.admin.truth("main", exchange="cryptocom")["orders"]) == 1
        assert now_ms() - box.admin.state()["binance"]["server_time"] < 60_000

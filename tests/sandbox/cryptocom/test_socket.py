"""The two sockets when all is well: first messages, pushes, heartbeats, orders over the socket."""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from tests.sandbox.client import WAIT, now_ms
from tests.sandbox.cryptocom.client import Socket
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

LIMIT = {"instrument_name": "CRO_USD", "side": "BUY", "type": "LIMIT", "price": "0.05", "quantity": "1000"}
CREATE, CANCEL = "private/create-order", "private/cancel-order"


def resting(box, symbol="CRO_USD", name="main"):
    return box.admin.place(name, symbol, "buy", "1000" if symbol == "CRO_USD" else "0.01", "0.05" if symbol == "CRO_USD" else "90000")  # fmt: skip


def rows(socket, channel):
    return socket.push(channel)["data"]


# -- first messages --------------------------------------------------------------------


def test_every_channel_has_a_reply_of_its_own_with_the_id_of_the_request(user):
    names = ["user.order", "user.trade", "user.balance", "user.positions"]
    replies = user.subscribe(*names)
    assert {reply["id"] for reply in replies} == {1}
    assert {reply["code"] for reply in replies} == {0}
    assert [reply.get("result", {}).get("subscription") for reply in replies] == [
        "user.order", None, "user.balance", "user.positions",
    ]  # fmt: skip


def test_the_order_channel_begins_with_the_open_orders(box, user):
    order = resting(box)
    resting(box, "BTC_USD", "other")
    reply = user.ask("subscribe", {"channels": ["user.order"]})
    assert [row["order_id"] for row in reply["result"]["data"]] == [order["order_id"]]
    assert user.ask("subscribe", {"channels": ["user.order.BTC_USD"]})["result"] == {
        "subscription": "user.order.BTC_USD", "channel": "user.order.BTC_USD", "data": [],
    }  # fmt: skip


def test_the_trade_channel_begins_with_a_bare_reply(user):
    assert user.ask("subscribe", {"channels": ["user.trade"]}) == {
        "id": 1, "method": "subscribe", "code": 0,
    }  # fmt: skip


def test_the_wallet_comes_at_once_and_again_without_a_change(user):
    first = user.ask("subscribe", {"channels": ["user.balance"]})["result"]
    again = user.push("user.balance")
    assert "account_id" not in first
    assert again["account_id"]
    quantities = [
        {row["instrument_name"]: row["quantity"] for row in one["data"][0]["position_balances"]}
        for one in (first, again)
    ]
    assert quantities[0] == quantities[1]
    assert set(quantities[0]) == {"USD", "BTC", "ETH", "CRO", "A2Z"}


def test_a_resubscription_begins_anew(box, user):
    user.subscribe("user.order")
    resting(box)
    assert len(user.ask("subscribe", {"channels": ["user.order"]})["result"]["data"]) == 1


# -- pushes ----------------------------------------------------------------------------


def test_an_order_is_told_from_its_birth_to_its_end(box, user):
    user.subscribe("user.order")
    order = resting(box)
    box.admin.fill(order["order_id"], quantity="400")
    box.admin.cancel(order["order_id"])
    told = [rows(user, "user.order")[0] for _ in range(3)]
    assert [(one["status"], one["cumulative_quantity"]) for one in told] == [
        ("ACTIVE", "0"), ("ACTIVE", "400"), ("CANCELED", "400"),
    ]  # fmt: skip
    stamps = [one["transaction_time_ns"] for one in told]
    assert stamps == sorted(set(stamps))
    assert all(isinstance(stamp, int) and stamp > 10**17 for stamp in stamps)
    assert not any("reason" in one or "transaction_time" in one for one in told)


def test_an_amended_order_is_told_as_it_is_now(box, user):
    order = resting(box)
    user.subscribe("user.order")
    new = {
        "order_id": order["order_id"],
        "new_price": "0.049",
        "new_quantity": "1200",
        "client_oid": f"a-{now_ms()}",
    }
    assert user.ask("private/amend-order", new)["code"] == 0
    row = rows(user, "user.order")[0]
    assert (row["order_id"], row["client_oid"], row["status"]) == (
        order["order_id"],
        new["client_oid"],
        "ACTIVE",
    )
    assert (row["limit_price"], row["quantity"]) == ("0.049", "1200")


def test_a_rejected_order_says_why_in_a_text(user, rest):
    user.subscribe("user.order")
    rest.ask(CREATE, **LIMIT | {"price": "0.07"}, exec_inst=["POST_ONLY"], client_oid=f"po-{now_ms()}")
    told = [rows(user, "user.order")[0] for _ in range(2)]
    assert [(one["status"], one.get("reason")) for one in told] == [("ACTIVE", None), ("REJECTED", "43005")]


def test_a_fill_is_told_with_what_was_paid(box, user):
    user.subscribe("user.trade", "user.order")
    order = resting(box)
    fill = box.admin.fill(order["order_id"])
    result = user.push("user.trade")
    assert (result["subscription"], result["instrument_name"]) == ("user.trade", "CRO_USD")
    row = result["data"][0]
    assert (row["trade_id"], row["order_id"]) == (fill["trade_id"], order["order_id"])
    assert (row["fees"], row["fee_instrument_name"], row["taker_side"]) == ("-1", "CRO", "MAKER")
    assert int(row["transaction_time"]) > 10**17
    assert [one["id"] for one in user.data if one.get("result", {}).get("channel") == "user.trade"] == []


def test_a_channel_of_one_instrument_hears_of_no_other(box, user):
    user.subscribe("user.order.BTC_USD", "user.trade.BTC_USD")
    box.admin.fill(resting(box)["order_id"])
    order = resting(box, "BTC_USD")
    box.admin.fill(order["order_id"])
    trade = user.push("user.trade.BTC_USD")
    assert trade["data"][0]["order_id"] == order["order_id"]
    pushed = user.push("user.order")
    assert (pushed["subscription"], pushed["instrument_name"]) == ("user.order.BTC_USD", "BTC_USD")


def test_another_accounts_orders_are_not_told(box, user):
    user.subscribe("user.order")
    resting(box, name="other")
    mine = resting(box)
    assert rows(user, "user.order")[0]["order_id"] == mine["order_id"]


def test_a_fill_and_a_deposit_are_rows_of_the_ledger(box, user):
    user.subscribe("user.transactions")
    order = resting(box)
    fill = box.admin.fill(order["order_id"])
    move = box.admin.deposit("main", "USD", "7")
    told = [rows(user, "user.transactions")[0] for _ in range(2)]
    assert [(one["journal_type"], one["transaction_qty"]) for one in told] == [
        ("TRADING", "1000"), ("ONCHAIN_DEPOSIT", "7"),
    ]  # fmt: skip
    assert (told[0]["trade_id"], told[1]["journal_id"]) == (fill["trade_id"], move["id"])


def test_the_slim_balances_are_told_at_once(box, user):
    user.subscribe("user.position_balance")
    box.admin.deposit("main", "CRO", "7")
    quantities = {
        one["instrument_name"]: one["quantity"] for one in rows(user, "user.position_balance")[0]["balances"]
    }
    held = next(one for one in box.admin.truth("main")["balances"] if one["asset"] == "CRO")
    assert float(quantities["CRO"]) == float(held["free"]) + float(held["locked"])


def test_a_position_is_told_with_its_fills_and_once_more_when_it_is_gone(box, user):
    user.subscribe("user.positions")
    box.admin.place("main", "BTCUSD-PERP", "buy", "0.0010")
    row = rows(user, "user.positions")[0]
    assert (row["instrument_name"], row["quantity"], row["leverage"]) == ("BTCUSD-PERP", "0.001", "50")
    again = user.ask("subscribe", {"channels": ["user.positions"]})["result"]["data"]
    assert [one["quantity"] for one in again] == ["0.001"]
    box.admin.place("main", "BTCUSD-PERP", "sell", "0.0010")
    assert rows(user, "user.positions")[0]["quantity"] == "0"


def test_the_account_risk_is_the_wallet_under_another_name(user):
    data = user.ask("subscribe", {"channels": ["user.account_risk"]})["result"]["data"][0]
    assert {"balances", "positions", "total_available_balance"} <= set(data)
    assert "position_balances" not in data
    assert {one["instrument_name"] for one in data["balances"]} == {"USD", "BTC", "ETH", "CRO", "A2Z"}


def test_a_trigger_order_is_told_on_its_own_channel_until_it_is_in_the_market(box, user):
    user.subscribe("user.order", "user.advance.order")
    stop = box.admin.place(
        "main", "BTC_USD", "sell", "0.01", "93000", type="stop_loss_limit", stop_price="94000"
    )
    waiting = rows(user, "user.advance.order")[0]
    assert (waiting["order_id"], waiting["order_type"], waiting["ref_price"]) == (
        stop["order_id"], "STOP_LIMIT", "94000",
    )  # fmt: skip
    box.admin.post("price", symbol="BTC_USD", price="94000")
    first = rows(user, "user.order")[0]
    assert (first["order_id"], first["status"]) == (stop["order_id"], "ACTIVE")
    assert [one["result"]["channel"] for one in user.data] == ["user.advance.order"]


def test_after_unsubscribing_nothing_more_is_told(box, user):
    user.subscribe("user.order", "user.trade")
    assert user.ask("unsubscribe", {"channels": ["user.order"]}) == {
        "id": 2,
        "method": "unsubscribe",
        "code": 0,
    }
    box.admin.fill(resting(box)["order_id"])
    user.push("user.trade")
    assert user.data == []


# -- orders over the socket ----------------------------------------------------------------


def test_an_order_can_be_placed_and_canceled_over_the_socket(user):
    user.subscribe("user.order")
    made = user.ask(CREATE, LIMIT | {"client_oid": f"ws-{now_ms()}"})
    assert set(made["result"]) == {"client_oid", "order_id"}
    assert user.ask(CANCEL, {"order_id": made["result"]["order_id"]})["result"]["message"] == "NO_ERROR"
    assert user.ask("private/get-open-orders", {})["result"]["data"] == []
    refused = user.ask(CREATE, LIMIT | {"quantity": "30000000"})
    assert (refused["code"], "order_id" in refused["result"]) == (306, True)


def test_the_cancel_on_disconnect_can_be_seen_by_a_test(box, user):
    assert user.ask("private/get-cancel-on-disconnect", {})["result"] == {}
    assert box.admin.state()["cryptocom"]["sockets"][0]["cancel_on_disconnect"] is False
    answer = user.ask("private/set-cancel-on-disconnect", {"scope": "CONNECTION"})
    assert answer["result"] == {"scope": "CONNECTION"}
    assert user.ask("private/get-cancel-on-disconnect", {})["result"] == {"scope": "CONNECTION"}
    assert box.admin.state()["cryptocom"]["sockets"][0]["cancel_on_disconnect"] is True


def test_an_armed_connection_takes_its_own_orders_with_it(box, entry):
    elsewhere = resting(box)
    with Socket(box) as socket:
        socket.auth(entry)
        socket.ask("private/set-cancel-on-disconnect", {"scope": "CONNECTION"})
        here = socket.ask(CREATE, LIMIT | {"client_oid": f"cod-{now_ms()}"})["result"]

    def states():
        return {one["order_id"]: one["status"] for one in box.admin.truth("main")["orders"]}

    eventually(lambda: states()[here["order_id"]] == "canceled")
    assert states()[elsewhere["order_id"]] == "open"


def test_an_unsubscription_counts_as_the_end_of_an_armed_connection(box, user):
    user.subscribe("user.order")
    user.ask("private/set-cancel-on-disconnect", {"scope": "CONNECTION"})
    user.ask(CREATE, LIMIT | {"client_oid": f"cod-{now_ms()}"})
    user.ask("unsubscribe", {"channels": ["user.order"]})
    assert user.ask("private/get-open-orders", {})["result"]["data"] == []


# -- heartbeats ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_box():
    """Heartbeats that a test can wait for."""
    options = ("--ping-every", "0.1", "--pong-within", "1.5")
    with Sandbox([account("main", "cryptocom")], exchanges=("cryptocom",), options=options) as box:
        yield box


def beat(socket):
    while (frame := socket.receive())["method"] != "public/heartbeat":
        pass
    return frame


def to_the_end(socket):
    """Read without answering anything more."""
    while True:
        beat(socket)


@pytest.mark.parametrize("endpoint", ["user", "market"])
def test_a_socket_that_answers_its_heartbeats_lives(quick_box, endpoint):
    with Socket(quick_box, endpoint) as socket:
        for _ in range(6):
            frame = beat(socket)
            assert set(frame) == {"id", "method", "code"}
            assert frame["code"] == 0
            socket.send(id=frame["id"], method="public/respond-heartbeat")
        assert socket.ask("nothing")["code"] in (40002, 40101)


@pytest.mark.parametrize("endpoint", ["user", "market"])
@pytest.mark.parametrize("answer", [None, -1])
def test_a_missed_or_wrong_heartbeat_ends_the_connection_with_1000(quick_box, endpoint, answer):
    with Socket(quick_box, endpoint) as socket:
        frame = beat(socket)
        if answer is not None:
            socket.send(id=frame["id"] + answer, method="public/respond-heartbeat")
        with pytest.raises(ConnectionClosed) as end:
            to_the_end(socket)
    assert end.value.rcvd.code == 1000


def test_heartbeats_may_stop_for_one_account_and_then_nobody_is_cut(quick_box):
    quick_box.admin.fault("no_heartbeats", account="main")
    with Socket(quick_box) as socket, Socket(quick_box) as stranger:
        socket.auth(quick_box.accounts[0])
        with pytest.raises(TimeoutError):
            socket.socket.recv(0.7)
        assert beat(stranger)["code"] == 0
        quick_box.admin.clear()
        assert beat(socket)["code"] == 0


def test_the_heartbeat_is_the_documented_one_unless_told_otherwise(box):
    assert box.admin.post("settings", exchange="cryptocom")["cryptocom"]["ping_every"] == 30
    assert box.admin.post("settings", exchange="cryptocom")["cryptocom"]["pong_within"] == 5


# -- the market socket -----------------------------------------------------------------------


def test_a_ticker_speaks_every_second(box, market):
    assert market.ask("subscribe", {"channels": ["ticker.BTC_USD"]}) == {
        "id": 1, "method": "subscribe", "code": 0,
    }  # fmt: skip
    result = market.push("ticker")
    row = result["data"][0]
    assert (result["subscription"], result["instrument_name"]) == ("ticker.BTC_USD", "BTC_USD")
    assert (row["i"], row["a"], row["b"], row["k"]) == ("BTC_USD", "95000", "94995.25", "95004.75")
    assert {"h", "l", "c", "bs", "ks", "v", "vv", "oi", "t"} <= set(row)


def test_the_trades_of_others_begin_with_the_last_ones_newest_first(box, market):
    for _ in range(3):
        box.admin.fill(resting(box)["order_id"])
    data = market.ask("subscribe", {"channels": ["trade.CRO_USD"]})["result"]["data"]
    ids = [int(row["d"]) for row in data]
    assert len(data) >= 3
    assert [row["t"] for row in data] == sorted((row["t"] for row in data), reverse=True)
    fill = box.admin.fill(resting(box)["order_id"])
    row = market.push("trade")["data"][0]
    assert (row["q"], row["s"], row["i"]) == (fill["quantity"], "SELL", "CRO_USD")
    assert int(row["d"]) not in ids


def test_a_book_is_sent_whole_or_as_what_changed(box, market):
    whole = market.ask("subscribe", {"channels": ["book.BTC_USD.10"]})["result"]
    assert (whole["channel"], whole["depth"], len(whole["data"][0]["asks"])) == ("book", 10, 10)
    assert market.push("book")["data"][0]["u"] > whole["data"][0]["u"]
    kind = {"book_subscription_type": "SNAPSHOT_AND_UPDATE", "book_update_frequency": 10}
    first = market.ask("subscribe", {"channels": ["book.ETH_USD.50"]} | kind)["result"]
    box.admin.post("price", symbol="ETH_USD", price="3301")
    update = market.push("book.update")["data"][0]
    assert update["pu"] == first["data"][0]["u"]
    while not update["update"]["bids"]:
        following = market.push("book.update")["data"][0]
        assert following["pu"] == update["u"]
        update = following
    assert ["3299.84", "0", "0"] in update["update"]["bids"]


def test_the_market_socket_knows_no_authentication(market, entry):
    assert market.auth(entry)["code"] == 40002


def test_the_state_shows_who_listens_to_what(box, user, market):
    user.subscribe("user.order", "user.trade")
    market.ask("subscribe", {"channels": ["ticker.BTC_USD"]})
    sockets = {one["kind"]: one for one in box.admin.state()["cryptocom"]["sockets"]}
    assert (sockets["user"]["account"], sockets["user"]["subscriptions"]) == (
        "main",
        ["user.order", "user.trade"],
    )
    assert sockets["market"]["subscriptions"] == ["ticker.BTC_USD"]
    assert box.admin.state()["cryptocom"]["requests"]["user public/auth"] >= 1


def test_a_frame_of_the_socket_is_json_as_the_exchange_writes_it(user):
    user.send(id="5", method="subscribe", params={"channels": ["user.trade"]}, nonce=1)
    assert user.socket.recv(WAIT) == json.dumps(
        {"id": 5, "method": "subscribe", "code": 0}, separators=(",", ":")
    )

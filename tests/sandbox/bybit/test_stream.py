"""The private stream: authentication, topics, what is told and in which shape."""

from decimal import Decimal as D

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from sandbox.bybit.private import active_time
from tests.sandbox.bybit.client import BUY, LONG, WAIT, Socket, Stream, now_ms, sign
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

# The documented keys of a pushed item, copied out of the reference's example payloads.
ORDER_ITEM = {
    "category", "symbol", "orderId", "orderLinkId", "side", "orderType", "cancelType", "price", "qty",
    "orderIv", "timeInForce", "orderStatus", "lastPriceOnCreated", "reduceOnly", "leavesQty", "leavesValue",
    "cumExecQty", "cumExecValue", "avgPrice", "blockTradeId", "positionIdx", "cumExecFee", "closedPnl",
    "createdTime", "updatedTime", "rejectReason", "stopOrderType", "triggerPrice", "takeProfit", "stopLoss",
    "tpTriggerBy", "slTriggerBy", "tpLimitPrice", "slLimitPrice", "triggerDirection", "triggerBy",
    "closeOnTrigger", "placeType", "smpType", "smpGroup", "smpOrderId", "feeCurrency", "cumFeeDetail",
    "rpiTakerAccess", "rpiMatchedQty",
}  # fmt: skip
EXECUTION_ITEM = {
    "category", "symbol", "closedSize", "execFee", "execId", "execPrice", "execQty", "execType", "execValue",
    "feeRate", "tradeIv", "markIv", "blockTradeId", "markPrice", "indexPrice", "underlyingPrice", "leavesQty",
    "orderId", "orderLinkId", "orderPrice", "orderQty", "orderType", "stopOrderType", "side", "execTime",
    "isLeverage", "isMaker", "seq", "marketUnit", "execPnl", "createType", "extraFees", "feeCurrency",
}  # fmt: skip
FAST_ITEM = {
    "category", "symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "orderLinkId", "side",
    "execTime", "seq",
}  # fmt: skip
POSITION_ITEM = {
    "positionIdx", "tradeMode", "riskId", "riskLimitValue", "symbol", "side", "size", "entryPrice", "leverage",
    "breakEvenPrice", "positionValue", "positionBalance", "markPrice", "positionIM", "positionIMByMp",
    "positionMM", "positionMMByMp", "takeProfit", "stopLoss", "trailingStop", "unrealisedPnl",
    "curRealisedPnl", "cumRealisedPnl", "sessionAvgPrice", "createdTime", "updatedTime", "tpslMode", "liqPrice",
    "bustPrice", "category", "positionStatus", "adlRankIndicator", "autoAddMargin", "leverageSysUpdatedTime",
    "mmrSysUpdatedTime", "seq", "isReduceOnly", "openTime",
}  # fmt: skip
WALLET_ITEM = {
    "accountIMRate", "accountIMRateByMp", "accountMMRate", "accountMMRateByMp", "totalEquity",
    "totalWalletBalance", "totalMarginBalance", "totalAvailableBalance", "totalPerpUPL", "totalInitialMargin",
    "totalInitialMarginByMp", "totalMaintenanceMargin", "totalMaintenanceMarginByMp", "coin", "accountLTV",
    "accountType",
}  # fmt: skip


@pytest.fixture
def raw(box):
    """A private socket that has not said anything."""
    with Stream(box, box.accounts[0]) as client:
        yield client


# -- operations -------------------------------------------------------------------------


def test_the_acknowledgements_have_exactly_the_documented_keys(raw):
    answer = raw.ask("auth", *raw.auth_args(), req_id="auth-1")
    assert set(answer) == {"req_id", "success", "ret_msg", "op", "conn_id"}
    assert (answer["req_id"], answer["success"], answer["ret_msg"], answer["op"]) == (
        "auth-1",
        True,
        "",
        "auth",
    )
    answer = raw.ask("subscribe", "order")
    assert set(answer) == {"success", "ret_msg", "op", "conn_id"}
    answer = raw.ask("unsubscribe", "order", req_id="u")
    assert (answer["success"], answer["op"], answer["req_id"]) == (True, "unsubscribe", "u")


def test_a_pong_carries_the_server_s_time_as_text(raw):
    answer = raw.ask("ping", req_id="test")
    assert set(answer) == {"req_id", "op", "args", "conn_id"}
    assert (answer["op"], answer["req_id"]) == ("pong", "test")
    assert abs(int(answer["args"][0]) - now_ms()) < 5000
    assert "req_id" not in raw.ask("ping")


def bad_auth(name, raw):
    """Arguments that are wrong in one way."""
    key, expires, signature = raw.auth_args()
    return {
        "late": raw.auth_args(now_ms() - 1),
        "wrong key": ["nobody", expires, signature],
        "wrong signature": [key, expires, "0" * 64],
        "signed for another end": [key, expires + 1, signature],
        "too few": [key, expires],
        "no number": [key, "soon", signature],
        "a dictionary": [{"key": key}, expires, signature],
    }[name]


@pytest.mark.parametrize(
    "name", ["late", "wrong key", "wrong signature", "signed for another end", "too few", "no number", "a dictionary"]
)  # fmt: skip
def test_whatever_is_wrong_with_an_authentication_reads_the_same(raw, name):
    answer = raw.ask("auth", *bad_auth(name, raw))
    assert set(answer) == {"success", "ret_msg", "op", "conn_id"}
    assert (answer["success"], answer["ret_msg"], answer["op"]) == (False, "Params Error", "auth")
    assert raw.ask("subscribe", "order")["ret_msg"] == "Request not authorized"
    assert raw.ask("auth", *raw.auth_args())["success"] is True


def test_the_end_of_an_authentication_may_be_far_away_or_a_text(raw):
    moment = now_ms() + 10**12
    assert raw.ask("auth", raw.key, str(moment), sign(raw.secret, f"GET/realtime{moment}"))["success"] is True
    assert raw.ask("auth", *raw.auth_args())["success"] is False


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        (["nonsense"], "error:handler not found,topic:nonsense"),
        (["position.spot"], "error:handler not found,topic:position.spot"),
        (["wallet.linear"], "error:handler not found,topic:wallet.linear"),
        (["wallet", "order"], "error:already subscribed,topic:order"),
        (["wallet", "wallet"], "error:already subscribed,topic:wallet"),
        (["execution", "position.linear"], "Params Error"),
        ([], "Params Error"),
    ],
)
def test_a_request_with_one_bad_topic_subscribes_none(box, raw, topics, said):
    raw.login("order")
    answer = raw.ask("subscribe", *topics)
    assert (answer["success"], answer["ret_msg"]) == (False, said)
    assert list(box.admin.state()["bybit"]["sockets"][0]["subscriptions"]) == ["order"]


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", '{"args":[]}', '{"op":"dance"}', '{"op":"subscribe","args":3}']
)
def test_what_is_no_operation_fails_and_the_socket_stays(raw, text):
    raw.socket.send(text)
    assert raw.receive()["success"] is False
    assert raw.ask("ping")["op"] == "pong"


def test_topics_without_data_are_taken(raw):
    raw.login("greeks", "dcp.future", "wallet")
    assert raw.ask("ping")["op"] == "pong"


# -- pushes ------------------------------------------------------------------------------


def test_the_life_of_a_pair_s_order_is_told_with_the_documented_keys(box, rest, stream):
    order_id = rest.placed(BUY, orderLinkId="life-1")
    new = stream.push("order")
    assert set(new) == {"id", "topic", "creationTime", "data"}
    assert new["id"].split("_")[1] == "BTCUSDT"
    item = new["data"][0]
    assert set(item) >= ORDER_ITEM | {"marketUnit"}
    assert "createType" not in item
    assert (item["orderStatus"], item["category"], item["avgPrice"], item["orderId"]) == (
        "New", "spot", "", order_id,
    )  # fmt: skip
    assert stream.push("wallet")["data"][0]["coin"][0]["locked"] == "900"
    box.admin.fill(order_id, quantity="0.004")
    fill = stream.push("execution")["data"][0]
    assert set(fill) >= EXECUTION_ITEM
    assert (fill["orderLinkId"], fill["execQty"], fill["execFee"], fill["feeCurrency"]) == (
        "life-1", "0.004000", "0.000004", "BTC",
    )  # fmt: skip
    item = stream.push("order")["data"][0]
    assert (item["orderStatus"], item["cumExecQty"], item["leavesQty"], item["cumFeeDetail"]) == (
        "PartiallyFilled", "0.004000", "0.006000", {"BTC": "0.000004"},
    )  # fmt: skip
    box.admin.cancel(order_id)
    item = stream.push("order")["data"][0]
    assert (item["orderStatus"], item["cancelType"], item["orderLinkId"]) == (
        "PartiallyFilledCanceled", "CancelByUser", "life-1",
    )  # fmt: skip


def test_a_contract_tells_its_position_with_every_step_of_an_order(box, rest, stream):
    order_id = rest.placed(LONG)
    first = stream.push("position")["data"][0]
    assert set(first) >= POSITION_ITEM
    assert "avgPrice" not in first
    assert (first["side"], first["size"]) == ("", "0")
    box.admin.fill(order_id)
    fill = stream.push("execution")["data"][0]
    held = stream.push("position")["data"][0]
    assert (held["side"], held["size"], held["entryPrice"], held["seq"]) == (
        "Buy",
        "0.010",
        "90000",
        fill["seq"],
    )
    assert (held["unrealisedPnl"], held["positionIdx"], held["markPrice"]) == ("50", 0, "95000.00")
    wallet = stream.push("wallet")["data"][0]
    assert set(wallet) == WALLET_ITEM
    assert [row["coin"] for row in wallet["coin"]] == ["USDT"]
    order_id = rest.placed(LONG, side="Sell", price="99000", reduceOnly=True)
    box.admin.fill(order_id)
    fill = stream.push("execution")["data"][0]
    assert (fill["closedSize"], fill["execPnl"], fill["execFee"]) == ("0.01", "90", "0.198")
    item = stream.push("order")["data"][0]
    assert (item["orderStatus"], item["closedPnl"], item["createType"]) == ("Filled", "90", "CreateByUser")
    held = stream.push("position")["data"][0]
    assert (held["side"], held["size"], held["curRealisedPnl"]) == ("", "0", "89.622")


def test_a_market_order_is_told_in_few_messages_with_several_items(rest, stream):
    rest.placed(BUY, side="Sell", orderType="Market", qty="0.05", price=None)
    told = stream.until(lambda frame: frame["topic"] == "wallet")
    assert [frame["topic"] for frame in told] == ["order", "execution", "order", "wallet"]
    fills = told[1]["data"]
    assert len(fills) > 1
    assert sum(D(one["execQty"]) for one in fills) == D("0.05")
    assert [one["leavesQty"] for one in fills][-1] == "0.000000"
    assert [one["orderStatus"] for one in told[2]["data"]] == ["Filled"]
    assert sorted(row["coin"] for row in told[3]["data"][0]["coin"]) == ["BTC", "USDT"]


def test_a_trigger_passes_through_triggered(box, rest, stream):
    rest.placed(BUY, orderFilter="StopOrder", triggerPrice="96000")
    assert stream.push("order")["data"][0]["orderStatus"] == "Untriggered"
    box.admin.post("price", symbol="BTCUSDT", price="96001")
    states = [item["orderStatus"] for item in stream.push("order")["data"]]
    assert states == ["Triggered", "New"]


def test_an_amendment_has_no_status_of_its_own(rest, stream):
    order_id = rest.placed(LONG)
    before = stream.push("order")["data"][0]
    rest.post(
        "/v5/order/amend", {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id, "price": "80000"}
    )
    item = stream.push("order")["data"][0]
    assert (item["orderStatus"], item["price"]) == ("New", "80000.00")
    assert int(item["updatedTime"]) >= int(before["updatedTime"])


@pytest.mark.parametrize(("order", "status"), [(BUY, "Rejected"), (LONG, "Cancelled")])
def test_a_crossing_maker_is_told_as_its_product_does(rest, stream, order, status):
    rest.placed(order, timeInForce="PostOnly", price="95100")
    told = stream.until(lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == status)
    assert told[-1]["data"][0]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


def test_money_from_outside_is_a_wallet_push_and_nothing_else(box, stream):
    box.admin.deposit("main", "SOL", "1.5")
    frame = stream.receive()
    assert (frame["topic"], [row["coin"] for row in frame["data"][0]["coin"]]) == ("wallet", ["SOL"])


def test_categorised_topics_have_their_own_name_and_only_their_product(box, rest, raw):
    raw.login("order.linear", "execution.linear", "position.linear", "execution.fast.linear")
    assert raw.ask("subscribe", "wallet")["success"] is True
    box.admin.fill(rest.placed(BUY))
    order_id = rest.placed(LONG, orderLinkId="fast-1")
    box.admin.fill(order_id)
    told = raw.until(
        lambda frame: frame["topic"] == "order.linear" and frame["data"][0]["orderStatus"] == "Filled"
    )
    assert {frame["topic"] for frame in told} == {
        "order.linear", "execution.linear", "position.linear", "execution.fast.linear", "wallet",
    }  # fmt: skip
    products = {item["category"] for frame in told if frame["topic"] != "wallet" for item in frame["data"]}
    assert products == {"linear"}
    fast = next(frame for frame in told if frame["topic"] == "execution.fast.linear")
    slow = next(frame for frame in told if frame["topic"] == "execution.linear")
    assert set(fast) == {"topic", "creationTime", "data"}
    assert set(fast["data"][0]) == FAST_ITEM
    assert fast["data"][0]["execId"] == slow["data"][0]["execId"]
    assert (fast["data"][0]["orderLinkId"], slow["data"][0]["orderLinkId"]) == ("", "fast-1")


def test_every_socket_of_an_account_is_told_and_no_other(box, rest, stream):
    with Stream(box, box.accounts[0]) as twin, Stream(box, box.accounts[1]) as stranger:
        twin.login("order")
        stranger.login("order", "wallet")
        order_id = rest.placed(BUY)
        assert stream.push("order")["data"][0]["orderId"] == order_id
        assert twin.push("order")["data"][0]["orderId"] == order_id
        stranger.send("ping")
        assert stranger.receive()["op"] == "pong"


def test_an_unsubscribed_topic_is_silent(rest, stream):
    stream.ask("unsubscribe", "order", "execution", "position")
    rest.placed(BUY)
    assert stream.receive()["topic"] == "wallet"


# -- what comes by command ------------------------------------------------------------------


def happen(box, **body):
    """Let something befall the main account's position."""
    return box.admin.post("force", account="main", symbol="BTCUSDT", category="linear", **body)


def test_funding_moves_cash_and_not_the_position(box, rest, stream):
    start = now_ms() - 1
    box.admin.fill(rest.placed(LONG))
    box.admin.post("funding", symbol="BTCUSDT", category="linear", rate="0.0001")
    told = stream.until(
        lambda frame: frame["topic"] == "execution" and frame["data"][0]["execType"] == "Funding"
    )
    row = told[-1]["data"][0]
    assert (row["execQty"], row["side"], row["execFee"], row["feeRate"]) == (
        "0.010",
        "Buy",
        "0.095",
        "0.0001",
    )
    assert (row["orderType"], row["orderQty"], row["closedSize"], row["leavesQty"]) == (
        "UNKNOWN",
        "0",
        "0",
        "0.000",
    )
    assert not any(frame["topic"] == "execution.fast" for frame in told)
    held = stream.push("position")["data"][0]
    assert (held["size"], held["curRealisedPnl"]) == ("0.010", "-0.275")
    assert stream.push("wallet")["data"][0]["coin"][0]["coin"] == "USDT"
    truth = box.admin.truth("main", since=start)
    assert [(one["id"], one["kind"], one["amount"]) for one in truth["cash"]] == [
        (row["execId"], "funding", "-0.095")
    ]
    assert row["execId"] not in {one["trade_id"] for one in truth["fills"]}
    listed = rest.rows("/v5/execution/list", category="linear", startTime=start)
    assert [one["execType"] for one in listed] == ["Funding", "Trade"]
    assert rest.rows("/v5/order/history", category="linear", orderId=row["orderId"]) == []


def test_a_short_receives_what_longs_pay(box, rest, stream):
    box.admin.fill(rest.placed(LONG, side="Sell", price="99000"))
    box.admin.post("funding", account="main", symbol="BTCUSDT", category="linear", rate="0.0001")
    told = stream.until(
        lambda frame: frame["topic"] == "execution" and frame["data"][0]["execType"] == "Funding"
    )
    assert (told[-1]["data"][0]["side"], told[-1]["data"][0]["execFee"]) == ("Sell", "-0.095")


@pytest.mark.parametrize(
    ("kind", "exec_type", "create_type", "fill_kind"),
    [
        ("adl", "AdlTrade", "CreateByAdl_PassThrough", "adl"),
        ("liquidation", "BustTrade", "CreateByTakeOver_PassThrough", "liquidation"),
        ("settlement", "Settle", "CreateBySettle", "delivery"),
        ("delivery", "Delivery", "", "delivery"),
    ],
)
def test_a_position_may_be_closed_by_force(box, rest, stream, kind, exec_type, create_type, fill_kind):
    box.admin.fill(rest.placed(LONG))
    reducing = rest.placed(LONG, side="Sell", price="99000", reduceOnly=True)
    done = happen(box, kind=kind, price="94000")
    assert (done["kind"], done["side"], done["quantity"], done["realised_pnl"]) == (
        fill_kind,
        "sell",
        "0.01",
        "40",
    )
    told = stream.until(
        lambda frame: frame["topic"] == "execution" and frame["data"][0]["execType"] == exec_type
    )
    row = told[-1]["data"][0]
    assert (row["createType"], row["execPrice"], row["closedSize"], row["execPnl"]) == (
        create_type, "94000.00", "0.01", "40",
    )  # fmt: skip
    ended = stream.push("order")["data"][0]
    assert (ended["orderId"], ended["orderStatus"], ended["cancelType"]) == (
        reducing, "Cancelled", "CancelByReduceOnly",
    )  # fmt: skip
    assert stream.push("position")["data"][0]["size"] == "0"


def test_part_of_a_position_may_be_closed_and_a_block_trade_arrives_as_a_fill(box, rest, stream):
    box.admin.fill(rest.placed(LONG))
    assert happen(box, kind="adl", quantity="0.004")["quantity"] == "0.004"
    block = happen(box, kind="block", side="sell", quantity="0.02", price="95500")
    told = stream.until(
        lambda frame: frame["topic"] == "execution" and frame["data"][0]["execType"] == "BlockTrade"
    )
    row = told[-1]["data"][0]
    assert (row["execId"], row["closedSize"], row["blockTradeId"] != "") == (block["trade_id"], "0.006", True)
    held = stream.push("position")["data"][0]
    assert (held["side"], held["size"], held["entryPrice"]) == ("Sell", "0.014", "95500")


def test_filled_may_be_told_twice(box, rest, stream):
    box.admin.fault("double_filled", account="main")
    order_id = rest.placed(BUY)
    box.admin.fill(order_id)
    stream.push("order")
    first, second = stream.push("order")["data"][0], stream.push("order")["data"][0]
    assert [one["orderStatus"] for one in (first, second)] == ["Filled", "Filled"]
    assert (first["cancelType"], first["rejectReason"]) == ("UNKNOWN", "EC_NoError")
    assert (second["cancelType"], second["rejectReason"]) == ("CancelByUser", "EC_OrigClOrdIDDoesNotExist")
    box.admin.fill(rest.placed(BUY))
    told = stream.until(
        lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == "Filled"
    )
    assert told[-1]["data"][0]["orderId"] != order_id


def test_the_exchange_may_end_an_order_for_reasons_of_its_own(box, rest, stream):
    box.admin.post("expire", order_id=rest.placed(LONG), reason="CancelByPrepareLiq")
    told = stream.until(
        lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == "Cancelled"
    )
    assert told[-1]["data"][0]["cancelType"] == "CancelByPrepareLiq"
    box.admin.post("reject", order_id=rest.placed(LONG), reason="EC_CancelByOrderValueZero")
    told = stream.until(
        lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == "Rejected"
    )
    assert told[-1]["data"][0]["rejectReason"] == "EC_CancelByOrderValueZero"
    truth = {one["status"] for one in box.admin.truth("main")["orders"]}
    assert "expired" not in truth


def test_what_a_busy_account_is_told_adds_up_to_the_truth(box, stream):
    start = box.admin.state()["bybit"]["server_time"]
    box.admin.burst("main", 60)
    box.admin.burst("main", 60, symbol="BTCUSDT", category="linear")
    box.admin.burst("main", 20, symbol="BTCUSD", category="inverse")
    for price in ("90000", "100000", "95000"):
        box.admin.place("main", "ETHUSDT", "buy", "2", category="linear")
        box.admin.place("main", "SOLUSDT", "sell", "5")
        box.admin.post("price", symbol="BTCUSDT", price=price)
    box.admin.deposit("main", "MNT", "77")
    told = stream.until(
        lambda frame: (
            frame["topic"] == "wallet" and [row["coin"] for row in frame["data"][0]["coin"]] == ["MNT"]
        )
    )
    truth = box.admin.truth("main", since=start)
    fills = {
        item["execId"]: item for frame in told if frame["topic"] == "execution" for item in frame["data"]
    }
    assert len(fills) == len(truth["fills"]) > 140
    for one in truth["fills"]:
        item = fills[one["trade_id"]]
        assert (item["category"], item["symbol"], item["orderId"]) == (
            one["category"],
            one["symbol"],
            one["order_id"],
        )
        assert D(item["execQty"]) == D(one["quantity"])
        assert D(item["execPrice"]) == D(one["price"])
        assert (D(item["execFee"]), item["feeCurrency"]) == (D(one["fee"]), one["fee_asset"])
    last = {item["orderId"]: item for frame in told if frame["topic"] == "order" for item in frame["data"]}
    for order in truth["orders"]:
        assert D(last[order["order_id"]]["cumExecQty"]) == D(order["filled"])
    coins = {
        row["coin"]: row for frame in told if frame["topic"] == "wallet" for row in frame["data"][0]["coin"]
    }
    for balance in truth["balances"]:
        if row := coins.get(balance["asset"]):
            assert D(row["walletBalance"]) == D(balance["free"]) + D(balance["locked"])
    held = {(i["category"], i["symbol"]): i for f in told if f["topic"] == "position" for i in f["data"]}
    for one in truth["positions"]:
        if row := held.get((one["category"], one["symbol"])):
            assert (D(row["size"]), D(row["entryPrice"])) == (D(one["size"]), D(one["entry_price"]))


# -- heartbeat and life -----------------------------------------------------------------------


def test_a_socket_without_pings_is_cut_without_a_word_and_a_pinging_one_lives():
    options = ("--ping-every=0.05", "--pong-within=2")
    with Sandbox([account("main", "bybit")], exchanges=("bybit",), options=options) as box:
        entry, market = box.accounts[0], f"ws://{box.host('bybit')}/v5/public/spot"
        with Stream(box, entry) as idle, Stream(box, entry) as busy, Socket(market) as public:
            idle.login("order")
            busy.login("order")
            waiting = {idle, public}
            while waiting:
                assert busy.ask("ping")["op"] == "pong"
                waiting = {one for one in waiting if not torn_down(one)}
            assert busy.ask("ping")["op"] == "pong"


def torn_down(client):
    """True once the peer has torn the connection down, without a close frame."""
    try:
        client.socket.recv(0.05)
    except TimeoutError:
        return False
    except ConnectionClosed as end:
        return end.rcvd is None
    return False


@pytest.mark.parametrize(
    ("query", "seconds"), [("", None), ("max_active_time=30s", 30), ("max_active_time=600s", 600), ("max_active_time=2m", 120)]
)  # fmt: skip
def test_the_idle_time_can_be_chosen(query, seconds):
    assert active_time(query) == seconds


@pytest.mark.parametrize(
    "query", ["max_active_time=29s", "max_active_time=11m", "max_active_time=x", "max_active_time=60"]
)
def test_an_idle_time_beyond_the_bounds_is_refused(box, query):
    with pytest.raises(InvalidStatus) as refused, connect(f"{box.ws('bybit')}?{query}", proxy=None):
        pass
    assert refused.value.response.status_code == 400


def test_unknown_socket_paths_are_not_found(box):
    for path in ("/v5/public/option", "/v5/trade", "/v5/public/", "/ws"):
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://{box.host('bybit')}{path}", proxy=None):
            pass
        assert refused.value.response.status_code == 404


# -- bad days ---------------------------------------------------------------------------------


def test_a_mute_stream_answers_pings_but_tells_nothing(box, stream):
    box.admin.fault("mute", account="main")
    box.admin.deposit("main", "USDT", "1")
    stream.send("ping")
    assert stream.receive()["op"] == "pong"
    box.admin.clear(account="main")
    box.admin.deposit("main", "SOL", "1")
    assert stream.receive()["data"][0]["coin"][0]["coin"] == "SOL"


def test_losing_one_hides_the_fill_but_not_where_the_order_stands(box, rest, stream):
    box.admin.fault("lose_one", account="main")
    order_id = rest.placed(BUY)
    for _ in range(2):
        box.admin.fill(order_id, quantity="0.005")
    told = stream.until(
        lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == "Filled"
    )
    fills = [item for frame in told if frame["topic"] == "execution" for item in frame["data"]]
    assert [one["leavesQty"] for one in fills] == ["0.000000"]
    states = [frame["data"][0]["cumExecQty"] for frame in told if frame["topic"] == "order"]
    assert states == ["0.000000", "0.005000", "0.010000"]


def test_the_second_fill_can_be_lost_alone_whoever_is_told_of_fills_in_short(box, rest, stream):
    box.admin.fault("lose_one", account="main", skip=1)
    order_id = rest.placed(BUY)
    for quantity in ("0.001", "0.002", "0.007"):
        box.admin.fill(order_id, quantity=quantity)
    told = stream.until(
        lambda frame: frame["topic"] == "order" and frame["data"][0]["orderStatus"] == "Filled"
    )
    fills = [item for frame in told if frame["topic"] == "execution" for item in frame["data"]]
    assert [one["execQty"] for one in fills] == ["0.001000", "0.007000"]


@pytest.mark.parametrize(
    ("what", "lost"), [("new", "New"), ("canceled", "Cancelled"), ("balances", None), ("any", "New")]
)
def test_any_message_can_be_lost_by_name(box, stream, what, lost):
    box.admin.fault("lose_one", account="main", what=what)
    order = box.admin.place("main", "BTCUSDT", "buy", "0.003", "90000")
    box.admin.cancel(order["order_id"])
    box.admin.deposit("main", "SOL", "1")
    told = stream.until(
        lambda frame: frame["topic"] == "wallet" and frame["data"][0]["coin"][0]["coin"] == "SOL"
    )
    states = [frame["data"][0]["orderStatus"] for frame in told if frame["topic"] == "order"]
    assert states == [one for one in ("New", "Cancelled") if one != lost]
    assert len([frame for frame in told if frame["topic"] == "wallet"]) == (2 if what == "balances" else 3)


def test_a_duplicate_is_the_same_and_a_reordered_pair_is_swapped(box, stream):
    box.admin.fault("duplicate", account="main", what="balances")
    box.admin.deposit("main", "SOL", "1")
    first, second = stream.receive(), stream.receive()
    assert first["data"] == second["data"]
    box.admin.fault("reorder", account="main")
    box.admin.place("main", "BTCUSDT", "buy", "0.003", "90000")
    assert [stream.receive()["topic"] for _ in range(2)] == ["wallet", "order"]


def test_a_delay_holds_pushes_back_but_not_pongs(box, stream):
    box.admin.fault("delay", account="main", seconds=0.2)
    box.admin.deposit("main", "SOL", "1")
    stream.send("ping")
    assert [stream.receive().get("op"), stream.receive().get("topic")] == ["pong", "wallet"]


@pytest.mark.parametrize("kind", ["drop", "auth_revoked", "stream_terminated"])
def test_a_stream_may_be_torn_down_for_one_account_only(box, stream, kind):
    with Stream(box, box.accounts[1]) as other:
        other.login("order")
        box.admin.fault(kind, account="main")
        with pytest.raises((ConnectionClosed, ConnectionResetError)):
            stream.receive()
        assert other.ask("ping")["op"] == "pong"


def test_a_revoked_key_cannot_come_back_until_cleared(box, raw):
    box.admin.fault("auth_revoked", account="main")
    assert raw.ask("auth", *raw.auth_args())["ret_msg"] == "Params Error"
    box.admin.clear(account="main")
    assert raw.ask("auth", *raw.auth_args())["success"] is True


def test_a_half_open_stream_says_nothing_and_stays(box, stream):
    box.admin.fault("half_open", account="main")
    stream.send("ping")
    box.admin.deposit("main", "SOL", "1")
    with pytest.raises(TimeoutError):
        stream.socket.recv(0.3)
    assert box.admin.state()["bybit"]["sockets"] != []
    box.admin.fault("drop", account="main")


@pytest.mark.parametrize(
    ("form", "fits"),
    [
        ("text", lambda frame: isinstance(frame, str) and not frame.endswith("}")),
        ("binary", lambda frame: isinstance(frame, bytes)),
        ("oversized", lambda frame: len(frame) > 2_000_000),
    ],
)
def test_garbage_comes_in_several_forms(box, stream, form, fits):
    box.admin.fault("garbage", account="main", form=form, size=2_000_000)
    assert fits(stream.socket.recv(WAIT))


def test_a_swallowed_subscription_is_neither_answered_nor_made(box, raw):
    raw.login()
    box.admin.fault("swallow_subscribe_ack", account="main")
    raw.send("subscribe", "order", req_id="lost")
    assert raw.ask("ping")["op"] == "pong"
    assert raw.ask("subscribe", "order", req_id="made")["req_id"] == "made"


def test_an_authentication_can_be_late_and_what_is_asked_before_is_refused(box, raw):
    box.admin.fault("late_auth", account="main", seconds=0.3)
    assert raw.ask("auth", *bad_auth("wrong signature", raw))["ret_msg"] == "Params Error"
    raw.send("auth", *raw.auth_args(), req_id="late")
    assert raw.ask("subscribe", "order")["ret_msg"] == "Request not authorized"
    answer = raw.receive()
    assert (answer["op"], answer["req_id"], answer["success"]) == ("auth", "late", True)
    assert raw.ask("subscribe", "order")["success"] is True


def test_a_late_authentication_may_never_come(box, raw):
    box.admin.fault("late_auth", account="main")
    raw.send("auth", *raw.auth_args(), req_id="lost")
    assert raw.ask("ping")["op"] == "pong"
    assert raw.ask("auth", *raw.auth_args(), req_id="made")["req_id"] == "made"


def test_an_authentication_that_is_late_for_a_socket_that_has_gone_does_no_harm(box):
    box.admin.fault("late_auth", account="main", seconds=0.1)
    with Stream(box, box.accounts[0]) as gone:
        gone.send("auth", *gone.auth_args())
    with Stream(box, box.accounts[0]) as next_one:
        next_one.login("wallet")
        for amount in ("1", "2"):
            box.admin.deposit("main", "SOL", amount)
            assert next_one.receive()["topic"] == "wallet"


def test_pings_stay_unanswered_in_both_forms_and_all_else_goes_on(box, stream):
    box.admin.fault("lost_pongs", account="main")
    lost = stream.socket.ping()
    stream.send("ping")
    box.admin.deposit("main", "SOL", "1")
    assert stream.receive()["topic"] == "wallet"
    assert not lost.is_set()
    box.admin.clear(account="main")
    assert stream.ask("ping")["op"] == "pong"
    assert stream.socket.ping().wait(WAIT)


def test_a_restart_is_not_announced(box, stream):
    box.admin.fault("server_shutdown", exchange="bybit", close=True, seconds=0.05)
    with pytest.raises((ConnectionClosed, ConnectionResetError)) as end:
        stream.receive()
    assert getattr(end.value, "rcvd", None) is None


@pytest.mark.parametrize(("kind", "status"), [("gone", 410), ("ban", 403)])
def test_a_handshake_can_be_refused(box, kind, status):
    box.admin.fault(kind, exchange="bybit")
    with pytest.raises(InvalidStatus) as refused, connect(box.ws("bybit"), proxy=None):
        pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    ("status", "more", "check"),
    [
        (500, {}, lambda answer: b"<html>" in answer.content),
        (403, {}, lambda answer: answer.text == "access too frequent"),
        (401, {}, lambda answer: answer.json() is None),
        (200, {"code": 10016, "message": "busy"}, lambda answer: answer.json()["retMsg"] == "busy"),
        (200, {"code": 10006, "retry_after": 7}, lambda answer: int(answer.headers["X-Bapi-Limit-Reset-Timestamp"]) > now_ms() + 5000),
        (504, {"retry_after": 7}, lambda answer: answer.headers["Retry-After"] == "7"),
    ],
)  # fmt: skip
def test_any_status_and_any_code_can_be_had(box, rest, status, more, check):
    box.admin.fault("rest_status", path="/v5/account", account="main", status=status, count=1, **more)
    assert rest.send("GET", "/v5/market/time").ok
    answer = rest.get("/v5/account/info")
    assert answer.status_code == status
    assert check(answer)
    assert rest.ask("/v5/account/info")["retCode"] == 0


def test_the_second_page_can_fail_alone(box, rest):
    box.admin.fault("rest_status", account="main", path="/v5/order/realtime", status=500, skip=1, count=1)
    codes = [rest.get("/v5/order/realtime", "category=spot").status_code for _ in range(3)]
    assert codes == [200, 500, 200]


def test_a_fault_may_mean_only_what_a_request_asks_for(box, rest):
    box.admin.fault("rest_status", account="main", path="/v5/order", having="category=linear", status=500)
    codes = [
        rest.get("/v5/order/realtime", f"category={one}").status_code
        for one in ("spot", "linear&symbol=BTCUSDT")
    ]
    assert codes == [200, 500]


def test_an_answer_may_be_an_error_though_the_order_was_made(box, rest):
    for done in (True, False):
        box.admin.fault("rest_status", path="/v5/order/create", status=503, count=1, done=done)
        assert rest.post("/v5/order/create", {**BUY, "orderLinkId": f"made-{done}"}).status_code == 503
        rows = rest.rows("/v5/order/realtime", category="spot", orderLinkId=f"made-{done}")
        assert len(rows) == done


def test_a_stepped_clock_is_out_of_time_on_both_roads(box, rest, raw):
    box.admin.fault("clock_step", exchange="bybit", ms=60_000)
    path = "/v5/account/info"
    before = box.admin.state()["bybit"]["refused"].get(f"GET {path}", 0)
    assert rest.ask(path)["retCode"] == 10002
    assert box.admin.state()["bybit"]["refused"][f"GET {path}"] == before + 1
    assert raw.ask("auth", *raw.auth_args())["ret_msg"] == "Params Error"
    assert raw.ask("auth", *raw.auth_args(now_ms() + 70_000))["success"] is True


# -- public ---------------------------------------------------------------------------------------


@pytest.fixture
def public(box):
    """Opens public sockets of a product."""
    opened = []

    def open_one(product):
        socket = Socket(f"ws://{box.host('bybit')}/v5/public/{product}")
        opened.append(socket)
        return socket.__enter__()

    yield open_one
    for one in opened:
        one.__exit__(None, None, None)


def test_a_pair_s_ticker_is_always_whole_and_has_no_best_price(box, public):
    spot = public("spot")
    answer = spot.ask("subscribe", "tickers.BTCUSDT", req_id="10001")
    assert (answer["success"], answer["ret_msg"], answer["op"], answer["req_id"]) == (
        True, "subscribe", "subscribe", "10001",
    )  # fmt: skip
    first = spot.push("tickers.BTCUSDT")
    assert set(first) == {"topic", "ts", "type", "cs", "data"}
    assert (first["type"], first["data"]["lastPrice"], "bid1Price" in first["data"]) == (
        "snapshot",
        "95000.0",
        False,
    )
    box.admin.post("price", symbol="BTCUSDT", price="95500")
    second = spot.push("tickers.BTCUSDT")
    assert (second["type"], second["data"]["lastPrice"], second["data"].keys()) == (
        "snapshot", "95500.0", first["data"].keys(),
    )  # fmt: skip


def test_a_contract_s_ticker_is_whole_once_and_then_what_changed(box, public):
    linear = public("linear")
    answer = linear.ask("subscribe", "tickers.BTCUSDT")
    assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (True, "", "")
    first = linear.push("tickers.BTCUSDT")
    assert (first["type"], first["data"]["markPrice"], "bid1Price" in first["data"]) == (
        "snapshot",
        "95000.00",
        True,
    )
    box.admin.post("price", symbol="BTCUSDT", price="95500")
    delta = linear.push("tickers.BTCUSDT")
    assert (delta["type"], delta["data"]["lastPrice"]) == ("delta", "95500.00")
    assert "fundingRate" not in delta["data"]


def test_the_best_level_and_the_trades_follow_the_price(box, public):
    spot = public("spot")
    assert spot.ask("subscribe", "orderbook.1.BTCUSDT", "publicTrade.BTCUSDT")["success"] is True
    book = spot.push("orderbook.1.BTCUSDT")
    assert set(book) == {"topic", "ts", "type", "data", "cts"}
    assert D(book["data"]["b"][0][0]) < 95000 < D(book["data"]["a"][0][0])
    box.admin.post("price", symbol="BTCUSDT", price="95500")
    told = spot.until(
        lambda frame: frame["topic"] == "publicTrade.BTCUSDT" and frame["data"][0]["p"] == "95500.0"
    )
    assert (told[-1]["data"][0]["S"], "L" in told[-1]["data"][0]) == ("Buy", False)
    moved = [frame["data"] for frame in told if frame["topic"] == "orderbook.1.BTCUSDT"][-1]
    assert moved["u"] > book["data"]["u"]
    assert D(moved["b"][0][0]) < 95500 < D(moved["a"][0][0])


@pytest.mark.parametrize(
    ("product", "args", "said"),
    [
        ("linear", ["orderbook.50.NOPEUSDT"], "error:handler not found,topic:orderbook.50.NOPEUSDT"),
        ("linear", ["tickers.MNTUSDT"], "error:handler not found,topic:tickers.MNTUSDT"),
        ("spot", ["tickers.BTCUSDT", "tickers.BTCUSDT"], "error:already subscribed,topic:tickers.BTCUSDT"),
        ("spot", ["tickers.BTCUSDT"] * 11, "args size >10"),
        ("inverse", ["tickers.BTCUSDT"], "error:handler not found,topic:tickers.BTCUSDT"),
    ],
)
def test_public_subscriptions_are_refused_whole(public, product, args, said):
    socket = public(product)
    answer = socket.ask("subscribe", *args, req_id="e1")
    assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (False, said, "e1")


@pytest.mark.parametrize(
    ("product", "keys"),
    [("spot", {"success", "ret_msg", "conn_id", "op"}), ("linear", {"success", "ret_msg", "conn_id", "op", "req_id"})],
)  # fmt: skip
def test_public_pongs_keep_the_name_of_the_ping(public, product, keys):
    answer = public(product).ask("ping")
    assert set(answer) == keys
    assert (answer["op"], answer["ret_msg"]) == ("ping", "pong")
    assert public(product).ask("ping", req_id="7")["req_id"] == "7"


def test_public_pings_stay_unanswered_with_those_of_the_whole_exchange(box, public):
    socket = public("spot")
    box.admin.fault("lost_pongs", exchange="bybit", count=1)
    socket.send("ping", req_id="lost")
    assert socket.ask("ping", req_id="7")["req_id"] == "7"


def test_the_state_shows_who_listens_to_what(box, stream):
    sockets = box.admin.state()["bybit"]["sockets"]
    assert sockets[0]["account"] == "main"
    assert set(sockets[0]["subscriptions"]) == {"order", "execution", "position", "wallet"}
    assert eventually(lambda: box.admin.state()["bybit"]["requests"].get("ws subscribe", 0) > 0)

"""Placing, amending and cancelling: what is refused, and what becomes of what is taken."""

from decimal import Decimal as D

import pytest

from tests.sandbox.bybit.client import BUY, LINEAR, LONG, Rest, now_ms
from tests.support.sandbox import Sandbox, account

REALTIME = "/v5/order/realtime"
HISTORY = "/v5/order/history"
SPOT_ONLY = {"category": "spot"}

REFUSED = [
    ("no category", {"category": None}, 10001),
    ("a category of its own", {"category": "futures"}, 10001),
    ("no symbol", {"symbol": None}, 10001),
    ("a symbol that is not listed", {"symbol": "NOPEUSDT"}, 10001),
    ("a symbol of another category", {"symbol": "BTCUSD"}, 10001),
    ("a side in capitals", {"side": "BUY"}, 10001),
    ("an order type that does not exist", {"orderType": "Stop"}, 10001),
    ("no quantity", {"qty": None}, 10001),
    ("a quantity that is a number", {"qty": 0.01}, 10001),
    ("a price with an exponent", {"price": "9e4"}, 10001),
    ("a negative price", {"price": "-1"}, 10001),
    ("a limit without a price", {"price": None}, 10001),
    ("a time in force that does not exist", {"timeInForce": "Limit"}, 10001),
    ("an unknown parameter", {"clientOrderId": "x"}, 10001),
    ("a client id with a space", {"orderLinkId": "a b"}, 10001),
    ("a client id of 37 letters", {"orderLinkId": "x" * 37}, 10001),
    ("a leg that is a text", {"positionIdx": "0"}, 10001),
    ("a flag that is a text", {"reduceOnly": "true"}, 10001),
    ("a take profit, which is not offered", {"takeProfit": "99000"}, 10001),
    ("margin, which is not offered", {"isLeverage": 1}, 10001),
    ("a reduce-only pair", {"reduceOnly": True}, 10001),
    ("a leg of a pair", {"positionIdx": 1}, 10001),
    ("a price off the tick", {"price": "90000.05"}, 170134),
    ("a quantity off the step", {"qty": "0.0000001"}, 170137),
    ("too much", {"qty": "84"}, 170136),
    ("too little in quote", {"qty": "0.00001"}, 170140),
    ("more than there is", {"qty": "80"}, 170131),
    ("a purchase above the band", {"price": "99000"}, 170193),
    ("a sale below the band", {"side": "Sell", "price": "90000"}, 170194),
    ("a trigger without a filter", {"triggerPrice": "91000"}, 10001),
    ("a filter without a trigger", {"orderFilter": "StopOrder"}, 10001),
]
REFUSED_CONTRACTS = [
    ("a quantity off the step", {"qty": "0.0015"}, 10001),
    ("less than the minimum", {"qty": "0"}, 10001),
    ("more than the maximum", {"qty": "1191"}, 10001),
    ("a price off the tick", {"price": "90000.05"}, 110003),
    ("a price beyond the range", {"price": "2000000"}, 110003),
    ("less than five dollars", {"symbol": "SOLUSDT", "qty": "0.1", "price": "10"}, 110094),
    ("more than the margin", {"qty": "1100"}, 110007),
    ("a reduction of nothing", {"reduceOnly": True}, 110017),
    ("a leg without hedge mode", {"positionIdx": 1}, 10001),
    ("a leg that does not exist", {"positionIdx": 3}, 10001),
    ("a trigger without a direction", {"triggerPrice": "91000"}, 10001),
    ("a rise that has already happened", {"triggerPrice": "91000", "triggerDirection": 1}, 110092),
    ("a filter of pairs", {"orderFilter": "StopOrder"}, 10001),
    ("a unit of pairs", {"marketUnit": "baseCoin"}, 10001),
    ("options, of which there are none", {"category": "option"}, 10001),
]


@pytest.mark.parametrize(("changes", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_pair_s_order_is_refused_with_the_documented_code(rest, changes, code):
    order = {name: value for name, value in {**BUY, **changes}.items() if value is not None}
    envelope = rest.order(order)
    assert (envelope["retCode"], envelope["result"]) == (code, {})
    assert rest.rows(REALTIME, category="spot") == []


@pytest.mark.parametrize(
    ("changes", "code"), [row[1:] for row in REFUSED_CONTRACTS], ids=[row[0] for row in REFUSED_CONTRACTS]
)
def test_a_contract_s_order_is_refused_with_the_documented_code(rest, changes, code):
    assert rest.order(LONG, **changes)["retCode"] == code


def test_an_accepted_order_answers_with_its_ids_and_nothing_else(rest):
    envelope = rest.order(BUY, orderLinkId="mine-1")
    assert set(envelope) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    assert abs(envelope["time"] - now_ms()) < 5000
    assert set(envelope["result"]) == {"orderId", "orderLinkId"}
    assert envelope["result"]["orderLinkId"] == "mine-1"
    assert envelope["result"]["orderId"].isdigit()
    assert len(envelope["result"]["orderId"]) == 19


def test_a_pair_without_a_client_id_gets_a_number_and_a_contract_none(rest):
    spot = rest.order(BUY)["result"]
    assert int(spot["orderLinkId"]) == int(spot["orderId"]) + 1
    linear = rest.order(LONG)["result"]
    assert (linear["orderLinkId"], linear["orderId"].count("-")) == ("", 4)


@pytest.mark.parametrize(("order", "code"), [(BUY, 170141), (LONG, 110072)])
def test_a_client_id_is_taken_once_and_for_all(rest, order, code):
    link = f"once-{code}"
    order_id = rest.placed(order, orderLinkId=link)
    assert rest.order(order, orderLinkId=link)["retCode"] == code
    named = {"category": order["category"], "symbol": "BTCUSDT"}
    assert rest.post("/v5/order/cancel", named | {"orderId": order_id}).json()["retCode"] == 0
    assert rest.order(order, orderLinkId=link)["retCode"] == code


def test_a_client_id_belongs_to_its_category(rest):
    assert rest.order(BUY, orderLinkId="both")["retCode"] == 0
    assert rest.order(LONG, orderLinkId="both")["retCode"] == 0


# -- how orders end ---------------------------------------------------------------------


def ended(rest, category, order_id):
    """The order as history shows it."""
    return rest.rows(HISTORY, category=category, orderId=order_id)[0]


@pytest.mark.parametrize(("order", "status"), [(BUY, "Rejected"), (LONG, "Cancelled")])
def test_a_maker_only_order_that_would_take_is_acknowledged_and_then_ends(rest, order, status):
    order_id = rest.placed(order, timeInForce="PostOnly", price="95100")
    row = ended(rest, order["category"], order_id)
    assert (row["orderStatus"], row["rejectReason"]) == (status, "EC_PostOnlyWillTakeLiquidity")
    assert (D(row["cumExecQty"]), row["cancelType"]) == (0, "UNKNOWN")


@pytest.mark.parametrize(
    ("time_in_force", "reason"), [("IOC", "EC_NoImmediateQtyToFill"), ("FOK", "EC_NoEnoughQtyToFill")]
)
@pytest.mark.parametrize("order", [BUY, LONG])
def test_what_finds_nobody_is_cancelled(rest, order, time_in_force, reason):
    row = ended(rest, order["category"], rest.placed(order, timeInForce=time_in_force))
    assert (row["orderStatus"], row["rejectReason"], row["timeInForce"]) == (
        "Cancelled",
        reason,
        time_in_force,
    )


@pytest.mark.parametrize(("order", "status"), [(BUY, "PartiallyFilledCanceled"), (LONG, "Cancelled")])
def test_a_cancel_after_a_fill_is_named_by_product(box, rest, order, status):
    order_id = rest.placed(order)
    box.admin.fill(order_id, quantity="0.004")
    named = {"category": order["category"], "symbol": "BTCUSDT", "orderId": order_id}
    answer = rest.post("/v5/order/cancel", named).json()["result"]
    assert answer["orderId"] == order_id
    row = ended(rest, order["category"], order_id)
    assert (row["orderStatus"], D(row["cumExecQty"]), row["cancelType"]) == (
        status,
        D("0.004"),
        "CancelByUser",
    )
    assert D(row["leavesQty"]) == 0
    code = rest.post("/v5/order/cancel", named).json()["retCode"]
    assert code == (170213 if order["category"] == "spot" else 110001)


def test_a_purchase_by_amount_ends_partially_filled_with_change(rest):
    order_id = rest.placed({**BUY, "orderType": "Market", "qty": "100.03"}, price=None)
    row = ended(rest, "spot", order_id)
    assert (row["orderStatus"], row["marketUnit"], row["timeInForce"]) == (
        "PartiallyFilledCanceled", "quoteCoin", "IOC",
    )  # fmt: skip
    assert (row["qty"], row["leavesQty"], row["rejectReason"]) == (
        "100.03000000", "", "EC_CancelForNoFullFill",
    )  # fmt: skip
    assert D("99.9") < D(row["cumExecValue"]) < D("100.03")
    fills = rest.rows("/v5/execution/list", category="spot", orderId=order_id)
    assert {one["orderQty"] for one in fills} == {"0"}


def test_a_market_order_in_base_is_filled(rest):
    order_id = rest.placed(BUY, orderType="Market", qty="0.02", price=None, marketUnit="baseCoin")
    row = ended(rest, "spot", order_id)
    assert (row["orderStatus"], row["qty"], row["price"]) == ("Filled", "0.020000", "0.0")
    order_id = rest.placed(BUY, side="Sell", orderType="Market", qty="0.02", price=None)
    assert ended(rest, "spot", order_id)["marketUnit"] == "baseCoin"


def test_a_sale_by_amount_is_filled_and_leaves_something_all_the_same(rest):
    order_id = rest.placed(
        BUY, side="Sell", orderType="Market", qty="100.03", price=None, marketUnit="quoteCoin"
    )
    row = ended(rest, "spot", order_id)
    assert row["orderStatus"] == "Filled"
    assert D(row["leavesQty"]) > 0


def test_a_contract_s_price_beyond_the_band_is_moved_to_its_edge(rest):
    order_id = rest.placed(LONG, side="Sell", price="80000", qty="0.5")
    rows = rest.rows(REALTIME, **LINEAR, orderId=order_id) or rest.rows(
        HISTORY, category="linear", orderId=order_id
    )
    assert rows[0]["price"] == "93100.00"


def test_a_contract_s_market_order_shows_the_limit_that_protects_it(rest):
    row = ended(rest, "linear", rest.placed(LONG, orderType="Market", price=None))
    assert (row["orderType"], row["timeInForce"], row["orderStatus"]) == ("Market", "IOC", "Filled")
    assert row["price"] == "95950.00"


# -- conditional orders ---------------------------------------------------------------------


def test_a_conditional_pair_waits_and_is_deactivated_by_a_cancel(rest):
    stop = {**BUY, "orderFilter": "StopOrder", "triggerPrice": "91000"}
    order_id = rest.placed(stop)
    row = rest.rows(REALTIME, category="spot", orderId=order_id)[0]
    assert (row["orderStatus"], row["stopOrderType"], row["triggerPrice"]) == (
        "Untriggered",
        "Stop",
        "91000.0",
    )
    named = {"category": "spot", "symbol": "BTCUSDT", "orderId": order_id}
    assert rest.post("/v5/order/cancel", named).json()["retCode"] == 170213
    assert rest.post("/v5/order/cancel", named | {"orderFilter": "StopOrder"}).json()["retCode"] == 0
    assert ended(rest, "spot", order_id)["orderStatus"] == "Deactivated"


def test_a_conditional_contract_acts_at_its_trigger(box, rest):
    waiting = rest.placed(LONG, triggerPrice="96000", triggerDirection=1, orderType="Market", price=None)
    assert rest.rows(REALTIME, **LINEAR)[0]["orderStatus"] == "Untriggered"
    box.admin.post("price", symbol="BTCUSDT", price="96001")
    row = ended(rest, "linear", waiting)
    assert (row["orderStatus"], row["triggerDirection"]) == ("Filled", 1)


def test_a_purchase_at_its_trigger_without_the_money_is_rejected(box, rest):
    order = {**BUY, "orderType": "Market", "marketUnit": "baseCoin", "qty": "9", "price": None}
    order_id = rest.placed(order, orderFilter="StopOrder", triggerPrice="96000")
    blocker = box.admin.place("main", "BTCUSDT", "buy", "9", "94000")
    box.admin.post("price", symbol="BTCUSDT", price="96001")
    row = ended(rest, "spot", order_id)
    assert (row["orderStatus"], D(row["cumExecQty"])) == ("Rejected", 0)
    assert blocker["status"] == "open"


# -- amending and cancelling many -------------------------------------------------------------


@pytest.mark.parametrize("order", [BUY, LONG])
def test_an_amended_order_keeps_its_id_and_moves_what_it_locks(rest, order):
    order_id = rest.placed(order)
    named = {"category": order["category"], "symbol": "BTCUSDT", "orderId": order_id}
    answer = rest.post("/v5/order/amend", named | {"price": "80000", "qty": "0.02"}).json()
    assert (answer["retCode"], answer["result"]["orderId"]) == (0, order_id)
    row = rest.rows(REALTIME, category=order["category"], symbol="BTCUSDT")[0]
    assert (row["orderStatus"], D(row["price"]), D(row["qty"])) == ("New", 80000, D("0.02"))
    assert int(row["updatedTime"]) >= int(row["createdTime"])
    coin = rest.rows("/v5/account/wallet-balance", accountType="UNIFIED", coin="USDT")[0]["coin"][0]
    spot = order["category"] == "spot"
    assert (D(coin["locked"]), D(coin["totalOrderIM"])) == ((1600, 0) if spot else (0, 160))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 10001), ({"price": "80000.05"}, 10001), ({"qty": "0.0000001"}, 10001), ({"qty": "70"}, 170131), ({"orderId": "1"}, 170213)],
)  # fmt: skip
def test_an_amendment_that_does_not_fit_changes_nothing(rest, changes, code):
    order_id = rest.placed(BUY)
    body = {"category": "spot", "symbol": "BTCUSDT", "orderId": order_id, "price": None} | changes
    answer = rest.post("/v5/order/amend", {name: value for name, value in body.items() if value is not None})
    assert answer.json()["retCode"] == code
    assert rest.rows(REALTIME, category="spot")[0]["price"] == "90000.0"


def test_an_order_is_named_by_either_id_and_the_exchange_s_wins(rest):
    first, second = rest.placed(BUY, orderLinkId="either-1"), rest.placed(BUY, orderLinkId="either-2")
    named = {"category": "spot", "symbol": "BTCUSDT"}
    assert rest.post("/v5/order/cancel", named).json()["retCode"] == 10001
    answer = rest.post("/v5/order/cancel", named | {"orderId": first, "orderLinkId": "either-2"}).json()
    assert answer["result"]["orderId"] == first
    answer = rest.post("/v5/order/cancel", named | {"orderLinkId": "either-2"}).json()
    assert answer["result"]["orderId"] == second
    third = rest.placed(BUY)
    wrong = {"category": "spot", "symbol": "ETHUSDT", "orderId": third}
    assert rest.post("/v5/order/cancel", wrong).json()["retCode"] == 170213
    elsewhere = {"category": "linear", "symbol": "BTCUSDT", "orderId": third}
    assert rest.post("/v5/order/cancel", elsewhere).json()["retCode"] == 110001
    assert [row["orderId"] for row in rest.rows(REALTIME, category="spot")] == [third]


def test_cancelling_all_names_what_it_cancelled(rest):
    ids = {rest.placed(LONG) for _ in range(3)} | {
        rest.placed(LONG, symbol="ETHUSDT", price="3000", qty="0.1")
    }
    assert rest.post("/v5/order/cancel-all", {"category": "linear"}).json()["retCode"] == 10001
    pair = rest.placed(BUY)
    answer = rest.post("/v5/order/cancel-all", LINEAR).json()["result"]
    assert ({one["orderId"] for one in answer["list"]}, answer["success"]) == (ids, "1")
    assert [one["orderId"] for one in rest.rows(REALTIME, category="spot")] == [pair]


def test_thirty_conditional_pairs_or_ten_contracts_are_the_most():
    with Sandbox([account("main", "bybit")], exchanges=("bybit",)) as box:
        for category, most in (("spot", 30), ("linear", 10)):
            more = {"category": category, "stop_price": "91000", "trigger_direction": 2}
            for _ in range(most):
                box.admin.place("main", "BTCUSDT", "buy", "0.001", "90000", **more)
        rest = Rest(box, box.accounts[0])
        stop = {**BUY, "orderFilter": "StopOrder", "triggerPrice": "91000"}
        assert rest.order(stop)["retCode"] == 170810
        assert rest.order(LONG, triggerPrice="91000", triggerDirection=2)["retCode"] == 110009
        rest.close()

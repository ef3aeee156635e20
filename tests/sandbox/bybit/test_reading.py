"""What can be read over REST: shapes of the fixtures, windows, pages, retention."""

from decimal import Decimal as D
from itertools import pairwise

import pytest

from sandbox.bybit.history import DAY_MS, WEEK_MS, span
from tests.sandbox.bybit.client import BUY, LINEAR, LONG, Rest, now_ms
from tests.support.sandbox import Sandbox, account

REALTIME = "/v5/order/realtime"
HISTORY = "/v5/order/history"
EXECUTIONS = "/v5/execution/list"
POSITIONS = "/v5/position/list"
WALLET = "/v5/account/wallet-balance"
LOG = "/v5/account/transaction-log"

# The documented keys, copied out of the reference's example payloads.
ORDER_ROW = {
    "orderId", "orderLinkId", "blockTradeId", "symbol", "price", "qty", "side", "isLeverage", "positionIdx",
    "orderStatus", "cancelType", "rejectReason", "avgPrice", "leavesQty", "leavesValue", "cumExecQty",
    "cumExecValue", "cumExecFee", "timeInForce", "orderType", "stopOrderType", "orderIv", "triggerPrice",
    "takeProfit", "stopLoss", "tpTriggerBy", "slTriggerBy", "triggerDirection", "triggerBy", "reduceOnly",
    "closeOnTrigger", "smpType", "smpGroup", "smpOrderId", "tpLimitPrice", "slLimitPrice", "placeType",
    "createdTime", "updatedTime", "cumFeeDetail",
}  # fmt: skip
LINEAR_ROW = ORDER_ROW | {"lastPriceOnCreated", "tpslMode"}
PAST_ONLY = {"slippageToleranceType", "slippageTolerance", "extraFees", "rpiTakerAccess", "rpiMatchedQty"}
EXECUTION_ROW = {
    "symbol", "orderType", "underlyingPrice", "orderLinkId", "side", "indexPrice", "orderId", "stopOrderType",
    "leavesQty", "execTime", "feeCurrency", "isMaker", "execFee", "feeRate", "execId", "tradeIv",
    "blockTradeId", "markPrice", "execPrice", "markIv", "orderQty", "orderPrice", "execValue", "execType",
    "execQty", "closedSize", "extraFees", "seq", "createType",
}  # fmt: skip
POSITION_ROW = {
    "positionIdx", "riskId", "riskLimitValue", "symbol", "side", "size", "avgPrice", "positionValue",
    "tradeMode", "positionStatus", "autoAddMargin", "adlRankIndicator", "leverage", "breakEvenPrice",
    "positionBalance", "markPrice", "liqPrice", "bustPrice", "positionMM", "positionMMByMp", "positionIM",
    "positionIMByMp", "tpslMode", "takeProfit", "stopLoss", "trailingStop", "unrealisedPnl",
    "curRealisedPnl", "cumRealisedPnl", "seq", "isReduceOnly", "mmrSysUpdatedTime", "leverageSysUpdatedTime",
    "sessionAvgPrice", "createdTime", "updatedTime", "openTime",
}  # fmt: skip
COIN = {
    "coin", "equity", "usdValue", "walletBalance", "availableToWithdraw", "availableToBorrow", "borrowAmount",
    "accruedInterest", "totalOrderIM", "totalPositionIM", "totalPositionMM", "unrealisedPnl", "cumRealisedPnl",
    "bonus", "collateralSwitch", "marginCollateral", "locked", "spotHedgingQty", "spotBorrow",
}  # fmt: skip


# -- public ----------------------------------------------------------------------------


def test_the_time_is_in_seconds_and_nanoseconds_as_text(rest):
    told = rest.public("/v5/market/time")
    assert set(told["result"]) == {"timeSecond", "timeNano"}
    assert abs(int(told["result"]["timeNano"]) // 1_000_000 - told["time"]) < 1000


def test_instruments_have_the_filters_of_their_category(rest):
    spot = rest.public("/v5/market/instruments-info", "category=spot&symbol=BTCUSDT")["result"]
    assert "nextPageCursor" not in spot
    assert spot["list"][0]["lotSizeFilter"]["basePrecision"] == "0.000001"
    assert "qtyStep" not in spot["list"][0]["lotSizeFilter"]
    assert set(spot["list"][0]["priceFilter"]) == {"tickSize"}
    linear = rest.public("/v5/market/instruments-info", "category=linear")["result"]
    one = linear["list"][0]
    assert (one["contractType"], one["settleCoin"], one["lotSizeFilter"]["qtyStep"]) == (
        "LinearPerpetual", "USDT", "0.001",
    )  # fmt: skip
    assert "basePrecision" not in one["lotSizeFilter"]
    inverse = rest.public("/v5/market/instruments-info", "category=inverse")["result"]["list"][0]
    assert (inverse["settleCoin"], "minNotionalValue" in inverse["lotSizeFilter"]) == ("BTC", False)
    assert (
        rest.public("/v5/market/instruments-info", "category=linear&status=PreLaunch")["result"]["list"] == []
    )
    assert rest.public("/v5/market/instruments-info", "category=option")["result"]["list"] == []


def test_instruments_are_paged_like_everything_else(rest):
    path, seen, cursor = "/v5/market/instruments-info", [], ""
    while True:
        told = rest.public(path, f"category=linear&limit=2{cursor}")["result"]
        seen += [one["symbol"] for one in told["list"]]
        if not told["nextPageCursor"]:
            break
        cursor = f"&cursor={told['nextPageCursor']}"
    assert seen == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


@pytest.mark.parametrize(
    "query", ["", "category=moon", "category=spot&symbol=NOPE", "category=spot&x=1", "category=spot&category=spot",
              "category=option", "category=linear&symbol=btcusdt"],
)  # fmt: skip
def test_tickers_refuse_what_they_do_not_know(rest, query):
    assert rest.public("/v5/market/tickers", query)["retCode"] == 10001


def test_tickers_have_a_best_price_in_every_category(rest):
    spot = rest.public("/v5/market/tickers", "category=spot&symbol=BTCUSDT")["result"]["list"][0]
    assert D(spot["bid1Price"]) < D(spot["lastPrice"]) < D(spot["ask1Price"])
    assert ("usdIndexPrice" in spot, "markPrice" in spot) == (True, False)
    linear = rest.public("/v5/market/tickers", "category=linear&symbol=BTCUSDT")["result"]["list"][0]
    assert linear["markPrice"] == linear["lastPrice"] == "95000.00"
    assert int(linear["nextFundingTime"]) > now_ms()
    book = rest.public("/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=5")["result"]
    assert (len(book["b"]), book["a"][0][0]) == (5, linear["ask1Price"])


# -- order rows ------------------------------------------------------------------------------


def test_rows_have_the_documented_keys_and_no_category(rest):
    rest.placed(BUY)
    rest.placed(LONG)
    told = rest.result(REALTIME, category="spot")
    assert told["category"] == "spot"
    row = told["list"][0]
    assert set(row) >= ORDER_ROW | {"basePrice", "marketUnit"}
    assert not set(row) & (
        PAST_ONLY | {"category", "closedPnl", "feeCurrency", "lastPriceOnCreated", "createType"}
    )
    row = rest.rows(REALTIME, **LINEAR)[0]
    assert set(row) >= LINEAR_ROW
    assert not set(row) & (PAST_ONLY | {"category", "closedPnl", "feeCurrency", "basePrice"})
    named = {"category": "linear", "symbol": "BTCUSDT", "orderId": row["orderId"]}
    rest.post("/v5/order/cancel", named)
    assert set(rest.rows(HISTORY, category="linear", orderId=row["orderId"])[0]) >= LINEAR_ROW | PAST_ONLY


def test_an_open_order_shows_what_is_left_of_it(box, rest):
    order_id = rest.placed(LONG)
    box.admin.fill(order_id, quantity="0.004")
    row = rest.rows(REALTIME, **LINEAR)[0]
    assert (row["orderStatus"], row["qty"], row["cumExecQty"], row["leavesQty"]) == (
        "PartiallyFilled", "0.010", "0.004", "0.006",
    )  # fmt: skip
    assert (row["avgPrice"], row["cumExecValue"], row["leavesValue"]) == ("90000", "360", "540")
    assert row["cumFeeDetail"] == {"USDT": "0.072"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"category": "linear"}, 10001),
        ({"category": "linear", "orderId": "x"}, 10001),
        ({"category": "spot", "settleCoin": "USDT"}, 10001),
        ({"category": "spot", "baseCoin": "BTC"}, 10001),
        ({"category": "spot", "limit": 51}, 10001),
        ({"category": "spot", "limit": 0}, 10001),
        ({"category": "spot", "openOnly": 2}, 10001),
        ({"category": "spot", "cursor": "nonsense"}, 10001),
        ({"category": "spot", "startTime": 1}, 10001),
        ({"category": "inverse"}, 0),
        ({"category": "option"}, 0),
        ({"category": "spot"}, 0),
        ({"category": "linear", "baseCoin": "BTC"}, 0),
    ],
)
def test_open_orders_ask_for_the_filters_of_their_category(rest, params, code):
    assert rest.ask(REALTIME, **params)["retCode"] == code


def test_the_last_that_ended_are_in_realtime_on_request_or_by_id(rest):
    order_id = rest.placed(BUY, orderLinkId="ended-1")
    rest.post("/v5/order/cancel", {"category": "spot", "symbol": "BTCUSDT", "orderId": order_id})
    assert rest.rows(REALTIME, category="spot") == []
    assert rest.rows(REALTIME, category="spot", openOnly=1)[0]["orderId"] == order_id
    assert rest.rows(REALTIME, category="spot", orderId=order_id)[0]["orderStatus"] == "Cancelled"
    assert rest.rows(REALTIME, category="spot", orderLinkId="ended-1")[0]["orderId"] == order_id
    assert rest.rows(REALTIME, category="linear", symbol="BTCUSDT", orderId=order_id) == []
    assert rest.rows(REALTIME, category="spot", orderId="123") == []


def test_after_a_restart_only_history_knows_what_had_ended():
    with Sandbox([account("main", "bybit")], exchanges=("bybit",)) as box:
        order = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000")
        box.admin.cancel(order["order_id"])
        box.restart()
        rest = Rest(box, box.accounts[0])
        assert rest.rows(REALTIME, category="spot", openOnly=1) == []
        assert rest.rows(REALTIME, category="spot", orderId=order["order_id"]) == []
        assert rest.rows(HISTORY, category="spot")[0]["orderId"] == order["order_id"]
        rest.close()


# -- pages and windows -----------------------------------------------------------------------


def pages(rest, path, **params):
    """Rows page by page; the cursor goes back exactly as it came."""
    cursor: dict[str, str] = {}
    while True:
        told = rest.result(path, **params, **cursor)
        yield told["list"]
        if not told["nextPageCursor"]:
            return
        cursor = {"cursor": told["nextPageCursor"]}


def test_pages_do_not_move_when_something_new_happens(box, rest):
    box.admin.burst("other", 1)
    ids = [rest.placed(BUY, price=f"{90000 + k}") for k in range(5)]
    walk = pages(rest, REALTIME, category="spot", limit=2)
    seen = [row["orderId"] for row in next(walk)]
    newest = rest.placed(BUY)
    seen += [row["orderId"] for page in walk for row in page]
    assert seen == ids[::-1]
    assert rest.rows(REALTIME, category="spot")[0]["orderId"] == newest


def test_a_full_last_page_points_to_an_empty_one(rest):
    for _ in range(4):
        rest.placed(BUY)
    assert [len(page) for page in pages(rest, REALTIME, category="spot", limit=2)] == [2, 2, 0]


def test_a_cursor_is_taken_as_it_came_and_encoded_once_more(rest):
    for _ in range(3):
        rest.placed(BUY)
    cursor = rest.result(REALTIME, category="spot", limit=2)["nextPageCursor"]
    assert "%" in cursor
    raw = rest.rows(REALTIME, category="spot", limit=2, cursor=cursor)
    again = rest.rows(REALTIME, category="spot", limit=2, cursor=cursor.replace("%", "%25"))
    assert (len(raw), raw) == (1, again)


def test_a_cursor_belongs_to_its_request(rest):
    for _ in range(3):
        rest.placed(BUY)
    cursor = rest.result(REALTIME, category="spot", limit=2)["nextPageCursor"]
    assert rest.ask(REALTIME, category="spot", limit=3, cursor=cursor)["retCode"] == 0
    assert rest.ask(REALTIME, category="spot", symbol="BTCUSDT", cursor=cursor)["retCode"] == 10001
    assert rest.ask(HISTORY, category="spot", startTime=1, cursor=cursor)["retCode"] == 10001


NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("args", "window"),
    [
        ({}, (NOW - WEEK_MS, NOW)),
        ({"startTime": NOW - 30 * DAY_MS}, (NOW - 30 * DAY_MS, NOW - 23 * DAY_MS)),
        ({"endTime": NOW - 30 * DAY_MS}, (NOW - 37 * DAY_MS, NOW - 30 * DAY_MS)),
        ({"startTime": NOW - WEEK_MS, "endTime": NOW}, (NOW - WEEK_MS, NOW)),
        ({"startTime": 1, "endTime": 2}, (NOW - 730 * DAY_MS, 2)),
    ],
)
def test_a_window_is_seven_days_from_the_bound_that_is_given(args, window):
    first, last = span(args, NOW, WEEK_MS)
    assert (first, min(last, NOW)) == window


def test_the_transaction_log_has_a_window_of_a_day_unless_both_bounds_are_given():
    assert span({"startTime": NOW - WEEK_MS}, NOW, DAY_MS) == (NOW - WEEK_MS, NOW - 6 * DAY_MS)
    assert span({"startTime": NOW - WEEK_MS, "endTime": NOW}, NOW, DAY_MS) == (NOW - WEEK_MS, NOW)


@pytest.mark.parametrize("path", [HISTORY, EXECUTIONS])
@pytest.mark.parametrize(("start", "end"), [(0, WEEK_MS + 1), (5, 4)])
def test_a_window_that_is_too_wide_or_reversed_is_refused(rest, path, start, end):
    base = now_ms() - 20 * DAY_MS
    told = rest.ask(path, category="spot", startTime=base + start, endTime=base + end)
    assert told["retCode"] == 10001


@pytest.fixture
def aged():
    """A sandbox of its own, whose clock the test may let run ahead."""
    with Sandbox([account("main", "bybit")], exchanges=("bybit",)) as box:
        client = Rest(box, box.accounts[0])

        def later(days):
            box.admin.fault("clock_step", exchange="bybit", ms=int(days * DAY_MS))
            client.offset += int(days * DAY_MS)

        yield box, client, later
        client.close()


def test_an_order_without_a_fill_is_forgotten_after_a_day_and_one_with_a_fill_is_not(aged):
    box, rest, later = aged
    empty, filled, rejected = (
        rest.placed(BUY),
        rest.placed(BUY),
        rest.placed(BUY, price="95100", timeInForce="PostOnly"),
    )
    box.admin.cancel(empty)
    box.admin.fill(filled, quantity="0.001")
    box.admin.cancel(filled)
    assert {row["orderId"] for row in rest.rows(HISTORY, category="spot")} == {empty, filled, rejected}
    later(1.01)
    assert [row["orderId"] for row in rest.rows(HISTORY, category="spot")] == [filled]
    assert rest.rows(HISTORY, category="spot", orderId=empty) == []
    later(10)
    assert rest.rows(HISTORY, category="spot") == []
    assert rest.rows(EXECUTIONS, category="spot") == []
    assert [row["orderId"] for row in rest.rows(HISTORY, category="spot", orderId=filled)] == [filled]
    assert len(rest.rows(EXECUTIONS, category="spot", orderId=filled)) == 1
    when = now_ms() - DAY_MS
    assert len(rest.rows(EXECUTIONS, category="spot", startTime=when)) == 1
    later(721)
    assert rest.rows(EXECUTIONS, category="spot", orderId=filled) == []


# -- executions --------------------------------------------------------------------------------


def test_execution_rows_say_what_was_really_charged(box, rest):
    spot, linear = rest.placed(BUY), rest.placed(LONG, orderLinkId="exec-1")
    box.admin.fill(spot, quantity="0.004")
    box.admin.fill(linear, quantity="0.004")
    row = rest.rows(EXECUTIONS, category="spot", orderId=spot)[0]
    assert set(row) >= EXECUTION_ROW
    assert "category" not in row
    assert (row["execType"], row["isMaker"], row["execFee"], row["feeCurrency"], row["feeRate"]) == (
        "Trade", True, "0.000004", "BTC", "0.001",
    )  # fmt: skip
    assert (row["closedSize"], row["leavesQty"], row["execId"].isdigit()) == ("", "0.006000", True)
    row = rest.rows(EXECUTIONS, category="linear", orderLinkId="exec-1")[0]
    assert (row["execFee"], row["feeCurrency"], row["execValue"]) == ("0.072", "USDT", "360")
    assert (row["closedSize"], row["execPrice"], row["createType"]) == ("0", "90000.00", "CreateByUser")
    assert row["seq"] > 2**47 - 1 - 2**44


def test_trades_concluded_together_share_their_sequence(rest):
    order_id = rest.placed(BUY, side="Sell", orderType="Market", qty="0.05", price=None)
    rows = rest.rows(EXECUTIONS, category="spot", orderId=order_id)
    assert len(rows) > 1
    assert len({row["seq"] for row in rows}) == 1
    assert len({row["execId"] for row in rows}) == len(rows)
    assert sum(D(row["execQty"]) for row in rows) == D("0.05")


def test_executions_are_paged_newest_first_and_may_be_filtered_by_type(box, rest):
    start = now_ms() - 1000
    box.admin.burst("main", 7, symbol="BTCUSDT", category="linear")
    seen = [
        row for page in pages(rest, EXECUTIONS, category="linear", startTime=start, limit=3) for row in page
    ]
    times = [int(row["execTime"]) for row in seen]
    assert times == sorted(times, reverse=True)
    truth = [
        one["trade_id"]
        for one in box.admin.truth("main", since=start)["fills"]
        if one["category"] == "linear"
    ]
    assert [row["execId"] for row in seen] == truth[::-1]
    assert rest.rows(EXECUTIONS, category="linear", execType="Funding", startTime=start) == []
    assert rest.ask(EXECUTIONS, category="linear", execType="UNKNOWN")["retCode"] == 10001


def test_an_order_id_overrules_the_other_filters(box, rest):
    order_id = rest.placed(BUY)
    box.admin.fill(order_id)
    rows = rest.rows(EXECUTIONS, category="spot", orderId=order_id, symbol="ETHUSDT", startTime=1, endTime=2)
    assert [row["orderId"] for row in rows] == [order_id]


def test_a_lagging_history_shows_a_fresh_end_later(box, rest):
    order_id = rest.placed(BUY)
    box.admin.fault("lag", account="main", seconds=3600)
    box.admin.fill(order_id)
    assert rest.rows(EXECUTIONS, category="spot", orderId=order_id) == []
    assert rest.rows(HISTORY, category="spot", orderId=order_id) == []
    assert rest.rows(REALTIME, category="spot", orderId=order_id)[0]["orderStatus"] == "Filled"
    box.admin.clear()
    assert len(rest.rows(EXECUTIONS, category="spot", orderId=order_id)) == 1


def test_the_history_of_executions_can_lag_behind_that_of_orders(box, rest):
    order_id = rest.placed(BUY)
    box.admin.fault("lag", account="main", what="trade", seconds=3600)
    box.admin.fill(order_id)
    assert rest.rows(EXECUTIONS, category="spot", orderId=order_id) == []
    assert [row["orderId"] for row in rest.rows(HISTORY, category="spot", orderId=order_id)] == [order_id]
    box.admin.clear()


# -- positions and money --------------------------------------------------------------------------


def test_positions_are_all_of_a_symbol_or_the_open_ones_of_a_coin(box, rest):
    assert rest.ask(POSITIONS, category="linear")["retCode"] == 10001
    assert rest.ask(POSITIONS, category="spot")["retCode"] == 10001
    assert rest.rows(POSITIONS, **LINEAR) == []
    flat = rest.rows(POSITIONS, category="linear", symbol="SOLUSDT")
    assert [(row["side"], row["size"], row["seq"]) for row in flat] == [("", "0", -1)]
    assert set(flat[0]) >= POSITION_ROW
    box.admin.fill(rest.placed(LONG))
    row = rest.rows(POSITIONS, **LINEAR)[0]
    assert (row["side"], row["size"], row["avgPrice"], row["leverage"]) == ("Buy", "0.010", "90000", "10")
    assert (row["unrealisedPnl"], row["curRealisedPnl"], row["markPrice"]) == ("50", "-0.18", "95000.00")
    assert "category" not in row
    assert rest.rows(POSITIONS, category="inverse") == rest.rows(POSITIONS, category="option") == []


def test_a_hedger_has_two_legs(box, client_of):
    rest = client_of("hedger")
    assert [row["positionIdx"] for row in rest.rows(POSITIONS, category="linear", symbol="BTCUSDT")] == [1, 2]
    missing = rest.order(LONG)
    assert (missing["retCode"], missing["retMsg"]) == (10001, "position idx not match position mode")
    box.admin.fill(rest.placed(LONG, positionIdx=1))
    box.admin.fill(rest.placed(LONG, side="Sell", price="99000", positionIdx=2, qty="0.02"))
    rows = rest.rows(POSITIONS, **LINEAR)
    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [
        (1, "Buy", "0.010"), (2, "Sell", "0.020"),
    ]  # fmt: skip
    assert rest.order(LONG, side="Sell", price="99000", positionIdx=1)["retCode"] == 0


def test_the_wallet_shows_what_spot_locks_and_contracts_tie_up(box, rest):
    assert rest.ask(WALLET)["retCode"] == 10001
    assert rest.ask(WALLET, accountType="SPOT")["retCode"] == 10001
    rest.placed(BUY)
    box.admin.fill(rest.placed(LONG))
    told = rest.rows(WALLET, accountType="UNIFIED")[0]
    coins = {row["coin"]: row for row in told["coin"]}
    assert (told["accountType"], set(coins) >= {"BTC", "USDT"}) == ("UNIFIED", True)
    usdt = coins["USDT"]
    assert set(usdt) >= COIN
    assert (usdt["locked"], usdt["totalPositionIM"], usdt["unrealisedPnl"]) == ("900", "95", "50")
    assert D(usdt["equity"]) == D(usdt["walletBalance"]) + 50
    truth = {one["asset"]: one for one in box.admin.truth("main")["balances"]}["USDT"]
    assert D(usdt["walletBalance"]) - D(usdt["locked"]) == D(truth["free"])
    assert D(told["totalEquity"]) > D(told["totalAvailableBalance"]) > 0


def test_the_wallet_hides_zeros_unless_they_are_asked_for(box, rest):
    box.admin.deposit("main", "DUST", "1")
    box.admin.withdraw("main", "DUST", "1")
    coins = [row["coin"] for row in rest.rows(WALLET, accountType="UNIFIED")[0]["coin"]]
    assert "DUST" not in coins
    asked = rest.rows(WALLET, accountType="UNIFIED", coin="DUST,BTC")[0]["coin"]
    assert [row["coin"] for row in asked] == ["DUST", "BTC"]
    assert asked[0]["walletBalance"] == "0"


def test_the_transaction_log_explains_every_change_of_a_balance(box, rest):
    start = now_ms() - 1
    box.admin.deposit("main", "USDT", "10.5")
    box.admin.fill(rest.placed(LONG))
    box.admin.post("funding", account="main", symbol="BTCUSDT", category="linear", rate="0.0001")
    box.admin.fill(rest.placed(BUY))
    box.admin.withdraw("main", "USDT", "0.5")
    rows = rest.rows(LOG, accountType="UNIFIED", currency="USDT", startTime=start)
    assert [row["type"] for row in rows] == ["TRANSFER_OUT", "TRADE", "SETTLEMENT", "TRADE", "TRANSFER_IN"]
    usdt = rest.rows(WALLET, accountType="UNIFIED", coin="USDT")[0]["coin"][0]
    assert D(rows[0]["cashBalance"]) == D(usdt["walletBalance"])
    for newer, older in pairwise(rows):
        assert D(newer["cashBalance"]) - D(newer["change"]) == D(older["cashBalance"])
    settled = rows[2]
    assert (settled["funding"], settled["change"], settled["fee"]) == ("-0.095", "-0.095", "0")
    assert (rows[1]["cashFlow"], rows[3]["fee"], rows[3]["change"]) == ("-900", "0.18", "-0.18")
    ids = {one["id"] for one in box.admin.truth("main", since=start)["cash"]}
    assert {rows[0]["id"], rows[4]["id"], settled["tradeId"]} == ids
    assert [row["type"] for row in rest.rows(LOG, type="SETTLEMENT", startTime=start)] == ["SETTLEMENT"]


def test_a_pair_s_trade_is_a_row_for_each_coin(box, rest):
    start = now_ms() - 1
    box.admin.fill(rest.placed(BUY))
    rows = {row["currency"]: row for row in rest.rows(LOG, category="spot", startTime=start)}
    assert (rows["BTC"]["cashFlow"], rows["BTC"]["fee"], rows["BTC"]["change"]) == (
        "0.01",
        "0.00001",
        "0.00999",
    )
    assert (rows["USDT"]["change"], rows["USDT"]["fee"]) == ("-900", "0")


def test_the_account_says_what_it_is(box, rest):
    info = rest.result("/v5/account/info")
    assert (info["unifiedMarginStatus"], info["marginMode"]) == (5, "REGULAR_MARGIN")
    key = rest.result("/v5/user/query-api")
    assert (key["secret"], key["uta"], key["apiKey"], key["permissions"]["Wallet"]) == ("", 1, rest.key, [])
    fees = rest.result("/v5/account/fee-rate", category="linear", symbol="BTCUSDT")
    assert fees == {"list": [{"symbol": "BTCUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]}
    assert rest.result("/v5/account/fee-rate", category="spot")["category"] == "spot"
    assert rest.ask("/v5/account/query-dcp-info")["retMsg"] == "success"
    check = rest.result("/v5/order/spot-borrow-check", category="spot", symbol="BTCUSDT", side="Buy")
    assert check["spotMaxTradeQty"] == check["maxTradeQty"]
    assert {one["coin"] for one in rest.result("/v5/asset/coin/query-info")["rows"]} >= {"BTC", "USDT"}


def test_fees_may_be_agreed_and_makers_may_be_paid(box, client_of):
    rest = client_of("favoured")
    long, buy, sell = rest.placed(LONG), rest.placed(BUY), rest.placed(BUY, side="Sell", price="99000")
    for order_id in (long, buy, sell):
        box.admin.fill(order_id)
    row = rest.rows(EXECUTIONS, category="linear", orderId=long)[0]
    assert (row["execFee"], row["feeCurrency"], row["feeRate"]) == ("-0.09", "USDT", "-0.0001")
    paid = [rest.rows(EXECUTIONS, category="spot", orderId=one)[0] for one in (buy, sell)]
    assert [(one["feeCurrency"], one["execFee"]) for one in paid] == [("USDT", "-0.09"), ("BTC", "-0.000001")]
    taker = rest.placed(LONG, orderType="Market", price=None)
    assert rest.rows(EXECUTIONS, category="linear", orderId=taker)[0]["feeRate"] == "0.0003"


def test_fees_may_be_paid_in_another_coin(box, client_of):
    rest = client_of("saver")
    order_id = rest.placed(LONG)
    box.admin.fill(order_id)
    row = rest.rows(EXECUTIONS, category="linear", orderId=order_id)[0]
    discounted = D(900) * D("0.0002") * D("0.75") / D("1.1")
    assert row["feeCurrency"] == "MNT"
    assert 0 <= discounted - D(row["execFee"]) < D("1e-8")
    assert rest.rows(HISTORY, category="linear", orderId=order_id)[0]["cumFeeDetail"] == {
        "MNT": row["execFee"]
    }

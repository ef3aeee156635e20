"""Binance's REST answers: the shapes of the reference, and lists that page as it says."""

from contextlib import closing
from decimal import Decimal as D

import pytest

from tests.sandbox.client import Rest, Signer
from tests.support.sandbox import Sandbox, account

ORDER = "/api/v3/order"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "90000.00"}  # fmt: skip
DAY = 86_400_000

ROW = {
    "symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty",
    "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "stopPrice", "icebergQty", "time",
    "updateTime", "isWorking", "workingTime", "origQuoteOrderQty", "selfTradePreventionMode",
}  # fmt: skip
ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = ACK | {
    "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce",
    "type", "side", "workingTime", "selfTradePreventionMode",
}  # fmt: skip
TRADE = {
    "symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission", "commissionAsset",
    "time", "isBuyer", "isMaker", "isBestMatch",
}  # fmt: skip


def test_public_answers_have_their_documented_shapes(rest):
    assert rest.public("/api/v3/ping").json() == {}
    assert set(rest.public("/api/v3/time").json()) == {"serverTime"}
    assert rest.public("/api/v3/ticker/price", symbol="SHIBUSDT").json() == {
        "symbol": "SHIBUSDT",
        "price": "0.00000783",
    }
    both = rest.public("/api/v3/ticker/price", symbols='["BTCUSDT","ETHUSDT"]').json()
    assert [one["symbol"] for one in both] == ["BTCUSDT", "ETHUSDT"]
    assert len(rest.public("/api/v3/ticker/bookTicker").json()) == 5
    book = rest.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT").json()
    assert set(book) == {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"}
    assert D(book["bidPrice"]) < 95000 < D(book["askPrice"])
    depth = rest.public("/api/v3/depth", symbol="BTCUSDT", limit=5).json()
    assert [len(depth["bids"]), len(depth["asks"])] == [5, 5]
    assert depth["bids"][0] == [book["bidPrice"], book["bidQty"]]
    assert rest.public("/api/v3/avgPrice", symbol="BTCUSDT").json()["mins"] == 5


def test_exchange_info_lists_limits_and_the_filters_that_are_enforced(rest):
    info = rest.public("/api/v3/exchangeInfo").json()
    assert [one["rateLimitType"] for one in info["rateLimits"]] == [
        "REQUEST_WEIGHT", "ORDERS", "ORDERS", "RAW_REQUESTS",
    ]  # fmt: skip
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 6000,
    }
    assert {one["symbol"] for one in info["symbols"]} == {
        "BTCUSDT",
        "ETHUSDT",
        "BNBUSDT",
        "SHIBUSDT",
        "ETHBTC",
    }
    kinds = [one["filterType"] for one in info["symbols"][0]["filters"]]
    for needed in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "PERCENT_PRICE_BY_SIDE", "MAX_NUM_ORDERS"):  # fmt: skip
        assert needed in kinds
    one = rest.public("/api/v3/exchangeInfo", symbol="ETHBTC").json()["symbols"]
    assert [row["symbol"] for row in one] == ["ETHBTC"]


def test_a_placement_answers_in_the_form_that_was_asked_for(rest):
    assert set(rest.order(**LIMIT, newOrderRespType="ACK").json()) == ACK
    assert set(rest.order(**LIMIT, newOrderRespType="RESULT").json()) == RESULT
    assert set(rest.order(**LIMIT).json()) == RESULT | {"fills"}
    maker = {name: value for name, value in LIMIT.items() if name != "timeInForce"} | {"type": "LIMIT_MAKER"}
    assert set(rest.order(**maker).json()) == ACK
    market = rest.order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.02").json()
    assert market["status"] == "FILLED"
    assert sum(D(one["qty"]) for one in market["fills"]) == D("0.02")
    assert sum(D(one["price"]) * D(one["qty"]) for one in market["fills"]) == D(market["cummulativeQuoteQty"])
    assert {one["commissionAsset"] for one in market["fills"]} == {"USDT"}


def test_an_order_that_expires_says_why(rest):
    fok = LIMIT | {"timeInForce": "FOK"}
    answer = rest.order(**fok).json()
    assert (answer["status"], answer["expiryReason"]) == ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")
    row = rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=answer["orderId"]).json()
    assert row["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"


def test_order_rows_have_exactly_the_documented_keys(rest):
    placed = rest.order(**LIMIT, strategyId=7, strategyType=1000001).json()
    row = rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"]).json()
    assert set(row) == ROW | {"strategyId", "strategyType"}
    plain = rest.order(**LIMIT).json()
    rows = rest.signed("GET", "/api/v3/openOrders").json()
    assert [one["orderId"] for one in rows] == [placed["orderId"], plain["orderId"]]
    assert set(rows[1]) == ROW
    assert rows[1]["isWorking"] is True
    assert rest.signed("GET", "/api/v3/openOrders", symbol="ETHUSDT").json() == []


def test_a_stop_order_is_new_but_not_working_until_triggered(rest, box):
    stop = LIMIT | {"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "92000", "price": "91000"}
    order_id = rest.order(**stop).json()["orderId"]
    row = rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=order_id).json()
    assert (row["status"], row["isWorking"], row["stopPrice"]) == ("NEW", False, "92000.00000000")
    box.admin.post("price", symbol="BTCUSDT", price="91999")
    row = rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=order_id).json()
    assert row["isWorking"] is True
    assert row["status"] in ("FILLED", "PARTIALLY_FILLED")


def test_a_cancel_swaps_the_client_ids(rest):
    placed = rest.order(**LIMIT, newClientOrderId="orig").json()
    answer = rest.signed(
        "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="orig", newClientOrderId="stop-it"
    )
    body = answer.json()
    assert (body["origClientOrderId"], body["clientOrderId"], body["status"]) == (
        "orig",
        "stop-it",
        "CANCELED",
    )
    assert body["orderId"] == placed["orderId"]
    assert rest.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"]).json()["code"] == -2011


def test_cancel_restrictions_are_obeyed(rest, box):
    order_id = rest.order(**LIMIT).json()["orderId"]
    wish = {"symbol": "BTCUSDT", "orderId": order_id, "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    refused = rest.signed("DELETE", ORDER, **wish).json()
    assert refused["msg"] == "Order was not canceled due to cancel restrictions."
    box.admin.fill(str(order_id), quantity="0.001")
    body = rest.signed("DELETE", ORDER, **wish).json()
    assert (body["status"], body["executedQty"]) == ("CANCELED", "0.00100000")


def test_cancelling_all_names_every_order_of_the_symbol(rest):
    ids = [rest.order(**LIMIT).json()["orderId"] for _ in range(3)]
    rows = rest.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").json()
    assert [one["orderId"] for one in rows] == ids
    assert len({one["clientOrderId"] for one in rows}) == 1


def test_a_successful_order_weighs_nothing(rest):
    before = int(rest.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"])
    after = int(rest.order(**LIMIT).headers["X-MBX-USED-WEIGHT-1M"])
    assert after in (before, 0)


def test_a_test_order_places_nothing(rest):
    assert rest.signed("POST", "/api/v3/order/test", **LIMIT).json() == {}
    rates = rest.signed("POST", "/api/v3/order/test", **LIMIT, computeCommissionRates="true").json()
    assert rates["standardCommissionForOrder"]["taker"] == "0.00100000"
    assert rest.signed("GET", "/api/v3/openOrders").json() == []


def test_the_commission_is_asked_for_by_symbol_and_is_what_is_charged(box, rest):
    path = "/api/v3/account/commission"
    said = rest.signed("GET", path, symbol="BTCUSDT").json()
    assert set(said) == {"symbol", "standardCommission", "specialCommission", "taxCommission", "discount"}
    assert set(said["taxCommission"]) == {"maker", "taker", "buyer", "seller"}
    order = box.admin.place("main", "BTCUSDT", "buy", "0.01")
    charged = sum(D(fill["fee"]) for fill in order["fills"])
    assert charged == D("0.01") * D(said["standardCommission"]["taker"])
    assert said["discount"] == {
        "enabledForAccount": False,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": "0.75000000",
    }
    for params, code in (
        ({}, -1102),
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbol": "BTCUSDT", "x": "1"}, -1104),
    ):
        assert rest.signed("GET", path, **params).json()["code"] == code


def test_agreed_rates_and_a_fee_asset_are_told_wherever_rates_are():
    fees = {"spot": {"maker": "0.0002", "taker": "0.0004"}}
    with (
        Sandbox([account("agreed", fees=fees, fee_asset="BNB")]) as box,
        closing(Rest(box, Signer(box.accounts[0]))) as own,
    ):
        said = own.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT").json()
        assert (said["standardCommission"]["maker"], said["standardCommission"]["taker"]) == (
            "0.00020000", "0.00040000",
        )  # fmt: skip
        assert said["discount"]["enabledForAccount"]
        assert own.signed("GET", "/api/v3/account").json()["commissionRates"]["taker"] == "0.00040000"
        tested = own.signed("POST", "/api/v3/order/test", **LIMIT, computeCommissionRates="true").json()
        assert tested["standardCommissionForOrder"] == {"maker": "0.00020000", "taker": "0.00040000"}


def test_the_account_shows_free_and_locked(rest):
    rest.order(**LIMIT)
    body = rest.signed("GET", "/api/v3/account").json()
    usdt = next(one for one in body["balances"] if one["asset"] == "USDT")
    assert usdt["locked"] == "900.00000000"
    assert {"uid", "canTrade", "permissions", "commissionRates", "preventSor"} <= set(body)


def test_zero_balances_are_left_out_only_on_request(box, rest):
    box.admin.deposit("main", "DUST", "1")
    box.admin.withdraw("main", "DUST", "1")
    assets = [one["asset"] for one in rest.signed("GET", "/api/v3/account").json()["balances"]]
    fewer = rest.signed("GET", "/api/v3/account", omitZeroBalances="true").json()["balances"]
    assert set(assets) - {one["asset"] for one in fewer} == {"DUST"}


def test_the_key_permissions_have_every_documented_key(rest):
    answer = rest.signed("GET", "/sapi/v1/account/apiRestrictions")
    assert set(answer.json()) == {
        "ipRestrict", "createTime", "enableReading", "enableWithdrawals", "enableInternalTransfer",
        "permitsUniversalTransfer", "enableMargin", "enableFutures", "enableVanillaOptions",
        "enableFixApiTrade", "enableFixReadOnly", "enableSpotAndMarginTrading", "enablePortfolioMarginTrading",
    }  # fmt: skip
    assert answer.json()["enableWithdrawals"] is False


@pytest.fixture
def traded(rest, box):
    """Twelve trades of two orders on ETHUSDT; what the lists must show."""
    start = box.admin.state()["binance"]["server_time"]
    orders = [box.admin.place("main", "ETHUSDT", "buy", "0.6", "3000") for _ in range(2)]
    for order in orders:
        for _ in range(6):
            box.admin.fill(order["order_id"], quantity="0.1")
    fills = [one for one in box.admin.truth("main", since=start)["fills"] if one["symbol"] == "ETHUSDT"]
    assert len(fills) == 12
    return orders, fills, start


def trades(rest, **params):
    answer = rest.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT", **params)
    assert answer.ok, answer.text
    return [one["id"] for one in answer.json()]


def test_my_trades_pages_as_documented(rest, traded):
    orders, fills, start = traded
    ids = [int(one["trade_id"]) for one in fills]
    assert trades(rest, limit=5) == ids[-5:]
    assert trades(rest, fromId=ids[3], limit=4) == ids[3:7]
    assert trades(rest, fromId=ids[-1] + 1) == []
    assert trades(rest, startTime=start, limit=2) == ids[:2]
    assert trades(rest, endTime=start + DAY, limit=2) == ids[-2:]
    assert trades(rest, startTime=start, endTime=start + DAY) == ids
    assert trades(rest, startTime=start * 1000, endTime=(start + DAY) * 1000) == ids
    assert trades(rest, orderId=orders[0]["order_id"]) == ids[:6]
    assert trades(rest, orderId=orders[0]["order_id"], fromId=ids[4]) == ids[4:6]


def test_a_trade_row_says_what_the_truth_says(rest, traded):
    _, fills, _ = traded
    row = rest.signed(
        "GET", "/api/v3/myTrades", symbol="ETHUSDT", fromId=fills[0]["trade_id"], limit=1
    ).json()[0]
    assert set(row) == TRADE
    assert D(row["commission"]) == D(fills[0]["fee"]) == D("0.0001")
    assert (row["commissionAsset"], row["isBuyer"], row["isMaker"]) == ("ETH", True, True)
    assert D(row["quoteQty"]) == D(row["price"]) * D(row["qty"])


def test_a_trade_weighs_less_when_its_order_is_named(rest):
    def used(**params):
        rest_before = int(rest.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"])
        answer = rest.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT", **params)
        return int(answer.headers["X-MBX-USED-WEIGHT-1M"]) - rest_before

    assert used(orderId=1) in (5, 5 - 60)
    assert used() > 5


def test_all_orders_starts_at_an_id_or_shows_the_newest(rest, traded):
    orders, _, start = traded
    ids = [int(one["order_id"]) for one in orders]

    def listed(**params):
        return [
            one["orderId"]
            for one in rest.signed("GET", "/api/v3/allOrders", symbol="ETHUSDT", **params).json()
        ]

    assert listed(orderId=ids[0]) == ids
    assert listed(limit=1) == ids[1:]
    assert listed(startTime=start, limit=1) == ids[:1]
    assert listed(startTime=start, endTime=start + DAY) == ids


def test_lists_that_never_have_rows_still_check_their_parameters(rest):
    assert rest.signed("GET", "/api/v3/myPreventedMatches", symbol="BTCUSDT", orderId=1).json() == []
    assert rest.signed("GET", "/api/v3/myAllocations", symbol="BTCUSDT").json() == []
    order_id = rest.order(**LIMIT).json()["orderId"]
    assert rest.signed("GET", "/api/v3/order/amendments", symbol="BTCUSDT", orderId=order_id).json() == []
    assert rest.signed("GET", "/api/v3/myFilters", symbol="BTCUSDT").json()["assetFilters"] == []


def test_one_account_never_sees_another(rest, box):
    other = box.admin.place("other", "BTCUSDT", "buy", "0.01", "90000")
    assert rest.signed("GET", "/api/v3/openOrders").json() == []
    assert rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=other["order_id"]).json()["code"] == -2013
    assert rest.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=other["order_id"]).json()["code"] == -2011

"""Binance's strictness: one table of requests that must be refused, and how."""

import http.client
import json
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.sandbox.client import Rest, Signer, now_ms, public_pem
from tests.support.sandbox import Sandbox, account, token

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "90000",
}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
STOP = LIMIT | {"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "91000"}
ORDER, TRADES, TEST = "/api/v3/order", "/api/v3/myTrades", "/api/v3/order/test"
DAY = 86_400_000


def but(base, **changes):
    """`base` with some values changed; None takes one away."""
    return {name: value for name, value in (base | changes).items() if value is not None}


# verb, path, parameters, HTTP status, code, part of the text
REFUSALS = [
    ("GET", ORDER, {"symbol": "BTCUSDT"}, 400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent"),
    ("GET", ORDER, {"orderId": 1}, 400, -1102, "'symbol'"),
    ("GET", ORDER, {"symbol": "", "orderId": 1}, 400, -1102, "'symbol'"),
    ("GET", ORDER, {"symbol": "NOPE", "orderId": 1}, 400, -1121, "Invalid symbol."),
    ("GET", ORDER, {"symbol": "btcusdt", "orderId": 1}, 400, -1100, "'symbol'"),
    ("GET", ORDER, {"symbol": "BTCUSDT", "orderId": "x1"}, 400, -1100, "^[0-9]{1,20}$"),
    ("GET", ORDER, {"symbol": "BTCUSDT", "orderId": "99999999999999999999"}, 400, -1108, "'orderId' overflowed"),
    ("GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1}, 400, -2013, "Order does not exist."),
    ("GET", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": "a.b"}, 400, -1100, "^[a-zA-Z0-9-_]{1,36}$"),
    ("GET", "/api/v3/account", {"omitZeroBalances": "maybe"}, 400, -1130, "'omitZeroBalances'"),
    ("GET", "/api/v3/account", {"fish": 1}, 400, -1104, "read '2' parameter(s) but was sent '3'"),
    ("GET", "/api/v3/account", {"fish": 1, "cat": 2, "dog": 3}, 400, -1101, "expected '4' and received '5'"),
    ("GET", "/api/v3/account", {"recvWindow": "60001"}, 400, -1102, "Cannot be greater than '60000'"),
    ("GET", "/api/v3/account", {"recvWindow": "1.2345"}, 400, -1100, "'recvWindow'"),
    ("GET", "/api/v3/openOrders", {"symbol": "NOPE"}, 400, -1121, ""),
    ("GET", "/api/v3/openOrders", {"symbol": ""}, 400, -1105, "'symbol' was empty"),
    ("GET", "/api/v3/allOrders", {}, 400, -1102, "'symbol'"),
    ("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT", "limit": 1001}, 400, -1130, "'limit'"),
    ("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 2 + DAY}, 400, -1127, "24 hours"),
    ("GET", TRADES, {}, 400, -1102, "'symbol'"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "limit": 0}, 400, -1130, "'limit'"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "startTime": 1, "endTime": 2 + DAY}, 400, -1127, "24 hours"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "startTime": 1, "fromId": 1}, 400, -1128, "Combination"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "endTime": 1, "orderId": 1}, 400, -1128, "Combination"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "endTime": 1, "fromId": 1}, 400, -1128, "Combination"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "orderId": 1, "startTime": 1}, 400, -1128, "Combination"),
    ("GET", TRADES, {"symbol": "BTCUSDT", "startTime": 1, "endTime": 2, "orderId": 1}, 400, -1128, "Combination"),
    ("GET", "/api/v3/myPreventedMatches", {"symbol": "BTCUSDT"}, 400, -1128, ""),
    ("GET", "/api/v3/myAllocations", {}, 400, -1102, "'symbol'"),
    ("GET", "/api/v3/order/amendments", {"symbol": "BTCUSDT"}, 400, -1102, "'orderId'"),
    ("POST", ORDER, but(LIMIT, side="HOLD"), 400, -1117, "Invalid side."),
    ("POST", ORDER, but(LIMIT, type="DREAM"), 400, -1116, "Invalid orderType."),
    ("POST", ORDER, but(LIMIT, timeInForce="GTX"), 400, -1115, "Invalid timeInForce."),
    ("POST", ORDER, but(LIMIT, timeInForce=None), 400, -1102, "'timeInForce'"),
    ("POST", ORDER, but(LIMIT, price=None), 400, -1102, "'price'"),
    ("POST", ORDER, but(LIMIT, quantity=None), 400, -1102, "'quantity'"),
    ("POST", ORDER, but(LIMIT, type=None), 400, -1102, "'type'"),
    ("POST", ORDER, but(LIMIT, quantity="1e-3"), 400, -1100, "'quantity'"),
    ("POST", ORDER, but(LIMIT, quantity="-1"), 400, -1100, "'quantity'"),
    ("POST", ORDER, but(LIMIT, quantity="0.000000001"), 400, -1111, "'quantity' has too much precision"),
    ("POST", ORDER, but(LIMIT, quantity="0"), 400, -1013, "Invalid quantity."),
    ("POST", ORDER, but(LIMIT, price="0"), 400, -1013, "Invalid price."),
    ("POST", ORDER, but(LIMIT, stopPrice="1"), 400, -1106, "'stopPrice' sent when not required"),
    ("POST", ORDER, but(LIMIT, quoteOrderQty="1"), 400, -1106, "'quoteOrderQty'"),
    ("POST", ORDER, but(LIMIT, type="LIMIT_MAKER"), 400, -1106, "'timeInForce' sent when not required"),
    ("POST", ORDER, but(LIMIT, newClientOrderId="a:b"), 400, -1100, "'newClientOrderId'"),
    ("POST", ORDER, but(LIMIT, newClientOrderId="x" * 37), 400, -1100, "'newClientOrderId'"),
    ("POST", ORDER, but(LIMIT, newOrderRespType="HUGE"), 400, -1130, "'newOrderRespType'"),
    ("POST", ORDER, but(LIMIT, selfTradePreventionMode="EXPIRE_MAKER"), 400, -1013, "self-trade prevention"),
    ("POST", ORDER, but(LIMIT, icebergQty="0.0005"), 400, -2010, "Iceberg"),
    ("POST", ORDER, but(STOP, trailingDelta="100"), 400, -2010, "Trailing"),
    ("POST", ORDER, but(LIMIT, type="STOP_LOSS", timeInForce=None, price=None), 400, -2010, "not supported"),
    ("POST", ORDER, but(LIMIT, strategyType=5), 400, -1134, ""),
    ("POST", ORDER, but(MARKET, timeInForce="GTC"), 400, -1106, "'timeInForce'"),
    ("POST", ORDER, but(MARKET, price="1"), 400, -1106, "'price'"),
    ("POST", ORDER, but(MARKET, quantity=None), 400, -1102, "Param 'quantity' or 'quoteOrderQty'"),
    ("POST", ORDER, but(MARKET, quoteOrderQty="20"), 400, -1128, ""),
    ("POST", ORDER, but(STOP, stopPrice=None), 400, -1102, "'stopPrice'"),
    ("POST", ORDER, but(STOP, stopPrice="96000"), 400, -2010, "Order would trigger immediately."),
    ("POST", ORDER, but(LIMIT, price="90000.001"), 400, -1013, "Filter failure: PRICE_FILTER"),
    ("POST", ORDER, but(STOP, stopPrice="90000.001"), 400, -1013, "Filter failure: PRICE_FILTER"),
    ("POST", ORDER, but(LIMIT, price="2000000"), 400, -1013, "Filter failure: PRICE_FILTER"),
    ("POST", ORDER, but(LIMIT, quantity="0.000011"), 400, -1013, "Filter failure: LOT_SIZE"),
    ("POST", ORDER, but(LIMIT, quantity="9001"), 400, -1013, "Filter failure: LOT_SIZE"),
    ("POST", ORDER, but(MARKET, quantity="121"), 400, -1013, "Filter failure: MARKET_LOT_SIZE"),
    ("POST", ORDER, but(LIMIT, price="10000"), 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ("POST", ORDER, but(LIMIT, quantity="0.00005"), 400, -1013, "Filter failure: NOTIONAL"),
    ("POST", ORDER, but(MARKET, quantity="0.00005"), 400, -1013, "Filter failure: NOTIONAL"),
    ("POST", ORDER, but(LIMIT, quantity="900"), 400, -1013, "Filter failure: NOTIONAL"),
    ("POST", ORDER, but(LIMIT, quantity="20"), 400, -2010, "Account has insufficient balance"),
    ("POST", ORDER, but(LIMIT, type="LIMIT_MAKER", timeInForce=None, price="96000"), 400, -2010, "immediately match and take"),
    ("POST", TEST, but(LIMIT, price="90000.001"), 400, -1013, "Filter failure: PRICE_FILTER"),
    ("DELETE", ORDER, {"symbol": "BTCUSDT"}, 400, -1102, "Param 'origClientOrderId' or 'orderId'"),
    ("DELETE", ORDER, {"symbol": "BTCUSDT", "orderId": 5}, 400, -2011, "Unknown order sent."),
    ("DELETE", ORDER, {"symbol": "BTCUSDT", "orderId": 5, "cancelRestrictions": "ALL"}, 400, -1145, ""),
    ("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}, 400, -2011, "Unknown order sent."),
    ("DELETE", "/api/v3/openOrders", {}, 400, -1102, "'symbol'"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "path", "params", "status", "code", "text"), REFUSALS)
def test_a_bad_request_is_refused_as_binance_refuses_it(rest, verb, path, params, status, code, text):
    answer = rest.signed(verb, path, **params)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert text in body["msg"]
    assert set(body) == {"code", "msg"}
    assert int(answer.headers["x-mbx-used-weight-1m"]) == int(answer.headers["X-MBX-USED-WEIGHT"]) > 0


PUBLIC = [
    ("/api/v3/exchangeInfo", {"symbol": "NOPE"}, -1121),
    ("/api/v3/exchangeInfo", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
    ("/api/v3/ticker/price", {"symbols": '["BTCUSDT","NOPE"]'}, -1121),
    ("/api/v3/ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
    ("/api/v3/ticker/price", {"symbols": "BTCUSDT"}, -1100),
    ("/api/v3/ticker/price", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("/api/v3/avgPrice", {}, -1102),
    ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": 5001}, -1130),
    ("/api/v3/time", {"now": 1}, -1101),
]


@pytest.mark.parametrize(("path", "params", "code"), PUBLIC)
def test_a_bad_public_request_is_refused(rest, path, params, code):
    answer = rest.public(path, **params)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def signed_query(rest, text):
    return f"{text}&signature={rest.signer.sign(text)}"


def test_keys_are_checked_before_parameters_and_known_before_signatures(rest):
    unknown = token()
    good = signed_query(rest, f"timestamp={now_ms()}")
    cases = [
        (None, "", 401, -2014),
        ("short", good, 401, -2014),
        ("x" * 63 + "!", good, 401, -2014),
        (unknown, "", 400, -1102),
        (unknown, good, 401, -2015),
        ("own", f"timestamp={now_ms()}", 400, -1102),
        ("own", f"timestamp={now_ms()}&signature={'0' * 64}", 400, -1022),
        ("own", "timestamp=x&signature=00", 400, -1100),
    ]
    for key, query, status, code in cases:
        answer = rest.raw("GET", "/api/v3/account", query, key=key)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (key, query)


def test_the_timestamp_must_lie_in_the_window(rest):
    for offset, window, fits in [
        (0, 5000, True), (-4000, 5000, True), (-6000, 5000, False), (-6000, 10000, True),
        (1500, 5000, False), (1500, 60000, False), (-50, 10, False), (-1000, "1500.5", True),
    ]:  # fmt: skip
        answer = rest.signed("GET", "/api/v3/account", timestamp=now_ms() + offset, recvWindow=window)
        assert (answer.status_code == 200) is fits, (offset, window, answer.text)
        assert fits or answer.json()["code"] == -1021
    assert rest.signed("GET", "/api/v3/account", timestamp=now_ms() * 1000).status_code == 200
    ahead = rest.signed("GET", "/api/v3/account", timestamp=now_ms() + 9000).json()
    assert ahead["msg"] == "Timestamp for this request was 1000ms ahead of the server's time."


def test_a_name_twice_in_the_query_is_refused_and_the_query_wins_over_the_body(rest):
    answer = rest.raw("GET", "/api/v3/account", signed_query(rest, f"timestamp={now_ms()}&timestamp=1"))
    assert answer.json() == {"code": -1101, "msg": "Duplicate values for a parameter detected."}
    query, body = f"symbol=BTCUSDT&timestamp={now_ms()}", "symbol=NOPE&side=BUY"
    signature = rest.signer.sign(query + body)
    answer = rest.raw("POST", TEST, f"{query}&signature={signature}", body=body)
    assert answer.json()["code"] == -1102
    assert "'type'" in answer.json()["msg"]


def test_query_and_body_are_signed_as_one_without_a_separator(rest):
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=0.001&price=90000&timestamp={now_ms()}"
    good = rest.signer.sign(query + body)
    assert rest.raw("POST", TEST, query, body=f"{body}&signature={good}").json() == {}
    bad = rest.signer.sign(f"{query}&{body}")
    assert rest.raw("POST", TEST, query, body=f"{body}&signature={bad}").json()["code"] == -1022


def test_the_order_of_parameters_counts_and_the_signature_may_stand_anywhere(rest):
    text = f"timestamp={now_ms()}&recvWindow=5000"
    signature = rest.signer.sign(text)
    stamp, window = text.split("&")
    assert rest.raw("GET", "/api/v3/account", f"{stamp}&signature={signature}&{window}").status_code == 200
    assert (
        rest.raw("GET", "/api/v3/account", f"{window}&{stamp}&signature={signature}").json()["code"] == -1022
    )


def test_a_payload_must_be_percent_encoded_before_it_is_signed(rest, box):
    raw = f"symbol=BTCUSDT&recvWindow=5000&timestamp={now_ms()}"
    encoded = raw.replace("BTC", "%42TC")
    for signed, fits in ((encoded, True), (raw, False)):
        answer = rest.raw("GET", "/api/v3/openOrders", f"{encoded}&signature={rest.signer.sign(signed)}")
        assert answer.ok is fits
        assert fits or answer.json()["code"] == -1022
    sent = f'symbols=["BTCUSDT"]&timestamp={now_ms()}'
    link = http.client.HTTPConnection(box.host())
    path = f"/api/v3/openOrders?{sent}&signature={rest.signer.sign(sent)}"
    link.request("GET", path, headers={"X-MBX-APIKEY": rest.signer.api_key})
    assert json.loads(link.getresponse().read())["code"] == -1022
    link.close()


def test_keys_that_may_not_trade_or_read_are_told_so():
    seed = ed25519.Ed25519PrivateKey.generate()
    entries = [
        account("reader", permissions={"enableSpotAndMarginTrading": False}),
        account("blind", permissions={"enableReading": False}),
        {"exchange": "binance", "account": "modern", "api_key": token(), "public_key": public_pem(seed)},
    ]
    with Sandbox(entries) as box:
        reader, blind = (Rest(box, Signer(entry)) for entry in entries[:2])
        assert reader.signed("GET", "/api/v3/account").json()["canTrade"] is False
        assert reader.order(**LIMIT).json()["code"] == -2015
        restrictions = reader.signed("GET", "/sapi/v1/account/apiRestrictions").json()
        assert restrictions["enableSpotAndMarginTrading"] is False
        assert restrictions["enableReading"] is True
        assert blind.signed("GET", "/api/v3/account").json()["code"] == -2015
        modern = Rest(box, Signer(entries[2], seed))
        assert modern.signed("GET", "/api/v3/account").status_code == 200
        stamp = f"timestamp={now_ms()}"
        raw = modern.signer.sign(stamp)
        unencoded = modern.raw("GET", "/api/v3/account", f"{stamp}&signature={raw}")
        assert (unencoded.status_code == 200) is ("+" not in raw)
        assert modern.raw("GET", "/api/v3/account", f"{stamp}&signature={quote(raw, safe='')}").ok
        for client in (reader, blind, modern):
            client.close()


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_listen_keys_are_gone_with_a_page_that_is_no_json(rest, verb):
    answer = rest.raw(verb, "/api/v3/userDataStream", "")
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "text/html"
    assert "nginx" in answer.text


def test_an_unknown_path_is_not_found(rest):
    assert rest.public("/api/v3/nothing").status_code == 404
    assert rest.raw("PUT", "/api/v3/time", "").status_code == 404


@pytest.fixture
def fresh_minute(rest, box):
    """The exchange's clock at the very beginning of a minute, and of a ten-second window."""
    rest.offset = 60_000 - now_ms() % 60_000
    box.admin.fault("clock_step", exchange="binance", ms=rest.offset)


@pytest.mark.usefixtures("fresh_minute")
def test_weights_add_up_and_too_many_requests_end_in_a_ban(rest):
    before = int(rest.public("/api/v3/ping").headers["x-mbx-used-weight"])
    answers = [rest.signed("GET", "/api/v3/openOrders") for _ in range(100)]
    assert int(answers[0].headers["X-MBX-USED-WEIGHT-1M"]) == before + 80
    order = [one.status_code for one in answers]
    assert list(dict.fromkeys(order)) == [200, 429, 418]
    full = answers[order.index(429)]
    assert full.json()["code"] == -1003
    assert 1 <= int(full.headers["Retry-After"]) <= 60
    banned = answers[-1]
    assert "IP banned until" in banned.json()["msg"]
    assert 100 < int(banned.headers["Retry-After"]) <= 120


@pytest.mark.usefixtures("fresh_minute")
def test_fifty_unfilled_orders_in_ten_seconds_are_the_most(rest):
    answers = [rest.order(**LIMIT, newOrderRespType="ACK") for _ in range(51)]
    assert [one.status_code for one in answers] == [200] * 50 + [429]
    assert answers[-2].headers["X-MBX-ORDER-COUNT-10S"] == "50"
    assert answers[-1].json()["code"] == -1015
    assert rest.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").ok


@pytest.mark.usefixtures("fresh_minute")
def test_a_fill_gives_its_place_in_the_order_count_back(rest, box):
    first = rest.order(**LIMIT)
    second = rest.order(**LIMIT)
    counts = [int(one.headers["X-MBX-ORDER-COUNT-1D"]) for one in (first, second)]
    assert counts[1] == counts[0] + 1
    box.admin.fill(str(first.json()["orderId"]), quantity="0.0005")
    box.admin.fill(str(first.json()["orderId"]))
    day = rest.signed("GET", "/api/v3/rateLimit/order").json()[1]
    assert (day["count"], day["limit"], day["interval"]) == (counts[0], 160000, "DAY")


def test_a_client_id_is_unique_among_open_orders_only(rest, box):
    first = rest.order(**LIMIT, newClientOrderId="mine-1").json()
    assert rest.order(**LIMIT, newClientOrderId="mine-1").json()["msg"] == "Duplicate order sent."
    box.admin.fill(str(first["orderId"]))
    second = rest.order(**LIMIT, newClientOrderId="mine-1").json()
    assert second["orderId"] != first["orderId"]
    found = rest.signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId="mine-1").json()
    assert found["orderId"] == second["orderId"]
    disagreeing = rest.signed(
        "GET", ORDER, symbol="BTCUSDT", orderId=second["orderId"], origClientOrderId="mine-2"
    )
    assert disagreeing.json()["code"] == -2039


def test_two_hundred_open_orders_and_five_stops_are_the_most(rest, box):
    for _ in range(5):
        box.admin.place(
            "main", "BTCUSDT", "sell", "0.001", "89000", type="stop_loss_limit", stop_price="91000"
        )
    assert rest.order(**STOP).json()["msg"] == "Filter failure: MAX_NUM_ALGO_ORDERS"
    for _ in range(195):
        box.admin.place("main", "BTCUSDT", "buy", "0.001", "90000")
    assert rest.order(**LIMIT).json()["msg"] == "Filter failure: MAX_NUM_ORDERS"

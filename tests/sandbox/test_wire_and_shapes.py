"""The documented examples against our shapes, and HTTP and WebSocket at their edges."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from decimal import Decimal as D
from typing import Any

import pytest
import requests

from sandbox.binance import INSTRUMENTS, shapes
from sandbox.limits import Window
from sandbox.world import Balance, BalancesChanged, Cash, Order, OrderChanged, Trade
from tests.sandbox.client import Stream
from tests.support.sandbox import ROOT, Sandbox, account

# Examples of the official documentation (public placeholders), one message each.
FILL_EXAMPLE = {
    "e": "executionReport", "E": 1719467634107, "s": "LTCBNB", "c": "8LGC97RRgNPVQk979VIhjt", "S": "BUY",
    "o": "MARKET", "f": "GTC", "q": "6.00000000", "p": "0.00000000", "P": "0.00000000", "F": "0.00000000",
    "g": -1, "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 32, "l": "2.00000000",
    "z": "2.00000000", "L": "1.00000000", "n": "0.00100000", "N": "BNB", "T": 1719467634105, "t": 7, "I": 63,
    "w": False, "m": False, "M": True, "O": 1719467634105, "Z": "2.00000000", "Y": "2.00000000",
    "Q": "0.00000000", "W": 1719467634105, "V": "NONE",
}  # fmt: skip
NEW_EXAMPLE = FILL_EXAMPLE | {
    "x": "NEW", "X": "NEW", "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None,
    "t": -1, "I": 62, "w": True, "M": False, "Z": "0.00000000", "Y": "0.00000000",
}  # fmt: skip
POSITION_EXAMPLE = {
    "e": "outboundAccountPosition", "E": 1719467634107, "u": 1719467634105,
    "B": [{"a": "LTC", "f": "3011.11745670", "l": "0.00000000"}, {"a": "BNB", "f": "996.11865670", "l": "0.00000000"}],
}  # fmt: skip
DELTA_EXAMPLE = {
    "e": "balanceUpdate",
    "E": 1573200697110,
    "a": "BTC",
    "d": "100.00000000",
    "T": 1573200697068,
}
TRADE_ROW_EXAMPLE = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100",
    "qty": "12.00000000", "quoteQty": "48.00001200", "commission": "10.10000000", "commissionAsset": "BNB",
    "time": 1499865549590, "isBuyer": True, "isMaker": False, "isBestMatch": True,
}  # fmt: skip
LIMIT_EXAMPLE = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50, "count": 12}


def order(**more):
    fields: dict[str, Any] = {
        "exchange": "binance", "account": "main", "category": "spot", "symbol": "LTCBNB", "order_id": 32,
        "client_order_id": "8LGC97RRgNPVQk979VIhjt", "side": "buy", "type": "market", "time_in_force": "gtc",
        "status": "open", "price": D(0), "stop_price": D(0), "quantity": D(6), "quote_quantity": D(0),
        "filled": D(0), "quote_filled": D(0), "hold": D(0), "created_at": 1719467634105,
        "updated_at": 1719467634105, "working_at": 1719467634105,
    }  # fmt: skip
    return Order(**(fields | more))


def trade(**more):
    fields: dict[str, Any] = {
        "exchange": "binance", "account": "main", "category": "spot", "symbol": "LTCBNB", "trade_id": 7,
        "order_id": 32, "client_order_id": "c", "side": "buy", "price": D(1), "quantity": D(2), "quote": D(2),
        "fee": D("0.001"), "fee_asset": "BNB", "liquidity": "taker", "at": 1719467634105,
    }  # fmt: skip
    return Trade(**(fields | more))


def test_reports_are_written_letter_by_letter_as_the_documentation_shows():
    at = 1719467634105
    new = OrderChanged(order=order(), what="new", execution_id=62, at=at)
    filled = order(status="partially_filled", filled=D(2), quote_filled=D(2))
    fill = OrderChanged(order=filled, what="trade", execution_id=63, at=at, trade=trade())
    assert json.dumps(shapes.execution_report(new, at + 2)) == json.dumps(NEW_EXAMPLE)
    assert json.dumps(shapes.execution_report(fill, at + 2)) == json.dumps(FILL_EXAMPLE)


def test_positions_and_deltas_are_written_as_the_documentation_shows():
    rows = (Balance("LTC", D("3011.1174567")), Balance("BNB", D("996.1186567")))
    changed = BalancesChanged(account="main", rows=rows, at=1719467634105)
    assert json.dumps(shapes.account_position(changed, 1719467634107)) == json.dumps(POSITION_EXAMPLE)
    cash = Cash(
        exchange="binance",
        account="main",
        cash_id=1,
        asset="BTC",
        amount=D(100),
        kind="deposit",
        at=1573200697068,
    )
    assert json.dumps(shapes.balance_update(cash, 1573200697110)) == json.dumps(DELTA_EXAMPLE)


def test_trades_and_limits_are_written_as_the_documentation_shows():
    one = trade(
        symbol="BNBBTC", trade_id=28457, order_id=100234, price=D("4.000001"), quantity=D(12),
        quote=D("48.000012"), fee=D("10.1"), at=1499865549590,
    )  # fmt: skip
    assert json.dumps(shapes.trade_row(one)) == json.dumps(TRADE_ROW_EXAMPLE)
    window = Window(name="ORDERS", seconds=10, limit=50)
    assert json.dumps(shapes.limit_row(window, 12)) == json.dumps(LIMIT_EXAMPLE)


def test_amounts_never_carry_an_exponent():
    assert shapes.amount(D("1E-8")) == "0.00000001"
    assert shapes.amount(D("1E+6")) == "1000000.00000000"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("untriggered", "NEW"), ("open", "NEW"), ("partially_filled", "PARTIALLY_FILLED"), ("filled", "FILLED"),
        ("canceled", "CANCELED"), ("rejected", "REJECTED"), ("expired", "EXPIRED"),
    ],
)  # fmt: skip
def test_every_state_has_its_word_in_rows_and_replies(status, word):
    assert shapes.order_row(order(status=status))["status"] == word
    assert shapes.placed(order(status=status), [], "RESULT")["status"] == word


def test_a_reply_shows_a_stop_price_only_where_there_is_one():
    assert "stopPrice" not in shapes.placed(order(), [], "FULL")
    stopped = shapes.placed(order(stop_price=D(5), working_at=None), [], "FULL")
    assert stopped["stopPrice"] == "5.00000000"
    assert "workingTime" not in stopped


@pytest.mark.parametrize("one", INSTRUMENTS, ids=lambda one: one.symbol)
def test_every_symbol_has_rules_that_fit_its_own_price(one):
    assert one.start % one.tick == 0
    assert one.min_price <= one.start <= one.max_price
    assert one.min_quantity % one.step == 0
    assert -one.tick.as_tuple().exponent <= 8
    assert one.min_notional < one.depth


# -- HTTP ----------------------------------------------------------------------------------


def spoken(box, data):
    """What the server says to these bytes until it closes or pauses."""
    raw = socket.create_connection(("127.0.0.1", int(box.host().split(":")[1])))
    raw.settimeout(2)
    raw.sendall(data)
    return raw


def read_all(raw):
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := raw.recv(65536):
            received += part
    raw.close()
    return received


def test_two_requests_in_one_packet_get_two_answers_in_order(box):
    one = b"GET /api/v3/%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    answer = read_all(spoken(box, one % (b"ping", b"") + one % (b"time", b"Connection: close\r\n")))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"{}") < answer.index(b"serverTime")


def test_a_request_that_comes_byte_by_byte_is_answered(box):
    raw = spoken(box, b"")
    for byte in b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        raw.sendall(bytes([byte]))
    assert read_all(raw).endswith(b"{}")


def test_what_is_no_http_closes_the_connection(box):
    assert read_all(spoken(box, b"\x16\x03\x01 hello\r\n\r\n")) == b""


def test_a_body_without_end_closes_the_connection(box):
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
    raw = spoken(box, head)
    with contextlib.suppress(OSError):
        for _ in range(40):
            raw.sendall(b"x" * 100_000)
    assert b"200 OK" not in read_all(raw)


def test_a_head_request_has_no_body(box):
    answer = read_all(spoken(box, b"HEAD /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert answer.endswith(b"\r\n\r\n")


def test_connections_are_kept_for_further_requests(box):
    before = box.admin.state()["binance"]["connections"]
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(5):
            assert session.get(box.rest_url + "/api/v3/ping", timeout=5).ok
        assert box.admin.state()["binance"]["connections"] == before + 1


@pytest.mark.parametrize(
    ("path", "status"), [("/", 404), ("/ws-api/v2", 404), ("/ws-api/v3?timeUnit=MICROSECOND", 400)]
)
def test_a_handshake_at_the_wrong_place_is_refused(box, path, status):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{box.host()}{path}", proxy=None):
        pass
    assert refused.value.response.status_code == status


def test_the_admin_speaks_no_websocket(box):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    url = box.admin.url.replace("http", "ws")
    with pytest.raises(InvalidStatus), connect(url, proxy=None):
        pass


def test_an_oversized_request_over_the_websocket_ends_it(box, stream):
    from websockets.exceptions import ConnectionClosed

    with contextlib.suppress(ConnectionClosed):
        stream.socket.send("x" * (2 << 20))
    with pytest.raises(ConnectionClosed) as end:
        stream.receive()
    assert (end.value.rcvd or end.value.sent).code == 1009


def test_many_sockets_of_one_account_hear_the_same(box, signer):
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(box, signer)) for _ in range(12)]
        for one in streams:
            one.subscribe()
        box.admin.deposit("main", "USDT", "3.25")
        assert {one.event("balanceUpdate")["d"] for one in streams} == {"3.25000000"}


def test_concurrent_orders_get_different_ids(box):
    placed = []

    def place():
        answer = requests.post(
            box.admin.url + "/place",
            json={
                "account": "main",
                "symbol": "ETHUSDT",
                "side": "buy",
                "quantity": "0.01",
                "price": "3000",
                "type": "limit",
            },
            timeout=10,
        )
        placed.append(answer.json()["order_id"])

    threads = [threading.Thread(target=place) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(placed)) == 10


# -- command line ------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["nowhere=127.0.0.1:0", "binance"])
def test_a_listener_that_makes_no_sense_is_a_usage_error(tmp_path, listen):
    (tmp_path / "accounts.json").write_text("[]")
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--world",
        str(tmp_path),
        "--accounts",
        str(tmp_path / "accounts.json"),
    ]
    done = subprocess.run(
        [*command, "--listen", listen], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "known: binance" in done.stderr


def test_sigterm_ends_it_in_order():
    import os
    import signal

    box = Sandbox([account("main")]).start()
    os.kill(box.pid, signal.SIGTERM)
    assert box.terminate() == 0
    box.stop()


def test_prices_are_remembered_over_a_restart():
    with Sandbox() as box:
        box.admin.post("price", symbol="BTCUSDT", price="81234.56")
        box.restart()
        row = requests.get(box.rest_url + "/api/v3/ticker/price?symbol=BTCUSDT", timeout=5).json()
        assert row["price"] == "81234.56000000"

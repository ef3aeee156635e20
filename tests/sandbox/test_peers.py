"""The sandbox judged by clients that others wrote, unmodified, pointed here by their own options.

Each of them connects, authenticates, places orders, and receives the orders and
fills of its account. What it reports must be what the truth says.
"""

import asyncio
import contextlib
import json
from decimal import Decimal as D

import ccxt
import ccxt.pro
import pytest
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

from tests.sandbox.client import public_pem
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer


def fills_of(box, order_id, name="main"):
    return [one for one in box.admin.truth(name)["fills"] if one["order_id"] == str(order_id)]


# -- ccxt -----------------------------------------------------------------------------


def ccxt_options(box, entry):
    api = dict.fromkeys(("public", "private", "v1"), box.rest_url + "/api/v3")
    api |= {"sapi": box.rest_url + "/sapi/v1"}
    streams = {"ws-api": {"spot": box.ws_url}, "spot": box.public_ws_url + "/ws", "margin": box.public_ws_url}
    return {
        "apiKey": entry["api_key"],
        "secret": entry["api_secret"],
        "enableRateLimit": False,
        "urls": {"api": api | {"ws": streams}},
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "defaultType": "spot",
        },
    }


@pytest.fixture
def exchange(box):
    return ccxt.binance(ccxt_options(box, box.accounts[0]))


def test_ccxt_reads_the_markets_with_their_steps_and_limits(exchange):
    markets = exchange.load_markets()
    assert set(markets) == {"BTC/USDT", "ETH/USDT", "BNB/USDT", "SHIB/USDT", "ETH/BTC"}
    assert markets["SHIB/USDT"]["precision"]["price"] == 1e-8
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5


def test_ccxt_places_follows_and_cancels_an_order(box, exchange):
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 90000)
    assert order["status"] == "open"
    box.admin.fill(order["id"], quantity="0.004")
    followed = exchange.fetch_order(order["id"], "BTC/USDT")
    assert (followed["filled"], followed["remaining"]) == (0.004, 0.006)
    assert [one["id"] for one in exchange.fetch_open_orders("BTC/USDT")] == [order["id"]]
    assert exchange.cancel_order(order["id"], "BTC/USDT")["status"] == "canceled"
    trades = exchange.fetch_my_trades("BTC/USDT", params={"orderId": order["id"]})
    fill = fills_of(box, order["id"])[0]
    assert [(one["id"], one["fee"]["currency"]) for one in trades] == [(fill["trade_id"], "BTC")]
    assert D(str(trades[0]["fee"]["cost"])) == D(fill["fee"])


def test_ccxt_trades_at_the_market_and_sees_its_balance(box, exchange):
    before = exchange.fetch_balance()["SHIB"]["total"]
    order = exchange.create_order("SHIB/USDT", "market", "buy", 1_000_000)
    assert order["status"] == "closed"
    received = sum(D(one["quantity"]) - D(one["fee"]) for one in fills_of(box, order["id"]))
    assert exchange.fetch_balance()["SHIB"]["total"] - before == pytest.approx(float(received))


def test_ccxt_reads_our_refusals_as_its_own_errors(box, exchange):
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT", "limit", "buy", 50, 90000)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("1", "BTC/USDT")
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        exchange.create_order("BTC/USDT", "limit", "buy", 0.00001, 90000)
    stranger = ccxt.binance(ccxt_options(box, account("nobody")))
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
    box.admin.fault("ban", exchange="binance", seconds=60)
    with pytest.raises((ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
        exchange.fetch_balance()


def test_ccxt_pro_watches_orders_trades_and_balances(box):
    async def watch():
        exchange = ccxt.pro.binance(ccxt_options(box, box.accounts[0]))
        try:
            await exchange.load_markets()
            orders = asyncio.ensure_future(exchange.watch_orders())
            await until_subscribed(box)
            placed = await asyncio.to_thread(box.admin.place, "main", "BTCUSDT", "buy", "0.01", "90000")
            first = dict((await asyncio.wait_for(orders, 10))[-1])
            trades = asyncio.ensure_future(exchange.watch_my_trades())
            balance = asyncio.ensure_future(exchange.watch_balance())
            await asyncio.sleep(0)
            await asyncio.to_thread(box.admin.fill, placed["order_id"])
            trade = (await asyncio.wait_for(trades, 10))[-1]
            await asyncio.wait_for(balance, 10)
            over_socket = await exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 91000)
            return placed, first, trade, over_socket
        finally:
            await exchange.close()

    placed, first, trade, over_socket = asyncio.run(watch())
    assert (first["id"], first["status"], first["price"]) == (placed["order_id"], "open", 90000)
    fill = fills_of(box, placed["order_id"])[0]
    assert (trade["id"], trade["order"], trade["takerOrMaker"]) == (
        fill["trade_id"],
        fill["order_id"],
        "maker",
    )
    assert D(str(trade["fee"]["cost"])) == D(fill["fee"])
    assert over_socket["status"] == "open"


async def until_subscribed(box):
    """Wait until some socket has a user data subscription."""
    await asyncio.to_thread(
        eventually, lambda: any(one["subscriptions"] for one in box.admin.state()["binance"]["sockets"])
    )


# -- python-binance -------------------------------------------------------------------------


def client_class(base, box):
    """It takes its addresses from class attributes."""
    return type(
        "Local" + base.__name__,
        (base,),
        {
            "API_URL": box.rest_url + "/api",
            "MARGIN_API_URL": box.rest_url + "/sapi",
            "WS_API_URL": box.ws_url,
        },
    )


@pytest.fixture
def python_binance(box):
    entry = box.accounts[0]
    client = client_class(Client, box)(entry["api_key"], entry["api_secret"])
    yield client
    client.session.close()


def test_python_binance_trades_and_reads_everything_back(box, python_binance):
    assert python_binance.get_server_time()["serverTime"] > 0
    order = python_binance.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="90000")
    box.admin.fill(str(order["orderId"]), quantity="0.004")
    assert [one["orderId"] for one in python_binance.get_open_orders(symbol="BTCUSDT")] == [order["orderId"]]
    assert (
        python_binance.get_order(symbol="BTCUSDT", orderId=order["orderId"])["status"] == "PARTIALLY_FILLED"
    )
    assert python_binance.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])["status"] == "CANCELED"
    trades = python_binance.get_my_trades(symbol="BTCUSDT", orderId=order["orderId"])
    assert [str(one["id"]) for one in trades] == [one["trade_id"] for one in fills_of(box, order["orderId"])]
    assert python_binance.get_asset_balance("USDT")["asset"] == "USDT"
    assert python_binance.get_account_api_permissions()["enableReading"] is True
    assert python_binance.get_symbol_info("ETHBTC")["baseAsset"] == "ETH"
    market = python_binance.order_market_sell(symbol="BTCUSDT", quantity="0.005")
    assert market["status"] == "FILLED"
    assert python_binance.get_all_orders(symbol="BTCUSDT")[-1]["orderId"] == market["orderId"]


def test_peers_read_what_the_account_pays(box, exchange, python_binance):
    for said in (
        exchange.private_get_account_commission({"symbol": "BTCUSDT"}),
        python_binance.v3_get_account_commission(symbol="BTCUSDT"),
    ):
        assert said["standardCommission"]["taker"] == "0.00100000"
        assert said["discount"]["discountAsset"] == "BNB"


def test_python_binance_reads_our_refusals(python_binance):
    with pytest.raises(BinanceAPIException) as refused:
        python_binance.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="90000.001")
    assert (refused.value.code, refused.value.status_code) == (-1013, 400)
    with pytest.raises(BinanceAPIException) as refused:
        python_binance.stream_get_listen_key()
    assert refused.value.status_code == 410


def user_socket(box, **credentials):
    """Run python-binance's user socket; the reports of an order placed over the same socket and filled."""

    async def run():
        client = await client_class(AsyncClient, box).create(**credentials)
        try:
            client.ws_api.TIMEOUT = 0.5  # how long its close waits for the reader
            reports = []
            async with BinanceSocketManager(client).user_socket() as stream:
                placed = await client.ws_create_order(
                    symbol="BTCUSDT",
                    side="BUY",
                    type="LIMIT",
                    timeInForce="GTC",
                    quantity="0.01",
                    price="90000",
                )
                await asyncio.to_thread(box.admin.fill, str(placed["orderId"]))
                while not reports or reports[-1]["X"] != "FILLED":
                    event = await asyncio.wait_for(stream.recv(), 10)
                    if event["e"] == "executionReport":
                        reports.append(event)
            return reports
        finally:
            await client.ws_api.close()
            await client.close_connection()

    return asyncio.run(run())


def test_python_binance_subscribes_places_and_is_told(box):
    entry = box.accounts[0]
    reports = user_socket(box, api_key=entry["api_key"], api_secret=entry["api_secret"])
    assert [(one["x"], one["X"]) for one in reports] == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert str(reports[-1]["t"]) == fills_of(box, reports[-1]["i"])[0]["trade_id"]


def test_python_binance_signs_with_ed25519_and_is_believed():
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    entry = {"exchange": "binance", "account": "main", "api_key": token(), "public_key": public_pem(private)}
    with Sandbox([entry]) as box:
        reports = user_socket(box, api_key=entry["api_key"], private_key=pem)
        assert reports[-1]["X"] == "FILLED"


# -- unicorn-binance-websocket-api ------------------------------------------------------------


def test_unicorn_receives_orders_and_fills(box):
    entry = box.accounts[0]
    manager = BinanceWebSocketApiManager(
        exchange="binance.com",
        warn_on_update=False,
        disable_colorama=True,
        enable_stream_signal_buffer=True,
        restful_base_uri=box.rest_url + "/",
        websocket_base_uri=box.public_ws_url + "/",
        websocket_api_base_uri=box.ws_url,
    )
    try:
        manager.create_stream(
            channels="arr", markets="!userData", api_key=entry["api_key"], api_secret=entry["api_secret"]
        )
        eventually(lambda: any(one["subscriptions"] for one in box.admin.state()["binance"]["sockets"]))
        placed = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000")
        box.admin.fill(placed["order_id"])
        reports = []

        def filled():
            frame = manager.pop_stream_data_from_stream_buffer()
            event = json.loads(frame).get("event", json.loads(frame)) if frame else {}
            if event.get("e") == "executionReport":
                reports.append(event)
            return bool(reports) and reports[-1]["X"] == "FILLED"

        eventually(filled)
        assert [one["x"] for one in reports] == ["NEW", "TRADE"]
        assert str(reports[-1]["t"]) == fills_of(box, placed["order_id"])[0]["trade_id"]
    finally:
        with contextlib.suppress(RuntimeError):
            manager.stop_manager()

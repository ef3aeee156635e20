"""The imitation of Bybit judged by clients that others wrote, unmodified, pointed here by their own options.

Each of them connects, authenticates, places orders, and receives the orders,
executions and balances of its account. What it reports must be what the truth says.
"""

import asyncio
import queue
import threading
from decimal import Decimal as D

import ccxt
import ccxt.pro
import pytest
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP, WebSocket

from tests.sandbox.bybit.client import BUY, LONG
from tests.support.sandbox import account
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer
WAIT = 30


def fills_of(box, order_id, name="main"):
    return [one for one in box.admin.truth(name)["fills"] if one["order_id"] == order_id]


def subscriptions(box):
    """What the private sockets subscribed."""
    return [topic for one in box.admin.state()["bybit"]["sockets"] for topic in one["subscriptions"]]


# -- pybit ------------------------------------------------------------------------------


@pytest.fixture
def pybit(box):
    """The official client; its address is an attribute."""
    entry = box.accounts[0]
    session = HTTP(api_key=entry["api_key"], api_secret=entry["api_secret"], retry_codes={10016})
    session.endpoint = box.url("bybit")
    session.client.trust_env = False
    yield session
    session.client.close()


def test_pybit_reads_what_is_public(pybit):
    assert int(pybit.get_server_time()["result"]["timeSecond"]) > 0
    spot = pybit.get_instruments_info(category="spot")["result"]["list"]
    assert [one["symbol"] for one in spot] == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "MNTUSDT"]
    ticker = pybit.get_tickers(category="linear", symbol="BTCUSDT")["result"]["list"][0]
    assert ticker["lastPrice"] == "95000.00"
    assert len(pybit.get_orderbook(category="spot", symbol="BTCUSDT", limit=3)["result"]["b"]) == 3


@pytest.mark.parametrize("order", [BUY, LONG], ids=["spot", "linear"])
def test_pybit_places_follows_amends_and_cancels_an_order(box, pybit, order):
    category = {"category": order["category"], "symbol": "BTCUSDT"}
    order_id = pybit.place_order(**order)["result"]["orderId"]
    box.admin.fill(order_id, quantity="0.004")
    row = pybit.get_open_orders(**category)["result"]["list"][0]
    assert (row["orderId"], row["orderStatus"], D(row["cumExecQty"])) == (
        order_id,
        "PartiallyFilled",
        D("0.004"),
    )
    assert pybit.amend_order(**category, orderId=order_id, price="89000")["retCode"] == 0
    assert pybit.cancel_order(**category, orderId=order_id)["result"]["orderId"] == order_id
    past = pybit.get_order_history(**category, orderId=order_id)["result"]["list"][0]
    assert (D(past["price"]), D(past["cumExecQty"])) == (89000, D("0.004"))
    row = pybit.get_executions(**category, orderId=order_id)["result"]["list"][0]
    fill = fills_of(box, order_id)[0]
    assert (row["execId"], D(row["execFee"]), row["feeCurrency"]) == (
        fill["trade_id"], D(fill["fee"]), fill["fee_asset"],
    )  # fmt: skip


def test_pybit_reads_positions_money_and_its_key(box, pybit):
    box.admin.fill(pybit.place_order(**LONG)["result"]["orderId"])
    held = pybit.get_positions(category="linear", settleCoin="USDT")["result"]["list"]
    assert [(one["symbol"], one["size"]) for one in held] == [("BTCUSDT", "0.010")]
    wallet = pybit.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]
    truth = next(one for one in box.admin.truth("main")["balances"] if one["asset"] == "USDT")
    assert D(wallet["coin"][0]["walletBalance"]) == D(truth["free"])
    assert pybit.get_account_info()["result"]["unifiedMarginStatus"] == 5
    assert pybit.get_api_key_information()["result"]["uta"] == 1
    assert (
        pybit.get_fee_rates(category="linear", symbol="BTCUSDT")["result"]["list"][0]["makerFeeRate"]
        == "0.0002"
    )
    log = pybit.get_transaction_log(accountType="UNIFIED", currency="USDT")["result"]["list"]
    assert log[0]["type"] == "TRADE"


def test_pybit_pages_with_the_cursor_it_was_given(box, pybit):
    ids = {pybit.place_order(**BUY | {"price": str(90000 + k)})["result"]["orderId"] for k in range(5)}
    seen, cursor = [], None
    while True:
        told = pybit.get_open_orders(category="spot", limit=2, cursor=cursor)["result"]
        seen += [one["orderId"] for one in told["list"]]
        cursor = told["nextPageCursor"]
        if not cursor:
            break
    assert (len(seen), set(seen)) == (5, ids)


def test_pybit_reads_our_refusals_and_bare_statuses(box, pybit):
    with pytest.raises(InvalidRequestError) as refused:
        pybit.place_order(**BUY | {"price": "90000.05"})
    assert refused.value.status_code == 170134
    stranger = HTTP(api_key="nobody", api_secret="x", retry_codes={10016})
    stranger.endpoint = box.url("bybit")
    with pytest.raises(InvalidRequestError) as refused:
        stranger.get_wallet_balance(accountType="UNIFIED")
    assert refused.value.status_code == 10003
    box.admin.fault("ban", exchange="bybit", seconds=60)
    with pytest.raises(FailedRequestError) as failed:
        pybit.get_server_time()
    assert failed.value.status_code == 403
    stranger.client.close()


class LocalSocket(WebSocket):  # type: ignore[misc]
    """The official socket; where it connects is its own method.

    It notes a subscription only after it has sent it, and fails on an answer that
    is faster than that. Real networks are slower; here the answer waits for the note.
    """

    base = ""

    def __init__(self, *args, **more):
        self._noting = threading.Lock()
        super().__init__(*args, **more)

    def subscribe(self, *args, **more):
        with self._noting:
            super().subscribe(*args, **more)

    def _on_message(self, message):
        with self._noting:
            pass
        super()._on_message(message)

    def _connect(self, url):
        local = url if url.startswith("ws://") else f"{self.base}/v5/{url.split('/v5/')[1]}"
        super()._connect(local)


@pytest.fixture
def pybit_socket(box):
    """Opens the official socket for a product or the private stream."""
    opened = []

    def open_one(channel, **more):
        kind = type("BoxSocket", (LocalSocket,), {"base": f"ws://{box.host('bybit')}"})
        opened.append(kind(channel_type=channel, testnet=False, restart_on_error=False, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.exited = True  # it would wait ten seconds for a read to end if it closed the socket by itself
    box.admin.fault("drop", exchange="bybit")
    for one in opened:
        one.wst.join(5)
        one.exit()


def test_pybit_authenticates_subscribes_and_is_told(box, pybit, pybit_socket):
    entry, told = box.accounts[0], queue.Queue()
    socket = pybit_socket(
        "private", api_key=entry["api_key"], api_secret=entry["api_secret"], private_auth_expire=5
    )
    for subscribe in (
        socket.order_stream,
        socket.execution_stream,
        socket.wallet_stream,
        socket.position_stream,
    ):
        subscribe(told.put)
    eventually(lambda: len(subscriptions(box)) == 4)
    order_id = pybit.place_order(**LONG, orderLinkId="pybit-1")["result"]["orderId"]
    box.admin.fill(order_id)
    messages = []
    while not any(one["topic"] == "position" and D(one["data"][0]["size"]) for one in messages):
        messages.append(told.get(timeout=WAIT))
    messages.append(told.get(timeout=WAIT))
    topics = {one["topic"] for one in messages}
    assert topics == {"order", "execution", "wallet", "position"}
    fill = next(one["data"][0] for one in messages if one["topic"] == "execution")
    assert (fill["execId"], fill["orderLinkId"]) == (fills_of(box, order_id)[0]["trade_id"], "pybit-1")
    states = [item["orderStatus"] for one in messages if one["topic"] == "order" for item in one["data"]]
    assert states == ["New", "Filled"]
    assert socket.auth is True


def test_pybit_follows_the_public_prices(box, pybit_socket):
    told = queue.Queue()
    pybit_socket("linear").ticker_stream(symbol="BTCUSDT", callback=told.put)
    assert told.get(timeout=WAIT)["data"]["lastPrice"] == "95000.00"
    box.admin.post("price", symbol="BTCUSDT", price="95500")
    merged = told.get(timeout=WAIT)["data"]
    assert (merged["lastPrice"], "fundingRate" in merged) == ("95500.00", True)
    pybit_socket("spot").orderbook_stream(depth=1, symbol="ETHUSDT", callback=told.put)
    message = told.get(timeout=WAIT)
    assert message["topic"] == "orderbook.1.ETHUSDT"


# -- ccxt ----------------------------------------------------------------------------------


def ccxt_options(box, entry):
    rest, private = box.url("bybit"), box.ws("bybit")
    public = {name: f"ws://{box.host('bybit')}/v5/public/{name}" for name in ("spot", "linear", "inverse")}
    sockets = {"public": public, "private": {"spot": {"unified": private}, "contract": private}}
    return {
        "apiKey": entry["api_key"],
        "secret": entry["api_secret"],
        "enableRateLimit": False,
        "urls": {"api": {"public": rest, "private": rest, "ws": sockets}},
        "options": {
            "fetchMarkets": {"types": ["spot", "linear", "inverse"]},
            "watchPositions": {"fetchPositionsSnapshot": False},
        },
    }


@pytest.fixture
def exchange(box):
    return ccxt.bybit(ccxt_options(box, box.accounts[0]))


def ended(exchange, order_id, symbol):
    """An order that is over, filled or not."""
    return exchange.fetch_canceled_and_closed_orders(symbol, params={"orderId": order_id})[0]


def test_ccxt_reads_the_markets_with_their_steps_and_limits(exchange):
    markets = exchange.load_markets()
    assert set(markets) == {
        "BTC/USDT", "ETH/USDT", "SOL/USDT", "MNT/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT",
        "BTC/USD:BTC",
    }  # fmt: skip
    assert (markets["BTC/USDT"]["precision"]["amount"], markets["BTC/USDT:USDT"]["precision"]["amount"]) == (
        1e-6,
        1e-3,
    )
    assert markets["BTC/USDT:USDT"]["limits"]["cost"]["min"] == 5
    assert markets["BTC/USD:BTC"]["inverse"] is True


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT"])
def test_ccxt_places_follows_and_cancels_an_order(box, exchange, symbol):
    order = exchange.create_order(symbol, "limit", "buy", 0.01, 90000, {"postOnly": True})
    box.admin.fill(order["id"], quantity="0.004")
    followed = exchange.fetch_open_order(order["id"], symbol)
    assert (followed["status"], followed["filled"], followed["remaining"], followed["timeInForce"]) == (
        "open", 0.004, 0.006, "PO",
    )  # fmt: skip
    assert [one["id"] for one in exchange.fetch_open_orders(symbol)] == [order["id"]]
    assert exchange.cancel_order(order["id"], symbol)["id"] == order["id"]
    over = ended(exchange, order["id"], symbol)
    assert (over["status"] in ("canceled", "closed"), over["filled"]) == (True, 0.004)
    trades = exchange.fetch_my_trades(symbol, params={"orderId": order["id"]})
    fill = fills_of(box, order["id"])[0]
    assert [(one["id"], one["takerOrMaker"], one["fee"]["currency"]) for one in trades] == [
        (fill["trade_id"], "maker", fill["fee_asset"])
    ]
    assert D(str(trades[0]["fee"]["cost"])) == D(fill["fee"])


def test_ccxt_trades_at_the_market_and_sees_its_balance(box, exchange):
    before = exchange.fetch_balance()["SOL"]["total"]
    order = exchange.create_order("SOL/USDT", "market", "buy", 2)
    received = sum(D(one["quantity"]) - D(one["fee"]) for one in fills_of(box, order["id"]))
    assert received == D("1.998")
    assert exchange.fetch_balance()["SOL"]["total"] - before == pytest.approx(float(received))


def test_ccxt_spends_an_amount_and_finds_the_order_done(exchange):
    order = exchange.create_market_buy_order_with_cost("BTC/USDT", 100.03)
    done = ended(exchange, order["id"], "BTC/USDT")
    assert done["status"] in ("closed", "canceled")
    assert 99.9 < done["cost"] < 100.03


def test_ccxt_sees_its_positions_and_its_funding(box, exchange):
    order = exchange.create_order("BTC/USDT:USDT", "limit", "sell", 0.01, 99000)
    box.admin.fill(order["id"])
    box.admin.post("funding", account="main", symbol="BTCUSDT", category="linear", rate="0.0001")
    held = exchange.fetch_positions(["BTC/USDT:USDT"])[0]
    assert (held["side"], held["contracts"], held["entryPrice"]) == ("short", 0.01, 99000)
    trades = exchange.fetch_my_trades("BTC/USDT:USDT", params={"orderId": order["id"]})
    assert [one["amount"] for one in trades] == [0.01]
    ledger = exchange.fetch_ledger("USDT")
    assert {one["info"]["type"] for one in ledger} >= {"TRADE", "SETTLEMENT"}


def test_ccxt_places_a_conditional_order(box, exchange):
    order = exchange.create_order(
        "BTC/USDT:USDT", "market", "buy", 0.01, None, {"triggerPrice": 96000, "triggerDirection": "ascending"}
    )
    assert exchange.fetch_open_orders("BTC/USDT:USDT")[0]["triggerPrice"] == 96000
    box.admin.post("price", symbol="BTCUSDT", price="96001")
    assert exchange.fetch_closed_order(order["id"], "BTC/USDT:USDT")["status"] == "closed"


def test_ccxt_reads_our_refusals_as_its_own_errors(box, exchange):
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT", "limit", "buy", 50, 90000)
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT:USDT", "limit", "buy", 1100, 90000)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order("1", "BTC/USDT")
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order("BTC/USDT", "limit", "buy", 0.00001, 90000)
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order("BTC/USDT:USDT", "limit", "sell", 0.01, 99000, {"reduceOnly": True})
    stranger = ccxt.bybit(ccxt_options(box, account("nobody", "bybit")))
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
    box.admin.fault("ban", exchange="bybit", seconds=60)
    with pytest.raises((ccxt.RateLimitExceeded, ccxt.ExchangeNotAvailable, ccxt.PermissionDenied)):
        exchange.fetch_balance()


def test_ccxt_pro_watches_orders_trades_positions_and_balances(box):
    async def watch():
        exchange = ccxt.pro.bybit(ccxt_options(box, box.accounts[0]))
        try:
            await exchange.load_markets()
            watching = [
                asyncio.ensure_future(one)
                for one in (exchange.watch_orders(), exchange.watch_my_trades(), exchange.watch_balance(),
                            exchange.watch_positions(["BTC/USDT:USDT"]))
            ]  # fmt: skip
            await asyncio.to_thread(eventually, lambda: len(subscriptions(box)) == 4)
            placed = await asyncio.to_thread(
                box.admin.place, "main", "BTCUSDT", "buy", "0.01", "90000", category="linear"
            )
            first = dict((await asyncio.wait_for(watching[0], WAIT))[-1])
            await asyncio.to_thread(box.admin.fill, placed["order_id"])
            trade = (await asyncio.wait_for(watching[1], WAIT))[-1]
            balance = await asyncio.wait_for(watching[2], WAIT)
            positions = await asyncio.wait_for(watching[3], WAIT)
            ticker = await asyncio.wait_for(exchange.watch_ticker("BTC/USDT:USDT"), WAIT)
            return placed, first, trade, balance, positions, ticker
        finally:
            await exchange.close()

    placed, first, trade, balance, positions, ticker = asyncio.run(watch())
    assert (first["id"], first["status"], first["price"]) == (placed["order_id"], "open", 90000)
    fill = fills_of(box, placed["order_id"])[0]
    assert (trade["id"], trade["order"], trade["takerOrMaker"], trade["symbol"]) == (
        fill["trade_id"], fill["order_id"], "maker", "BTC/USDT:USDT",
    )  # fmt: skip
    assert D(str(trade["fee"]["cost"])) == D(fill["fee"])
    assert balance["USDT"]["total"] > 0
    assert positions[0]["symbol"] == "BTC/USDT:USDT"
    assert ticker["last"] == 95000

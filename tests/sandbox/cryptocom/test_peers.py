"""The Crypto.com imitation judged by a client that others wrote, unmodified, pointed here by its own options.

`ccxt` and `ccxt.pro` connect, authenticate, place orders, and receive the
orders, fills and balances of their account. What they report must be what the
truth says.
"""

import asyncio
from decimal import Decimal as D

import ccxt
import ccxt.pro
import pytest

from tests.sandbox.cryptocom.client import early_in_a_second
from tests.support.sandbox import account
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer


def options(box, entry):
    api = {"v1": box.cryptocom_url}
    sockets = {"public": box.cryptocom_ws_url("market"), "private": box.cryptocom_ws_url("user")}
    return {
        "apiKey": entry["api_key"],
        "secret": entry["api_secret"],
        "enableRateLimit": False,
        "urls": {"api": api | {"ws": sockets}},
        "options": {"fetchCurrencies": {"skipFetchCurrencies": True}},
    }


@pytest.fixture
def exchange(box):
    return ccxt.cryptocom(options(box, box.accounts[0]))


def fills_of(box, order_id):
    return [one for one in box.admin.truth("main")["fills"] if one["order_id"] == order_id]


def test_ccxt_reads_the_markets_with_their_steps(exchange):
    markets = exchange.load_markets()
    assert set(markets) == {"BTC/USD", "ETH/USD", "CRO/USD", "A2Z/USD", "BTC/USD:USD"}
    assert (markets["A2Z/USD"]["precision"]["amount"], markets["BTC/USD"]["precision"]["price"]) == (
        1000,
        0.01,
    )
    assert markets["BTC/USD:USD"]["swap"]


def test_ccxt_places_follows_and_cancels_an_order(box, exchange):
    placed = exchange.create_order("CRO/USD", "limit", "buy", 1000, 0.05)
    box.admin.fill(placed["id"], quantity="400")
    followed = exchange.fetch_order(placed["id"])
    assert (followed["status"], followed["filled"], followed["remaining"]) == ("open", 400, 600)
    assert [one["id"] for one in exchange.fetch_open_orders("CRO/USD")] == [placed["id"]]
    assert exchange.cancel_order(placed["id"])["id"] == placed["id"]
    assert exchange.fetch_order(placed["id"])["status"] == "canceled"
    trade, fill = exchange.fetch_my_trades("CRO/USD")[-1], fills_of(box, placed["id"])[0]
    assert (trade["id"], trade["order"], trade["fee"]["currency"]) == (fill["trade_id"], placed["id"], "CRO")
    assert D(str(trade["fee"]["cost"])) == D(fill["fee"])
    assert placed["id"] in [one["id"] for one in exchange.fetch_orders("CRO/USD")]


def test_ccxt_trades_at_the_market_and_sees_its_balance(box, exchange):
    before = exchange.fetch_balance()["ETH"]["total"]
    placed = exchange.create_order("ETH/USD", "market", "buy", 0.05)
    received = sum(D(one["quantity"]) - D(one["fee"]) for one in fills_of(box, placed["id"]))
    assert exchange.fetch_balance()["ETH"]["total"] - before == pytest.approx(float(received))


def test_ccxt_reads_tickers_fees_positions_and_the_ledger(box, exchange):
    assert exchange.fetch_ticker("BTC/USD")["last"] == 95000
    assert exchange.fetch_order_book("BTC/USD")["bids"][0][0] == 94995.25
    assert exchange.fetch_trading_fees()["CRO/USD"]["maker"] == 0.001
    box.admin.place("main", "BTCUSD-PERP", "buy", "0.001")
    assert exchange.fetch_positions()[0]["contracts"] == 0.001
    box.admin.place("main", "BTCUSD-PERP", "sell", "0.001")
    box.admin.deposit("main", "USD", "7")
    assert exchange.fetch_ledger("USD")[-1]["amount"] == 7


def test_ccxt_amends_an_order(exchange):
    placed = exchange.create_order("CRO/USD", "limit", "buy", 1000, 0.05)
    assert exchange.edit_order(placed["id"], "CRO/USD", "limit", "buy", 1100, 0.049)["id"] == placed["id"]
    assert exchange.fetch_order(placed["id"])["amount"] == 1100


def test_ccxt_reads_our_refusals_as_its_own_errors(box, exchange):
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USD", "limit", "buy", 20, 90000)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("6142909900009999999")
    with pytest.raises(ccxt.AuthenticationError):
        ccxt.cryptocom(options(box, account("nobody", "cryptocom"))).fetch_balance()
    exchange.fetch_my_trades("CRO/USD")
    with pytest.raises(ccxt.RateLimitExceeded):
        exchange.fetch_my_trades("CRO/USD")


def listens_to(box, name):
    sockets = box.admin.state()["cryptocom"]["sockets"]
    return any(name in one["subscriptions"] for one in sockets)


async def with_pro(box, run):
    """Run something with a fresh `ccxt.pro` client that has its markets."""
    exchange = ccxt.pro.cryptocom(options(box, box.accounts[0]))
    try:
        await exchange.load_markets()
        await asyncio.to_thread(early_in_a_second)
        return await asyncio.wait_for(run(exchange), 30)
    finally:
        await exchange.close()


def test_ccxt_pro_watches_orders_trades_and_balances(box):
    async def run(exchange):
        balance = await exchange.watch_balance()
        orders = asyncio.ensure_future(exchange.watch_orders())
        trades = asyncio.ensure_future(exchange.watch_my_trades())
        await asyncio.to_thread(eventually, lambda: listens_to(box, "user.order"))
        await asyncio.to_thread(eventually, lambda: listens_to(box, "user.trade"))
        placed = await asyncio.to_thread(box.admin.place, "main", "BTC_USD", "buy", "0.01", "90000")
        first = dict((await orders)[-1])
        await asyncio.to_thread(box.admin.fill, placed["order_id"])
        return balance, placed, first, (await trades)[-1], await exchange.watch_balance()

    before, placed, first, trade, after = asyncio.run(with_pro(box, run))
    assert (first["id"], first["status"], first["price"]) == (placed["order_id"], "open", 90000)
    fill = fills_of(box, placed["order_id"])[0]
    assert (trade["id"], trade["order"], trade["takerOrMaker"]) == (
        fill["trade_id"],
        fill["order_id"],
        "maker",
    )
    assert D(str(trade["fee"]["cost"])) == D(fill["fee"])
    assert set(before["total"]) == set(after["total"]) == {"USD", "BTC", "ETH", "CRO", "A2Z"}


def test_ccxt_pro_trades_over_the_socket_and_watches_the_market(box):
    """Only one order: this client never sends a second request over its private socket."""

    async def run(exchange):
        placed = await exchange.create_order_ws("CRO/USD", "limit", "buy", 1000, 0.05)
        canceled = await exchange.cancel_order(placed["id"])
        ticker = await exchange.watch_ticker("BTC/USD")
        book = await exchange.watch_order_book("BTC/USD", 10)
        return placed, canceled, ticker["last"], book["bids"][0][0]

    placed, canceled, last, bid = asyncio.run(with_pro(box, run))
    assert canceled["id"] == placed["id"]
    assert (last, bid) == (95000, 94995.25)


def test_ccxt_pro_answers_the_heartbeats_and_stays(box):
    box.admin.post("settings", exchange="cryptocom", ping_every=0.1, pong_within=3)
    try:

        async def run(exchange):
            await exchange.watch_balance()
            heard = box.admin.state()["cryptocom"]["requests"].get("user public/respond-heartbeat", 0)
            await asyncio.to_thread(
                eventually,
                lambda: (
                    box.admin.state()["cryptocom"]["requests"].get("user public/respond-heartbeat", 0)
                    > heard + 8
                ),
            )
            return await exchange.watch_balance()

        assert asyncio.run(with_pro(box, run))["USD"]["total"]
        assert box.admin.state()["cryptocom"]["requests"]["connect user"] >= 1
    finally:
        box.admin.post("settings", exchange="cryptocom", ping_every=30, pong_within=5)

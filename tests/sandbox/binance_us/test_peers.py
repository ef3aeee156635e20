"""The imitation of Binance.US judged by clients that others wrote, pointed here by their own options."""

import contextlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from binance import Client
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer
US = "binance_us"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox([account("main", US)], exchanges=(US,)) as one:
        yield one


def subscribed(box: Sandbox) -> bool:
    return any(one["subscriptions"] for one in box.admin.state()[US]["sockets"])


def test_unicorn_hears_of_orders_and_fills_by_its_listen_key(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its REST half knows the real host only, so the one place where it makes addresses is led here."""
    monkeypatch.setattr(
        "unicorn_binance_rest_api.manager.BinanceRestApiManager._create_api_uri",
        lambda self, path, *args, **more: f"{box.url(US)}/api/v3/{path}",
    )
    keys = {name: box.accounts[0][name] for name in ("api_key", "api_secret")}
    manager = BinanceWebSocketApiManager(
        exchange="binance.us",
        warn_on_update=False,
        disable_colorama=True,
        websocket_base_uri=f"ws://{box.host(US)}/",
    )
    try:
        manager.create_stream(channels="arr", markets="!userData", **keys)
        eventually(lambda: subscribed(box), what="a socket at the listen key")
        placed = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000")
        fill = box.admin.fill(placed["order_id"])
        reports: list[Any] = []

        def filled() -> bool:
            frame = manager.pop_stream_data_from_stream_buffer()
            event = json.loads(frame) if frame else {}
            event = event.get("data", event)
            if event.get("e") == "executionReport":
                reports.append(event)
            return bool(reports) and reports[-1]["X"] == "FILLED"

        eventually(filled, what="the report of the fill")
        assert [one["x"] for one in reports] == ["NEW", "TRADE"]
        assert str(reports[-1]["t"]) == fill["trade_id"]
    finally:
        with contextlib.suppress(RuntimeError):
            manager.stop_manager()


@pytest.fixture
def exchange(box: Sandbox) -> Any:
    entry = box.accounts[0]
    base = f"{box.url(US)}/api/v3"
    return ccxt.binanceus({
        "apiKey": entry["api_key"],
        "secret": entry["api_secret"],
        "enableRateLimit": False,
        "urls": {"api": {"public": base, "private": base, "v1": base, "web": base, "sapi": f"{box.url(US)}/sapi/v1"}},
        "options": {"fetchCurrencies": False, "fetchMargins": False, "defaultType": "spot"},
    })  # fmt: skip


def test_ccxt_reads_the_markets_and_the_balance(exchange: Any) -> None:
    assert "BTC/USDT" in exchange.load_markets()
    assert Decimal(str(exchange.fetch_balance()["BTC"]["total"])) > 0


def test_ccxt_places_reads_and_cancels_an_order(exchange: Any) -> None:
    placed = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50000)
    assert exchange.fetch_order(placed["id"], "BTC/USDT")["status"] == "open"
    assert [one["id"] for one in exchange.fetch_open_orders("BTC/USDT")] == [placed["id"]]
    assert exchange.cancel_order(placed["id"], "BTC/USDT")["status"] == "canceled"


def test_peers_read_what_the_account_pays(box: Sandbox, exchange: Any) -> None:
    row = {"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}
    assert exchange.sapi_get_asset_query_trading_fee({"symbol": "BTCUSDT"}) == [row]
    local = type(
        "Local", (Client,), {"API_URL": f"{box.url(US)}/api", "MARGIN_API_URL": f"{box.url(US)}/sapi"}
    )
    client = local(box.accounts[0]["api_key"], box.accounts[0]["api_secret"])
    with contextlib.closing(client.session):
        client.tld = "us"
        assert client.get_trade_fee(symbol="BTCUSDT") == [row]


def test_ccxt_sees_what_was_traded(box: Sandbox, exchange: Any) -> None:
    order = box.admin.place("main", "BTCUSDT", "buy", "0.01")
    trades = exchange.fetch_my_trades("BTC/USDT")
    assert order["fills"][0]["trade_id"] in [one["id"] for one in trades]

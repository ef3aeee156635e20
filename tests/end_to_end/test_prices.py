"""Prices of four exchanges, as a whole daemon hears them: from two sources, or not at all.

The imitation lies, falls silent and cuts; what `prices` says is looked at all the while,
and a price that is no price is never good.
"""

import itertools
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from exchanges.registry import REGISTRY
from sandbox.server import DIALECTS
from tests.end_to_end.kit import Row, Scene, keys, settings
from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

MAX_AGE = 4
SYMBOLS = {exchange: dialect.instruments[0].symbol for exchange, dialect in DIALECTS.items()}
QUOTES = {
    "binance": "/api/v3/ticker/bookTicker",
    "binance_us": "/api/v3/ticker/bookTicker",
    "bybit": "/v5/market/tickers",
    "cryptocom": "/exchange/v1/public/get-tickers",
}
START = D(95_000)


def named(exchange: str) -> str:
    """What the account there is called."""
    return exchange.replace("_", "-")


class Prices:
    """What the daemon says of one exchange's price, and the exchange itself."""

    def __init__(self, scene: Scene, exchange: str) -> None:
        self.scene, self.exchange, self.symbol = scene, exchange, SYMBOLS[exchange]
        self.account = named(exchange)
        self.place = f"{exchange}-{self.account}"
        self.truth = START
        self._steps = itertools.cycle((D(1), D(-1)))

    def put(self, price: D) -> None:
        """From now on the market is there."""
        self.truth = price
        self.scene.admin.post("price", exchange=self.exchange, symbol=self.symbol, price=str(price))

    def row(self) -> Row:
        """What is said now. Whatever happens, a price that is good is near one that was so."""
        rows = self.scene.daemon.ask("prices", account=self.account, symbol=self.symbol)
        (row,) = rows
        if row["good"]:
            assert row["age_s"] <= MAX_AGE
            assert 0 < D(row["bid"]) < D(row["ask"])
        return dict(row)

    def until(self, what: str, seen: Any, *, moves: bool = True) -> Row:
        """Its row, as soon as that is so; the market moves a little meanwhile, so that a stream has to speak."""

        def look() -> Row:
            if moves:
                self.put(self.truth + next(self._steps))
            return self.row()

        return eventually(look, seen, every=0.2, within=60, what=f"{self.exchange}: {what}")

    def is_true(self, row: Row) -> bool:
        """It is good, and near the market."""
        return bool(row["good"]) and abs(D(row["bid"]) - self.truth) < 100

    def fault(self, kind: str, **more: Any) -> None:
        self.scene.admin.fault(kind, exchange=self.exchange, **more)

    def clear(self) -> None:
        self.scene.admin.clear(exchange=self.exchange)

    def actors(self) -> dict[str, Row]:
        """Its children by their last name: `spot`, `rest`."""
        prefix = f"trading/prices-{self.place}-"
        rows = self.scene.daemon.status()["actors"]
        return {row["id"].rpartition("-")[2]: row for row in rows if row["id"].startswith(prefix)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A daemon with an account at each exchange; none is asked to be live."""
    home: Path = tmp_path_factory.mktemp("prices")
    exchanges = tuple(sorted(DIALECTS))
    trader = (
        f"[trader]\nenabled = true\nmax_price_age = {MAX_AGE}\nsymbols = {sorted(set(SYMBOLS.values()))}\n"
    )
    with Sandbox([account(named(one), one) for one in exchanges], exchanges=exchanges) as box:
        its = {
            named(one): {
                "exchange": one,
                "public_ws_url": REGISTRY[one].defaults.endpoints.at(box.host(one)).public_ws,
            }
            for one in exchanges
        }
        with Daemon(home, trader + settings(box, its), keys(box)) as daemon:
            yield Scene(box, daemon)


@pytest.fixture
def prices(scene: Scene, exchange: str) -> Iterator[Prices]:
    """An exchange at which all is well, and its price the usual one."""
    one = Prices(scene, exchange)
    one.clear()
    one.put(START)
    one.until("all well", one.is_true)
    yield one
    one.clear()
    assert scene.logged("prices_not_asked") == [], "nobody asks more than the exchange, which counts, allows"


def test_the_price_follows_the_market_by_the_stream(prices: Prices) -> None:
    prices.until("by the stream", lambda row: row["source"] == "stream" and prices.is_true(row))
    prices.put(START - 2000)
    row = prices.until("lower", lambda row: row["source"] == "stream" and prices.is_true(row))
    assert row["why"] is None
    assert (row["exchange"], row["accounts"]) == (prices.exchange, [prices.account])


def test_rest_takes_over_from_a_mute_stream_and_hands_back(prices: Prices) -> None:
    prices.fault("mute")
    prices.put(START - 2000)
    prices.until("by REST", lambda row: row["source"] == "rest" and prices.is_true(row))
    prices.clear()
    prices.until("by the stream", lambda row: row["source"] == "stream" and prices.is_true(row))


def test_where_nobody_says_anything_the_price_ages_until_it_is_none(prices: Prices) -> None:
    prices.fault("mute")
    prices.fault("rest_status", path=QUOTES[prices.exchange], status=500)
    row = prices.until("old", lambda row: not row["good"])
    assert row["age_s"] >= MAX_AGE
    assert "s old" in row["why"]
    older = prices.until("older", lambda later: later["age_s"] > row["age_s"] + 0.5)
    assert not older["good"]
    key = f"price:{prices.place}:spot:{prices.symbol}"
    prices.until("an incident", lambda _: key in open_incidents(prices.scene))
    prices.clear()
    prices.until("good again", prices.is_true)
    prices.until("no incident", lambda _: key not in open_incidents(prices.scene))


def open_incidents(scene: Scene) -> list[str]:
    return [row["key"] for row in scene.daemon.ask("incidents", open=True, limit=0)]


@pytest.mark.parametrize(("lie", "reason"), [("crossed", "crossed"), ("zero", "empty"), ("jump", "jump")])
def test_what_is_no_price_is_refused_and_counted_and_never_good(
    prices: Prices, lie: str, reason: str
) -> None:
    before = prices.row()["refused"].get(reason, 0)
    prices.fault("false_price", what=lie)

    def refused(row: Row) -> bool:
        assert not row["good"] or prices.is_true(row)
        return row["refused"].get(reason, 0) >= before + 2

    prices.until("a refusal", refused)
    logged = prices.scene.logged("price_refused", reason=reason, symbol=prices.symbol)
    assert prices.place in {line["place"] for line in logged}
    prices.clear()
    prices.until("good again", prices.is_true)


def test_a_jump_that_both_sources_tell_is_the_price(prices: Prices) -> None:
    prices.put(START * D("1.2"))
    row = prices.until("believed", prices.is_true)
    assert row["refused"].get("jump", 0) > 0
    prices.put(START)
    prices.until("believed again", prices.is_true)


def test_a_stream_that_is_cut_comes_back_and_rest_bridges_the_time(prices: Prices) -> None:
    before = prices.actors()
    prices.fault("drop")
    prices.until(
        "a new generation",
        lambda _: prices.actors()["spot"]["generation"] > before["spot"]["generation"],
    )
    prices.until("by the stream", lambda row: row["source"] == "stream" and prices.is_true(row))
    after = prices.actors()
    assert after["rest"]["generation"] == before["rest"]["generation"], "they fail apart"
    assert after["spot"]["last_reason"] == "link"


def test_a_symbol_that_the_exchange_does_not_have_is_shown_as_such(prices: Prices) -> None:
    other = next(symbol for symbol in SYMBOLS.values() if symbol != prices.symbol)
    (row,) = prices.scene.daemon.ask("prices", account=prices.account, symbol=other)
    assert (row["bid"], row["good"]) == (None, False)
    assert "the exchange says" in row["why"]


def test_a_symbol_that_is_saved_into_the_settings_has_a_price_without_a_restart(prices: Prices) -> None:
    daemon, symbol = prices.scene.daemon, DIALECTS[prices.exchange].instruments[1].symbol
    saved = daemon.settings.read_text()
    before = prices.actors()
    daemon.settings.write_text(saved.replace("symbols = [", f"symbols = ['{symbol}', ", 1))
    try:
        assert daemon.ask("reload")["applied"]

        def good() -> list[bool]:
            return [row["good"] for row in daemon.ask("prices", account=prices.account, symbol=symbol)]

        eventually(good, lambda seen: seen == [True], within=60, what=f"{prices.exchange}: {symbol}")
        assert prices.actors()["spot"]["generation"] == before["spot"]["generation"]
    finally:
        daemon.settings.write_text(saved)
        daemon.ask("reload")

"""The prices that the trader needs, as an operator sees them: with their age, and with what is against them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Scene, keys, settings
from tests.page.conftest import text_of
from tests.page.served import Served, Site, site
from tests.page.test_access import violations
from tests.support.sandbox import Sandbox, account

TRADER = '[trader]\nenabled = true\nmax_price_age = 4\nsymbols = ["BTCUSDT", "NOSUCH"]\n'


def trading(home: Path, text: str, env: Mapping[str, str] | None = None) -> Served:
    """A daemon with a trader."""
    return Served(home, TRADER + text, env)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Sandbox([account("main")]) as box:
        public = REGISTRY["binance"].defaults.endpoints.at(box.host()).public_ws
        text = settings(box, {"main": {"public_ws_url": public}})
        with trading(tmp_path_factory.mktemp("prices"), text, keys(box)) as daemon:
            daemon.until_live("main")
            daemon.until_served()
            yield Site(Scene(box, daemon), daemon)


def test_a_price_is_shown_with_its_age_and_source_and_one_that_does_not_exist_with_why(
    here: Site, page: Page
) -> None:
    here.show(page)
    row = page.locator("[data-price='binance BTCUSDT']")
    expect(row.locator(".badge")).to_have_text("good")
    (known,) = here.daemon.ask("prices", symbol="BTCUSDT")
    assert known["bid"] in text_of(row)
    assert known["ask"] in text_of(row)
    other = page.locator("[data-price='binance NOSUCH']")
    expect(other.locator(".badge")).to_have_text("not acted on")
    expect(other.locator(".why")).to_contain_text("Invalid symbol")
    expect(page.locator("#prices .note")).to_have_text("1 price not to be acted on")
    expect(page.locator("nav a[href='#prices']")).to_have_count(1)
    assert violations(page) == [], "it can be used by everybody"


def test_a_price_that_ages_and_one_that_was_refused_are_seen(here: Site, page: Page) -> None:
    here.show(page)
    row = page.locator("[data-price='binance BTCUSDT']")
    here.admin.fault("false_price", what="crossed")
    here.admin.post("price", exchange="binance", symbol="BTCUSDT", price="95001")
    expect(row).to_contain_text("crossed")
    here.admin.fault("rest_status", path="/api/v3/ticker/bookTicker", status=500)
    here.admin.fault("mute")
    expect(row.locator(".badge")).to_have_text("not acted on")
    expect(row.locator(".why")).to_contain_text("s old")
    here.admin.clear()
    expect(row.locator(".badge")).to_have_text("good")


def test_without_a_trader_there_is_no_such_panel_and_nobody_asks_for_prices(
    tmp_path: Path, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with site(tmp_path, {"main": {}}) as plain:
        plain.show(page)
        expect(page.locator("#fees")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#prices")).to_have_count(0)
        expect(page.locator("nav a[href='#prices']")).to_have_count(0)
        assert [url for url in asked if "/api/prices" in url] == []

"""What the trader does, as an operator sees it: what is open and why, what is over, and what it earned."""

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.trading import sells, trades, trading_scene, until_trades
from tests.page.conftest import Open, text_of
from tests.page.served import Served, Site, site
from tests.page.test_access import violations
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One trade is over and has earned something, one rests, and one waits because trading is halted."""
    with trading_scene(tmp_path_factory.mktemp("trades"), make=Served) as it:
        assert isinstance(it.daemon, Served)
        it.trade()
        until_trades(it, "resting")
        it.admin.fill(sells(it)[0]["order_id"])
        until_trades(it, "sold")
        it.trade()
        until_trades(it, "sold", "resting")
        it.agrees()
        it.daemon.until_served()
        yield Site(it, it.daemon)


def test_an_open_trade_is_shown_with_its_state_its_age_its_sell_and_its_worth(here: Site, page: Page) -> None:
    here.show(page)
    over, rests = trades(here.scene)
    row = page.locator(f"[data-lot='{rests['id']}']")
    expect(row.locator(".badge")).to_have_text("resting")
    for name in ("quantity", "price", "left_cost", "sell_price"):
        assert rests[name] in text_of(row)
    expect(row.locator("td").nth(1)).to_contain_text(" s")
    expect(row.locator("td").last).to_contain_text("USDT")
    expect(page.locator("#trades .note")).to_have_text("1 open")
    expect(page.locator("nav a[href='#trades']")).to_have_count(1)
    done = page.locator(f"[data-lot='{over['id']}']")
    expect(done.locator(".badge")).to_have_text("sold")
    assert over["profit"] in text_of(done)


def test_what_was_earned_is_summed_and_drawn_to_the_last_digit(here: Site, page: Page) -> None:
    here.show(page)
    over, _ = trades(here.scene)
    realised = page.locator("#trades [data-total='realised'] dd")
    expect(realised).to_have_text(f"{over['profit']} USDT")
    curve = page.get_by_role("img", name=f"Realised net profit: {over['profit']} USDT with 1 trade")
    expect(curve).to_be_visible()
    assert D(over["profit"]) > 0
    assert curve.locator("polyline").get_attribute("points")


def test_what_maker_only_saved_stands_beside_the_fees(here: Site, page: Page) -> None:
    here.show(page)
    (told,) = here.daemon.ask("fees", by="account")
    line = page.locator("#fees [data-maker='main']")
    expect(line).to_contain_text(f"{told['saved']} USDT against taker")
    assert told["maker"] != "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it_on_a_telephone_too(here: Site, opened: Open, scheme: str) -> None:
    with opened(color_scheme=scheme) as page:
        here.show(page)
        expect(page.locator("#trades .equity svg")).to_be_visible()
        expect(page.locator("#trades table")).to_have_count(2)
        expect(page.locator("#fees .makers li")).to_have_count(1)
        assert violations(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        beyond = page.locator("#trades *, #fees *").evaluate_all(
            """all => all.filter((one) => !one.closest(".scroll, .only-read") && one.getBoundingClientRect().right > 361)
                 .map((one) => one.outerHTML.slice(0, 120))"""
        )
        assert beyond == []


def test_a_trade_that_waits_says_for_what(here: Site, page: Page) -> None:
    here.daemon.ask("halt", why="a test of the page")
    eventually(
        lambda: (
            [row["why"] for row in trades(here.scene, open=True)] == ["trading is halted: a test of the page"]
        ),
        what="a trade that waits",
    )
    here.show(page)
    row = page.locator("#trades tr[data-lot]").filter(has_text="waiting")
    expect(row).to_contain_text("trading is halted: a test of the page")


def test_without_a_trader_there_is_no_such_panel_and_nobody_asks_for_trades(
    tmp_path: Path, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with site(tmp_path, {"main": {}}) as plain:
        plain.show(page)
        expect(page.locator("#fees")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#trades")).to_have_count(0)
        expect(page.locator("nav a[href='#trades']")).to_have_count(0)
        assert [url for url in asked if "/api/trades" in url] == []

"""What happens on an exchange is seen on the page, and so is what vigil cannot see."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import text_of
from tests.page.served import Site, account, site, until_state
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("live"), {"main": {}, "spare": {}}) as here:
        yield here


def test_a_fill_appears_by_itself_exactly_and_with_its_source(here: Site, page: Page) -> None:
    here.show(page)
    trade = here.scene.trade()
    row = page.locator(f"[data-trade='{trade['trade_id']}']")
    expect(row.locator(".source")).to_have_text("stream")
    assert here.trades(page)[0] == trade["trade_id"]
    told = text_of(row)
    for exact in (
        trade["price"],
        trade["quantity"],
        trade["fee"],
        trade["fee_asset"],
        trade["symbol"],
        "buy",
    ):
        assert exact in told


def test_an_order_is_followed_from_its_placing_to_its_end(here: Site, page: Page) -> None:
    here.show(page)
    order = here.scene.rest_order()
    row = page.locator(f"[data-order='{order['order_id']}']")
    expect(row.locator(".badge")).to_have_text("open")
    here.admin.fill(order["order_id"], quantity="0.005")
    expect(row.locator(".badge")).to_have_text("partially filled")
    expect(row.locator(".part")).to_have_text("0.005")
    here.admin.cancel(order["order_id"])
    expect(row.locator(".badge")).to_have_text("canceled")
    assert order["order_id"] not in here.open_orders(page)


def test_balances_follow_and_are_the_ledgers_own_texts(here: Site, page: Page) -> None:
    here.show(page)
    here.admin.deposit("main", "BNB", "12.34567891")

    def shown() -> list[list[str]]:
        cells: list[list[str]] = page.locator("#balances tbody tr").evaluate_all(
            "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        return cells

    def known() -> list[list[str]]:
        rows = here.daemon.ask("balances")
        return [[row[name] for name in ("account", "asset", "free", "locked", "total")] for row in rows]

    eventually(known, lambda rows: any(row[-1] == "512.34567891" for row in rows), what="the deposit")
    eventually(
        lambda: (shown(), known()), lambda both: both[0] == both[1], every=0.2, what="the same balances"
    )


def test_a_burst_is_shown_to_its_last_fill_and_in_order(here: Site, page: Page) -> None:
    here.show(page)
    with here.scene.burst(count=150, rate=0):
        pass
    here.scene.agrees()
    newest = [row["trade_id"] for row in here.daemon.ask("fills", limit=60)][::-1]
    eventually(lambda: here.trades(page), lambda shown: shown == newest, every=0.2, what="the newest fills")
    assert len({row["order_id"] for row in here.daemon.ask("orders", open=True)}) == len(
        here.open_orders(page)
    )


def test_thousands_of_facts_at_once_are_followed_to_the_last_and_the_page_stays_small(
    here: Site, page: Page
) -> None:
    here.show(page)
    before = here.daemon.status()["ledger"]["sequence"]
    with here.scene.burst(count=1200, rate=0):
        pass
    here.scene.agrees(within=60)
    assert here.daemon.status()["ledger"]["sequence"] - before > 3000
    eventually(
        lambda: (followed_to(page), here.daemon.status()["ledger"]["sequence"]),
        lambda both: both[0] == both[1],
        every=0.2,
        what="the page at the daemon's place",
    )
    newest = [row["trade_id"] for row in here.daemon.ask("fills", limit=60)][::-1]
    eventually(lambda: here.trades(page), lambda shown: shown == newest, every=0.2, what="the newest fills")
    assert page.locator("#orders tbody tr").count() <= 100 + 12  # open, and just ended
    assert page.evaluate("document.getElementsByTagName('*').length") < 4000


def followed_to(page: Page) -> int:
    """The seq up to which the page has taken the journal."""
    seq: int = page.evaluate("import('/static/js/live.js').then((live) => live.place())")
    return seq


def test_what_takes_the_daemon_long_is_not_asked_for_again_before_it_is_answered(
    here: Site, page: Page
) -> None:
    """And then the less often, the longer it took: a page costs the daemon a small part of its time."""
    asked: list[Route] = []
    page.clock.install()
    page.add_init_script("AbortSignal.timeout = () => new AbortController().signal")  # nobody loses patience
    here.show(page)
    page.route("**/api/fees*", lambda route: asked.append(route))

    def after(seconds: int) -> int:
        for _ in range(seconds // 5):
            page.clock.run_for(5000)
            eventually(lambda: page.evaluate(HEARD), what="a word of the daemon")
        return len(asked)

    def trade() -> None:
        row = page.locator(f"[data-trade='{here.scene.trade()['trade_id']}']")
        eventually(lambda: page.clock.run_for(200) or row.count(), what="the trade")  # type: ignore[func-returns-value]

    trade()
    eventually(lambda: after(5), lambda count: count == 3, what="fees by day, by asset and by account")
    trade()
    assert after(30) == 3
    for route in asked:
        route.fulfill(json=[])
    expect(page.locator("#fees .empty")).to_be_visible()
    trade()
    assert after(60) == 3  # they took half a minute


HEARD = "import('/static/js/store.js').then((store) => Date.now() - store.link.value.heard < 4000)"


def test_a_cut_stream_is_said_and_shown_and_what_it_missed_is_marked(here: Site, page: Page) -> None:
    here.show(page)
    until_state(page, "live")
    here.admin.fault("refuse_connect", transport="ws")
    here.admin.fault("drop", account="main")
    until_state(page, "polling")
    expect(page.locator("[role=log]")).to_contain_text("main is polling")
    expect(page.locator("[data-overall]")).to_have_attribute("data-overall", "degraded")
    missed = here.scene.trade()
    expect(page.locator(f"[data-trade='{missed['trade_id']}'] .source")).to_have_text("poll")
    here.admin.clear()
    until_state(page, "live")
    expect(page.locator("[role=log]")).to_contain_text("main is live")
    assert "stream" in text_of(account(page))


def test_a_daemon_that_falls_silent_makes_the_page_say_how_old_it_is(here: Site, page: Page) -> None:
    here.show(page)
    here.daemon.signal(signal.SIGSTOP)
    try:
        expect(page.locator("#fills .old")).to_contain_text("last update")
        expect(page.locator(".pulse")).to_contain_text("silent for")
    finally:
        here.daemon.signal(signal.SIGCONT)
    expect(page.locator(".old")).to_have_count(0)
    until_state(page, "live")


def test_after_a_restart_of_the_daemon_the_page_is_exact_again(here: Site, page: Page) -> None:
    here.show(page)
    until_state(page, "live")
    stays, ends = here.scene.rest_order(), here.scene.rest_order()
    expect(page.locator(f"[data-order='{ends['order_id']}']")).to_be_visible()
    assert here.daemon.terminate() == 0
    expect(page.get_by_role("alert")).to_contain_text("Disconnected")
    expect(page.locator("#fills .old")).to_contain_text("last update")
    here.admin.cancel(ends["order_id"])
    missed = here.scene.trade()
    here.daemon.start()
    expect(page.get_by_role("alert")).to_have_count(0)
    until_state(page, "live")
    expect(page.locator(f"[data-trade='{missed['trade_id']}'] .source")).to_have_text("reconcile")
    later = here.scene.trade()
    expect(page.locator(f"[data-trade='{later['trade_id']}']")).to_have_count(1)
    here.scene.agrees()
    eventually(
        lambda: here.open_orders(page),
        lambda shown: shown == {row["order_id"] for row in here.daemon.ask("orders", open=True)},
        what="the open orders",
    )
    assert stays["order_id"] in here.open_orders(page)
    newest = [row["trade_id"] for row in here.daemon.ask("fills", limit=60)][::-1]
    assert here.trades(page) == newest

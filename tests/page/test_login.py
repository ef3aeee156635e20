"""Where a token is asked for nobody sees anything without it; and a page with nothing to show says why."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.page.conftest import Open
from tests.page.served import Served
from tests.page.test_access import violations

TOKEN = "a token of thirty-two characters!"
SETTINGS = '[web]\nlisten = ""\nauth_token = "env:VIGIL_TEST_TOKEN"\n'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("login"), SETTINGS, {"VIGIL_TEST_TOKEN": TOKEN}) as daemon:
        daemon.until_served()
        yield daemon


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")


def test_the_right_token_leads_to_the_page_and_out_again(daemon: Served, page: Page) -> None:
    page.goto(daemon.url)
    expect(page).to_have_url(f"{daemon.url}/login")
    enter(page, "not it")
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")
    enter(page, TOKEN)
    expect(page).to_have_url(f"{daemon.url}/")
    expect(page.locator("[data-overall=ok]")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{daemon.url}/login")
    page.goto(daemon.url)
    expect(page).to_have_url(f"{daemon.url}/login")


def test_who_is_not_logged_in_any_more_is_led_to_the_login(daemon: Served, page: Page) -> None:
    page.goto(daemon.url)
    enter(page, TOKEN)
    expect(page.locator("[data-overall=ok]")).to_be_visible()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.context.clear_cookies()
    with suppress(Error):  # it may be on its way there by itself
        page.evaluate("void setTimeout(async () => (await import('/static/js/live.js')).refresh())")
    expect(page).to_have_url(f"{daemon.url}/login")


def test_who_needs_another_token_when_the_daemon_comes_back_is_led_to_the_login(
    tmp_path: Path, page: Page
) -> None:
    """However long it was away: by then the page has tried many times in vain."""
    with Served(tmp_path, SETTINGS, {"VIGIL_TEST_TOKEN": TOKEN}) as daemon:
        daemon.until_served()
        page.goto(daemon.url)
        enter(page, TOKEN)
        expect(page.locator("[data-overall=ok]")).to_be_visible()
        assert daemon.terminate() == 0
        page.wait_for_function(
            "import('/static/js/store.js').then((store) => store.link.value.attempt > 2)", polling=200
        )
        daemon.env["VIGIL_TEST_TOKEN"] = TOKEN[::-1]
        daemon.start()
        expect(page).to_have_url(f"{daemon.url}/login")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_login_and_in_empty_panels(
    daemon: Served, opened: Open, scheme: str
) -> None:
    with opened(color_scheme=scheme, viewport={"width": 360, "height": 740}) as page:
        page.goto(daemon.url)
        assert violations(page) == []
        enter(page, TOKEN)
        expect(page.locator("#health .empty")).to_contain_text("No account is configured")
        expect(page.locator("#fills .empty")).to_have_text(
            "No fills yet. They appear here within a second of the exchange's word."
        )
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360

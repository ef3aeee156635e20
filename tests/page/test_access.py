"""Everybody can use the page: by keyboard, by screen reader, on a telephone, in the dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Open
from tests.page.served import Site, site

AXE = Path(__file__).parent / "axe" / "axe.min.js"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One account is live, one blind with an incident, one held; there are orders and fills."""
    with site(tmp_path_factory.mktemp("access"), {"main": {}, "blind": {}, "locked": {}}) as here:
        here.scene.rest_order()
        here.scene.trade()
        here.admin.fault("auth_revoked", account="locked")
        here.scene.until("held", "locked")
        here.admin.fault("gone")
        here.admin.fault("drop", account="blind")
        here.scene.until("polling", "blind")
        yield here


def violations(page: Page) -> list[Any]:
    """What axe objects to, in few words."""
    page.evaluate(AXE.read_text())
    found: list[Any] = page.evaluate(
        """async () => (await axe.run(document, {preload: false, resultTypes: ["violations"]})).violations
             .map((one) => [one.id, one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`)])"""
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(here: Site, opened: Open, scheme: str) -> None:
    with opened(color_scheme=scheme) as page:
        here.show(page)
        expect(page.locator("#incidents li").first).to_be_visible()
        expect(page.locator("#charts canvas").first).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Pause main").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert violations(page) == []


def test_the_theme_is_switched_and_remembered(here: Site, opened: Open) -> None:
    with opened(color_scheme="light") as page:
        here.show(page)
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.get_by_role("button", name="Dark theme").click()
        dark = page.evaluate(ground)
        assert dark != light
        here.show(page)
        assert page.evaluate(ground) == dark
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate(ground) == light


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_narrow_screen(here: Site, opened: Open, width: int) -> None:
    with opened(viewport={"width": width, "height": 740}) as page:
        here.show(page)
        expect(page.locator("#charts canvas").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        beyond = page.locator("body *").evaluate_all(
            """(all, width) => all.filter((one) => !one.closest(".scroll, .only-read, nav") && one.getBoundingClientRect().right > width + 1)
                 .map((one) => one.outerHTML.slice(0, 120))""",
            width,
        )
        assert beyond == []


def test_everything_is_done_by_keyboard(here: Site, page: Page) -> None:
    here.show(page)
    focused = page.locator(":focus")
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Skip to the stream health")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused.inner_text().startswith("Reconcile"):
            break
    opener = focused.element_handle()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for _ in range(5):
        assert page.evaluate("!document.activeElement.closest('main')"), "the focus left the dialog"
        page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate("opener => document.activeElement === opener", opener)


def test_every_table_is_named_and_can_be_scrolled_by_keyboard(here: Site, page: Page) -> None:
    here.show(page)
    expect(page.locator("table").first).to_be_visible()
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator(".scroll:not([tabindex='0'][role=region][aria-label])").count() == 0
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)  # type: ignore[arg-type]
    assert page.locator("[aria-live] #fills, #fills[aria-live], #fills [aria-live]").count() == 0


def test_times_are_the_viewers_own_and_name_utc(here: Site, opened: Open) -> None:
    with opened(timezone_id="Asia/Kolkata") as page:
        here.show(page)
        shown = page.locator("#fills time").first
        at = here.daemon.fills()[-1]["traded_at"]
        local = (at // 1000 + 19_800) % 86_400
        expect(shown).to_have_text(f"{local // 3600:02}:{local // 60 % 60:02}:{local % 60:02}")
        assert (shown.get_attribute("title") or "").endswith("UTC")

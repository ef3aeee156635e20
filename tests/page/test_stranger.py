"""A stranger's whole story: vigil is started as it is shipped, an exchange dies, and an account comes.

What the stranger edits is the port, where to send alerts, and later one more account;
everything else is done and seen on the page. At the end the ledger is compared with
the sandbox's own record of what happened.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.kit import VIEWS, compared
from tests.end_to_end.test_first_run import DEMO, admin_of
from tests.page.conftest import Open
from tests.page.served import Served, account, until_state
from tests.page.test_access import violations
from tests.support.daemon import ROOT
from tests.support.hooks import Hook
from tests.support.sandbox import Admin
from tests.support.waiting import eventually

KILLED = "demo-bybit"
OTHERS = tuple(name for name in DEMO if name != KILLED)
LATER = "my-second"
PATIENCE = 90_000  # milliseconds that a step may take which waits for a pause or a breaker
PORT = 'listen     = "127.0.0.1:8080"'


class Story(NamedTuple):
    """What the stranger has in front of him."""

    daemon: Served
    admin: Admin
    hook: Hook
    page: Page

    def card(self, name: str = KILLED) -> Locator:
        return account(self.page, name)

    def sign(self, name: str, which: str) -> Locator:
        """One of the card's figures, as `proven to`."""
        return (
            self.card(name)
            .locator(".signs > div", has=self.page.get_by_text(which, exact=True))
            .locator("dd")
        )

    def fills_of(self, name: str) -> Locator:
        return self.page.locator("#fills tbody tr", has=self.page.get_by_role("cell", name=name, exact=True))

    def gaps(self, name: str = KILLED) -> Locator:
        """What stands under the bar, and opens the list."""
        return self.card(name).get_by_role("button", name=re.compile("gap"))

    def proven_to(self, name: str = KILLED) -> str:
        return self.sign(name, "proven to").locator("time").get_attribute("datetime") or ""

    def generations(self, *names: str) -> dict[str, str]:
        """Of each actor of these accounts, as the page lists them."""
        rows = self.page.locator("[data-actor]").evaluate_all(
            "rows => rows.map((row) => [row.dataset.actor, row.cells[2].textContent])"
        )
        return {actor: gen for actor, gen in rows if actor.partition("/")[0] in names}

    def entered(self, *names: str) -> dict[str, int]:
        """How often each exchange was entered by these accounts' streams: a socket that stays is entered once."""
        state = self.admin.state()
        calls = {DEMO[name]: state[DEMO[name]]["requests"] for name in names}
        return {
            exchange: sum(count for call, count in made.items() if ENTRANCE.search(call))
            for exchange, made in calls.items()
        }

    def does(self, choice: str, name: str = KILLED) -> None:
        """Choose it in the menu, and confirm it."""
        opener = self.card(name).get_by_role("button", name="Break it…")
        if opener.get_attribute("aria-expanded") != "true":
            opener.click()
        self.card(name).get_by_role("button", name=f"{choice} of {name}", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_contain_text(name)
        dialog.get_by_role("button", name=choice, exact=True).click()
        expect(self.page.get_by_role("status")).to_contain_text(f"{choice}: done to {name}.")

    def told(self, name: str = KILLED) -> list[str]:
        """The alerts of this account that have arrived, digests taken apart."""
        documents = [post.document for post in list(self.hook.posts)]
        apart = [one for document in documents for one in document.get("incidents", [document])]
        return [f"{one['event']} {one['kind']}" for one in apart if one["account"] == name]

    def until_told(self, *events: str) -> None:
        eventually(self.told, lambda told: told == list(events), within=90, what=f"the alerts {events}")


COMPARABLE = {"cryptocom": ("fills", "orders")}
"""Beside a position Crypto.com does not say what is free, and its entry price is worked out of a cost."""
ENTRANCE = re.compile("connect|logon|auth", re.IGNORECASE)


@pytest.fixture
def story(tmp_path_factory: pytest.TempPathFactory, opened: Open) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("stranger")
    shipped = (ROOT / "settings.toml").read_text()
    assert PORT in shipped
    with Hook() as hook:
        (home / "hook").write_text(hook.url)
        (home / "hook").chmod(0o600)
        settings = shipped.replace(PORT, 'listen = ""') + '\n[alerts]\nurls = ["file:hook"]\n'
        with Served(home, settings) as daemon, opened() as page, admin_of(daemon) as admin:
            daemon.until_served()
            yield Story(daemon, admin, hook, page)
            page.goto("about:blank")
            assert daemon.terminate() == 0


@pytest.mark.timeout(400)
def test_a_stranger_sees_an_exchange_die_and_come_back_and_an_account_come(story: Story) -> None:
    page = story.page
    page.goto(story.daemon.url)

    # all is seen, without any doing
    for name in DEMO:
        expect(story.card(name)).to_have_attribute("data-state", "live", timeout=PATIENCE)
        expect(story.fills_of(name).first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-overall=ok]")).to_be_visible()
    others, entered = story.generations(*OTHERS), story.entered(*OTHERS)
    assert len(others) == 3 * len(OTHERS)
    assert all(entered.values()), entered

    # Bybit's streams die; its card turns, the poller takes over, and only it is concerned
    story.does("Kill the exchange's streams")
    expect(story.card()).not_to_have_attribute("data-state", "live")
    expect(story.sign(KILLED, "source")).to_have_text("polling", timeout=PATIENCE)
    expect(page.locator("[data-overall=degraded]")).to_be_visible()
    polled = story.fills_of(KILLED).locator(".source.repaired").first
    expect(polled).to_have_text(re.compile("poll|reconcile"), timeout=PATIENCE)
    is_accessible_with_its_menu(page)
    story.until_told("opened blind")
    expect(page.locator("#incidents li:not(.over)", has_text=KILLED)).to_contain_text("blind")
    for name in OTHERS:
        expect(story.card(name)).to_have_attribute("data-state", "live")
    assert (story.generations(*OTHERS), story.entered(*OTHERS)) == (others, entered)

    # then all of it dies: nobody watches any more, which is a gap in what is proven
    story.does("Kill the exchange")
    expect(story.sign(KILLED, "source")).to_have_text("none", timeout=PATIENCE)
    expect(story.gaps()).to_contain_text(re.compile(r"\d open"), timeout=PATIENCE)
    proven = story.proven_to()

    # it is mended: live again, the gap is closed and says how, what is proven goes on
    story.does("Mend everything")
    expect(story.card()).to_have_attribute("data-state", "live", timeout=PATIENCE)
    expect(story.sign(KILLED, "source")).to_have_text("stream")
    expect(story.gaps()).to_contain_text("all closed", timeout=PATIENCE)
    story.gaps().click()
    expect(story.card().locator(".gaps li").first).to_contain_text(re.compile("closed by (poll|reconcile)"))
    eventually(story.proven_to, lambda now: now > proven, within=90, what="a proof behind the gap")
    newest = story.daemon.fills(account=KILLED)[-1]["seq"]
    eventually(
        lambda: story.daemon.ask("fills", account=KILLED, after=newest, limit=0),
        lambda rows: any(row["source"] == "stream" for row in rows),
        within=60,
        what="fills by the stream again",
    )
    expect(story.fills_of(KILLED).locator(".source", has_text="stream").first).to_be_visible()
    story.until_told("opened blind", "resolved blind")
    expect(page.locator("[data-overall=ok]")).to_be_visible(timeout=PATIENCE)

    # one more account is written into the file, and comes live; nobody else notices
    before = story.generations(*DEMO)
    with story.daemon.settings.open("a") as file:
        file.write(f'\n[accounts.{LATER}]\nexchange = "bybit"\nsandbox  = true\n')
    expect(story.card(LATER)).to_have_attribute("data-state", "live", timeout=PATIENCE)
    expect(story.fills_of(LATER).first).to_be_visible(timeout=PATIENCE)
    for name in DEMO:
        until_state(page, "live", name)
    assert story.generations(*DEMO) == before
    assert story.entered(*OTHERS) == entered

    # what was done is on record, nothing else was told, and the ledger is the truth
    commands = [row["detail"] for row in story.daemon.ask("history", kind="actor", key="daemon", limit=0)]
    for kind in ("stream-down", "exchange-down", "mend"):
        assert f"fault {KILLED} {kind}, by web" in commands
    assert story.told() == ["opened blind", "resolved blind"]
    for name in (*DEMO, LATER):
        eventually(
            partial(compared, story.admin, story.daemon, name, COMPARABLE.get(DEMO.get(name, ""), VIEWS)),
            lambda found: not found,
            within=60,
            every=0.1,
            what=f"{name}'s ledger equal to the truth ({story.daemon.log_path})",
        )


def is_accessible_with_its_menu(page: Page) -> None:
    """The menu is open: by screen reader, and on a telephone."""
    expect(page.get_by_role("group", name=f"What to break of {KILLED}")).to_be_visible()
    assert violations(page) == []
    usual = page.viewport_size
    assert usual is not None
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size(usual)

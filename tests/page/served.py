"""A daemon that serves its page, at an address that stays when it is started anew."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.kit import Scene, scene
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


class Served(Daemon):
    """`url` is the page's."""

    def __init__(self, home: Path, settings: str, env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        super().__init__(home, settings.replace('listen = ""', f'listen = "127.0.0.1:{self.port}"'), env)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_served(self) -> None:
        """Its control socket may answer before its page does."""
        eventually(self._is_served, within=30, every=0.05, what=f"a page at {self.url} ({self.log_path})")

    def _is_served(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(f"{self.url}/healthz", timeout=5).ok
            except requests.RequestException:
                return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A scene, and its page as an operator reads it."""

    def __init__(self, scene: Scene, daemon: Served) -> None:
        self.scene = scene
        self.admin = scene.admin
        self.daemon = daemon

    def show(self, page: Page) -> Page:
        """The page, once it shows what the daemon has."""
        page.goto(self.daemon.url)
        expect(page.locator("#health .account")).to_have_count(len(self.daemon.status()["accounts"]))
        expect(page.locator("#fills")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#orders")).to_have_attribute("aria-busy", "false")
        return page

    def trades(self, page: Page) -> list[str]:
        """The trade ids of the tape, as it is shown, the newest first."""
        shown: list[str] = page.locator("#fills tbody tr").evaluate_all(
            "rows => rows.map((row) => row.dataset.trade)"
        )
        return shown

    def open_orders(self, page: Page) -> set[str]:
        """The ids of the orders that are shown as open."""
        shown: list[str] = page.locator("#orders tbody tr:not(.over)").evaluate_all(
            "rows => rows.map((row) => row.dataset.order)"
        )
        return set(shown)


def account(page: Page, name: str = "main") -> Locator:
    """The account's part of the page."""
    return page.locator(f"[data-account='{name}']")


def until_state(page: Page, state: str, name: str = "main") -> None:
    expect(account(page, name)).to_have_attribute("data-state", state)
    expect(account(page, name).locator(".state")).to_have_text(state)


@contextmanager
def site(home: Path, accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[Site]:
    """A sandbox, a daemon that has seen these accounts live, and its page."""
    with scene(home, accounts, make=Served) as whole:
        daemon = whole.daemon
        assert isinstance(daemon, Served)
        daemon.until_served()
        yield Site(whole, daemon)

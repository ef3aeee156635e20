"""A browser without a window, from what the system has installed, driven by playwright.

`program()` is where it is; `launched()` is a running one. A page that is opened with
`watched` fails its test where a script failed, the content policy was broken, or
anything was fetched from elsewhere.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

MISSING = "no browser is installed: apt-get install --no-install-recommends chromium-headless-shell"
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
QUIET = [
    "--no-sandbox",  # its own needs what root in a container has not
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
]
WITHIN = 20_000  # milliseconds that anything may take on a busy machine

expect.set_options(timeout=WITHIN)


def program() -> str | None:
    """The path of an installed browser that can do without a window."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """One browser for many pages."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, **how: Any) -> Iterator[Page]:
    """A page of its own, without cookies or memory; `how` is the context's (`color_scheme`, `viewport`)."""
    context = browser.new_context(
        **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | how
    )
    context.set_default_timeout(WITHIN)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"script failed: {error}"))
    page.on("console", lambda said: _hear(said.type, said.text, complaints))
    context.on("request", lambda request: _note(request.url, page.url, complaints))
    try:
        yield page
        assert not complaints, "\n".join(complaints)
    finally:
        _close(context)


def _hear(kind: str, text: str, complaints: list[str]) -> None:
    """A daemon that is away for a moment is no complaint."""
    if kind == "error" and not text.startswith("Failed to load resource"):
        complaints.append(f"console: {text}")


def _note(url: str, at: str, complaints: list[str]) -> None:
    asked, own = urlsplit(url), urlsplit(at)
    if asked.scheme != "data" and own.netloc and asked.netloc != own.netloc:
        complaints.append(f"fetched from elsewhere: {url}")


def _close(context: BrowserContext) -> None:
    for page in context.pages:
        page.close()
    context.close()

"""Takes the pictures of the page that the README shows: a sandbox, a daemon, a browser, some trouble.

    python docs/screenshots.py [FOLDER]     docs/pictures where nothing is said

It needs the development set and a browser (`make test` brings both); pictures look best where the
font Inter is installed. What is shown is real: a daemon of its own watches sandbox exchanges, one
account's stream is gone, one key is refused, one account is paused, and the daemon was once killed.
"""

import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drill.daemon import Daemon  # noqa: E402  (the checkout is the package)
from drill.dialects import DIALECTS, account_table, keys  # noqa: E402
from drill.sandbox import Sandbox, account  # noqa: E402
from drill.waiting import eventually  # noqa: E402
from tests.support.browser import MISSING, QUIET, program  # noqa: E402

ACCOUNTS = {
    "market-maker": "bybit",
    "spot-main": "binance",
    "treasury": "binance",
    "us-desk": "binance_us",
    "perps": "cryptocom",
    "archive": "cryptocom",
}
USUAL = {"audit_every": 20, "poll_every": 2}
MISSED = 8  # fills of each account that happen while the daemon is dead
SECONDS = 40  # that the charts have seen: they begin when the page is opened
DRAWN = "(seconds) => import('/static/js/store.js').then((store) => store.chart.value.length >= seconds)"
How = tuple[Literal["light", "dark"], int, int, str]
PICTURES: dict[str, How] = {  # name: (theme, width, height, the panel it begins with)
    "page-light": ("light", 1440, 1000, ""),
    "page-dark": ("dark", 1440, 1000, ""),
    "ledger-light": ("light", 1440, 1000, "#orders"),
    "phone-light": ("light", 390, 844, ""),
    "phone-dark": ("dark", 390, 844, ""),
}


def main(folder: Path) -> None:
    """Every picture, into `folder`."""
    found = program()
    if found is None:
        raise SystemExit(MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    who = [account(name, exchange, auto=True) for name, exchange in ACCOUNTS.items()]
    exchanges = tuple(dict.fromkeys(ACCOUNTS.values()))
    with Sandbox(who, exchanges=exchanges, auto=True) as box, tempfile.TemporaryDirectory() as home:
        port = _free_port()
        with Daemon(Path(home), _settings(box, port), keys(box)) as daemon:
            for name in ACCOUNTS:
                daemon.until_live(name, within=60)
            _trouble(box, daemon)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=found, args=QUIET)
                for name, how in PICTURES.items():
                    _take(browser, f"http://127.0.0.1:{port}", folder / f"{name}.png", how)
                browser.close()
            daemon.terminate(15)


def _settings(box: Sandbox, port: int) -> str:
    text = f'[web]\nlisten = "127.0.0.1:{port}"\n'
    for name, exchange in ACCOUNTS.items():
        at = DIALECTS[exchange].at(box.host(exchange))
        only = {"user_stream": "listen_key"} if exchange == "binance_us" else {}
        text += account_table(name, {"exchange": exchange, **USUAL, **only}, at)
    return text


def _trouble(box: Sandbox, daemon: Daemon) -> None:
    """A gap that is closed, a stream that is gone, a key that is refused, an account that rests."""
    for name in ACCOUNTS:
        eventually(partial(daemon.fills, account=name), within=60, what=f"fills of {name}")
    daemon.kill()
    known = {name: len(box.admin.truth(name)["fills"]) for name in ACCOUNTS}
    for name in ACCOUNTS:
        eventually(partial(_is_behind, box, name, known[name]), within=120, what=f"missed fills of {name}")
    daemon.start()
    for name in ACCOUNTS:
        daemon.until_live(name, within=60)
    daemon.ask("pause", target="treasury")
    box.admin.fault("auth_revoked", exchange="cryptocom", account="archive")
    box.admin.fault("gone", exchange="binance_us")
    box.admin.fault("drop", exchange="binance_us", account="us-desk")
    for name, state in (("treasury", "paused"), ("archive", "held"), ("us-desk", "polling")):
        eventually(partial(_is, daemon, name, state), within=60, what=f"{name} {state}")


def _is_behind(box: Sandbox, name: str, known: int) -> bool:
    """Whether so much has happened that the gap is worth a picture."""
    return len(box.admin.truth(name)["fills"]) >= known + MISSED


def _is(daemon: Daemon, name: str, state: str) -> bool:
    return bool(daemon.account(name)["state"] == state)


def _take(browser: Browser, url: str, path: Path, how: How) -> None:
    theme, width, height, panel = how
    page: Page = browser.new_page(
        color_scheme=theme,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page.goto(url)
    page.locator("#incidents li").first.wait_for()
    page.locator("button.sum").first.click()
    if panel:
        page.locator(panel).evaluate("one => one.scrollIntoView()")
        page.wait_for_function(DRAWN, arg=SECONDS, timeout=4_000 * SECONDS)
    page.locator("[aria-busy=true]").first.wait_for(state="detached")
    page.wait_for_function("document.fonts.ready.then(() => true)")
    page.screenshot(path=path, timeout=120_000)
    page.close()
    print(f"{path} {path.stat().st_size // 1024} kB")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")

"""The page in a real browser while a thousand events a second come, as somebody who looks at it has it.

Four times a second the page itself is asked which fill it shows as the newest and how many
elements it has; the browser tells of every task that held its main thread for 50 ms or
longer; how much the scripts keep is counted after a full collection, before and after.
"""

import time
from typing import Any, NamedTuple

from playwright.sync_api import Page, expect

from bench.stamped import Stamped
from tests.support.browser import launched, watched

SETTLE = 3.0  # seconds from when it shows everything
WATCH = """() => {
    window.load = {tasks: [], shown: []};
    const told = (list) => load.tasks.push(...list.getEntries().map((task) => task.duration));
    new PerformanceObserver(told).observe({type: "longtask"});
    const newest = () => document.querySelector("#fills tbody tr").dataset.trade;
    setInterval(() => load.shown.push([Date.now(), Number(newest()), document.getElementsByTagName("*").length]), 250);
}"""


class Seen(NamedTuple):
    """`shown`: moment (ns, monotonic), trade id of the newest fill, number of elements. `tasks` in ms, memory in MB."""

    begin: int
    end: int
    shown: list[tuple[int, int, int]]
    tasks: list[float]
    before: float
    after: float


def look(path: str, daemon: Stamped, seconds: float) -> Seen:
    """What a browser (its program is at `path`) has to show of the daemon's page for so long."""
    with launched(path) as browser, watched(browser) as page:
        page.goto("http://{}:{}".format(*daemon.page()))
        for panel in ("#fills", "#orders"):
            expect(page.locator(panel)).to_have_attribute("aria-busy", "false")
        page.wait_for_timeout(SETTLE * 1000)
        before, begin = _kept(page), time.monotonic_ns()
        page.evaluate(WATCH)
        page.wait_for_timeout(seconds * 1000)
        found: dict[str, Any] = page.evaluate("window.load")
        end, after = time.monotonic_ns(), _kept(page)
    since_boot = time.time_ns() - time.monotonic_ns()
    shown = [(int(ms * 1e6) - since_boot, trade, elements) for ms, trade, elements in found["shown"]]
    return Seen(begin, end, shown, found["tasks"], before, after)


def _kept(page: Page) -> float:
    """What the page's scripts hold in memory once all that nobody needs is gone, MB."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")) / 1e6

"""The full path in one process: socket, reader, inlet, persistence, committed.

    python -m bench.pipeline URL MOST COUNT ACCOUNT=PORT …     prints figures as JSON

URL is that of a database, which may hold a ledger already. MOST is how many events
one transaction may hold (1000 as in the daemon).
The real supervisor runs the real core and one real connection per port; only
the poller is left out, for there is no REST to ask. The moment of a commit is
the moment at which the feed is told of it; the moment at which a frame was sent
rides in its client order id, on the same machine's monotonic clock.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from actors import persistence
from actors.base import Directory
from actors.feed import Feed
from actors.inlet import Inlet
from core.clock import SystemClock
from core.messages import StopDaemon
from core.settings import AccountSettings, Settings
from core.status import LedgerVitals, Vitals
from core.tree import ChildSpec, GroupSpec
from exchanges.base import Credentials, Endpoints
from host import interpreter
from host.plan import GroupPlan, Wiring
from host.ticker import Ticker
from host.tree import House, Tenant, account_groups
from models.database import prepare
from models.ledger import Ledger
from models.read import Reader
from supervisor import Supervisor
from transport.origin import Origins


class StampingFeed(Feed):
    """A Feed that remembers when it heard of which sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, int]] = []

    def publish(self, sequence: int) -> None:
        self.heard.append((sequence, time.monotonic_ns()))
        super().publish(sequence)


class StampingInlet(Inlet):
    """An Inlet that remembers when the first batch came."""

    first_ns = 0

    def put(self, batches: Any) -> int:
        self.first_ns = self.first_ns or time.monotonic_ns()
        return super().put(batches)


def main(url: str, count: int, ports: dict[str, int]) -> dict[str, Any]:
    """Take `count` frames from each account's port; the figures of the run."""
    interpreter.tune()
    prepare(url)
    with closing(Ledger.open(url, SystemClock())) as before:
        known, sequence = before.fills, before.sequence
    with tempfile.TemporaryDirectory() as spill:
        feed, first_ns = _taken(url, Path(spill), count, ports, known)
    seconds = (feed.heard[-1][1] - first_ns) / 1e9
    return {
        "events": count * len(ports),
        "seconds": seconds,
        "behind": sequence,
        **percentiles([ms for _, ms in waits(url, feed.heard, sequence)]),
    }


def _taken(url: str, spill: Path, count: int, ports: dict[str, int], known: int) -> tuple[StampingFeed, int]:
    """Run until all is stored; what was heard when, and when the first frame came."""
    clock, vitals, feed = SystemClock(), LedgerVitals(), StampingFeed()
    inlet = StampingInlet(spill, clock, vitals)
    house = House(
        settings=Settings.model_validate({"database": {"url": url}}),
        directory=Directory(clock, inlet.record),
        inlet=inlet,
        feed=feed,
        ledger=vitals,
        ticker=Ticker(),
        origins=Origins(clock),
        vitals={account: Vitals() for account in ports},
    )
    gone = threading.Event()
    Supervisor.start(_wiring(house, clock, ports, gone))
    _until_stored(feed, vitals, known + count * len(ports))
    house.directory.address("supervisor").urge(StopDaemon("bench"))
    gone.wait(10)
    inlet.close()
    return feed, inlet.first_ns


def _wiring(house: House, clock: SystemClock, ports: dict[str, int], gone: threading.Event) -> Wiring:
    url = house.settings.database.url
    core = GroupPlan(
        GroupSpec("core", (ChildSpec("core/persistence"),), strategy="one_for_one", boot_critical=True),
        {
            "core/persistence": lambda context: persistence.PersistenceActor.start(
                context, url=url, inlet=house.inlet, feed=house.feed, vitals=house.ledger
            )
        },
    )
    streams = [account_groups(house, _tenant(*each))[0] for each in ports.items()]
    return Wiring(
        clock=clock,
        boot="bench",
        groups=[core, *streams],
        accounts=[],
        directory=house.directory,
        record=house.inlet.record,
        publish=lambda _snapshot: None,
        vitals=house.vitals,
        fence=house.inlet.fence,
        ticker_remove=house.ticker.remove,
        on_exit=lambda _code, _why: gone.set(),
    )


def _tenant(account: str, port: int) -> Tenant:
    return Tenant(
        account,
        AccountSettings(exchange="binance", sandbox=True),
        lambda: Credentials("k" * 64, "s" * 64),
        Endpoints(rest="http://127.0.0.1:9", ws=f"ws://127.0.0.1:{port}/ws-api/v3"),
    )


def _until_stored(feed: Feed, vitals: LedgerVitals, wanted: int) -> None:
    deadline = time.monotonic() + 300
    while vitals.fills < wanted and time.monotonic() < deadline:
        feed.wait(feed.sequence, 1.0)
    if vitals.fills < wanted:
        raise SystemExit(f"only {vitals.fills} of {wanted} fills were stored")


def waits(url: str, heard: Sequence[tuple[int, int]], after: int = 0) -> Iterator[tuple[int, float]]:
    """Of every fill behind `after` that bears a stamp: when it was sent (ns), and the ms until its commit was heard."""
    at = 0
    with closing(Reader(url)) as reader:
        while rows := reader.fills(limit=5000, after=after):
            for row in rows:
                sent_ns = int(row["client_order_id"].rpartition("-")[2])
                while heard[at][0] < row["seq"]:
                    at += 1
                if sent_ns:
                    yield sent_ns, (heard[at][1] - sent_ns) / 1e6
            after = rows[-1]["seq"]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Of milliseconds; nothing where there are none."""
    if not values:
        return {}
    cuts = statistics.quantiles(values, n=100)
    return {"p50_ms": statistics.median(values), "p99_ms": cuts[98], "max_ms": max(values)}


if __name__ == "__main__":
    persistence.MOST = int(sys.argv[2])
    words = (word.split("=") for word in sys.argv[4:])
    print(json.dumps(main(sys.argv[1], int(sys.argv[3]), {name: int(port) for name, port in words})))

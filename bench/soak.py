"""What a thousand forced reconnects leave behind: nothing (B22).

A whole daemon with an account on each exchange, cut off again and again by the
sandbox, `base = 0.1`, `stable = 1`. Threads, sockets and file descriptors are
counted by the kernel before and after, once they have come to rest; memory is
what the process holds resident. The first rounds are not counted: caches and
pools fill then. Descriptors of the ledger's own file are left out of the count:
SQLite keeps those that were closed for later use, as long as anybody else in the
process has a lock on the file, so that their number moves by one or two and back.

Connection attempts are budgeted per address (240 in five minutes), so a
thousand of them on four exchanges take six minutes. Run whole it also ends with
every ledger equal to the sandbox's record.
"""

import re
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.result import Result
from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Scene, scene, steady
from tests.support.waiting import eventually

RECONNECTS, WARM_UP = 1_000, 20
BACKOFF = {"base": 0.1, "cap": 0.5, "trip": 100_000, "stable": 1}
LEDGER = "/vigil.db"
PATIENCE = 400.0  # seconds: the budget may make a round wait for its whole window


def run(*, quick: bool = False) -> list[Result]:
    """Differences from before to after; zero is the aim, but for memory."""
    wanted = RECONNECTS // 10 if quick else RECONNECTS
    accounts: dict[str, dict[str, Any]] = {
        name.replace("_", "-"): {"exchange": name, "backoff": BACKOFF} for name in REGISTRY
    }
    with tempfile.TemporaryDirectory() as home, scene(Path(home), accounts) as it:
        rounds = [0]
        _rounds(it, list(accounts), WARM_UP // len(accounts), rounds)
        before, began = _held(it), time.monotonic()
        _rounds(it, list(accounts), wanted // len(accounts), rounds)
        after, seconds = _held(it), time.monotonic() - began
        for name in accounts:
            it.agrees(name, within=60)
    said = f"{wanted} reconnects in {seconds:.0f} s"
    return [
        *(
            Result("soak", f"{what} more than before", after[what] - before[what], 0, 0, "lower", "",
                   f"{before[what]:.0f} before, {after[what]:.0f} after {said}")
            for what in ("threads", "sockets", "file descriptors")
        ),
        Result("soak", "memory more than before", after["MB"] - before["MB"], 10, 3, "lower", "MB",
               f"{before['MB']:.1f} MB before, {after['MB']:.1f} after {said}"),
    ]  # fmt: skip


def _rounds(it: Scene, names: list[str], count: int, done: list[int]) -> None:
    """Cut every account off and wait until each is live again on a new connection, `count` times."""
    for _ in range(count):
        done[0] += 1
        for name in names:
            it.admin.fault("drop", account=name)
        for name in names:
            eventually(
                lambda name=name: it.daemon.account(name),  # type: ignore[misc]
                lambda row: row["reconnects"] >= done[0] and row["state"] == "live",
                within=PATIENCE,
                what=f"reconnect {done[0]} of {name}",
            )
        it.trade(names[0])
        it.admin.clear()  # and with it the exchanges' counts: they allow less in a minute than this asks


def _held(it: Scene) -> dict[str, float]:
    """What the daemon's process holds, once that has come to rest."""
    status = Path(f"/proc/{it.daemon.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    return {
        "threads": steady(it.daemon.threads),
        "sockets": steady(it.daemon.sockets),
        "file descriptors": steady(lambda: sum(LEDGER not in target for target in it.daemon.descriptors())),
        "MB": int(resident[1]) / 1024,
    }

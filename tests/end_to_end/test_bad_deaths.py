"""The built-in exchange is killed under the daemon, and the daemon beside its exchange."""

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.end_to_end.refusals import when_ok
from tests.support.daemon import Daemon
from tests.support.sandbox import Admin
from tests.support.waiting import eventually

FILL = ("order_id", "trade_id", "side", "price", "quantity", "fee", "fee_asset", "liquidity", "traded_at")

SETTINGS = """
[web]
listen = ""
[accounts.demo]
exchange = "binance"
sandbox = true
poll_every = 0.5
backoff = {base = 0.1, cap = 0.3, trip = 1000, stable = 1}
"""


class Demo:
    """What a newcomer runs, and the record of the exchange that came with it."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self._world = daemon.home / "data" / "sandbox"
        self.admin = Admin(f"http://127.0.0.1:{self.ports()['admin']}")

    def ports(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in self._world.glob("*.port")}

    def pid(self) -> int:
        """The exchange's process that was started last."""
        lines = [line for line in self.daemon.log().splitlines() if '"sandbox_started"' in line]
        return int(json.loads(lines[-1])["pid"])

    def agrees(self) -> None:
        """Wait until every fill of the exchange's record is in the ledger, once and as it was."""

        def differences() -> list[Any]:
            truth = _as_rows(self.admin.truth("demo")["fills"])
            ledger = _as_rows(self.daemon.fills())
            return [
                *(row for row in truth if row not in ledger),
                *(["twice"] * (len(ledger) - len(set(ledger)))),
            ]

        eventually(
            differences, lambda found: not found, what=f"a ledger as the truth ({self.daemon.log_path})"
        )


def _as_rows(fills: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(fill[name] for name in FILL) for fill in fills]


def is_running(pid: int) -> bool:
    """Whether it does anything; one that nobody has buried yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_killing_either_leaves_no_orphan_and_no_gap(tmp_path: Path) -> None:
    with Daemon(tmp_path, SETTINGS) as daemon:
        daemon.until_live("demo")
        demo = Demo(daemon)
        demo.admin.burst("demo", 20)
        ports, exchange = demo.ports(), demo.pid()

        os.kill(exchange, signal.SIGKILL)
        eventually(
            lambda: daemon.account("demo")["reconnects"] == 1, what="a connection to the next exchange"
        )
        daemon.until_live("demo")
        assert demo.pid() != exchange
        assert demo.ports() == ports
        demo.admin.burst("demo", 20)
        demo.agrees()
        when_ok(daemon)
        assert {actor["last_reason"] for actor in daemon.status()["actors"]} <= {None, "link", "shutdown"}
        exchange = demo.pid()

        daemon.kill()
        eventually(lambda: not is_running(exchange), what=f"the end of {exchange}, which lost its daemon")
        assert "Traceback" not in (tmp_path / "data" / "sandbox" / "sandbox.log").read_text()

        daemon.start()
        daemon.until_live("demo")
        assert demo.ports() == ports
        demo.agrees()
        exchange = demo.pid()
        assert daemon.terminate() == 0
        assert not is_running(exchange)
        assert "Traceback" not in daemon.log()
        demo.admin.close()

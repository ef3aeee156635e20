"""A sandbox that remembers when it did what: `StampedSandbox` for the bench, `main` in its process.

Nothing else of it differs from `python -m sandbox`. An order's step is stamped, on the
machine's monotonic clock, when the engine has written it and nobody was told yet; the stamps
are kept in memory and written down when the sandbox ends.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import sandbox.__main__ as program
from sandbox import server
from sandbox.server import Options
from sandbox.venue import Venue
from sandbox.world import Event, OrderChanged
from tests.support.sandbox import Sandbox

STAMPS = "stamps"


class Step(NamedTuple):
    """An order took a step (`what` is new, trade, canceled …); `trade_id` is 0 where it was no trade."""

    ns: int
    account: str
    what: str
    client_order_id: str
    trade_id: str


class StampedSandbox(Sandbox):
    """Its steps are there once it was ended in order."""

    program = ("-m", "bench.stamped_sandbox")

    def steps(self) -> list[Step]:
        lines = (self.folder / STAMPS).read_text().splitlines()
        return [Step(int(ns), *words) for ns, *words in (line.split() for line in lines)]


# ----------------------------------------------------------- inside that process


STAMPED: list[Step] = []


class StampingVenue(Venue):
    """It listens to itself before anybody else does."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.listeners.append(self._stamp)

    def _stamp(self, events: Sequence[Event]) -> None:
        now = time.monotonic_ns()
        for event in events:
            if isinstance(event, OrderChanged):
                order, trade = event.order, event.trade
                trade_id = "0" if trade is None else self.customs.trade_id(trade.category, trade.trade_id)
                STAMPED.append(Step(now, order.account, event.what, order.client_order_id, trade_id))


def _run(options: Options) -> None:
    server.run(options)
    lines = (" ".join(map(str, step)) for step in STAMPED)
    (options.world.parent / STAMPS).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    vars(server)["Venue"] = StampingVenue
    vars(program)["run"] = _run
    program.main()

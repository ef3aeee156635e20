"""A daemon that is killed at random moments, again and again, and judged by the record of its exchanges.

It watches an account on each exchange; orders are filled, cancelled and left open
there all the while. A kill is of one of KINDS:

* `burst`: in the middle of facts that come in and are stored.
* `start`: at any moment from the first instruction to a little after all are live.
* `spilling`: while the database is locked and facts go to disk.
* `draining`: when the lock is gone and the spill is handed over to the database.
* `together`: the server of the database dies at the same time (where there is one).

A random moment is a pause that the seed chose; nothing is waited *for* by a pause.

Three things are judged. Ledger and record must be equal, row by row. No table may
hold a fact twice, nor the journal tell one twice as news. And what a follower was
told before a kill must stand in the journal afterwards, under the same number:
whoever acted on it could not take that back.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from drill.comparing import VIEWS, Tally, tally
from drill.round import PAGED
from tests.end_to_end.kit import keeping_in
from tests.end_to_end.together import Part, Together, together
from tests.support.daemon import Daemon
from tests.support.ledger import locked, rows
from tests.support.postgres import Postgres
from tests.support.waiting import eventually

KINDS = ("burst", "start", "spilling", "draining", "together")
PATIENCE = 90.0
"""Seconds until all must be live, and equal to the record."""
OWN = {"audit_every": 5, "poll_every": 0.5, "backoff": {"base": 0.1, "cap": 0.5, "trip": 1000, "stable": 1}}
UNIQUE = {
    "fills": "account, category, symbol, order_id, trade_id",
    "orders": "account, category, symbol, order_id",
    "journal": "seq",
}


class Verdict(NamedTuple):
    """What was found so far. `wrong` counts what is otherwise than in the record, or was told and taken back."""

    kills: int
    facts: int
    told: int
    lost: int
    doubled: int
    wrong: int
    lines: tuple[str, ...]
    live_after_s: tuple[float, ...]


class Follower:
    """Reads the journal over the control socket as it grows, until the daemon dies; then the next one's."""

    def __init__(self) -> None:
        self.told: dict[int, tuple[str, ...]] = {}
        self._thread: threading.Thread | None = None

    def follow(self, path: Path) -> None:
        """From where it stands; the last daemon must be dead."""
        self.end()
        self._thread = threading.Thread(target=self._read, args=(path,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """All that the dead one has said is read."""
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive(), "a dead daemon still talks"

    def _read(self, path: Path) -> None:
        params = {"after": max(self.told, default=0)}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tail", "params": params}
        with suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n") and "params" in (said := json.loads(line)):
                        row = said["params"]
                        self.told[row["seq"]] = (row["account"], row["kind"], row["key"])


class Crashes:
    """`with crashes(...) as they:` is the way to one; the daemon lives."""

    def __init__(self, them: Together, place: str, random: Random, server: Postgres | None) -> None:
        self.them = them
        self.kills = 0
        self._place = place
        self._random = random
        self._server = server
        self._follower = Follower()
        self._took: list[float] = []
        self._resting: dict[str, list[str]] = {}
        self._going: list[Future[Any]] = []
        self._pool = ThreadPoolExecutor(len(list(them)))
        self._is_up = True
        self._follow()

    @property
    def daemon(self) -> Daemon:
        return self.them.daemon

    # ---------------------------------------------------------------------- the kills

    def kill(self, kind: str | None = None) -> str:
        """Kill it once, in this way or in one that the seed chooses; which it was. It stays dead."""
        kind = (
            kind
            or self._random.choices(KINDS, weights=(42, 34, 8, 10, 6 if self._server is not None else 0))[0]
        )
        if kind != "start":
            self.up()
        self._trade()
        getattr(self, f"_{kind}")()
        self.kills += 1
        return kind

    def _burst(self) -> None:
        self._die_within(0.5)

    def _start(self) -> None:
        if self._is_up:
            self._die_within(0.0)
        self._launch()
        self._die_within(1.1 * max(self._took[-5:], default=1.5))

    def _spilling(self) -> None:
        with locked(self._place):
            self._until_spilled()
            self._die_within(0.3)

    def _draining(self) -> None:
        with locked(self._place):
            self._until_spilled()
        self._die_within(0.2)

    def _together(self) -> None:
        assert self._server is not None
        self._pause(0.3)
        self._server.crash()
        self._die_within(0.5 if self._random.random() < 0.5 else 2.5)
        self._server.start()

    def _until_spilled(self) -> None:
        eventually(lambda: self.daemon.status()["ledger"]["spilled"], within=PATIENCE, what="facts on disk")

    def _die_within(self, seconds: float) -> None:
        self._pause(seconds)
        assert self.daemon.kill() == -9, self.daemon.log()[-2000:]
        self._is_up = False

    def _pause(self, seconds: float) -> None:
        time.sleep(self._random.uniform(0, seconds))

    # ---------------------------------------------------------------------- the starts

    def up(self) -> None:
        """Every account live, as soon as may be; sometimes what happens meanwhile goes on, sometimes it is over."""
        if self._is_up:
            return
        if self._random.random() < 0.5:
            self._all_happened()
        self.them.admin.clear()  # the exchanges' limits begin anew: so many starts in a minute they would not allow
        began = time.monotonic()
        self._launch()
        self.daemon.until_answers(PATIENCE)
        self._follow()
        for part in self.them:
            part.until_live(PATIENCE)
        self._took.append(time.monotonic() - began)

    def _launch(self) -> None:
        self.daemon.launch()
        self._is_up = True

    def _follow(self) -> None:
        self._follower.follow(self.daemon.socket_path)

    # ---------------------------------------------------------------------- what happens there

    def _trade(self) -> None:
        """At every exchange, and all at once; what was begun before is over."""
        self._all_happened()
        self._going = [
            self._pool.submit(self._act, part, Random(self._random.random())) for part in self.them
        ]

    def _all_happened(self) -> None:
        going, self._going = self._going, []
        for one in going:
            one.result()

    def _act(self, part: Part, random: Random) -> None:
        """A burst of orders that are filled; before and after it others that rest, are filled in part, or cancelled."""
        resting = self._resting.setdefault(part.name, [])
        resting.append(part.rest_order()["order_id"])
        part.admin.burst(part.name, random.randint(4, 16), random.uniform(20, 120), symbol=part.symbol)
        if len(resting) > 2:
            order_id, exchange = resting.pop(0), part.exchange
            part.admin.fill(order_id, exchange=exchange, **random.choice(({}, {"quantity": "0.005"})))
            if random.random() < 0.5:
                part.admin.cancel(resting.pop(0), exchange=exchange)
        part.trade()

    # ---------------------------------------------------------------------- the judgement

    def judge(self) -> Verdict:
        """All is over and every account live: what the ledger lacks, has twice, or has otherwise."""
        self._all_happened()
        self.up()
        tallies = {part.name: self._settled(part) for part in self.them}
        twice = self._twice()
        back = self._taken_back()
        lines = [f"{name}: {line}" for name, one in tallies.items() for line in one.lines]
        return Verdict(
            kills=self.kills,
            facts=sum(rows(self._place, table, "COUNT(*)", "1")[0] for table in VIEWS),
            told=len(self._follower.told),
            lost=sum(one.lost for one in tallies.values()),
            doubled=sum(one.doubled for one in tallies.values()) + len(twice),
            wrong=sum(one.wrong for one in tallies.values()) + len(back),
            lines=(*lines, *twice, *back),
            live_after_s=tuple(self._took),
        )

    def _settled(self, part: Part) -> Tally:
        """As soon as ledger and record are equal; what they differ in where they never are."""
        found = [Tally()]

        def look() -> bool:
            truth = part.admin.truth(part.name, exchange=part.exchange)
            ledger = {
                view: self.daemon.pages(view, account=part.name)
                if view in PAGED
                else self.daemon.ask(view, account=part.name, limit=0)
                for view in VIEWS
            }
            found[0] = tally(truth, ledger)
            return found[0].is_equal

        with suppress(AssertionError):
            eventually(look, within=PATIENCE, every=0.2)
        return found[0]

    def _twice(self) -> list[str]:
        """Asked of the tables themselves: no reader has a chance to hide a double."""
        found = []
        for table, identity in UNIQUE.items():
            found += _repeated(table, rows(self._place, table, identity))
        news = rows(self._place, "journal", "kind, outcome, account, category, symbol, key")
        return found + _repeated("news", [row for row in news if row[:2] == ("fill", "new")])

    def _taken_back(self) -> list[str]:
        """What was told and is not in the journal, or is something else there."""
        held = {seq: tuple(row) for seq, *row in rows(self._place, "journal", "seq, account, kind, key")}
        told = sorted(self._follower.told.items())
        return [
            f"told as {seq} {what}, and then it was {held.get(seq)}"
            for seq, what in told
            if held.get(seq) != what
        ]

    def end(self) -> tuple[str, ...]:
        """An ordered stop, which has to be possible; then in what the views are otherwise than the journal says."""
        assert self.daemon.terminate(within=10) == 0
        self._follower.end()
        self._pool.shutdown()
        checked = self.daemon.word("rebuild", "--check", timeout=120)
        return () if checked.returncode == 0 else tuple((checked.stdout + checked.stderr).splitlines())


def _repeated(what: str, found: Sequence[Any]) -> list[str]:
    seen: set[Any] = set()
    return [f"twice in {what}: {row}" for row in found if row in seen or seen.add(row)]  # type: ignore[func-returns-value]


@contextmanager
def crashes(home: Path, place: str, random: Random, server: Postgres | None = None) -> Iterator[Crashes]:
    """A daemon whose ledger is at `place`, an account of it on each exchange, all live; `server` may die with it."""
    with together(home, OWN, make=keeping_in(place)) as them:
        yield Crashes(them, place, random, server)

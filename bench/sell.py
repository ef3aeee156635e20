"""How long after its BUY was filled a SELL rests, against one bare order at the same exchange.

A whole daemon trades at the sandbox. Time and again a BUY that rests there is filled, and
the daemon's SELL comes to rest: two moments of one process, the exchange's
(bench/stamped_sandbox), and between them lies all that is ours: the frame is read, its facts
are committed, the trader decides, the decision is committed, the order leaves. The daemon
remembers when it committed and when it called (bench/stamped), on the same machine's clock,
so the way is told in three parts. Trades follow each other so slowly that none waits for
another, and each SELL is sold before the next, so that no more than one rests.

Between any two, in the same run, another account of that exchange places one order that
rests, by the same transport and with nothing else to do. From when it leaves until its
answer is read is the round trip: the limit. A row is committed by itself, too, on the same
disk: how long that takes is no limit, but says whether a wide ratio is the disk's doing.

What the bounds say. With no work of ours the way would be that of a frame and that of an
order, a ratio of 1. Two commits are promised, each on the disk before anything goes on; on
loopback, beside an exchange that waits for no disk and answers within a few ms, each adds
about a third. So `aim`, 2, is a way of little but what is promised. `must`, 4, lets all
the rest (reading, deciding, the threads that wake each other) cost one more round trip for
each commit; whatever waits for a tick of 10 ms instead of being woken misses it. At p99 both
are wider by half: a disk that is slow once is met twice on our way, and never on the other.
Across a network the round trip is longer and our work is not, so the ratio is smaller there.
"""

import sqlite3
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.pipeline import percentiles
from bench.result import Result
from bench.stamped import Stamped
from bench.stamped_sandbox import StampedSandbox, Step
from core.lots import Lot
from exchanges.trading import Accepted
from models.read import Reader
from tests.end_to_end.kit import Scene
from tests.end_to_end.trading import PLACING, trading_scene
from tests.exchanges.desk import MARKETS, Desk
from tests.support.sandbox import account
from tests.support.waiting import eventually

TRADES, WARM_UP = 300, 5
PACE = 0.15  # seconds between two steps: enough for all that the one before has brought about
ACCOUNT, OTHER = "main", "other"


class Way(NamedTuple):
    """When, in ns: a BUY was filled, that was committed, the order for its SELL left, and it rested."""

    filled: int
    committed: int
    left: int
    rests: int


class Alone(NamedTuple):
    """How long, in ms, what nobody else has a part in took: an order's round trip, and the commit of a row."""

    trip: float
    commit: float


def run(*, quick: bool = False) -> list[Result]:
    """The way against the round trip at each exchange, p50 and p99."""
    count = TRADES // 10 if quick else TRADES
    return [result for exchange in PLACING for result in _at(exchange, count)]


def _at(exchange: str, count: int) -> list[Result]:
    """What comes first is not counted: connections are opened then, and the symbol's rules asked for."""
    ways, alone = measured(exchange, WARM_UP + count)
    return results(exchange, ways[WARM_UP:], alone[WARM_UP:])


def measured(exchange: str, count: int) -> tuple[list[Way], list[Alone]]:
    """The ways of so many trades, and what was measured between them. SystemExit where a SELL did not come to rest."""
    with (
        tempfile.TemporaryDirectory() as home,
        trading_scene(Path(home), exchange=exchange, make=Stamped, sandbox=StampedSandbox) as it,
    ):
        daemon, box = it.daemon, it.box
        assert isinstance(daemon, Stamped)
        assert isinstance(box, StampedSandbox)
        alone = list(_traded(it, Path(home), count))
        daemon.terminate(10)
        box.terminate()
        lots = _lots(f"sqlite:///{home}/data/vigil.db")
        ways = list(told(lots, box.steps(), daemon.commits(), daemon.calls(PLACING[exchange])))
    if len(ways) != count:
        raise SystemExit(f"{len(ways)} SELLs of {count} BUYs came to rest at {exchange}")
    return ways, alone


# -------------------------------------------------------------------- what is done


def _traded(it: Scene, home: Path, count: int) -> Iterator[Alone]:
    """Have so many BUYs filled and their SELLs sold; after each, what a bare order and a bare commit take."""
    it.box.accounts.append(account(OTHER, it.exchange))
    it.box.write_accounts()
    it.admin.post("reload")
    market = next(one for one in MARKETS if (one.exchange, one.category) == (it.exchange, "spot"))
    with closing(Desk(it.box, market, OTHER)) as desk, closing(_database(home / "bare.db")) as database:
        for number in range(count):
            order = it.rest_order()
            time.sleep(PACE)
            bought = it.admin.fill(order["order_id"])
            time.sleep(PACE)
            it.admin.fill(_resting(it, bought["traded_at"]))
            time.sleep(PACE)
            trip = _round_trip(desk, number)
            time.sleep(PACE)
            yield Alone(trip, _commit(database))


def _resting(it: Scene, since: int) -> str:
    """The order id of the SELL that rests; the exchange is asked seldom, for it has the SELL to take."""
    rows = eventually(
        lambda: [row for row in it.admin.truth(ACCOUNT, since=since)["orders"] if row["side"] == "sell"],
        lambda rows: any(row["status"] == "open" for row in rows),
        every=PACE,
        what=f"a SELL that rests ({it.daemon.log_path})",
    )
    return next(str(row["order_id"]) for row in rows if row["status"] == "open")


def _round_trip(desk: Desk, number: int) -> float:
    """From when an order leaves until its answer is read, ms; filled afterwards, so that the exchange's counts stay low."""
    plan = desk.trading.place(desk.order(f"bench-{number}"))
    reply = desk.client.call(next(plan))
    try:
        plan.send(reply)
    except StopIteration as end:
        accepted = end.value
    if not isinstance(accepted, Accepted):
        raise SystemExit(f"a bare order came to {accepted}")
    desk.box.admin.fill(accepted.order_id)
    return (reply.ended - reply.began) * 1000


def _database(path: Path) -> sqlite3.Connection:
    """One table, kept as the ledger is."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE bare (row TEXT)")
    return database


def _commit(database: sqlite3.Connection) -> float:
    """One row, on the disk; ms."""
    began = time.monotonic()
    database.execute("INSERT INTO bare VALUES ('a row')")
    return (time.monotonic() - began) * 1000


# -------------------------------------------------------------------- what is told


def _lots(url: str) -> list[tuple[int, Lot]]:
    """Every trade and the sequence of its BUY fill, in the order in which they began."""
    with closing(Reader(url)) as reader:
        rows = reader.trades(account=ACCOUNT, limit=0)
        return [(row["seq"], msgspec.json.decode(row["detail"], type=Lot)) for row in rows]


def told(
    lots: Sequence[tuple[int, Lot]],
    steps: Sequence[Step],
    commits: Sequence[tuple[int, int]],
    calls: Sequence[int],
) -> Iterator[Way]:
    """The way of each trade whose first SELL came to rest.

    Fill and SELL are known by their ids, the commit by the fill's sequence; the call is the
    last one before the SELL was taken, for one order leaves at a time.
    """
    filled = {step.trade_id: step.ns for step in steps if step.what == "trade"}
    taken = {step.client_order_id: step.ns for step in steps if step.what == "new"}
    for sequence, lot in lots:
        rests = taken.get(lot.sells[0].client_order_id) if lot.sells else None
        if rests is not None:
            _, committed = commits[bisect_left(commits, sequence, key=itemgetter(0))]
            left = calls[bisect_left(calls, rests) - 1]
            yield Way(filled[lot.bought.trade_id], committed, left, rests)


def results(exchange: str, ways: Sequence[Way], alone: Sequence[Alone]) -> list[Result]:
    """Ratios, each with the milliseconds behind it."""
    parts = {
        "fill to SELL resting": [(way.rests - way.filled) / 1e6 for way in ways],
        "fill to committed": [(way.committed - way.filled) / 1e6 for way in ways],
        "to leaving": [(way.left - way.committed) / 1e6 for way in ways],
        "to resting": [(way.rests - way.left) / 1e6 for way in ways],
    }
    (whole, way), *shares = ((what, percentiles(values)) for what, values in parts.items())
    trip, commit = (percentiles(values) for values in zip(*alone, strict=True))
    return [
        Result("sell", f"{exchange}: {whole} vs an order's round trip, {key}", way[f"{key}_ms"] / trip[f"{key}_ms"],
               must, aim, "lower", "x",
               f"{way[f'{key}_ms']:.2f} against {trip[f'{key}_ms']:.2f} ms; "
               + ", ".join(f"{what} {share[f'{key}_ms']:.2f}" for what, share in shares)
               + f"; a bare commit {commit[f'{key}_ms']:.2f}; {len(ways)} trades")
        for key, must, aim in (("p50", 4, 2), ("p99", 6, 3))
    ]  # fmt: skip

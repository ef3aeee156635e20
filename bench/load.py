"""What a thousand events a second cost when everybody looks on, and whether the page keeps up.

A whole daemon with its page on watches one account: what is asked by REST the sandbox
answers, the stream comes from a blaster, a thousand fills a second for as long as it
takes. Rounds alternate between one in which nobody asks anything and one in which
everybody does (bench/crowd); in the last one a browser shows the page and nobody else
asks (bench/onlooker). The frames bear the moment at which they were sent, and the daemon
remembers when it committed what (bench/stamped), so the figures of a round are of
exactly the frames that were sent in it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import click

from bench.crowd import HAMMERS, LISTENERS
from bench.onlooker import Seen, look
from bench.pipeline import percentiles, waits
from bench.processes import ROOT, blaster
from bench.result import Result
from bench.stamped import Stamped
from tests.end_to_end.kit import scene
from tests.support.browser import MISSING, program

SECONDS, ROUNDS, LOOK = 20, 3, 60
RATE = 1_000
ENDLESS = 10_000_000  # frames
SETTLE = 2.0  # seconds between two rounds
ACCOUNT = "main"
UNSEEN = {"audit_every": 3600}  # the sandbox knows nothing of what the blaster says
FIRST_TRADE = 4_000_000_000  # of the blaster's frames (bench/frames)


class Round(NamedTuple):
    """When it was (ns), what share of one processor the daemon used, and what the crowd saw if there was one."""

    begin: int
    end: int
    busy: float
    crowd: dict[str, Any]


class Frame(NamedTuple):
    """When it was sent and when what it says was committed, ns."""

    sent: int
    committed: int


def run(*, quick: bool = False) -> list[Result]:
    """p99 with everybody against p99 with nobody, the median of the pairs; and how far behind those were who looked."""
    seconds, rounds, looking = (5, 1, 20) if quick else (SECONDS, ROUNDS, LOOK)
    browser = program()
    if browser is None:
        click.echo(f"the page is left out: {MISSING}", err=True)
    with tempfile.TemporaryDirectory() as home, blaster(ENDLESS, RATE) as port:
        stream = {"ws_url": f"ws://127.0.0.1:{port}/ws-api/v3", **UNSEEN}
        with scene(Path(home), {ACCOUNT: stream}, make=Stamped) as it:
            daemon = it.daemon
            assert isinstance(daemon, Stamped)
            pairs = [(_round(daemon, seconds), _loaded(daemon, seconds)) for _ in range(rounds)]
            seen = look(browser, daemon, looking) if browser else None
            daemon.terminate(10)
            commits = daemon.commits()
            frames = [
                Frame(sent, sent + round(ms * 1e6))
                for sent, ms in waits(f"sqlite:///{home}/data/vigil.db", commits)
            ]
    return [*_crowded(pairs, frames, commits), *(_page(seen, frames) if seen else ())]


def _round(daemon: Stamped, seconds: float) -> Round:
    time.sleep(SETTLE)
    used, begin = daemon.seconds(), time.monotonic_ns()
    time.sleep(seconds)
    end = time.monotonic_ns()
    return Round(begin, end, (daemon.seconds() - used) / (end - begin) * 1e9, {})


def _loaded(daemon: Stamped, seconds: float) -> Round:
    with (
        _crowd("listeners", *daemon.page()) as listeners,
        _crowd("hammers", daemon.socket_path) as hammers,
    ):
        alone = _round(daemon, seconds)
        return alone._replace(crowd={**_told(hammers), **_told(listeners)})


@contextmanager
def _crowd(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """All of them, from when each has heard something."""
    command = [sys.executable, "-m", "bench.crowd", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{' '.join(command)} failed")
            yield process
        finally:
            process.kill()


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """End it; what it saw, and the seconds in which it did."""
    out, _ = process.communicate(timeout=30)
    told: dict[str, Any] = json.loads(out)
    return told


# ------------------------------------------------------------------- figures


def _crowded(
    pairs: Sequence[tuple[Round, Round]], frames: list[Frame], commits: list[tuple[int, int]]
) -> list[Result]:
    free, full = ([_latency(one, frames) for one in column] for column in zip(*pairs, strict=True))
    ratio = statistics.median(one["p99_ms"] / other["p99_ms"] for one, other in zip(full, free, strict=True))
    crowds = [one.crowd for _, one in pairs]
    behind = [age for _, one in pairs for age in _ages(one, commits)]
    skipped = sum(crowd["skipped"] for crowd in crowds)
    failed = sum(crowd["failed"] for crowd in crowds)
    rates = [f"{sum(crowd[what] for crowd in crowds) / sum(crowd['seconds'] for crowd in crowds):,.0f} {unit}"
             for what, unit in (("answers", "answers/s at the socket"), ("tailed", "rows/s to a tail"),
                                ("requests", "requests/s"), ("MB", "MB/s of events"))]  # fmt: skip
    return [
        Result("load", "event to commit p99, everybody vs nobody", ratio, 2, 1.5, "lower", "x",
               f"{_shown(full, 'p99_ms')} against {_shown(free, 'p99_ms')} ms; daemon's processor "
               f"{_median(one.busy for _, one in pairs):.0%} against {_median(one.busy for one, _ in pairs):.0%}"),
        Result("load", f"slowest of {LISTENERS} listeners behind the ledger, p99", percentiles(behind)["p99_ms"],
               2000, 1000, "lower", "ms", f"p50 {statistics.median(behind):.0f} ms; {', '.join(rates)}"),
        Result("load", "listeners told that they missed something, requests refused", skipped + failed, 0, 0,
               "lower", "", f"{skipped} and {failed}; {HAMMERS} clients asked the socket without a pause"),
    ]  # fmt: skip


def _page(seen: Seen, frames: list[Frame]) -> list[Result]:
    committed = [frame.committed for frame in frames]
    rows, ages = [], []
    for moment, trade, _ in seen.shown:
        shown, known = trade - FIRST_TRADE + 1, bisect_right(committed, moment)
        rows.append(float(max(0, known - shown)))
        ages.append(max(0.0, (moment - committed[shown]) / 1e6))
    elements = [count for *_, count in seen.shown]
    meanwhile = _latency(Round(seen.begin, seen.end, 0, {}), frames)
    return [
        Result("load", "page: newest fill shown behind the ledger, p99", percentiles(ages)["p99_ms"], 1000, 600,
               "lower", "ms", f"p50 {statistics.median(ages):.0f} ms, {max(rows):,.0f} fills at most; "
               f"event to commit p99 {meanwhile['p99_ms']:.2f} ms meanwhile"),
        Result("load", "page: longest task of its main thread", max(seen.tasks, default=0.0), 200, 100,
               "lower", "ms", f"{len(seen.tasks)} of 50 ms or longer in {(seen.end - seen.begin) / 1e9:.0f} s"),
        Result("load", "page: elements, most", max(elements), 4000, 2500, "lower", "",
               f"{min(elements):,} to {max(elements):,}"),
        Result("load", "page: scripts keep more than before", seen.after - seen.before, 10, 3, "lower", "MB",
               f"{seen.before:.1f} MB before, {seen.after:.1f} after"),
    ]  # fmt: skip


def _latency(one: Round, frames: list[Frame]) -> dict[str, float]:
    """Of the frames that were sent in that round."""
    first, last = (bisect_left(frames, moment, key=itemgetter(0)) for moment in (one.begin, one.end))
    return percentiles([(frame.committed - frame.sent) / 1e6 for frame in frames[first:last]])


def _ages(one: Round, commits: list[tuple[int, int]]) -> Iterator[float]:
    """At each look at the slowest listener: how long ago what he lacked was committed, ms."""
    for moment, last in one.crowd["slowest"]:
        if one.begin <= moment < one.end:
            _, lacked = commits[bisect_right(commits, last, key=itemgetter(0))]
            yield max(0.0, (moment - lacked) / 1e6)


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def _shown(rounds: Sequence[dict[str, float]], key: str) -> str:
    return ", ".join(f"{one[key]:.2f}" for one in rounds)

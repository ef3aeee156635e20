"""A ledger of millions of fills: how fast it takes more, opens, answers, and proves itself.

For each database a ledger is grown (bench/grown) and then

* takes events of an account that it knows, with ids scattered among those that are
  there, against the same path into an empty ledger, and against the limits that
  `durable` has (raw `executemany`, one event a commit);
* is opened;
* is asked over the control socket of a daemon (fills, orders, status, with filters)
  while the sandbox sends a burst to an account of it;
* is rebuilt from its journal and compared, row by row.

With `--ledgers FOLDER` the grown ledgers are kept there and used again.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import click

from bench.durable import Rates, rates, ratios
from bench.grown import grow
from bench.processes import ROOT
from bench.result import Result
from core.clock import SystemClock
from models.ledger import Ledger
from models.rebuild import rebuild
from tests.end_to_end.kit import Scene, keeping_in, scene
from tests.support.postgres import MISSING, Postgres, programs

FILLS, ROUNDS, EVENTS, OPENINGS, QUESTIONS = 5_000_000, 3, 40_000, 5, 40
DATABASES = ("sqlite", "postgresql")
KNOWN = "fund"
"""An account of the grown ledger, at Binance as the frames are."""
BUSY = "busy"
"""An account that is new to it."""
SAFE = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "40"}
"""A server's own settings else: what is committed is on the disk."""
HOUR_MS = 3_600_000


def run(*, quick: bool = False, database: str = "both", ledgers: Path | None = None) -> list[Result]:
    """All of it for one database or both."""
    fills, rounds, events = (120_000, 1, 4_000) if quick else (FILLS, ROUNDS, EVENTS)
    results: list[Result] = []
    with ExitStack() as stack:
        home = ledgers or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        for name in (one for one in DATABASES if database in (one, "both")):
            with _places(name, home) as (empty, grown):
                _until_grown(grown, fills)
                results += _rates(name, empty, grown, rounds, events)
                results += _openings(name, grown)
                results += _answers(name, grown)
                results += _proof(name, grown)
    return [*results, _command_line()]


@contextmanager
def _places(name: str, home: Path) -> Iterator[tuple[str, str]]:
    """The addresses of an empty ledger and of the grown one."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            yield f"sqlite:///{folder}/empty.db", f"sqlite:///{home.absolute()}/vigil.db"
            return
        installed = programs()
        if installed is None:
            raise click.ClickException(MISSING)
        server = Postgres(installed, home / "postgresql", SAFE)
        try:
            server.start()
            for wanted in {"empty", "grown"} - {
                name for (name,) in server.tell("SELECT datname FROM pg_database")
            }:
                server.tell(f"CREATE DATABASE {wanted}")
            yield server.url("empty"), server.url("grown")
            server.tell("DROP DATABASE empty WITH (FORCE)")
        finally:
            server.stop()


def _until_grown(url: str, fills: int) -> None:
    with closing(Ledger.open(url, SystemClock())) as ledger:
        known = ledger.fills
    if known >= fills:
        return
    if known:
        raise click.ClickException(f"the ledger that is kept has {known:,} fills of {fills:,}: remove it")
    click.echo(f"growing {fills:,} fills …", err=True)
    grow(url, fills)


def _rates(name: str, empty: str, grown: str, rounds: int, events: int) -> list[Result]:
    """Rounds alternate, so that what the machine does meanwhile falls on both."""
    begun = time.time_ns() // 1_000 % 2**30  # events that no earlier run has brought into this ledger
    into_empty: list[Rates] = []
    into_grown: list[Rates] = []
    for number in range(rounds):
        first = begun + number * 4 * events
        into_empty.append(rates(empty, KNOWN, events, first))
        into_grown.append(rates(grown, KNOWN, events, first))
    ratio = statistics.median(full.path / new.path for full, new in zip(into_grown, into_empty, strict=True))
    figures = [statistics.median(one.path for one in those) for those in (into_grown, into_empty)]
    return [
        *ratios("storage", f"{name}, empty: ", into_empty),
        *ratios("storage", f"{name}, grown: ", into_grown),
        Result("storage", f"{name}: rate with {_count(grown):,} fills vs empty", ratio, 0.3, 0.6, "higher", "x",
               f"{figures[0]:,.0f} against {figures[1]:,.0f} events/s"),
    ]  # fmt: skip


def _openings(name: str, url: str) -> list[Result]:
    taken = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        Ledger.open(url, SystemClock()).close()
        taken.append((time.perf_counter() - began) * 1000)
    return [
        Result("storage", f"{name}: open it", max(taken), 1000, 100, "lower", "ms",
               f"the slowest of {OPENINGS}, p50 {statistics.median(taken):.1f} ms")
    ]  # fmt: skip


def _answers(name: str, url: str) -> list[Result]:
    """Answers at the control socket while the sandbox sends events as fast as it trades."""
    now = SystemClock().wall_ms()
    questions: dict[str, dict[str, Any]] = {
        "status": {},
        "fills": {},
        "fills of an account": {"account": KNOWN},
        "fills of a symbol": {"symbol": "ETHUSDT"},
        "fills of a symbol nobody trades": {"symbol": "NONEUSDT"},
        "fills of an hour": {"since": now - HOUR_MS},
        "orders": {},
        "orders of an account": {"account": KNOWN},
        "orders of a symbol": {"symbol": "ETHUSDT"},
        "open orders": {"open": True},
    }
    taken: dict[str, list[float]] = {question: [] for question in questions}
    with (
        tempfile.TemporaryDirectory() as folder,
        scene(Path(folder), {BUSY: {}}, make=keeping_in(url)) as it,
    ):
        before = _written(it)
        with it.burst(BUSY, count=20 * QUESTIONS, rate=400):
            for _ in range(QUESTIONS):
                for question, filters in questions.items():
                    began = time.perf_counter()
                    it.daemon.ask(question.split()[-1 if question.startswith("open") else 0], **filters)
                    taken[question].append((time.perf_counter() - began) * 1000)
        written = _written(it) - before
    slowest = max(taken, key=lambda question: _p99(taken[question]))
    return [
        Result("storage", f"{name}: {question} at the socket, p99", _p99(taken[question]), 50, 20, "lower", "ms",
               f"p50 {statistics.median(taken[question]):.1f} ms, {written:,} statements written meanwhile")
        for question in ("status", "fills", "orders", slowest)
    ]  # fmt: skip


def _written(it: Scene) -> int:
    return int(it.daemon.status()["ledger"]["sequence"])


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _proof(name: str, url: str) -> list[Result]:
    began = time.perf_counter()
    found = rebuild(url, check=True)
    seconds = time.perf_counter() - began
    for line in found.differences[:20]:
        click.echo(f"    {line}", err=True)
    return [
        Result("storage", f"{name}: differences between views and journal", found.different, 0, 0, "lower", "",
               f"{found.statements:,} statements in {seconds:.0f} s")
    ]  # fmt: skip


def _command_line() -> Result:
    """What the command line adds to an interpreter that does nothing."""

    def taken(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
        return (time.perf_counter() - began) * 1000

    pairs = [(taken("supervisor.py", "--help"), taken("-c", "pass")) for _ in range(15)]
    added = statistics.median(with_it - without for with_it, without in pairs)
    bare = statistics.median(without for _, without in pairs)
    return Result("storage", "command line: start-up added", added, 150, 75, "lower", "ms",
                  f"an interpreter alone {bare:.0f} ms")  # fmt: skip


def _count(url: str) -> int:
    with closing(Ledger.open(url, SystemClock())) as ledger:
        return ledger.fills

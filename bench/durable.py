"""How many events a second the whole path makes durable, against what the storage allows.

From the socket to committed journal, frame, fill and order rows, `synchronous =
FULL`. Held against the same rows written by `executemany` into the same tables
in transactions of the same size, and against the same path when it commits every
event alone.
"""

import statistics
import tempfile
from typing import NamedTuple

from bench.processes import blaster, figures_of
from bench.raw import batch_size, raw_rate
from bench.result import Result

MANY, FEW, ROUNDS = 60_000, 4_000, 3
TOGETHER = 1000


class Rates(NamedTuple):
    """Events a second: the whole path, the same rows by `executemany`, and the path with one event a commit."""

    path: float
    raw: float
    alone: float


def run(*, quick: bool = False) -> list[Result]:
    """Two ratios: to raw batches, and to ourselves without group commit."""
    count, rounds = (MANY // 10, 1) if quick else (MANY, ROUNDS)
    measured = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            measured.append(rates(f"sqlite:///{folder}/vigil.db", "bench", count, number * 10 * MANY))
    return ratios("durable", "", measured)


def ratios(bench: str, where: str, measured: list[Rates]) -> list[Result]:
    """What the rounds come to; each ratio is the median of those of one round."""
    ours, raw, alone = (statistics.median(column) for column in zip(*measured, strict=True))
    to_raw = statistics.median(one.path / one.raw for one in measured)
    to_single = statistics.median(one.path / one.alone for one in measured)
    return [
        Result(bench, f"{where}vs raw executemany, same rows and batches", to_raw, 0.3, 0.5, "higher", "x",
               f"{ours:,.0f} against {raw:,.0f} events/s"),
        Result(bench, f"{where}vs committing every event alone", to_single, 8, 12, "higher", "x",
               f"{ours:,.0f} against {alone:,.0f} events/s"),
    ]  # fmt: skip


def rates(url: str, account: str, count: int, first: int) -> Rates:
    """One round in the database behind the URL; no event number from `first` on was used there before."""
    path, behind = _path(url, account, TOGETHER, count, first)
    raw = raw_rate(url, behind, batch_size(url, behind), count)
    alone, _ = _path(url, account, 1, FEW, first + count)
    return Rates(path, raw, alone)


def _path(url: str, account: str, most: int, count: int, first: int) -> tuple[float, int]:
    """Events a second, and the journal's seq before them."""
    with blaster(count, first=first) as port:
        figures = figures_of("bench.pipeline", url, most, count, f"{account}={port}")
    return figures["events"] / figures["seconds"], figures["behind"]

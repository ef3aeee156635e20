"""How long it takes from a frame being sent to its facts being committed.

Paced as exchanges are: a thousand events a second on one account, three accounts
at once, and bursts of fifty frames. Sender and daemon are two processes on one
machine, so the figures hold for a loaded small machine and not for a network.
"""

import statistics
import tempfile
from contextlib import ExitStack
from typing import Any

from bench.processes import blaster, figures_of
from bench.result import Result

SECONDS, ROUNDS = 10, 3


def run(*, quick: bool = False) -> list[Result]:
    """Percentiles in ms; the median of the rounds."""
    seconds, rounds = (2, 1) if quick else (SECONDS, ROUNDS)
    one = _measure(rounds, accounts=1, rate=1000, group=1, seconds=seconds)
    three = _measure(rounds, accounts=3, rate=1000, group=1, seconds=seconds)
    bursts = _measure(rounds, accounts=1, rate=1000, group=50, seconds=seconds)
    return [
        _result("1000/s, one account: p50", one, "p50_ms", 1, 0.5),
        _result("1000/s, one account: p99", one, "p99_ms", 5, 3),
        _result("three accounts at 1000/s: p99", three, "p99_ms", 10, 5),
        _result("bursts of 50 at 20 Hz: p99", bursts, "p99_ms", 20, 10),
    ]


def _measure(rounds: int, *, accounts: int, rate: float, group: int, seconds: int) -> list[dict[str, Any]]:
    return [_round(accounts, rate, group, int(rate * seconds)) for _ in range(rounds)]


def _round(accounts: int, rate: float, group: int, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ports = [stack.enter_context(blaster(count, rate, group)) for _ in range(accounts)]
        served = [f"bench-{number}={port}" for number, port in enumerate(ports)]
        return figures_of("bench.pipeline", f"sqlite:///{folder}/vigil.db", 1000, count, *served)


def _result(what: str, rounds: list[dict[str, Any]], key: str, must: float, aim: float) -> Result:
    value = statistics.median(figures[key] for figures in rounds)
    seen = ", ".join(f"{figures[key]:.2f}" for figures in rounds)
    return Result("latency", what, value, must, aim, "lower", "ms", f"rounds: {seen}")

"""B22: whatever replaces a connection, nothing of the old one stays: threads, sockets, descriptors, memory.

Connections are reset, rotated and restarted by a person a few times at every
exchange, pollers and keepalives too. A thousand resets are in bench/soak, which
finds less than 3 MB behind them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.kit import Row, steady
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

ROTATIONS, ROUNDS = 3, 3
MEMORY_MB = 10
ROLES: dict[str, Row] = {"rotating": {"rotate_after": 6}, "still": {}}
"""All rotate at nearly the same time, and a change takes two seconds: between two there is a time of rest."""


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("leaks"), roles=ROLES) as them:
        yield them
        assert them.daemon.terminate() == 0


def held(them: Together) -> tuple[int, int, int]:
    """Threads, sockets, descriptors."""
    descriptors = len(list(Path(f"/proc/{them.daemon.pid}/fd").iterdir()))
    return them.daemon.threads(), them.daemon.sockets(), descriptors


def memory(them: Together) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{them.daemon.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def replaced(it: Part, how: str) -> None:
    """Another generation of the connection, and the account live on it."""
    before = it.generation()
    if how == "reset":
        it.fault("drop")
    else:
        for actor in ("poller", "keepalive", "connection"):
            it.daemon.ask("restart", target=f"{it.name}/{actor}")
    eventually(lambda: it.generation() > before, what="another generation")


def test_nothing_stays_of_connections_that_were_replaced_in_whatever_way(them: Together) -> None:
    still, rotating = them.playing("still"), them.playing("rotating")
    for it in still:  # once uncounted: pools and caches fill
        replaced(it, "restart")
    for it in still:
        it.until_live()
    for it in rotating:
        eventually(lambda it=it: rotations(it) >= 1, what="a rotation")  # type: ignore[misc]
    threads = min(steady(them.daemon.threads) for _ in range(3))
    before, size = held_at(them, threads), memory(them)
    for number in range(ROUNDS):
        for it in still:
            replaced(it, "reset" if number % 2 else "restart")
        for it in still:
            it.until_live()
            assert it.fill_of(it.trade())["source"] == "stream"
            it.clear()
    for it in rotating:
        eventually(lambda it=it: rotations(it) >= ROTATIONS, what="rotations")  # type: ignore[misc]
        assert (it.row["reconnects"], it.generation()) == (0, 1)
    eventually(
        lambda: held(them),
        lambda now: all(one <= other for one, other in zip(now, before, strict=True)),
        what=f"{before} threads, sockets and descriptors again",
    )
    assert memory(them) - size < MEMORY_MB
    for it in them:
        it.agrees()


def held_at(them: Together, threads: int) -> tuple[int, int, int]:
    """What is held at a moment at which no rotation is under way."""
    return eventually(lambda: held(them), lambda now: now[0] == threads, what=f"{threads} threads")


def rotations(it: Part) -> int:
    return len(it.logged("stream_rotated", account=it.name))

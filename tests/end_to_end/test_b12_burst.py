"""B12: ten thousand events in a burst while a subscriber sleeps: each is a row, none is dropped, memory is bounded.

The burst comes from all exchanges at once. The subscriber follows with `tail`, reads
one fact and then nothing until the burst is over; what the daemon would have to
keep for it is in the journal already.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from control.client import Client, NoAnswer
from tests.end_to_end.kit import Row, steady
from tests.end_to_end.together import Together, together

EVENTS, ORDERS = 10_000, 640
MEMORY_MB = 60


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("burst"), {"audit_every": 600}) as them:
        yield them
        assert them.daemon.terminate() == 0


def memory(them: Together) -> float:
    """The most that the process ever held, MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{them.daemon.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def burst(them: Together) -> None:
    """As fast as possible, everywhere at once; returns when all has happened."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(them.admin.burst, it.name, ORDERS, symbol=it.symbol) for it in them]:
            done.result()


def heard_behind(last: int, newest: int, following: Iterator[Row], them: Together) -> list[int]:
    """What follows up to the newest; one who was given up for asleep goes on behind what he has."""
    seqs: list[int] = []
    try:
        while last < newest:
            last = next(following)["seq"]
            seqs.append(last)
    except NoAnswer:
        with Client(them.daemon.socket_path) as again:
            seqs += heard_behind(last, newest, again.tail(after=last), them)
    return seqs


def test_ten_thousand_events_are_ten_thousand_rows_while_a_subscriber_sleeps(them: Together) -> None:
    it = them["binance"]
    it.fill_of(it.trade())
    it.agrees()
    before, size = steady(lambda: them.daemon.status()["ledger"]["sequence"]), memory(them)
    with Client(them.daemon.socket_path) as subscriber:
        following = subscriber.tail(after=before - 1)
        assert next(following)["seq"] == before
        burst(them)
        for it in them:
            it.agrees(within=30)
        ledger = them.daemon.status()["ledger"]
        assert heard_behind(before, ledger["sequence"], following, them) == [
            *range(before + 1, ledger["sequence"] + 1)
        ]
    assert ledger["sequence"] - before >= EVENTS
    assert ledger["spilled"] == 0
    assert memory(them) - size < MEMORY_MB
    for it in them:
        assert {fill["source"] for fill in it.fills()} == {"stream"}
        assert len(it.fills()) >= ORDERS
        row = it.row
        assert (row["state"], row["reconnects"]) == ("live", 0)
    assert {actor["mailbox"]["dropped"] for actor in them.daemon.ask("actors")} == {0}

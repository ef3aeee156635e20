"""kill -9 at any moment: what was said to be stored or on disk is there afterwards, once."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actors.feed import Feed
from actors.inlet import Inlet
from actors.persistence import PersistenceActor
from core.status import LedgerVitals
from tests.support.actors import listening
from tests.support.ledger import rows
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


def killed_after(place: str, folder: Path, first: int, how: str, lines: int) -> list[int]:
    """Let a process write until it has said so many numbers, kill it, and return all it said."""
    command = [sys.executable, "-m", "tests.actors.killed_writer", place, str(folder), str(first), how]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout is not None
        said = [next(process.stdout) for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    return [int(line) for line in said if line.endswith("\n")]


def replayed(place: str, folder: Path) -> list[int]:
    """What the ledger holds once a next boot has replayed what was left."""
    with listening() as listener:
        vitals = LedgerVitals()
        inlet = Inlet(folder / "spill", listener.clock, vitals)
        PersistenceActor.start(
            listener.context("core/persistence"),
            url=place,
            inlet=inlet,
            feed=Feed(),
            vitals=vitals,
        )
        eventually(
            lambda: (vitals.spilled, list((folder / "spill").glob("*.spill"))), lambda left: left == (0, [])
        )
    return [int(key) for key in rows(place, "journal", "key")]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_writer_that_is_killed_again_and_again_stores_each_fact_once(
    place: str, tmp_path: Path, seed: Any
) -> None:
    moments = random.Random(seed)
    said: list[int] = []
    for _ in range(2):
        first = max(said, default=-1) + 100_000
        said += killed_after(place, tmp_path, first, "spilling", moments.randint(1, 900))
    held = replayed(place, tmp_path)
    assert len(held) == len(set(held))
    assert set(said) <= set(held)


def test_what_was_on_disk_when_the_process_was_killed_is_replayed_whole_in_order_and_once(
    place: str,
    tmp_path: Path,
) -> None:
    first = killed_after(place, tmp_path, 0, "alone", 500)
    second = killed_after(place, tmp_path, 1_000_000, "alone", 500)
    held = replayed(place, tmp_path)
    assert len(held) == len(set(held))
    assert held == sorted(held)
    assert {*first, *second} <= set(held)

"""The uptime of accounts from a real ledger, over restarts, read once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.uptimes import UNSEEN, Uptimes
from core.clock import SystemClock
from core.records import ConnectionState, Proof
from core.uptime import WITHOUT_A_WORD
from models.ledger import Ledger
from models.read import Reader, Row
from tests.support.ledger import url

MINUTE = 60_000


class Counting(Reader):
    """Counts the rows that are read."""

    read = 0

    def transitions(self, *, after: int) -> list[Row]:
        rows = super().transitions(after=after)
        self.read += len(rows)
        return rows


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.open(url(tmp_path / "vigil.db"), SystemClock())
    yield made
    made.close()


@pytest.fixture
def reader(ledger: Ledger, tmp_path: Path) -> Iterator[Counting]:
    made = Counting(url(tmp_path / "vigil.db"))
    yield made
    made.close()


def states(ledger: Ledger, account: str, *steps: tuple[int, str, str]) -> None:
    """(minute, previous, state)"""
    ledger.write(
        [
            ConnectionState(at * MINUTE, account, state, previous, f"to {state}")
            for at, previous, state in steps
        ]
    )


def proof(ledger: Ledger, account: str, at: int) -> None:
    ledger.write([Proof(at * MINUTE, account, "spot", (at - 5) * MINUTE, at * MINUTE, "audit")])


def shown(uptimes: Uptimes, reader: Reader, account: str, minute: int) -> tuple[Any, ...]:
    row = uptimes.of_accounts(reader, minute * MINUTE)[account]
    return row["uptime_pct"], row["blind_s"], row["gaps"], row["last_cause"]


def test_nobody_was_seen_in_an_empty_ledger(reader: Reader) -> None:
    assert Uptimes(0).of_accounts(reader, 5) == {}
    assert set(UNSEEN.values()) == {None}


def test_each_state_is_read_once_however_often_one_asks(ledger: Ledger, reader: Counting) -> None:
    uptimes = Uptimes(0)
    states(ledger, "main", (0, "reconciling", "live"))
    states(ledger, "other", (0, "reconciling", "live"))
    assert shown(uptimes, reader, "main", 10) == (100.0, 0.0, 0, None)
    states(ledger, "main", (10, "live", "backoff"))
    assert shown(uptimes, reader, "main", 20) == (50.0, 600.0, 1, "to backoff")
    assert shown(uptimes, reader, "other", 20) == (100.0, 0.0, 0, None)
    assert reader.read == 3


def test_a_kill_ends_the_state_at_the_last_proof_of_that_account(ledger: Ledger, reader: Reader) -> None:
    states(ledger, "main", (0, "reconciling", "live"))
    proof(ledger, "main", 6)
    proof(ledger, "other", 8)
    states(ledger, "main", (10, "starting", "connecting"), (11, "connecting", "reconciling"))
    proof(ledger, "main", 12)
    uptimes = Uptimes(1)
    assert shown(uptimes, reader, "main", 12) == (50.0, 300.0, 1, WITHOUT_A_WORD)


def test_what_only_an_earlier_daemon_has_said_is_over(ledger: Ledger, reader: Reader) -> None:
    """A disabled account says nothing; neither does one in the first moment of a daemon."""
    states(ledger, "main", (0, "reconciling", "live"))
    proof(ledger, "main", 5)
    uptimes = Uptimes(newest=reader.newest_transition())
    assert shown(uptimes, reader, "main", 10) == (50.0, 300.0, 1, WITHOUT_A_WORD)
    states(ledger, "main", (10, "starting", "live"))
    assert shown(uptimes, reader, "main", 20) == (75.0, 300.0, 1, WITHOUT_A_WORD)

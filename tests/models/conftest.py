"""A ledger of its own for each test, in every database; and a path for tests of files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from models.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vigil.db"


@pytest.fixture
def ledger(place: str) -> Iterator[Ledger]:
    opened = Ledger.open(place, SystemClock())
    yield opened
    opened.close()

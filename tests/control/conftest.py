"""A served socket, and clients that speak it by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.kit import Served, serve


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server on a socket of its own, over a daemon of memory."""
    with serve(tmp_path / "control.sock") as running:
        yield running

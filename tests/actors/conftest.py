"""Log lines are kept instead of printed: a test may read them, and a crash on purpose costs nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """Every event that was logged during the test."""
    with capture_logs() as events:
        yield events

"""A site that anybody on this machine may use, and one that asks for a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.kit import TOKEN, Site, serve


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve(tmp_path) as running:
        yield running


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Site]:
    with serve(tmp_path, TOKEN) as running:
        yield running

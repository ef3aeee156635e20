"""Stories that hold for every exchange are told of every exchange."""

import pytest

from exchanges.registry import REGISTRY


@pytest.fixture(params=sorted(REGISTRY))
def exchange(request: pytest.FixtureRequest) -> str:
    """The name of an exchange that vigil speaks; each in turn."""
    name: str = request.param
    return name

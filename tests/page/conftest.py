"""One browser and one daemon for all tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import MISSING, launched, program, watched

Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer: while its driver lives, no other test of this worker can run a loop of asyncio."""
    path = program()
    if path is None:
        pytest.skip(MISSING)
    with launched(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Open:
    """`with opened(color_scheme="dark") as page:` is an empty page of that kind."""
    return partial(watched, browser)


@pytest.fixture
def page(opened: Open) -> Iterator[Page]:
    with opened() as page:
        yield page


def text_of(found: Any) -> str:
    """What a person reads there, in one line."""
    return " ".join(found.inner_text().split())

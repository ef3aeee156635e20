"""Waiting for what another thread or process will make true.

Inside one process tests wait on events. Across processes there is only asking
again; `eventually` asks until it is so, and says what it saw last when it never
became so.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SLOWLY = 0.1


def eventually(
    ask: Callable[[], T],
    is_so: Callable[[T], bool] = bool,
    *,
    within: float = 30.0,
    every: float = 0.02,
    what: str = "what was waited for",
) -> T:
    """The first answer of `ask` for which `is_so` holds; AssertionError with the last one otherwise.

    What is long in coming is asked for less and less often, down to ten times a second:
    whoever is asked has something else to do.
    """
    deadline = time.monotonic() + within
    pause = every
    while True:
        answer = ask()
        if is_so(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s; last seen: {answer!r}")
        time.sleep(pause)
        pause = min(pause * 1.05, max(every, SLOWLY))

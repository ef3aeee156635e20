"""The one place of the sandbox that reads the time.

A venue stamps everything with its own clock, so that a fault can step the
clock of one exchange and leave the others alone.
"""

import time


class Clock:
    """The wall clock of one exchange, in milliseconds."""

    def __init__(self) -> None:
        self.step_ms = 0

    def now(self) -> int:
        """Milliseconds since 1970, as this exchange believes."""
        return time.time_ns() // 1_000_000 + self.step_ms


def monotonic() -> float:
    """Seconds that never step; for deadlines."""
    return time.monotonic()

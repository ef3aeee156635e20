"""Time, as everything here sees it.

This file decides which clocks exist and what each is for; it is the only one
that reads them, so that a test can hand in its own.

* `wall_ms` stamps what people read; it may jump and decides nothing.
* `monotonic` measures waits inside a running process.
* `boottime` measures ages and duties: it goes on while the machine sleeps, so a
  laptop that wakes up knows that its stream is old (rule S20).
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What a rule or a shell may ask about time."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step; they stop while the machine is suspended."""
        ...

    def boottime(self) -> float:
        """Seconds that never step and go on while the machine is suspended."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

"""A clock that only the test moves.

Actors with a ManualClock hear their timers when the test advances it, provided
that it drives their mailbox: a thread that waits on real time would not notice.
"""

import threading

from actors.base import MailboxActor
from actors.mailbox import Mailbox

START_WALL_MS = 1_700_000_000_000


class ManualClock:
    """Implements core.clock.Clock; all three clocks move together unless told otherwise."""

    def __init__(self, wall_ms: int = START_WALL_MS, monotonic: float = 1_000.0) -> None:
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._boottime = monotonic + 500.0
        self._lock = threading.Lock()
        self._driven: list[Mailbox] = []

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic(self) -> float:
        return self._monotonic

    def boottime(self) -> float:
        return self._boottime

    def advance(self, seconds: float) -> None:
        """Time goes by, and those who wait for it look again."""
        with self._lock:
            self._wall_ms += round(seconds * 1000)
            self._monotonic += seconds
            self._boottime += seconds
        self._wake()

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the monotonic clock stands still."""
        with self._lock:
            self._wall_ms += round(seconds * 1000)
            self._boottime += seconds
        self._wake()

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        with self._lock:
            self._wall_ms += round(seconds * 1000)

    def drives(self, who: Mailbox | MailboxActor) -> None:
        """From now on the consumer of this mailbox wakes up when time is advanced."""
        self._driven.append(who if isinstance(who, Mailbox) else who.mailbox)

    def _wake(self) -> None:
        for mailbox in self._driven:
            mailbox._tokens.put(None)  # a token too many only makes the consumer look once more

"""How often one may ask: per method over REST, per socket over a WebSocket.

REST counts the accepted requests of the last second or tenth of it, by method
and by key, for public calls by address. A socket has a budget for every second
of the clock; in the second in which it was opened, only as much as is left of
that second, which is why a client is told to wait a second first.
"""

from collections import defaultdict, deque
from collections.abc import Callable

TENTH, SECOND = 0.1, 1.0
LIMITS = {
    "private/create-order": (15, TENTH),
    "private/cancel-order": (15, TENTH),
    "private/cancel-all-orders": (15, TENTH),
    "private/get-order-detail": (30, TENTH),
    "private/get-trades": (1, SECOND),
    "private/get-order-history": (1, SECOND),
}
OTHER_PRIVATE = (3, TENTH)
PUBLIC = (100, SECOND)


class Pace:
    """The accepted REST requests of the last moments."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._taken: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def admits(self, method: str, who: str) -> bool:
        """Count one request of `who`; False where it is one too many."""
        other = OTHER_PRIVATE if method.startswith("private/") else PUBLIC
        limit, seconds = LIMITS.get(method, other)
        now, taken = self._now(), self._taken[method, who]
        while taken and now - taken[0] >= seconds:
            taken.popleft()
        if len(taken) >= limit:
            return False
        taken.append(now)
        return True

    def forget(self) -> None:
        """Begin anew."""
        self._taken.clear()


class Budget:
    """What one socket may still ask in this second."""

    def __init__(self, per_second: int, opened_ms: int) -> None:
        self._per_second = per_second
        self._second = opened_ms // 1000
        self._left = -(-per_second * (1000 - opened_ms % 1000) // 1000)

    def spend(self, now_ms: int) -> bool:
        """Count one request; False where the second is spent."""
        if now_ms // 1000 != self._second:
            self._second, self._left = now_ms // 1000, self._per_second
        self._left -= 1
        return self._left >= 0

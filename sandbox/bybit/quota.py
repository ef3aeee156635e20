"""How often one may ask Bybit: per user and endpoint in a rolling second, per address in five.

Who exceeds an endpoint's limit is told when the next call is allowed. Who
exceeds the address's limit is banned, and the ban lifts by itself after ten
minutes; meanwhile everything from there is HTTP 403.
"""

from collections import deque

import msgspec

from sandbox.clock import Clock

SECOND_MS = 1_000
IP_LIMIT, IP_WINDOW_MS = 600, 5_000
CONNECTION_LIMIT, CONNECTION_WINDOW_MS = 500, 300_000
BAN_S = 600


class Usage(msgspec.Struct, frozen=True):
    """What an answer's headers say of a limit; `reset_at` is when the next call is allowed."""

    limit: int
    left: int
    reset_at: int
    exceeded: bool = False


class Banned(Exception):
    """Nothing is answered to that address now."""


class Quota:
    """The limits of one exchange."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[int]] = {}
        self._bans: dict[str, int] = {}

    def _recent(self, key: tuple[str, str], window_ms: int) -> deque[int]:
        times, now = self._calls.setdefault(key, deque()), self._clock.now()
        while times and not now - window_ms < times[0] <= now:
            times.popleft()
        return times

    def request(self, address: str) -> None:
        """Count an HTTP request; raises `Banned`."""
        self._count(address, "http", IP_LIMIT, IP_WINDOW_MS)

    def connect(self, address: str) -> None:
        """Count a WebSocket handshake; raises `Banned`."""
        self._count(address, "ws", CONNECTION_LIMIT, CONNECTION_WINDOW_MS)

    def _count(self, address: str, what: str, limit: int, window_ms: int) -> None:
        now = self._clock.now()
        if self._bans.get(address, 0) > now:
            raise Banned
        times = self._recent((address, what), window_ms)
        times.append(now)
        if len(times) > limit:
            self.ban(address)
            raise Banned

    def ban(self, address: str, seconds: float | None = None) -> None:
        """Answer nothing to an address for ten minutes, or for `seconds`."""
        self._bans[address] = self._clock.now() + int(1000 * (seconds or BAN_S))

    def call(self, account: str, bucket: str, limit: int) -> Usage:
        """Count a call of an endpoint; one that exceeds the limit is not counted."""
        now, times = self._clock.now(), self._recent((account, bucket), SECOND_MS)
        if len(times) >= limit:
            return Usage(limit, 0, times[0] + SECOND_MS, exceeded=True)
        times.append(now)
        return Usage(limit, limit - len(times), now)

    def used(self, address: str) -> int:
        """HTTP requests of an address within the window."""
        return len(self._recent((address, "http"), IP_WINDOW_MS))

    def pardon(self) -> None:
        """Lift every ban and forget every count."""
        self._calls.clear()
        self._bans.clear()

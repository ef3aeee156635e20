"""Percentiles of the last minute, cheap enough to feed with every event.

Values fall into buckets that grow by 10 %, kept apart in slots of ten seconds;
a slot that is older than a minute is emptied when its turn comes. The answer is
the upper edge of a bucket, so it is at most 10 % too high and never too low.
Time is handed in, as everywhere in this package.
"""

from bisect import bisect_left

import msgspec

FIRST_MS, GROWTH, BUCKETS = 0.01, 1.1, 180  # 0.01 ms to about four minutes
EDGES = tuple(FIRST_MS * GROWTH**n for n in range(BUCKETS))
SLOTS, SLOT_SECONDS = 6, 10
SHARES = (0.5, 0.9, 0.99)


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of the last minute in ms, by share; and how many there were since the start, and their sum."""

    quantiles: dict[float, float]
    count: int
    sum_ms: float

    def at(self, share: float) -> float | None:
        """One of the percentiles; None where nothing was measured within the last minute."""
        return self.quantiles.get(share)


UNMEASURED = Spread({}, 0, 0.0)


class Latency:
    """Milliseconds of the last 60 s. Not thread-safe: one writer, which also asks."""

    def __init__(self) -> None:
        self._slots = [[0] * (BUCKETS + 1) for _ in range(SLOTS)]
        self._turn = 0
        self._count = 0
        self._sum_ms = 0.0

    def add(self, now: float, ms: float, times: int = 1) -> None:
        """One value, or the same one several times; `now` in monotonic seconds."""
        self._advance(now)
        self._slots[self._turn % SLOTS][bisect_left(EDGES, ms)] += times
        self._count += times
        self._sum_ms += ms * times

    def spread(self, now: float) -> Spread:
        """All that is told of it; no quantiles where nothing was measured within the last minute."""
        found = {share: self.quantile(now, share) for share in SHARES}
        known = {share: ms for share, ms in found.items() if ms is not None}
        return Spread(known, self._count, self._sum_ms)

    def quantile(self, now: float, share: float) -> float | None:
        """What this share of the values did not exceed; None where there are none."""
        self._advance(now)
        counts = [sum(column) for column in zip(*self._slots, strict=True)]
        left = sum(counts) * share
        if not left:
            return None
        for edge, count in zip((*EDGES, EDGES[-1]), counts, strict=True):
            left -= count
            if left <= 0:
                return edge
        return EDGES[-1]

    def _advance(self, now: float) -> None:
        turn = int(now // SLOT_SECONDS)
        for step in range(max(self._turn + 1, turn - SLOTS + 1), turn + 1):
            self._slots[step % SLOTS] = [0] * (BUCKETS + 1)
        self._turn = max(self._turn, turn)

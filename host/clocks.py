"""Notices that somebody moved the wall clock (S20).

No rule here goes by the wall clock, but APScheduler does: after a step its jobs
would come late or never. The main thread compares wall and monotonic each
second; when they part by more than a second the jobs are armed anew.
"""

from core.clock import Clock

TOLERANCE = 1.0


class StepDetector:
    """Remembers how wall and monotonic stood to each other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._now()

    def stepped(self) -> float | None:
        """Seconds by which the wall clock moved since the last answer, None for none worth a word."""
        offset = self._now()
        moved = offset - self._offset
        if abs(moved) <= TOLERANCE:
            return None
        self._offset = offset
        return moved

    def _now(self) -> float:
        return self._clock.wall_ms() / 1000 - self._clock.boottime()

"""When a restart unit may try again (S14 to S19).

A unit is one child of a one_for_one group, or a whole rest_for_one group.

* CLOSED: the n-th failure in a row waits for the n-th backoff. Failure number
  `trip` opens the breaker, except for a unit that never trips.
* OPEN: nothing starts until `retry_at`. Then the next start is the probe, and
  the breaker is HALF_OPEN. What else of the unit dies meanwhile changes only
  the count.
* HALF_OPEN: the probe fails and the breaker opens again for longer, or the
  whole unit runs steadily and the breaker closes. Nothing less than that
  forgets failures: to connect is no success.
* HELD: retrying cannot help (a bad key); only a person's reset leaves it.

A server's hint is a promise made to the server: it only ever lengthens a wait,
and neither a reset nor an early probe goes below it.

In TABLE a missing key is an error of the machine that asked; `docs/` draws it.
"""

from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal

from core import backoff
from core.status import BreakerMode
from core.tree import GroupSpec

Trigger = Literal["failed", "tripped", "started", "steadied", "refused", "reset"]

TABLE: dict[BreakerMode, dict[Trigger, BreakerMode]] = {
    "closed": {
        "failed": "closed",
        "tripped": "open",
        "started": "closed",
        "steadied": "closed",
        "refused": "held",
        "reset": "closed",
    },
    "open": {
        "failed": "open",
        "started": "half_open",
        "refused": "held",
        "reset": "closed",
    },
    "half_open": {
        "failed": "open",
        "started": "half_open",
        "steadied": "closed",
        "refused": "held",
        "reset": "closed",
    },
    "held": {
        "failed": "held",
        "refused": "held",
        "reset": "closed",
    },
}

EARLY_PROBE = 2.0
"""The probe that S19 brings forward comes within this many seconds."""


@dataclass(slots=True)
class Breaker:
    """The failures of one unit, and what follows from them. Times are the caller's `now`."""

    limits: GroupSpec
    trips: bool = True
    mode: BreakerMode = "closed"
    failures: int = 0
    openings: int = 0  # since it was last closed
    retry_at: float = -inf
    held_reason: str | None = None
    hinted_until: float = -inf
    hurried: bool = False  # S19, once per opening

    def may_start(self, now: float) -> bool:
        return self.mode != "held" and now >= self.retry_at

    def hinted(self, now: float, seconds: float) -> None:
        """The server wants us away for so long (S18)."""
        self.hinted_until = max(self.hinted_until, now + seconds)
        self.retry_at = max(self.retry_at, self.hinted_until)

    def failed(self, now: float, rng: Random) -> None:
        """Count one failure."""
        before = self.mode
        self.failures += 1
        tripped = before == "closed" and self.trips and self.failures >= self.limits.trip
        self._enter("tripped" if tripped else "failed")
        self.retry_at = max(self.retry_at, now + self._wait(before, rng))

    def _wait(self, before: BreakerMode, rng: Random) -> float:
        """Draw the wait that this failure adds; none where somebody waits already."""
        if self.mode == "closed":
            return backoff.delay(self.failures, self.limits.base, self.limits.cap, rng)
        if self.mode == before:
            return 0.0
        self.hurried = False
        self.openings += 1
        return backoff.jittered(
            backoff.ceiling(self.limits.open, self.limits.open_cap, self.openings - 1), rng
        )

    def started(self) -> bool:
        """Take note of a start that `may_start` allowed. True: it is the probe of an opening."""
        before = self.mode
        self._enter("started")
        return self.mode != before

    def steadied(self) -> None:
        """All of the unit ran for `stable` (S15): forget the failures."""
        self._enter("steadied")
        self.failures = self.openings = 0

    def refused(self, why: str) -> None:
        """Hold: trying again cannot help (S17)."""
        self._enter("refused")
        self.held_reason = why

    def reset(self, now: float) -> None:
        """Forget everything but a server's hint."""
        self._enter("reset")
        self.failures = self.openings = 0
        self.held_reason = None
        self.retry_at = max(now, self.hinted_until)

    def ask_now(self, now: float) -> None:
        """A person wants the next try at once; the failures stay counted."""
        self.retry_at = max(now, self.hinted_until)

    def hurry(self, now: float, rng: Random) -> bool:
        """The exchange was reached otherwise: probe soon, once per opening (S19).

        True when the probe really comes sooner for it.
        """
        if self.mode != "open" or self.hurried:
            return False
        self.hurried = True
        sooner = max(now + rng.uniform(0, EARLY_PROBE), self.hinted_until)
        if sooner >= self.retry_at:
            return False
        self.retry_at = sooner
        return True

    def _enter(self, trigger: Trigger) -> None:
        self.mode = TABLE[self.mode][trigger]

"""What the stream of an account remembers from one generation to the next.

Which way it is entered, the key that it was entered by with the time of its last
renewal, and how often in a row its authentication was refused in doubt. The host
owns it and hands it to every generation, and its way and key are kept beyond the
daemon's life by `keep`. Thread-safe: a reader takes a key, its connection renews
it, the keepalive asks when that was.

* A way is kept once it has worked, or once another was found to have ended:
  what was merely tried is forgotten with the daemon.
* A key that is known to be gone is forgotten at once, everywhere.
"""

import threading
from collections.abc import Callable, Sequence

import msgspec

from core.clock import Clock


class Held(msgspec.Struct, frozen=True):
    """A listen key, and the boottime second of its last renewal."""

    key: str
    renewed_at: float

    def __repr__(self) -> str:
        return "Held(…)"


Keep = Callable[[str | None, Held | None], object]
"""Keeps the flow that is chosen, and the key, over a restart; None forgets."""


def forgetful(_flow: str | None, _held: Held | None) -> None:
    """Keeps nothing."""


class StreamMemory:
    """One account's. `flow` and `held` are what an earlier daemon left."""

    def __init__(
        self, clock: Clock, keep: Keep = forgetful, *, flow: str | None = None, held: Held | None = None
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._flow = flow
        self._held = held
        self._is_doubtful = False
        self._doubts = 0

    # ------------------------------------------------------------------ the way

    def flow(self, flows: Sequence[str]) -> str:
        """The way to take now, of those that are allowed."""
        with self._lock:
            return next((flow for flow in flows if flow == self._flow), flows[0])

    @property
    def is_doubtful(self) -> bool:
        """A way was found to have ended, and no stream has come up since."""
        return self._is_doubtful

    def turn(self, flows: Sequence[str]) -> bool:
        """The way in use leads nowhere: the next try takes another. False where there is none."""
        now = self.flow(flows)
        with self._lock:
            self._is_doubtful = True
            others = [flow for flow in flows if flow != now]
            if others:
                self._flow = others[0]
            return bool(others)

    def arrived(self, flows: Sequence[str]) -> None:
        """A stream came up: its way is worth keeping where it is not the first choice anyway."""
        way = self.flow(flows)
        with self._lock:
            self._is_doubtful = False
            self._doubts = 0
            self._flow = way if way != flows[0] else None
            kept = (self._flow, self._held)
        self._keep(*kept)

    def doubted(self) -> bool:
        """An authentication was refused, for our timestamp or for the key; whether the one before was too."""
        with self._lock:
            self._doubts += 1
            return self._doubts > 1

    # ------------------------------------------------------------------ the key

    @property
    def held(self) -> Held | None:
        """The key in use; None where the stream needs none, or has none."""
        return self._held

    def renewed(self, key: str) -> None:
        """The exchange has just given out or prolonged this key."""
        with self._lock:
            self._held = Held(key, self._clock.boottime())
            kept = (None if self._is_doubtful else self._flow, self._held)
        self._keep(*kept)

    def lost_key(self) -> None:
        """It is gone, or of no use any more."""
        with self._lock:
            if self._held is None:
                return
            self._held = None
            kept = (None if self._is_doubtful else self._flow, None)
        self._keep(*kept)

    def age(self) -> float | None:
        """Seconds since the last renewal; None without a key."""
        held = self._held
        return None if held is None else self._clock.boottime() - held.renewed_at

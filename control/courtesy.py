"""When an answer may be made: one at a time, and behind the writer.

Of all threads of a process one computes at a time. A commit lets go at every statement
and has to get its turn back from whoever computes then: a few answers that are made
meanwhile, and a fill waits ten times as long until it is safe. So:

* One answer is made at a time, in the order in which they were asked for. Who needs
  longer than `HOLD` is not waited for any longer: the others go on beside him.
* None begins while the writer has something to do. After `PATIENCE` it does all the
  same, so that a ledger that is never at rest shuts nobody out.
* Where something was committed meanwhile, the next one begins only after `REST` times as
  long again (`LONGEST_REST` at most): whoever asks, however many they are, gets a fifth of
  the time.

Waiting for news, for a client, or for what a poller finds needs no turn. A turn is a
courtesy and no lock: nothing may depend on being alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Protocol

from core.clock import Clock

HOLD = 0.05  # seconds
PATIENCE = 0.02
REST = 4
LONGEST_REST = 0.2
LOOK = 0.002  # what is committed last is not done with at the very moment at which it is published


class Commits(Protocol):
    """What was committed: the newest sequence, and how to wait for a newer one (`actors.feed`)."""

    @property
    def sequence(self) -> int: ...

    def wait(self, after: int, timeout: float) -> int: ...


class _Turn:
    def __init__(self) -> None:
        self.over = Event()
        self.rest_until = 0.0


class Courtesy:
    """For all threads that answer; `is_busy` says whether the writer has something to do."""

    def __init__(self, clock: Clock, commits: Commits, is_busy: Callable[[], bool]) -> None:
        self._clock = clock
        self._commits = commits
        self._is_busy = is_busy
        self._lock = Lock()
        self._never = Event()
        self._last = _Turn()
        self._last.over.set()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold it while an answer is made; nobody is given one within another."""
        mine = _Turn()
        with self._lock:
            before, self._last = self._last, mine
        try:
            self._await(before)
            began, newest = self._clock.monotonic(), self._commits.sequence
            yield
            if self._commits.sequence != newest:
                now = self._clock.monotonic()
                mine.rest_until = now + min(LONGEST_REST, REST * (now - began))
        finally:
            mine.over.set()

    def _await(self, before: _Turn) -> None:
        before.over.wait(HOLD)
        self._never.wait(max(0.0, before.rest_until - self._clock.monotonic()))
        until = self._clock.monotonic() + PATIENCE
        while self._is_busy() and (left := until - self._clock.monotonic()) > 0:
            self._commits.wait(self._commits.sequence, min(left, LOOK))

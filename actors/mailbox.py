"""In which order an actor hears its messages, and what becomes of those it never hears.

A mailbox is pykka's inbox with what the stock queue lacks: it can be closed,
it has two lanes, and its data lane has a bound.

* Order: the control lane, then timers that are due, then data. A Stop never
  waits behind data (S27), and a timer needs no thread of its own.
* The data lane is bounded and no sender ever blocks (S28). `reject` refuses the
  new message, `drop_oldest` gives up the oldest one, `keep_last` the waiting one
  of the same type, which the new message outdates. Every drop is counted.
* After `close` nothing gets in and nothing is lost: a later tell raises, a later
  ask is answered with ActorDeadError, and so are the asks that still waited; the
  tells are handed to the one who closed (S29).

The consumer sleeps on a SimpleQueue, and a token is put there only while it
sleeps: a busy actor costs its senders one lock and one append.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from queue import Empty, Full, SimpleQueue
from typing import Any, Literal

import msgspec
import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from core.clock import SystemClock
from core.errors import VigilError

Overflow = Literal["reject", "drop_oldest", "keep_last"]
Letter = Envelope[Any]

_MONOTONIC = SystemClock().monotonic


class Retried(Letter):
    """A letter that was in hand when a generation died; it gets no third chance (S31)."""

    __slots__ = ()


class MailboxFull(VigilError):
    """The data lane has no room: the producer must slow down or start over."""


class MailboxClosed(VigilError):
    """Nothing will ever come out of this mailbox again."""


class MailboxStats(msgspec.Struct, frozen=True):
    """The data lane: waiting now, most that ever waited, refused or displaced so far."""

    depth: int
    high: int
    dropped: int


class Timer:
    """A message that will be heard at `due`, unless cancelled before."""

    __slots__ = ("cancelled", "due", "message")

    def __init__(self, due: float, message: Any) -> None:
        self.due = due
        self.message = message
        self.cancelled = False

    def cancel(self) -> None:
        """After this the message is not heard, unless it is being handled already."""
        self.cancelled = True


class Mailbox:
    """Many senders, one consumer. `now` gives monotonic seconds; limit None means no bound."""

    def __init__(
        self,
        limit: int | None = 1000,
        overflow: Overflow = "reject",
        now: Callable[[], float] = _MONOTONIC,
    ) -> None:
        self._limit = inf if limit is None else limit
        self._overflow = overflow
        self._now = now
        self._lock = threading.Lock()
        self._control: deque[Letter] = deque()
        self._data: deque[Letter] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._timer_number = 0
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._closed = False
        self._high = 0
        self._dropped = 0
        self.accepted = 0  # by the data lane, since the beginning
        self.taken = 0  # of those, by the consumer

    # ---------------------------------------------------------------- senders

    def put(self, letter: Letter, /) -> None:
        """Data lane. Never blocks; a tell raises MailboxFull or ActorDeadError, an ask is answered so."""
        if isinstance(letter.message, _ActorStop):
            self.urge(letter)
            return
        displaced: Letter | None = None
        refusal: Exception | None = None
        with self._lock:
            if self._closed:
                refusal = pykka.ActorDeadError("the actor has ended")
            elif len(self._data) >= self._limit and self._overflow == "reject":
                refusal = MailboxFull(f"{self._limit} messages wait")
                self._dropped += 1
            else:
                if self._overflow != "reject":
                    displaced = self._make_room(letter)
                self._data.append(letter)
                self.accepted += 1
                self._high = max(self._high, len(self._data))
                if self._asleep:
                    self._wake()
        if refusal is not None:
            refuse(letter, refusal)
        if displaced is not None and displaced.reply_to is not None:
            refuse(displaced, MailboxFull("displaced by a newer message"))

    def urge(self, letter: Letter, /) -> None:
        """Control lane: before everything else, and without a bound."""
        with self._lock:
            closed = self._closed
            if not closed:
                self._control.append(letter)
                self._wake()
        if closed:
            refuse(letter, pykka.ActorDeadError("the actor has ended"))

    def later(self, seconds: float, message: Any) -> Timer:
        """Hear `message` in `seconds`. Timers of a closed mailbox are never heard."""
        timer = Timer(self._now() + seconds, message)
        with self._lock:
            self._timer_number += 1
            heapq.heappush(self._timers, (timer.due, self._timer_number, timer))
            self._wake()
        return timer

    def restore(self, letters: Sequence[Letter]) -> None:
        """Put what an earlier generation left before everything else in the data lane (S30)."""
        with self._lock:
            self._data.extendleft(reversed(letters))
            self.accepted += len(letters)
            self._high = max(self._high, len(self._data))
            self._wake()

    # --------------------------------------------------------------- consumer

    def get(self, timeout: float | None = None) -> Letter:
        """The next letter; queue.Empty after `timeout` seconds, MailboxClosed after `close`."""
        deadline = None if timeout is None else self._now() + timeout
        while True:
            with self._lock:
                if self._closed:
                    raise MailboxClosed
                letter = self._take()
                if letter is not None:
                    return letter
                if deadline is not None and deadline <= self._now():
                    raise Empty
                wait = self._wait(deadline)
                self._asleep = True
            with suppress(Empty):
                self._tokens.get(timeout=wait)

    def close(self) -> list[Letter]:
        """Let nothing more in or out. Returns the tells that nobody heard, in order.

        Anybody may call it, and again: only the first call returns something.
        """
        with self._lock:
            self._closed = True
            letters = [*self._control, *self._data]
            self._control.clear()
            self._data.clear()
            self._wake()
        for letter in letters:
            if isinstance(letter.message, _ActorStop) and letter.reply_to is not None:
                letter.reply_to.set(None)
            elif letter.reply_to is not None:
                refuse(letter, pykka.ActorDeadError("the actor ended before it heard the message"))
        return [letter for letter in letters if letter.reply_to is None]

    # ------------------------------------------------------------------ sight

    def empty(self) -> bool:
        """Whether nothing waits at this moment (timers aside)."""
        return not self._control and not self._data

    def stats(self) -> MailboxStats:
        """How the data lane stands now."""
        return MailboxStats(len(self._data), self._high, self._dropped)

    # ------------------------------------------------- inside, the lock is held

    def _make_room(self, letter: Letter) -> Letter | None:
        """Take out the letter that has to give way to `letter`, if any."""
        displaced = None
        if self._overflow == "keep_last":
            displaced = next((old for old in self._data if type(old.message) is type(letter.message)), None)
            if displaced is not None:
                self._data.remove(displaced)
        if len(self._data) >= self._limit:
            displaced = self._data.popleft()
        self._dropped += displaced is not None
        return displaced

    def _take(self) -> Letter | None:
        if self._control:
            return self._control.popleft()
        if self._timers and (letter := self._take_due()) is not None:
            return letter
        if self._data:
            self.taken += 1
            return self._data.popleft()
        return None

    def _take_due(self) -> Letter | None:
        now = self._now()
        while self._timers and (self._timers[0][2].cancelled or self._timers[0][0] <= now):
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                return Letter(timer.message)
        return None

    def _wait(self, deadline: float | None) -> float | None:
        """Seconds until the next timer or the deadline, None for ever."""
        ends = [end for end in (deadline, self._timers[0][0] if self._timers else None) if end is not None]
        return max(0.0, min(ends) - self._now()) if ends else None

    def _wake(self) -> None:
        if self._asleep:
            self._asleep = False
            self._tokens.put(None)


def refuse(letter: Letter, error: Exception) -> None:
    """Tell the sender: raise for a tell, answer an ask."""
    if letter.reply_to is None:
        raise error
    with suppress(Full):  # somebody answered it before us
        letter.reply_to.set_exception((type(error), error, None))

"""Every listener of `/events`, and what each is still owed.

There is one rule for facts: a listener has been sent the journal up to `sent` and is
owed the rest, up to the hub's `position`. What the tail read and encoded once for
everybody is handed over where it continues just there; where it does not (because he
resumes from earlier, or was slow and what waited for him was thrown away), he reads the
journal himself; and beyond 5,000 rows he is told what he missed instead. So nothing is
owed twice or forgotten, and one who takes nothing costs a bounded queue.

Of the status and the chart only the newest is worth sending. Changed incidents are all
sent; one who lets them gather is told to read everything again.

They are woken a tenth at a time, with a pause between: to write to two hundred at one go
would keep the interpreter from whoever records.

All of this belongs to the event loop's thread, but for `has_listeners`.
"""

import asyncio
from collections import deque
from typing import NamedTuple

import msgspec

FAR_BEHIND = 5_000
MOST_LISTENERS = 200
_MOST_INCIDENTS = 64
_GROUPS = 10
_PAUSE = 0.01  # seconds between two groups: all of them are woken well within a round of the tail


class Facts(NamedTuple):
    """The journal behind `after`, up to `last`; `event` is empty where nobody had it read."""

    after: int
    last: int
    event: bytes = b""


class News(NamedTuple):
    """What one round of the tail came to. `states` are events of which only the newest counts, by name."""

    facts: tuple[Facts, ...] = ()
    states: dict[str, bytes] = {}  # noqa: RUF012 - immutable by convention of a tuple
    incidents: bytes = b""


class Full(Exception):
    """As many listen as can."""


class Closed(Exception):
    """The server ends, and with it every stream of events."""


def event(name: str, data: object, *, at: int | None = None) -> bytes:
    """One event as it goes over the line; `at` is where to resume behind it."""
    head = f"event: {name}\n" if at is None else f"id: {at}\nevent: {name}\n"
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"


class Listener:
    """One of them. `sent` is the seq up to which the journal has been sent."""

    def __init__(self, sent: int) -> None:
        self.sent = sent
        self.owed: deque[Facts] = deque()
        self.states: dict[str, bytes] = {}
        self.incidents: deque[bytes] = deque()
        self.has_missed = False
        self.woken = asyncio.Event()

    def owe(self, news: News) -> None:
        self.owed.extend(news.facts)
        if self.owed and self.owed[-1].last - self.owed[0].after > FAR_BEHIND:
            self.owed.clear()
        self.states.update(news.states)
        if news.incidents:
            self.incidents.append(news.incidents)
        if len(self.incidents) > _MOST_INCIDENTS:
            self.incidents.clear()
            self.has_missed = True


class Hub:
    """`position` is the seq up to which the tail has gone."""

    def __init__(self, most: int = MOST_LISTENERS) -> None:
        self.position = 0
        self.joined = 0
        self.is_closed = False
        self._most = most
        self._listeners: set[Listener] = set()

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def __len__(self) -> int:
        return len(self._listeners)

    def join(self, after: int | None, *, is_foreign: bool = False) -> Listener:
        """One more, who has the journal up to `after`, or up to now. Full or Closed where he cannot.

        A place that `is_foreign` is none of this ledger's: he is told so at once.
        """
        if self.is_closed:
            raise Closed
        if len(self._listeners) >= self._most:
            raise Full
        listener = Listener(self.position if after is None else after)
        listener.has_missed = is_foreign
        self._listeners.add(listener)
        self.joined += 1
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def publish(self, news: News) -> None:
        """What the tail has seen; nothing here waits."""
        if news.facts:
            self.position = news.facts[-1].last
        for listener in self._listeners:
            listener.owe(news)
        self._wake(list(self._listeners), -(-len(self._listeners) // _GROUPS))

    def _wake(self, asleep: list[Listener], together: int) -> None:
        for listener in asleep[:together]:
            listener.woken.set()
        if rest := asleep[together:]:
            asyncio.get_running_loop().call_later(_PAUSE, self._wake, rest, together)

    def close(self) -> None:
        """Every stream ends with what it has sent."""
        self.is_closed = True
        for listener in self._listeners:
            listener.woken.set()

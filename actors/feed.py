"""Word of the newest committed journal row, for all who follow the ledger.

Consumers do not get facts, they get a number: they read the journal from where
they are. A slow one therefore never holds the ledger up, and a new one needs no
history of messages.
"""

import threading
from collections.abc import Callable


class Feed:
    """Thread-safe. One publisher (persistence), any number of followers."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._sequence = 0
        self._followers: dict[str, Callable[[], object]] = {}

    def follow(self, who: str, notify: Callable[[], object]) -> None:
        """Call `notify` after each publication, in the publisher's thread; the last one of that name."""
        with self._news:
            self._followers[who] = notify

    @property
    def sequence(self) -> int:
        """The newest sequence published in this process."""
        return self._sequence

    def publish(self, sequence: int) -> None:
        """Everything up to `sequence` is committed."""
        with self._news:
            if sequence <= self._sequence:
                return
            self._sequence = sequence
            self._news.notify_all()
            followers = tuple(self._followers.values())
        for notify in followers:
            notify()

    def wait(self, after: int, timeout: float) -> int:
        """Wait until there is something newer than `after`, or `timeout` seconds; returns the newest."""
        with self._news:
            self._news.wait_for(lambda: self._sequence > after, timeout)
            return self._sequence

"""Following the journal: every fact once, in order, after its commit.

There is no queue between the ledger and a follower. The feed only says that
something newer was committed; what it was is read from the journal behind the
last row that this follower has seen. So a slow follower falls behind by itself,
misses nothing, and slows nobody.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import Event

from control.services import Feed
from models.read import Reader, Row

PAGE = 500
LISTEN = 0.25  # seconds between two looks at whether anybody still listens
PACE = 0.05  # seconds from one reading to the next: at a thousand commits a second not every one is worth its own


class Follower:
    """The journal behind row `after`, for one account or symbol or all; it is read in turns."""

    def __init__(
        self,
        reader: Reader,
        feed: Feed,
        turn: Callable[[], AbstractContextManager[None]],
        after: int,
        *,
        account: str | None,
        symbol: str | None,
    ) -> None:
        self._reader = reader
        self._feed = feed
        self._turn = turn
        self.after = after
        self._wanted = {"account": account, "symbol": symbol}

    def pages(self, is_heard: Callable[[], bool]) -> Iterator[list[Row]]:
        """The wanted rows as they are committed, until `is_heard` says that nobody listens."""
        newest = self._reader.sequence()  # the feed knows only what was committed since the daemon started
        pause = Event()
        while is_heard():
            if self.after >= newest:
                newest = self._feed.wait(self.after, LISTEN)
                continue
            if rows := self._page_up_to(newest):
                yield rows
            if self.after >= newest:
                pause.wait(PACE)

    def _page_up_to(self, newest: int) -> list[Row]:
        with self._turn():
            rows = self._reader.journal(after=self.after, limit=PAGE)
        self.after = rows[-1]["seq"] if rows else newest
        return [
            row
            for row in rows
            if all(value is None or row[name] == value for name, value in self._wanted.items())
        ]


def first_since(reader: Reader, since_ms: int) -> int:
    """The sequence behind which the journal is younger than `since_ms`.

    The journal grows in the order of its recording, so this is a bisection: a
    score of single rows, however long it is.
    """
    low, high = 0, reader.sequence()
    while low < high:
        middle = (low + high) // 2
        rows = reader.journal(after=middle, limit=1)
        if rows and rows[0]["recorded_at"] < since_ms:
            low = rows[0]["seq"]
        else:
            high = middle
    return low

"""How Bybit's lists are read to their end: pages by cursor, histories by windows.

A page names the next one until its cursor is empty, or the page is (a full last
page may point to an empty one). Any page that fails or cannot be read fails the
whole reading, and so does a cursor that comes again. A history reaches two years
back and is asked for in windows of less than seven days, from the oldest on,
each with both bounds and one second into its neighbour (v5/order/order-list,
v5/order/execution).
"""

from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

import msgspec

from core.errors import Unreadable
from core.wire import Call, Reply
from exchanges.bybit.calls import DAY_MS, WINDOW_MS, page_after
from exchanges.bybit.rows import ExecutionRow, OrderRow, PositionRow
from exchanges.replies import parse

SEAM_MS = 1_000
REACH_MS = 729 * DAY_MS  # the edge of the two years moves while we read

T = TypeVar("T")
R = TypeVar("R", OrderRow, ExecutionRow, PositionRow)


class Listed(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """One page of a list. The category stands here once, and not in the rows."""

    rows: list[T] = msgspec.field(name="list")
    next_page_cursor: str | None = None
    category: str | None = None


class Answered(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """The envelope of every answer; `time` is the server's, ms."""

    ret_code: int
    result: T
    time: int | None = None


class Trail:
    """What was answered so far: the texts, and when the first request began."""

    def __init__(self) -> None:
        self.raw: list[str] = []
        self.began_ms = 0

    def passed(self, reply: Reply, *, says_something: bool = True) -> None:
        """Another reply; an empty page is not kept."""
        self.began_ms = self.began_ms or reply.began_ms
        if says_something:
            self.raw.append(reply.body.decode(errors="replace"))


def pages(call: Call, row: type[R], trail: Trail) -> Generator[Call, Reply, list[R]]:
    """All rows of a list, each with its category."""
    asked = dict(call.params)["category"]
    rows: list[R] = []
    seen: set[str] = set()
    while True:
        reply = yield call
        page = parse(reply, Answered[Listed[row]]).result  # type: ignore[valid-type]
        trail.passed(reply, says_something=bool(page.rows))
        if page.category not in {None, asked}:
            raise Unreadable(f"{call.path} answers for {page.category} instead of {asked}")
        rows += [msgspec.structs.replace(found, category=asked) for found in page.rows]
        cursor = page.next_page_cursor
        if not cursor or not page.rows:
            return rows
        if cursor in seen:
            raise Unreadable(f"{call.path} gives the same page again")
        seen.add(cursor)
        call = page_after(call, cursor)


def reached(start_ms: int, end_ms: int) -> int:
    """From when on a history shows what was asked for."""
    return max(0, min(start_ms, end_ms), end_ms - REACH_MS)


def windows(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """The stretches in which a history is asked for; both ends included."""
    start_ms = reached(start_ms, end_ms)
    while True:
        stop_ms = min(end_ms, start_ms + WINDOW_MS)
        yield start_ms, stop_ms
        if stop_ms >= end_ms:
            return
        start_ms = stop_ms - SEAM_MS

"""How a history is read to its end: windows of a day, from now backwards.

An answer holds at most 100 rows, the latest before the end of the window. There
is no cursor. Two ways to read on:

* `stepping`, for rows whose own time is what the window goes by (trades, money):
  a full page is followed by the same window up to the oldest row, that row
  included, because others may share its nanosecond; rows are known by their ids.
  A page that is full of one nanosecond cannot be looked behind: that is noted,
  and the reading steps over it.
* `receding`, for orders, of which nobody says whether the window goes by creation
  or by change. A full page is followed by the window up to the older end of either,
  whichever comes later, unless rows that lie outside of the window in one of the
  two show that it is the other.

Rows come in any order. Any page that fails or cannot be read fails the whole
reading, and so does a server that gives the same page for ever. What is older
than six months is not shown any more.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from core.errors import Unreadable
from core.wire import Call, Reply
from exchanges.cryptocom.calls import PAGE
from exchanges.cryptocom.reading import Shape
from exchanges.cryptocom.shapes import Journal, Order, Trade
from exchanges.replies import parse

MILLISECOND = 1_000_000
HOUR = 3_600_000 * MILLISECOND
DAY = 24 * HOUR
SHOWN_FOR = 180 * DAY

R = TypeVar("R", bound=msgspec.Struct)
Window = tuple[int, int | None]  # nanoseconds; the end None = now
Ask = Callable[[int, int | None], Call]


class Stamped(Protocol):
    """A row that is known by its ids and lies at an instant, ns."""

    @property
    def key(self) -> tuple[str, str, str]: ...

    @property
    def stamp(self) -> int: ...


S = TypeVar("S", Trade, Journal)


class _Listed(msgspec.Struct, frozen=True, gc=False):
    data: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True, gc=False):
    result: _Listed


class Notes:
    """What a reading leaves behind: the texts of its answers, and what it could not see."""

    def __init__(self) -> None:
        self.raw: list[str] = []
        self.gaps: list[str] = []
        self.asked_ms = 0  # exchange time of the last request that was answered with something

    def took(self, reply: Reply) -> None:
        """An answer with something in it."""
        self.raw.append(reply.body.decode(errors="replace"))
        self.asked_ms = reply.began_ms


def listed(reply: Reply, shape: Shape[R], notes: Notes) -> tuple[R, ...]:
    """The rows of an answer; raises Unreadable where one of them is not."""
    legible = shape.many(parse(reply, _Answer).result.data)
    if legible.trouble:
        raise Unreadable(f"unreadable rows: {'; '.join(legible.trouble)}")
    if legible.rows:
        notes.took(reply)
    return legible.rows


def reached(since_ms: int, until_ms: int) -> int:
    """From when on a history shows what was asked for, ms."""
    return max(0, min(since_ms, until_ms), until_ms - SHOWN_FOR // MILLISECOND)


def windows(since_ms: int, until_ms: int, *, to_now: bool = True) -> Iterator[Window]:
    """Days back to `since_ms`; the newest one is open to what happens meanwhile, if `to_now`.

    What is left of less than an hour goes with the day before it: a call of its own costs a second.
    """
    until = until_ms * MILLISECOND
    since = reached(since_ms, until_ms) * MILLISECOND
    end = None if to_now else until
    while True:
        start = (until if end is None else end) - DAY
        start = since if start - since < HOUR else start
        yield start, end
        if start <= since:
            return
        end = start


def stepping(
    ask: Ask,
    shape: Shape[S],
    spans: Iterable[Window],
    notes: Notes,
    enough: Callable[[Iterable[S]], bool] = lambda rows: False,  # noqa: ARG005
) -> Generator[Call, Reply, list[S]]:
    """All rows of these windows, or as many as are `enough`."""
    rows: dict[tuple[str, str, str], S] = {}
    for start, first_end in spans:
        end = first_end
        while True:
            page = listed((yield ask(start, end)), shape, notes)
            rows |= {row.key: row for row in page}
            if enough(rows.values()):
                return list(rows.values())
            if len(page) < PAGE:
                break
            end = _before(page, end, notes)
    return list(rows.values())


def _before(page: Iterable[S], end: int | None, notes: Notes) -> int:
    """Where the window of the next page ends."""
    oldest, newest = min(row.stamp for row in page), max(row.stamp for row in page)
    if end is None or oldest + 1 < end:
        return oldest + 1
    if oldest >= end:
        raise Unreadable("the same page again and again")
    if oldest == newest:
        notes.gaps.append(f"more than {PAGE} rows at {oldest} ns: those beyond cannot be asked for")
    return oldest


def receding(
    ask: Ask, shape: Shape[Order], spans: Iterable[Window], notes: Notes
) -> Generator[Call, Reply, list[Order]]:
    """All orders of these windows; one may stand on two pages."""
    rows: list[Order] = []
    for start, first_end in spans:
        end = first_end
        while end is None or end > start:
            page = listed((yield ask(start, end)), shape, notes)
            rows += page
            if len(page) < PAGE:
                break
            earlier = _recede(page, start, end)
            if end is not None and earlier >= end:
                notes.gaps.append(f"{PAGE} orders and more within a millisecond before {end} ns")
                earlier = end - MILLISECOND
            end = earlier
    return rows


def _recede(page: Iterable[Order], start: int, end: int | None) -> int:
    """Behind which instant all rows lie that a full page did not show, ns."""
    goes_by = [
        times
        for times in ([row.created for row in page], [row.changed for row in page])
        if start <= min(times) * MILLISECOND + MILLISECOND and (end is None or max(times) * MILLISECOND < end)
    ]
    oldest = max((min(times) for times in goes_by), default=None)
    if oldest is None:
        raise Unreadable("orders that do not lie in the window that was asked for")
    return (oldest + 1) * MILLISECOND


def together(*readings: Generator[Call, Reply, list[Any]]) -> Generator[Call, Reply, list[list[Any]]]:
    """Several readings page by page in turn, so that none waits while another has to pause."""
    found: list[list[Any]] = [[] for _ in readings]
    wanted = {n: next(reading) for n, reading in enumerate(readings)}
    while wanted:
        for n, call in tuple(wanted.items()):
            reply = yield call
            try:
                wanted[n] = readings[n].send(reply)
            except StopIteration as end:
                found[n] = end.value
                del wanted[n]
    return found

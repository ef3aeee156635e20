"""Cursors: opaque, stable while rows come and go, and already percent-encoded.

A cursor names the last row that was shown, so what is added later never shifts
a page. It also carries a mark of the request that it belongs to, because every
other parameter has to stay the same between pages. The server takes it as it
was given and percent-encoded once more (reference, 2.1). A full page always has
a cursor, even when nothing follows.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from sandbox.bybit.errors import bad_params

T = TypeVar("T")
NEWEST = 1 << 62
CHUNK = 200


def _mark(args: Mapping[str, Any]) -> int:
    rest = sorted((name, str(value)) for name, value in args.items() if name not in ("cursor", "limit"))
    return zlib.crc32(repr(rest).encode())


def begin(args: Mapping[str, Any]) -> int:
    """The number below which the page begins; `NEWEST` without a cursor."""
    if "cursor" not in args:
        return NEWEST
    text = unquote(unquote(args["cursor"]))
    number, _, mark = text.removeprefix("page_token=").removesuffix("&").partition("_")
    if not (text.startswith("page_token=") and number.isdecimal() and mark == str(_mark(args))):
        raise bad_params("cursor invalid")
    return int(number)


def after(args: Mapping[str, Any], last: int) -> str:
    """The cursor to what comes after row number `last`."""
    return quote(f"page_token={last}_{_mark(args)}&", safe="")


def page(
    args: Mapping[str, Any],
    size: int,
    fetch: Callable[[int, int], list[T]],
    number: Callable[[T], int],
    fits: Callable[[T], bool] = lambda _: True,
) -> tuple[list[T], str]:
    """Rows of one page, newest first, and the cursor to the next, empty when it was the last.

    `fetch(below, count)` gives the newest rows whose number is below a bound;
    those that do not fit are passed over.
    """
    limit, below, rows = args.get("limit", size), begin(args), list[T]()
    while len(rows) < limit:
        chunk = fetch(below, CHUNK)
        rows += [one for one in chunk if fits(one)]
        if len(chunk) < CHUNK:
            break
        below = number(chunk[-1])
    rows = rows[:limit]
    return rows, after(args, number(rows[-1])) if len(rows) == limit else ""


def in_order(args: Mapping[str, Any], size: int, ranked: Sequence[tuple[int, T]]) -> tuple[list[T], str]:
    """One page of a list that comes by rank, lowest first; a rank stays with its row for ever."""
    numbered = [(NEWEST - 1 - rank, row) for rank, row in ranked]

    def fetch(below: int, count: int) -> list[tuple[int, T]]:
        return [one for one in numbered if one[0] < below][:count]

    rows, cursor = page(args, size, fetch, lambda one: one[0])
    return [row for _, row in rows], cursor

"""How a table fits whoever looks at it.

A pipe gets everything in plain aligned columns, which `awk` and `diff` can read. A
terminal gets what fits into its width, by these steps in this order:

1. Everything as it is.
2. A moment of today without its day; a heading on as many lines as it has words.
3. Columns are left out, the least telling first (the highest `rank`; what is rank 0
   stays), and named below the table, so that nobody takes them for not there.
4. Texts are folded into what is left of the width, and where that is not enough, names.

Numbers are left whole, whatever that costs: half of one is another number. So a line
is wider than a terminal of 80 columns only where they are very long. Texts of an
exchange are data: what could move a cursor is made harmless before it is measured or
shown. Colours are a terminal's alone, and none where NO_COLOR is set.
"""

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from shutil import get_terminal_size
from typing import Any, NamedTuple, TextIO

Row = Mapping[str, Any]

_GAP = "  "
_NARROW = 8  # cells into which anything is folded that fits in no other way
_SIGNS = "-/_.,:"

TONES = {
    "red": ["critical", "down", "abandoned", "held", "tripped", "stopped", "error"],
    "yellow": [
        "warning",
        "degraded",
        "stale",
        "backoff",
        "polling",
        "waiting",
        "stopping",
        "starting",
        "OPEN",
    ],
    "green": ["ok", "live", "running"],
}
_CODES = {"red": 31, "yellow": 33, "green": 32, "bold": 1, "dim": 2}
_TONE_OF = {word: tone for tone, words in TONES.items() for word in words}


class Column(NamedTuple):
    """One column: its heading, the key in the row, what it means, how a value is shown, and on which side.

    `short` is how it is shown where room is scarce, told the time in milliseconds.
    `rank` says how soon it is left out then (0: never), `folds` in how many cells it
    can well be folded into several lines (0: not well), `toned` that its words have colours.
    """

    heading: str
    key: str
    means: str = ""
    show: Callable[[Any], str] = str
    right: bool = False
    short: Callable[[Any, int], str] | None = None
    rank: int = 0
    folds: int = 0
    toned: bool = False


class Screen(NamedTuple):
    """Who looks: a terminal of `width` cells, or None for whatever reads a pipe; `now_ms` is UTC."""

    width: int | None = None
    coloured: bool = False
    now_ms: int = 0


def screen(out: TextIO, now_ms: int) -> Screen:
    """The one behind `out`."""
    if not out.isatty():
        return Screen(now_ms=now_ms)
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Screen(get_terminal_size().columns, not plain, now_ms)


def draw(columns: Sequence[Column], rows: Sequence[Row], on: Screen) -> str:
    """The table, each line with its end."""
    if on.width is None:
        return "".join(f"{line}\n" for line in _lines(_natural(columns, rows), on))
    table = _fitting(columns, rows, on)
    lines = list(_lines(table, on))
    if gone := [column.heading for column in columns if column not in table.columns]:
        told = f"not shown: {', '.join(gone)} (a wider terminal or --json has them)"
        lines += [tint(line, "dim", on) for line in folded(told, on.width)]
    return "".join(f"{line}\n" for line in lines)


def say(label: str, value: str, on: Screen) -> str:
    """A line of prose, folded behind its indentation where it is too long for the terminal."""
    text = label + harmless(value)
    if on.width is None:
        return f"{text}\n"
    indent = len(text) - len(text.lstrip())
    first, *more = folded(text, on.width)
    rest = folded(" ".join(more), on.width - indent - 2) if more else []
    return "".join(f"{line}\n" for line in (first, *(" " * (indent + 2) + line for line in rest)))


def tint(text: str, tone: str | None, on: Screen) -> str:
    """In its colour, where there are colours."""
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if tone and on.coloured and text else text


def tone_of(word: str) -> str | None:
    """The colour in which a state is shown."""
    return _TONE_OF.get(word)


def cell(column: Column, row: Row, on: Screen | None = None) -> str:
    """One value as it is shown, short where `on` is given; what is not known is a dash."""
    value = row.get(column.key)
    if value is None:
        return "-"
    return harmless(
        column.show(value) if on is None or column.short is None else column.short(value, on.now_ms)
    )


def harmless(value: str) -> str:
    """Text that moves no cursor, whoever wrote it."""
    return value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


# ------------------------------------------------------------------------------ fitting


class _Table(NamedTuple):
    """What will be drawn: headings and rows, each cell as its lines."""

    columns: Sequence[Column]
    heads: list[list[str]]
    rows: list[list[list[str]]]

    def widths(self) -> list[int]:
        table = [self.heads, *self.rows]
        return [max(cells(line) for row in table for line in row[at]) for at in range(len(self.columns))]

    def width(self) -> int:
        return sum(self.widths()) + len(_GAP) * (len(self.columns) - 1)


def _natural(columns: Sequence[Column], rows: Sequence[Row]) -> _Table:
    return _Table(
        columns,
        [[column.heading] for column in columns],
        [[[cell(column, row)] for column in columns] for row in rows],
    )


def _fitting(columns: Sequence[Column], rows: Sequence[Row], on: Screen) -> _Table:
    assert on.width is not None
    if (table := _natural(columns, rows)).width() <= on.width:
        return table
    table = _Table(
        columns,
        [],
        [[[cell(column, row, on)] for column in columns] for row in rows],
    )
    table.heads.extend(_heads(table))
    while _least(table) > on.width and len(table.columns) > 1:
        rank, at = max((column.rank, at) for at, column in enumerate(table.columns))
        if rank == 0:
            break
        table = _without(table, at)
    return _folded(table, on.width)


def _heads(table: _Table) -> Iterator[list[str]]:
    """Each no wider than what stands below it, or its longest word."""
    for at, column in enumerate(table.columns):
        words = [cells(word) for word in column.heading.split(" ")]
        yield folded(column.heading, max(*words, *(cells(row[at][0]) for row in table.rows)))


def _least(table: _Table) -> int:
    """The width with every text folded as far as it can well be."""
    spared = (
        max(0, width - column.folds)
        for column, width in zip(table.columns, table.widths(), strict=True)
        if column.folds
    )
    return table.width() - sum(spared)


def _without(table: _Table, at: int) -> _Table:
    def rest(items: Sequence[Any]) -> list[Any]:
        return [*items[:at], *items[at + 1 :]]

    return _Table(rest(table.columns), rest(table.heads), [rest(row) for row in table.rows])


def _folded(table: _Table, width: int) -> _Table:
    """Fold what folds well, the longest texts first, then whatever is widest; numbers are left whole."""
    for well in (True, False):
        for at, least in _foldable(table, well=well):
            if (over := table.width() - width) <= 0:
                return table
            room = max(table.widths()[at] - over, least)
            for row in (*table.rows, table.heads):
                row[at] = [part for line in row[at] for part in folded(line, room)]
    return table


def _foldable(table: _Table, *, well: bool) -> list[tuple[int, int]]:
    """(place, cells that it needs) of each column, the one that can spare most first."""
    widths = table.widths()
    found = [
        (at, column.folds or _NARROW)
        for at, column in enumerate(table.columns)
        if not column.right and bool(column.folds) == well
    ]
    return sorted(found, key=lambda one: one[1] - widths[one[0]])


def folded(text: str, width: int) -> list[str]:
    """The text in lines of so many cells at most, broken at a space if it can be, else behind a sign."""
    lines = []
    while cells(text) > width:
        end = _end(text, width)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text] if text or not lines else lines


def _end(text: str, width: int) -> int:
    """Where the first line ends: its length in characters, at least one."""
    end = taken = 0
    while taken + cells(text[end]) <= width:
        taken += cells(text[end])
        end += 1
    if text[end] == " ":
        return end
    if (space := text.rfind(" ", 0, end)) > 0:
        return space
    sign = max(text.rfind(sign, 0, end) for sign in _SIGNS) + 1
    return sign if sign > end // 3 else max(end, 1)


# ------------------------------------------------------------------------------ drawing


def _lines(table: _Table, on: Screen) -> Iterator[str]:
    widths = table.widths()
    for line in _spread(table.heads, bottom=True):
        yield _line(table.columns, widths, line, lambda _, text: tint(text, "bold", on))
    for row in table.rows:
        for line in _spread(row):
            yield _line(table.columns, widths, line, lambda column, text: _toned(column, text, on))


def _spread(row: Sequence[Sequence[str]], *, bottom: bool = False) -> Iterable[tuple[str, ...]]:
    """The lines that the cells of one row make together; headings stand on the ground."""
    if not bottom:
        return zip_longest(*row, fillvalue="")
    return reversed(list(zip_longest(*(reversed(lines) for lines in row), fillvalue="")))


def _line(
    columns: Sequence[Column],
    widths: Sequence[int],
    texts: Sequence[str],
    painted: Callable[[Column, str], str],
) -> str:
    parts = []
    for column, width, text in zip(columns, widths, texts, strict=True):
        room = " " * (width - cells(text))
        shown = painted(column, text)
        parts.append(room + shown if column.right else shown + room)
    return _GAP.join(parts).rstrip()


def _toned(column: Column, text: str, on: Screen) -> str:
    return tint(text, tone_of(text), on) if column.toned else text

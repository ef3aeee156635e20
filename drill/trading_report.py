"""What came of the drill with a trader, for a terminal and as one document."""

from collections.abc import Iterator
from typing import Any

from drill.judging import Kind, figure
from drill.report import drawn
from drill.trading import Line, Result

COUNTED: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("above a limit", ("limit",)),
    ("below the rule", ("rule",)),
    ("duplicates", ("duplicate",)),
    ("orphans", ("orphan",)),
    ("units off", ("units",)),
    ("profit off", ("profit",)),
    ("else", ("trade", "ledger", "drill")),
)
"""The columns that have to be 0."""
HEAD = ("exchange", "BUY fills", "round trips", "resting", "SELLs", *(name for name, _ in COUNTED), "profit")
MOST = 20


def as_text(result: Result) -> str:
    """The table, what happened in a few sentences, and what is wrong."""
    rows = [HEAD, *(_cells(line) for line in result.lines)]
    return "\n".join([drawn(rows), "", *_sentences(result), *_remarks(result)])


def as_json(result: Result) -> dict[str, Any]:
    """The same as one document."""
    return {
        "well": result.is_well,
        "seconds": round(result.seconds, 1),
        "faults": dict(result.faults),
        "words": dict(result.words),
        "halts": result.halts,
        "stuck": result.stuck,
        "rows": [
            {
                "exchange": line.exchange,
                **line.verdict._asdict(),
                "dust": figure(line.verdict.dust),
                "profit": figure(line.verdict.profit),
                "findings": [one._asdict() for one in line.findings],
            }
            for line in result.lines
        ],
    }


def _cells(line: Line) -> tuple[str, ...]:
    one = line.verdict
    counts = (sum(found.kind in kinds for found in line.findings) for _, kinds in COUNTED)
    amounts = (one.buys, one.trips, one.resting, one.sells, *counts)
    return (line.exchange, *map(str, amounts), figure(one.profit))


def _sentences(result: Result) -> Iterator[str]:
    lines = [line.verdict for line in result.lines]
    words = ", ".join(f"{count} {state}" for state, count in sorted(result.words.items()))
    sells, lowest = sum(one.sells for one in lines), sum(one.lowest for one in lines)
    exempt = sum(one.exempt for one in lines)
    yield f"{sum(result.faults.values())} faults of {len(result.faults)} kinds in {result.seconds:.0f} s; a person let trading go on {result.halts} times, and stuck trades {result.stuck} times"
    yield f"a person said `buy` {sum(result.words.values())} times: {words}"
    yield f"{lowest} of {sells} SELLs at the lowest tick that the rule allows, the others above it; {exempt} worth more than max_order_quote, as only they may be"


def _remarks(result: Result) -> Iterator[str]:
    for line in result.lines:
        yield from (f"{line.exchange}: {one.kind}: {one.text}" for one in line.findings[:MOST])
        if (more := len(line.findings) - MOST) > 0:
            yield f"{line.exchange}: and {more} more"

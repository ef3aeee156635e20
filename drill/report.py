"""The drill's table, for a terminal and for docs/reliability.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drill.dialects import toml
from drill.result import Line

BEGIN, END = "<!-- drill:begin -->", "<!-- drill:end -->"
HEAD = ("fault", "exchange", "noticed after", "repaired after", "lost", "doubled", "REST calls", "score")


def as_table(lines: Sequence[Line]) -> str:
    """Readable on a terminal, and Markdown."""
    return drawn([HEAD, *(_cells(line) for line in lines)])


def drawn(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as such a table; the first is its head."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    table = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    table.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(table)


def summary(lines: Sequence[Line], seconds: float) -> str:
    """One sentence on the whole."""
    lost, doubled, wrong = (
        sum(getattr(line, name) for line in lines) for name in ("lost", "doubled", "wrong")
    )
    ill = sum(not line.is_well for line in lines)
    unseen = sum(line.must_notice and line.noticed_after_s is None for line in lines)
    mean = sum(line.score for line in lines) / len(lines) if lines else 0
    accounts = sum(line.seeds for line in lines)
    return (
        f"{accounts} accounts in {seconds:.0f} s: {lost} facts lost, {doubled} doubled, {wrong} wrong, "
        f"{ill} of {len(lines)} rows not well again, {unseen} unnoticed; score {mean:.0f}"
    )


def remarks(lines: Sequence[Line]) -> list[str]:
    """What the table has no column for."""
    return [f"{line.fault} on {line.exchange}: {text}" for line in lines for text in line.remarks]


def told_settings(settings: Mapping[str, Any]) -> str:
    """The settings of a private daemon's accounts, in one line."""
    return ", ".join(f"{key} = {toml(value)}" for key, value in settings.items())


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the marks; ValueError where there are none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for a table: {BEGIN} … {END}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.fault,
        line.exchange,
        _seconds(line.noticed_after_s, "never" if line.must_notice else "-"),
        _seconds(line.repaired_after_s, "NEVER"),
        str(line.lost),
        str(line.doubled + line.wrong) if not line.wrong else f"{line.doubled} + {line.wrong} wrong",
        str(line.rest_calls),
        str(line.score),
    )


def _seconds(value: float | None, never: str) -> str:
    return never if value is None else f"{value:.1f} s"

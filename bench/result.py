"""One measured figure with what it is held to, and how a run of them is shown."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Result:
    """`value` is a ratio, milliseconds, megabytes or a count; `better` says which way is good. `figures` are behind it."""

    bench: str
    what: str
    value: float
    must: float
    aim: float
    better: Literal["higher", "lower"]
    unit: Literal["x", "ms", "MB", ""]
    figures: str

    @property
    def verdict(self) -> str:
        """`aim`, `must`, or `missed`."""
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if (self.value >= bound) if self.better == "higher" else (self.value <= bound):
                return name
        return "missed"


def as_json(results: list[Result]) -> list[dict[str, Any]]:
    return [{**asdict(result), "verdict": result.verdict} for result in results]


def as_table(results: list[Result]) -> str:
    """A Markdown table, readable on a terminal too."""
    rows = [("what", "measured", "must", "aim", "reached", "figures")]
    rows += [
        (
            f"{result.bench}: {result.what}",
            f"{result.value:.2f} {result.unit}".rstrip(),
            f"{result.must:g}",
            f"{result.aim:g}",
            result.verdict,
            result.figures,
        )
        for result in results
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def write_into(page: Path, results: list[Result], mark: str = "bench") -> None:
    """Replace what stands between the marks `<!-- mark:begin -->` and `<!-- mark:end -->` of `page`."""
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{as_table(results)}\n{end}{after}")

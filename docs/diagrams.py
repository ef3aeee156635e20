"""Draws docs/diagrams.md from the tables that the daemon itself runs on.

    python docs/diagrams.py            write the page
    python docs/diagrams.py --check    exit 1 if the page is not what the tables say

This file decides how a table looks, never what is in it. A step that many
states share is a line of text below the picture: drawn as arrows it would hide
everything else. Steps that stay where they are are left out.
"""

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "diagrams.md"
sys.path.insert(0, str(ROOT))

from core import account, breaker, halting, lots, orders, prices, supervision_state  # noqa: E402  (the checkout is the package)
from docs.generated import deliver  # noqa: E402

HEAD = "# State diagrams\n\nDrawn by `python docs/diagrams.py`; do not edit. The words behind them stand beside each table.\n"

MANY = 5
"""A step that so many states share is told in words."""

Table = Mapping[Any, Mapping[Any, str]]


class Machine(NamedTuple):
    """One table and where it lives; `initial` is where its life begins.

    Not `labelled`: the steps have no trigger but what the exchange says.
    """

    title: str
    source: str
    initial: str
    table: Table
    labelled: bool = True


class Step(NamedTuple):
    source: str
    target: str
    trigger: str


def machines() -> list[Machine]:
    """Every state machine that is a table."""
    steps = {state: {following: following for following in row} for state, row in _ordered(orders.STEPS)}
    return [
        Machine("An account", "core/account.py", "starting", account.TRANSITIONS),
        Machine("A supervised child", "core/supervision_state.py", "down", supervision_state.PHASES),
        Machine("A circuit breaker", "core/breaker.py", "closed", breaker.TABLE),
        Machine("An order", "core/orders.py", "pending", steps, labelled=False),
        Machine("A price", "core/prices.py", "unknown", prices.TABLE),
        Machine("A trade", "core/lots.py", "waiting", lots.TABLE),
        Machine("The trader's switch", "core/halting.py", "running", halting.TABLE),
    ]


def _ordered(steps: Mapping[Any, Iterable[str]]) -> Iterator[tuple[str, list[str]]]:
    """Sets, made to come out in the same order each time."""
    for state, following in steps.items():
        yield state, sorted(following)


def page() -> str:
    """The whole page as it should be."""
    return "\n".join([HEAD, *(_section(machine) for machine in machines())])


def _section(machine: Machine) -> str:
    steps = list(_steps(machine.table))
    shared = _shared(steps) if machine.labelled else {}
    drawn = [step for step in steps if (step.trigger, step.target) not in shared]
    lines = [f"## {machine.title} (`{machine.source}`)", "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {machine.initial}", *_arrows(drawn, labelled=machine.labelled), "```", ""]
    for (trigger, target), sources in shared.items():
        lines.append(f"* {trigger} → {target}, from {', '.join(sources)}")
    return "\n".join(lines).rstrip() + "\n"


def _steps(table: Table) -> Iterator[Step]:
    for source, row in table.items():
        for trigger, target in row.items():
            if target != source:
                yield Step(source, target, _name(trigger))


def _name(trigger: Hashable) -> str:
    """`StreamLost` or `StreamLost tripped`: an event, perhaps with its word that matters."""
    if isinstance(trigger, tuple):
        return " ".join(_name(part) for part in trigger)
    return trigger.__name__ if isinstance(trigger, type) else str(trigger)


def _shared(steps: list[Step]) -> dict[tuple[str, str], list[str]]:
    """(trigger, target) -> sources, where many states take that step."""
    sources: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        sources.setdefault((step.trigger, step.target), []).append(step.source)
    return {key: names for key, names in sources.items() if len(names) >= MANY}


def _arrows(steps: list[Step], *, labelled: bool) -> list[str]:
    """One arrow for each pair of states, with all that may lead along it."""
    labels: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        labels.setdefault((step.source, step.target), []).append(step.trigger)
    return [
        f"    {source} --> {target}" + (f": {', '.join(triggers)}" if labelled else "")
        for (source, target), triggers in labels.items()
    ]


if __name__ == "__main__":
    deliver(PAGE, page, "docs/diagrams.py")

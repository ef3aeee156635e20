"""Every event that the daemon can log stands in docs/logs.md, with its level, and nothing else does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from core.supervision_events import NotedEvent
from host.chronicle import ALARMING
from tests.docs.generated import DOCS

ROOT = DOCS.parent
PRODUCT = ("actors", "control", "core", "exchanges", "host", "models", "transport", "web")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| .+ \|$", re.MULTILINE)

PAGE = (DOCS / "logs.md").read_text(encoding="utf-8")


def sources() -> Iterator[Path]:
    yield ROOT / "supervisor.py"
    for folder in PRODUCT:
        yield from sorted((ROOT / folder).rglob("*.py"))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for source in sources():
        yield source, ast.parse(source.read_text(encoding="utf-8"))


def literal(node: ast.AST) -> tuple[str, str] | None:
    """(event, level) of `log.level("event", …)`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[ast.Constant(value=str(event))]
        ):
            return event, "error" if level == "exception" else level
    return None


def written() -> set[tuple[str, str]]:
    """Every (event, level) of the code, those of the supervision's own list included."""
    found = {said for _, tree in trees() for node in ast.walk(tree) if (said := literal(node))}
    return found | {(event, "warning" if event in ALARMING else "info") for event in get_args(NotedEvent)}


def test_every_event_of_the_code_is_in_the_table_with_its_level_and_no_other() -> None:
    told = set(ROW.findall(PAGE))
    assert told - written() == set(), "only on the page"
    assert written() - told == set(), "only in the code"


def test_no_event_has_a_name_that_is_made_up_when_it_is_said() -> None:
    """Else the table could not be complete. Only the chronicle says names from a list."""
    loose = []
    for source, tree in trees():
        uses = sum(isinstance(node, ast.Name) and node.id == "log" for node in ast.walk(tree))
        bound = sum(
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "log" for node in ast.walk(tree)
        )
        said = sum(literal(node) is not None for node in ast.walk(tree))
        if uses != bound + said:
            loose.append((source.relative_to(ROOT).as_posix(), uses - bound - said))
    assert loose == [("host/chronicle.py", 2)]


def test_whoever_logs_does_so_by_the_name_that_is_looked_for() -> None:
    for source, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "structlog.get_logger":
                assert "log = structlog.get_logger()" in source.read_text(encoding="utf-8"), source


def test_an_event_has_one_level_and_one_row() -> None:
    events = [event for event, _ in ROW.findall(PAGE)]
    assert len(events) == len(set(events))

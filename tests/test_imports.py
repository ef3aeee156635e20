"""The import table of docs/architecture.md, enforced on the code as it stands."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

OURS = {
    "actors",
    "bench",
    "control",
    "core",
    "drill",
    "exchanges",
    "host",
    "models",
    "sandbox",
    "supervisor",
    "tests",
    "transport",
    "web",
}

VOCABULARY = {"control.answers", "control.audit", "control.reload", "control.services", "control.words"}
"""What every word answers: one vocabulary for all fronts. Sockets and command line are not of it."""

MAY_IMPORT = {
    "core": set(),
    "sandbox": set(),
    "drill": set(),
    "exchanges": {"core"},
    "transport": {"core", "exchanges.base"},
    "models": {"core"},
    "control": {"core", "models.read"},
    "web": {"core", "models.read", *VOCABULARY},
    "actors": {"core", "exchanges", "transport"},
    "host": OURS - {"supervisor", "tests", "bench", "drill"},
}

SHARED_AMONG_ACTORS = {
    "actors.base",
    "actors.directory",
    "actors.mailbox",
    "actors.inlet",
    "actors.feed",
    "actors.memory",
    "actors.quotes",
    "actors.sockets",
    "actors.spill",
}

EXTRA = {
    "actors/persistence.py": {"models.ledger", "models.database", "models.checkpoint", "models.read"},
    "actors/poller.py": {"models.read", "actors.comparison", "actors.examination", "actors.witness"},
    "actors/comparison.py": {"models.read"},
    "actors/examination.py": {"models.read", "actors.comparison"},
    "actors/connection.py": {"actors.reader"},
    "actors/prices.py": {"actors.quote_reader"},
    "actors/notifier.py": {"models.read", "actors.courier"},
    "actors/trader.py": {"models.read"},
    "actors/control.py": {"models.read", "control", "actors.serving"},
    "actors/web.py": {"models.read", "web", "control.services", "actors.serving"},
}

FILES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py") if path.exists())


def imported(path: Path) -> Iterator[str]:
    """Every module of ours that `path` imports, late imports included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module in OURS)


def allowed(name: str, own: str, relative: str) -> bool:
    """Whether the file at `relative` (in package `own`) may import module `name`."""
    grants = MAY_IMPORT[own] | EXTRA.get(relative, set())
    if own == "actors":
        grants |= SHARED_AMONG_ACTORS
    else:
        grants |= {own}
    return any(
        name == grant or name.startswith(grant + ".") or grant.startswith(name + ".") for grant in grants
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_what_the_table_allows(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    own = relative.split("/", 1)[0]
    ours = [name for name in imported(path) if name.split(".", 1)[0] in OURS]
    assert [name for name in ours if not allowed(name, own, relative)] == []


def test_nobody_imports_the_supervisor() -> None:
    guilty = [str(path) for path in FILES if "supervisor" in set(imported(path))]
    assert guilty == []


def test_relative_imports_do_not_hide_from_the_table() -> None:
    hidden = [
        str(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert hidden == []


def test_only_the_clock_reads_the_time() -> None:
    """Rules and shells are given a clock; a direct reading could not be tested."""
    readers = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.name != "clock.py" and not str(path.relative_to(ROOT)).startswith(("sandbox/", "drill/"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
        and node.attr in {"time", "time_ns", "monotonic", "monotonic_ns", "sleep", "clock_gettime"}
    ]
    assert readers == []

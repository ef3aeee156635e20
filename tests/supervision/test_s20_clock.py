"""S20: durations come from the one clock that the caller hands in, and from nothing else."""

import ast
from pathlib import Path

import pytest

import core
from core.messages import Down, Ready
from core.supervision import new, step
from core.supervision_events import Command, Event, Restarted, StopAsked, Tick
from tests.supervision.kit import tree

PURE = sorted(Path(core.__file__).parent.glob("supervision*.py")) + [
    Path(core.__file__).parent / name for name in ("backoff.py", "breaker.py", "tree.py")
]
CLOCKS = {"time", "datetime", "core.clock", "threading", "random.SystemRandom"}


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_no_file_of_the_machine_can_reach_a_clock_or_a_thread(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not CLOCKS & {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module not in CLOCKS


def life(origin: float, seed: int = 3) -> list[tuple[Command, ...]]:
    """The same life, told on a clock that began elsewhere."""
    state = new(tree("main"), seed)
    told = []
    script: list[tuple[float, Event]] = [(0, Tick())]
    script += [
        (n, Ready(f"core/{name}", 1)) for n, name in enumerate(["persistence", "control", "web", "notifier"])
    ]
    script += [
        (4, Ready("main/connection", 1)),
        (5, Ready("main/keepalive", 1)),
        (9, Down("main/connection", 1, "bug")),
    ]
    script += [(10, Down("main/keepalive", 1, "shutdown")), (12, Ready("main/connection", 2)), (60, Tick())]
    script += [(61, Restarted("main")), (64, Tick()), (70, Tick()), (75, StopAsked("bye")), (80, Tick())]
    for at, event in script:
        state, out, _ = step(state, origin + at, event)
        told.append(tuple(out))
    return told


@pytest.mark.parametrize("origin", [1024.0, 2.0**20, -4096.0])
def test_only_differences_of_now_matter(origin: float) -> None:
    assert life(origin) == life(0.0)


def test_equal_inputs_give_equal_commands() -> None:
    assert life(0.0) == life(0.0)


def test_the_seed_is_the_only_chance() -> None:
    lives = {str(life(0.0, seed)) for seed in range(5)}
    assert len(lives) > 1

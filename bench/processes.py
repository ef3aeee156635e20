"""Runs a blaster and a receiver in processes of their own, and reads what they print."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def blaster(count: int, rate: float = 0, group: int = 1, first: int | None = None) -> Iterator[int]:
    """The port of a server that sends `count` frames to its one client (see bench.blaster)."""
    words = [count, rate, group, *([] if first is None else [first])]
    command = [sys.executable, "-m", "bench.blaster", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def figures_of(module: str, *arguments: object) -> dict[str, Any]:
    """What `python -m module arguments` prints in its last line, as JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures

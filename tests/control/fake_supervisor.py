"""Stands where `supervisor.py` stands: the command line, and words for what only that can do.

`python -m tests.control.fake_supervisor [--settings PATH] [WORD …]`
"""

from pathlib import Path

from control.cli import Offline, main


def run(settings: Path) -> int:
    print(f"running with {settings}")
    return 70


def check(settings: Path) -> int:
    print(f"checking {settings}")
    return 78


if __name__ == "__main__":
    main(Path("/nonexistent/settings.toml"), Offline(run=run, check=check))

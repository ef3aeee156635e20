"""What the scripts that write a page of docs/ have in common: the page is written, or compared."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def deliver(target: Path, page: Callable[[], str], script: str) -> NoReturn:
    """Leave the process: the page is written, or with --check compared (exit 1 where it is stale)."""
    if sys.argv[1:] != ["--check"]:
        target.write_text(page(), encoding="utf-8")
        sys.exit(0)
    fresh = target.exists() and target.read_text(encoding="utf-8") == page()
    print(f"{target.name} is {'up to date' if fresh else f'stale: run python {script}'}")
    sys.exit(not fresh)

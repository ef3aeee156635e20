"""The committed diagrams are what the tables say."""

import subprocess
import sys
from pathlib import Path

from core.account import TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
DRAW = ROOT / "docs" / "diagrams.py"
PAGE = ROOT / "docs" / "diagrams.md"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DRAW, *arguments], check=False, capture_output=True, text=True, timeout=60
    )


def test_the_committed_page_is_what_the_tables_say() -> None:
    done = run("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_machine_is_on_the_page() -> None:
    titles = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert [title.partition("`")[2].rstrip("`)") for title in titles] == [
        "core/account.py",
        "core/supervision_state.py",
        "core/breaker.py",
        "core/orders.py",
        "core/prices.py",
        "core/lots.py",
        "core/halting.py",
    ]


def test_every_step_of_the_account_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for source, row in TRANSITIONS.items():
        for target in row.values():
            shared = [line for line in page.splitlines() if f"→ {target}, from " in line and source in line]
            assert source == target or f"    {source} --> {target}: " in page or shared, (source, target)

"""The page that teaches how an exchange is added is followed to the letter, in a copy of the repository.

Its blocks name their files: code is put together in order, changes are made where
their old lines stand, settings are added at the end. What comes out is judged as
every exchange is, by the contract test and an end-to-end story.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "add-an-exchange.md"
BLOCK = re.compile(r"^```(?P<language>\w+) (?P<file>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = shutil.ignore_patterns(".*", "data", "__pycache__")
STORY = "tests/end_to_end/test_b14_gap.py::test_facts_are_known_by_polling_while_the_stream_is_cut_and_stay_when_it_is_back"


def follow(page: str, root: Path) -> list[str]:
    """Do what the page says; the files that were touched, in order."""
    written: dict[str, list[str]] = {}
    for block in BLOCK.finditer(page):
        file, text = block["file"], block["text"]
        path = root / file
        if block["language"] == "diff":
            path.write_text(changed(path.read_text(), text.splitlines(keepends=True)))
        elif path.exists() and file not in written:
            path.write_text(f"{path.read_text()}\n{text}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n\n".join([*written.get(file, ()), text]))
        written.setdefault(file, []).append(text)
    return list(written)


def changed(text: str, lines: list[str]) -> str:
    """With the new lines in the place of the old ones, of which there is exactly one."""
    before, after = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
    assert text.count(before) == 1, f"the page speaks of lines that are not there:\n{before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("with") / "vigil"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    touched = follow(PAGE.read_text(), root)
    assert touched == [
        "exchanges/acorn.py",
        "exchanges/registry.py",
        "sandbox/acorn.py",
        "sandbox/server.py",
        "drill/dialects.py",
        "tests/exchanges/frames/acorn/fill.json",
        "tests/exchanges/frames/acorn/unknown_kind.json",
        "settings.toml",
    ]
    return root


def run(copy: Path, *words: str) -> str:
    """What a module says in the copy; it must end well."""
    told = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_the_example_is_clean_code(copy: Path) -> None:
    files = (
        "exchanges/acorn.py",
        "exchanges/registry.py",
        "sandbox/acorn.py",
        "sandbox/server.py",
        "drill/dialects.py",
    )
    run(copy, "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *files)
    run(copy, "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), *files)


def test_the_settings_know_the_exchange_without_another_line(copy: Path) -> None:
    assert "account demo-acorn: acorn, enabled" in run(copy, "supervisor", "check")


def test_the_drill_knows_the_way_in(copy: Path) -> None:
    run(copy, "pytest", "tests/drill/test_menu.py")


def test_the_contract_and_a_story_hold_for_the_exchange(copy: Path) -> None:
    told = run(copy, "pytest", "-k", "acorn", "tests/exchanges/test_contract.py", STORY)
    passed = re.search(r"(\d+) passed, \d+ deselected", told)
    assert passed, told
    assert int(passed[1]) > 30

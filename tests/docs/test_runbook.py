"""Whoever is woken by an incident finds its entry in the runbook."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import pytest

from core.incidents import ENDED_BY_A_PERSON, Kind
from core.records import Severity
from tests.docs.generated import DOCS

PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^### `(\w+)`\n\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ENTRIES = dict(ENTRY.findall(PAGE.partition("\n## Runbook\n")[2]))


def words(types: Iterable[Any]) -> Iterator[str]:
    for one in types:
        yield from [one] if isinstance(one, str) else words(get_args(one))


KINDS = list(words([Kind]))


def test_every_kind_that_the_code_can_raise_has_an_entry_and_nothing_else_has() -> None:
    """The type checker holds whoever raises one to this list."""
    assert sorted(ENTRIES) == sorted(KINDS)
    assert len(KINDS) == len(set(KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_says_how_bad_it_is_what_happens_by_itself_and_what_to_do(kind: str) -> None:
    entry = ENTRIES[kind]
    assert entry.partition(":")[0].lower() in get_args(Severity)
    assert "* **By itself:** " in entry
    assert "* **You:** " in entry


def test_what_only_a_person_ends_says_so() -> None:
    for kind in KINDS:
        asks = ENTRIES[kind].rstrip().lower().endswith("acknowledge.") or "then acknowledge." in ENTRIES[kind]
        if kind in ENDED_BY_A_PERSON:
            assert asks, kind
            assert f"`{kind}`" in PAGE.partition("\n### ")[0]

"""The committed diagrams are what the tables say."""

from core.account import TRANSITIONS
from tests.docs.generated import DOCS, checked

PAGE = DOCS / "diagrams.md"


def test_the_committed_page_is_what_the_tables_say() -> None:
    assert checked("diagrams.py") is None


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

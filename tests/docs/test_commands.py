"""Every command line on a page is one: its words and options exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.docs.generated import DOCS
from tests.host.test_help import whole

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((ROOT / "ops").glob("*.service"))]
COMMAND = re.compile(
    r"(?:^|[ `(\"])(?:\S*/)?python3? (?:\S*/)?supervisor\.py((?: [^`\n|)\"]+)?)", re.MULTILINE
)
BRIEF = re.compile(r"^    (?:\$ |# )?(?:systemctl \w+ vigil(?:;| &&) )?vigil ([^\n;|&]+)", re.MULTILINE)


def commands(page: Path) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    found = [match[1] for match in COMMAND.finditer(text)]
    if page.name == "operations.md":
        found += BRIEF.findall(text)
    for command in found:
        said = re.split(r"\s+#|\s{2,}|\s\(|\s→|;", command)[0].strip()
        if not re.search(r"…|\bWORD\b|[{\[]", said):
            yield said


FOUND = sorted({(page.name, command) for page in PAGES for command in commands(page)})


def understood(command: click.Command, words: list[str]) -> None:
    """Parsed as far as it goes; click says what is wrong."""
    context = command.make_context(command.name, words, resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    if isinstance(command, click.Group) and rest:
        _, following, more = command.resolve_command(context, rest)
        assert following is not None
        understood(following, more)


@pytest.mark.parametrize(("page", "command"), FOUND, ids=lambda text: text)
def test_a_command_on_a_page_is_understood(page: str, command: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Context, "exit", lambda *_: None)  # --help is understood too
        understood(whole(), shlex.split(command.rstrip(".,:")))


def test_there_are_many() -> None:
    assert len(FOUND) > 50
    assert ("README.md", "fills --since 1h") in FOUND
    assert ("operations.md", "backup /mnt/backups/vigil-monday.db") in FOUND

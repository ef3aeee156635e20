"""The whole command line, with all that `supervisor.py` puts into it: everything in it explains itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from control.cli import command_line
from supervisor import offline


def whole() -> click.Group:
    return command_line(Path("/nonexistent/settings.toml"), offline())


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


COMMANDS = dict(commands(whole()))


def shown(words: tuple[str, ...]) -> str:
    result = CliRunner().invoke(whole(), [*words, "--help"], prog_name="supervisor.py")
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_a_word_has_an_example_that_is_of_this_word(words: tuple[str, ...]) -> None:
    text = " ".join(shown(words).split())
    before = "supervisor.py(?: --settings /etc/vigil/settings.toml)?"
    if words == ("completion",):  # its lines name this very program
        before = r"eval \"\$\(\S+ \S+"
    assert re.search(f"{before} {' '.join(words)}\\b", text.partition(" Options: ")[2])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is_for(words: tuple[str, ...]) -> None:
    options = [param for param in COMMANDS[words].params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_argument_is_named_where_it_is_explained(words: tuple[str, ...]) -> None:
    text = shown(words)
    for param in COMMANDS[words].params:
        if isinstance(param, click.Argument) and words[0] not in ("completion", "accounts"):
            name = param.make_metavar(click.Context(COMMANDS[words])).strip("[]")
            assert text.count(name) > 1, name


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(words: tuple[str, ...]) -> None:
    lines = shown(words).splitlines()
    if words == ("completion",):  # its last lines are to be copied whole
        lines = lines[: lines.index("  bash, in ~/.bashrc:")]
    assert max(map(len, lines)) <= 80


LISTS = [(), *(words for words, command in COMMANDS.items() if isinstance(command, click.Group))]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_of_words_cuts_no_sentence_short(words: tuple[str, ...]) -> None:
    assert "..." not in shown(words).replace("WORD ...", "")

"""How far a long piece of work has come: shown on a terminal, and nowhere else."""

import io
import sys

import pytest

from core.progress import nobody
from host.progress import shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_what_is_done_and_how_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", screen)
    with shown() as tell:
        tell("folding the journal", 1, 10)
        tell("folding the journal", 10, 10)
        tell("rows", 7, None)
    assert "folding the journal" in screen.getvalue()
    assert "10/10" in screen.getvalue()
    assert "7/?" in screen.getvalue()


def test_where_standard_error_is_no_terminal_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with shown() as tell:
        tell("rows", 1, 1)
    assert (tell, file.getvalue()) == (nobody, "")


def test_a_terminal_that_shows_the_rows_themselves_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with shown(wanted=False) as tell:
        assert tell is nobody

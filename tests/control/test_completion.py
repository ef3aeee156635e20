"""What a shell is offered while somebody types, asked as a shell asks."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, ShellComplete, ZshComplete

from control.cli import Offline, command_line
from control.completion import COMPLETE_VAR, SHELLS, script
from control.words import WORDS
from tests.control.kit import WAIT, serve

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = '[accounts.main]\nexchange = "bybit"\n[accounts.demo-binance-us]\nexchange = "binance_us"\n'


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    (tmp_path / "data").mkdir()
    return path


def never(*_: object) -> int:
    raise AssertionError("nothing runs while somebody types")


def asked(settings: Path, *words: str, shell: type[ShellComplete] = BashComplete) -> ShellComplete:
    return shell(command_line(settings, Offline(run=never, check=never)), {}, "vigil", COMPLETE_VAR)


def offered(settings: Path, *words: str) -> list[str]:
    """What there is for the last of `words`, which may be half typed."""
    *typed, last = words
    return [item.value for item in asked(settings).get_completions(typed, last)]


def test_words_are_offered_and_those_that_begin_like_what_is_typed(settings: Path) -> None:
    assert set(WORDS) | {"check", "completion"} == set(offered(settings, ""))
    assert offered(settings, "st") == ["status", "stop"]


def test_options_are_offered_by_their_word(settings: Path) -> None:
    assert offered(settings, "fills", "--") == ["--account", "--symbol", "--since", "--limit", "--after", "--json", "--help"]  # fmt: skip
    assert offered(settings, "--") == ["--settings", "--help"]


@pytest.mark.parametrize("words", [("fills", "--account"), ("audit",), ("restart",), ("history", "account")])
def test_accounts_are_those_of_the_settings_and_no_daemon_is_needed(
    settings: Path, words: tuple[str, ...]
) -> None:
    assert offered(settings, *words, "") == ["main", "demo-binance-us"]
    assert offered(settings, *words, "de") == ["demo-binance-us"]
    assert offered(settings, *words, "x") == []


def test_accounts_are_those_of_the_settings_that_are_named(settings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[accounts.second]\nexchange = "bybit"\n')
    assert offered(settings, "--settings", str(other), "fills", "--account", "") == ["second"]


def test_a_file_that_is_just_being_edited_offers_what_parses_and_none_offers_nothing(settings: Path) -> None:
    settings.write_text(SETTINGS + "[accounts.half\n")
    assert offered(settings, "pause", "m") == ["main"]
    settings.unlink()
    assert offered(settings, "pause", "") == []
    settings.write_text("accounts = 7\n")
    assert offered(settings, "pause", "") == []


def test_ids_are_those_of_the_daemon_that_runs(settings: Path) -> None:
    with serve(settings.parent / "data" / "control.sock") as served:
        assert offered(settings, "restart", "core") == ["core", "core/control"]
        assert offered(settings, "history", "actor", "") == ["daemon", "core/control"]
        served.takes_commands = False
        assert served.told == [], "to ask is all that it does"


def test_what_each_word_takes_is_offered_where_it_is_known(settings: Path) -> None:
    assert offered(settings, "history", "po") == ["position"]
    assert offered(settings, "history", "order", "") == []
    assert offered(settings, "fees", "--by", "d") == ["day"]
    assert offered(settings, "alerts", "") == ["test"]
    assert offered(settings, "fills", "--since", "") == ["10m", "1h", "24h", "7d"]
    assert offered(settings, "acknowledge", "") == []


def test_a_daemon_that_does_not_answer_is_not_waited_for(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.completion.PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(settings.parent / "data" / "control.sock"))
        deaf.listen()
        assert offered(settings, "restart", "") == ["main", "demo-binance-us"]


def test_a_daemon_that_refuses_is_as_good_as_none(settings: Path) -> None:
    from control.connection import Limits

    with serve(settings.parent / "data" / "control.sock", limits=Limits(connections=0)):
        assert offered(settings, "restart", "") == ["main", "demo-binance-us"]


def test_zsh_and_fish_show_a_word_about_each(settings: Path) -> None:
    items = asked(settings, shell=ZshComplete).get_completions(["fills", "--account"], "")
    assert [(item.value, item.help) for item in items] == [
        ("main", "bybit"),
        ("demo-binance-us", "binance_us"),
    ]


# ------------------------------------------------------------------------- in the shells

TRY = """
compopt() { local IFS=" "; printf 'compopt %s\\n' "$*"; }
asked() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vigil_complete "$1"; printf '%s\\n' "${COMPREPLY[@]}"; }
"""


def in_bash(home: Path, text: str) -> list[str]:
    fake = [sys.executable, "-m", "tests.control.fake_supervisor"]
    start = script("bash", fake, ["--settings", str(home / "the settings.toml")])
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{start}\n{TRY}\n{text}"],
        check=False, capture_output=True, text=True, timeout=WAIT, cwd=ROOT, env={**os.environ, "HOME": str(home)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "the settings.toml").write_text(SETTINGS)
    return tmp_path


def test_bash_completes_vigil_with_the_settings_it_was_made_for(home: Path) -> None:
    assert in_bash(home, "asked vigil st") == ["status", "stop"]
    assert in_bash(home, "asked vigil fills --account ''") == ["main", "demo-binance-us"]
    assert in_bash(home, "asked vigil fills --account nobody") == [""]


def test_bash_completes_the_script_behind_python_and_leaves_other_scripts_alone(home: Path) -> None:
    assert in_bash(home, "asked python /somewhere/supervisor.py st") == ["status", "stop"]
    assert in_bash(home, "asked python manage.py st") == [""]
    assert in_bash(home, "asked python supervisor.p") == [""]


def test_bash_completes_the_path_of_a_settings_file_as_a_path(home: Path) -> None:
    assert in_bash(home, "asked python supervisor.py --settings /t") == ["compopt -o default", ""]


def test_vigil_is_the_command_line_with_its_settings(home: Path) -> None:
    (home / "data").mkdir()
    with serve(home / "data" / "control.sock"):
        assert in_bash(home, "vigil version") == [f"vigil 1.2.3, pid {os.getpid()}"]


def test_bash_keeps_what_somebody_else_completes_python_with(home: Path) -> None:
    fake = [sys.executable, "-m", "tests.control.fake_supervisor"]
    mine = "complete -F _mine python\n" + script("bash", fake, []) + "complete -p python python3 vigil\n"
    done = subprocess.run(["bash", "--norc", "-c", mine], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "complete -F _mine python"
    assert "_vigil_complete python3" in done.stdout
    assert "_vigil_complete vigil" in done.stdout


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_shell_can_read_what_it_is_told(shell: str, home: Path) -> None:
    text = script(
        shell,
        ["/opt/a path/python", "/opt/it's/supervisor.py"],
        ["--settings", str(home / "the settings.toml")],
    )
    done = subprocess.run([shell, "-n"], check=False, input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search(r"@[A-Z ]+@", text)

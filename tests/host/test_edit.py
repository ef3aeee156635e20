"""The words that edit a settings file: what changes, what stays, and what is refused."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from control.cli import Offline, command_line
from host.configuration import SettingsError
from host.edit import CannotEdit, NoAccount, adding, edit, enabling, removing
from host.edit_words import commands

PLAY = {"exchange": "binance", "sandbox": True}
FILE = """\
# vigil's settings, kept by hand

[supervisor]          # the daemon
data_dir = "data"

# the first one
[accounts.first]      # play
exchange = "binance"  # spot
sandbox  = true
# audit_every = 30

# the second one
[accounts.second]
exchange = "bybit"
sandbox  = true
backoff = {base = 2}   # calm

[web]                  # behind the accounts
listen = ""
# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    return path


def run(file: Path, *words: str, pid: int | None = None, **more: Any) -> Result:
    offline = Offline(run=lambda _: 0, check=lambda _: 0, accounts=commands(lambda _: pid))
    return CliRunner().invoke(command_line(file, offline), ["accounts", *words], **more)


def lines(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.strip()}


# ------------------------------------------------------------------------- the text


def test_an_account_that_is_added_stands_behind_and_nothing_else_has_changed(file: Path) -> None:
    edit(file, adding("main", {**PLAY, "symbols": ["BTCUSDT", "ETHUSDT"]}), {})
    text = file.read_text()
    assert text.startswith(FILE)
    assert text.removeprefix(FILE) == (
        '\n[accounts.main]\nexchange = "binance"\nsandbox = true\nsymbols = ["BTCUSDT", "ETHUSDT"]\n'
    )


def test_an_account_that_is_removed_takes_its_lines_along_and_no_others(file: Path) -> None:
    edit(file, removing("first"), {})
    text = file.read_text()
    gone = {"[accounts.first]      # play", 'exchange = "binance"  # spot', "# audit_every = 30"}
    assert lines(FILE) - lines(text) == gone
    assert lines(text) < lines(FILE)


def test_the_comment_of_the_next_table_stays(file: Path) -> None:
    file.write_text(FILE.replace("# audit_every = 30\n\n", ""))
    edit(file, removing("first"), {})
    assert "# the second one\n[accounts.second]" in file.read_text()


def test_an_account_goes_with_the_tables_below_it(file: Path) -> None:
    file.write_text(FILE + "\n[accounts.first.backoff]\nbase = 3\n# its own\n")
    edit(file, removing("first"), {})
    assert "first.backoff" not in file.read_text()
    assert "base = 3" not in file.read_text()


def test_disabling_and_enabling_is_one_line(file: Path) -> None:
    edit(file, enabling("second", enabled=False), {})
    text = file.read_text()
    assert lines(text) - lines(FILE) == {"enabled = false"}
    assert tomllib.loads(text)["accounts"]["second"]["enabled"] is False
    edit(file, enabling("second", enabled=True), {})
    assert lines(file.read_text()) - lines(FILE) == {"enabled = true"}


def test_the_line_stands_with_the_accounts_own_and_not_behind_what_is_remarked_there(file: Path) -> None:
    """Else it would belong to whatever table somebody makes of the remarks one day."""
    remarks = '\n# [accounts.main]\n# exchange = "bybit"\n'
    last = '[accounts.last]\nexchange = "bybit"\nsandbox = true\n'
    file.write_text(FILE + last + remarks)
    edit(file, enabling("last", enabled=False), {})
    assert file.read_text() == FILE + last + "enabled = false\n" + remarks


def test_what_is_so_already_is_not_written(file: Path) -> None:
    before = file.stat()
    edit(file, enabling("first", enabled=True), {})
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "text",
    [
        'accounts = {first = {exchange = "binance", sandbox = true}, second = {exchange = "bybit", sandbox = true}}\n',
        '[accounts]\nfirst = {exchange = "binance", sandbox = true}\nsecond = {exchange = "bybit", sandbox = true}\n',
        '[accounts]\nfirst.exchange = "binance"\nfirst.sandbox = true\n[accounts.second]\nexchange = "bybit"\nsandbox = true\n',
        'accounts.first.exchange = "binance"\naccounts.first.sandbox = true\naccounts.second.exchange = "bybit"\naccounts.second.sandbox = true\n',
        '[accounts."first"]\nexchange = "binance"\nsandbox = true\n[ accounts . second ]\nexchange = "bybit"\nsandbox = true\n',
        '[accounts.first]\r\nexchange = "binance"\r\nsandbox = true\r\n[accounts.second]\r\nexchange = "bybit"\r\nsandbox = true\r\n',
        "[accounts.first]\nexchange = 'binance'\nsandbox = true\nsymbols = [\n  'A',\n]\n[supervisor]\n[accounts.second]\nexchange = 'bybit'\nsandbox = true\n",
    ],
    ids=["inline", "inline tables", "dotted below", "dotted", "quoted", "crlf", "apart"],
)
def test_however_the_accounts_are_written_each_change_is_just_what_it_says_or_is_refused(
    file: Path, text: str
) -> None:
    base = tomllib.loads(text)
    wanted = {
        "add": ({**base["accounts"], "third": PLAY}, adding("third", PLAY)),
        "remove": ({"second": base["accounts"]["second"]}, removing("first")),
        "disable": (
            {**base["accounts"], "second": {**base["accounts"]["second"], "enabled": False}},
            enabling("second", enabled=False),
        ),
    }
    done = 0
    for accounts, change in wanted.values():
        file.write_bytes(text.encode())
        try:
            edit(file, change, {})
        except CannotEdit:
            assert file.read_bytes() == text.encode()
            continue
        done += 1
        assert tomllib.loads(file.read_bytes().decode()) == {**base, "accounts": accounts}
    assert done >= 2


def test_the_last_account_may_go_and_the_first_may_come(file: Path) -> None:
    file.write_text("# nobody yet\n")
    edit(file, adding("main", PLAY), {})
    assert tomllib.loads(file.read_text()) == {"accounts": {"main": PLAY}}
    edit(file, removing("main"), {})
    assert file.read_text().rstrip() == "# nobody yet"


@given(
    st.permutations(["first", "second", "third"]), st.sampled_from(["", "\n", "\n\n# a word\n", "# a word\n"])
)
def test_whatever_is_added_and_removed_again_leaves_the_others_as_they_were(
    order: list[str], between: str
) -> None:
    text = f"# top\n[supervisor]\n{between}"
    for name in order:
        text = adding(name, PLAY)(text) + between
    for name in order[1:]:
        text = removing(name)(text)
    assert tomllib.loads(text) == {"supervisor": {}, "accounts": {order[0]: PLAY}}
    assert text.startswith("# top\n[supervisor]\n")


# ------------------------------------------------------------------------ the writing


def test_mode_and_links_stay_and_nothing_is_left_beside(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    real = tmp_path / "elsewhere" / "real.toml"
    real.parent.mkdir()
    file.rename(real)
    file.symlink_to(real)
    edit(file, adding("main", PLAY), {})
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "main" in real.read_text()
    assert [path.name for path in real.parent.iterdir()] == ["real.toml"]


def test_a_save_by_somebody_else_in_between_is_not_lost(file: Path) -> None:
    def slowly(text: str) -> str:
        file.write_text(FILE + "# theirs\n")
        return adding("main", PLAY)(text)

    with pytest.raises(CannotEdit, match="changed by somebody else meanwhile"):
        edit(file, slowly, {})
    assert file.read_text() == FILE + "# theirs\n"
    assert [path.name for path in file.parent.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"exchange": "binanse", "sandbox": True}, "accounts.new.exchange"),
        ({"exchange": "bybit"}, "accounts.new.api_key"),
        ({"exchange": "bybit", "sandbox": True, "api_key": "env:X"}, "accounts.new.api_key"),
    ],
)
def test_what_would_not_hold_is_not_written(file: Path, settings: dict[str, Any], path: str) -> None:
    with pytest.raises(SettingsError) as refused:
        edit(file, adding("new", settings), {})
    assert path in {problem.path for problem in refused.value.problems}
    assert file.read_text() == FILE


def test_a_file_that_does_not_hold_as_it_is_is_left_alone(file: Path) -> None:
    file.write_text(FILE + "broken")
    with pytest.raises(SettingsError, match="not valid TOML"):
        edit(file, adding("main", PLAY), {})
    assert file.read_text() == FILE + "broken"


def test_a_name_that_is_there_or_is_not_is_said(file: Path) -> None:
    with pytest.raises(CannotEdit, match="'first' already"):
        edit(file, adding("first", PLAY), {})
    with pytest.raises(NoAccount, match="did you mean 'first'"):
        edit(file, removing("frist"), {})


# -------------------------------------------------------------------------- the words


def test_the_words_say_when_it_takes_effect(file: Path) -> None:
    done = run(file, "add", "main", "--exchange", "binance", "--sandbox", "--symbols", "BTCUSDT, ETHUSDT")
    assert (done.exit_code, done.stdout) == (
        0,
        f"main: added in {file}\nno daemon runs with it: this takes effect at the next start\n",
    )
    assert tomllib.loads(file.read_text())["accounts"]["main"]["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert run(file, "disable", "main").exit_code == 0
    assert tomllib.loads(file.read_text())["accounts"]["main"]["enabled"] is False
    assert run(file, "enable", "main").exit_code == 0
    assert run(file, "remove", "main", "--yes").exit_code == 0
    assert file.read_text().rstrip() == FILE.rstrip()


@pytest.mark.parametrize("option", ["--api-key", "--api-secret", "--private-key"])
def test_a_bare_secret_is_refused_with_what_to_do_and_is_not_repeated(file: Path, option: str) -> None:
    done = run(file, "add", "main", "--exchange", "bybit", option, "AKIA7h1sIsTheSecret")
    assert done.exit_code == 2
    assert "mode 0600" in done.stderr
    assert "AKIA7" not in done.stdout + done.stderr
    assert file.read_text() == FILE


def test_references_are_written_as_they_are(file: Path) -> None:
    words = ("--exchange", "bybit", "--api-key", "env:K", "--api-secret", "file:secrets/s")
    assert run(file, "add", "main", *words).exit_code == 0
    assert tomllib.loads(file.read_text())["accounts"]["main"] == {
        "exchange": "bybit",
        "api_key": "env:K",
        "api_secret": "file:secrets/s",
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "new", "--exchange", "bybit"), 78, "accounts.new.api_key: is required"),
        (("add", "first", "--exchange", "bybit", "--sandbox"), 1, "already"),
        (("add", "NEW", "--exchange", "bybit", "--sandbox"), 78, "the name of an account is"),
        (("add", "new"), 2, "--exchange"),
        (("remove", "nobody", "--yes"), 2, "there is no account 'nobody'"),
        (("enable", "frist"), 2, "did you mean 'first'?"),
        (("rename", "first"), 2, "unknown word 'rename'; did you mean 'remove'?"),
    ],
)
def test_a_mistake_is_told_by_its_code_and_nothing_is_written(
    file: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(file, *words)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert file.read_text() == FILE


def test_a_removal_is_asked_for_once_more(file: Path) -> None:
    assert run(file, "remove", "first", input="n\n").exit_code == 1
    assert file.read_text() == FILE
    assert run(file, "remove", "first", input="y\n").exit_code == 0
    assert "accounts.first" not in file.read_text()


def test_without_one_of_them_the_word_reads(file: Path) -> None:
    done = run(file)
    assert done.exit_code == 3, "it asks the daemon, and there is none"
    assert "add" in run(file, "--help").stdout

"""`secrets set`, `list`, `remove`, `rekey`: what they take, say and refuse, and that no value is on a command line."""

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from control.cli import Offline, command_line
from host.configuration import load
from host.lock import DataLock
from host.vault import custody
from host.vault_words import command

ROOT = Path(__file__).resolve().parents[2]
VALUE = "hunter2-hunter2"
USED = """
[accounts.main]
exchange = "bybit"
api_key = "vault:main-key"
api_secret = "vault:main-secret"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("# nothing\n")
    return path


def run(file: Path, *words: str, pid: int | None = None, **more: Any) -> Result:
    offline = Offline(run=lambda _: 0, check=lambda _: 0, commands=(command(lambda _: pid),))
    return CliRunner().invoke(command_line(file, offline), ["secrets", *words], **more)


def held(file: Path, name: str, **environ: str) -> str:
    """What a daemon with this environment finds under the name."""
    return custody(load(file, {}), environ).secrets.resolve(f"vault:{name}")


# ------------------------------------------------------------------------------- set


def test_a_secret_comes_from_standard_input_and_is_not_repeated(file: Path) -> None:
    done = run(file, "set", "main-key", input=f"  {VALUE}\n")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == (
        f"main-key: set in {file.parent}/data/vault/secrets\n"
        f'nothing names it yet: write "vault:main-key" into {file}\n'
    )
    assert VALUE not in done.output
    assert held(file, "main-key") == VALUE
    assert run(file, "set", "main-key", input="another").stdout.startswith("main-key: replaced in ")
    assert held(file, "main-key") == "another"


def test_a_key_of_many_lines_is_kept_as_it_is(file: Path) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
    assert run(file, "set", "pem", input=pem + "\n").exit_code == 0
    assert held(file, "pem") == pem


def test_one_that_is_named_says_when_it_counts(file: Path) -> None:
    file.write_text(USED)
    done = run(file, "set", "main-key", input=VALUE)
    assert done.stdout.splitlines()[1] == "no daemon runs with it: this takes effect at the next start"


@pytest.mark.parametrize("words", [("set", "main-key", VALUE), ("set", "main-key", "--", f"-{VALUE}")])
def test_a_value_on_the_command_line_is_refused_with_what_to_do_and_not_repeated(
    file: Path, words: tuple[str, ...]
) -> None:
    done = run(file, *words)
    assert done.exit_code == 2
    assert "never given on a command line" in done.stderr
    assert "hunter2" not in done.output
    assert not (file.parent / "data").exists()


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        (f"main-key={VALUE}", "", "the name of a secret is made of"),
        ("main-key", " \n", "nothing was given"),
        ("main-key", b"\xff\xfe", "is not text"),
        ("main-key", "x" * 65_537, "are no secret"),
        ("main-key", "-----BEGIN PRIVATE KEY-----", "only the first line of a key"),
    ],
)
def test_what_is_no_secret_is_refused_and_nothing_is_made(
    file: Path, name: str, given: str | bytes, said: str
) -> None:
    done = run(file, "set", name, input=given)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert VALUE not in done.output
    assert not (file.parent / "data" / "vault" / "secrets").exists()


# ------------------------------------------------------------------------------ list


def test_the_list_has_names_times_and_users_and_no_values(file: Path) -> None:
    file.write_text(USED)
    run(file, "set", "main-key", input=VALUE)
    run(file, "set", "spare", input=VALUE)
    rows = json.loads(run(file, "list", "--json").stdout)
    assert [(row["name"], row["used_by"]) for row in rows] == [
        ("main-key", ["accounts.main.api_key"]),
        ("main-secret", ["accounts.main.api_secret"]),
        ("spare", []),
    ]
    assert [row["set_at"] is None for row in rows] == [False, True, False], "one is named and was never set"
    table = run(file, "list").stdout
    assert table.splitlines()[0].split() == ["name", "set", "(UTC)", "used", "by"]
    assert VALUE not in table


def test_of_no_vault_nothing_is_listed(file: Path) -> None:
    assert run(file, "list").stdout == "none\n"
    assert json.loads(run(file, "list", "--json").stdout) == []
    assert not (file.parent / "data").exists()


# ---------------------------------------------------------------------------- remove


def test_a_secret_that_the_settings_name_is_removed_only_by_force(file: Path) -> None:
    run(file, "set", "main-key", input=VALUE)
    file.write_text(USED)
    refused = run(file, "remove", "main-key")
    assert refused.exit_code == 1
    assert f"{file} names it: accounts.main.api_key" in refused.stderr
    assert held(file, "main-key") == VALUE
    assert run(file, "remove", "main-key", "--force").exit_code == 0
    assert json.loads(run(file, "list", "--json").stdout)[0]["set_at"] is None


def test_one_that_is_not_there_cannot_be_removed(file: Path) -> None:
    assert "there is no vault" in run(file, "remove", "main-key").stderr
    run(file, "set", "main-key", input=VALUE)
    done = run(file, "remove", "main-kye")
    assert (done.exit_code, "did you mean 'main-key'?" in done.stderr) == (2, True)


# ----------------------------------------------------------------------------- rekey


def test_a_key_of_vigils_own_is_made_anew(file: Path) -> None:
    run(file, "set", "main-key", input=VALUE)
    key = file.parent / "data" / "vault.key"
    before = key.read_text()
    done = run(file, "rekey")
    assert done.stdout.endswith(f"vault/secrets: 1 secret is sealed with the first key of {key}\n")
    assert held(file, "main-key") == VALUE
    assert before.strip() not in key.read_text()
    key.write_text(before)
    assert "sealed with another key" in run(file, "list").stderr


def test_whoever_is_killed_in_the_middle_of_it_has_lost_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file, "set", "main-key", input=VALUE)
    with monkeypatch.context() as patch:
        patch.setattr("host.vault.Vault._write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        assert run(file, "rekey").exit_code == 1
    assert held(file, "main-key") == VALUE
    assert run(file, "rekey").exit_code == 0
    assert held(file, "main-key") == VALUE


def test_a_new_passphrase_in_front_of_the_old_one_seals_and_the_old_one_may_go(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[vault]\nkey = "env:PHRASE"\n')
    monkeypatch.setenv("PHRASE", "open sesame")
    run(file, "set", "main-key", input=VALUE)
    monkeypatch.setenv("PHRASE", "open barley, open sesame")
    run(file, "set", "other", input=VALUE)
    assert held(file, "other", PHRASE="open sesame") == VALUE, "a daemon that runs has the old one"
    assert run(file, "rekey").exit_code == 0
    assert held(file, "main-key", PHRASE="open barley") == VALUE


def test_from_a_key_of_vigils_own_to_a_passphrase_and_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file, "set", "main-key", input=VALUE)
    file.write_text('[vault]\nkey = "env:PHRASE"\n')
    monkeypatch.setenv("PHRASE", "open sesame")
    assert "sealed with another key or passphrase than that of env:PHRASE" in run(file, "rekey").stderr
    assert run(file, "rekey", "--from", "file:data/vault.key").exit_code == 0
    assert held(file, "main-key", PHRASE="open sesame") == VALUE
    file.write_text("# nothing\n")
    assert run(file, "rekey", "--from", "env:PHRASE").exit_code == 0
    assert held(file, "main-key") == VALUE


def test_beside_a_daemon_and_without_a_vault_it_is_refused(file: Path) -> None:
    assert "there is no vault" in run(file, "rekey").stderr
    run(file, "set", "main-key", input=VALUE)
    lock = DataLock(file.parent / "data")
    lock.acquire()
    done = run(file, "rekey")
    lock.release()
    assert (done.exit_code, f"is in use by pid {os.getpid()}" in done.stderr) == (1, True)


def test_a_bare_key_is_no_reference_and_is_not_repeated(file: Path) -> None:
    run(file, "set", "main-key", input=VALUE)
    bare = Fernet.generate_key().decode()
    done = run(file, "rekey", "--from", bare)
    assert done.exit_code == 1
    assert bare not in done.output


# ---------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    "words", [("set", "main-key"), ("list",), ("remove", "main-key"), ("rekey",)], ids=" ".join
)
def test_a_vault_that_does_not_open_is_said_before_anything_is_asked_or_written(
    file: Path, words: tuple[str, ...]
) -> None:
    run(file, "set", "main-key", input=VALUE)
    place = file.parent / "data" / "vault" / "secrets"
    place.write_text(place.read_text()[:-20])
    before = place.read_bytes(), (file.parent / "data" / "vault.key").read_bytes()
    done = run(file, *words, input="new")
    assert (done.exit_code, "is damaged" in done.stderr) == (1, True), done.stderr
    assert (place.read_bytes(), (file.parent / "data" / "vault.key").read_bytes()) == before


def test_settings_that_do_not_hold_are_78(file: Path) -> None:
    file.write_text('[vault]\nkey = "vault:mine"\n')
    done = run(file, "list")
    assert done.exit_code == 78
    assert "vault.key: must be a reference (env:NAME or file:PATH)" in done.stderr


def test_what_would_leave_files_of_another_user_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "data").mkdir()
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    done = run(file, "set", "main-key", input=VALUE)
    assert (done.exit_code, "belongs to user" in done.stderr) == (1, True)
    assert list((file.parent / "data").iterdir()) == []


def test_help_teaches(file: Path) -> None:
    told = run(file, "--help").stdout
    assert all(word in told for word in ("set", "list", "remove", "rekey", "vault:NAME"))
    assert "unknown word 'lst'; did you mean 'list'?" in run(file, "lst").stderr


# ------------------------------------------------------------------------ a terminal


def at_a_terminal(file: Path, *words: str, answers: tuple[str, ...]) -> tuple[int, str]:
    """The real command line on a terminal of its own; its exit code, and all that the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(file), "secrets", *words],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown, left = "", list(answers)
    while select.select([ours], [], [], 30)[0]:
        try:
            said = os.read(ours, 4096).decode()
        except OSError:  # the other end is closed
            break
        shown += said
        if left and said.rstrip(" ").endswith(":"):
            os.write(ours, left.pop(0).encode() + b"\n")
    os.close(ours)
    return process.wait(30), shown


def test_on_a_terminal_the_value_is_asked_for_and_never_shown(file: Path) -> None:
    code, shown = at_a_terminal(file, "set", "main-key", answers=(VALUE,))
    assert code == 0, shown
    assert "main-key (is not shown):" in shown
    assert VALUE not in shown
    assert held(file, "main-key") == VALUE


def test_on_a_terminal_a_passphrase_that_the_environment_lacks_is_asked_for_twice_at_first(
    file: Path,
) -> None:
    file.write_text('[vault]\nkey = "env:VAULT_PHRASE_OF_NOBODY"\n')
    phrase = "open sesame"
    code, shown = at_a_terminal(file, "set", "main-key", answers=(phrase, phrase, VALUE))
    assert code == 0, shown
    assert phrase not in shown
    assert held(file, "main-key", VAULT_PHRASE_OF_NOBODY=phrase) == VALUE
    code, shown = at_a_terminal(file, "list", answers=(phrase,))
    assert code == 0, shown
    assert "main-key" in shown

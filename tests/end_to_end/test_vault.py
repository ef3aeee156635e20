"""Accounts whose secrets lie in the vault: what is done to it under a running daemon, and what it says at the start."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.kit import Scene, scene
from tests.end_to_end.refusals import refusal
from tests.support.daemon import Daemon
from tests.support.sandbox import token
from tests.support.waiting import eventually

OWN = {"main": {"api_key": "vault:main-key", "api_secret": "vault:main-secret"}, "other": {}}


def with_a_vault(home: Path, settings: str, env: Mapping[str, str]) -> Daemon:
    """A daemon that is not started yet, and whose vault holds what is `main`'s."""
    daemon = Daemon(home, settings, env)
    for name in ("key", "secret"):
        put(daemon, f"main-{name}", env[f"SCENE_MAIN_{name.upper()}"])
    return daemon


def put(daemon: Daemon, name: str, value: str) -> str:
    done = daemon.word("secrets", "set", name, given=value)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two accounts that are live; one of them has its key from the vault."""
    with scene(tmp_path_factory.mktemp("vault"), OWN, make=with_a_vault) as it:
        yield it
        assert it.daemon.terminate() == 0


@pytest.fixture(autouse=True)
def _untouched(it: Scene) -> Iterator[None]:
    """The other account notices nothing."""
    before = it.daemon.actor("other/connection")["generation"]
    yield
    assert it.daemon.actor("other/connection")["generation"] == before


def place(it: Scene) -> Path:
    return it.daemon.home / "data" / "vault" / "secrets"


def put_back(it: Scene, text: bytes) -> None:
    """As one restores a file: in one step, for nobody else."""
    fresh = place(it).with_name("restored")
    fresh.touch(0o600)
    fresh.write_bytes(text)
    fresh.replace(place(it))


def test_a_secret_that_is_set_turns_the_accounts_credentials_at_once(it: Scene) -> None:
    """The key is exchanged at the exchange, which refuses the old one from then on."""
    before = it.daemon.actor("main/connection")["generation"]
    (row,) = [row for row in it.box.accounts if row["account"] == "main"]
    row |= {"api_key": token(), "api_secret": token()}
    it.box.write_accounts()
    it.admin.post("reload")
    put(it.daemon, "main-key", row["api_key"])
    said = put(it.daemon, "main-secret", row["api_secret"])
    assert f"the daemon (pid {it.daemon.pid}) takes it up at once:" in said
    eventually(lambda: it.daemon.actor("main/connection")["generation"], lambda now: now > before)
    it.until("live", within=60)
    it.fill_of(it.trade())


def test_a_vault_that_is_restored_is_noticed_without_a_word(it: Scene) -> None:
    good = place(it).read_bytes()
    put(it.daemon, "main-secret", token())
    it.until("held", within=60)
    put_back(it, good)
    it.until("live", within=60)


def test_a_vault_that_cannot_be_opened_holds_the_account_at_its_next_connection_and_says_why(
    it: Scene,
) -> None:
    good = place(it).read_bytes()
    put_back(it, good[:-20])
    eventually(lambda: it.daemon.status()["settings"]["error"], within=60, what="a word on the vault")
    assert it.daemon.account("main")["state"] == "live", "nothing changes for what runs"
    it.admin.fault("drop", account="main")
    held = it.until("held", within=60)
    assert f"vault:main-key: {place(it)} is damaged" in held["held_reason"]
    assert place(it).read_bytes() == good[:-20]
    put_back(it, good)
    eventually(lambda: it.daemon.status()["settings"]["error"], lambda error: error is None, within=60)
    it.daemon.ask("reset", target="main")
    it.until("live", within=60)


def test_the_list_says_who_uses_what_while_the_daemon_runs(it: Scene) -> None:
    said = it.daemon.word("secrets", "list")
    assert (said.returncode, said.stderr) == (0, "")
    rows = [line.split() for line in said.stdout.splitlines()[1:]]
    assert [(row[0], row[-1]) for row in rows] == [
        ("main-key", "accounts.main.api_key"),
        ("main-secret", "accounts.main.api_secret"),
    ]
    assert it.daemon.word("secrets", "remove", "main-key").returncode == 1
    assert "in use by pid" in it.daemon.word("secrets", "rekey").stderr


def test_at_the_start_each_secret_that_is_not_in_the_vault_is_named_and_the_code_is_78(
    tmp_path: Path,
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        '[accounts.main]\nexchange = "bybit"\napi_key = "vault:main-key"\napi_secret = "vault:main-secret"\n'
    )
    refused = refusal(settings)
    assert refused.code == 78
    assert [line.partition(": there")[0] for line in refused.lines] == [
        f"vigil: error: accounts.main.api_{half}: vault:main-{half}" for half in ("key", "secret")
    ]
    assert all("python supervisor.py secrets set main-" in line for line in refused.lines)


def test_without_its_passphrase_nothing_starts_and_with_it_everything_does(tmp_path: Path) -> None:
    settings = '[vault]\nkey = "env:PHRASE"\n[web]\nlisten = "127.0.0.1:0"\nauth_token = "vault:token"\n'
    env = {"PHRASE": "open sesame"}
    daemon = Daemon(tmp_path, settings, env)
    put(daemon, "token", token())
    for environ, why in (
        ({}, "vault.key: env:PHRASE: the environment variable PHRASE is not set"),
        ({"PHRASE": "open barley"}, "web.auth_token: vault:token: "),
    ):
        refused = refusal(daemon.settings, env=environ)
        assert refused.code == 78
        assert refused.lines[0].startswith(f"vigil: error: {why}")
    with daemon:
        eventually(lambda: daemon.ask("version")["web"], what="a page")
        assert daemon.terminate() == 0
    assert "PHRASE" not in os.environ

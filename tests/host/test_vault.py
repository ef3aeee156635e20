"""The vault gives back what was put there, to whoever has the key; nobody else, and nothing by halves."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from host.configuration import load
from host.keyring import Keyring
from host.secrets import UnresolvedSecret
from host.vault import Custody, NoSuchSecret, Vault, VaultClosed, custody

VALUE = "hunter2-hunter2"
NOW = 1_700_000_000_000
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def ring(keys: str) -> Keyring:
    return Keyring(lambda _make: keys, "env:KEYS")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a vault may lie; nothing is there yet."""
    return tmp_path / "data" / "vault" / "secrets"


@pytest.fixture
def vault(path: Path) -> Vault:
    """One with a secret in it."""
    vault = Vault(path, ring(OLD))
    vault.set("main", VALUE, NOW)
    return vault


# ------------------------------------------------------------------- what is in it


def test_what_was_set_is_had_until_it_is_removed(vault: Vault) -> None:
    assert vault.get("main") == VALUE
    assert vault.set("other", "ümlaut\nand a second line", NOW + 1) is False
    assert vault.get("other") == "ümlaut\nand a second line"
    assert vault.names() == {"main": NOW, "other": NOW + 1}
    assert vault.set("main", "another", NOW + 2) is True
    assert vault.get("main") == "another"
    vault.remove("main")
    assert vault.names() == {"other": NOW + 1}


def test_another_process_sees_the_change_at_its_next_look(vault: Vault, path: Path) -> None:
    reader = Vault(path, ring(OLD))
    assert reader.get("main") == VALUE
    vault.set("main", "another", NOW)
    assert reader.get("main") == "another"


def test_neither_names_nor_values_stand_in_the_file(vault: Vault, path: Path) -> None:
    vault.set("a-telling-name", VALUE, NOW)
    assert VALUE.encode() not in path.read_bytes()
    assert b"telling" not in path.read_bytes()
    assert VALUE not in repr(vault._open())


def test_it_is_for_our_eyes_only_whatever_the_umask_and_alone_in_its_folder(path: Path) -> None:
    before = os.umask(0)
    try:
        Vault(path, ring(OLD)).set("main", VALUE, NOW)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in path.parents[:2]] == [0o700, 0o700]
    assert list(path.parent.iterdir()) == [path]


def test_of_many_who_set_at_once_each_is_kept(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Vault(path, ring(OLD)).set(f"n{n}", VALUE, NOW), range(16)))
    assert len(Vault(path, ring(OLD)).names()) == 16


# --------------------------------------------------------------- what cannot be had


def test_a_secret_that_is_not_there_is_named_with_what_to_do(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(NoSuchSecret) as missing:
        vault.get("mian")
    assert str(missing.value) == (
        f"{vault.path} holds no secret of this name (did you mean 'main'?): python supervisor.py secrets set mian"
    )
    nowhere = Vault(tmp_path / "none", ring(OLD))
    assert nowhere.names() == {}
    with pytest.raises(NoSuchSecret, match=r"there is no vault at .*/none yet: .* secrets set main"):
        nowhere.get("main")
    for empty in (vault, nowhere):
        with pytest.raises(NoSuchSecret):
            empty.remove("other")
    assert not nowhere.exists


Change = Callable[[Vault], object]
TRIES: list[Change] = [
    lambda vault: vault.get("main"),
    lambda vault: vault.names(),
    lambda vault: vault.set("main", "new", NOW),
    lambda vault: vault.remove("main"),
    lambda vault: vault.rekey(ring(NEW)),
]


def refused(vault: Vault, why: str) -> None:
    """Whatever is tried, it is said why not, and the file is as it was."""
    before = vault.path.read_bytes()
    for attempt in TRIES:
        with pytest.raises(VaultClosed, match=why) as told:
            attempt(vault)
        assert str(vault.path) in str(told.value)
        assert VALUE not in str(told.value)
    assert vault.path.read_bytes() == before


@pytest.mark.parametrize("wrong", [NEW, "a passphrase"], ids=["key", "passphrase"])
def test_with_another_key_it_stays_closed_and_as_it_was(vault: Vault, wrong: str) -> None:
    refused(Vault(vault.path, ring(wrong)), "sealed with another key or passphrase than that of env:KEYS")


def test_a_wrong_passphrase_is_a_wrong_key(path: Path) -> None:
    Vault(path, ring("the right one")).set("main", VALUE, NOW)
    assert Vault(path, ring("the right one")).get("main") == VALUE
    refused(Vault(path, ring("the wrong one")), "sealed with another key or passphrase")


def test_a_key_of_our_own_that_is_gone_is_said_to_be_gone_and_not_made_anew(path: Path) -> None:
    key = path.parent.with_name("vault.key")
    path.parent.mkdir(parents=True)
    Vault(path, Keyring.own(key)).set("main", VALUE, NOW)
    key.unlink()
    refused(Vault(path, Keyring.own(key)), f"a key that is gone: put {key} back")
    assert not key.exists()


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "does not begin"),
    "half": (lambda raw: raw[: len(raw) // 2], "is not as it was written"),
    "zeros": (lambda raw: bytes(len(raw)), "does not begin"),
    "binary": (lambda raw: raw[:-9] + b"\xff" * 9, "is not the text"),
    "one bit": (lambda raw: raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:], "is not as it was written"),
    "another's": (lambda _: b"{}", "does not begin"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_from_a_wrong_key_and_never_overwritten(vault: Vault, damage: str) -> None:
    spoil, why = DAMAGES[damage]
    vault.path.write_bytes(spoil(vault.path.read_bytes()))
    refused(vault, f"is damaged: it {why}")


def test_every_bit_of_the_file_counts(vault: Vault) -> None:
    raw = vault.path.read_bytes().rstrip(b"\n")
    for at in range(len(raw)):
        vault.path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(VaultClosed):
            vault.get("main")


def test_whoever_seals_something_else_with_the_key_has_damaged_it(vault: Vault) -> None:
    for text in ("[]", "{", '{"main": "x"}', '{"main": {"value": "x"}}'):
        vault._write_sealed(ring(OLD).seal(text))
        refused(vault, "is damaged: it holds something else than secrets")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_vault_that_others_can_read_is_refused_with_the_command_that_helps(vault: Vault, mode: int) -> None:
    vault.path.chmod(mode)
    refused(vault, "lets others in: chmod 600")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(VaultClosed, match="cannot be made"):
        Vault(tmp_path / "data" / "vault" / "secrets", ring(OLD)).set("main", VALUE, NOW)


def test_a_write_that_fails_leaves_the_vault_as_it_was(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    before = vault.path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultClosed, match="cannot be written: No space left"):
        vault.set("main", "new", NOW)
    monkeypatch.undo()
    assert vault.path.read_bytes() == before
    assert list(vault.path.parent.iterdir()) == [vault.path]


# --------------------------------------------------------------------- another key


def test_a_change_keeps_the_key_that_opened_it(vault: Vault) -> None:
    """A daemon that runs knows only the old key: a newer one in front must not shut it out."""
    Vault(vault.path, ring(f"{NEW},{OLD}")).set("other", VALUE, NOW)
    assert vault.get("other") == VALUE


def test_rekeyed_it_opens_with_the_new_key_alone(vault: Vault) -> None:
    assert vault.rekey(ring(f"{NEW},{OLD}")) == 1
    assert Vault(vault.path, ring(NEW)).get("main") == VALUE
    refused(vault, "sealed with another key")


def test_a_key_becomes_a_passphrase_and_a_passphrase_a_key(vault: Vault) -> None:
    phrase = Vault(vault.path, ring("open sesame"))
    vault.rekey(ring("open sesame"))
    assert phrase.get("main") == VALUE
    phrase.rekey(ring(NEW))
    assert Vault(vault.path, ring(NEW)).names() == {"main": NOW}


# -------------------------------------------------------------------- of the settings


def of(home: Path, text: str = "# nothing\n", **environ: str) -> Custody:
    (home / "settings.toml").write_text(text)
    return custody(load(home / "settings.toml", {}), environ)


def test_it_lies_in_the_data_folder_and_opens_with_a_key_of_vigils_own(tmp_path: Path) -> None:
    kept = of(tmp_path)
    kept.vault.set("main", VALUE, NOW)
    assert kept.secrets.resolve("vault:main") == VALUE
    assert (tmp_path / "data" / "vault" / "secrets").is_file()
    assert (tmp_path / "data" / "vault.key").stat().st_mode & 0o777 == 0o600


def test_it_opens_with_the_key_or_passphrase_that_the_settings_name(tmp_path: Path) -> None:
    text = '[vault]\nkey = "env:PHRASE"'
    of(tmp_path, text, PHRASE="open sesame").vault.set("main", VALUE, NOW)
    assert of(tmp_path, text, PHRASE="open sesame").secrets.resolve("vault:main") == VALUE
    with pytest.raises(UnresolvedSecret, match=r"^vault:main: .* than that of env:PHRASE"):
        of(tmp_path, text, PHRASE="open barley").secrets.resolve("vault:main")
    with pytest.raises(UnresolvedSecret, match=r"^vault:main: env:PHRASE: .* is not set"):
        of(tmp_path, text).secrets.resolve("vault:main")
    assert not (tmp_path / "data" / "vault.key").exists()

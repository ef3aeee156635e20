"""What is sealed can be opened with the same keys, by us, and nowhere else."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.errors import FatalError
from host.vault import Vault, VaultClosed

TEXT = "pqia91ma19a5s61cv6a81va65sdf19v8"


def keys(count: int) -> list[str]:
    return [Fernet.generate_key().decode() for _ in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.key"


def test_a_key_is_made_at_the_first_use_for_our_eyes_only_and_kept(path: Path) -> None:
    vault = Vault(path)
    assert not path.exists()
    sealed = vault.seal(TEXT)
    assert TEXT not in sealed
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    assert Vault(path).unseal(sealed) == TEXT
    assert path.read_bytes() == made


def test_a_key_of_the_settings_needs_no_file(path: Path) -> None:
    (key,) = keys(1)
    sealed = Vault(path, key).seal(TEXT)
    assert not path.exists()
    assert Fernet(key).decrypt(sealed.encode()).decode() == TEXT


def test_of_several_keys_the_first_seals_and_all_open(path: Path) -> None:
    old, new, other = keys(3)
    sealed_before = Vault(path, old).seal(TEXT)
    rotating = Vault(path, f"{new}, {old},")
    assert rotating.unseal(sealed_before) == TEXT
    sealed = rotating.seal(TEXT)
    assert Vault(path, new).unseal(sealed) == TEXT
    assert Vault(path, old).unseal(sealed) is None
    assert Vault(path, other).unseal(sealed_before) is None


def test_a_passphrase_is_a_key_too_and_always_the_same(path: Path) -> None:
    sealed = Vault(path, "correct horse battery staple").seal(TEXT)
    assert Vault(path, "correct horse battery staple").unseal(sealed) == TEXT
    assert Vault(path, "correct horse battery stable").unseal(sealed) is None


@pytest.mark.parametrize("text", ["", "nonsense", "gAAAAAB", "ä"])
def test_what_was_not_sealed_here_cannot_be_opened_and_is_no_error(path: Path, text: str) -> None:
    assert Vault(path).unseal(text) is None


def test_a_key_file_that_others_may_read_is_refused(path: Path) -> None:
    Vault(path).seal(TEXT)
    path.chmod(0o644)
    with pytest.raises(FatalError, match="chmod 600"):
        Vault(path).seal(TEXT)


def test_a_folder_without_room_for_a_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(VaultClosed, match="cannot be written"):
        Vault(tmp_path / "nowhere" / "vault.key").seal(TEXT)

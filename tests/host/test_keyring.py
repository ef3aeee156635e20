"""What is sealed can be opened with the same keys, by us, and nowhere else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.errors import FatalError
from host import keyring
from host.keyring import Keyring, NoKey

TEXT = "pqia91ma19a5s61cv6a81va65sdf19v8"
PHRASE = "correct horse battery staple"


def keys(count: int) -> list[str]:
    return [Fernet.generate_key().decode() for _ in range(count)]


def named(keys: str) -> Keyring:
    """Those that the settings lead to."""
    return Keyring(lambda _make: keys, "env:KEYS")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.key"


# ----------------------------------------------------------------------- vigil's own


def test_a_key_is_made_at_the_first_use_for_our_eyes_only_and_kept(path: Path) -> None:
    ring = Keyring.own(path)
    assert not path.exists()
    sealed = ring.seal(TEXT)
    assert TEXT not in sealed
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    assert Keyring.own(path).unseal(sealed) == TEXT
    assert path.read_bytes() == made
    assert list(path.parent.iterdir()) == [path]


def test_whoever_only_opens_makes_no_key(path: Path) -> None:
    assert Keyring.own(path).unseal("gAAAAAB") is None
    assert not path.exists()


def test_all_who_need_the_first_key_at_once_have_the_same(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: Keyring.own(path).seal(TEXT), range(8)))
    assert {Keyring.own(path).unseal(one) for one in sealed} == {TEXT}


def test_a_key_file_that_others_may_read_is_refused(path: Path) -> None:
    Keyring.own(path).seal(TEXT)
    path.chmod(0o644)
    with pytest.raises(FatalError, match="chmod 600"):
        Keyring.own(path).seal(TEXT)


def test_a_folder_without_room_for_a_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoKey, match="cannot be written"):
        Keyring.own(tmp_path / "nowhere" / "vault.key").seal(TEXT)


# -------------------------------------------------------------- those of the settings


def test_a_key_is_taken_as_it_is() -> None:
    (key,) = keys(1)
    assert Fernet(key).decrypt(named(key).seal(TEXT).encode()).decode() == TEXT


def test_of_several_keys_the_first_seals_and_all_open() -> None:
    old, new, other = keys(3)
    sealed_before = named(old).seal(TEXT)
    rotating = named(f"{new}, {old},")
    assert rotating.unseal(sealed_before) == TEXT
    sealed = rotating.seal(TEXT)
    assert named(new).unseal(sealed) == TEXT
    assert named(old).unseal(sealed) is None
    assert named(other).unseal(sealed_before) is None


def test_the_box_that_opened_seals_with_the_same_key() -> None:
    old, new = keys(2)
    for before, both in ((old, f"{new},{old}"), (PHRASE, f"{new},{PHRASE}")):
        opened = named(both).open(named(before).seal(TEXT))
        assert opened is not None
        assert opened.text == TEXT
        assert named(before).unseal(opened.box.seal("another")) == "another"


def test_nothing_but_commas_is_no_key() -> None:
    with pytest.raises(NoKey, match="env:KEYS: holds no key"):
        named(" , ").seal(TEXT)


def test_every_key_is_told_to_the_masker() -> None:
    learned: list[str] = []
    Keyring(lambda _make: "one-key, another", "env:KEYS", learned.append).keys()
    assert learned == ["one-key", "another"]


# ------------------------------------------------------------------------ passphrases


def test_a_passphrase_opens_what_it_sealed_and_no_other_does() -> None:
    sealed = named(PHRASE).seal(TEXT)
    assert named(PHRASE).unseal(sealed) == TEXT
    assert named("correct horse battery stable").unseal(sealed) is None
    assert named(keys(1)[0]).unseal(sealed) is None


def test_salt_and_cost_of_argon2id_stand_in_front_of_what_was_sealed() -> None:
    first, second = (named(PHRASE).seal(TEXT) for _ in range(2))
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first.split("$")[4] != second.split("$")[4], "a salt of its own for each"


def test_what_was_sealed_at_another_cost_still_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = keyring.Cost(64, 1, 1, b"salt" * 4)
    monkeypatch.setattr(keyring.Cost, "fresh", lambda: cheap)
    sealed = named(PHRASE).seal(TEXT)
    monkeypatch.undo()
    assert "m=64,t=1,p=1" in sealed
    assert named(PHRASE).unseal(sealed) == TEXT


@pytest.mark.parametrize(
    "head",
    [
        "m=9999999,t=3,p=4",
        "m=65536,t=0,p=4",
        "m=65536,t=3,p=0",
        "m=8,t=3,p=4",
        "m=65536,t=3,p=99",
        "m=x,t=3,p=4",
    ],
)
def test_a_cost_that_we_would_not_have_asked_for_is_not_paid(head: str) -> None:
    """Whoever can write the file must not make us fill the machine's memory."""
    sealed = named(PHRASE).seal(TEXT)
    assert named(PHRASE).unseal(sealed.replace("m=65536,t=3,p=4", head)) is None


@pytest.mark.parametrize("salt", ["", "AAAA", "not base64 at all", "A" * 23])
def test_a_salt_that_is_none_opens_nothing(salt: str) -> None:
    sealed = named(PHRASE).seal(TEXT).split("$")
    sealed[4] = salt
    assert named(PHRASE).unseal("$".join(sealed)) is None


@pytest.mark.parametrize("text", ["", "nonsense", "gAAAAAB", "ä", "$argon2id$"])
def test_what_was_not_sealed_here_cannot_be_opened_and_is_no_error(text: str) -> None:
    assert named(PHRASE).unseal(text) is None
    assert named(keys(1)[0]).unseal(text) is None

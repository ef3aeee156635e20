"""Where a secret may come from, and that it never shows."""

import os
from pathlib import Path

import pytest

from core.errors import FatalError
from core.settings import validate
from core.settings_schema import AccountSettings
from host.configuration import spoken
from host.secrets import Secrets, UnresolvedSecret

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
VALUE = "hunter2-hunter2"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a proper secret in it."""
    put(tmp_path / "good", f"{VALUE}\n")
    return tmp_path


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(secrets: Secrets, reference: str) -> str:
    with pytest.raises(UnresolvedSecret) as caught:
        secrets.resolve(reference)
    assert VALUE not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------ references


def test_a_variable_of_the_environment_is_read(keys: Path) -> None:
    assert Secrets(keys, {"KEY": VALUE}).resolve("env:KEY") == VALUE


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": " \n"}])
def test_a_variable_that_is_not_set_is_named(keys: Path, environ: dict[str, str]) -> None:
    assert refusal(Secrets(keys, environ), "env:KEY") == "env:KEY: the environment variable KEY is not set"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ours_that_nobody_else_can_open_is_read_without_its_line_end(keys: Path, mode: int) -> None:
    (keys / "good").chmod(mode)
    assert Secrets(keys, {}).resolve("file:good") == VALUE
    assert Secrets(Path("/"), {}).resolve(f"file:{keys}/good") == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_file_that_others_can_open_is_refused_with_the_command_that_helps(keys: Path, mode: int) -> None:
    (keys / "good").chmod(mode)
    text = refusal(Secrets(keys, {}), "file:good")
    assert f"mode 0{mode:o} lets others in: chmod 600 '{keys}/good'" in text


def test_a_file_of_somebody_else_is_refused(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    assert f"belongs to another user: chown {stranger}" in refusal(Secrets(keys, {}), "file:good")


def test_a_file_that_is_not_there_is_named(keys: Path) -> None:
    assert refusal(Secrets(keys, {}), "file:none") == f"file:{keys}/none: No such file or directory"


def test_a_folder_a_pipe_an_empty_a_binary_and_a_huge_file_are_no_secrets(keys: Path) -> None:
    (keys / "folder").mkdir(mode=0o700)
    os.mkfifo(keys / "pipe", 0o600)
    put(keys / "empty", "\n")
    put(keys / "huge", "x" * 70_000)
    put(keys / "binary", "").write_bytes(b"\xff\xfe")
    secrets = Secrets(keys, {})
    assert "is not a plain file" in refusal(secrets, "file:folder")
    assert "is not a plain file" in refusal(secrets, "file:pipe")
    assert "is empty" in refusal(secrets, "file:empty")
    assert "too large" in refusal(secrets, "file:huge")
    assert "is not text" in refusal(secrets, "file:binary")


def test_a_link_to_a_proper_file_is_followed(keys: Path) -> None:
    (keys / "link").symlink_to(keys / "good")
    assert Secrets(keys, {}).resolve("file:link") == VALUE


def test_a_changed_file_is_read_anew(keys: Path) -> None:
    secrets = Secrets(keys, {})
    assert secrets.resolve("file:good") == VALUE
    put(keys / "good", "another-secret")
    assert secrets.resolve("file:good") == "another-secret"


def test_a_secret_of_the_vault_is_asked_of_it_by_name_and_told_to_the_masker(keys: Path) -> None:
    learned: list[str] = []
    secrets = Secrets(keys, {}, learned.append, {"main": VALUE}.__getitem__)
    assert secrets.resolve("vault:main") == VALUE
    assert learned == [VALUE]


def test_what_the_vault_does_not_give_is_named_with_its_reason(keys: Path) -> None:
    def closed(_name: str) -> str:
        raise FatalError("it is closed")

    assert refusal(Secrets(keys, {}, vault=closed), "vault:main") == "vault:main: it is closed"


def test_the_key_of_the_vault_cannot_lie_in_the_vault(keys: Path) -> None:
    assert "cannot lie in it" in refusal(Secrets(keys, {}), "vault:main")


def test_what_is_no_reference_is_refused_without_being_repeated(keys: Path) -> None:
    assert "a secret is named by a reference" in refusal(Secrets(keys, {}), VALUE)


def test_a_secret_that_cannot_be_had_holds_the_account() -> None:
    assert issubclass(UnresolvedSecret, FatalError)


def test_every_secret_that_is_handed_out_is_told_to_the_masker(keys: Path) -> None:
    learned: list[str] = []
    secrets = Secrets(keys, {"KEY": "from-environment"}, learned.append)
    secrets.resolve("env:KEY")
    secrets.resolve("file:good")
    assert learned == ["from-environment", VALUE]


# ----------------------------------------------------------------- credentials


def account(exchange: str = "binance", **references: str) -> AccountSettings:
    table = {"exchange": exchange, "api_key": "env:KEY", **references}
    settings = validate({"accounts": {"a": table}}, base_dir=Path("/"), exchanges=spoken()).settings
    assert settings is not None
    return settings.accounts["a"]


def test_key_and_secret_become_credentials_that_print_neither(keys: Path) -> None:
    made = Secrets(keys, {"KEY": "abcdefgh", "S": VALUE}).credentials(account(api_secret="env:S"))
    assert (made.api_key, made.api_secret, made.private_key) == ("abcdefgh", VALUE, None)
    assert VALUE not in repr(made)
    assert "abcdefgh" not in repr(made)


def test_a_private_key_is_handed_out_as_pem(keys: Path) -> None:
    put(keys / "key.pem", PEM)
    made = Secrets(keys, {"KEY": "k"}).credentials(account(private_key="file:key.pem"))
    assert (made.api_secret, made.private_key) == (None, f"{PEM}\n".encode())


def test_a_pem_under_api_secret_is_taken_for_the_private_key_that_it_is(keys: Path) -> None:
    put(keys / "key.pem", PEM)
    made = Secrets(keys, {"KEY": "k"}).credentials(account(api_secret="file:key.pem"))
    assert made.private_key == f"{PEM}\n".encode()


def test_a_pem_on_one_line_of_the_environment_gets_its_lines_back(keys: Path) -> None:
    made = Secrets(keys, {"KEY": "k", "P": PEM.replace("\n", "\\n")}).credentials(
        account(private_key="env:P")
    )
    assert made.private_key == f"{PEM}\n".encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PEM.replace("PRIVATE", "PUBLIC"), "is no private key in PEM form"),
        (VALUE, "is no private key in PEM form"),
        (PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"), "has a passphrase"),
    ],
)
def test_what_is_no_usable_private_key_is_refused(keys: Path, text: str, why: str) -> None:
    with pytest.raises(UnresolvedSecret, match=why) as caught:
        Secrets(keys, {"KEY": "k", "P": text}).credentials(account(private_key="env:P"))
    assert text not in str(caught.value)


def test_elsewhere_a_secret_is_never_taken_for_a_pem(keys: Path) -> None:
    made = Secrets(keys, {"KEY": "k", "S": PEM}).credentials(account("bybit", api_secret="env:S"))
    assert made.api_secret == PEM


def test_everything_that_is_missing_is_told_at_once_with_its_place(keys: Path) -> None:
    found = Secrets(keys, {}).missing("main", account(api_secret="file:nowhere"))
    assert [problem.path for problem in found] == ["accounts.main.api_key", "accounts.main.api_secret"]
    assert "KEY is not set" in str(found[0])
    assert "No such file" in str(found[1])
    assert Secrets(keys, {"KEY": "k"}).missing("main", account(api_secret="file:good")) == []

"""What `check` tells, and its exit code."""

from pathlib import Path

import pytest

from host.check import check, masked
from host.configuration import load
from host.vault import custody

SANDBOXED = '[accounts.demo]\nexchange = "binance"\nsandbox = true\n'
REAL = '[accounts.main]\nexchange = "binance"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_a_good_file_is_explained_with_code_0(path: Path) -> None:
    path.write_text(SANDBOXED)
    report, code = check(path, {})
    assert code == 0
    assert f"{path} holds." in report
    assert "account demo: binance, enabled" in report
    assert "at the built-in sandbox" in report
    assert str(path.parent / "data" / "control.sock") in report


def test_bad_settings_are_listed_with_code_78(path: Path) -> None:
    path.write_text('[supervisr]\n[accounts.a]\nexchange = "binanse"\n')
    report, code = check(path, {})
    assert code == 78
    assert "does not hold: 2 errors" in report
    assert 'error: supervisr: no such table (did you mean "supervisor"?)' in report


def test_a_missing_file_is_code_78(path: Path) -> None:
    report, code = check(path, {})
    assert (code, "1 error" in report) == (78, True)


def test_a_real_account_shows_its_addresses_and_the_names_of_its_secrets(path: Path) -> None:
    path.write_text(REAL)
    report, code = check(path, {"KEY": "hunter2key", "SECRET": "hunter2secret"})
    assert code == 0
    assert "https://api.binance.com" in report
    assert "env:KEY can be had" in report
    assert "hunter2" not in report


def test_a_secret_that_cannot_be_had_is_bad_news_with_the_remedy(path: Path) -> None:
    path.write_text(REAL)
    report, code = check(path, {"KEY": "hunter2key"})
    assert code == 1
    assert "env:SECRET is MISSING" in report
    assert "accounts.main.api_secret: env:SECRET: the environment variable SECRET is not set" in report


@pytest.mark.parametrize("section", ['[web]\nauth_token = "env:NONE"', '[vault]\nkey = "env:NONE"'])
def test_whatever_names_a_secret_that_cannot_be_had_is_bad_news(path: Path, section: str) -> None:
    path.write_text(f"{SANDBOXED}{section}\n")
    report, code = check(path, {})
    assert code == 1
    name = section[1:].replace("]\n", ".").partition(" ")[0]
    assert f"missing: {name}: env:NONE: the environment variable NONE is not set" in report


def test_the_vault_is_shown_with_its_key_and_without_what_is_in_it(path: Path) -> None:
    path.write_text(REAL.replace("env:KEY", "vault:key"))
    custody(load(path, {}), {}).vault.set("key", "hunter2key", 1)
    report, code = check(path, {"SECRET": "hunter2secret"})
    assert code == 0
    assert f"{path.parent}/data/vault/secrets, opened with {path.parent}/data/vault.key" in report
    assert "vault:key can be had" in report
    assert "hunter2" not in report


def test_a_disabled_account_is_not_bad_news(path: Path) -> None:
    path.write_text(REAL + "enabled = false\n")
    report, code = check(path, {})
    assert code == 0
    assert "account main: binance, disabled" in report


def test_addresses_from_the_file_are_told_apart_and_none_is_said(path: Path) -> None:
    path.write_text(REAL + 'rest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:2"\n')
    report, _ = check(path, {"KEY": "k", "SECRET": "s"})
    assert "addresses from the file" in report
    assert "public_ws_url none" in report
    assert "binance.com" not in report


def test_warnings_overrides_and_older_names_are_part_of_the_report(path: Path) -> None:
    path.write_text(SANDBOXED)
    environ = {"VIGIL__ACCOUNTS__DEMO__HEARTBEAT": "1", "BINANCE_ENABLE_USER_DATA_STREAM": "true"}
    report, _ = check(path, environ)
    assert "VIGIL__ACCOUNTS__DEMO__HEARTBEAT is used" in report
    assert "BINANCE_ENABLE_USER_DATA_STREAM (older name) sets accounts.demo.enabled" in report
    assert "warning: accounts.demo.heartbeat (from VIGIL__ACCOUNTS__DEMO__HEARTBEAT): pings" in report


def test_a_password_in_the_database_address_is_masked(path: Path) -> None:
    path.write_text(SANDBOXED + '[database]\nurl = "postgresql://vigil:s3cret@db/ledger"\n')
    report, _ = check(path, {})
    assert "postgresql://vigil:[masked]@db/ledger" in report
    assert "s3cret" not in report


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://vigil:s3@cret@db:5/ledger", "postgresql://vigil:[masked]@db:5/ledger"),
        ("postgresql://vigil:s3?cret@db/ledger", "postgresql://[masked]"),
        ("postgresql://db/x?password=s3cret&user=vigil", "postgresql://db/x?password=[masked]&user=vigil"),
        ("postgresql://db/x?sslpassword=s3cret", "postgresql://db/x?sslpassword=[masked]"),
    ],
)
def test_wherever_a_password_stands_it_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    "url", ["sqlite:////x/y.db", "sqlite:////x:y@z.db", "postgresql://vigil@db/ledger?sslmode=require", ""]
)
def test_an_address_without_password_is_shown_as_it_is(url: str) -> None:
    assert masked(url) == url

"""Settings that do not hold: every reason at once, exit code 78, and nothing begun.

They are tried as the daemon and as `check`, which must say the same.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from exchanges.registry import REGISTRY
from tests.end_to_end.refusals import Ended, ended, refusal, started, when_ok
from tests.support.daemon import Daemon

SECRET = "AKIA7h1sIsTheSecretItself0123456789"

MANY = f"""
[supervizor]
log_level = "info"
[supervisor]
log_levle = "info"
[accounts.main]
exchange = "binanse"
heartbeat = "often"
backoff = {{base = 10, cap = 1}}
[accounts.second]
exchange = "binance"
api_key = "{SECRET}"
api_secret = "env:SECOND_SECRET"
"""
TWO_REAL = """
[accounts.main]
exchange = "binance"
api_key = "env:MISHAP_MAIN_KEY"
api_secret = "env:MISHAP_MAIN_SECRET"
[accounts.second]
exchange = "binance"
api_key = "file:second.key"
api_secret = "file:second.key"
[accounts.demo]
exchange = "binance"
sandbox = true
"""


def both(settings: Path, **env: str) -> tuple[Ended, Ended]:
    """What the daemon says of these settings, and what `check` does."""
    daemon, check = started(settings, env=env), started(settings, "check", env=env)
    return ended(daemon), ended(check)


def begun(settings: Path) -> list[str]:
    """What stands beside the file that was not there before."""
    return sorted(path.name for path in settings.parent.iterdir() if path.name not in {settings.name, "kept"})


def a_folder(settings: Path) -> None:
    settings.mkdir()


def not_text(settings: Path) -> None:
    settings.write_bytes(b'[accounts.main]\nexchange = "\xff\xfe"\n')


def half_written(settings: Path) -> None:
    settings.write_text('[accounts.main]\nexchange = "binance"\nsandbox = tr')


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(a_folder, "is a folder, not a file", id="a folder"),
        pytest.param(not_text, "is not UTF-8 text (line 2)", id="not text"),
        pytest.param(half_written, "(at line 3, column 11)", id="half written"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    settings = tmp_path / "settings.toml"
    make(settings)
    found = refusal(settings)
    assert found.code == 78
    (line,) = found.lines
    assert line.startswith(f"vigil: error: {settings}: ")
    assert reason in line
    assert begun(settings) == []


def test_a_file_that_is_not_there_is_refused_by_check_with_the_same_code_and_reason(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    daemon, check = both(settings)
    assert (daemon.code, check.code) == (78, 78)
    assert daemon.lines == [f"vigil: error: {settings}: there is no such file"]
    assert daemon.lines[0].removeprefix("vigil: ") in check.lines
    assert begun(settings) == []


def test_every_mistake_is_listed_at_once_and_no_value_is_repeated(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(MANY)
    daemon, check = both(settings)
    assert (daemon.code, check.code) == (78, 78)
    expected = (
        'supervizor: no such table (did you mean "supervisor"?)',
        'supervisor.log_levle: no such key (did you mean "log_level"?)',
        f'accounts.main.exchange: must be one of {", ".join(REGISTRY)} (did you mean "binance"?)',
        "accounts.main.heartbeat: must be a number of seconds",
        "accounts.main.backoff: cap is less than base",
        "accounts.second.api_key: must be a reference (env:NAME, file:PATH or vault:NAME), never the secret itself",
    )
    for said in (daemon, check):
        for reason in expected:
            assert f"error: {reason}" in said.said
        assert SECRET not in said.said
    assert f"{len(expected)} errors" in check.said
    assert begun(settings) == []


def test_a_variable_that_leads_nowhere_is_refused_by_its_name(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[accounts.demo]\nexchange = "binance"\nsandbox = true\n')
    found = refusal(settings, env={"VIGIL__SUPERVISOR__LOG_LEVLE": SECRET})
    assert found.code == 78
    (line,) = found.lines
    assert line.startswith("vigil: error: VIGIL__SUPERVISOR__LOG_LEVLE: ")
    assert line.endswith('(did you mean "log_level"?)')
    assert SECRET not in line


def test_every_secret_that_cannot_be_had_is_named_with_its_account(tmp_path: Path) -> None:
    """The environment lacks one, and the file of the other can be read by everybody."""
    settings, key = tmp_path / "settings.toml", tmp_path / "kept"
    settings.write_text(TWO_REAL.replace("second.key", "kept"))
    key.write_text(SECRET)
    key.chmod(0o644)
    daemon, check = both(settings, MISHAP_MAIN_SECRET=SECRET)
    assert daemon.code == 78
    unset = "env:MISHAP_MAIN_KEY: the environment variable MISHAP_MAIN_KEY is not set"
    assert daemon.lines == [
        f"vigil: error: accounts.main.api_key: {unset}",
        *(
            f"vigil: error: accounts.second.{role}: file:{key}: mode 0644 lets others in: chmod 600 '{key}'"
            for role in ("api_key", "api_secret")
        ),
    ]
    assert check.code == 1, "the file as such holds"
    assert "missing: accounts.main.api_key: env:MISHAP_MAIN_KEY: " in check.said
    assert f"chmod 600 '{key}'" in check.said
    assert SECRET not in daemon.said + check.said
    assert begun(settings) == []


def test_a_daemon_without_accounts_runs_and_says_that_it_watches_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path, "[supervisor]\n") as daemon:
        status = when_ok(daemon)
        assert status["accounts"] == []
        assert "accounts: there is none: nothing will be watched" in status["settings"]["warnings"]
        assert daemon.terminate() == 0


def test_a_log_file_that_cannot_be_written_ends_the_start_with_one_line(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[supervisor]\nlog_file = "nowhere/vigil.log"\n')
    found = refusal(settings)
    assert found.code == 1
    path = tmp_path / "nowhere" / "vigil.log"
    assert found.lines == [f"vigil: error: log_file {path} cannot be written: No such file or directory"]

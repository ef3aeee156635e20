"""The file, the environment over it, and what is said when they do not hold."""

import tomllib
from pathlib import Path

import pytest

from core.problems import Problem
from exchanges.registry import REGISTRY
from host.configuration import Loaded, SettingsError, endpoints, load, parsed, read, spoken

SANDBOXED = '[accounts.demo-binance]\nexchange = "binance"\nsandbox = true\n'


class Box:
    """A settings file that a test writes and loads with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "settings.toml"

    def load(self, text: str = SANDBOXED, /, **environ: str) -> Loaded:
        self.path.write_text(text)
        return load(self.path, environ)

    def refused(self, text: str = SANDBOXED, /, **environ: str) -> tuple[Problem, ...]:
        with pytest.raises(SettingsError) as caught:
            self.load(text, **environ)
        return caught.value.problems


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


# ---------------------------------------------------------------------- the file


def test_a_good_file_is_loaded_with_its_place_and_without_warnings(box: Box) -> None:
    loaded = box.load()
    assert loaded.path == box.path
    assert loaded.settings.supervisor.data_dir == box.path.parent / "data"
    assert loaded.warnings == ()


def test_a_relative_path_to_the_file_makes_no_relative_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text(SANDBOXED)
    monkeypatch.chdir(tmp_path)
    loaded = load(Path("settings.toml"), {})
    assert loaded.settings.supervisor.data_dir == tmp_path / "data"


def reason(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert problem.path == str(path)
    return problem.reason


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert reason(tmp_path / "settings.toml") == "there is no such file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert reason(tmp_path) == "is a folder, not a file"


def test_a_file_that_may_not_be_read_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "may not be read by this user (uid " in reason(tmp_path / "settings.toml")


def test_another_failure_is_told_in_the_words_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert reason(tmp_path / "settings.toml") == "cannot be read: Input/output error"


def test_a_half_written_file_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[accounts.a]\nexchange = "bin')
    assert "half written" in reason(path)
    assert "line 2, column" in reason(path) or "end of document" in reason(path)


def test_a_wrong_line_is_named_and_its_text_is_not(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[accounts.a]\napi_key = s3cretword\n")
    assert "line 2" in reason(path)
    assert "s3cretword" not in reason(path)


@pytest.mark.parametrize("content", [b"", b"\n  \n"])
def test_an_empty_file_is_taken_for_one_that_is_being_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    assert "is empty" in reason(path)


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b'[supervisor]\n# caf\xe9\nlog_level = "info"\n')
    assert reason(path) == "is not UTF-8 text (line 2)"


def test_the_error_lists_every_problem_in_its_text(box: Box) -> None:
    with pytest.raises(SettingsError, match=r"accounts\.a\.api_key.*; .*accounts\.a\.api_secret"):
        box.load('[accounts.a]\nexchange = "bybit"')


# ------------------------------------------------------------ VIGIL__ variables


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__HEARTBEAT", "7", 7),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__HEARTBEAT", "7.5", 7.5),
        ("vigil__accounts__demo-binance__heartbeat", "7", 7),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__ENABLED", "false", False),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__SYMBOLS", '["BTCUSDT", "ETHUSDT"]', ("BTCUSDT", "ETHUSDT")),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__USER_STREAM", "ws_api", "ws_api"),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE__USER_STREAM", '"ws_api"', "ws_api"),
    ],
)
def test_a_variable_hits_the_account_that_is_there(box: Box, name: str, value: str, expected: object) -> None:
    loaded = box.load(**{name: value})
    assert list(loaded.settings.accounts) == ["demo-binance"]
    key = name.lower().rpartition("__")[2]
    assert getattr(loaded.settings.accounts["demo-binance"], key) == expected
    assert loaded.overrides == (name,)


def test_a_variable_reaches_a_nested_table(box: Box) -> None:
    loaded = box.load(VIGIL__ACCOUNTS__DEMO_BINANCE__BACKOFF__BASE="0.1")
    assert loaded.settings.accounts["demo-binance"].backoff.base == 0.1


def test_a_variable_makes_the_table_it_needs(box: Box) -> None:
    loaded = box.load(VIGIL__SUPERVISOR__LOG_LEVEL="DEBUG", VIGIL__WEB__LISTEN="")
    assert loaded.settings.supervisor.log_level == "debug"
    assert loaded.settings.web.address is None


def test_a_variable_wins_over_the_file(box: Box) -> None:
    loaded = box.load(SANDBOXED + "poll_every = 9", VIGIL__ACCOUNTS__DEMO_BINANCE__POLL_EVERY="3")
    assert loaded.settings.accounts["demo-binance"].poll_every == 3


def test_a_relative_path_from_the_environment_begins_at_the_file_too(box: Box) -> None:
    loaded = box.load(VIGIL__SUPERVISOR__DATA_DIR="elsewhere", VIGIL__DATABASE__URL="sqlite:///x.db")
    assert loaded.settings.supervisor.data_dir == box.path.parent / "elsewhere"
    assert loaded.settings.database.url == f"sqlite:///{box.path.parent}/x.db"


def test_a_number_is_text_where_text_is_wanted(box: Box) -> None:
    assert box.load(VIGIL__SUPERVISOR__DATA_DIR="8").settings.supervisor.data_dir.name == "8"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VIGIL__SUPERVISR__LOG_LEVEL", "supervisor"),
        ("VIGIL__SUPERVISOR__LOGLEVEL", "log_level"),
        ("VIGIL__ACCOUNTS__DEMO_BINANSE__HEARTBEAT", "demo-binance"),
        ("VIGIL__ACCOUNTS__OTHER__EXCHANGE", None),
        ("VIGIL__ACCOUNTS__DEMO_BINANCE", None),
        ("VIGIL__WEB", None),
        ("VIGIL__", None),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_it(box: Box, name: str, meant: str | None) -> None:
    (problem,) = box.refused(**{name: "1"})
    assert (problem.path, problem.suggestion, problem.severity) == (name, meant, "error")


def test_an_unknown_variable_is_listed_beside_the_mistakes_of_the_file(box: Box) -> None:
    found = box.refused("[supervisor]\ncolour = 1", VIGIL__SUPERVISOR__SHAPE="x")
    assert {p.path for p in found if p.severity == "error"} == {
        "VIGIL__SUPERVISOR__SHAPE",
        "supervisor.colour",
    }


def test_a_refused_value_from_the_environment_names_the_variable_and_not_the_value(box: Box) -> None:
    (problem,) = box.refused(VIGIL__ACCOUNTS__DEMO_BINANCE__HEARTBEAT="s3cretword")
    assert problem.path == "accounts.demo-binance.heartbeat"
    assert problem.origin == "VIGIL__ACCOUNTS__DEMO_BINANCE__HEARTBEAT"
    assert "s3cretword" not in str(problem)


def test_two_variables_for_one_key_are_an_error(box: Box) -> None:
    (problem,) = box.refused(VIGIL__WEB__LISTEN="", vigil__web__listen="")
    assert "says the same as VIGIL__WEB__LISTEN" in problem.reason


def test_a_variable_cannot_bring_more_than_its_own_value(box: Box) -> None:
    (problem,) = box.refused(VIGIL__ACCOUNTS__DEMO_BINANCE__HEARTBEAT="7\npoll_every = 1")
    assert problem.path == "accounts.demo-binance.heartbeat"


def test_where_a_table_should_be_and_is_not_the_file_is_blamed(box: Box) -> None:
    found = box.refused("web = 3", VIGIL__WEB__LISTEN="")
    assert "web" in [problem.path for problem in found]


def test_other_variables_are_nobodys_business(box: Box) -> None:
    loaded = box.load(VIGIL_HOME="/x", PATH="/bin", VIGILANT__X="1")
    assert loaded.overrides == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0.5", 0.5),
        ("true", True),
        ('"quoted"', "quoted"),
        ("[1, 2]", [1, 2]),
        ("plain words", "plain words"),
        ("", ""),
        ("env:KEY", "env:KEY"),
        ("2026-11-20", "2026-11-20"),
        ("{x = 1}", "{x = 1}"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_read_as_toml_where_it_is_toml(text: str, value: object) -> None:
    assert parsed(text) == value


# ----------------------------------------------------------- what is made of them

REAL_BYBIT = '[accounts.b]\nexchange = "bybit"\napi_key = "env:K"\napi_secret = "env:S"\n'


def test_accounts_start_if_enabled(box: Box) -> None:
    off = '[accounts.off]\nexchange = "binance"\nsandbox = true\nenabled = false\n'
    assert list(box.load(SANDBOXED + REAL_BYBIT + off).startable()) == ["demo-binance", "b"]


def test_endpoints_are_the_final_addresses_of_the_account(box: Box) -> None:
    text = REAL_BYBIT + 'rest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:2/v5/private"'
    at = endpoints(box.load(text).settings.accounts["b"])
    assert (at.rest, at.ws, at.public_ws, at.ws_api) == (
        "http://127.0.0.1:1", "ws://127.0.0.1:2/v5/private", "", "",
    )  # fmt: skip


# ------------------------------------------------------------ the shipped file

SHIPPED = Path(__file__).resolve().parents[2] / "settings.toml"


def test_the_shipped_file_runs_one_sandbox_account_of_each_exchange_without_a_warning() -> None:
    loaded = load(SHIPPED, {})
    assert loaded.warnings == ()
    accounts = loaded.settings.accounts
    assert list(loaded.startable()) == list(accounts)
    assert sorted(account.exchange for account in accounts.values()) == sorted(REGISTRY)
    assert all(account.sandbox for account in accounts.values())


def test_what_the_shipped_file_shows_as_an_example_holds(tmp_path: Path) -> None:
    lines = SHIPPED.read_text().splitlines()
    start = lines.index("# [accounts.main]")
    example = "\n".join(line.removeprefix("# ") for line in lines[start:])
    path = tmp_path / "settings.toml"
    path.write_text(example)
    assert load(path, {}).warnings == ()


def test_the_shipped_file_says_nothing_but_defaults(tmp_path: Path) -> None:
    bare = tmp_path / "settings.toml"
    accounts = tomllib.loads(SHIPPED.read_text())["accounts"]
    bare.write_text(
        "".join(
            f'[accounts.{name}]\nexchange = "{account["exchange"]}"\nsandbox = true\n'
            for name, account in accounts.items()
        )
    )
    shipped, plain = load(SHIPPED, {}).settings, load(bare, {}).settings
    assert repr(shipped).replace(str(SHIPPED.parent), str(tmp_path)) == repr(plain)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_exchange_of_the_registry_may_be_named_and_is_where_its_dialect_says(
    box: Box, name: str
) -> None:
    account = box.load(REAL_BYBIT.replace("bybit", name)).settings.accounts["b"]
    assert endpoints(account) == spoken()[name].endpoints == REGISTRY[name].defaults.endpoints

"""Finding the socket without the settings model, by the daemon's rules."""

from pathlib import Path

import pytest

from control.locate import locate


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def found(settings: Path, text: str, **environment: str) -> Path:
    settings.write_text(text)
    return locate(settings, environment).socket


def test_by_default_it_is_in_the_data_directory_beside_the_file(settings: Path) -> None:
    assert found(settings, "") == settings.parent / "data" / "control.sock"


def test_a_data_directory_is_relative_to_the_file(settings: Path) -> None:
    assert found(settings, '[supervisor]\ndata_dir = "d/e"') == settings.parent / "d" / "e" / "control.sock"


def test_an_absolute_data_directory_stays_where_it_is(settings: Path) -> None:
    assert found(settings, '[supervisor]\ndata_dir = "/var/lib/vigil"') == Path("/var/lib/vigil/control.sock")


def test_a_socket_of_its_own_wins_over_the_data_directory(settings: Path) -> None:
    text = '[supervisor]\ndata_dir = "d"\n[control]\nsocket = "run/vigil.sock"'
    assert found(settings, text) == settings.parent / "run" / "vigil.sock"


def test_an_empty_socket_means_the_default(settings: Path) -> None:
    assert found(settings, '[control]\nsocket = ""') == settings.parent / "data" / "control.sock"


@pytest.mark.parametrize(
    "name", ["VIGIL__CONTROL__SOCKET", "vigil__control__socket", "Vigil__Control__Socket"]
)
def test_the_environment_lies_over_the_file_in_any_case(settings: Path, name: str) -> None:
    place = found(settings, '[control]\nsocket = "file.sock"', **{name: "env.sock"})
    assert place == settings.parent / "env.sock"


@pytest.mark.parametrize("name", ["VIGIL__SUPERVISOR__DATA_DIR", "VIGIL__SUPERVISOR__DATA-DIR"])
def test_the_environment_may_move_the_data_directory(settings: Path, name: str) -> None:
    place = found(settings, '[supervisor]\ndata_dir = "file"', **{name: "/env"})
    assert place == Path("/env/control.sock")


def test_a_relative_settings_path_is_relative_to_where_we_stand(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text("")
    monkeypatch.chdir(settings.parent)
    assert locate(Path("settings.toml"), {}).socket == settings.parent / "data" / "control.sock"


@pytest.mark.parametrize(
    "broken",
    [
        '[supervisor]\ndata_dir = "d"\n[accounts.main]\nexchange = bybit\n',
        '[accounts.main]\nexchange = bybit\napi key = 1\n[supervisor]\ndata_dir = "d"\n',
        '[supervisor]\ndata_dir = "d"\n[accounts.main\nenabled = maybe\n',
        '[supervisor]\ndata_dir = "d"\n[accounts.a]\nx = 1\nx = 2\n',
        '[supervisor]\ndata_dir = "d"\n[alerts]\nurls = [\n',
        '[supervisor]\ndata_dir = "d"\n[alerts]\nurl = """never closed\n\n',
    ],
)
def test_a_file_that_was_just_broken_still_leads_to_the_daemon(settings: Path, broken: str) -> None:
    """The daemon goes on with the old settings, and `status` is how one learns what is wrong."""
    settings.write_text(broken)
    place = locate(settings, {})
    assert place.socket == settings.parent / "d" / "control.sock"
    assert place.problem is not None
    assert str(settings) in place.problem


@pytest.mark.parametrize("wrong", ["[supervisor]\ndata_dir = 5", "supervisor = 5", "[control]\nsocket = [1]"])
def test_a_value_of_another_kind_is_left_to_the_daemon_to_refuse(settings: Path, wrong: str) -> None:
    assert found(settings, wrong) == settings.parent / "data" / "control.sock"


def test_a_file_that_is_not_there_is_a_problem_and_no_reason_to_give_up(settings: Path) -> None:
    place = locate(settings, {"VIGIL__CONTROL__SOCKET": "/run/vigil.sock"})
    assert place.socket == Path("/run/vigil.sock")
    assert place.problem == f"{settings}: No such file or directory"


def test_a_file_that_is_no_text_is_a_problem(settings: Path) -> None:
    settings.write_bytes(b"\xff\xfe\x00")
    assert locate(settings, {}).problem == f"{settings}: not UTF-8"


def test_settings_that_parse_are_no_problem(settings: Path) -> None:
    settings.write_text("[supervisor]\nunknown = 1\n")
    assert locate(settings, {}).problem is None

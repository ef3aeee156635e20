"""A place that is taken, or that nobody can use: a clear refusal, and whoever was there is unharmed."""

import os
import socket
from pathlib import Path

import pytest

from control.client import Client, NotRunning
from tests.end_to_end.refusals import ALONE, ended, refusal, started, when_ok
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

DEMO = ALONE + '[accounts.demo]\nexchange = "binance"\nsandbox = true\n'


def settings_in(home: Path, text: str = ALONE) -> Path:
    settings = home / "settings.toml"
    settings.write_text(text)
    return settings


# ------------------------------------------------------------------ the data directory


def test_a_data_directory_that_is_a_file_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    found = refusal(settings_in(tmp_path))
    assert found.code == 1
    (line,) = found.lines
    assert line.startswith(f"vigil: error: data_dir {tmp_path / 'data'} cannot be used: it is no folder: ")
    assert line.endswith("or set [supervisor] data_dir")


def test_a_second_daemon_is_refused_by_the_firsts_pid_and_the_first_goes_on(tmp_path: Path) -> None:
    with Daemon(tmp_path, ALONE) as first:
        before = when_ok(first)
        found = refusal(first.settings)
        assert found.code == 1
        (line,) = found.lines
        assert line.startswith(f"vigil: error: {tmp_path / 'data'} is in use by pid {before['pid']}: stop it")
        after = first.status()
        assert (after["state"], after["pid"]) == ("ok", before["pid"])
        assert {actor["generation"] for actor in after["actors"]} == {1}
        assert first.terminate() == 0
    assert (tmp_path / "data" / "vigil.lock").read_text() == ""


# ------------------------------------------------------------------- the control socket


def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    with Daemon(tmp_path, ALONE) as daemon:
        daemon.kill()
        assert daemon.socket_path.is_socket()
        daemon.start()
        when_ok(daemon)
        assert daemon.terminate() == 0
    assert not daemon.socket_path.exists()


def test_a_socket_on_which_somebody_else_listens_is_refused_by_his_pid(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sock"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        found = refusal(settings_in(tmp_path, f'{ALONE}[control]\nsocket = "theirs.sock"\n'))
        assert found.code != 0
        assert found.lines[-1].endswith(f"{path} is in use by pid {os.getpid()}: stop that daemon first")
        assert path.is_socket(), "what is somebody else's stays where it is"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("nowhere/control.sock", "No such file or directory", id="no folder"),
        pytest.param("s" * 120, "path too long", id="too long a name"),
    ],
)
def test_a_socket_that_cannot_be_made_ends_the_start_with_the_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    found = refusal(settings_in(tmp_path, f'{ALONE}[control]\nsocket = "{name}"\n'))
    assert found.code != 0
    assert f"{tmp_path / name}" in found.lines[-1]
    assert reason in found.lines[-1]
    assert "[control] socket" in found.lines[-1]


def who_answers(socket_path: Path) -> int | None:
    """As the command line would ask, without a process of its own."""
    try:
        with Client(socket_path) as client:
            return int(client.call("version")["pid"])
    except NotRunning:
        return None


def test_a_folder_whose_path_no_address_holds_is_no_hindrance(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 25)
    home.mkdir()
    settings = settings_in(home)
    process = started(settings)
    socket_path = home / "data" / "control.sock"
    try:
        assert eventually(lambda: who_answers(socket_path), within=30) == process.pid
    finally:
        process.terminate()
    assert ended(process).code == 0
    assert not socket_path.exists()


# -------------------------------------------------------------------- the sandbox's ports


def test_ports_of_the_sandbox_that_others_took_are_replaced(tmp_path: Path) -> None:
    world = tmp_path / "data" / "sandbox"
    world.mkdir(parents=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        taken = {"binance": one.getsockname()[1], "admin": other.getsockname()[1]}
        for name, port in taken.items():
            (world / f"{name}.port").write_text(str(port))
        with Daemon(tmp_path, DEMO) as daemon:
            daemon.until_live("demo")
            for name, port in taken.items():
                assert int((world / f"{name}.port").read_text()) not in {port, 0}


def test_a_sandbox_whose_register_is_torn_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    world = tmp_path / "data" / "sandbox"
    world.mkdir(parents=True)
    (world / "accounts.json").write_text('[{"exchange": "binance"')
    found = refusal(settings_in(tmp_path, DEMO))
    assert found.code == 1
    (line,) = found.lines
    assert f"{world / 'accounts.json'} cannot be read" in line
    assert line.endswith(f"move the folder {world} away to begin a new world")

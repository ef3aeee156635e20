"""A database that cannot be used: said at the start, waited for while running, and nothing is lost."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from models.database import prepare
from tests.end_to_end.kit import meanwhile, scene
from tests.end_to_end.locks import locked
from tests.end_to_end.refusals import ALONE, refusal, when_ok
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


@contextmanager
def unchangeable(path: Path) -> Iterator[None]:
    """Nobody may change it; root, who no mode keeps out, is kept out by the filesystem."""
    if os.geteuid():
        path.chmod(path.stat().st_mode & ~0o222)
        yield
        path.chmod(path.stat().st_mode | 0o200)
        return
    if subprocess.run(["chattr", "+i", str(path)], check=False, capture_output=True).returncode:
        pytest.skip("this filesystem knows no way to keep root from writing")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


# ---------------------------------------------------------------------------- at the start


def nothing_of_ours(database: Path) -> None:
    database.write_bytes(b"Dear diary, today I was not a database. " * 200)


def cut_off(database: Path) -> None:
    prepare(f"sqlite:///{database}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=delete")
    os.truncate(database, 6000)


def from_the_future(database: Path) -> None:
    prepare(f"sqlite:///{database}")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE schema_migration SET id = id + 1, name = '0999_flying_cars' "
            "WHERE id = (SELECT MAX(id) FROM schema_migration)"
        )


def a_folder(database: Path) -> None:
    database.mkdir()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(nothing_of_ours, "is not a ledger, or its first page is damaged", id="no database"),
        pytest.param(cut_off, "is damaged: stop vigil and restore the newest backup", id="cut off"),
        pytest.param(from_the_future, "written by a newer vigil (0999_flying_cars)", id="newer schema"),
        pytest.param(a_folder, "is a folder: name a file in [database] url", id="a folder"),
    ],
)
def test_a_file_that_is_no_ledger_ends_the_start_and_is_left_as_it_was(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    database = tmp_path / "vigil.db"
    make(database)
    before = None if database.is_dir() else database.read_bytes()
    found = refusal(settings_for(database))
    assert found.code == 1
    (line,) = found.lines
    assert line.startswith(f"vigil: error: database {database} ")
    assert reason in line
    assert (None if database.is_dir() else database.read_bytes()) == before


@pytest.mark.parametrize("what", ["the file", "the folder"])
def test_a_place_that_may_not_be_written_ends_the_start_with_what_to_do(tmp_path: Path, what: str) -> None:
    database = tmp_path / "ledger" / "vigil.db"
    database.parent.mkdir()
    if what == "the file":
        prepare(f"sqlite:///{database}")
    with unchangeable(database if what == "the file" else database.parent):
        found = refusal(settings_for(database))
    assert found.code == 1
    (line,) = found.lines
    assert line.startswith(f"vigil: error: database {database} cannot be ")
    assert "vigil's user" in line


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    database = tmp_path / "nowhere" / "vigil.db"
    found = refusal(settings_for(database))
    assert found.lines == [
        f"vigil: error: database {database}: its folder does not exist; create {database.parent}"
    ]


def settings_for(database: Path) -> Path:
    """Settings outside of the database's own folder, whatever is wrong with that."""
    home = database.parent.parent / "home"
    home.mkdir(exist_ok=True)
    settings = home / "settings.toml"
    settings.write_text(f'{ALONE}[database]\nurl = "sqlite:///{database}"\n')
    return settings


# ---------------------------------------------------------------------------- while it runs


def test_a_database_that_is_locked_at_the_start_is_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "data" / "vigil.db"
    database.parent.mkdir()
    prepare(f"sqlite:///{database}")
    daemon = Daemon(tmp_path, ALONE)
    daemon.log_path.touch()
    try:
        with meanwhile(daemon.start), locked(database):
            eventually(lambda: "is locked by another program" in daemon.log(), within=30)
        when_ok(daemon)
    finally:
        daemon.__exit__(None, None, None)


def test_a_database_that_is_taken_away_is_missed_at_once_and_taken_up_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    with scene(tmp_path) as watched:
        data, daemon = tmp_path / "data", watched.daemon
        (data / "vigil.db").rename(data / "moved.db")
        watched.admin.burst("main", 20, symbol=watched.symbol)
        status = eventually(daemon.status, lambda status: status["ledger"]["spilled"] > 40)
        assert (status["state"], status["ledger"]["fills"]) == ("degraded", 0)
        (data / "moved.db").rename(data / "vigil.db")
        watched.agrees()
        (incident,) = daemon.ask("incidents")
        assert "was taken away while in use: put it back" in incident["text"]
        assert incident["resolved_at"] is not None

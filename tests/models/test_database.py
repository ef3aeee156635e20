"""Opening a database: what is set, what is brought up to date, what is refused and how it is told."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import peewee
import pytest
from playhouse.migrations import Runner

from core.errors import DatabaseProblem
from models import database, tables
from models.database import connect, open_ledger, prepare, problem, questions
from tests.support.ledger import meddle, url


def refusal(address: str) -> DatabaseProblem:
    with pytest.raises(DatabaseProblem) as caught:
        open_ledger(address)
    return caught.value


def asked(db: Any, pragma: str) -> Any:
    return db.pragma(pragma)


def test_what_is_committed_survives_a_power_cut(path: Path) -> None:
    db = open_ledger(url(path))
    assert [asked(db, name) for name in ("journal_mode", "synchronous")] == ["wal", 2]
    db.close()


def test_a_lock_is_waited_for_no_longer_than_a_second(path: Path) -> None:
    db = open_ledger(url(path))
    assert asked(db, "busy_timeout") == 1000
    db.close()


def test_the_migrations_lead_to_the_tables_that_the_code_knows(empty: str, tmp_path: Path) -> None:
    fresh = connect(empty if empty.startswith("postgresql:") else url(tmp_path / "fresh.db"))
    with fresh.bind_ctx(tables.ALL):
        fresh.create_tables(tables.ALL)
        wanted = shape(fresh)
        fresh.drop_tables(tables.ALL)
    fresh.close()
    found = migrated(empty)
    found.pop("schema_migration")
    assert found == wanted


def migrated(place: str) -> Any:
    """What a ledger looks like after it was opened."""
    db = open_ledger(place)
    try:
        return shape(db)
    finally:
        db.close()


def shape(db: Any) -> Any:
    """Columns (name, type, not null, key, default) and indexes by table, as the database describes them."""
    return {
        table: (
            {(it.name, it.data_type, it.null, it.primary_key, it.default) for it in db.get_columns(table)},
            {(tuple(it.columns), it.unique, partial(it.sql)) for it in db.get_indexes(table)},
        )
        for table in db.get_tables()
    }


def partial(sql: str | None) -> str:
    """Of which rows an index is; all where that is only said to keep others off it (0003)."""
    if sql is not None and sql.endswith("WHERE (seq > 0)"):
        return ""
    return re.sub(r"[()\s\"]|::text|(?<=\])", "", (sql or "").partition(" WHERE ")[2])


def test_amounts_are_kept_as_text_on_sqlite(path: Path) -> None:
    prepare(url(path))
    connection = sqlite3.connect(path)
    types = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(fills)")}
    connection.close()
    assert {types[name] for name in ("price", "quantity", "fee")} == {"TEXT"}


def test_opening_twice_changes_nothing(empty: str) -> None:
    before = migrated(empty)
    assert migrated(empty) == before


def test_a_schema_from_the_future_is_refused_and_left_alone(place: str) -> None:
    meddle(place, "INSERT INTO schema_migration (name, applied) VALUES ('9999_times_to_come', '2030-01-01')")
    said = refusal(place)
    assert "newer vigil (9999_times_to_come)" in str(said)
    assert not said.passing


def test_a_migration_that_fails_leaves_nothing_behind(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_half.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE half (x TEXT)')\n"
        "    db.execute_sql('CREATE NONSENSE')\n"
    )
    monkeypatch.setattr(database, "MIGRATIONS", folder)
    refusal(empty)
    db = connect(empty)
    assert db.get_tables() == []
    db.close()


def test_two_that_migrate_at_once_do_it_once(empty: str) -> None:
    """The second finds everything done when it gets the lock."""
    first, second = connect(empty), connect(empty)
    runner_was_missing = database._missing(Runner(second, str(database.MIGRATIONS)), empty)
    database.migrate(first, empty)
    database.migrate(second, empty)
    first.close()
    second.close()
    assert runner_was_missing == [path.stem for path in sorted(database.MIGRATIONS.glob("0*.py"))]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    said = refusal(url(tmp_path / "nowhere" / "vigil.db"))
    assert f"create {tmp_path / 'nowhere'}" in str(said)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    assert "is a folder" in str(refusal(url(tmp_path)))


def test_a_file_that_is_no_database_is_said_and_left_alone(path: Path) -> None:
    path.write_text("my shopping list\n" * 100)
    assert "is not a ledger" in str(refusal(url(path)))
    assert path.read_text().startswith("my shopping list")


def test_a_place_where_nothing_can_be_written_is_said() -> None:
    assert "cannot be opened" in str(refusal("sqlite:////proc/vigil.db"))


def test_a_database_that_is_locked_for_writing_needs_no_write_to_open(path: Path) -> None:
    prepare(url(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    prepare(url(path))
    other.close()


def test_a_new_database_that_somebody_else_locks_is_a_problem_that_may_pass(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = wal")
    other.execute("BEGIN EXCLUSIVE")
    said = refusal(url(path))
    other.close()
    assert said.passing
    assert "locked" in str(said)


@pytest.mark.parametrize(
    ("driver_says", "we_say", "passing"),
    [
        ("attempt to write a readonly database", "write permission", False),
        ("database disk image is malformed", "restore the newest backup", False),
        ("database or disk is full", "free some space", True),
        ("disk I/O error", "check the disk", True),
        ("database is locked", "locked by another program", True),
        ('FATAL: database "vigil" does not exist', "create it", False),
        ('FATAL: password authentication failed for user "x"', "refuses the user", False),
        ("connection refused", "start the server", True),
        ("something never heard of", "cannot be used (something never heard of)", False),
    ],
)
def test_each_complaint_of_a_driver_is_told_with_what_to_do(
    driver_says: Any, we_say: Any, passing: Any
) -> None:
    told = problem("sqlite:///x.db", peewee.OperationalError(driver_says))
    assert we_say in str(told)
    assert "x.db" in str(told)
    assert told.passing is passing


def test_a_password_in_the_address_is_never_shown() -> None:
    told = str(problem("postgresql://vigil:hunter2@db.example:5432/vigil", peewee.OperationalError("no")))
    assert "hunter2" not in told
    assert "postgresql://db.example:5432/vigil" in told


def test_a_reader_cannot_write(place: str) -> None:
    reader = questions(place)
    with pytest.raises(peewee.DatabaseError, match=r"readonly|read-only"):
        reader.ask("DELETE FROM fills", [])
    assert reader.ask("SELECT COUNT(*) FROM fills", []) == [(0,)]
    reader.close()

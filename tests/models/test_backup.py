"""Copies of a ledger: whole, checked, never in the place of something else, and made before a migration."""

import sqlite3
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.errors import DatabaseProblem
from models import backup as backups
from models import files
from models.backup import backup, usual_place
from models.database import migrate, open_ledger
from models.files import NoRoom, Taken
from models.ledger import Ledger
from models.read import Reader
from models.rebuild import rebuild
from tests.support.ledger import NOW, balance, batch, fill, order, rows, url, views


@pytest.fixture
def place(path: Path) -> str:
    """Files are what this is about: the database is SQLite."""
    return url(path)


@pytest.fixture
def written(ledger: Ledger, path: Path) -> Path:
    ledger.write([batch(order(), balance("5"), *(fill(str(n)) for n in range(200)))])
    return path


def test_a_copy_holds_what_is_committed_although_it_is_still_in_the_log(
    written: Path, tmp_path: Path
) -> None:
    target = tmp_path / "far" / "copy.db"
    assert written.with_name(f"{written.name}-wal").stat().st_size > 0
    saved = backup(url(written), target)
    assert saved.rows["fills"] == 200
    assert saved.size == target.stat().st_size
    assert views(url(target)) == views(url(written))
    assert rows(url(target), "journal") == rows(url(written), "journal")
    assert rebuild(url(target), check=True).differences == []


def test_a_copy_is_one_file_for_its_owner_alone(written: Path, tmp_path: Path) -> None:
    target = tmp_path / "far" / "copy.db"
    backup(url(written), target)
    assert list(target.parent.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o400)
    reader = Reader(url(target))
    assert len(reader.fills(limit=0)) == 200
    reader.close()


def test_a_copy_takes_the_place_of_nothing(written: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    target.write_text("keep me")
    with pytest.raises(Taken, match=r"mine\.txt exists already"):
        backup(url(written), target)
    assert target.read_text() == "keep me"


def test_a_copy_for_which_there_is_no_room_is_not_begun(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MARGIN", 2**62)
    with pytest.raises(NoRoom, match=r"a copy of the ledger needs .* GB in .*, where .* are free"):
        backup(url(written), tmp_path / "far" / "copy.db")
    assert list((tmp_path / "far").iterdir()) == []


def test_a_copy_of_a_damaged_ledger_is_refused_and_leaves_nothing(written: Path, tmp_path: Path) -> None:
    """As a disk would damage it: below the level at which SQLite itself writes."""
    clean = tmp_path / "clean.db"
    backup(url(written), clean)
    content = bytearray(clean.read_bytes())
    content[-3000:-100] = bytes(2900)
    clean.write_bytes(content)
    with pytest.raises(DatabaseProblem, match=r"damaged"):
        backup(url(clean), tmp_path / "far" / "copy.db")
    assert list((tmp_path / "far").iterdir()) == []


def test_a_server_is_copied_by_its_own_tool() -> None:
    with pytest.raises(DatabaseProblem, match=r"postgresql://host/vigil is a server's: .*pg_dump"):
        backup("postgresql://user:secret@host/vigil", Path("copy.db"))


def test_the_usual_names_sort_by_time() -> None:
    first, second = (usual_place(Path("data"), NOW + later) for later in (1, 999))
    assert first == Path("data/backups/vigil-20231114T221320.001Z.db")
    assert first.name < second.name


# --------------------------------------------------------------------- before a migration


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of a version that has one more."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for old in Path(files.__file__).with_name("migrations").glob("0*.py"):
        (folder / old.name).write_text(old.read_text())
    (folder / "9000_later.py").write_text("def up(_migrator, db):\n    db.execute_sql('DROP TABLE trades')\n")
    monkeypatch.setattr("models.database.MIGRATIONS", folder)
    return folder


def test_a_ledger_is_copied_before_a_migration_changes_it(written: Path, later: Path) -> None:
    with capture_logs() as logs:
        open_ledger(url(written)).close()
    (copy,) = (written.parent / "backups").iterdir()
    assert copy.name.endswith("Z-before-9000_later.db")
    assert rows(url(copy), "trades") == []
    assert rows(url(copy), "journal") == rows(url(written), "journal")
    with pytest.raises(sqlite3.OperationalError, match="no such table: trades"):
        rows(url(written), "trades")
    assert [(one["event"], one["path"]) for one in logs] == [("ledger_copied_before_migration", str(copy))]


def test_what_cannot_be_copied_is_not_changed(
    written: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MARGIN", 2**62)
    with pytest.raises(NoRoom):
        open_ledger(url(written))
    assert rows(url(written), "trades") == []


def test_a_new_ledger_has_nothing_to_copy(tmp_path: Path) -> None:
    open_ledger(url(tmp_path / "new.db")).close()
    assert not (tmp_path / "backups").exists()


def test_the_newest_five_of_the_copies_that_nobody_asked_for_are_kept(written: Path, later: Path) -> None:
    folder = written.parent / "backups"
    folder.mkdir()
    made = [folder / f"vigil-2020010{n}T000000.000Z-before-0002_x.db" for n in range(1, 8)]
    asked_for = folder / "vigil-20200101T000000.000Z.db"
    for path in (*made, asked_for):
        path.touch()
    open_ledger(url(written)).close()
    left = sorted(folder.iterdir())
    assert len(left) == backups.KEPT + 1
    assert {asked_for, *made[-4:]} < set(left)


def test_nothing_is_copied_where_nothing_is_missing(written: Path) -> None:
    ledger = open_ledger(url(written))
    migrate(ledger, url(written))
    ledger.close()
    assert not (written.parent / "backups").exists()

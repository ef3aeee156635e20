"""Space is given back, nothing else changes, and a disk that is too full is left alone."""

import sqlite3
from pathlib import Path

import pytest

from core.errors import DatabaseProblem
from models import files, vacuum
from models.files import NoRoom
from models.ledger import Ledger
from tests.support.ledger import batch, fill, rows, url, views


@pytest.fixture
def place(path: Path) -> str:
    """Files are what this is about: the database is SQLite."""
    return url(path)


@pytest.fixture
def wasteful(ledger: Ledger, path: Path) -> Path:
    """A ledger that lost most of what it held."""
    ledger.write([batch(*(fill(str(n)) for n in range(300)), raw="x" * 4_000_000)])
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM frames")
    connection.commit()
    connection.close()
    return path


def test_the_space_of_what_is_gone_is_given_back_and_the_rest_stays(wasteful: Path) -> None:
    before = views(url(wasteful))
    done = vacuum.vacuum(url(wasteful))
    assert done.before > 4_000_000
    assert done.after == wasteful.stat().st_size < 1_000_000
    assert wasteful.with_name(f"{wasteful.name}-wal").stat().st_size == 0
    assert views(url(wasteful)) == before
    assert rows(url(wasteful), "pragma_integrity_check", order_by="rowid") == ["ok"]


def test_without_room_for_the_copy_it_is_refused(wasteful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MARGIN", 2**62)
    with pytest.raises(NoRoom, match=r"to reclaim space.* needs .* make room first"):
        vacuum.vacuum(url(wasteful))


def test_both_disks_are_asked_for_room_where_there_are_two(
    wasteful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(vacuum, "ensure_room", lambda folder, needed, _what: asked.append((folder, needed)))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    vacuum.vacuum(url(wasteful))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setenv("TMPDIR", "/dev/shm")
    vacuum.vacuum(url(wasteful))
    kept = wasteful.stat().st_size
    assert asked[-2:] == [(Path("/dev/shm"), kept), (wasteful.parent, kept)]
    assert asked[0] == (wasteful.parent, asked[0][1])
    assert asked[0][1] >= 2 * kept


def test_a_ledger_that_somebody_holds_is_told_as_that(wasteful: Path) -> None:
    holder = sqlite3.connect(wasteful)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseProblem, match="is locked by another program"):
        vacuum.vacuum(url(wasteful))
    holder.close()

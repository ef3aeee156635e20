"""What streams remember over a restart: the way in plain words, the key sealed."""

from pathlib import Path
from typing import Any

import pytest

from core.records import Remember
from host.keyring import Keyring
from host.memories import Memories
from tests.support.clock import ManualClock

BOTH = ("listen_key", "ws_api")
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8"


class Daemon:
    """One life; `next` is the one after it, on the same database and folder."""

    def __init__(self, folder: Path, remembered: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.records: list[Any] = []
        self.learnt: list[str] = []
        self.remembered = remembered or {}
        self.memories = Memories(
            self.clock, Keyring.own(folder / "vault.key"), self._record, self.learnt.append, self.remembered
        )
        self.memory = self.memories.of("main")

    def _record(self, record: Any) -> None:
        assert isinstance(record, Remember)
        self.records.append(record)

    def next(self, later: float = 0.0) -> "Daemon":
        kept = dict(self.remembered)
        for record in self.records:
            kept[record.key] = record.value
        following = Daemon(self.folder, {key: value for key, value in kept.items() if value is not None})
        following.clock.advance(self.clock.wall_ms() / 1000 - following.clock.wall_ms() / 1000 + later)
        following.memories = Memories(
            following.clock,
            Keyring.own(self.folder / "vault.key"),
            following._record,
            following.learnt.append,
            following.remembered,
        )
        following.memory = following.memories.of("main")
        return following


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


def test_a_key_survives_with_its_age_and_is_sealed(daemon: Daemon) -> None:
    daemon.memory.renewed(KEY)
    (record,) = daemon.records
    assert record.key == "listen_key:main"
    assert KEY not in record.value
    following = daemon.next(later=90)
    held = following.memory.held
    assert held is not None
    assert held.key == KEY
    assert following.memory.age() == pytest.approx(90, abs=0.01)


def test_every_key_in_use_is_told_to_the_masker(daemon: Daemon) -> None:
    daemon.memory.renewed(KEY)
    assert set(daemon.learnt) == {KEY}
    assert KEY in daemon.next().learnt


def test_a_key_that_is_gone_is_forgotten(daemon: Daemon) -> None:
    daemon.memory.renewed(KEY)
    daemon.memory.lost_key()
    assert daemon.records[-1].value is None
    assert daemon.next().memory.held is None


def test_the_way_that_worked_survives_and_is_written_once(daemon: Daemon) -> None:
    daemon.memory.turn(BOTH)
    daemon.memory.arrived(BOTH)
    daemon.memory.arrived(BOTH)
    assert [(record.key, record.value) for record in daemon.records] == [("flow:main", "ws_api")]
    assert daemon.next().memory.flow(BOTH) == "ws_api"


def test_a_key_that_another_key_sealed_is_gone_and_nothing_else(daemon: Daemon, tmp_path: Path) -> None:
    daemon.memory.renewed(KEY)
    (tmp_path / "vault.key").unlink()
    following = daemon.next()
    assert following.memory.held is None
    assert following.memory.flow(BOTH) == "listen_key"


def test_where_nothing_can_be_sealed_the_key_is_used_and_not_kept(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "nowhere")
    daemon.memory.renewed(KEY)
    assert daemon.memory.held is not None
    assert daemon.records == []


def test_an_account_has_one_memory_for_all_its_generations(daemon: Daemon) -> None:
    assert daemon.memories.of("main") is daemon.memory
    assert daemon.memories.of("other") is not daemon.memory


# ------------------------------------------------------------------------ forgotten


def test_an_account_that_is_forgotten_has_no_key_and_no_way_any_more_nor_has_the_next_daemon(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path)
    daemon.memory.renewed(KEY)
    assert daemon.next().memory.held is not None
    daemon.memories.forget("main")
    assert daemon.memories.of("main") is not daemon.memory
    assert daemon.memories.of("main").held is None
    assert daemon.next().memory.held is None


def test_what_still_has_the_old_memory_keeps_nothing_by_it(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.memories.forget("main")
    before = list(daemon.records)
    daemon.memory.renewed(KEY)
    assert daemon.records == before

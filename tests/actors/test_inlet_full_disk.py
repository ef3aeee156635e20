"""Neither the database nor the disk takes anything: what waits in memory is seen, told and not lost.

A file that stands where the spill's folder should be refuses like a full disk,
and taking it away is space that was freed.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors.inlet import PATIENCE, Inlet, Stored
from actors.spill import SpillFile, new_segment
from core.facts import Batch, Fill
from core.records import Incident
from core.status import LedgerVitals
from tests.support.clock import ManualClock
from tests.support.ledger import batch, fill


class Effect(NamedTuple):
    changed: int
    repaired: int = 0
    requery: tuple[()] = ()
    differences: tuple[()] = ()


class Cornered:
    """An inlet whose spill folder cannot be made until `room` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.write_text("no folder")
        self.clock = ManualClock()
        self.vitals = LedgerVitals()
        self.inlet = Inlet(folder, self.clock, self.vitals)
        self.incidents: list[tuple[str, bool]] = []

    def room(self) -> None:
        self.folder.unlink()
        self.clock.advance(PATIENCE)

    def put(self, *trades: str, source: Any = "stream") -> int:
        return self.inlet.put([batch(fill(trade), source=source) for trade in trades])

    def commit(self, most: int = 1000) -> list[str]:
        """One commit; each batch changes as many rows as its trade's number says."""
        taken = self.inlet.take(most)
        if taken is None:
            return []
        facts = [entry.facts[0] if isinstance(entry, Batch) else entry for entry in taken.entries]
        self.incidents += [(fact.text, fact.resolved) for fact in facts if isinstance(fact, Incident)]
        changed = [Effect(int(fact.trade_id) if isinstance(fact, Fill) else 0) for fact in facts]
        self.inlet.settle(taken, changed, 1)
        return [fact.trade_id for fact in facts if isinstance(fact, Fill)]

    def drain(self) -> list[str]:
        found = []
        while self.vitals.spilled or self.inlet.take(1) is not None:
            found += self.commit()
        return found


@pytest.fixture
def house(tmp_path: Path) -> Cornered:
    return Cornered(tmp_path / "spill")


def test_what_waits_in_memory_counts_as_spilled(house: Cornered) -> None:
    house.put("1", "2")
    assert house.vitals.spilled == 0
    house.inlet.spill("the database is full")
    assert house.vitals.spilled == 3, "two facts, and the incident that tells of them"
    house.put("3")
    assert house.vitals.spilled == 4


def test_nothing_is_spilled_any_more_once_the_database_takes_it(house: Cornered) -> None:
    house.put("1", "2")
    house.inlet.spill("the database is full")
    house.put("3")
    assert house.commit(most=2) == ["1", "2"]
    assert house.vitals.spilled == 0
    assert house.drain() == ["3"]


def test_one_incident_is_opened_and_it_is_resolved(house: Cornered) -> None:
    house.put("1")
    for _ in range(5):
        house.clock.advance(PATIENCE)
        house.inlet.spill("the database is full")
    house.drain()
    assert [resolved for _, resolved in house.incidents] == [False, True]
    assert house.incidents[0][0].startswith("facts wait in memory, the disk takes none: ")


def test_a_disk_that_refused_is_tried_again_after_a_while_only(house: Cornered) -> None:
    house.put("1")
    house.inlet.spill("the database is full")
    house.folder.unlink()
    house.inlet.spill("the database is full")
    assert not house.folder.exists()
    house.clock.advance(PATIENCE)
    house.inlet.spill("the database is full")
    assert [path.suffix for path in house.folder.iterdir()] == [".spill"]


def test_what_waited_in_memory_goes_to_disk_when_there_is_room(house: Cornered) -> None:
    house.put("1", "2")
    house.inlet.spill("the database is full")
    house.room()
    house.inlet.spill("the database is full")
    house.put("3")
    assert house.vitals.spilled == 5, "three facts, and an incident of each trouble"
    assert house.drain() == ["1", "2", "3"]
    assert house.vitals.spilled == 0
    assert list(house.folder.iterdir()) == []


def test_answers_are_told_what_their_own_facts_did(house: Cornered) -> None:
    """Incidents of the inlet's own stand between the facts and must not shift what is told of them."""
    heard: list[Stored] = []
    house.inlet.when_stored(house.put("10", source="audit"), heard.append)
    house.inlet.spill("the database is full")
    house.inlet.when_stored(house.put("20", source="audit"), heard.append)
    house.room()
    house.inlet.spill("the database is full")
    house.inlet.when_stored(house.put("30", source="audit"), heard.append)
    house.drain()
    assert [stored.changed for stored in heard] == [10, 20, 30]


def test_what_could_not_be_kept_at_the_end_is_not_counted_as_kept(house: Cornered) -> None:
    house.put("1", "2")
    assert house.inlet.close() == 0


def test_a_file_whose_beginning_finds_no_room_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_spill: SpillFile, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SpillFile, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        SpillFile.create(tmp_path, 1, new_segment())
    assert list(tmp_path.iterdir()) == []

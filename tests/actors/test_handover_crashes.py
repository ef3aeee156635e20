"""Death at any moment of the hand-over from the inlet to the database: nothing that was safe is lost, nothing is there twice.

A day is lived through again and again, and each time it ends one step later: in the
ways in which a process can end, and once more while the next one tidies up. The facts
are of a kind that no identity makes unique, so that a second hand-over would show. Records
torn at every byte are in test_spill, processes killed in earnest in test_persistence_killed.

What is safe: after a kill, whatever was committed or written to a file; after a power
cut, whatever was committed or synced. The rest the next reconcile fetches again.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any, get_args

import pytest

from actors import persistence
from actors.feed import Feed
from actors.inlet import Inlet
from actors.persistence import PersistenceActor
from actors.spill import SpillFile
from core.facts import Batch, Unrecognised
from core.status import LedgerVitals
from models.database import connect, identity
from tests.actors.mortal import Death, Disk, How, MortalLedger
from tests.support.actors import Listener
from tests.support.ledger import batch, rows


class Life:
    """The days of one ledger, and what must not be lost any more."""

    def __init__(self, place: str, db: Any, folder: Path, how: How) -> None:
        self.place = place
        self.db = db
        self.folder = folder
        self.how = how
        self.safe: set[int] = set()

    def committed(self, entries: Any) -> None:
        self.safe |= {
            int(fact.event) for entry in entries if isinstance(entry, Batch) for fact in entry.facts
        }


class Process:
    """One boot: an inlet, and the one who writes, in the test's own thread."""

    def __init__(self, life: Life, disk: Disk) -> None:
        self.life = life
        self.disk = disk
        self.listener = Listener()
        self.vitals = LedgerVitals()
        self.inlet = Inlet(life.folder, self.listener.clock, self.vitals)
        self.accepted: set[int] = set()
        self.generation = 0
        self.next_writer()

    def next_writer(self) -> None:
        """The first generation of the writer, or the one after it."""
        self.generation += 1
        context = self.listener.context("core/persistence", self.generation)
        place = self.life.place
        actor: Any = PersistenceActor(context, url=place, inlet=self.inlet, feed=Feed(), vitals=self.vitals)
        context.directory.enter(actor.name, actor)
        actor._file = identity(place)
        actor._ledger = MortalLedger(self.life.db, place, context.clock, self.disk, self.life.committed)
        self.writer: Any = actor
        actor._catch_up(actor._ledger)

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.inlet.put([batch(Unrecognised(str(number), "counted"))])
            self.accepted.add(number)
            self._on_disk()

    def spill(self) -> None:
        """The database refuses: to disk with it."""
        self.inlet.spill("locked")
        self._on_disk()

    def sync(self) -> None:
        self.inlet.sync()
        self.life.safe |= self.accepted

    def commit(self) -> None:
        self.writer._drain()

    def drain(self) -> None:
        while self.inlet.take(1) is not None:
            self.commit()

    def close(self) -> None:
        """An ordered end."""
        self.inlet.close()
        self.life.safe |= self.accepted

    def _on_disk(self) -> None:
        if self.life.how != "power cut" and isinstance(self.inlet._segments[-1], SpillFile):
            self.life.safe |= self.accepted


def first_boot(it: Process) -> None:
    """Memory, a spill that is drained, and another one that is not."""
    it.put(0, 1, 2)
    it.commit()
    it.spill()
    it.put(3, 4)
    it.sync()
    it.commit()
    it.put(5)
    it.drain()
    it.put(6)
    it.spill()
    it.put(7)
    it.commit()
    it.put(8)
    it.close()


def second_boot(it: Process) -> None:
    """What was left is handed over while more comes; a writer dies, and the next one tidies up."""
    it.put(9)
    it.commit()
    it.spill()
    it.put(10)
    it.sync()
    it.drain()
    it.next_writer()
    it.put(11)
    it.drain()
    it.spill()
    it.put(12)
    it.close()


def last_boot(it: Process) -> None:
    """Nothing goes wrong any more."""
    it.drain()
    it.put(99)
    it.drain()
    assert (it.vitals.spilled, list(it.life.folder.glob("*"))) == (0, [])
    it.close()


def lived(life: Life, dies_at: int, boots: Any) -> bool:
    """The boots one after the other, until death; whether it came."""
    disk = Disk(life.folder, life.how, dies_at)
    with pytest.MonkeyPatch.context() as patch:
        disk.watch(patch)
        with suppress(Death):
            for boot in boots:
                boot(Process(life, disk))
    disk.bury()
    return disk.is_dead


def days(place: str, folder: Path, how: How) -> Iterator[tuple[int, Life]]:
    """A life for each step at which the day can end."""
    with closing(connect(place)) as db:  # its session may go on: death leaves it no transaction
        for dies_at in count(1):
            one = Life(place, db, folder, how)
            if not lived(one, dies_at, [first_boot, second_boot]):
                return
            yield dies_at, one


@pytest.fixture(autouse=True)
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "MOST", 2)


@pytest.mark.parametrize("how", get_args(How))
def test_death_at_any_step_loses_nothing_that_was_safe_and_hands_nothing_over_twice(
    place: str, tmp_path: Path, how: How
) -> None:
    ends = 0
    told = 0
    for dies_at, life in days(place, tmp_path / "data" / "spill", how):
        lived(life, 1 + dies_at % 9, [last_boot])  # this one may die as well, in the midst of tidying up
        assert not lived(life, 0, [last_boot])
        held = [int(key) for key in rows(place, "journal", "key")][told:]
        told += len(held)
        what = f"dead at step {dies_at}: {held}, safe {life.safe}"
        assert [n for n in held if n != 99] == sorted({n for n in held if n != 99}), what
        assert life.safe <= set(held), what
        assert set(rows(place, "incidents", "kind")) <= {"unknown_event", "spilling"}, what
        ends = dies_at
    assert ends > 50, "the day was too short to say anything"

"""Where facts wait: in order, bounded in memory, on disk where need be, handed over exactly once."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.inlet import PATIENCE, Inlet, Stored, Taken
from core.errors import StaleGeneration
from core.facts import Batch, Fill, Origin
from core.records import Entry, Incident, Remember
from core.status import LedgerVitals
from tests.support.clock import ManualClock
from tests.support.ledger import CONNECTION, batch, fill


class Effect(NamedTuple):
    changed: int = 1
    repaired: int = 0
    requery: tuple = ()
    differences: tuple = ()


class House:
    """An inlet with a clock that stands still, and a writer in the test's own thread."""

    def __init__(self, folder: Path, limit: Any = 50_000) -> None:
        self.clock = ManualClock()
        self.vitals = LedgerVitals()
        self.inlet = Inlet(folder, self.clock, self.vitals, limit)
        self.folder = folder
        self.woken = 0
        self.stored: list[Entry] = []
        self.marks: dict[str, int] = {}

    def put(self, *trades: str, source: Any = "stream", gen: Any = 1) -> int:
        origin = Origin("boot", "main/connection", gen)
        return self.inlet.put([batch(fill(trade), source=source, origin=origin) for trade in trades])

    def take(self, most: int) -> Taken:
        taken = self.inlet.take(most)
        assert taken is not None
        return taken

    def wake(self) -> None:
        self.woken += 1

    def write(self, most: Any = 1000, *, settle: Any = True) -> list[str]:
        """One commit; without `settle` the writer dies before it can say so."""
        taken = self.inlet.take(most)
        if taken is None:
            return []
        self.stored += taken.entries
        self.marks[taken.segment] = taken.end
        if settle:
            self.inlet.settle(taken, [Effect()] * len(taken.entries), len(self.stored))
        return trades(taken.entries)

    def drain(self, most: Any = 1000) -> list[str]:
        found = []
        while (taken := self.inlet.take(most)) is not None:
            self.stored += taken.entries
            self.marks[taken.segment] = taken.end
            self.inlet.settle(taken, [Effect()] * len(taken.entries), len(self.stored))
            found += trades(taken.entries)
        return found

    def files(self) -> int:
        return len(list(self.folder.glob("*.spill")))

    def next_boot(self) -> "House":
        after = House(self.folder)
        after.marks = self.marks
        after.inlet.resume(self.marks)
        return after


def trades(entries: Any) -> list[str]:
    return [
        fact.trade_id
        for entry in entries
        if isinstance(entry, Batch)
        for fact in entry.facts
        if isinstance(fact, Fill)
    ]


def incidents(entries: Any) -> list[tuple[str, bool]]:
    return [(entry.key, entry.resolved) for entry in entries if isinstance(entry, Incident)]


@pytest.fixture
def house(tmp_path: Path) -> Any:
    return House(tmp_path / "spill")


# ----------------------------------------------------------------------------------- in memory


def test_what_is_put_is_taken_in_order(house: House) -> None:
    house.put("1", "2")
    house.inlet.record(Remember(1, "key", None))
    house.put("3")
    assert house.drain() == ["1", "2", "3"]
    assert isinstance(house.stored[2], Remember)


def test_what_is_taken_stays_until_it_is_settled(house: House) -> None:
    house.put("1", "2")
    house.take(1)
    house.inlet.give_back()
    assert house.drain() == ["1", "2"]


def test_nothing_to_take_is_none(house: House) -> None:
    assert house.inlet.take(10) is None


def test_taking_says_whether_more_waits(house: House) -> None:
    house.put("1", "2")
    assert house.take(1).more
    assert not house.take(2).more


def test_a_writer_that_comes_late_settles_nothing(house: House) -> None:
    house.put("1", "2")
    slow = house.take(1)
    assert house.write() == ["1", "2"]
    house.put("3")
    house.inlet.settle(slow, [Effect()], 9)
    assert house.drain() == ["3"]


# --------------------------------------------------------------------------------------- waking


def test_the_writer_is_woken_once_for_all_that_comes_before_it_looks(house: House) -> None:
    house.inlet.connect(house.wake)
    house.put("1")
    house.put("2")
    assert house.woken == 1
    house.drain()
    house.put("3")
    assert house.woken == 2


def test_a_writer_that_connects_is_woken_for_what_waits_already(house: House) -> None:
    house.put("1")
    house.inlet.connect(house.wake)
    assert house.woken == 1


def test_a_writer_that_has_more_to_take_needs_no_waking(house: House) -> None:
    house.inlet.connect(house.wake)
    house.put("1", "2")
    house.write(most=1)
    house.put("3")
    assert house.woken == 1


def test_a_writer_that_gave_back_comes_by_itself(house: House) -> None:
    house.inlet.connect(house.wake)
    house.put("1")
    house.take(10)
    house.inlet.give_back()
    house.put("2")
    assert house.woken == 1


def test_the_word_that_the_spill_is_drained_wakes_the_writer_too(house: House) -> None:
    house.inlet.connect(house.wake)
    house.inlet.spill("test")
    house.put("1")
    woken = house.woken
    house.write()
    assert house.woken == woken + 1
    house.write()
    assert incidents(house.stored[-1:]) == [("ledger:spilling", True)]


# --------------------------------------------------------------------------------------- fences


def test_a_generation_that_is_fenced_changes_nothing(house: House) -> None:
    house.put("1", gen=1)
    house.inlet.fence("main/connection", 2)
    with pytest.raises(StaleGeneration):
        house.put("2", gen=1)
    house.put("3", gen=2)
    assert house.drain() == ["1", "3"]


def test_a_generation_that_was_seen_supersedes_those_before_it(house: House) -> None:
    house.put("1", gen=3)
    with pytest.raises(StaleGeneration):
        house.put("2", gen=2)
    assert house.drain() == ["1"]


def test_a_refused_put_is_refused_as_a_whole(house: House) -> None:
    house.inlet.fence("main/connection", 2)
    young, old = (Origin("boot", "main/connection", gen) for gen in (2, 1))
    with pytest.raises(StaleGeneration):
        house.inlet.put([batch(fill("1"), origin=young), batch(fill("2"), origin=old)])
    assert house.drain() == []


def test_a_fence_is_never_lowered_and_concerns_one_child(house: House) -> None:
    house.inlet.fence("main/connection", 5)
    house.inlet.fence("main/connection", 2)
    with pytest.raises(StaleGeneration):
        house.put("1", gen=4)
    house.inlet.put([batch(fill("2"), origin=Origin("boot", "second/connection", 1))])
    assert house.drain() == ["2"]


# -------------------------------------------------------------------------------------- tickets


def told(house: House, ticket: Any) -> list[Stored]:
    heard: list[Stored] = []
    house.inlet.when_stored(ticket, heard.append)
    return heard


def test_a_ticket_is_told_after_the_commit_that_covers_it(house: House) -> None:
    ticket = house.put("1", "2", source="audit")
    heard = told(house, ticket)
    house.write(most=1)
    assert heard == []
    house.write()
    assert heard == [Stored(2, 0, 2)]


def test_who_asks_after_the_commit_is_told_at_once(house: House) -> None:
    ticket = house.put("1", source="audit")
    house.drain()
    assert told(house, ticket) == [Stored(1, 0, 1)]


def test_to_put_nothing_is_over_at_once(house: House) -> None:
    house.put("1")
    assert told(house, house.inlet.put([])) == [Stored(0, 0, 0)]


def test_tickets_hold_through_a_spill(house: House) -> None:
    first = house.put("1", source="audit")
    house.inlet.spill("test")
    second = house.put("2", "3", source="audit")
    heard = [told(house, first), told(house, second)]
    house.drain()
    assert [[stored.changed for stored in one] for one in heard] == [[1], [2]]


def test_a_callback_may_put_again(house: House) -> None:
    """It is not called under the lock."""
    ticket = house.put("1", source="audit")
    house.inlet.when_stored(ticket, lambda _stored: house.put("2"))
    assert house.drain() == ["1", "2"]


# ----------------------------------------------------------------------------------- to the disk


def test_beyond_the_limit_facts_go_to_disk_and_all_come_out_in_order(tmp_path: Path) -> None:
    house = House(tmp_path / "spill", limit=3)
    for n in range(10):
        house.put(str(n))
    assert house.files() == 1
    assert house.vitals.spilled == 11  # ten facts and the word that they go to disk
    assert house.drain(most=4) == [str(n) for n in range(10)]
    assert (house.files(), house.vitals.spilled) == (0, 0)


def test_while_the_spill_is_not_drained_everything_goes_there(house: House) -> None:
    house.inlet.spill("test")
    house.put("1", "2")
    house.write(most=2)
    house.put("3")
    assert house.vitals.spilled == 2
    assert house.drain() == ["2", "3"]


def test_when_it_is_drained_memory_does_again(house: House) -> None:
    house.inlet.spill("test")
    house.put("1")
    house.drain()
    house.put("2")
    assert (house.files(), house.vitals.spilled) == (0, 0)
    assert house.drain() == ["2"]


def test_entries_that_are_with_the_writer_are_not_written_to_disk_as_well(house: House) -> None:
    house.put("1", "2", "3")
    lent = house.take(2)
    house.inlet.spill("test")
    house.inlet.settle(lent, [Effect()] * 2, 2)
    assert house.drain() == ["3"]


def test_a_spill_is_an_incident_until_it_is_drained(house: House) -> None:
    house.inlet.spill("the database is locked")
    house.put("1")
    house.drain()
    assert incidents(house.stored) == [("ledger:spilling", False), ("ledger:spilling", True)]
    assert any("locked" in entry.text for entry in house.stored if isinstance(entry, Incident))


def test_when_nobody_takes_anything_for_a_while_the_disk_does(house: House) -> None:
    house.put("1")
    house.clock.advance(PATIENCE + 0.1)
    house.put("2")
    assert (house.files(), house.vitals.spilled) == (1, 3)
    assert house.drain() == ["1", "2"]


def test_a_pause_with_nothing_waiting_is_no_reason_to_spill(house: House) -> None:
    house.put("1")
    house.drain()
    house.clock.advance(PATIENCE * 100)
    house.put("2")
    house.put("3")
    assert house.files() == 0


def test_a_writer_that_goes_on_is_not_taken_for_a_dead_one(house: House) -> None:
    house.put("1", "2", "3", "4")
    for _ in range(3):
        house.clock.advance(PATIENCE * 0.9)
        house.write(most=1)
        house.put("x")
    assert house.files() == 0


def test_where_the_disk_takes_nothing_memory_has_to_do(tmp_path: Path) -> None:
    (tmp_path / "spill").write_text("a file where the folder should be")
    house = House(tmp_path / "spill", limit=2)
    for n in range(6):
        house.put(str(n))
    assert house.drain() == [str(n) for n in range(6)]


def test_a_disk_that_fills_up_half_way_keeps_the_order(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.inlet.spill("test")
    house.put("1")
    file = house.inlet._segments[-1]

    def full(_entries: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(file, "append", full)
    house.put("2")
    house.put("3")
    assert house.drain() == ["1", "2", "3"]


def test_syncing_a_spill_that_is_drained_meanwhile_is_no_trouble(house: House) -> None:
    house.inlet.spill("test")
    house.inlet.sync()
    house.drain()
    house.inlet.sync()


# ------------------------------------------------------------------------ across ends and starts


def test_what_is_not_committed_at_the_end_is_replayed_first_by_the_next_boot(house: House) -> None:
    house.put("1", "2", "3")
    house.write(most=1)
    assert house.inlet.close() == 2
    after = house.next_boot()
    after.put("4")
    assert after.vitals.spilled == 2
    assert after.drain() == ["2", "3", "4"]
    assert after.files() == 0


def test_memory_and_spill_are_kept_in_order_at_the_end(house: House) -> None:
    house.put("1", "2")
    house.take(1)
    house.inlet.spill("test")
    house.put("3")
    assert house.inlet.close() == 4
    assert house.next_boot().drain() == ["1", "2", "3"]


def test_the_leftovers_of_several_boots_come_in_their_order(house: House) -> None:
    house.put("1")
    house.inlet.close()
    second = House(house.folder)
    second.put("2")
    second.inlet.close()
    third = House(house.folder)
    third.put("3")
    assert third.drain() == ["1", "2", "3"]


def test_a_clean_end_leaves_no_file(house: House) -> None:
    house.put("1")
    house.drain()
    assert house.inlet.close() == 0
    assert house.files() == 0


def test_after_the_end_nothing_is_accepted(house: House) -> None:
    house.inlet.close()
    with pytest.raises(StaleGeneration):
        house.put("1")
    house.inlet.record(Remember(1, "late", None))
    assert house.inlet.close() == 0
    assert house.drain() == []


def test_what_a_writer_committed_and_could_not_say_is_not_handed_over_again(house: House) -> None:
    ticket = house.put("1", "2", source="audit")
    heard = told(house, ticket)
    house.put("3")
    house.write(most=2, settle=False)
    house.inlet.resume(house.marks)
    assert heard == [Stored(0, 0, 0)]
    assert house.drain() == ["3"]


def test_nor_by_the_next_boot_which_finds_it_in_a_file(house: House) -> None:
    house.put("1", "2", "3")
    house.write(most=2, settle=False)
    house.inlet.close()
    assert house.next_boot().drain() == ["3"]


def test_nor_from_a_spill_file_that_was_half_replayed(house: House) -> None:
    house.inlet.spill("test")
    house.put("1", "2", "3")
    house.write(most=3, settle=False)  # the incident comes behind what waited before: here first
    house.inlet.close()
    assert house.next_boot().drain() == ["3"]


def test_a_file_that_was_replayed_whole_and_not_removed_is_removed(house: House) -> None:
    house.inlet.spill("test")
    house.put("1")
    house.write(settle=False)
    house.inlet.close()
    after = house.next_boot()
    assert after.drain() == []
    assert after.files() == 0


def test_leftovers_are_marked_as_another_process_facts(house: House) -> None:
    house.put("1")
    house.inlet.close()
    after = house.next_boot()
    assert not after.take(1).ours
    after.drain()
    after.put("2")
    assert after.take(1).ours


def test_a_file_that_cannot_be_read_is_an_incident_and_stays(house: House) -> None:
    house.folder.mkdir(parents=True)
    bad = house.folder / "000000000001.spill"
    bad.write_bytes(b"x" * 100)
    after = House(house.folder)
    after.put("1")
    after.drain()
    assert trades(after.stored) == ["1"]
    assert [entry.kind for entry in after.stored if isinstance(entry, Incident)] == ["spill_damaged"]
    assert bad.exists()


def test_what_is_spilled_keeps_its_segment_and_its_numbers(house: House) -> None:
    """Its commit may have been made and its acknowledgement lost: the database knows it by these."""
    house.put("1", "2")
    taken = house.take(1)
    house.inlet.give_back()
    house.inlet.spill("test")
    assert house.inlet.segments() == [taken.segment]
    house.inlet.resume({taken.segment: taken.end})
    rest = house.take(10)
    assert (rest.segment, rest.start, len(rest.entries)) == (taken.segment, 1, 2)
    assert rest.entries[0].facts[0].trade_id == "2"
    house.drain()
    assert house.inlet.segments() != [taken.segment]


# -------------------------------------------------------------------------------------- threads


def test_many_putters_one_writer_nothing_lost_nothing_twice(tmp_path: Path) -> None:
    house = House(tmp_path / "spill", limit=200)
    everybody_put = threading.Event()

    def putter(name: int) -> Callable[[], None]:
        def run() -> None:
            for n in range(300):
                house.inlet.put([msgspec.structs.replace(batch(fill(f"{name}-{n}")), origin=CONNECTION)])
                if n == 150 and name == 0:
                    house.inlet.spill("in the middle")

        return run

    woken = threading.Event()
    house.inlet.connect(woken.set)

    def writer() -> None:
        while not everybody_put.is_set():
            woken.wait(20)
            woken.clear()
            house.drain(most=7)

    putters = [threading.Thread(target=putter(n)) for n in range(4)]
    draining = threading.Thread(target=writer)
    for thread in (*putters, draining):
        thread.start()
    for thread in putters:
        thread.join(20)
    everybody_put.set()
    woken.set()
    draining.join(20)
    found = trades(house.stored)
    assert len(found) == len(set(found)) == 1200
    for name in range(4):
        mine = [trade for trade in found if trade.startswith(f"{name}-")]
        assert mine == [f"{name}-{n}" for n in range(300)]
    assert (house.vitals.spilled, house.files()) == (0, 0)


# ------------------------------------------------------ what is said before it is done


def test_records_that_belong_together_have_a_ticket_and_it_is_due_after_their_commit(house: House) -> None:
    told: list[str] = []
    origin = Origin("boot", "trading/trader-main", 1)
    ticket = house.inlet.commit([Remember(1, "a", "x"), Remember(2, "b", "y")], origin)
    house.inlet.when_stored(ticket, lambda _: told.append("committed"))
    house.write(1)
    assert told == [], "half of it is not it"
    house.write(10)
    assert told == ["committed"]


def test_a_generation_that_was_superseded_commits_nothing(house: House) -> None:
    house.inlet.fence("trading/trader-main", 2)
    with pytest.raises(StaleGeneration):
        house.inlet.commit([Remember(1, "a", "x")], Origin("boot", "trading/trader-main", 1))
    assert house.inlet.take(10) is None

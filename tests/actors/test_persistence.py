"""The actor that owns the ledger: commits, publishes, waits out a refusing database, isolates poison."""

import sqlite3
from decimal import Decimal as D
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from actors import persistence
from actors.feed import Feed
from actors.inlet import Inlet, Stored
from actors.persistence import PersistenceActor
from core.facts import Unrecognised
from core.messages import Doubtful, Down, Ping, Pong, Ready, Stop
from core.status import LedgerVitals
from models import database
from models.database import prepare
from models.ledger import Ledger, Mark
from models.read import Reader
from tests.support.actors import WITHIN, Events, Listener, Puppet, gone, listening
from tests.support.ledger import NOW, batch, fill, locked, order, rows, url
from tests.support.postgres import Postgres, Relay
from tests.support.waiting import eventually

CHILD = "core/persistence"


class House:
    """An inlet, a feed and a listening supervisor round persistence actors of any generation."""

    def __init__(self, listener: Listener, place: str, folder: Path) -> None:
        self.listener = listener
        self.place = place
        self.folder = folder
        self.vitals = LedgerVitals()
        self.inlet = Inlet(folder / "spill", listener.clock, self.vitals)
        self.feed = Feed()

    def start(self, gen: int = 1, **options: Any) -> None:
        """Start a generation; its address is `self.address`."""
        context = self.listener.context(CHILD, gen)
        everything = {"url": self.place, "inlet": self.inlet, "feed": self.feed, "vitals": self.vitals}
        PersistenceActor.start(context, **(everything | options))
        self.address = self.listener.directory.address(CHILD)

    def started(self, gen: int = 1, **options: Any) -> PersistenceActor:
        """Start a generation and wait until it is ready."""
        self.start(gen, **options)
        self.listener.skip_to(Ready)
        actor = self.listener.directory.find(CHILD, gen)
        assert isinstance(actor, PersistenceActor)
        return actor

    def put(self, *trades: Any, source: Any = "audit", **fields: Any) -> int:
        return self.inlet.put([batch(fill(trade), source=source, **fields) for trade in trades])

    def stored(self, ticket: int) -> Stored:
        """Wait until the ticket is committed."""
        heard: Queue[Stored] = Queue()
        self.inlet.when_stored(ticket, heard.put)
        return heard.get(timeout=WITHIN)

    def fills(self) -> Any:
        return rows(self.place, "fills", "trade_id")


@pytest.fixture
def house(place: str, impatient: None, tmp_path: Path) -> Any:
    """One for each database that a ledger may be kept in."""
    with listening() as listener:
        yield House(listener, place, tmp_path)


@pytest.fixture
def house_with_a_file(impatient: None, tmp_path: Path) -> Any:
    """Its ledger is kept in a file that is not there yet."""
    with listening() as listener:
        yield House(listener, url(tmp_path / "vigil.db"), tmp_path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is waited for a twentieth of a second, and patience is as short."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(persistence, "SPILL_AFTER", 0.05)


def test_what_is_put_is_committed_and_the_putter_is_told(house: House) -> None:
    house.started()
    stored = house.stored(house.put("1", "2"))
    assert stored == Stored(2, 0, 2, differences=stored.differences)
    assert [difference.key for difference in stored.differences] == ["1", "2"]
    assert house.fills() == ["1", "2"]


def test_the_poller_is_told_which_orders_the_stream_said_something_impossible_of(house: House) -> None:
    """An answer of the poller itself is judged by the poller: it is not told twice."""
    events = Events()
    Puppet.start(house.listener.context("main/poller"), events)
    house.started()
    ended = batch(order("canceled", "1"), order("canceled", "2"))
    house.inlet.put([ended, batch(order("open", "2", updated_at=NOW + 1), source="poll")])
    house.inlet.put([batch(order("open", "1", updated_at=NOW + 1), order("canceled", "3"))])
    told = Doubtful((("spot", "BTCUSDT", "1"),))
    events.has_heard(told)
    assert events.heard == [told]


def test_it_is_ready_only_when_the_database_is_open(house: House) -> None:
    house.started()
    assert rows(house.place, "fills") == []


def test_the_feed_is_told_before_the_one_who_waits(house: House) -> None:
    seen: Queue[int] = Queue()
    ticket = house.put("1")
    house.inlet.when_stored(ticket, lambda _stored: seen.put(house.feed.sequence))
    house.started()
    assert seen.get(timeout=WITHIN) == 1


def test_whoever_follows_the_feed_finds_the_rows_committed(house: House) -> None:
    reader = Reader(house.place)
    house.started()
    house.put("1")
    assert house.feed.wait(0, WITHIN) == 1
    assert [row["trade_id"] for row in reader.fills()] == ["1"]
    reader.close()


def test_the_vitals_tell_the_ledgers_size_from_the_start(house: House) -> None:
    prepare(house.place)
    ledger = Ledger.open(house.place, house.listener.clock)
    ledger.write([batch(fill("0"), order())])
    ledger.close()
    house.started()
    assert (house.vitals.sequence, house.vitals.fills, house.vitals.orders) == (2, 1, 1)
    house.stored(house.put("1"))
    assert (house.vitals.sequence, house.vitals.fills) == (3, 2)


def test_latencies_are_published(house: House) -> None:
    house.started()
    now = house.listener.clock.monotonic()
    house.stored(house.put("1", received_mono=now))
    eventually(lambda: house.vitals.commit.at(0.99), what="the latency of a commit")
    assert house.vitals.event_to_commit.at(0.99) is not None
    for spread in (house.vitals.commit, house.vitals.event_to_commit):
        assert spread is not None
        assert set(spread.quantiles) == {0.5, 0.9, 0.99}
        assert spread.count == 1


def test_what_changed_the_ledger_is_counted_by_account_and_source(house: House) -> None:
    house.started()
    assert eventually(lambda: house.vitals.open_incidents, what="the open incidents") == {
        "info": 0,
        "warning": 0,
        "critical": 0,
    }
    house.stored(house.put("1"))
    house.stored(house.put("1"))
    house.stored(house.put("2"))
    eventually(
        lambda: house.vitals.news,
        lambda news: news == {("main", "audit"): 2},
        what="the same fill counted once",
    )


def test_ten_thousand_facts_in_a_burst_are_all_stored_while_it_still_answers(house: House) -> None:
    house.started()
    tickets = [house.inlet.put([batch(fill(f"{n}-{m}")) for m in range(100)]) for n in range(100)]
    house.address.urge(Ping(1, 5))
    assert house.listener.skip_to(Pong).n == 5
    house.stored(tickets[-1])
    assert len(house.fills()) == 10_000


# ------------------------------------------------------------------------- a database that refuses


def test_a_locked_database_loses_nothing_and_heals_by_itself(house: House) -> None:
    house.started()
    with locked(house.place):
        ticket = house.put("1")
        eventually(lambda: house.vitals.spilled, what="facts on disk")
        assert house.vitals.spilled >= 2
        later = house.put("2")
    house.stored(later)
    assert house.stored(ticket).sequence >= 1
    assert house.fills() == ["1", "2"]
    eventually(
        lambda: rows(house.place, "incidents", "kind, resolved_at IS NULL"),
        lambda all_: all_ == [("spilling", 0)],
    )
    assert house.vitals.spilled == 0


def test_while_the_database_refuses_it_still_answers(house: House) -> None:
    house.started()
    with locked(house.place):
        house.put("1")
        eventually(lambda: house.vitals.spilled, what="facts on disk")
        house.address.urge(Ping(1, 1))
        assert house.listener.skip_to(Pong).n == 1


def test_a_file_that_is_locked_at_the_start_is_waited_for(house_with_a_file: House) -> None:
    house = house_with_a_file
    other = sqlite3.connect(house.folder / "vigil.db", isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = wal")
    other.execute("BEGIN EXCLUSIVE")
    house.start()
    ticket = house.put("1")
    eventually(lambda: house.vitals.spilled, what="facts on disk")
    assert house.listener.rest() == []
    other.close()
    house.listener.skip_to(Ready)
    house.stored(ticket)
    assert house.fills() == ["1"]


def test_a_database_that_needs_a_person_ends_the_generation_and_says_what_to_do(
    house_with_a_file: House,
) -> None:
    house = house_with_a_file
    (house.folder / "vigil.db").write_text("no database at all, but long enough to be looked at" * 20)
    house.start()
    down = house.listener.skip_to(Down)
    assert down.reason == "bug"
    assert "is not a ledger" in down.detail


# ------------------------------------------------------------------------------ ends and beginnings


def test_asked_to_stop_it_commits_everything_first(house: House) -> None:
    actor = house.started()
    with locked(house.place) as other:
        house.inlet.put([batch(fill(str(n))) for n in range(5_000)])
        other.execute("ROLLBACK")
    house.address.urge(Stop())
    assert house.listener.skip_to(Down).reason == "shutdown"
    gone(actor.thread)
    assert len(house.fills()) == 5_000
    assert house.inlet.close() == 0


def test_what_cannot_be_committed_at_the_end_is_on_disk_for_the_next_boot(house: House) -> None:
    actor = house.started()
    with locked(house.place):
        house.put("1")
        house.address.urge(Stop())
        assert house.listener.skip_to(Down).reason == "shutdown"
        gone(actor.thread)
    left = house.inlet.close()
    assert left >= 1
    after = House(house.listener, house.place, house.folder)
    after.started(gen=2)
    eventually(after.fills, lambda found: found == ["1"], what="the fact of the boot before")
    eventually(lambda: after.vitals.spilled, lambda spilled: spilled == 0)


def test_the_next_generation_goes_on_where_the_last_one_was(house: House) -> None:
    first = house.started()
    house.stored(house.put("1"))
    house.address.urge(Stop())
    house.listener.skip_to(Down)
    gone(first.thread)
    house.put("2")
    house.started(gen=2)
    house.stored(house.put("3"))
    assert house.fills() == ["1", "2", "3"]


def test_what_a_generation_committed_and_could_not_say_is_not_stored_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies between the commit and telling the inlet."""
    settle = house.inlet.settle

    def dies(*_anything: Any) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(house.inlet, "settle", dies)
    house.started()
    house.inlet.put([batch(Unrecognised("counted", "each statement is a row"))])
    assert house.listener.skip_to(Down).reason == "bug"
    monkeypatch.setattr(house.inlet, "settle", settle)
    assert rows(house.place, "journal", "key") == ["counted"]
    house.started(gen=2)
    house.stored(house.put("1"))
    assert rows(house.place, "journal", "key") == ["counted", "1"]


def test_a_commit_that_a_failing_network_kept_quiet_is_stored_once_and_told(
    postgres: Postgres, impatient: None, tmp_path: Path
) -> None:
    relay = Relay(postgres.port)
    with postgres.database("migrated") as place, listening() as listener:
        house = House(listener, place.replace(f":{postgres.port}/", f":{relay.port}/"), tmp_path)
        house.started()
        relay.lose_commit("answer")
        ticket = house.inlet.put([batch(Unrecognised("counted", "each statement is a row"), source="audit")])
        house.stored(ticket)
        house.stored(house.put("1"))
        assert rows(place, "journal", "key") == ["counted", "1"]
        house.address.urge(Stop())
        listener.skip_to(Down)
    relay.close()


def test_two_generations_at_once_store_each_fact_once(house: House) -> None:
    """One that was given up may still be in the middle of a commit."""
    abandoned = house.started()
    house.inlet.put([batch(Unrecognised(str(n), "counted")) for n in range(3_000)])
    ticket = house.put("last")
    house.started(gen=2)
    house.stored(ticket)
    house.listener.directory.leave(CHILD, abandoned)
    assert sorted(map(int, rows(house.place, "journal WHERE kind = 'unknown'", "key"))) == list(range(3_000))
    abandoned.actor_ref.stop()


def test_a_mark_that_a_given_up_generation_sets_meanwhile_is_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the middle of a commit from a segment that its successor has not seen yet."""
    segments = house.inlet.segments

    def and_then_it_commits() -> list[str]:
        found = segments()
        abandoned = Ledger.open(house.place, house.listener.clock)
        abandoned.write([], Mark("younger", 0, 5))
        abandoned.close()
        return found

    monkeypatch.setattr(house.inlet, "segments", and_then_it_commits)
    house.started()
    assert rows(house.place, "intake", "segment, position") == [("younger", 5)]


def test_marks_of_the_past_are_cleared_at_the_start(house: House) -> None:
    house.started()
    house.stored(house.put("1"))
    house.address.urge(Stop())
    house.listener.skip_to(Down)
    house.inlet.close()
    after = House(house.listener, house.place, house.folder)
    after.started(gen=2)
    assert rows(house.place, "intake") == []


# -------------------------------------------------------------------------------------------- poison


def test_what_cannot_be_stored_is_quarantined_and_the_rest_goes_on(house: House) -> None:
    house.started()
    house.inlet.put(
        [batch(fill("1")), batch(fill("2"), fill("bad", price=D("NaN")), raw="\ud800"), batch(fill("3"))]
    )
    house.stored(house.put("4"))
    assert house.fills() == ["1", "2", "3", "4"]
    (message, reason), *others = rows(house.place, "dead_letters", "message, reason")
    assert others == []
    assert "'bad'" in message
    assert reason
    assert rows(house.place, "incidents", "kind, severity") == [("unstorable", "critical")]


def test_poison_among_thousands_is_found(house: House) -> None:
    house.started()
    good = [batch(fill(str(n))) for n in range(1_200)]
    house.inlet.put([*good[:600], batch(fill("bad", traded_at=2**70)), *good[600:]])
    house.stored(house.put("last"))
    assert len(house.fills()) == 1_201


# ----------------------------------------------------------------------------------------- old frames


def test_old_raw_texts_are_pruned(house: House) -> None:
    house.started(keep_days=lambda: 1)
    house.inlet.put([batch(fill("1"), raw="old", received_at=NOW - 1)])
    house.stored(house.put("2", raw="new", received_at=house.listener.clock.wall_ms()))
    assert house.fills() == ["1", "2"]
    other = House(house.listener, house.place, house.folder)
    house.address.urge(Stop())
    house.listener.skip_to(Down)
    other.started(gen=2, keep_days=lambda: 1)
    eventually(lambda: rows(house.place, "frames", "text"), lambda found: found == ["new"], what="pruning")

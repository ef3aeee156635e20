"""What a stream remembers: which way it is entered, and its key."""

from typing import Any

import pytest

from actors.memory import Held, StreamMemory
from tests.support.clock import ManualClock

BOTH = ("listen_key", "ws_api")


class Kept:
    """What would survive a restart, newest last."""

    def __init__(self) -> None:
        self.all: list[tuple[str | None, Held | None]] = []

    def __call__(self, flow: str | None, held: Held | None) -> None:
        self.all.append((flow, held))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def memory(clock: ManualClock, kept: Kept) -> StreamMemory:
    return StreamMemory(clock, kept)


def test_the_first_way_is_taken_as_long_as_nothing_speaks_against_it(memory: StreamMemory) -> None:
    assert memory.flow(BOTH) == "listen_key"
    assert not memory.is_doubtful


def test_a_way_that_has_ended_leads_to_the_other_which_is_kept_once_it_works(
    memory: StreamMemory, kept: Kept
) -> None:
    assert memory.turn(BOTH)
    assert (memory.flow(BOTH), memory.is_doubtful, kept.all) == ("ws_api", True, [])
    memory.arrived(BOTH)
    assert not memory.is_doubtful
    assert kept.all == [("ws_api", None)]


def test_ways_are_tried_in_turn_until_one_leads_to_a_stream(memory: StreamMemory) -> None:
    ways = []
    for _ in range(4):
        ways.append(memory.flow(BOTH))
        memory.turn(BOTH)
    assert ways == ["listen_key", "ws_api", "listen_key", "ws_api"]


def test_the_first_way_is_forgotten_as_a_choice_when_it_works_again(memory: StreamMemory, kept: Kept) -> None:
    memory.turn(BOTH)
    memory.turn(BOTH)
    memory.arrived(BOTH)
    assert kept.all == [(None, None)]


def test_where_there_is_one_way_there_is_nothing_to_turn_to(memory: StreamMemory) -> None:
    assert not memory.turn(("ws_api",))
    assert memory.flow(("ws_api",)) == "ws_api"
    assert memory.is_doubtful


def test_a_remembered_way_that_the_settings_rule_out_is_not_taken(clock: ManualClock) -> None:
    memory = StreamMemory(clock, flow="ws_api")
    assert memory.flow(BOTH) == "ws_api"
    assert memory.flow(("listen_key",)) == "listen_key"


def test_only_doubts_in_a_row_are_more_than_one(memory: StreamMemory, kept: Kept) -> None:
    assert [memory.doubted() for _ in range(3)] == [False, True, True]
    memory.arrived(BOTH)
    assert [memory.doubted() for _ in range(2)] == [False, True]
    assert kept.all == [(None, None)], "it is nothing that outlives the daemon"


def test_a_key_is_as_old_as_its_last_renewal_and_ages_while_the_machine_sleeps(
    memory: StreamMemory, clock: ManualClock
) -> None:
    assert memory.age() is None
    memory.renewed("k")
    clock.advance(10)
    clock.suspend(90)
    assert memory.age() == 100
    memory.renewed("k")
    assert memory.age() == 0


def test_every_renewal_is_kept_and_so_is_the_loss(memory: StreamMemory, kept: Kept, clock: Any) -> None:
    memory.renewed("k")
    memory.lost_key()
    memory.lost_key()
    assert kept.all == [(None, Held("k", clock.boottime())), (None, None)]
    assert memory.held is None


def test_a_key_is_not_shown_by_its_own_repr() -> None:
    assert "secret" not in repr(Held("secret", 1.0))

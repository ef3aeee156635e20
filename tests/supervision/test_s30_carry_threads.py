"""S30 with threads: what a generation did not hear goes to the next one, or to the dead letters."""

import pytest

from core.errors import LinkError
from core.records import DeadLetter
from tests.support.actors import Hang, Raise, reached
from tests.support.house import House, core, group


def crash_with_three_waiting(house: House) -> None:
    puppet = house.puppet("one/child")
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    for message in ("first", "second", "third"):
        puppet.me.tell(message)
    house.operate("restart", "one/child")
    house.noted("one/child", "stop_asked")
    puppet.events.release.set()


def test_with_carry_the_next_generation_hears_it_in_order() -> None:
    with House([core(), group("one", "one/child")], options={"carry": True}) as house:
        crash_with_three_waiting(house)
        events = house.puppet("one/child", 2).events
        events.has_heard("third")
        assert events.heard == ["first", "second", "third"]
        assert not [record for record in house.records if isinstance(record, DeadLetter)]


def test_without_carry_it_is_recorded_as_dead_letters() -> None:
    with House([core(), group("one", "one/child")]) as house:
        crash_with_three_waiting(house)
        house.noted("one/child", "became_ready", 2)
        letters = [record for record in house.records if isinstance(record, DeadLetter)]
        assert [letter.message for letter in letters] == ["'first'", "'second'", "'third'"]
        assert house.puppet("one/child", 2).events.heard == []


@pytest.mark.parametrize("carry", [True, False])
def test_what_waits_when_the_daemon_ends_is_recorded(carry: bool) -> None:
    with House([core(), group("one", "one/child", base=60, cap=60)], options={"carry": carry}) as house:
        puppet = house.puppet("one/child")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        puppet.me.tell(Raise(LinkError("down for a minute")))
        puppet.me.tell("waiting")
        puppet.events.release.set()
        house.noted("one/child", "died")
        assert house.stop() == 0
        letters = [record.message for record in house.records if isinstance(record, DeadLetter)]
        assert letters == ["Raise(LinkError('down for a minute'))", "'waiting'"]

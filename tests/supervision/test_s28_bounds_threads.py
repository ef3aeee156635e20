"""S28 with threads: a flood reaches its bound, blocks nobody, and is counted."""

from tests.support.actors import Hang, reached
from tests.support.house import House, child, core, group


def flooded(house: House, told: int) -> list[bool]:
    puppet = house.puppet("one/child")
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    return [puppet.me.tell(n) for n in range(told)]


def test_reject_refuses_what_is_too_much_and_the_child_lives_on() -> None:
    with House([core(), group("one", "one/child")], options={"mailbox": 10}) as house:
        accepted = flooded(house, 15)
        assert accepted == [True] * 10 + [False] * 5
        stats = house.directory.mailbox("one/child")
        assert stats is not None
        assert (stats.depth, stats.high, stats.dropped) == (10, 10, 5)
        house.puppet("one/child").events.release.set()
        house.puppet("one/child").events.has_heard(9)
        assert child(house.snapshots[-1], "one/child").generation == 1


def test_drop_oldest_keeps_the_newest() -> None:
    options = {"mailbox": 2, "overflow": "drop_oldest"}
    with House([core(), group("one", "one/child")], options=options) as house:
        assert all(flooded(house, 5))
        events = house.puppet("one/child").events
        events.release.set()
        events.has_heard(4)
        assert events.heard[1:] == [3, 4]
        stats = house.directory.mailbox("one/child")
        assert stats is not None
        assert stats.dropped == 3


def test_keep_last_keeps_the_newest_of_each_type() -> None:
    with House([core(), group("one", "one/child")], options={"overflow": "keep_last"}) as house:
        assert all(flooded(house, 5))
        events = house.puppet("one/child").events
        events.release.set()
        events.has_heard(4)
        assert events.heard[1:] == [4]


def test_a_full_child_still_answers_pings_and_obeys_stop() -> None:
    pinged = {"ping_every": 0.1, "ping_misses": 3}
    with House([core(), group("one", "one/child", quick=pinged)], options={"mailbox": 1}) as house:
        puppet = house.puppet("one/child")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        assert puppet.me.tell("fits")
        assert not puppet.me.tell("does not")
        house.operate("restart", "one/child")
        house.noted("one/child", "stop_asked")
        puppet.events.release.set()
        house.noted("one/child", "stopped", 1)

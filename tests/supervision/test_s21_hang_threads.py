"""S21 with threads: a real thread that hangs is found by its pings."""

from tests.support.actors import Hang, reached
from tests.support.house import House, child, core, group

PINGED = {"ping_every": 0.1, "ping_misses": 3}


def test_a_hung_thread_is_found_given_up_and_replaced() -> None:
    with House([core(), group("one", "one/child", quick=PINGED)]) as house:
        puppet = house.puppet("one/child")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        assert house.noted("one/child", "hung").detail == "3 pings unanswered"
        snapshot = house.until(lambda s: child(s, "one/child").generation == 2)
        assert child(snapshot, "one/child").last_reason == "hang"


def test_one_that_works_answers_and_is_left_alone() -> None:
    patient = {"ping_every": 0.05, "ping_misses": 20}
    with House([core(), group("one", "one/child", quick=patient)]) as house:
        first = house.until(lambda s: child(s, "one/child").last_pong_at is not None)
        at = child(first, "one/child").last_pong_at
        assert at is not None
        snapshot = house.until(lambda s: (child(s, "one/child").last_pong_at or 0) > at + 0.3)
        assert child(snapshot, "one/child").generation == 1
        assert ("one/child", 1, "hung") not in house.history()

"""S25 with threads: abandoned threads are counted while they live, and too many end the daemon."""

from tests.support.actors import Hang, reached
from tests.support.house import House, core, group

PINGED = {"ping_every": 0.1, "ping_misses": 3}


def test_an_abandoned_thread_is_counted_until_it_ends() -> None:
    with House([core(), group("one", "one/child", quick=PINGED)]) as house:
        puppet = house.puppet("one/child")
        puppet.me.tell(Hang())
        house.until(lambda s: s.abandoned == 1)
        puppet.events.release.set()
        house.noted("one/child", "thread_ended", 1)
        house.until(lambda s: s.abandoned == 0)


def test_nine_living_abandoned_threads_are_one_too_many() -> None:
    names = [f"many/child{n}" for n in range(9)]
    with House([core(), group("many", *names, strategy="one_for_one", quick=PINGED)]) as house:
        house.until_running(*names)
        for name in names:
            puppet = house.puppet(name)
            puppet.me.tell(Hang())
            reached(puppet.events.handling)
        assert house.exit_code() == 70
        assert "9 abandoned threads" in house.exits[0][1]

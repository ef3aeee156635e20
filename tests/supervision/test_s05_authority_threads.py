"""S5 with threads: at most one generation of a child has authority."""

from tests.support.actors import Hang, Puppet, reached
from tests.support.house import House, core, group


def test_a_hung_generation_loses_its_authority_before_the_next_one_has_it() -> None:
    spec = group("one", "one/child", quick={"ping_every": 0.1, "ping_misses": 3})
    with House([core(), spec]) as house:
        old = house.puppet("one/child")
        seen = []

        class Successor(Puppet):
            def started(self) -> None:
                seen.append((old.is_current(), self.is_current()))
                super().started()

        house.children.kinds["one/child"] = Successor
        old.me.tell(Hang())
        reached(old.events.handling)
        house.noted("one/child", "became_ready", 2)
        assert seen == [(False, True)]
        order = house.history("one/child")
        assert order.index(("one/child", 1, "abandoned")) < order.index(("one/child", 2, "started"))


def test_a_new_generation_fences_the_inlet_against_all_before_it() -> None:
    with House([core(), group("one", "one/child")]) as house:
        house.until_running("one/child")
        house.operate("restart", "one/child")
        house.noted("one/child", "became_ready", 2)
        assert [gen for child, gen in house.fences if child == "one/child"] == [1, 2]

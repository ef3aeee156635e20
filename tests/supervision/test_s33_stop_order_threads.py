"""S33 with threads: who stops before whom, and that nobody can prevent it."""

import pytest

from tests.support.actors import HangsAtStart, HangsAtStop, Puppet, SwallowsStop, reached
from tests.support.house import House, acme, core, group, hasty

TREE = [
    core("core/persistence", "core/control"),
    *acme(),
    group("trading", "trading/prices", "trading/trader", strategy="one_for_one"),
]


def test_trading_stops_first_then_the_accounts_then_core_each_in_reverse() -> None:
    with House(TREE) as house:
        house.until_running("acme/keepalive", "acme/poller", "trading/trader")
        assert house.stop() == 0
        ends = [child for child, _, event in house.history() if event == "stopped"]
        assert ends[:2] == ["trading/trader", "trading/prices"]
        assert set(ends[2:5]) == {"acme/keepalive", "acme/connection", "acme/poller"}
        assert ends.index("acme/keepalive") < ends.index("acme/connection")
        assert ends[5:] == ["core/control", "core/persistence"]
        assert house.history()[-1] == ("daemon", 0, "all_down")


@pytest.mark.parametrize("kind", [HangsAtStop, SwallowsStop])
@pytest.mark.parametrize("name", ["trading/prices", "acme/keepalive", "core/control"])
def test_one_that_does_not_stop_is_abandoned_and_the_next_are_stopped(kind: type[Puppet], name: str) -> None:
    with House(hasty(TREE, name, stop_timeout=0.2), {name: kind}) as house:
        house.until_running("acme/keepalive", "acme/poller", "trading/trader")
        assert house.stop() == 0
        history = house.history()
        assert (name, 1, "abandoned") in history
        others = {"acme/keepalive", "acme/connection", "acme/poller", "trading/prices", "core/persistence"}
        assert {child for child, _, event in history if event == "stopped"} >= others - {name}
        assert not house.events(name).release.is_set()


def test_one_that_hangs_while_starting_does_not_hold_up_the_end() -> None:
    with House(hasty(TREE, "acme/connection", stop_timeout=0.2), {"acme/connection": HangsAtStart}) as house:
        reached(house.events("acme/connection").started)
        assert house.stop() == 0
        assert ("acme/connection", 1, "abandoned") in house.history()

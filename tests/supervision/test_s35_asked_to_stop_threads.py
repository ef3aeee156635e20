"""S35 with threads: to die when asked to stop is no failure, however oddly it is done."""

from tests.support.actors import FailsToStop
from tests.support.house import House, child, core, group


def test_an_odd_end_is_reported_and_counts_for_nothing() -> None:
    with House([core(), group("one", "one/child", trip=1)], {"one/child": FailsToStop}) as house:
        house.until_running("one/child")
        house.operate("restart", "one/child")
        assert house.noted("one/child", "stopped").detail == "bug: ValueError: cannot stop"
        house.noted("one/child", "became_ready", 2)
        snapshot = house.until_running("one/child")
        shown = next(group for group in snapshot.groups if group.id == "one")
        assert (shown.mode, shown.failures) == ("closed", 0)
        assert child(snapshot, "one/child").restarts == 1

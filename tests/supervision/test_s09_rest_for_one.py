"""S9, rest_for_one: juniors are stopped in reverse, each confirmed, before the elder restarts."""

import pytest

from core.supervision_events import Restarted, Tick
from core.tree import ChildSpec, GroupSpec
from tests.supervision.kit import Daemon, abandoned, booted, started, stopped

FOUR = GroupSpec("g", tuple(ChildSpec(name) for name in "abcd"), base=1, stable=5)


def up() -> Daemon:
    return Daemon(FOUR).boot()


def test_the_juniors_of_a_dead_child_are_stopped_youngest_first_one_at_a_time() -> None:
    daemon = up()
    assert stopped(daemon.dies("b")) == ["d"]
    assert stopped(daemon.stops("d")) == ["c"]
    assert stopped(daemon.stops("c")) == []


def test_the_elder_restarts_only_when_every_junior_is_down() -> None:
    daemon = up()
    daemon.dies("b")
    assert started(daemon.wait(3)) == []
    daemon.stops("d")
    assert started(daemon.wait(1)) == []
    assert started(daemon.stops("c")) == ["b"]


def test_a_junior_that_does_not_stop_is_abandoned_and_then_the_elder_restarts() -> None:
    daemon = up()
    daemon.dies("c")
    out = daemon.wait(5)
    assert abandoned(out) == ["d"]
    assert started(out) == ["c"]


def test_the_juniors_come_back_in_order_after_the_elder() -> None:
    daemon = up()
    daemon.dies("b")
    daemon.stops("d")
    daemon.stops("c")
    assert started(daemon.wait(1)) == ["b"]
    assert started(daemon.ready("b")) == ["c"]
    assert started(daemon.ready("c")) == ["d"]


def test_elders_keep_their_generation() -> None:
    daemon = up()
    daemon.dies("c")
    daemon.stops("d")
    daemon.restarted("c")
    assert [daemon.gen(name) for name in "abcd"] == [1, 1, 2, 2]


def test_other_groups_keep_their_generation() -> None:
    daemon = booted("main", "alt")
    before = {
        name: daemon.gen(name) for name in ("main/poller", "alt/connection", "alt/keepalive", "core/web")
    }
    daemon.dies("main/connection", "bug")
    daemon.stops("main/keepalive")
    daemon.restarted("main/connection")
    assert {name: daemon.gen(name) for name in before} == before


def test_the_youngest_falls_alone() -> None:
    daemon = up()
    assert stopped(daemon.dies("d")) == []
    daemon.restarted("d")
    assert [daemon.gen(name) for name in "abcd"] == [1, 1, 1, 2]


def test_a_second_death_during_the_stopping_is_survived() -> None:
    daemon = up()
    daemon.dies("c")
    daemon.dies("a")
    assert daemon.phase("d") == "stopping"
    assert stopped(daemon.stops("d")) == ["b"]
    daemon.stops("b")
    daemon.wait_until(lambda: daemon.phase("a") == "starting")
    assert [daemon.phase(name) for name in "bcd"] == ["waiting"] * 3


def test_a_junior_that_dies_by_itself_while_its_turn_to_stop_comes_is_gone_as_well() -> None:
    daemon = up()
    daemon.dies("b")
    daemon.dies("c", "bug")
    daemon.stops("d")
    assert daemon.phase("c") == "waiting"
    daemon.wait_until(lambda: daemon.phase("b") == "starting")


def test_an_elder_that_dies_while_its_junior_starts_takes_that_start_back() -> None:
    daemon = Daemon(FOUR)
    daemon.tell(Tick())
    daemon.ready("a")
    assert daemon.phase("b") == "starting"
    assert stopped(daemon.dies("a")) == ["b"]


def test_a_restart_of_an_elder_stops_its_juniors_first() -> None:
    daemon = up()
    order = stopped(daemon.tell(Restarted("b")))
    for name in "dcb":
        order += stopped(daemon.stops(name))
    assert order == ["d", "c", "b"]
    assert daemon.phase("b") == "starting"
    assert daemon.gen("a") == 1


@pytest.mark.parametrize("name", ["a", "c"])
def test_a_hung_elder_is_abandoned_before_its_juniors_stop(name: str) -> None:
    daemon = up()
    daemon.mute.add(name)
    daemon.wait_until(lambda: daemon.phase(name) == "abandoned")
    assert daemon.phase("d") == "stopping"

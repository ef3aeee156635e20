"""S5: at most one generation of a child has authority at any time."""

from core.supervision_events import GroupAdded, GroupRemoved, Restarted, StartChild, Tick
from tests.supervision.kit import Daemon, booted, of, poller, started


def test_no_generation_starts_while_the_one_before_still_stops() -> None:
    daemon = booted("main")
    daemon.tell(Restarted("main/poller"))
    assert started(daemon.wait(4.9)) == []
    assert started(daemon.stops("main/poller")) == ["main/poller"]
    assert daemon.gen("main/poller") == 2


def test_generations_grow_by_one_with_each_start() -> None:
    daemon = booted("main")
    for _ in range(4):
        daemon.dies("main/poller")
        daemon.restarted("main/poller")
    gens = [start.gen for start in of(daemon.log, StartChild) if start.child == "main/poller"]
    assert gens == [1, 2, 3, 4, 5]


def test_a_generation_is_not_used_again_when_its_group_comes_back() -> None:
    daemon = booted("main")
    daemon.tell(GroupRemoved("main.poller"))
    daemon.stops("main/poller")
    daemon.tell(GroupAdded(poller("main")))
    assert daemon.gen("main/poller") == 2
    assert daemon.phase("main/poller") == "starting"


def test_a_second_restart_while_the_first_is_under_way_starts_once() -> None:
    daemon = booted("main")
    daemon.tell(Restarted("main/poller"))
    daemon.tell(Restarted("main/poller"))
    daemon.stops("main/poller")
    daemon.ready("main/poller")
    daemon.wait(60)
    assert daemon.gen("main/poller") == 2


def test_the_same_instant_twice_starts_nothing_twice() -> None:
    daemon = Daemon(poller("main"))
    assert started(daemon.tell(Tick())) == ["main/poller"]
    assert daemon.tell(Tick()) == []

"""S21: a ping each `ping_every`; `ping_misses` of them unanswered => hang."""

from typing import Any

import pytest

from core.messages import Pong
from core.supervision_events import AbandonChild, PingChild, Restarted, Tick
from core.tree import ChildSpec, GroupSpec
from tests.supervision.kit import Daemon, abandoned, booted, of

CHILD = "main/poller"


def running(**changes: Any) -> Daemon:
    return Daemon(GroupSpec("g", (ChildSpec("a", **changes),))).boot()


def test_a_running_child_is_pinged_with_growing_numbers() -> None:
    daemon = running()
    pings = of(daemon.wait(20), PingChild)
    assert [(ping.child, ping.gen, ping.n) for ping in pings] == [("a", 1, n) for n in (1, 2, 3, 4)]


def test_a_child_that_answers_is_never_abandoned() -> None:
    daemon = running()
    assert abandoned(daemon.wait(86_400 / 4)) == []
    assert daemon.child("a").last_pong_at == daemon.now


def test_three_unanswered_pings_are_a_hang() -> None:
    daemon = running()
    daemon.mute.add("a")
    assert abandoned(daemon.wait(19.9)) == []
    out = daemon.wait(0.1)
    assert of(out, AbandonChild) == [AbandonChild("a", 1, "3 pings unanswered")]
    assert daemon.child("a").last_reason == "hang"
    assert daemon.group("g").failures == 1


@pytest.mark.parametrize(("every", "misses"), [(5.0, 3), (1.0, 1), (0.5, 5)])
@pytest.mark.parametrize("answered", [0, 1, 7])
def test_a_hang_is_found_in_time(every: float, misses: int, answered: int) -> None:
    daemon = running(ping_every=every, ping_misses=misses)
    daemon.wait(every * answered + every / 2)
    daemon.mute.add("a")
    assert abandoned(daemon.wait(every * (misses + 1) + 1)) == ["a"]


def test_any_answer_in_time_saves_it() -> None:
    daemon = running()
    daemon.mute.add("a")
    daemon.wait(19)
    daemon.tell(Pong("a", 1, 3))
    assert abandoned(daemon.wait(15.9)) == []
    assert abandoned(daemon.wait(0.1)) == ["a"]


def test_an_answer_to_an_older_ping_leaves_the_younger_ones_unanswered() -> None:
    daemon = running()
    daemon.mute.add("a")
    daemon.wait(19)
    daemon.tell(Pong("a", 1, 1))
    assert abandoned(daemon.wait(1)) == []
    assert abandoned(daemon.wait(5)) == ["a"]


def test_answers_out_of_order_never_add_misses() -> None:
    daemon = running()
    daemon.mute.add("a")
    daemon.wait(19)
    daemon.tell(Pong("a", 1, 3))
    daemon.tell(Pong("a", 1, 1))
    assert daemon.state.children["a"].unanswered == 0


def test_an_answer_to_a_ping_that_was_never_sent_gives_no_credit() -> None:
    daemon = running()
    daemon.tell(Pong("a", 1, 99))
    daemon.mute.add("a")
    assert abandoned(daemon.wait(20)) == ["a"]


def test_a_new_generation_starts_without_misses() -> None:
    daemon = running()
    daemon.mute.add("a")
    daemon.wait(19)  # three pings are out, the next look would abandon
    daemon.tell(Restarted("a"))
    daemon.stops("a")
    daemon.ready("a")
    assert abandoned(daemon.wait(19.9)) == []
    assert abandoned(daemon.wait(0.1)) == ["a"]


def test_the_pings_of_a_new_generation_are_counted_from_one() -> None:
    daemon = running()
    daemon.wait(12)
    daemon.dies("a")
    daemon.restarted("a")
    assert of(daemon.wait(5), PingChild) == [PingChild("a", 2, 1)]


def test_an_answer_of_the_last_generation_does_not_count_for_this_one() -> None:
    daemon = running()
    daemon.dies("a")
    daemon.restarted("a")
    daemon.mute.add("a")
    daemon.wait(19)
    daemon.tell(Pong("a", 1, 3))
    assert abandoned(daemon.wait(1)) == ["a"]


def test_time_that_the_supervisor_slept_itself_blames_nobody() -> None:
    daemon = running()
    daemon.now += 3600
    assert len(of(daemon.tell(Tick()), PingChild)) == 1
    assert daemon.phase("a") == "running"


def test_a_stopping_child_is_not_pinged() -> None:
    daemon = running(stop_timeout=60)
    daemon.tell(Restarted("a"))
    assert of(daemon.wait(59), PingChild) == []


def test_only_the_hung_child_is_abandoned() -> None:
    daemon = booted("main", "alt")
    daemon.mute.add(CHILD)
    assert abandoned(daemon.wait(21)) == [CHILD]


def test_each_child_has_its_own_rhythm() -> None:
    daemon = Daemon(GroupSpec("g", (ChildSpec("a", ping_every=2), ChildSpec("b", ping_every=5))))
    daemon.boot()
    pings = [ping.child for ping in of(daemon.wait(10), PingChild)]
    assert (pings.count("a"), pings.count("b")) == (5, 2)

"""The shell itself: what it refuses to begin with, and what it does when it fails."""

from typing import Any

import pykka
import pytest

from core.errors import InvalidTree
from core.messages import Ping
from core.tree import ChildSpec, GroupSpec
from host.plan import GroupPlan, Wiring
from supervisor import Supervisor
from tests.support.actors import WITHIN, FailsToStart
from tests.support.house import ACME, House, acme, core


def rewired(house: House, **changes: Any) -> Wiring:
    return Wiring(**{**vars(house.wiring), **changes})


def test_a_tree_that_makes_no_sense_is_refused_before_anything_starts() -> None:
    twice = GroupSpec("two", (ChildSpec("a/b"), ChildSpec("a/b")))
    house = House([core(), twice])
    with pytest.raises(InvalidTree, match="'a/b' is there 2 times"):
        Supervisor.start(house.wiring)
    assert pykka.ActorRegistry.get_all() == []
    assert house.directory.find("supervisor") is None


def test_a_child_that_nobody_can_start_is_refused_by_name() -> None:
    house = House([core()])
    with pytest.raises(InvalidTree, match="'core/persistence' has no factory"):
        Supervisor.start(rewired(house, groups=[GroupPlan(core(), {})]))


def test_an_answered_watchdog_ping_shows_its_number() -> None:
    with House([core()]) as house:
        assert house.wiring.pulse.answered == 0
        house.tell(Ping(1, 1))
        house.tell(Ping(1, 2))
        house.stop()
        assert house.wiring.pulse.answered == 2


def test_a_supervisor_that_fails_ends_the_daemon_with_70(logged: list[Any]) -> None:
    def broken(_snapshot: object) -> None:
        raise OSError("nobody expected that")

    house = House([core()])
    house.wiring = rewired(house, publish=broken)
    ref = Supervisor.start(house.wiring)
    assert house.down.wait(WITHIN)
    assert house.exits == [(70, "the supervisor failed: OSError: nobody expected that")]
    assert not ref.is_alive()
    assert [event["log_level"] for event in logged if event["event"] == "supervisor_failed"] == ["critical"]
    for left in pykka.ActorRegistry.get_all():
        left.stop(timeout=WITHIN)


def test_when_it_gives_up_by_itself_the_accounts_are_stopped_as_well() -> None:
    """S4: core cannot start, and nothing else has begun."""
    with House([core(), *acme()], {"core/persistence": FailsToStart}, accounts=[ACME]) as house:
        assert house.exit_code() == 70
        assert house.states() == ["stopped"]
        assert "acme/connection" not in house.children.events


def test_it_stops_in_order_when_pykka_stops_it_and_does_not_make_the_caller_wait() -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/keepalive", "acme/poller")
        assert house.supervisor is not None
        assert house.supervisor.actor_ref.stop(block=True, timeout=WITHIN)
        assert house.exit_code() == 0
        assert house.history()[-1] == ("daemon", 0, "all_down")


def test_after_the_end_nobody_reaches_it_and_nobody_is_registered() -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/keepalive", "acme/poller")
        house.stop()
        assert house.supervisor is not None
        house.supervisor.thread.join(WITHIN)
        assert not house.directory.address("supervisor").tell(Ping(1, 1))
        assert pykka.ActorRegistry.get_all() == []


def test_transitions_are_logged_and_alarming_ones_as_warnings(logged: list[Any]) -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/keepalive", "acme/poller")
        house.operate("restart", "nobody")
        house.noted("daemon", "command_refused")
    levels = {(event["event"], event.get("child")): event["log_level"] for event in logged}
    assert levels["became_ready", "acme/poller"] == "info"
    assert levels["command_refused", None] == "warning"

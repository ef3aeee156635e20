"""S33: trading, then all accounts together, then core in reverse, all within 4 s."""

import pytest

from core.messages import Down
from core.supervision_events import AbandonChild, Exit, GroupAdded, Noted, Restarted, StopChild, Tick
from tests.supervision.kit import CORE, Daemon, abandoned, booted, of, poller, started, stopped, tree

CORE_REVERSED = [child.id for child in reversed(CORE.children)]


def obedient(daemon: Daemon, *, deaf: tuple[str, ...] = (), takes: float = 0.0) -> dict[str, float]:
    """Stop everything; all but the deaf stop after `takes`. When each was asked, from the start."""
    began = daemon.now
    asked: dict[str, float] = {}
    pending = list(stopped(daemon.stop()))
    while daemon.exit is None:
        asked |= {child: daemon.now - began for child in pending if child not in asked}
        willing = [child for child in pending if child not in deaf]
        if not willing:
            assert daemon.deadline is not None
            out = daemon.wait(daemon.deadline - daemon.now)
        else:
            out = daemon.wait(takes)
            for child in willing:
                if daemon.phase(child) == "stopping":
                    out += daemon.stops(child)
        pending = [child for child in pending if daemon.phase(child) == "stopping"] + stopped(out)
    return asked


def test_trading_stops_first_then_the_accounts_together_then_core_in_reverse() -> None:
    daemon = booted("main", "alt")
    assert stopped(daemon.stop()) == ["trading/trader"]
    assert stopped(daemon.stops("trading/trader")) == ["trading/prices"]
    together = ["main/keepalive", "main/poller", "alt/keepalive", "alt/poller"]
    assert stopped(daemon.stops("trading/prices")) == together
    assert stopped(daemon.stops("main/keepalive")) == ["main/connection"]
    for child in ("main/connection", "main/poller", "alt/keepalive", "alt/poller"):
        assert not any(name.startswith("core/") for name in stopped(daemon.stops(child)))
    order = stopped(daemon.stops("alt/connection"))
    for child in CORE_REVERSED[:-1]:
        order += stopped(daemon.stops(child))
    assert order == CORE_REVERSED
    assert daemon.exit is None
    daemon.stops("core/persistence")
    assert daemon.exit == Exit(0, "SIGTERM")


def test_when_all_obey_nobody_is_abandoned() -> None:
    daemon = booted("main", "alt", "third")
    obedient(daemon, takes=0.1)
    assert abandoned(daemon.log) == []


def test_a_hung_child_does_not_keep_the_next_from_being_stopped() -> None:
    daemon = booted("main")
    asked = obedient(daemon, deaf=("trading/trader",))
    assert set(asked) == set(daemon.state.children)
    assert abandoned(daemon.log) == ["trading/trader"]


def test_a_hung_account_holds_no_other_account_up() -> None:
    daemon = booted("main", "alt")
    asked = obedient(daemon, deaf=("main/keepalive",))
    assert asked["alt/connection"] == asked["alt/keepalive"] == asked["main/keepalive"]


@pytest.mark.parametrize("deaf", list(booted("main").state.children))
def test_one_hung_child_costs_a_second_at_most(deaf: str) -> None:
    daemon = booted("main")
    began = daemon.now
    obedient(daemon, deaf=(deaf,))
    took = daemon.now - began
    assert took <= (4 if deaf == "core/persistence" else 1) + 1e-6
    assert abandoned(daemon.log) == [deaf]


def test_when_everything_hangs_all_is_abandoned_within_four_seconds() -> None:
    daemon = booted(*(f"a{n}" for n in range(20)))
    began = daemon.now
    everybody = tuple(daemon.state.children)
    obedient(daemon, deaf=everybody)
    assert daemon.now - began == pytest.approx(4)
    assert sorted(abandoned(daemon.log)) == sorted(everybody)
    assert sorted(stopped(daemon.log)) == sorted(everybody)
    assert daemon.exit == Exit(0, "SIGTERM")


def test_the_last_second_and_a_half_belongs_to_persistence() -> None:
    daemon = booted("main", "alt")
    others = tuple(child for child in daemon.state.children if child != "core/persistence")
    asked = obedient(daemon, deaf=others)
    assert asked["core/persistence"] <= 2.5 + 1e-6


def test_persistence_may_use_all_the_time_that_is_left() -> None:
    daemon = booted()
    daemon.stop()
    for child in ("trading/trader", "trading/prices", *CORE_REVERSED[:-1]):
        daemon.stops(child)
    assert abandoned(daemon.wait(3.99)) == []
    assert abandoned(daemon.wait(0.01)) == ["core/persistence"]


def test_a_slow_child_has_its_second_as_long_as_only_few_are_slow() -> None:
    daemon = booted("main")
    daemon.stop()
    assert abandoned(daemon.wait(0.99)) == []
    daemon.stops("trading/trader")


def test_even_the_last_in_a_row_of_hung_children_is_asked_and_given_time() -> None:
    daemon = booted("main")
    deaf = ("trading/trader", "trading/prices", "main/keepalive", "main/connection", "main/poller")
    asked = obedient(daemon, deaf=deaf)
    assert asked["core/notifier"] <= 2.5 - 3 * 0.2 + 1e-6


def test_a_child_that_was_stopping_already_gets_no_longer_than_the_others() -> None:
    daemon = booted("main")
    daemon.tell(Restarted("main/poller"))
    daemon.stop()
    assert "main/poller" in abandoned(daemon.wait(1))


def test_nothing_starts_once_the_stop_began() -> None:
    daemon = booted("main")
    daemon.dies("main/poller")
    daemon.stop()
    daemon.dies("main/connection")
    assert started(daemon.wait(10)) == []


def test_a_child_that_dies_during_the_shutdown_is_one_less_to_wait_for() -> None:
    daemon = booted("main")
    daemon.stop()
    daemon.dies("trading/prices", "link")
    out = daemon.stops("trading/trader")
    assert stopped(out) == ["main/keepalive", "main/poller"]


def test_a_death_during_the_shutdown_has_no_consequences() -> None:
    daemon = booted("main")
    daemon.stop()
    out = daemon.dies("main/poller", "fatal", "key") + daemon.dies("main/connection", "bug")
    assert {note.event for note in of(out, Noted)} == {"died", "stop_asked"}
    assert daemon.group("main.poller").mode == "closed"
    assert daemon.group("main.stream").failures == 0


def test_a_child_that_is_still_starting_is_stopped_as_well() -> None:
    daemon = Daemon(*tree("main"))
    daemon.tell(Tick())
    assert stopped(daemon.stop()) == ["core/persistence"]
    daemon.stops("core/persistence")
    assert daemon.exit == Exit(0, "SIGTERM")


def test_a_daemon_that_has_started_nothing_exits_at_once() -> None:
    daemon = Daemon(*tree("main"))
    assert of(daemon.stop(), Exit) == [Exit(0, "SIGTERM")]
    assert started(daemon.log) == []


def test_the_stop_timeout_of_a_child_may_be_shorter_than_its_share() -> None:
    daemon = booted()
    limits = daemon.state.children["trading/trader"]
    limits.spec = type(limits.spec)("trading/trader", stop_timeout=0.3)
    daemon.stop()
    assert abandoned(daemon.wait(0.3)) == ["trading/trader"]


def test_a_late_down_of_an_abandoned_child_ends_nothing_twice() -> None:
    daemon = booted("main")
    obedient(daemon, deaf=("main/poller",))
    daemon.tell(Down("main/poller", 1, "shutdown"))
    daemon.wait(10)
    assert len(of(daemon.log, Exit)) == 1


def test_a_restart_comes_too_late_for_a_shutdown() -> None:
    """Above all of persistence: it would stop before those whose facts it has to commit."""
    daemon = booted("main")
    daemon.stop()
    assert stopped(daemon.tell(Restarted("core/persistence"))) == []
    assert daemon.phase("core/persistence") == "running"


def test_after_the_exit_nothing_is_decided_any_more() -> None:
    daemon = booted("main")
    obedient(daemon)
    assert daemon.tell(GroupAdded(poller("late"))) == []
    assert daemon.tell(Restarted("main")) == []
    assert daemon.deadline is None


def test_each_child_is_asked_once() -> None:
    daemon = booted("main", "alt")
    obedient(daemon, deaf=("main/poller", "core/web"), takes=0.05)
    asked = [(command.child, command.gen) for command in of(daemon.log, StopChild)]
    assert len(asked) == len(set(asked)) == len(daemon.state.children)
    assert len(of(daemon.log, AbandonChild)) == 2

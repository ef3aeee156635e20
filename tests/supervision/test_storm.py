"""Random storms: whatever happens in whatever order, the invariants of `world.Watch` hold.

After each step: one generation with authority; elders Ready first; juniors
stopped first; no start while held, open, paused or stopping; ghosts change
nothing; nothing that is due is left undone. After the storm everything comes up
or goes down.
"""

import pytest

from core.breaker import Breaker
from core.supervision_events import Exit, Noted
from core.tree import ChildSpec, GroupSpec
from tests.supervision.kit import of, rebuilt, tree, visible
from tests.supervision.world import CALM, Odds, World

FAMILY = GroupSpec("deep", tuple(ChildSpec(f"deep/{name}") for name in "abcd"))
SPECS = [*tree("main", "alt"), FAMILY]


def booted(seed: int, odds: Odds) -> World:
    """A daemon whose core is up, as the first thing in a good hour."""
    world = World(SPECS, seed, CALM)
    world.run(10)
    assert world.state.booted
    world.worsen(odds)
    return world


def clears_up(world: World) -> None:
    """Calm weather until all is well, at most for five minutes."""
    world.calm()
    end = world.now + 300
    while not everything_runs(world) and world.now < end:
        world.run(world.now + 10)


def everything_runs(world: World) -> bool:
    phases = {child.phase for child in world.state.children.values()}
    breakers: list[Breaker] = [child.unit.breaker for child in world.state.children.values()]
    settled = all(breaker.mode == "closed" and breaker.failures == 0 for breaker in breakers)
    return phases == {"running"} and settled and len(world.state.groups) == len(SPECS)


@pytest.mark.parametrize("seed", range(90))
def test_after_a_storm_everything_comes_up_or_goes_down(seed: int) -> None:
    world = booted(seed, Odds())
    world.people(300)
    world.run(300)
    clears_up(world)
    assert world.watch.exited or everything_runs(world)
    assert visible(world.state).items() <= rebuilt(world.log).items()


@pytest.mark.parametrize("seed", range(90))
def test_a_stop_in_the_middle_of_a_storm_ends_it_within_four_seconds(seed: int) -> None:
    world = booted(1000 + seed, Odds(hangs=0.3, disobeys=0.4))
    world.people(60)
    world.run(world.rng.uniform(10, 60))
    world.stop()
    world.run(world.now + 4.001)
    assert world.watch.exited
    assert len(of(world.log, Exit)) == 1
    assert visible(world.state).items() <= rebuilt(world.log).items()


@pytest.mark.parametrize("seed", range(60))
def test_a_stormy_boot_comes_up_or_exits_with_70(seed: int) -> None:
    world = World(SPECS, 2000 + seed, Odds(dies=0.2, hangs=0.1))
    world.run(120)
    exits = of(world.log, Exit)
    assert world.state.booted or exits
    assert all(asked.code == 70 for asked in exits)


@pytest.mark.parametrize("seed", range(20))
def test_an_outage_of_every_exchange_never_takes_the_daemon_down(seed: int) -> None:
    """Links break and break; nothing hangs, nobody interferes."""
    world = booted(3000 + seed, Odds(dies=1, hangs=0, slow_start=0, disobeys=0, reasons=("link",)))
    world.run(400)
    assert world.state.phase == "running"
    clears_up(world)
    assert everything_runs(world)


@pytest.mark.parametrize("seed", range(10))
def test_a_storm_of_bugs_ends_the_daemon_in_order(seed: int) -> None:
    world = booted(4000 + seed, Odds(dies=1, reasons=("bug",)))
    world.run(400)
    assert [asked.code for asked in of(world.log, Exit)] == [70]


def test_equal_seeds_live_equal_lives() -> None:
    def life() -> list[object]:
        world = booted(7, Odds())
        world.people(100)
        world.run(100)
        return list(world.log)

    assert life() == life()


def test_the_storms_are_storms() -> None:
    """What the machine is tested with really happens in them."""
    seen: set[str] = set()
    for seed in range(40):
        world = booted(seed, Odds())
        world.people(300)
        world.run(300)
        seen |= {note.event for note in of(world.log, Noted)}
    assert {
        "abandoned",
        "backed_off",
        "died",
        "group_added",
        "group_removed",
        "held",
        "hung",
        "hurried",
        "paused",
        "probed",
        "recovered",
        "reset",
        "restart_asked",
        "resumed",
        "start_timed_out",
        "stopped",
        "thread_ended",
        "tripped",
    } <= seen

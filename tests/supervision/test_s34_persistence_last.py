"""S34, the order: persistence stops last, so that it has committed what all others accepted."""

import random

import pytest

from tests.supervision.kit import booted, stopped


@pytest.mark.parametrize("seed", range(20))
def test_persistence_is_asked_when_everybody_else_is_down_or_abandoned(seed: int) -> None:
    rng = random.Random(seed)
    daemon = booted("main", "alt")
    pending = stopped(daemon.stop())
    while "core/persistence" not in pending:
        out = daemon.wait(rng.choice([0.0, 0.05, 0.4]))
        pending = [child for child in pending + stopped(out) if daemon.phase(child) == "stopping"]
        if "core/persistence" in pending:
            break
        for child in rng.sample(pending, k=rng.randint(0, len(pending))):
            pending += stopped(daemon.stops(child))
    live = [child.id for child in daemon.state.children.values() if child.is_live]
    assert live == ["core/persistence"]
    assert stopped(daemon.log)[-1] == "core/persistence"


def test_persistence_that_is_down_when_the_stop_comes_is_not_started_for_it() -> None:
    daemon = booted("main")
    daemon.dies("core/persistence", "link")
    daemon.stop()
    daemon.wait(4)
    assert daemon.gen("core/persistence") == 1
    assert daemon.exit is not None

"""Somebody sets the machine's clock: nothing here decides by it (S20)."""

from pathlib import Path

from tests.end_to_end.kit import Scene, scene
from tests.end_to_end.shifted import Shifted
from tests.support.waiting import eventually

HOUR = 3600


def test_a_step_of_our_own_clock_costs_neither_a_connection_nor_a_beat_nor_a_proof(tmp_path: Path) -> None:
    with scene(tmp_path, {"main": {"audit_every": 0.3, "heartbeat": 0.4}}, make=Shifted) as watched:
        daemon = watched.daemon
        assert isinstance(daemon, Shifted)
        began = daemon.account("main")
        daemon.shift(-HOUR)
        all_goes_on(watched, steps=1)
        daemon.shift(HOUR)
        all_goes_on(watched, steps=2)
        after = daemon.account("main")
        assert (after["state"], after["reconnects"], after["since"]) == ("live", 0, began["since"])
        assert "errand_failed" not in daemon.log()
        watched.agrees()
        assert daemon.terminate() == 0


def all_goes_on(watched: Scene, steps: int) -> None:
    """From the moment on at which the daemon has noticed that many steps."""
    daemon = watched.daemon

    def silent_for() -> float:
        return float(daemon.account("main")["transport_age_s"])

    def proven() -> int:
        return int(daemon.account("main")["proven_to"])

    eventually(lambda: daemon.log().count("wall_clock_stepped"), lambda seen: seen == steps)
    before = proven()
    assert watched.fill_of(watched.trade())
    eventually(silent_for, lambda age: age >= 0.2)
    eventually(silent_for, lambda age: age < 0.2, what="a pong: the heart goes on beating")
    moved = eventually(lambda: proven() - before, lambda moved: moved > 300)
    assert moved < 60_000, "proofs go by the exchange's time"

"""Actors and readers of the real daemon crash and hang, and everything else goes on.

What the rules of supervision promise of pure state machines and of threads is
held here against the whole process: facts flow while an actor dies, nothing is
lost or doubled, `actors` shows what happened, and no thread or file stays behind.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.kit import Row, Scene, scene, steady
from tests.support.injected import PING_EVERY, PING_MISSES, Injected
from tests.support.waiting import eventually

FOUND_WITHIN = PING_EVERY * (PING_MISSES + 1) + 1
"""Rule S21: how long a hang may stay unnoticed."""

CORE_WAIT = 15.0
"""A core child's first restart waits a second at most; the rest is for a busy machine."""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One daemon that survives all that is done to it."""
    with scene(tmp_path_factory.mktemp("hurt"), make=Injected) as found:
        yield found
        assert found.daemon.terminate() == 0


def fate(it: Scene) -> Injected:
    """The daemon, seen as one that suffers what it is told."""
    assert isinstance(it.daemon, Injected)
    return it.daemon


def generations(it: Scene) -> dict[str, int]:
    return {row["id"]: row["generation"] for row in it.daemon.ask("actors")}


def recovered(it: Scene, child: str, before: int, within: float) -> Row:
    """The actor's row as soon as its next generation runs; the control socket may be away meanwhile."""

    def look() -> Row | None:
        try:
            row = it.daemon.actor(child)
        except OSError:
            return None
        return row if (row["generation"], row["phase"]) == (before + 1, "running") else None

    row = eventually(look, within=within, what=f"generation {before + 1} of {child} ({it.daemon.log_path})")
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("child", "falls_with_it"),
    [
        ("core/persistence", set()),
        ("core/control", set()),
        ("main/connection", {"main/keepalive"}),
        ("main/keepalive", set()),
        ("main/poller", set()),
    ],
)
def test_a_crashed_actor_is_restarted_while_facts_flow(
    it: Scene, child: str, falls_with_it: set[str]
) -> None:
    """Its juniors restart with it, nobody else; the reason is shown; the ledger has every fact once."""
    it.daemon.until_live("main")
    before, row = generations(it), it.daemon.actor(child)
    with it.burst(count=60, rate=60):
        fate(it).crash(child)
        now = recovered(it, child, before[child], CORE_WAIT)
    assert (now["restarts"], now["last_reason"]) == (row["restarts"] + 1, "bug")
    it.daemon.until_live("main")
    changed = {name for name, gen in generations(it).items() if gen != before[name]}
    assert changed == {child} | falls_with_it
    it.agrees()
    events = [event["event"] for event in it.daemon.ask("history", kind="actor", key=child, limit=0)]
    assert {"died", "became_ready"} <= set(events)


@pytest.mark.parametrize("child", ["main/connection", "core/persistence", "main/poller"])
def test_a_hanging_actor_is_given_up_in_time_and_changes_nothing_when_it_wakes(it: Scene, child: str) -> None:
    """S21, S23, S24: found by its pings, its stack is logged, its thread ends by itself when it can."""
    it.daemon.until_live("main")
    before, threads = generations(it)[child], steady(it.daemon.threads)
    with it.burst(count=100, rate=50):
        fate(it).hang(child)
        row = recovered(it, child, before, FOUND_WITHIN + CORE_WAIT)
        assert row["last_reason"] == "hang"
        assert "released.wait" in it.logged("actor_abandoned", child=child, gen=before)[0]["stack"]
        fate(it).release()
    it.daemon.until_live("main")
    it.agrees()
    assert it.fill_of(it.trade())["source"] == "stream"
    eventually(it.daemon.threads, lambda count: count <= threads, what=f"{threads} threads again")
    assert it.daemon.actor(child)["generation"] == before + 1


@pytest.mark.parametrize(
    ("blow", "reason", "settings"),
    [("crash_reader", "bug", {}), ("hang_reader", "link", {"stale_after": 1, "heartbeat": 0.3})],
)
def test_a_reader_that_fails_with_a_frame_in_its_hand_costs_nothing_but_a_reconnect(
    tmp_path: Path, blow: str, reason: str, settings: Row
) -> None:
    """B2 and S22: its death is told, its silence is judged by another thread, and what it held is asked for."""
    with scene(tmp_path, {"main": settings}, make=Injected) as it:
        getattr(fate(it), blow)("main/connection")
        trade = it.trade()
        eventually(lambda: it.daemon.account("main")["reconnects"] == 1, what="another connection")
        it.daemon.until_live("main")
        assert it.daemon.actor("main/connection")["last_reason"] == reason
        assert it.fill_of(trade)["source"] != "stream"
        fate(it).release()
        assert it.fill_of(it.trade())["source"] == "stream"
        it.agrees()


def test_the_eleventh_bug_in_a_minute_ends_the_daemon_in_order(tmp_path: Path) -> None:
    """S11 and S12: exit code 70 with every fact committed, for whoever starts daemons to start it anew."""
    backoff = {"base": 0.05, "cap": 0.05, "trip": 1000}
    with scene(tmp_path, {"main": {"backoff": backoff}}, make=Injected) as it:
        for gen in range(1, 11):
            fate(it).crash("main/poller")
            recovered(it, "main/poller", gen, within=20)
        trade = it.trade()
        it.fill_of(trade)
        fate(it).crash("main/poller")
        assert it.daemon.ended(within=5) == 70
        assert it.stored("fills", ["trade_id"]) == [(trade["trade_id"],)]


def test_a_hanging_writer_keeps_no_stop_from_ending_and_loses_nothing(tmp_path: Path) -> None:
    """S33 and S34: what it had not committed is on disk when the process ends, and stored by the next one.

    That it says `stream` then proves it: what had been lost would have been asked for, and say so.
    """
    with scene(tmp_path, make=Injected) as it:
        fate(it).hang("core/persistence")
        with it.burst(count=50, rate=0):
            pass
        steady(lambda: it.daemon.account("main")["last_event_at"] or 0)
        assert it.daemon.terminate(within=5) == 0
        it.daemon.start()
        it.daemon.until_live("main")
        it.agrees()
        assert {fill["source"] for fill in it.daemon.fills()} == {"stream"}

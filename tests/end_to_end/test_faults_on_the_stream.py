"""What exchanges do to a private stream and its REST shadow, beside the numbered stories.

Each test lets one thing go wrong and demands two things at least: that the
ledger is equal to the truth in the end, and that what the daemon says meanwhile
is true. Faults of one account share a daemon, for they must not touch another;
faults of the whole exchange, and tests that count its requests, have their own.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.kit import Scene, scene
from tests.support.waiting import eventually

QUIET = ("twice", "swapped", "late", "garbled", "moving")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Many accounts on one daemon, each of which one test treats badly."""
    with scene(tmp_path_factory.mktemp("quiet"), {name: {} for name in QUIET}) as it:
        yield it
        assert it.daemon.terminate() == 0


def held_for(it: Scene, seconds: float, state: str) -> None:
    """Wait until the account has been in this state for so long."""
    eventually(
        lambda: (it.daemon.account("main")["state"], time.time() * 1000 - it.daemon.account("main")["since"]),
        lambda seen: seen[0] == state and seen[1] >= seconds * 1000,
        what=f"{seconds} s of {state}",
    )


# ------------------------------------------------------------- events gone wrong


def test_events_sent_twice_are_stored_once(quiet: Scene) -> None:
    it, name = quiet, "twice"
    journal = it.daemon.status()["ledger"]["sequence"]
    it.admin.fault("duplicate", account=name, count=1000)
    order = it.rest_order(name)
    it.admin.fill(order["order_id"], quantity="0.01")
    it.admin.cancel(order["order_id"])
    last = it.trade(name)
    assert it.fill_of(last, name)["source"] == "stream"
    it.agrees(name)
    rows = it.daemon.ask("history", kind="order", key=order["order_id"], account=name)
    assert [row["fact"]["status"] for row in rows] == ["open", "partially_filled", "canceled"]
    assert it.daemon.status()["ledger"]["sequence"] > journal
    assert it.daemon.account(name)["state"] == "live"


def test_events_in_the_wrong_order_never_reopen_what_is_over(quiet: Scene) -> None:
    """A fill after its order's end, an acceptance after its fill: the ledger ends at the truth."""
    it, name = quiet, "swapped"
    for what in ("new", "trade", "canceled"):
        it.admin.fault("reorder", account=name, what=what)
        order = it.rest_order(name)
        it.admin.fill(order["order_id"], quantity="0.01")
        it.admin.cancel(order["order_id"])
        it.order_of(order, "canceled", name)
    it.trade(name)  # lets go what is still held back
    it.agrees(name)
    assert it.daemon.account(name)["reconnects"] == 0


def test_events_that_come_late_are_taken_in_when_they_come(quiet: Scene) -> None:
    """Nobody takes the silence for an answer, and REST that was faster is not counted again."""
    it, name = quiet, "late"
    it.admin.fault("delay", account=name, seconds=1.0)
    trade = it.trade(name)
    it.daemon.ask("reconcile", target=name)
    first = it.fill_of(trade, name)
    last = it.trade(name)
    assert it.fill_of(last, name)["source"] == "stream"
    assert it.fill_of(trade, name) == first
    it.agrees(name)
    assert it.daemon.account(name)["reconnects"] == 0


@pytest.mark.parametrize("form", ["text", "utf8", "binary", "oversized"])
def test_garbage_between_the_events_costs_none_of_them(quiet: Scene, form: str) -> None:
    """Cut JSON, invalid UTF-8, binary, eight megabytes: the frames before and after it count."""
    it, name = quiet, "garbled"
    before = it.trade(name)
    it.admin.fault("garbage", account=name, form=form)
    after = it.trade(name)
    assert it.fill_of(before, name)
    assert it.fill_of(after, name)
    it.daemon.until_live(name)
    it.agrees(name)
    assert it.daemon.actor(f"{name}/connection")["last_reason"] in {None, "link"}, "a bug, not garbage"
    assert {row["generation"] for row in it.daemon.ask("actors") if row["group"] == "core"} == {1}


# ------------------------------------------------------------ sockets gone wrong


def test_an_announced_shutdown_is_left_before_it_comes_without_losing_an_event(quiet: Scene) -> None:
    """The next socket is subscribed first: no reconnect, no reconcile, every fill by the stream."""
    it, name = quiet, "moving"
    states = it.states(name)
    with it.burst(name, count=150, rate=150):
        eventually(lambda: it.daemon.fills(account=name), what="the burst")
        it.admin.fault("server_shutdown", account=name, close=True, seconds=0.4)
    it.agrees(name)
    assert len(it.logged("stream_rotated", account=name)) == 1
    assert it.states(name) == states
    assert {fill["source"] for fill in it.daemon.fills(account=name)} == {"stream"}
    assert it.daemon.actor(f"{name}/connection")["generation"] == 1


# ----------------------------------------------------------- what an audit is for


def test_a_trade_of_which_only_the_balance_came_is_found_by_an_audit(tmp_path: Path) -> None:
    """The first trade ever in its symbol: nothing names the symbol but the balances that it moved."""
    with scene(tmp_path, {"main": {"audit_every": 1}}) as it:
        for what in ("new", "trade"):
            it.admin.fault("lose_one", account="main", what=what)
        assert it.fill_of(it.trade(symbol=it.seldom))["source"] == "audit"


def test_a_trade_that_the_history_shows_later_than_the_account_does_is_not_forgotten(tmp_path: Path) -> None:
    """Nothing is proven that the exchange could not yet have shown, so the next audits ask again."""
    with scene(tmp_path, {"main": {"audit_every": 0.7}}) as it:
        it.admin.fault("mute", account="main")
        it.admin.fault("lag", seconds=1.5)
        trade = it.trade(symbol=it.seldom)
        fill = it.fill_of(trade)
        assert fill["source"] == "audit"
        assert fill["recorded_at"] - fill["traded_at"] >= 1_500
        assert it.daemon.account("main")["proven_to"] < fill["traded_at"]


# ------------------------------------------------------------------ REST gone wrong


def test_a_revoked_key_is_held_with_its_reason_until_a_person_resets_it(tmp_path: Path) -> None:
    """S17: no try by itself, no signed call of any kind; the text says what to fix; `reset` brings it back."""
    with scene(tmp_path) as it:
        it.admin.fault("auth_revoked", account="main")
        row = it.until("held")
        assert "key" in row["held_reason"].lower(), row["held_reason"]
        assert row["breaker"]["mode"] == "held"
        health = it.daemon.ask("health")
        assert (health["state"], row["held_reason"] in " ".join(health["reasons"])) == ("degraded", True)
        assert [it.daemon.word(word).returncode for word in ("status", "health", "fills")] == [1, 1, 0]
        calls = it.requests()
        held_for(it, 1.5, "held")  # three polls' time
        assert it.requests() == calls
        missed = it.trade()

        it.daemon.ask("reset", target="main")  # too early: the key is still bad
        again = eventually(lambda: it.daemon.account("main"), lambda now: now["since"] != row["since"])
        assert again["state"] != "live"
        it.until("held")
        it.admin.clear()
        it.daemon.ask("reset", target="main")
        row = it.daemon.until_live("main")
        assert (row["held_reason"], row["breaker"]["mode"]) == (None, "closed")
        assert it.fill_of(missed)["source"] in {"poll", "reconcile"}
        it.agrees()

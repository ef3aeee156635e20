"""S37 with threads: what is published is immutable, complete, and there without being asked for."""

import pytest

from core.messages import StreamProgressed
from tests.support.actors import Hang, NeverReady, reached
from tests.support.house import ACME, House, acme, child, core


def test_a_snapshot_cannot_be_changed() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        snapshot = house.until_running("acme/poller")
        with pytest.raises(AttributeError):
            snapshot.state = "stopping"  # type: ignore[misc]
        with pytest.raises(AttributeError):
            snapshot.children[0].phase = "down"  # type: ignore[misc]


def test_each_change_is_published() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        assert house.snapshots[0].state == "starting"
        assert {snapshot.state for snapshot in house.snapshots} == {"starting", "running"}
        assert house.snapshots[-1].core_ready
        house.stop()
        assert house.snapshots[-1].state == "stopping"
        assert {status.phase for status in house.snapshots[-1].children} == {"down"}


def test_it_is_published_each_second_although_nothing_changes_and_a_child_hangs() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        puppet = house.puppet("core/persistence")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        published = len(house.snapshots)
        house.until(lambda _: len(house.snapshots) > published + 1)


def test_it_says_of_each_child_and_account_how_it_is() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        house.operate("restart", "acme/poller")
        house.noted("acme/poller", "became_ready", 2)
        snapshot = house.until(lambda s: child(s, "acme/poller").generation == 2)
        poller = child(snapshot, "acme/poller")
        assert (poller.group, poller.restarts, poller.last_reason) == ("acme.poller", 1, "shutdown")
        assert poller.started_at is not None
        assert abs(poller.started_at - house.clock.boottime()) < 60
        [account] = snapshot.accounts
        assert (account.account, account.exchange, account.state) == ("acme", "binance", "reconciling")


def test_the_progress_of_a_session_is_seen() -> None:
    with House([core(), *acme()], {"acme/connection": NeverReady}, accounts=[ACME]) as house:
        house.until_account("connecting")
        house.tell(StreamProgressed("acme/connection", 1, "acme", "authenticating"))
        house.until_account("authenticating")
        house.tell(StreamProgressed("acme/connection", 1, "acme", "subscribing"))
        house.until_account("subscribing")
        house.puppet("acme/connection").ready()
        house.until_account("reconciling")

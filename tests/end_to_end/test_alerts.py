"""An exchange dies, a key is revoked: one message to a real receiver, and one more when all is well again."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.kit import Scene, keys, settings
from tests.support.daemon import Daemon
from tests.support.hooks import SECRET, Hook
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

ALERTS = """
[alerts]
urls = ["file:hook", "env:DEAD"]
min_severity = "warning"
"""


class Told(NamedTuple):
    scene: Scene
    hook: Hook

    def of(self, account: str) -> list[dict[str, Any]]:
        """What was told of this account so far, digests taken apart."""
        documents = [post.document for post in list(self.hook.posts)]
        apart = [one for document in documents for one in document.get("incidents", [document])]
        return [one for one in apart if one["account"] == account]

    def until(self, account: str, *events: str) -> list[dict[str, Any]]:
        """Wait until just this was told of the account."""
        return eventually(
            lambda: self.of(account),
            lambda told: [one["event"] for one in told] == list(events),
            within=40,
            what=f"{events} of {account} ({self.scene.daemon.log_path})",
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Two accounts at two exchanges; one address that takes messages, one where nobody is."""
    home = tmp_path_factory.mktemp("alerts")
    own: dict[str, dict[str, Any]] = {
        "cut": {"exchange": "binance", "blind_after": 1},
        "held": {"exchange": "bybit"},
    }
    with Hook() as gone:
        pass
    who = [account(name, its["exchange"]) for name, its in own.items()]
    with Hook() as hook, Sandbox(who, exchanges=("binance", "bybit")) as box:
        (home / "hook").write_text(hook.url)
        (home / "hook").chmod(0o600)
        text = settings(box, own) + ALERTS
        with Daemon(home, text, {**keys(box), "DEAD": gone.url}) as daemon:
            for name in own:
                daemon.until_live(name)
            yield Told(Scene(box, daemon), hook)
            assert daemon.terminate() == 0


def test_a_dead_exchange_and_a_revoked_key_are_one_alert_each_and_one_more_when_all_is_well(
    told: Told,
) -> None:
    """At the same time, because what is over is told only when it has been over for a while."""
    scene = told.scene
    scene.admin.fault("refuse_connect", exchange="binance")
    scene.admin.fault("drop", exchange="binance")
    scene.admin.fault("auth_revoked", exchange="bybit")
    scene.admin.fault("drop", exchange="bybit")
    (blind,) = told.until("cut", "opened")
    assert (blind["kind"], blind["severity"]) == ("blind", "warning")
    assert blind["text"].startswith("not live for ")
    (held,) = told.until("held", "opened")
    assert (held["kind"], held["severity"]) == ("blind", "critical")
    assert held["text"].startswith("the account is held: ")
    scene.admin.clear()
    scene.daemon.ask("reset", target="held")
    for name in ("cut", "held"):
        scene.until("live", name)
    for name, opened in (("cut", blind), ("held", held)):
        first, resolved = told.until(name, "opened", "resolved")
        assert first == opened
        assert resolved["resolved_at"] > opened["opened_at"] == resolved["opened_at"]


def test_a_dead_service_is_shown_and_costs_the_daemon_nothing(told: Told) -> None:
    def dead() -> dict[str, Any]:
        (_, row) = told.scene.daemon.status()["alerts"]
        found: dict[str, Any] = row
        return found

    row = eventually(dead, lambda row: row["state"] == "failing", within=30, what="a failing address")
    assert (row["url"], row["error"]) == ("webhook+http://***", "Connection refused")
    assert not [reason for reason in told.scene.daemon.ask("health")["reasons"] if "alert" in reason]


def test_a_test_through_a_running_daemon_says_which_address_works(told: Told) -> None:
    daemon = told.scene.daemon
    said = daemon.word("alerts", "test")
    assert said.returncode == 1
    assert said.stdout.splitlines() == [
        "0  webhook+http://***  ok",
        "1  webhook+http://***  failed: Connection refused",
    ]
    assert told.hook.posts[-1].document["event"] == "test"
    assert daemon.word("alerts", "test", "--url", "0").returncode == 0
    assert daemon.word("alerts", "test", "--url", "2").returncode == 2
    assert daemon.word("alerts", "tset").returncode == 2


def test_no_part_of_an_address_is_shown_anywhere(told: Told) -> None:
    daemon = told.scene.daemon
    everything = daemon.log() + json.dumps(daemon.status()) + json.dumps(daemon.ask("incidents"))
    assert SECRET not in everything
    assert "Tok3n" not in everything

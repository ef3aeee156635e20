"""What stands behind the control socket: read from stamps, told and never asked."""

import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.base import Directory
from actors.feed import Feed
from actors.inlet import Inlet
from actors.mailbox import Letter, Mailbox
from control.services import Services
from core.budget import Usage
from core.coverage import Sight
from core.errors import RateLimited
from core.figures import Figures
from core.messages import Compare, Operate, StopDaemon
from core.secrecy import MASK
from core.status import AccountStatus, ChildStatus, GroupStatus, LedgerVitals, Snapshot, Vitals
from host.configuration import load
from host.front import VERSION, Board, services
from host.in_force import InForce
from host.logs import Masker
from host.ticker import Ticker
from host.tree import House
from models.database import prepare
from tests.support.clock import ManualClock
from transport.origin import Origins

SETTINGS = """
[accounts.main]
exchange = "binance"
sandbox = true
audit_every = 1
"""


class Resident(NamedTuple):
    """Somebody with a mailbox and nothing else: whatever is asked of him is never answered."""

    gen: int
    mailbox: Mailbox


class Front:
    """The services over a house in which no actor runs."""

    def __init__(self, home: Path) -> None:
        (home / "settings.toml").write_text(SETTINGS)
        self.loaded = load(home / "settings.toml", {})
        (home / "data").mkdir()
        prepare(self.loaded.settings.database.url)
        self.clock = ManualClock()
        self.masker = Masker()
        self.board = Board()
        ledger = LedgerVitals()
        inlet = Inlet(home / "data" / "spill", self.clock, ledger)
        self.directory = Directory(self.clock, inlet.record)
        self.disturbed: list[object] = []
        self.house = House(
            settings=self.loaded.settings,
            directory=self.directory,
            inlet=inlet,
            feed=Feed(),
            ledger=ledger,
            ticker=Ticker(),
            origins=Origins(self.clock),
        )
        supervisor = self.directory.address("supervisor")
        self.services: Services = services(
            self.house,
            self.board,
            InForce(self.loaded),
            self.clock,
            masker=self.masker,
            supervisor=supervisor,
            reload=lambda _cause, _reply: None,
            disturb=self.disturbed.append,
        )

    def moves_in(self, child: str, room: int | None = None) -> Mailbox:
        mailbox = Mailbox(room, now=self.clock.monotonic)
        self.directory.enter(child, Resident(1, mailbox))
        return mailbox

    def publish(self, **changes: Any) -> None:
        child = ChildStatus("core/persistence", "core", "running", 1, 0)
        account = AccountStatus("main", "binance", "live", since=0)
        stream = GroupStatus("main.stream", "closed", 0)
        snapshot = Snapshot("running", (child,), (stream,), (account,), core_ready=True)
        self.board.publish(msgspec.structs.replace(snapshot, **changes))

    def status(self) -> dict[str, Any]:
        return self.services.status()


@pytest.fixture
def front(tmp_path: Path) -> Any:
    front = Front(tmp_path)
    yield front
    front.house.ticker.shutdown()


def test_before_the_first_snapshot_the_daemon_is_starting(front: Front) -> None:
    said = front.status()
    assert (said["state"], said["accounts"], said["actors"]) == ("starting", [], [])


def test_a_key_that_an_exchange_echoed_is_not_shown(front: Front) -> None:
    front.masker.learn("abcdefghij")
    refused = AccountStatus("main", "binance", "held", since=0, held_reason="abcdefghij is no key of ours")
    front.publish(accounts=(refused,))
    assert front.status()["accounts"][0]["held_reason"] == f"{MASK} is no key of ours"


def test_the_newest_snapshot_is_what_is_shown(front: Front) -> None:
    front.publish()
    assert front.status()["state"] == "ok"
    front.publish(state="stopping")
    assert front.status()["state"] == "stopping"
    assert front.services.snapshot().state == "stopping"


def test_the_process_is_named_with_version_pid_and_the_moment_of_its_start(front: Front) -> None:
    began = front.clock.wall_ms()
    front.clock.advance(60)
    said = front.status()
    assert (said["version"], said["pid"], said["started_at"]) == (VERSION, os.getpid(), began)
    assert (front.services.version, front.services.pid) == (VERSION, os.getpid())


def test_the_settings_in_force_are_shown_with_their_warnings(front: Front) -> None:
    said = front.status()["settings"]
    assert (said["path"], said["error"]) == (str(front.loaded.path), None)
    assert any(text.startswith("accounts.main.audit_every: ") for text in said["warnings"])


def test_mailboxes_are_counted_at_the_moment_of_asking(front: Front) -> None:
    mailbox = front.moves_in("core/persistence")
    front.publish()
    assert front.status()["actors"][0]["mailbox"]["depth"] == 0
    mailbox.put(Letter("one"))
    mailbox.put(Letter("two"))
    assert front.status()["actors"][0]["mailbox"] == {"depth": 2, "high": 2, "dropped": 0}


def test_a_child_that_has_no_mailbox_now_is_shown_all_the_same(front: Front) -> None:
    front.publish()
    (actor,) = front.status()["actors"]
    assert (actor["id"], actor["mailbox"]["depth"]) == ("core/persistence", 0)


def test_ages_grow_by_themselves_though_nobody_publishes(front: Front) -> None:
    vitals = front.house.vitals["main"] = Vitals()
    vitals.transport_at = front.clock.boottime()
    front.publish()
    front.clock.advance(12)
    assert front.status()["accounts"][0]["transport_age_s"] == 12.0


def test_a_question_is_told_to_the_poller_of_its_account(front: Front) -> None:
    question = Compare(1, 2.0, print, bool)
    assert not front.services.compare("main", question), "it is not there"
    mailbox = front.moves_in("main/poller")
    assert front.services.compare("main", question)
    assert mailbox.get(0).message is question


def test_an_account_is_watched_as_long_as_its_proofs_are_not_overdue(front: Front) -> None:
    """Nobody watches what has no vitals, is not in the settings, or was not proven for three audits' time."""
    front.publish()
    assert front.services.watched("main") is None
    vitals = front.house.vitals["main"] = front.house.vitals["gone"] = Vitals()
    vitals.sight = Sight().stream_up(1, 5_000)
    assert front.services.watched("main") == 5_000
    assert front.services.watched("gone") is None
    vitals.audit_at = front.clock.boottime()
    front.clock.advance(3)
    assert front.services.watched("main") == 5_000
    front.clock.advance(0.1)
    assert front.services.watched("main") is None
    vitals.closed_until = front.clock.boottime()
    assert front.services.watched("main") == 5_000, "a ban does not count"
    front.publish(accounts=(AccountStatus("main", "binance", "paused", since=0),))
    assert front.services.watched("main") is None, "what it saw before the pause is over"


def test_what_is_spilled_shows_at_once(front: Front) -> None:
    front.publish()
    front.house.ledger.spilled = 7
    said = front.status()
    assert (said["state"], said["ledger"]["spilled"]) == ("degraded", 7)


def test_a_command_is_told_to_the_supervisor_and_nothing_is_waited_for(front: Front) -> None:
    mailbox = front.moves_in("supervisor")
    assert front.services.tell(Operate("restart", "main"))
    assert front.services.tell(StopDaemon("a test"))
    assert [mailbox.get(0).message for _ in range(2)] == [Operate("restart", "main"), StopDaemon("a test")]


def test_without_a_supervisor_a_command_is_said_to_be_lost(front: Front) -> None:
    assert not front.services.tell(Operate("restart", "main"))


def test_a_hung_house_is_still_described(front: Front) -> None:
    """Nobody of whom something could be asked lives here, and every answer comes."""
    front.moves_in("supervisor", room=1)
    front.moves_in("core/persistence", room=1).put(Letter("never taken"))
    front.publish()
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(front.status()["state"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == ["ok"] * 8


def test_each_client_reads_over_a_connection_of_its_own(front: Front) -> None:
    first, second = front.services.reader(), front.services.reader()
    assert first is not second
    assert (first.fills(), second.fills()) == ([], [])
    first.close()
    assert second.fills() == []
    second.close()


def test_followers_wait_on_the_ledgers_own_feed(front: Front) -> None:
    front.house.feed.publish(41)
    assert front.services.feed.wait(40, 0) == 41


def test_the_figures_are_read_from_stamps_and_what_is_not_known_is_not_there(front: Front) -> None:
    assert front.services.figures() == Figures(now_ms=front.clock.wall_ms())
    house = front.house
    house.ledger.open_incidents = {"info": 0, "warning": 1, "critical": 0}
    vitals = house.vitals["main"] = Vitals()
    vitals.duties["listen_key"] = front.clock.boottime()
    assert front.services.figures().key_expires_in == {}, "its life is not known"
    vitals.key_life = 3600.0
    front.clock.advance(600)
    origin = house.origins.rest("https://api.example.com/base", 1200)
    origin.begin(40, urgent=False)
    origin.end(40, stated=55)
    origin.begin(5, urgent=False)
    said = front.services.figures()
    assert said.key_expires_in == {"main": 3000.0}
    assert said.open_incidents == {"info": 0, "warning": 1, "critical": 0}
    assert said.origins == (Usage("https://api.example.com", used=60, limit=1200, closed_for=0.0),)
    front.clock.advance(60)
    origin.refused(RateLimited("slow down", retry_after=30.0))
    (usage,) = front.services.figures().origins
    assert (usage.used, usage.closed_for) == (5, 30.0), "a new minute, with what is still under way"


def test_a_ledger_that_cannot_be_read_costs_the_figures_nothing_else(front: Front, tmp_path: Path) -> None:
    (tmp_path / "data" / "vigil.db").unlink()
    front.house.ledger.open_incidents = {"info": 0, "warning": 0, "critical": 2}
    said = front.services.figures()
    assert (said.blind, said.open_incidents) == ({}, {"info": 0, "warning": 0, "critical": 2})


def test_a_test_of_the_alerts_is_sent_from_the_thread_that_asks(front: Front) -> None:
    """No actor lives here; what fails is told without what the masker knows."""
    assert list(front.services.try_alerts(None)) == []

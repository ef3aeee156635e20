"""A reload over a house in which no actor runs: what the supervisor is told, and what a bad file comes to."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

import host.reload
from actors.base import Directory
from actors.feed import Feed
from actors.inlet import Inlet
from actors.mailbox import Mailbox
from core.records import Incident, Record, Remember
from core.status import LedgerVitals, Vitals
from host.configuration import SettingsError, load
from host.in_force import InForce
from host.logs import Masker
from host.memories import Memories
from host.plan import AccountAdded, AccountChanged, AccountRemoved
from host.reload import Reloader
from host.sandbox import SandboxFailed
from host.tenants import Tenants
from host.ticker import Ticker
from host.tree import House
from host.vault import custody
from models.database import prepare
from models.ledger import Ledger
from tests.support.clock import ManualClock
from transport.origin import Origins

WITHIN = 20.0
SECRET = "a-secret-that-nobody-may-see"

MAIN = """
[accounts.main]
exchange = "bybit"
api_key = "file:main.key"
api_secret = "file:main.secret"
rest_url = "http://127.0.0.1:9"
ws_url = "ws://127.0.0.1:9"
"""
OTHER = MAIN.replace("main", "other")


class Resident(NamedTuple):
    gen: int
    mailbox: Mailbox


class Reloads:
    """A reloader, the file that it follows, and what it says to whom."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "settings.toml"
        for name in ("main", "other"):
            self.hide(f"{name}.key", f"{name}-key-0123456789")
            self.hide(f"{name}.secret", SECRET)
        self.file.write_text(MAIN)
        self.clock = ManualClock()
        self.records: list[Record] = []
        self.masker = Masker()
        loaded = load(self.file, {})
        self.kept = custody(loaded, {}, self.masker.learn)
        self.tenants = Tenants(self.masker, self.kept.secrets)
        self.in_force = InForce(loaded)
        read = self.tenants.real(loaded)
        self.directory = Directory(self.clock, self.records.append)
        ledger = LedgerVitals()
        self.house = House(
            settings=loaded.settings,
            directory=self.directory,
            inlet=Inlet(home / "spill", self.clock, ledger),
            feed=Feed(),
            ledger=ledger,
            ticker=Ticker(),
            origins=Origins(self.clock),
            memories=Memories(self.clock, self.kept.keys, self.records.append, self.masker.learn, {}),
            vitals={"main": Vitals({"spot": 77})},
        )
        self.supervisor = Mailbox(None, now=self.clock.monotonic)
        self.directory.enter("supervisor", Resident(1, self.supervisor))
        self.reloader = Reloader(self.in_force, self.tenants, read.marks, self.clock, self.records.append)
        self.reloader.start(self.house, self.directory.address("supervisor"))

    def hide(self, name: str, secret: str) -> None:
        """As one replaces a secret: never half of it, for nobody else."""
        path = self.home / f"{name}.new"
        path.write_text(secret)
        path.chmod(0o600)
        path.replace(self.home / name)

    def ask(self, text: str | None = None) -> dict[str, Any]:
        """Save this, and have a person ask for it; the answer."""
        if text is not None:
            self.file.write_text(text)
        answers: Queue[dict[str, Any]] = Queue()
        self.reloader.wish("asked by a test", answers.put)
        return answers.get(timeout=WITHIN)

    def told(self) -> list[Any]:
        """Everything that the supervisor has been told since the last look."""
        found = []
        with suppress(Empty):
            while True:
                found.append(self.supervisor.get(0).message)
        return found

    def incidents(self) -> list[Incident]:
        return [record for record in self.records if isinstance(record, Incident)]


@pytest.fixture
def reloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reloads]:
    monkeypatch.setattr(host.reload, "load", lambda path: load(path, {}))
    reloads = Reloads(tmp_path)
    yield reloads
    reloads.reloader.stop()
    reloads.reloader._thread.join(WITHIN)
    assert not reloads.reloader._thread.is_alive()
    reloads.house.ticker.shutdown()


# ------------------------------------------------------------------------ what holds


def test_an_account_that_comes_is_added_with_all_that_works_for_it(reloads: Reloads) -> None:
    answer = reloads.ask(MAIN + OTHER)
    assert answer["applied"] is True
    assert answer["accounts"] == [{"account": "other", "change": "added", "keys": [], "restarts": []}]
    (added,) = reloads.told()
    assert isinstance(added, AccountAdded)
    assert (added.plan.account, added.plan.enabled) == ("other", True)
    assert [plan.spec.id for plan in added.groups] == ["other.stream", "other.poller"]
    assert set(reloads.house.settings.accounts) == {"main", "other"}


def test_the_same_file_again_is_nothing(reloads: Reloads) -> None:
    with capture_logs() as lines:
        answer = reloads.ask(MAIN + "# a comment\n")
    assert (answer["applied"], answer["accounts"], answer["sections"]) == (True, [], [])
    assert reloads.told() == []
    assert [line["event"] for line in lines] == []


def test_a_retuned_account_is_told_with_its_new_plan_and_whom_to_renew(reloads: Reloads) -> None:
    vitals = reloads.house.vitals["main"]
    reloads.ask(MAIN + "audit_every = 7\nbackoff = {base = 3}\n")
    (changed,) = reloads.told()
    assert isinstance(changed, AccountChanged)
    assert (changed.plan.audit_every, changed.restart, changed.is_retried) == (7.0, ("main/poller",), False)
    assert {plan.spec.base for plan in changed.groups} == {3.0}
    assert reloads.house.vitals["main"] is vitals, "what it sees goes on"


def test_what_was_applied_is_logged(reloads: Reloads) -> None:
    with capture_logs() as lines:
        reloads.ask(MAIN + "audit_every = 7\n")
    (line,) = [line for line in lines if line["event"] == "settings_applied"]
    assert line["cause"] == "asked by a test"
    assert line["accounts"][0]["keys"] == ["audit_every"]


def test_a_removed_account_is_forgotten_and_its_proofs_are_not(reloads: Reloads) -> None:
    memory = reloads.house.memories
    assert memory is not None
    remembered = memory.of("main")
    before = reloads.house.vitals["main"]
    before.transport_at = 5.0
    reloads.ask("# none\n")
    assert reloads.told() == [AccountRemoved("main")]
    after = reloads.house.vitals["main"]
    assert (after.transport_at, dict(after.proven)) == (None, {"spot": 77})
    assert memory.of("main") is not remembered


@pytest.mark.parametrize(
    "text", ["# none\n", MAIN + "enabled = false\n", MAIN.replace('"bybit"', '"cryptocom"')]
)
def test_what_was_open_of_an_account_for_which_nobody_works_any_more_is_over_and_that_of_others_is_not(
    reloads: Reloads, text: str
) -> None:
    """Removed, disabled, or another one under its name: nobody would ever see the end of it."""
    url = reloads.house.settings.database.url
    (reloads.home / "data").mkdir()
    prepare(url)
    ledger = Ledger.open(url, reloads.clock)
    ledger.write(
        [Incident(1, f"{name}:x", "discrepancy", "warning", "trouble", name) for name in ("main", "other")]
    )
    ledger.close()
    began = len(reloads.incidents())
    reloads.ask(text)
    assert [(one.key, one.account, one.resolved) for one in reloads.incidents()[began:]] == [
        ("main:x", "main", True)
    ]


def test_an_account_that_moves_elsewhere_is_removed_and_added_and_nothing_of_it_is_proven(
    reloads: Reloads,
) -> None:
    reloads.ask(MAIN.replace('"bybit"', '"cryptocom"'))
    removed, added = reloads.told()
    assert isinstance(removed, AccountRemoved)
    assert isinstance(added, AccountAdded)
    assert added.plan.exchange == "cryptocom"
    assert reloads.house.vitals["main"].proven == {}


def test_an_account_is_disabled_and_enabled_again(reloads: Reloads) -> None:
    reloads.ask(MAIN + "enabled = false\n")
    (disabled,) = reloads.told()
    assert (disabled.plan.enabled, disabled.groups) == (False, ())
    reloads.ask(MAIN)
    (enabled,) = reloads.told()
    assert isinstance(enabled, AccountChanged)
    assert (enabled.plan.enabled, len(enabled.groups)) == (True, 2)


def test_the_days_to_keep_are_those_of_the_newest_settings(reloads: Reloads) -> None:
    answer = reloads.ask(MAIN + "[database]\nkeep_days = 3\n")
    assert answer["sections"] == [{"section": "database", "keys": ["keep_days"], "restarts": []}]
    assert reloads.house.settings.database.keep_days == 3


def test_what_needs_a_new_process_is_a_warning_for_as_long_as_it_is_so(reloads: Reloads) -> None:
    answer = reloads.ask(MAIN + '[control]\nsocket = "other.sock"\n')
    assert any(text.startswith("control.socket: takes effect at the next start") for text in answer["later"])
    assert any(text.startswith("control.socket: ") for text in reloads.in_force.info().warnings)
    assert reloads.house.settings.control.socket == reloads.home / "data" / "control.sock"
    reloads.ask(MAIN)
    assert not any(text.startswith("control.socket: ") for text in reloads.in_force.info().warnings)


# ------------------------------------------------------------------------ credentials


def test_a_secret_that_is_replaced_renews_its_account_alone_and_is_never_shown(reloads: Reloads) -> None:
    reloads.ask(MAIN + OTHER)
    reloads.told()
    with capture_logs() as lines:
        reloads.hide("main.secret", "another-secret-of-main")
        answer = reloads.ask()
    (changed,) = reloads.told()
    assert (changed.plan.account, changed.is_retried) == ("main", True)
    assert changed.restart == ("main/connection", "main/poller")
    assert answer["accounts"][0]["change"] == "credentials"
    assert "another-secret" not in f"{answer}{lines}{reloads.records}"
    assert reloads.masker.text("another-secret-of-main") == "[masked]"
    reloads.ask()
    assert reloads.told() == [], "it is in use now"


def test_a_secret_of_the_vault_that_is_set_anew_renews_its_account_alone(reloads: Reloads) -> None:
    vault = reloads.kept.vault
    vault.set("main-secret", SECRET, 1)
    text = MAIN.replace("file:main.secret", "vault:main-secret")
    assert reloads.ask(text + OTHER)["applied"] is True
    assert vault.path in set(reloads.reloader.files())
    reloads.told()
    vault.set("unused", "somebody-elses-secret", 2)
    assert reloads.ask()["accounts"] == []
    vault.set("main-secret", "another-secret-of-main", 3)
    answer = reloads.ask()
    assert [(one["account"], one["change"]) for one in answer["accounts"]] == [("main", "credentials")]
    assert reloads.masker.text("another-secret-of-main") == "[masked]"


def test_a_vault_that_does_not_open_any_more_keeps_the_old_settings_in_whole(reloads: Reloads) -> None:
    vault = reloads.kept.vault
    vault.set("main-secret", SECRET, 1)
    text = MAIN.replace("file:main.secret", "vault:main-secret")
    reloads.ask(text)
    reloads.told()
    vault.path.write_bytes(b"damaged")
    (problem,) = reloads.ask(text + "audit_every = 7\n")["problems"]
    assert problem.startswith(f"accounts.main.api_secret: vault:main-secret: {vault.path} is damaged")
    assert reloads.told() == []


def test_the_stream_of_other_credentials_remembers_nothing_of_the_old_ones(reloads: Reloads) -> None:
    memories = reloads.house.memories
    assert memories is not None
    old = memories.of("main")
    reloads.hide("main.key", "another-key-0123456789")
    reloads.ask()
    assert memories.of("main") is not old


@pytest.mark.parametrize("damage", ["gone", "open to all", "empty"])
def test_a_secret_that_cannot_be_had_keeps_the_old_settings_in_whole(reloads: Reloads, damage: str) -> None:
    secret = reloads.home / "other.secret"
    match damage:
        case "gone":
            secret.unlink()
        case "open to all":
            secret.chmod(0o644)
        case "empty":
            secret.write_text("")
    answer = reloads.ask(MAIN + "audit_every = 7\n" + OTHER)
    assert answer["applied"] is False
    (problem,) = answer["problems"]
    assert problem.startswith("accounts.other.api_secret: ")
    assert reloads.told() == []
    assert reloads.house.settings.accounts["main"].audit_every == 60
    assert secret in set(reloads.reloader.files()), "it is watched, for it may come"


def test_every_file_that_matters_is_watched(reloads: Reloads) -> None:
    names = {path.name for path in reloads.reloader.files()}
    assert names == {"settings.toml", "main.key", "main.secret"}


# ------------------------------------------------------------------ what does not hold


@pytest.mark.parametrize("text", ["[accounts.main", MAIN + "audit_evry = 7\n", "", None])
def test_a_file_that_does_not_hold_changes_nothing_and_says_why_everywhere(
    reloads: Reloads, text: str | None
) -> None:
    if not text:
        reloads.file.write_text("") if text == "" else reloads.file.unlink()
    with capture_logs() as lines:
        answer = reloads.ask(text or None)
    assert answer["applied"] is False
    assert answer["problems"]
    assert reloads.in_force.info().error == "; ".join(answer["problems"])
    assert reloads.told() == []
    assert [line["event"] for line in lines] == ["settings_refused"]
    opened = reloads.incidents()[-1]
    assert (opened.kind, opened.resolved) == ("settings_invalid", False)
    assert opened.text == reloads.in_force.error


def test_the_same_refusal_is_one_incident_and_ends_with_a_file_that_holds(reloads: Reloads) -> None:
    began = len(reloads.incidents())
    reloads.ask("nonsense")
    reloads.ask()
    assert len(reloads.incidents()) == began + 1
    reloads.ask(MAIN)
    assert reloads.in_force.info().error is None
    assert [one.resolved for one in reloads.incidents()[began:]] == [False, True]
    assert len({one.key for one in reloads.incidents()}) == 1


def test_what_an_earlier_daemon_left_open_is_over_at_the_start(reloads: Reloads) -> None:
    assert [one.resolved for one in reloads.incidents()] == [True]


def test_half_a_file_that_is_whole_a_moment_later_is_no_incident(
    reloads: Reloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look waits for the event that a test can see: the file is mended in between."""
    looks: list[str] = []

    def look(path: Path) -> Any:
        looks.append(path.read_text())
        try:
            return load(path, {})
        except SettingsError:
            path.write_text(MAIN + "audit_every = 7\n")
            raise

    monkeypatch.setattr(host.reload, "load", look)
    monkeypatch.setattr(host.reload, "SECOND_LOOK", 0.01)
    began = len(reloads.incidents())
    reloads.file.write_text('[accounts.main]\nexchange = "by')
    reloads.reloader.saved()
    assert isinstance(reloads.supervisor.get(WITHIN).message, AccountChanged)
    assert len(looks) == 2
    assert len(reloads.incidents()) == began


def test_a_sandbox_that_does_not_come_up_is_a_problem_and_nothing_is_applied(
    reloads: Reloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_loaded: object) -> None:
        raise SandboxFailed("the sandbox did not come up: exit code 1")

    monkeypatch.setattr(reloads.tenants, "guests", fails)
    answer = reloads.ask(MAIN + '[accounts.demo]\nexchange = "binance"\nsandbox = true\naudit_every = 7\n')
    assert answer == {
        "applied": False,
        "problems": ["settings: the sandbox did not come up: exit code 1"],
    }
    assert reloads.told() == []


def test_where_nobody_asked_for_the_sandbox_nothing_of_it_can_be_broken(reloads: Reloads) -> None:
    with pytest.raises(SandboxFailed, match="the sandbox does not run"):
        reloads.tenants.disturb([{"kind": "drop", "exchange": "bybit"}])


def test_a_bug_does_not_end_the_daemons_ear(reloads: Reloads, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("who wrote this?")

    with monkeypatch.context() as patch:
        patch.setattr(host.reload, "diff", breaks)
        assert reloads.ask(MAIN + OTHER)["applied"] is False
    assert reloads.ask()["applied"] is True
    assert len(reloads.told()) == 1


def test_wishes_that_gather_are_served_at_once_and_everybody_is_answered(
    reloads: Reloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Queue[dict[str, Any]] = Queue()
    held: Queue[None] = Queue()
    looks: list[Path] = []

    def look(path: Path) -> Any:
        looks.append(path)
        if len(looks) == 1:
            held.get(timeout=WITHIN)
        return load(path, {})

    monkeypatch.setattr(host.reload, "load", look)
    reloads.reloader.wish("first", answers.put)
    for number in range(20):
        reloads.file.write_text(f"{MAIN}audit_every = {number + 10}\n")
        reloads.reloader.saved()
    reloads.reloader.wish("last", answers.put)
    held.put(None)
    assert all(answers.get(timeout=WITHIN)["applied"] for _ in range(2))
    assert len(looks) <= 3
    assert reloads.house.settings.accounts["main"].audit_every == 29


def test_after_the_stop_nothing_is_applied(reloads: Reloads) -> None:
    reloads.reloader.stop()
    reloads.reloader._thread.join(WITHIN)
    reloads.file.write_text("")
    reloads.reloader.saved()
    assert reloads.told() == []


def test_no_word_of_a_refusal_holds_a_value(reloads: Reloads) -> None:
    answer = reloads.ask(MAIN.replace("file:main.secret", SECRET))
    assert SECRET not in str(answer)
    assert re.search(r"accounts\.main\.api_secret: must be a reference", answer["problems"][0])
    assert not any(isinstance(record, Remember) for record in reloads.records)

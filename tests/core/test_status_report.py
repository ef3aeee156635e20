"""The status document: its exact shape, and what makes it ok."""

import json
from typing import Any, NamedTuple

import msgspec
import pytest

from core.latency import Spread
from core.report import ProcessInfo, Readings, SettingsInfo, build, health
from core.status import (
    AccountStatus,
    AlertVitals,
    ChannelVitals,
    ChildStatus,
    Document,
    GroupStatus,
    LedgerVitals,
    Snapshot,
    Vitals,
)

BOOT = 10_000.0  # boottime now
MONO = 9_000.0  # monotonic now


class Mailbox(NamedTuple):
    depth: int
    high: int
    dropped: int


CORE = tuple(
    ChildStatus(id=f"core/{name}", group="core", phase="running", generation=1, restarts=0)
    for name in ("persistence", "control")
)
CONNECTION = ChildStatus(
    id="main/connection",
    group="main.stream",
    phase="running",
    generation=3,
    restarts=2,
    last_reason="link",
)
LIVE = AccountStatus(account="main", exchange="bybit", state="live", since=1_700_000_000_000)


def vitals(**stamps: Any) -> Vitals:
    made = Vitals()
    for name, value in stamps.items():
        setattr(made, name, value)
    return made


def ledger(**counts: Any) -> LedgerVitals:
    made = LedgerVitals()
    for name, value in counts.items():
        setattr(made, name, value)
    return made


def document(
    *,
    state: Any = "running",
    children: tuple[ChildStatus, ...] = (*CORE, CONNECTION),
    groups: tuple[GroupStatus, ...] = (),
    accounts: tuple[AccountStatus, ...] = (LIVE,),
    stamps: dict[str, Vitals] | None = None,
    counts: LedgerVitals | None = None,
    mailboxes: dict[str, Mailbox] | None = None,
    settings: SettingsInfo | None = None,
    alerts: tuple[str, ...] = (),
) -> Document:
    told = AlertVitals()
    told.channels = tuple(ChannelVitals(at, reference) for at, reference in enumerate(alerts))
    return build(
        Readings(
            snapshot=Snapshot(state=state, children=children, groups=groups, accounts=accounts),
            vitals=stamps or {},
            ledger=counts or LedgerVitals(),
            mailboxes=mailboxes or {},
            settings=settings or SettingsInfo("/etc/settings.toml"),
            process=ProcessInfo(version="1.2.3", pid=4711, started_at=1_700_000_000_000),
            boottime=BOOT,
            monotonic=MONO,
            alerts=told,
        )
    )


def test_the_document_is_the_one_of_the_contract_to_the_letter() -> None:
    group = GroupStatus(id="main.stream", mode="half_open", failures=5, retry_at=MONO + 12.34)
    said = document(
        groups=(group,),
        accounts=(
            AccountStatus(
                account="main",
                exchange="bybit",
                state="live",
                since=1_700_000_000_000,
                reconnects=2,
                warnings=("key expires soon",),
                sandbox=True,
            ),
        ),
        stamps={
            "main": vitals(
                transport_at=BOOT - 1.23,
                subscribed_gen=3,
                audit_at=BOOT - 20.08,
                proven={"linear": 1_699_999_000_000, "spot": 1_699_999_500_000},
                last_event_at=1_699_999_500_000,
                duties={"heartbeat": BOOT - 4.2},
                periods={"listen_key": 1200.0, "heartbeat": 20.0},
            )
        },
        counts=ledger(
            sequence=9,
            fills=4,
            orders=2,
            commit=Spread({0.99: 0.40004}, 1, 0.4),
            event_to_commit=Spread({0.99: 1.5}, 1, 1.5),
        ),
        mailboxes={"main/connection": Mailbox(1, 3, 2)},
        settings=SettingsInfo("/etc/settings.toml", "accounts.main: unknown key", ("audit_every is 1",)),
        alerts=("env:HOOK",),
    )
    assert said == {
        "state": "ok",
        "version": "1.2.3",
        "pid": 4711,
        "started_at": 1_700_000_000_000,
        "settings": {
            "path": "/etc/settings.toml",
            "error": "accounts.main: unknown key",
            "warnings": ["audit_every is 1"],
        },
        "accounts": [
            {
                "account": "main",
                "exchange": "bybit",
                "sandbox": True,
                "state": "live",
                "since": 1_700_000_000_000,
                "transport_age_s": 1.2,
                "subscribed": True,
                "audit_age_s": 20.1,
                "proven_to": 1_699_999_000_000,
                "polling": False,
                "reconnects": 2,
                "breaker": {"mode": "half_open", "failures": 5, "retry_in_s": 12.3},
                "last_event_at": 1_699_999_500_000,
                "held_reason": None,
                "warnings": ["key expires soon"],
                "duties": {"heartbeat": 4.2, "listen_key": None},
            }
        ],
        "actors": [
            {
                "id": f"core/{name}",
                "group": "core",
                "phase": "running",
                "generation": 1,
                "restarts": 0,
                "last_reason": None,
                "last_detail": None,
                "mailbox": {"depth": 0, "high": 0, "dropped": 0},
            }
            for name in ("persistence", "control")
        ]
        + [
            {
                "id": "main/connection",
                "group": "main.stream",
                "phase": "running",
                "generation": 3,
                "restarts": 2,
                "last_reason": "link",
                "last_detail": None,
                "mailbox": {"depth": 1, "high": 3, "dropped": 2},
            }
        ],
        "ledger": {
            "sequence": 9,
            "fills": 4,
            "orders": 2,
            "spilled": 0,
            "commit_p99_ms": 0.4,
            "event_to_commit_p50_ms": None,
            "event_to_commit_p99_ms": 1.5,
        },
        "alerts": [
            {
                "channel": 0,
                "reference": "env:HOOK",
                "url": None,
                "state": "unused",
                "error": None,
                "sent": 0,
                "lost": 0,
                "waiting": 0,
            }
        ],
    }
    assert json.loads(json.dumps(said)) == said


def test_what_is_not_known_is_null_and_never_zero() -> None:
    account = document()["accounts"][0]
    unknown = {name for name, value in account.items() if value is None}
    assert unknown == {"transport_age_s", "audit_age_s", "proven_to", "last_event_at", "held_reason"}
    assert account["breaker"] == {"mode": "closed", "failures": 0, "retry_in_s": None}
    assert document()["ledger"]["commit_p99_ms"] is None


def test_a_running_daemon_with_every_account_live_is_ok() -> None:
    assert document()["state"] == "ok"
    assert health(document()) == {"state": "ok", "reasons": []}


@pytest.mark.parametrize(
    "state",
    [
        "starting",
        "connecting",
        "authenticating",
        "subscribing",
        "reconciling",
        "stale",
        "polling",
        "backoff",
        "tripped",
        "held",
        "stopped",
    ],
)
def test_one_account_that_should_be_live_and_is_not_degrades_the_daemon(state: Any) -> None:
    other = AccountStatus(account="other", exchange="binance", state=state, since=0)
    said = document(accounts=(LIVE, other))
    assert said["state"] == "degraded"
    assert health(said)["reasons"] == [f"account other is {state}"]


@pytest.mark.parametrize("state", ["paused", "disabled"])
def test_an_account_that_is_not_meant_to_run_does_not_degrade(state: Any) -> None:
    idle = AccountStatus(account="idle", exchange="binance", state=state, since=0)
    assert document(accounts=(LIVE, idle))["state"] == "ok"


@pytest.mark.parametrize("phase", ["starting", "stopping", "waiting", "down", "abandoned"])
def test_a_child_of_core_that_does_not_run_degrades(phase: Any) -> None:
    web = ChildStatus(id="core/web", group="core", phase=phase, generation=2, restarts=1, last_reason="bug")
    said = document(children=(*CORE, web))
    assert said["state"] == "degraded"
    assert health(said)["reasons"] == [f"core/web is {phase} (bug)"]


def test_a_daemon_without_core_is_not_ok() -> None:
    said = document(children=(CONNECTION,))
    assert health(said) == {"state": "degraded", "reasons": ["core has not started"]}


def test_spilled_facts_degrade() -> None:
    said = document(counts=ledger(spilled=17))
    assert health(said) == {"state": "degraded", "reasons": ["17 facts wait in the spill file"]}


def test_errors_and_warnings_of_the_settings_do_not_change_the_state() -> None:
    assert document(settings=SettingsInfo("p", error="broken", warnings=("w",)))["state"] == "ok"


def test_an_outage_of_a_poller_or_of_a_waiting_stream_child_alone_does_not_degrade() -> None:
    """The account's state says what it sees; its children are only how."""
    poller = ChildStatus(id="main/poller", group="main.poller", phase="waiting", generation=1, restarts=1)
    assert document(children=(*CORE, CONNECTION, poller))["state"] == "ok"


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_a_daemon_on_its_way_up_or_down_says_so_whatever_else_holds(state: Any) -> None:
    said = document(state=state)
    assert said["state"] == state
    assert health(said)["reasons"][0] == f"the daemon is {state}"


def test_a_held_account_says_what_to_fix() -> None:
    held = AccountStatus(account="main", exchange="bybit", state="held", since=0, held_reason="bad key")
    assert health(document(accounts=(held,)))["reasons"] == ["account main is held (bad key)"]


def test_a_tripped_account_says_when_it_tries_again() -> None:
    tripped = AccountStatus(account="main", exchange="bybit", state="tripped", since=0)
    group = GroupStatus(id="main.stream", mode="open", failures=5, retry_at=MONO + 30)
    said = document(accounts=(tripped,), groups=(group,))
    assert health(said)["reasons"] == ["account main is tripped (next attempt in 30 s)"]


def test_the_breaker_of_an_account_is_that_of_its_stream_and_no_other() -> None:
    groups = (
        GroupStatus(id="main.poller", mode="open", failures=9, retry_at=MONO + 1),
        GroupStatus(id="other.stream", mode="held", failures=1),
        GroupStatus(id="main.stream", mode="closed", failures=2),
    )
    breaker = document(groups=groups)["accounts"][0]["breaker"]
    assert breaker == {"mode": "closed", "failures": 2, "retry_in_s": None}


def test_a_retry_that_is_due_is_in_no_seconds_and_never_in_the_past() -> None:
    group = GroupStatus(id="main.stream", mode="open", failures=5, retry_at=MONO - 3)
    assert document(groups=(group,))["accounts"][0]["breaker"]["retry_in_s"] == 0.0


def test_a_stamp_made_while_the_document_is_built_has_age_zero() -> None:
    said = document(stamps={"main": vitals(transport_at=BOOT + 0.5)})
    assert said["accounts"][0]["transport_age_s"] == 0.0


@pytest.mark.parametrize(
    ("acknowledged", "phase", "subscribed"),
    [
        (3, "running", True),
        (2, "running", False),
        (None, "running", False),
        (3, "waiting", False),
        (3, "stopping", False),
        (3, "abandoned", False),
    ],
)
def test_subscribed_is_said_only_of_the_generation_that_runs(
    acknowledged: int | None, phase: Any, subscribed: bool
) -> None:
    child = ChildStatus(id="main/connection", group="main.stream", phase=phase, generation=3, restarts=0)
    said = document(children=(*CORE, child), stamps={"main": vitals(subscribed_gen=acknowledged)})
    assert said["accounts"][0]["subscribed"] is subscribed


def test_an_overdue_duty_degrades_the_daemon_and_is_named() -> None:
    said = document(accounts=(msgspec.structs.replace(LIVE, warnings=("overdue: no key", "else")),))
    assert said["state"] == "degraded"
    assert health(said)["reasons"] == ["account main: overdue: no key"]

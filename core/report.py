"""What `status` and `health` say: the one place where the daemon judges itself.

Pure: everything is read beforehand, at one moment, into Readings; the answer is
the JSON document of the contract. Two rules in words:

* The daemon is `ok` when every enabled, unpaused account is live with none of its
  duties overdue, nothing is spilled and every child of `core` runs; each breach of that is one reason in
  plain words, and there is no other source of `degraded`. Errors and warnings
  of the settings are shown and change nothing: the old settings still hold.
* What is not known is null, never zero: an account that has not been audited
  has no age of its audit.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from core.duties import OVERDUE
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

NOT_EXPECTED_LIVE = frozenset({"paused", "disabled"})
_UNBROKEN = GroupStatus(id="", mode="closed", failures=0)


class MailboxCounts(Protocol):
    """What a mailbox says of itself: waiting now, most ever, thrown away."""

    @property
    def depth(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def dropped(self) -> int: ...


class SettingsInfo(msgspec.Struct, frozen=True):
    """The settings in force; `error` says why the file as it is now was refused."""

    path: str
    error: str | None = None
    warnings: tuple[str, ...] = ()


class ProcessInfo(msgspec.Struct, frozen=True):
    version: str
    pid: int
    started_at: int  # wall ms


class Readings(msgspec.Struct, frozen=True):
    """All that the document is computed from, read at one moment.

    `vitals` by account, `mailboxes` by child id; an account or child that is
    missing there has nothing to say yet.
    """

    snapshot: Snapshot
    vitals: Mapping[str, Vitals]
    ledger: LedgerVitals
    mailboxes: Mapping[str, MailboxCounts]
    settings: SettingsInfo
    process: ProcessInfo
    boottime: float
    monotonic: float
    alerts: AlertVitals = AlertVitals()


def build(readings: Readings) -> Document:
    """The status document, ready for JSON."""
    snapshot, settings, process = readings.snapshot, readings.settings, readings.process
    document: Document = {
        "state": snapshot.state,
        "version": process.version,
        "pid": process.pid,
        "started_at": process.started_at,
        "settings": {
            "path": settings.path,
            "error": settings.error,
            "warnings": list(settings.warnings),
        },
        "accounts": [_account(account, readings) for account in snapshot.accounts],
        "actors": [_actor(child, readings.mailboxes.get(child.id)) for child in snapshot.children],
        "ledger": _ledger(readings.ledger),
        "alerts": [_channel(channel) for channel in readings.alerts.channels],
    }
    if snapshot.state == "running":
        document["state"] = "degraded" if any(_breaches(document)) else "ok"
    return document


def health(document: Document) -> Document:
    """The short form of a status document: its state and every reason why it is not ok."""
    reasons = [] if document["state"] == "ok" else list(_breaches(document))
    if document["state"] in {"starting", "stopping"}:
        reasons.insert(0, f"the daemon is {document['state']}")
    return {"state": document["state"], "reasons": reasons}


def _breaches(document: Document) -> Iterator[str]:
    """Each thing that keeps a running daemon from being ok."""
    core = [actor for actor in document["actors"] if actor["group"] == "core"]
    if not core:
        yield "core has not started"
    for actor in core:
        if actor["phase"] != "running":
            yield f"{actor['id']} is {actor['phase']}{_in_brackets(_end_of(actor))}"
    for account in document["accounts"]:
        if account["state"] != "live" and account["state"] not in NOT_EXPECTED_LIVE:
            yield f"account {account['account']} is {account['state']}{_in_brackets(_why(account))}"
        for warning in account["warnings"]:
            if warning.startswith(OVERDUE):
                yield f"account {account['account']}: {warning}"
    if spilled := document["ledger"]["spilled"]:
        yield f"{spilled} facts wait in the spill file"


def _end_of(actor: Mapping[str, Any]) -> str | None:
    """How its last generation ended, as exactly as is known."""
    told: str | None = actor["last_detail"] or actor["last_reason"]
    return told


def _why(account: Mapping[str, Any]) -> str | None:
    if account["held_reason"]:
        return str(account["held_reason"])
    retry_in = account["breaker"]["retry_in_s"]
    return None if retry_in is None else f"next attempt in {retry_in:.0f} s"


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""


def _account(account: AccountStatus, readings: Readings) -> Document:
    vitals = readings.vitals.get(account.account) or Vitals()
    breaker = _breaker(account.account, readings)
    return {
        "account": account.account,
        "exchange": account.exchange,
        "sandbox": account.sandbox,
        "state": account.state,
        "since": account.since,
        "transport_age_s": _age(readings.boottime, vitals.transport_at),
        "subscribed": _is_subscribed(account.account, vitals, readings.snapshot),
        "audit_age_s": _age(readings.boottime, vitals.audit_at),
        "proven_to": vitals.proven_to,
        "polling": account.polling,
        "reconnects": account.reconnects,
        "breaker": breaker,
        "last_event_at": vitals.last_event_at,
        "held_reason": account.held_reason,
        "warnings": list(account.warnings),
        "duties": {duty: _age(readings.boottime, vitals.duties.get(duty)) for duty in sorted(vitals.periods)},
    }


def _breaker(account: str, readings: Readings) -> Document:
    """The breaker of an account is that of its stream: the poller's never makes it blind."""
    groups = (group for group in readings.snapshot.groups if group.id == f"{account}.stream")
    group = next(groups, _UNBROKEN)
    retry_in = None if group.retry_at is None else _seconds(group.retry_at - readings.monotonic)
    return {"mode": group.mode, "failures": group.failures, "retry_in_s": retry_in}


def _is_subscribed(account: str, vitals: Vitals, snapshot: Snapshot) -> bool:
    """Whether the generation that runs now was acknowledged: an older one's word is worth nothing."""
    return any(
        child.id == f"{account}/connection"
        and child.phase == "running"
        and child.generation == vitals.subscribed_gen
        for child in snapshot.children
    )


def _actor(child: ChildStatus, mailbox: MailboxCounts | None) -> Document:
    return {
        "id": child.id,
        "group": child.group,
        "phase": child.phase,
        "generation": child.generation,
        "restarts": child.restarts,
        "last_reason": child.last_reason,
        "last_detail": child.last_detail,
        "mailbox": {
            "depth": mailbox.depth if mailbox else 0,
            "high": mailbox.high if mailbox else 0,
            "dropped": mailbox.dropped if mailbox else 0,
        },
    }


def _ledger(vitals: LedgerVitals) -> Document:
    return {
        "sequence": vitals.sequence,
        "fills": vitals.fills,
        "orders": vitals.orders,
        "spilled": vitals.spilled,
        "commit_p99_ms": _ms(vitals.commit.at(0.99)),
        "event_to_commit_p50_ms": _ms(vitals.event_to_commit.at(0.5)),
        "event_to_commit_p99_ms": _ms(vitals.event_to_commit.at(0.99)),
    }


def _channel(channel: ChannelVitals) -> Document:
    return {
        "channel": channel.channel,
        "reference": channel.reference,
        "url": channel.url,
        "state": channel.state,
        "error": channel.error,
        "sent": channel.sent,
        "lost": channel.lost,
        "waiting": channel.waiting,
    }


def _ms(latency: float | None) -> float | None:
    """Microseconds are the last that a clock can be believed."""
    return None if latency is None else round(latency, 3)


def _age(now: float, at: float | None) -> float | None:
    return None if at is None else _seconds(now - at)


def _seconds(value: float) -> float:
    """Tenths are what anybody can use; a stamp a moment younger than `now` is age 0."""
    return round(max(0.0, value), 1)

"""Feeds the state machine of every account with what happens around it.

This file decides which event of `core.account` follows from what the
supervisor sees. Two kinds of source:

* What the children themselves say (`heard`). The word of a generation without
  authority counts for nothing (S7).
* What the supervision machine shows (`look`). It is level-triggered: after each
  step the connection's phase and the group's breaker are compared with what the
  account believes, so no interleaving of deaths, pauses and resets can leave an
  account in a state that its connection left long ago.

It carries nothing out: every call returns effects, each with its account.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, assert_never

from core import account as machine
from core import blindness, duties, reconcile
from core.account import Account, Effect
from core.clock import Clock
from core.incidents import Duty
from core.messages import (
    AccountRefused,
    Audited,
    Polled,
    PollFailed,
    Reconciled,
    ResyncNeeded,
    StreamProgressed,
    Warned,
)
from core.records import Incident, Record, Severity
from core.status import AccountState, AccountStatus, ChildStatus, GroupStatus, Vitals
from host.plan import AccountPlan

Heard = StreamProgressed | ResyncNeeded | Reconciled | Audited | Polled | PollFailed | AccountRefused | Warned
Effects = list[tuple[AccountPlan, Effect]]


class Accounts:
    """Every account of the daemon. One thread only."""

    def __init__(
        self,
        clock: Clock,
        plans: Sequence[AccountPlan],
        vitals: Mapping[str, Vitals],
        record: Callable[[Record], object] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._vitals = vitals
        self._record = record
        self._late: dict[str, dict[Duty, str]] = {}  # account -> duties that are overdue, as they were told
        self._not_live_since: dict[str, float] = {}
        self._blind: dict[
            str, Severity | None
        ] = {}  # as it was told; a missing one an earlier daemon may have told
        self._plans: dict[str, AccountPlan] = {}
        self._states: dict[str, Account] = {}
        for plan in plans:
            self.add(plan)

    def add(self, plan: AccountPlan) -> None:
        """Begin anew with this account."""
        self._plans[plan.account] = plan
        self._states[plan.account] = Account(
            account=plan.account,
            exchange=plan.exchange,
            state="starting" if plan.enabled else "disabled",
            since=self._clock.wall_ms(),
        )

    def replan(self, plan: AccountPlan) -> None:
        """The account stays what it is and goes by another plan."""
        self._plans[plan.account] = plan

    def remove(self, name: str) -> None:
        """Forget it; its duties are nobody's any more, and nobody is blind on it."""
        for duty, text in self._late.pop(name, {}).items():
            key = f"{name}:stream:{duty}"
            self._record(Incident(self._clock.wall_ms(), key, duty, "critical", text, name, resolved=True))
        self._say_blind(name, None, "the account was removed")
        del self._plans[name], self._states[name]
        for memory in (self._blind, self._not_live_since):
            memory.pop(name, None)

    def names(self) -> list[str]:
        """Every account, the disabled ones too."""
        return list(self._plans)

    def plan(self, name: str) -> AccountPlan:
        """Who works for the account."""
        return self._plans[name]

    def state(self, name: str) -> Account:
        """The account as it is seen now."""
        return self._states[name]

    def of_poller(self, child: str) -> AccountPlan | None:
        """The account that this poller works for."""
        return next((plan for plan in self._plans.values() if plan.poller == child), None)

    def statuses(self) -> tuple[AccountStatus, ...]:
        """What `status` shows of them."""
        return tuple(
            AccountStatus(
                account=account.account,
                exchange=account.exchange,
                state=account.state,
                since=account.since,
                polling=account.polling,
                reconnects=account.reconnects,
                held_reason=account.held_reason,
                warnings=tuple(text for _, text in account.warnings),
                sandbox=self._plans[account.account].sandbox,
            )
            for account in self._states.values()
        )

    # ----------------------------------------------------------------- sources

    def feed(self, name: str, event: machine.Event) -> Effects:
        """One event of one account."""
        self._states[name], effects = machine.step(self._states[name], event, self._clock.wall_ms())
        return [(self._plans[name], effect) for effect in effects]

    def feed_all(self, event: machine.Event) -> Effects:
        """One event for everybody."""
        return [pair for name in self._plans for pair in self.feed(name, event)]

    def heard(self, message: Heard) -> Effects:
        """What a child says of its account; the caller has checked its generation."""
        if message.account not in self._states:
            return []
        return self.feed(message.account, _event_of(message))

    def look(self, children: Mapping[str, ChildStatus], groups: Mapping[str, GroupStatus]) -> Effects:
        """Bring every account up to what the supervision machine shows."""
        connections: dict[str, ChildStatus] = {}
        for child in children.values():
            connections.setdefault(child.group, child)
        effects: Effects = []
        for name, plan in self._plans.items():
            if plan.stream not in groups or plan.poller not in children:
                continue
            stream, poller = groups[plan.stream], groups[children[plan.poller].group]
            seen = _Seen(connections[plan.stream], stream, (stream, poller))
            before = None
            while before != self._states[name] and (event := _missed(self._states[name], seen)) is not None:
                before = self._states[name]
                effects += self.feed(name, event)
        return effects

    def overdue(self) -> Effects:
        """Call it each second: who is blind, whose duties are overdue, who is live and not audited for too long."""
        now = self._clock.boottime()
        effects: Effects = []
        for name, plan in self._plans.items():
            self._look_at_sight(name, plan, now)
            vitals = self._vitals.get(name)
            if vitals is not None:
                effects += self._look_at_duties(name, vitals, now)
            if self._states[name].state != "live" or vitals is None or vitals.audit_at is None:
                continue
            if reconcile.is_overdue(now, vitals.audit_at, vitals.closed_until, plan.audit_every):
                effects += self.feed(name, machine.AuditOverdue())
        return effects

    def _look_at_sight(self, name: str, plan: AccountPlan, now: float) -> None:
        """An incident for an account that is not live for long, or held; taken back when it is."""
        lasting = now - self._not_live_since.setdefault(name, now)
        match blindness.judged(self._states[name], lasting, plan.blind_after):
            case "fine":
                self._not_live_since.pop(name)
                self._say_blind(name, None, f"the account is {self._states[name].state}")
            case (severity, text) if self._blind.get(name) not in (severity, "critical"):
                self._say_blind(name, severity, text)

    def _say_blind(self, name: str, severity: Severity | None, text: str) -> None:
        """None takes it back, also what an earlier daemon left open."""
        if name in self._blind and self._blind[name] == severity:
            return
        self._blind[name] = severity
        at, key = self._clock.wall_ms(), f"{name}:{blindness.KIND}"
        self._record(
            Incident(at, key, blindness.KIND, severity or "info", text, name, resolved=severity is None)
        )

    def _look_at_duties(self, name: str, vitals: Vitals, now: float) -> Effects:
        """A warning and an incident for each that is overdue, taken back when it has succeeded again.

        The incident is the one that the connection may have opened when the duty failed.
        """
        before = self._late.get(name, {})
        found = duties.overdue(self._states[name].state, dict(vitals.duties), dict(vitals.periods), now)
        effects: Effects = []
        for duty in (before.keys() | found.keys()) - (before.keys() & found.keys()):
            text = found.get(duty)
            effects += self.feed(name, machine.WarningSet(f"duty:{duty}", text))
            key, told = f"{name}:stream:{duty}", text or before[duty]
            at = self._clock.wall_ms()
            self._record(Incident(at, key, duty, "critical", told, name, resolved=text is None))
        self._late[name] = {duty: before.get(duty, text) for duty, text in found.items()}
        return effects


class _Seen(NamedTuple):
    """What the supervision machine shows of one account."""

    connection: ChildStatus
    stream: GroupStatus
    groups: tuple[GroupStatus, ...]


def _missed(account: Account, seen: _Seen) -> machine.Event | None:
    """The next event that leads the account to what is seen; None when it is there."""
    held = next((group for group in seen.groups if group.mode == "held"), None)
    if held is not None and account.held_reason is None:
        return machine.Refused(held.held_reason or "held")
    connection = seen.connection
    if connection.phase in ("starting", "running"):
        if account.stream_gen != connection.generation:
            return machine.StreamStarting(connection.generation)
        if connection.phase == "running" and account.state in _UNSUBSCRIBED:
            return machine.StreamSubscribed(connection.generation)
        return None
    mode: Literal["backoff", "tripped"] = "tripped" if seen.stream.mode == "open" else "backoff"
    if account.stream_gen is not None or account.state in _WRONG[mode]:
        return machine.StreamLost(_why(connection), mode)
    return None


_UNSUBSCRIBED: frozenset[AccountState] = frozenset({"connecting", "authenticating", "subscribing"})
_WRONG: Mapping[str, frozenset[AccountState]] = {
    "tripped": frozenset({"starting", "backoff", "polling"}),
    "backoff": frozenset({"tripped"}),
}
"""States without a stream that do not fit a breaker which is open, or is not."""


def _why(connection: ChildStatus) -> str:
    if connection.phase == "stopping":
        return "the connection is being stopped"
    return f"{connection.last_reason or 'ended'}: {connection.last_detail or 'no reason given'}"


def _event_of(message: Heard) -> machine.Event:
    match message:
        case StreamProgressed(stage=stage):
            return machine.StreamProgressed(stage)
        case ResyncNeeded(cause=cause):
            return machine.ResyncRequested(cause)
        case Reconciled(stream_gen=gen):
            return machine.StreamReconciled(gen)
        case Audited(repaired=repaired, streamed=streamed):
            return machine.AuditCompleted(repaired, streamed)
        case Polled():
            return machine.PollCompleted()
        case PollFailed():
            return machine.PollFailed()
        case AccountRefused(why=why):
            return machine.Refused(why)
        case Warned(key=key, text=text):
            return machine.WarningSet(key, text)
    assert_never(message)

"""Which state an account is in, and what follows from each event.

This file decides one thing: when vigil may say of an account that it sees. It
knows no actor, no socket and no clock; the supervisor feeds it one event at a
time and carries out the effects it answers with.

Theory of operation
-------------------

* An enabled account begins in `starting`. A new stream generation brings it to
  `connecting`; the session's own progress through `authenticating` and
  `subscribing`; the acknowledgement on that very socket to `reconciling`.
* `live` is reached from `reconciling` only, by a complete reconcile that began
  after the present generation was subscribed. A reconcile, or an
  acknowledgement, of an older generation proves nothing and changes nothing.
* A stream that is lost leads to `backoff` (waiting for the next attempt), or to
  `tripped` while the breaker is open. A poll that completes while we wait turns
  `backoff` into `polling`: REST is the only source, and it works. One that fails
  turns it back. `tripped` stays `tripped`; there, as in every blind state, the flag
  `polling` says which it is.
* A new generation may start from any running state: what the old one had
  earned is forgotten.
* An audit that repaired facts while the stream delivered none is mute. One mute
  audit means nothing, two in a row mean `stale` and a new connection, and no
  later audit makes that connection trustworthy again. A repair alone does not
  leave `live`, and silence alone means nothing: a quiet account is healthy.
* An audit that is overdue makes a live account `stale` too, but the connection
  is kept: the next complete audit brings it back to `live`.
* A resynchronisation that the exchange demands takes `live` back to
  `reconciling`: the socket lives, but what came through it may have a hole.
* `held` (key or permission is wrong) is left only by a reset or by changed
  settings. It outlasts a pause: resuming a held account holds it again.
* `paused`, `disabled` and `stopped` run nothing, so nothing that a late child
  says moves them. `stopped` is the end.

The table below is this text once more. Its keys are event types, or an event
type with the one word of the event that matters. A missing key means that the
event comes too late, or proves nothing, in that state: children and supervisor
run side by side, so such events are normal, and they change nothing. The
diagram in docs/diagrams.md is drawn from the table.
"""

from typing import Literal

import msgspec

from core.messages import Hold, ReconcileNow, Release, StreamDown, StreamUp
from core.status import AccountState

MUTE_LIMIT = 2
"""This many mute audits in a row condemn a connection."""

Stage = Literal["connecting", "authenticating", "subscribing"]
ToPoller = StreamUp | StreamDown | Hold | Release | ReconcileNow


class Account(msgspec.Struct, frozen=True):
    """One account as the supervisor sees it.

    `since` is wall time in ms. `stream_gen` is the living generation of the
    stream, None while there is none. `polling` says that the last poll since we
    went blind has completed: REST is the source now, and it works. `reconnects`
    counts how often the stream came up again. `warnings` are (key, text).
    """

    account: str
    exchange: str
    state: AccountState = "starting"
    since: int = 0
    stream_gen: int | None = None
    polling: bool = False
    reconnects: int = 0
    held_reason: str | None = None
    mute_audits: int = 0
    warnings: tuple[tuple[str, str], ...] = ()
    been_up: bool = False


# ---------------------------------------------------------------------- events


class Enabled(msgspec.Struct, frozen=True):
    """The settings enable the account, or have changed for it."""


class StreamStarting(msgspec.Struct, frozen=True):
    gen: int


class StreamProgressed(msgspec.Struct, frozen=True):
    stage: Stage


class StreamSubscribed(msgspec.Struct, frozen=True):
    """Acknowledged on the socket of generation `gen`."""

    gen: int


class StreamReconciled(msgspec.Struct, frozen=True):
    """A complete reconcile that began after generation `stream_gen` was subscribed."""

    stream_gen: int


class StreamLost(msgspec.Struct, frozen=True):
    cause: str
    mode: Literal["backoff", "tripped"] = "backoff"


class PollCompleted(msgspec.Struct, frozen=True):
    pass


class PollFailed(msgspec.Struct, frozen=True):
    pass


class AuditCompleted(msgspec.Struct, frozen=True):
    """`repaired` facts were older than 5 s; `streamed` came by stream since the audit before."""

    repaired: int
    streamed: int


class AuditOverdue(msgspec.Struct, frozen=True):
    """No audit has completed for 3 × audit_every, declared bans not counted."""


class Refused(msgspec.Struct, frozen=True):
    """Key or permission is wrong; `why` says what to fix."""

    why: str


class WasReset(msgspec.Struct, frozen=True):
    """A person asked to try again."""


class Paused(msgspec.Struct, frozen=True):
    pass


class Resumed(msgspec.Struct, frozen=True):
    pass


class WasDisabled(msgspec.Struct, frozen=True):
    pass


class Stopping(msgspec.Struct, frozen=True):
    """The daemon goes down."""


class ResyncRequested(msgspec.Struct, frozen=True):
    """Events may have been missed although the socket lives; without `is_hole` a person only asks."""

    cause: str
    is_hole: bool = True


class WarningSet(msgspec.Struct, frozen=True):
    """A standing warning by key; None takes it back. Welcome in every state."""

    key: str
    text: str | None


Event = (
    Enabled
    | StreamStarting
    | StreamProgressed
    | StreamSubscribed
    | StreamReconciled
    | StreamLost
    | PollCompleted
    | PollFailed
    | AuditCompleted
    | AuditOverdue
    | Refused
    | WasReset
    | Paused
    | Resumed
    | WasDisabled
    | Stopping
    | ResyncRequested
    | WarningSet
)

# --------------------------------------------------------------------- effects


class TellPoller(msgspec.Struct, frozen=True):
    message: ToPoller


class RestartStream(msgspec.Struct, frozen=True):
    """The connection is alive but deaf: begin a new generation."""

    cause: str


class HoldAccount(msgspec.Struct, frozen=True):
    """Stop the stream's group and do not try again by yourself (S17)."""

    why: str


class Entered(msgspec.Struct, frozen=True):
    """The account changed its state: log and record it (S36)."""

    previous: AccountState
    state: AccountState
    cause: str


Effect = TellPoller | RestartStream | HoldAccount | Entered

# ------------------------------------------------------------------- the table

Trigger = type[Event] | tuple[type[Event], str]
Row = dict[Trigger, AccountState]

_ENDS: Row = {WasDisabled: "disabled", Stopping: "stopped"}
_RUNS: Row = {StreamStarting: "connecting", Refused: "held", Paused: "paused", **_ENDS}
_LOSES: Row = {(StreamLost, "backoff"): "backoff", (StreamLost, "tripped"): "tripped"}
_CONNECTS: Row = {
    (StreamProgressed, "connecting"): "connecting",
    (StreamProgressed, "authenticating"): "authenticating",
    (StreamProgressed, "subscribing"): "subscribing",
    StreamSubscribed: "reconciling",
}


def _polled(state: AccountState) -> Row:
    """A state that does not say by itself whether polls get through: the flag does."""
    return {PollCompleted: state, PollFailed: state}


TRANSITIONS: dict[AccountState, Row] = {
    "starting": _RUNS | _LOSES | _polled("starting") | {ResyncRequested: "starting"},
    "connecting": _RUNS | _LOSES | _CONNECTS | _polled("connecting") | {ResyncRequested: "connecting"},
    "authenticating": _RUNS
    | _LOSES
    | _CONNECTS
    | _polled("authenticating")
    | {ResyncRequested: "authenticating"},
    "subscribing": _RUNS | _LOSES | _CONNECTS | _polled("subscribing") | {ResyncRequested: "subscribing"},
    "reconciling": _RUNS | _LOSES | {StreamReconciled: "live", ResyncRequested: "reconciling"},
    "live": _RUNS
    | _LOSES
    | {
        (AuditCompleted, "trusted"): "live",
        (AuditCompleted, "mute"): "stale",
        AuditOverdue: "stale",
        ResyncRequested: "reconciling",
    },
    "stale": _RUNS
    | _LOSES
    | {
        (AuditCompleted, "trusted"): "live",
        (AuditCompleted, "mute"): "stale",
        StreamReconciled: "live",
        **_polled("stale"),
        ResyncRequested: "stale",
    },
    "backoff": _RUNS | _LOSES | {PollCompleted: "polling", PollFailed: "backoff", ResyncRequested: "backoff"},
    "polling": _RUNS | _LOSES | {PollCompleted: "polling", PollFailed: "backoff", ResyncRequested: "polling"},
    "tripped": _RUNS | _LOSES | _polled("tripped") | {ResyncRequested: "tripped"},
    "held": {WasReset: "starting", Enabled: "starting", Paused: "paused", **_ENDS},
    "paused": {
        (Resumed, "free"): "starting",
        (Resumed, "held"): "held",
        WasReset: "paused",
        Enabled: "paused",
        **_ENDS,
    },
    "disabled": {Enabled: "starting", Stopping: "stopped"},
    "stopped": {},
}

SEEING: frozenset[AccountState] = frozenset({"reconciling", "live", "stale"})
"""The stream was acknowledged in these; the poller takes part as auditor."""
UNWATCHED: frozenset[AccountState] = frozenset({"held", "paused", "disabled", "stopped"})
"""Nothing signed is sent in these."""

# -------------------------------------------------------------------- stepping


def step(account: Account, event: Event, now_ms: int) -> tuple[Account, tuple[Effect, ...]]:
    """What `event` makes of `account`, and what is to be done about it, in order.

    Every change of state yields exactly one `Entered`, as the last effect. The
    caller drops events of dead generations that bear no number here (S7), and
    tells a poller that newly came up what `briefing` says.
    """
    if isinstance(event, WarningSet):
        return _warned(account, event), ()
    trigger = _trigger(account, event)
    following = TRANSITIONS[account.state].get(trigger) if trigger is not None else None
    if following is None:
        return account, ()
    after = _remembered(account, event, following)
    if following != account.state:
        after = msgspec.structs.replace(after, state=following, since=now_ms)
    return after, _effects(account, after, event)


def briefing(account: Account) -> ToPoller | None:
    """What a poller that has just come up must be told; None where it has no work."""
    if account.held_reason is not None:
        return Hold(account.held_reason)
    if account.state in UNWATCHED:
        return None
    if account.state in SEEING and account.stream_gen is not None and not _condemned(account):
        return StreamUp(account.stream_gen)
    return StreamDown(account.state)


def _trigger(account: Account, event: Event) -> Trigger | None:
    """The table's key for this event; None where it proves nothing."""
    match event:
        case StreamProgressed(stage=stage):
            return (StreamProgressed, stage)
        case StreamLost(mode=mode):
            return (StreamLost, mode)
        case StreamSubscribed(gen=gen) if gen != account.stream_gen:
            return None
        case StreamReconciled(stream_gen=gen) if gen != account.stream_gen:
            return None
        case StreamReconciled() | AuditCompleted() if _condemned(account):
            return None
        case AuditCompleted():
            mute = _mute_audits(account, event) >= MUTE_LIMIT
            return (AuditCompleted, "mute" if mute else "trusted")
        case Resumed():
            return (Resumed, "free" if account.held_reason is None else "held")
    return type(event)


def _mute_audits(account: Account, event: AuditCompleted) -> int:
    return account.mute_audits + 1 if event.repaired and not event.streamed else 0


def _condemned(account: Account) -> bool:
    """The connection was found mute: only another one can be trusted."""
    return account.mute_audits >= MUTE_LIMIT


def _remembered(account: Account, event: Event, following: AccountState) -> Account:
    """The account with what the event taught us, its state apart."""
    changed: dict[str, object] = {}
    match event:
        case StreamStarting(gen=gen):
            changed = {"stream_gen": gen, "mute_audits": 0}
        case StreamSubscribed():
            changed = {"reconnects": account.reconnects + account.been_up, "been_up": True}
        case StreamLost():
            changed = {"stream_gen": None, "mute_audits": 0}
        case PollCompleted() | PollFailed():
            changed = {"polling": isinstance(event, PollCompleted)}
        case AuditCompleted():
            changed = {"mute_audits": _mute_audits(account, event)}
        case Refused(why=why):
            changed = {"held_reason": why}
        case WasReset() | Enabled() | WasDisabled():
            changed = {"held_reason": None}
        case _:
            pass
    if following in UNWATCHED:
        changed |= {"stream_gen": None, "mute_audits": 0}
    if following in UNWATCHED or following == "live":
        changed["polling"] = False
    return msgspec.structs.replace(account, **changed)


def _effects(before: Account, after: Account, event: Event) -> tuple[Effect, ...]:
    effects: list[Effect] = [TellPoller(message) for message in _to_poller(before, after, event)]
    if isinstance(event, AuditCompleted) and after.state == "stale":
        effects.append(RestartStream(_cause(event)))
    if after.state == "held" and after.held_reason is not None:
        effects.append(HoldAccount(after.held_reason))
    if after.state != before.state:
        effects.append(Entered(before.state, after.state, _cause(event)))
    return tuple(effects)


def _to_poller(before: Account, after: Account, event: Event) -> tuple[ToPoller, ...]:
    """The poller's orders. It is told nothing where it is stopped with its account."""
    match event:
        case StreamSubscribed(gen=gen):
            return (StreamUp(gen),)
        case Refused(why=why):
            return (Hold(why),)
        case ResyncRequested(cause=cause, is_hole=is_hole):
            return (ReconcileNow(cause, is_hole),)
        case WasReset() | Enabled() if before.state == "held":
            return (Release(), StreamDown(_cause(event)))
        case StreamStarting() | StreamLost() if before.state in SEEING:
            return (StreamDown(_cause(event)),)
        case AuditCompleted() if after.state == "stale":
            return (StreamDown(_cause(event)),)
    return ()


def _cause(event: Event) -> str:
    """Why the state changed, for people and for the history."""
    match event:
        case StreamStarting(gen=gen):
            return f"stream generation {gen} starts"
        case StreamReconciled(stream_gen=gen):
            return f"reconciled for stream generation {gen}"
        case StreamSubscribed(gen=gen):
            return f"stream generation {gen} is subscribed"
        case StreamLost(cause=text) | ResyncRequested(cause=text) | Refused(why=text):
            return text
        case AuditCompleted(repaired=repaired, streamed=0) if repaired:
            return f"the stream is mute: an audit repaired {repaired} facts and it delivered none"
    return _CAUSES.get(type(event), "")


_CAUSES: dict[type[Event], str] = {
    Enabled: "enabled or changed by the settings",
    StreamProgressed: "the session came one stage further",
    PollCompleted: "a poll completed",
    PollFailed: "a poll failed",
    AuditCompleted: "an audit completed",
    AuditOverdue: "the audit is overdue",
    WasReset: "reset by a person",
    Paused: "paused by a person",
    Resumed: "resumed by a person",
    WasDisabled: "disabled by the settings",
    Stopping: "the daemon stops",
}


def _warned(account: Account, event: WarningSet) -> Account:
    kept = tuple(pair for pair in account.warnings if pair[0] != event.key)
    added = () if event.text is None else ((event.key, event.text),)
    return msgspec.structs.replace(account, warnings=kept + added)

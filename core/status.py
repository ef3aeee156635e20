"""What `status` says, and what it is made of.

The supervisor publishes an immutable Snapshot; readers, pollers and the
persistence actor stamp Vitals and LedgerVitals as they work; the status
document is computed from those at the moment somebody asks (S37): asking never
goes through an actor, so a hung one cannot make the daemon mute.

Vitals are plain attributes with exactly one writer each; a reader may see two
of them a moment apart, and nothing here depends on their being of one moment.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from core.alerts import ChannelState
from core.coverage import Sight
from core.incidents import Duty
from core.latency import UNMEASURED
from core.owed import Owed

Phase = Literal["starting", "running", "stopping", "waiting", "down", "abandoned"]
BreakerMode = Literal["closed", "open", "half_open", "held"]
AccountState = Literal[
    "starting",
    "connecting",
    "authenticating",
    "subscribing",
    "reconciling",
    "live",
    "stale",
    "polling",
    "backoff",
    "tripped",
    "held",
    "paused",
    "disabled",
    "stopped",
]


class ChildStatus(msgspec.Struct, frozen=True):
    """`mailbox` is filled in by whoever holds the mailbox, when asked."""

    id: str
    group: str
    phase: Phase
    generation: int
    restarts: int
    last_reason: str | None = None
    last_detail: str | None = None
    started_at: float | None = None  # boottime of the present generation
    last_pong_at: float | None = None  # boottime


class GroupStatus(msgspec.Struct, frozen=True):
    id: str
    mode: BreakerMode
    failures: int
    retry_at: float | None = None  # monotonic
    held_reason: str | None = None


class AccountStatus(msgspec.Struct, frozen=True):
    account: str
    exchange: str
    state: AccountState
    since: int  # wall ms
    polling: bool = False
    reconnects: int = 0
    held_reason: str | None = None
    warnings: tuple[str, ...] = ()
    sandbox: bool = False  # at the built-in one


class Snapshot(msgspec.Struct, frozen=True):
    """One published view of the whole tree (S37)."""

    state: Literal["starting", "running", "stopping"]
    children: tuple[ChildStatus, ...] = ()
    groups: tuple[GroupStatus, ...] = ()
    accounts: tuple[AccountStatus, ...] = ()
    core_ready: bool = False
    abandoned: int = 0
    stale_messages: int = 0


class Vitals:
    """The stamps of one account; ages are on the boottime clock, events in wall ms."""

    def __init__(self, proven: Mapping[str, int] | None = None) -> None:
        """`proven` is what an earlier daemon proved, by category."""
        self.transport_at: float | None = None  # reader: last byte or pong of the peer
        self.subscribed_gen: int | None = None  # reader: acknowledged on this very socket
        self.audit_at: float | None = None  # poller: last complete audit or reconcile
        self.proven: Mapping[str, int] = proven or {}  # poller: category -> ms, exchange time; never falls
        self.sight = Sight()  # poller: since when somebody watches
        self.closed_until: float = 0.0  # poller: until then the exchange forbids every call
        self.last_event_at: int | None = None  # reader: wall ms of the last business event
        self.duties: dict[Duty, float] = {}  # whoever performs it: duty -> last success
        self.periods: dict[Duty, float] = {}  # duty -> seconds in which it should succeed once
        self.key_life: float | None = None  # reader: seconds that a listen key lives after a renewal
        self.streamed: int = 0  # reader: facts delivered by the stream so far
        self.owed = Owed()  # reader: balances that the stream has still to tell; the poller looks

    @property
    def proven_to(self) -> int | None:
        """Up to when every category is proven; None before the first proof."""
        return min(self.proven.values(), default=None)


class LedgerVitals:
    """The stamps of the one writer."""

    def __init__(self) -> None:
        self.sequence: int = 0
        self.fills: int = 0
        self.orders: int = 0
        self.spilled: int = 0
        self.commit = UNMEASURED
        self.event_to_commit = UNMEASURED
        self.news: Mapping[tuple[str, str], int] = {}  # (account, source) -> facts that changed a view
        self.open_incidents: Mapping[str, int] | None = None  # by severity; None before the ledger is open


class ChannelVitals:
    """The stamps of one address of `alerts.urls`: what became of the messages for it."""

    def __init__(self, channel: int, reference: str) -> None:
        self.channel = channel
        self.reference = reference
        self.url: str | None = None  # what may be shown of it, once it was looked up
        self.state: ChannelState = "unused"
        self.error: str | None = None  # why the last attempt failed
        self.sent = 0
        self.lost = 0
        self.waiting = 0


class AlertVitals:
    """The channels of the notifier that runs now."""

    def __init__(self) -> None:
        self.channels: tuple[ChannelVitals, ...] = ()


class WebVitals:
    """The stamp of the page's server."""

    def __init__(self) -> None:
        self.address: str | None = None  # where it listens, None while it does not


Document = dict[str, Any]

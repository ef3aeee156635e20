"""What vigil itself states, beside the facts of the exchanges.

Records are the daemon's own history: what an actor or an account went through,
what was proven, what somebody should look at. They go the way of the facts
(inlet, spill, one transaction), so that a dead or slow database loses none.
"""

from typing import TYPE_CHECKING, Literal

import msgspec

from core.facts import Batch
from core.intents import Placement

if TYPE_CHECKING:
    from core.incidents import Kind
else:  # read back, it may be one of another version: no spill is refused for a word
    Kind = str

Severity = Literal["info", "warning", "critical"]


class ActorEvent(msgspec.Struct, frozen=True, gc=False, tag="actor_event"):
    """One transition of one child, in the past tense (S36)."""

    at: int
    boot: str
    child: str
    gen: int
    event: str
    detail: str | None = None


class ConnectionState(msgspec.Struct, frozen=True, gc=False, tag="connection_state"):
    """An account entered a state of DESIGN section 6."""

    at: int
    account: str
    state: str
    previous: str
    cause: str


class Proof(msgspec.Struct, frozen=True, gc=False, tag="proof"):
    """A complete REST answer agreed with the ledger over [since, until], ms.

    From `watched` on we saw what happened as it happened; before that nobody did,
    and it is proven by hindsight only (core/coverage). `repaired` facts were missing.
    """

    at: int
    account: str
    category: str
    since: int
    until: int
    source: str
    repaired: int = 0
    watched: int = 0


class Incident(msgspec.Struct, frozen=True, gc=False, tag="incident"):
    """Something a person should know. Equal `key`s are one incident until resolved."""

    at: int
    key: str
    kind: Kind
    severity: Severity
    text: str
    account: str | None = None
    resolved: bool = False


class Acknowledged(msgspec.Struct, frozen=True, gc=False, tag="acknowledged"):
    """A person has seen the incident of that id; the first time counts."""

    at: int
    incident: int


class DeadLetter(msgspec.Struct, frozen=True, gc=False, tag="dead_letter"):
    """A message that nobody handled (S29 to S31)."""

    at: int
    child: str
    gen: int
    message: str
    reason: str


class Remember(msgspec.Struct, frozen=True, gc=False, tag="remember"):
    """One value that must survive a restart (a paused account, a chosen flow)."""

    at: int
    key: str
    value: str | None


IntentState = Literal["intended", "withheld", "accepted", "refused", "unclear", "absent", "over"]
"""What is known of an order that we want.

`intended` is committed before its request may leave, so it is also what a process
that was killed leaves behind: its order may exist, and may not. `unclear` says so in
as many words. `withheld` = it never left or was never looked at, `accepted` = the
exchange has it, `refused` = it did not want it, `absent` = proven that it never had it,
`over` = the order has ended.
"""
UNANSWERED: frozenset[IntentState] = frozenset({"intended", "unclear"})
"""Somebody has to ask the exchange for these by their client order id, before anything else."""
MAY_LIVE: frozenset[IntentState] = UNANSWERED | {"accepted"}
"""There may be an order of ours for these."""


class Intended(msgspec.Struct, frozen=True, gc=False, tag="intent"):
    """An order that we want, and what is known of it; the last one by its client order id counts.

    `by` is who wants it: the trader, or a front. `sent_at` (exchange time, ms) is the latest
    moment at which its request can have left, None while it may yet leave.
    """

    at: int
    order: Placement
    state: IntentState
    by: str
    order_id: str | None = None
    why: str | None = None
    sent_at: int | None = None


class Traded(msgspec.Struct, frozen=True, gc=False, tag="trade"):
    """One trade as it stands; `detail` is a core/lots Lot as JSON, `seq` where its BUY fill stands."""

    at: int
    id: str
    account: str
    category: str
    symbol: str
    state: str
    detail: str
    seq: int


Record = (
    ActorEvent | ConnectionState | Proof | Incident | Acknowledged | DeadLetter | Remember | Intended | Traded
)
Entry = Batch | Record

"""What goes into the supervision machine and what comes out of it.

Events are past tense and say what happened; commands say what the shell should
do now. `Ready`, `Down`, `Pong` and `ThreadEnded` come from the children and
stand in `core.messages`; the rest of the vocabulary is here. Nothing in it
holds an actor, a thread or a clock, so that whole lives of the daemon can be
written down as lists.

A *target* is what a person may name: a child id (`main/connection`), a group
id (`main.stream`) or an account (`main`, all of its groups).
"""

from typing import Literal

import msgspec

from core.messages import Down, Pong, Ready, ThreadEnded
from core.tree import GroupSpec

# ----------------------------------------------------------------- events in


class GroupAdded(msgspec.Struct, frozen=True, gc=False):
    """A group is wanted from now on.

    Under the id of a group that was removed and still stops, it takes over when
    that one is down. A spec with problems, or an id in use, is refused and Noted.
    `paused`: not before its GroupResumed.
    """

    spec: GroupSpec
    paused: bool = False


class GroupRemoved(msgspec.Struct, frozen=True, gc=False):
    """A group is no longer wanted: stopped in order, then forgotten (`group_removed`)."""

    group: str


class GroupRetuned(msgspec.Struct, frozen=True, gc=False):
    """A group keeps its children, their generations and failures, and goes by these limits from now on.

    One that names other children, or makes no sense, is refused and Noted.
    """

    spec: GroupSpec


class GroupPaused(msgspec.Struct, frozen=True, gc=False):
    """Stop the group and leave it down until GroupResumed. Core cannot be paused."""

    group: str


class GroupResumed(msgspec.Struct, frozen=True, gc=False):
    """The pause is over; backoff and breaker are where they were."""

    group: str


class Restarted(msgspec.Struct, frozen=True, gc=False):
    """A person asked for a new generation. Not a failure (S35).

    What waits for its backoff starts at once, unless a server's hint forbids;
    what is held stays held.
    """

    target: str


class Reset(msgspec.Struct, frozen=True, gc=False):
    """A person asked to forget the failures: leaves HELD and OPEN (S17)."""

    target: str


class Held(msgspec.Struct, frozen=True, gc=False):
    """The group must not run until Reset, for a reason found elsewhere (S17)."""

    group: str
    why: str


class ProbeEarly(msgspec.Struct, frozen=True, gc=False):
    """The exchange was reached by another way: an open breaker may try sooner (S19)."""

    group: str


class StopAsked(msgspec.Struct, frozen=True, gc=False):
    """Ordered shutdown of everything (S33). `escalated` makes the exit code 70."""

    cause: str
    escalated: bool = False


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Nothing happened, but the deadline that `step` gave has come."""


Event = (
    Ready
    | Down
    | Pong
    | ThreadEnded
    | GroupAdded
    | GroupRemoved
    | GroupRetuned
    | GroupPaused
    | GroupResumed
    | Restarted
    | Reset
    | Held
    | ProbeEarly
    | StopAsked
    | Tick
)

# -------------------------------------------------------------- commands out


class StartChild(msgspec.Struct, frozen=True, gc=False):
    """Start generation `gen`. If the factory raises, answer with `Down(..., "bug")`."""

    child: str
    gen: int


class StopChild(msgspec.Struct, frozen=True, gc=False):
    """Send Stop to generation `gen` on its control lane; its Down is the answer."""

    child: str
    gen: int


class PingChild(msgspec.Struct, frozen=True, gc=False):
    """Send Ping(gen, n) on its control lane."""

    child: str
    gen: int
    n: int


class AbandonChild(msgspec.Struct, frozen=True, gc=False):
    """Give generation `gen` up as S23 says; ThreadEnded is told should its thread end."""

    child: str
    gen: int
    why: str


NotedEvent = Literal[
    # of a child; with the first six its phases can be rebuilt (S36)
    "started",
    "became_ready",
    "stop_asked",
    "stopped",  # ended after it was asked to; detail = the reason, where that is odd (S35)
    "died",  # ended unasked; detail = "reason: detail"
    "abandoned",
    "thread_ended",  # of an abandoned generation (S25)
    "start_timed_out",
    "hung",
    # of a restart unit: `child` is the group for rest_for_one, else the child; gen 0
    "backed_off",
    "tripped",
    "probed",
    "recovered",
    "held",
    "reset",
    "hurried",  # a probe was brought forward (S19)
    # of a group: `child` is its id, gen 0
    "group_added",
    "group_refused",
    "group_removed",
    "retuned",
    "paused",
    "resumed",
    "restart_asked",
    # of the daemon: `child` is "daemon", gen 0
    "core_up",
    "stop_began",
    "escalated",
    "all_down",
]


class Noted(msgspec.Struct, frozen=True, gc=False):
    """One transition, to be logged and recorded (S36)."""

    child: str
    gen: int
    event: NotedEvent
    detail: str | None = None


class Exit(msgspec.Struct, frozen=True, gc=False):
    """Everything is down: end the process. Given exactly once, as the last command."""

    code: int
    why: str


Command = StartChild | StopChild | PingChild | AbandonChild | Noted | Exit

"""What the actors tell each other.

The actors never import one another: they meet here. Imperatives are commands,
past tenses are events, and every event carries the child and generation it
speaks of. Each actor names the union it accepts as its inbox type and handles
it in one `match` that ends in `assert_never`.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from core.differences import Compared


class Momentary(msgspec.Struct, frozen=True, gc=False):
    """About this moment or this generation only: another follows, or nobody misses it.

    One that nobody hears is counted, but it leaves no dead letter and has no heir.
    """


# ------------------------------------------------- every child <-> supervisor

Front = Literal["control", "web"]
"""Where a person's command came in."""

Reason = Literal["normal", "shutdown", "link", "fatal", "bug", "hang", "start_timeout"]


class Ping(Momentary, frozen=True, gc=False):
    """Answer with Pong, on the control lane (S21). The base class does."""

    gen: int
    n: int


class Stop(Momentary, frozen=True, gc=False):
    """End in order. Control lane: it never queues behind data (S27)."""


class GiveUp(Momentary, frozen=True, gc=False):
    """End with `link`: you live, but what you do is of no use (a mute stream). Counts as a failure."""

    why: str


class Pong(msgspec.Struct, frozen=True, gc=False):
    child: str
    gen: int
    n: int


class Ready(msgspec.Struct, frozen=True, gc=False):
    """The child does its job now: subscribed, not merely connected (S2)."""

    child: str
    gen: int


class Down(msgspec.Struct, frozen=True, gc=False):
    """The generation has ended; sent exactly once (S6).

    `retry_after` is a server's hint in seconds: it only lengthens the wait (S18).
    """

    child: str
    gen: int
    reason: Reason
    detail: str = ""
    retry_after: float | None = None


class ThreadEnded(msgspec.Struct, frozen=True, gc=False):
    """The thread of a generation that was abandoned is gone after all (S25)."""

    child: str
    gen: int


# ---------------------------------------------------- connection -> supervisor


class StreamProgressed(msgspec.Struct, frozen=True, gc=False):
    """The session came one stage further; `Ready` follows when it is subscribed."""

    child: str
    gen: int
    account: str
    stage: Literal["connecting", "authenticating", "subscribing"]


class ResyncNeeded(msgspec.Struct, frozen=True, gc=False):
    """The socket lives on but may have missed events (eventStreamTerminated): reconcile."""

    child: str
    gen: int
    account: str
    cause: str


# ------------------------------------------------------ prices -> price poller


class PriceDoubted(Momentary, frozen=True, gc=False):
    """A stream told of a jump: ask by REST whether it is true, now rather than later."""


# -------------------------------------------------------- poller -> supervisor


class Reconciled(msgspec.Struct, frozen=True, gc=False):
    """A complete reconcile that began after stream generation `stream_gen` was up is committed."""

    child: str
    gen: int
    account: str
    stream_gen: int
    repaired: int


class Audited(msgspec.Struct, frozen=True, gc=False):
    """A complete audit of a live account is committed.

    `repaired` counts the facts older than 5 s that the stream had not delivered;
    `streamed` the facts that it did deliver since the audit before.
    """

    child: str
    gen: int
    account: str
    repaired: int
    streamed: int


class Polled(msgspec.Struct, frozen=True, gc=False):
    """A complete poll while blind is committed: the exchange can be reached (S19)."""

    child: str
    gen: int
    account: str


class PollFailed(msgspec.Struct, frozen=True, gc=False):
    """A poll while blind came to nothing: REST is no source either, until one is complete again."""

    child: str
    gen: int
    account: str


class AccountRefused(msgspec.Struct, frozen=True, gc=False):
    """REST says that key or permission is wrong: hold the whole account (S17)."""

    child: str
    gen: int
    account: str
    why: str


class Warned(msgspec.Struct, frozen=True, gc=False):
    """A standing warning of an account, by key; None as text takes it back."""

    child: str
    gen: int
    account: str
    key: str
    text: str | None


# -------------------------------------------------------- supervisor -> poller


class StreamUp(Momentary, frozen=True, gc=False):
    """Generation `stream_gen` of the stream is subscribed: reconcile, then audit."""

    stream_gen: int


class StreamDown(Momentary, frozen=True, gc=False):
    """We are blind: poll until StreamUp."""

    cause: str


class Hold(Momentary, frozen=True, gc=False):
    """No signed call of any kind until Release."""

    why: str


class Release(Momentary, frozen=True, gc=False):
    """The hold is over; StreamUp or StreamDown follows."""


class ReconcileNow(msgspec.Struct, frozen=True, gc=False):
    """Reconcile at once. `is_hole` says that something may have gone by unseen; else a person asks."""

    cause: str
    is_hole: bool = True


# ----------------------------------------------------------- a person -> poller


class Compare(Momentary, frozen=True, gc=False):
    """Compare everything from `since` on (ms), and tell what came of it.

    `reply` is called once, by whoever did it or can not; it must not wait. Nobody is
    there to hear it after boottime second `until`, or once `is_wanted` says no.
    """

    since: int
    until: float
    reply: Callable[[Compared], object]
    is_wanted: Callable[[], bool]


# ---------------------------------------------------- keepalive <-> connection


class Tick(Momentary, frozen=True, gc=False):
    """Time to look at what is due. The receiver decides on its own clock."""


class SendHeartbeat(Momentary, frozen=True, gc=False):
    """Put a ping of the exchange's kind on the socket."""


class Rotate(msgspec.Struct, frozen=True, gc=False):
    """Open and subscribe a second socket, then drop the first."""

    cause: str


class RenewKey(Momentary, frozen=True, gc=False):
    """Prolong the life of the key that the stream was entered by. `asked_at` is a boottime second."""

    asked_at: float


# ------------------------------------------------------- persistence -> poller


class Doubtful(Momentary, frozen=True, gc=False):
    """The stream said something impossible of these orders (category, symbol, order id): ask for them."""

    orders: tuple[tuple[str, str, str], ...]


# ------------------------------------------------------------ reader -> poller


class BalancesOwed(Momentary, frozen=True, gc=False):
    """The stream told of orders and not yet of the balances that they moved: look whether it does."""


# -------------------------------------------------------- inlet -> persistence


class Drain(Momentary, frozen=True, gc=False):
    """Entries wait in the inlet: commit them."""


# --------------------------------------- a person (control, web) -> supervisor


class Operate(msgspec.Struct, frozen=True, gc=False):
    """A command of a person. `target` is an account, a child id or a group id; `by` is where it came in."""

    action: Literal["restart", "reset", "pause", "resume", "reconcile"]
    target: str
    by: Front = "control"


class Acknowledge(msgspec.Struct, frozen=True, gc=False):
    """A person has seen the incident of that id."""

    incident: int
    by: Front = "control"


class Faulted(msgspec.Struct, frozen=True, gc=False):
    """A person had the built-in sandbox do this of `core.faults` to an account; it is done."""

    account: str
    kind: str
    by: Front = "control"


class StopDaemon(msgspec.Struct, frozen=True, gc=False):
    """Ordered shutdown of everything (S33). `escalated` marks exit code 70."""

    cause: str
    escalated: bool = False


Command = Operate | Acknowledge | Faulted | StopDaemon
"""What a person may tell the supervisor."""

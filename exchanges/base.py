"""What a dialect offers: the border between one exchange and the rest of vigil.

A dialect is sans-I/O. It is told what came over the wire and says what to send
and what it means; sockets, sessions, waiting and retrying belong to others.
Three parts: a `StreamSession` (one per socket, owned by the reader thread), a
`RestDialect` (signs calls, classifies replies) and plans.

A plan is a generator that yields the calls it needs one at a time, is sent each
good reply, and returns an Answer. One call per message keeps every handler of
the poller short; a plan never sees an error (its driver turns it into Failed)
unless it catches one that is thrown in, as a query for one order does with
NotFound, which is an answer there.
"""

from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

import msgspec

from core.errors import VigilError
from core.exchange import Defaults as Defaults  # noqa: PLC0414  a dialect's author finds every word here
from core.exchange import Endpoints as Endpoints  # noqa: PLC0414
from core.facts import Fact
from core.wire import Call as Call  # noqa: PLC0414
from core.wire import Reply as Reply  # noqa: PLC0414
from core.wire import Wire as Wire  # noqa: PLC0414

# ------------------------------------------------------------------ who we are


class Credentials:
    """The secrets of one account. Never printed: repr shows a masked key only."""

    __slots__ = ("api_key", "api_secret", "private_key")

    def __init__(self, api_key: str, api_secret: str | None = None, private_key: bytes | None = None) -> None:
        self.api_key = api_key
        self.api_secret = api_secret
        self.private_key = private_key  # PEM, Ed25519 or RSA

    def texts(self) -> tuple[str, ...]:
        """What must stand in no text that is kept or shown."""
        return tuple(filter(None, (self.api_key, self.api_secret)))

    def __repr__(self) -> str:
        return f"Credentials(api_key={self.api_key[:4]}…)"


# ------------------------------------------------------------------ the stream


class Send(msgspec.Struct, frozen=True):
    """Put this text frame on the socket, `after` seconds from now."""

    text: str
    after: float = 0.0


class Reached(msgspec.Struct, frozen=True):
    """The session came to this stage; `subscribed` only by acknowledgement on this socket."""

    stage: Literal["authenticating", "subscribing", "subscribed"]


class Broken(msgspec.Struct, frozen=True):
    """The session cannot go on; `error` says what should be done about it."""

    error: VigilError


class PongReceived(msgspec.Struct, frozen=True):
    """An answer to our own heartbeat, in the exchange's own form."""


class RotateSoon(msgspec.Struct, frozen=True):
    """The server is about to go away: open the next socket before that."""

    cause: str


class Resubscribed(msgspec.Struct, frozen=True):
    """The subscription ended and was renewed on this socket: a gap may have opened."""

    cause: str


Signal = Send | Reached | Broken | PongReceived | RotateSoon | Resubscribed


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one frame meant."""

    facts: tuple[Fact, ...] = ()
    signals: tuple[Signal, ...] = ()


NOTHING = Decoded()


class StreamSession(Protocol):
    """One private socket's protocol, from its opening to its end. One thread only."""

    url: str  # may hold a secret: never logged
    subscribe_timeout: float  # seconds from opening to "subscribed"

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """The socket is open; `wall_ms` is exchange time. Says what to send first."""
        ...

    def received(self, text: str, wall_ms: int) -> Decoded:
        """One text frame. Never raises for what a peer may send: see Broken and Unrecognised."""
        ...

    def heartbeat(self, wall_ms: int) -> Send | Broken | None:
        """The exchange's own ping frame; None = a WebSocket ping does; Broken = the peer's are missing."""
        ...


@runtime_checkable
class KeyedSession(StreamSession, Protocol):
    """A session whose socket is entered by a key that REST gives out and that has to be renewed.

    Its `url` is complete, and a secret, once it was entered.
    """

    key_life: float  # seconds from the last renewal to the key's end

    def open_key(self) -> Generator[Call, Reply, str]:
        """A key that is alive now. Raises ProtocolChanged where there are none any more."""
        ...

    def renew_key(self, key: str) -> Generator[Call, Reply, None]:
        """Prolong its life. Raises KeyGone where it has none."""
        ...

    def enter(self, key: str) -> None:
        """Use this key; before the socket is opened."""
        ...


# -------------------------------------------------------------------- the REST


class Complete(msgspec.Struct, frozen=True):
    """The whole answer. `as_of` is exchange time at the start of the first request, ms.

    `categories` are the markets it speaks for: what it proves, it proves for those.
    `since` is later than the start of the window that was asked for where the
    exchange shows nothing of what was before. `symbols` are those whose histories
    were asked for one by one, None where a history holds all. `unseen` says in words
    what of the window the exchange does not show.
    """

    facts: tuple[Fact, ...]
    as_of: int
    raw: tuple[str, ...] = ()
    categories: tuple[str, ...] = ("spot",)
    since: int = 0
    symbols: tuple[str, ...] | None = None
    unseen: tuple[str, ...] = ()


class Partial(msgspec.Struct, frozen=True):
    """True as far as it goes; proves no absence."""

    facts: tuple[Fact, ...]
    why: str
    raw: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True):
    """Nothing can be said. An error is never "flat"."""

    error: VigilError


Answer = Complete | Partial | Failed
Plan = Generator[Call, Reply, Answer]


class HeldOrder(msgspec.Struct, frozen=True):
    """An order that the ledger holds open."""

    category: str
    symbol: str
    order_id: str
    client_order_id: str | None = None
    filled: Decimal | None = None


class HeldPosition(msgspec.Struct, frozen=True):
    """A position that the ledger holds open: where a list shows open ones only, its absence is its end."""

    category: str
    symbol: str
    side: str


class Known(msgspec.Struct, frozen=True):
    """What the ledger knows when a plan begins: the ground for what to ask.

    `since` is the start of the window (ms), `symbols` those to ask in any case,
    `balances` total by asset (None = none known yet), `moved` the assets whose
    balance changed, by whatever source, after what is proven: the trade behind it
    may still be unknown. `first` says that this account has never been reconciled,
    `deep` that the idle corners are to be asked too, `healthy` that the stream
    worked since then: histories that nothing points at need not be asked.
    `categories` are the markets of which the stream has spoken since then; None =
    any may have moved unseen, and none may be left out.
    """

    since: int
    now: int
    open_orders: tuple[HeldOrder, ...] = ()
    symbols: tuple[str, ...] = ()
    balances: Mapping[str, Decimal] | None = None
    moved: frozenset[str] = frozenset()
    first: bool = False
    deep: bool = False
    healthy: bool = False
    positions: tuple[HeldPosition, ...] = ()
    categories: tuple[str, ...] | None = None


class Permissions(msgspec.Struct, frozen=True):
    """What the key may do; None = the exchange cannot or did not say."""

    can_withdraw: bool | None = None
    can_trade: bool | None = None
    ip_restricted: bool | None = None
    expires_at: int | None = None
    note: str = ""


class RestDialect(Protocol):
    """One account's REST: signing, classifying, and the plans that read."""

    def sign(self, call: Call, wall_ms: int) -> Wire:
        """The exact request; `wall_ms` is exchange time."""
        ...

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        """None where the reply is good. Decides on the body's code first, then on the status."""
        ...

    def used_weight(self, reply: Reply) -> int | None:
        """The weight used in the present minute as the exchange counts it."""
        ...

    def clock(self) -> Generator[Call, Reply, int]:
        """One sample of the exchange's time, ms."""
        ...

    def sync(self, known: Known) -> Plan:
        """Open orders, balances, positions, and the fills and orders since `known.since`.

        Complete lists every open order: one that is held open and missing here
        is gone or stale, which only a query can tell.
        """
        ...

    def order(self, held: HeldOrder) -> Plan:
        """One order with its fills. Complete without an OrderState = the exchange does not know it."""
        ...

    def permissions(self) -> Generator[Call, Reply, Permissions]:
        """What the key may do."""
        ...


@runtime_checkable
class BalancesAlone(Protocol):
    """A REST side that shows the balances as they are at this moment, all of them in one call.

    They are asked for where the stream told of an order and not of what it moved.
    Where the stream repeats the whole wallet by itself nobody needs to ask.
    """

    def balances(self, held: Mapping[str, Decimal]) -> Plan:
        """The balances; `held` is what the ledger holds in total, by asset: what is gone is stated as 0."""
        ...


# ----------------------------------------------------------------- the exchange


class Exchange(Protocol):
    """One dialect as the registry holds it."""

    name: str
    defaults: Defaults

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> StreamSession:
        """A session for one new socket."""
        ...

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> RestDialect:
        """The account's REST side; keeps no state but what it was given."""
        ...


@runtime_checkable
class ManyWays(Protocol):
    """An exchange whose private stream can be had in more than one way."""

    def flows(self, endpoints: Endpoints, user_stream: str) -> tuple[str, ...]:
        """The ways that the settings allow, the first to be tried first; each is a `user_stream`."""
        ...

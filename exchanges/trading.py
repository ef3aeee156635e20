"""How vigil trades at an exchange and hears its prices: the border, as `base` is for watching.

Sans-I/O like everything here: plans yield calls and are sent replies, a quote
session is told frames. Nothing in this border waits, sends or tries again.

The promise of this file. *An order that may have been placed is never placed
again by itself.* A request whose answer was lost, was not understood, or says
"perhaps" (a timeout, a 5xx, -1006 and -1007, 10000 and 10016, 40801 and 50001 …)
may have taken effect. So `place` ends in one of five ways, and each says what may
be done next:

| outcome | what is proven | what may be done |
|---|---|---|
| Accepted | the exchange has this order | follow it |
| Refused | it looked at the order and did not want it | tell why; another order, under another id |
| Unheard | it never looked at the order | the same order under the same id, once the error's remedy was applied |
| Duplicate | there is an order with this client order id, and this request made no second one | `find` it: it is the order that was wanted |
| Unsure | nothing | `find` it by its client order id, before anything else |

Only what proves it is a refusal: whatever else goes wrong is Unsure (outcomes.py
decides this, for every dialect in one place). A trade (core/lots) hears of Refused
as `refused`, of Unheard as `withheld`, of Duplicate and Unsure as `unclear`, and of
Absent as `absent`. After Unsure the order counts as placed until `find` says Found
or Absent. An exchange that does not know an order yet has not proven that it never
will: a request may still be on its way, so "unknown" is proof only some time after
the request left, and `find` says NotYet before that.

A client order id names one order, ever. Bybit and Crypto.com refuse a second order
under it; Binance does so only while the first is open, and would take a second one
when the first is filled. So the way to exactly one order is: write down the intent,
place, and on anything but Accepted, Refused or Unheard find.

A cancel may always be sent again: it names an order, and ends that one or none.
"""

import re
from collections.abc import Generator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Protocol, runtime_checkable

import msgspec

from core.errors import RejectReason, VigilError
from core.facts import Fact, OrderState
from core.instruments import Instrument
from core.intents import Cancellation, Placement
from core.wire import Call, Reply
from exchanges.base import Broken, Endpoints, Exchange, RestDialect, Send, Signal

CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
"""What every exchange takes as a client order id."""

# ------------------------------------------------------------------ placing


class Accepted(msgspec.Struct, frozen=True):
    """The exchange has the order.

    `state` is how it stands, where the answer says so. None = the answer is only
    an acknowledgement: what became of the order comes by stream or by `find`, and
    that may still be a rejection (see `Trading.ended_because`).
    """

    order_id: str
    state: OrderState | None = None
    raw: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The exchange looked at the request and does not do it; nothing was changed.

    `order_id` names an order that it made all the same, and ended rejected.
    """

    reason: RejectReason
    error: VigilError
    order_id: str | None = None


class Unheard(msgspec.Struct, frozen=True):
    """The exchange did not look at what was asked: nothing was changed.

    `error` says why and what helps: RateLimited (wait `retry_after`), ClockError
    (resync), FatalError (hold the account), ProtocolChanged (nothing does).
    """

    error: VigilError


class Duplicate(msgspec.Struct, frozen=True):
    """An order with this client order id exists, and no second one was made."""

    error: VigilError


class Unsure(msgspec.Struct, frozen=True):
    """It may have been done or not. `order_id`, where the answer names one, helps to find out."""

    error: VigilError
    order_id: str | None = None


Placed = Accepted | Refused | Unheard | Duplicate | Unsure
Placing = Generator[Call, Reply, Placed]

# ---------------------------------------------------------------- cancelling


class CancelTaken(msgspec.Struct, frozen=True):
    """The exchange cancels the order.

    `state` is how it stands now, where the answer says so; None = only an
    acknowledgement, and the order may still turn out to have been filled.
    """

    state: OrderState | None = None
    raw: str = ""


class NotOpen(msgspec.Struct, frozen=True):
    """There is no such open order: it is filled, ended, or was never there. Which, `find` says."""

    error: VigilError


Cancelled = CancelTaken | NotOpen | Refused | Unheard | Unsure
Cancelling = Generator[Call, Reply, Cancelled]

# ------------------------------------------------------------------- finding


class Sought(msgspec.Struct, frozen=True):
    """An order that may exist, and may not.

    `sent_ms` is the latest moment, exchange time, at which a request that places
    it can have left us: the end of the call, or, for a request of a process that
    died, a moment at which it was certainly dead.
    """

    category: str
    symbol: str
    client_order_id: str
    sent_ms: int


class Found(msgspec.Struct, frozen=True):
    """The order as it stands, and all facts that were shown: the order again, and its fills."""

    order: OrderState
    facts: tuple[Fact, ...]
    as_of: int
    raw: tuple[str, ...] = ()


class Absent(msgspec.Struct, frozen=True):
    """Proven: no such order is open or was ever filled, nor will be, whatever was sent before."""

    as_of: int


class NotYet(msgspec.Struct, frozen=True):
    """The exchange does not know it, and that proves nothing yet: ask again in so many seconds."""

    again_in: float


class Forgotten(msgspec.Struct, frozen=True):
    """The exchange does not know it, and would not show it any more if it had been: only the ledger can tell."""


Lookup = Found | Absent | NotYet | Forgotten
Finding = Generator[Call, Reply, Lookup]


class Absence(msgspec.Struct, frozen=True):
    """When an exchange's "unknown order" is proof; seconds since the request can last have left.

    `ask_after` are the moments at which asking makes sense, `proven_after` is when
    the proof begins and `shown_for` when it ends, because orders are no longer
    shown (None = never). `because` is the rule in words, with its source.
    """

    ask_after: tuple[float, ...]
    proven_after: float
    because: str
    shown_for: float | None = None


# ------------------------------------------------------- instruments and fees


class Listing(msgspec.Struct, frozen=True):
    """Instruments as the exchange lists them; `missing` are symbols that it does not list.

    `unreadable` says which rows could not be understood, and why: those symbols
    are listed, and nothing may be placed in them.
    """

    instruments: tuple[Instrument, ...]
    missing: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def joined(listings: Sequence[Listing]) -> Listing:
    """Several answers as one."""
    return Listing(
        tuple(chain.from_iterable(one.instruments for one in listings)),
        tuple(chain.from_iterable(one.missing for one in listings)),
        tuple(chain.from_iterable(one.unreadable for one in listings)),
    )


class FeeRates(msgspec.Struct, frozen=True):
    """What a trade costs this account, as fractions of its value: 0.001 is 0.1 %; below 0 it pays.

    The most that either side pays, without discounts. None = unknown, and unknown
    is never nothing. `discount_asset` is the third asset that fees are taken in
    for as long as there is any of it (BNB), None where there is none or nobody says.
    """

    maker: Decimal | None
    taker: Decimal | None
    discount_asset: str | None = None


# --------------------------------------------------------------------- prices


class TopOfBook(msgspec.Struct, frozen=True, gc=False):
    """The best bid and the best ask of a symbol. None = nobody bids, or asks, or it was not said.

    `at_ms` is when it was so, exchange time, as near to the matching engine as it is
    told; None where it does not tell any. `sequence` grows with every change.
    Nothing is judged here: a crossed or empty book is passed on as it came.
    """

    category: str
    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    at_ms: int | None = None
    sequence: int | None = None


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """What one public frame meant.

    `unknown` are symbols that the exchange refused to quote; the others go on.
    `notes` say what could not be read.
    """

    quotes: tuple[TopOfBook, ...] = ()
    signals: tuple[Signal, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


SILENT = Quoted()


class QuoteSession(Protocol):
    """One public socket: the prices of some symbols of one category, from its opening to its end.

    One thread only. Its signals are those of a StreamSession: `subscribed` comes
    when every symbol that is offered was acknowledged on this socket. Within a
    session the sequence of a symbol never goes back: what is older than what was
    told is dropped. A new socket begins anew; other symbols need another session.
    """

    url: str
    subscribe_timeout: float  # seconds from opening to "subscribed"

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """The socket is open: the subscriptions, in batches and at a pace that the exchange takes."""
        ...

    def received(self, text: str, wall_ms: int) -> Quoted:
        """One text frame. Never raises for what a peer may send."""
        ...

    def heartbeat(self, wall_ms: int) -> Send | Broken | None:
        """The exchange's own ping frame; None = a WebSocket ping does; Broken = the peer's are missing."""
        ...


# --------------------------------------------------------------- what is offered


class Trading(Protocol):
    """One account's orders, and what is needed to place good ones. It keeps nothing.

    Whoever drives a plan signs and classifies with the RestDialect that this was
    made of, and throws every VigilError in, also one that kept a call from being
    sent. Of the calls of `place` and `cancel` the first alone changes anything.
    Plans that only read let errors through: an error is never "no such
    instrument", "no fee" or "no order".
    """

    absence: Absence

    def place(self, order: Placement) -> Placing:
        """One order, once. Never raises a VigilError: see the table above.

        Raises ValueError before anything is sent for an order that this exchange
        cannot be asked for at all: of another category, or without a client order
        id that can be found again.
        """
        ...

    def cancel(self, cancellation: Cancellation, order_id: str | None = None) -> Cancelling:
        """End an open order, by the exchange's id where that is known, else by ours. Never raises a VigilError.

        Belongs to the urgent calls of a budget, whatever else may not leave.
        """
        ...

    def find(self, sought: Sought, now_ms: int) -> Finding:
        """The order by our id, wherever the exchange shows it; `now_ms` is exchange time at the start.

        Absent only where the exchange answered, to questions that were asked within
        the time that `absence` names, that it knows no such order.
        """
        ...

    def ended_because(self, state: OrderState) -> RejectReason | None:
        """Why an accepted order was rejected or ended by the exchange; None where it was not."""
        ...

    def instruments(self, category: str, symbols: Sequence[str]) -> Generator[Call, Reply, Listing]:
        """The named instruments with their filters."""
        ...

    def fee_rates(self, category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        """What this account pays for trades in this symbol."""
        ...

    def quote(self, category: str, symbol: str) -> Generator[Call, Reply, TopOfBook]:
        """The best prices of this moment, by REST; needs no key."""
        ...


@runtime_checkable
class TradingExchange(Exchange, Protocol):
    """An Exchange that can also be traded at.

    `trades` are the categories that it offers here, the usual one first, and
    `quotes_at_once` how many symbols one quote session may have.
    """

    trades: tuple[str, ...]
    quotes_at_once: int

    def trading(self, rest: RestDialect) -> Trading:
        """The orders of the account that `rest` speaks for."""
        ...

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        """A session for one new public socket, where `endpoints.public_ws` says that there are any.

        Raises ValueError for no symbols, and for more than `quotes_at_once`.
        """
        ...

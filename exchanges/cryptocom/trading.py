"""Orders at Crypto.com, and what is needed to place good ones (Exchange API v1, 2026-05-21, and live recordings).

* An answer to a placement or a cancel is an acknowledgement, no more. An order that
  is to be maker only has POST_ONLY in its instructions and is good till cancelled;
  where it would take it is acknowledged and ends rejected with 43005, or that is
  the answer (nobody has seen which).
* A refusal may name an order that was made all the same. So it is asked about at
  once, by the id that was named: an order that ended rejected is a refusal, one
  that lives was accepted, and what is not known yet (creation is asynchronous) is
  open.
* A client order id can be used once (204).
* Absence: a request is taken for 60 s after its nonce, and an order is readable
  0.3 s after it was made. What is unknown 65 s after the request left was never
  made. Orders are shown for six months.
* Fees are told in basis points, with what is agreed for the instrument. They are
  taken of what is received; the order could ask for another asset, and does not.
"""

from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from core.errors import RejectReason, Unreadable, VigilError
from core.facts import OrderState
from core.intents import Cancellation, Placement
from core.money import EXACT, plain
from core.wire import Call, Reply
from exchanges.base import RestDialect
from exchanges.cryptocom import calls
from exchanges.cryptocom.errors import REASONS, DoubtfulOrder
from exchanges.cryptocom.finding import detail
from exchanges.cryptocom.listing import read_listing
from exchanges.cryptocom.paging import Notes
from exchanges.cryptocom.rows import order_facts
from exchanges.cryptocom.words import REASONS as WORDS
from exchanges.cryptocom.words import milliseconds
from exchanges.doubts import UNREADABLE
from exchanges.outcomes import check, find, not_cancelled, not_placed
from exchanges.quoting import level
from exchanges.replies import is_amount
from exchanges.trading import (
    Absence,
    Accepted,
    Cancelling,
    CancelTaken,
    FeeRates,
    Finding,
    Listing,
    Placed,
    Placing,
    Refused,
    Sought,
    TopOfBook,
    Unsure,
)

T = TypeVar("T")

TRADES = ("spot", "perpetual")
ABSENCE = Absence(
    ask_after=(0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
    proven_after=65.0,
    because="40401, or an empty answer, to a question that is asked 65 s after the request left: its nonce was "
    "good for 60 s, and an order is readable within a second (API v1, Digital Signature; recordings)",
    shown_for=180 * 86_400.0,
)
BASIS_POINT = Decimal("0.0001")

_ENDED = {word: REASONS[int(code)] for code, word in WORDS.items() if int(code) in REASONS}


class _Named(msgspec.Struct, frozen=True):
    order_id: str | int


class _Accepted(msgspec.Struct, frozen=True):
    result: _Named


class _Rates(msgspec.Struct, frozen=True):
    instrument_name: str
    effective_maker_rate_bps: Decimal | None = None
    effective_taker_rate_bps: Decimal | None = None


class _Fees(msgspec.Struct, frozen=True):
    result: _Rates


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A ticker, by REST without its sizes; a side on which nobody is is null."""

    i: str
    b: Decimal | None = None
    k: Decimal | None = None
    bs: Decimal | None = None
    ks: Decimal | None = None
    t: int | str | None = None

    def top(self, category: str) -> TopOfBook:
        """Its prices. They have no number, but a time that does not go back. ValueError for what is no amount."""
        (bid, bid_size), (ask, ask_size) = level(self.b, self.bs), level(self.k, self.ks)
        at = milliseconds(self.t)
        return TopOfBook(category, self.i, bid, ask, bid_size, ask_size, at, at)


class _Data(msgspec.Struct, frozen=True):
    data: list[Tick]


class _Tickers(msgspec.Struct, frozen=True):
    result: _Data


class CryptocomTrading:
    """The Trading of Crypto.com. It keeps nothing."""

    absence = ABSENCE

    def __init__(self, rest: RestDialect) -> None:
        self._rest = rest

    def place(self, order: Placement) -> Placing:
        """One order, once; where the refusal names one, what became of that."""
        check(order, TRADES)
        try:
            reply = yield _placing(order)
            order_id = str(_read(reply, _Accepted).result.order_id)
        except DoubtfulOrder as error:
            return (yield from _doubtful(error))
        except VigilError as error:
            return not_placed(error)
        return Accepted(order_id, None, reply.body.decode())

    def cancel(self, cancellation: Cancellation, order_id: str | None = None) -> Cancelling:
        """End an open order."""
        ours = calls.cancel_of_client(cancellation.client_order_id)
        try:
            reply = yield calls.cancel(order_id) if order_id else ours
            _read(reply, _Accepted)
        except VigilError as error:
            return not_cancelled(error)
        return CancelTaken(None, reply.body.decode())

    def find(self, sought: Sought, now_ms: int) -> Finding:
        """The order by our id."""
        return find(self._rest, sought, now_ms, self.absence)

    def ended_because(self, state: OrderState) -> RejectReason | None:
        """By its reason, which the stream does not always tell: an order that is found does."""
        if state.status not in {"rejected", "canceled", "expired"}:
            return None
        if state.reason is None:
            return "other" if state.status == "rejected" else None
        return _ENDED.get(state.reason, "other")

    def instruments(self, category: str, symbols: Sequence[str]) -> Generator[Call, Reply, Listing]:
        """All that there are, in one answer, and what orders must be worth in another."""
        demand(category)
        listing = yield calls.INSTRUMENTS
        risk = yield calls.RISK_PARAMETERS
        return read_listing(listing, risk, category, symbols)

    def fee_rates(self, category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        """The rates of the instrument."""
        demand(category)
        rates = _read((yield calls.instrument_fee_rate(symbol)), _Fees).result
        if rates.instrument_name != symbol:
            raise Unreadable(f"rates of {rates.instrument_name} in answer to {symbol}")
        return FeeRates(_fraction(rates.effective_maker_rate_bps), _fraction(rates.effective_taker_rate_bps))

    def quote(self, category: str, symbol: str) -> Generator[Call, Reply, TopOfBook]:
        """The best prices, without their sizes."""
        demand(category)
        ticks = _read((yield calls.ticker(symbol)), _Tickers).result.data
        try:
            tops = [tick.top(category) for tick in ticks if tick.i == symbol]
        except ValueError as error:
            raise Unreadable(f"unreadable answer: {error}") from error
        if not tops:
            raise Unreadable(f"no prices of {symbol} in the answer that asked for them")
        return tops[0]


def demand(category: str) -> None:
    """ValueError for a category that is not traded here."""
    if category not in TRADES:
        raise ValueError(f"no orders in the category {category!r} here")


def _placing(order: Placement) -> Call:
    what: dict[str, Any] = {
        "instrument_name": order.symbol,
        "side": order.side.upper(),
        "type": "MARKET" if order.price is None else "LIMIT",
        "quantity": plain(order.quantity),
        "client_oid": order.client_order_id,
    }
    if order.price is None:
        return calls.place(**what)
    what |= {"price": plain(order.price), "time_in_force": "GOOD_TILL_CANCEL"}
    return calls.place(**what, **({"exec_inst": ["POST_ONLY"]} if order.post_only else {}))


def _doubtful(error: DoubtfulOrder) -> Generator[Call, Reply, Placed]:
    """What became of an order that a refusal names."""
    try:
        rows = yield from detail(calls.order(error.order_id), Notes())
        facts = order_facts(rows[0]) if rows and error.order_id in rows[0].names else ()
    except VigilError:
        facts = ()
    state = next((fact for fact in facts if isinstance(fact, OrderState)), None)
    if state is None:
        return Unsure(error, error.order_id)
    if state.status == "rejected" and not state.filled:
        return Refused(_ENDED.get(state.reason or "", "other"), error, error.order_id)
    return Accepted(error.order_id, state)


def _read(reply: Reply, wanted: type[T]) -> T:
    """The body, its numbers as numbers or as text; raises Unreadable where it is not what it should be."""
    try:
        return msgspec.json.decode(reply.body, type=wanted, strict=False)
    except UNREADABLE as error:
        raise Unreadable(f"unreadable answer: {error}") from error


def _fraction(points: Decimal | None) -> Decimal | None:
    """A rate in basis points as a fraction of 1."""
    if points is None:
        return None
    if not is_amount(points):
        raise Unreadable("a rate that is no number")
    return EXACT.multiply(points, BASIS_POINT)

"""Orders at Bybit (spot and linear), and what is needed to place good ones (v5/order, v5/account, 2026-07-24).

* An answer to a placement or a cancel is an acknowledgement, no more: what became of
  the order comes by stream or has to be asked for. One that is to be maker only and
  would take is acknowledged like any other, and ends at once, rejected on spot and
  canceled on contracts, with EC_PostOnlyWillTakeLiquidity and nothing filled.
* A client order id can be used once (170141, 110072).
* Absence: an order that was made a moment ago may be unknown to both the present
  and the history, which lags (170213 was seen right after a successful create). What
  neither knows 30 s after the request left was never made. Histories without bounds
  reach seven days back, and cancelled orders without a fill a day: later than that
  nothing is proven by silence.
* Purchases at the market are over base here, which spot has to be told. Contracts
  are asked for in one-way mode; an account that is hedged refuses them (10001).
* Fees are as listed: of what is received on spot, of the value in the settle coin on
  contracts. Whether they are taken in MNT instead is not said by this call.
"""

from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from core.errors import BadRequest, RejectReason, Unreadable, VigilError
from core.facts import OrderState
from core.intents import Cancellation, Placement
from core.money import plain
from core.wire import Call, Reply
from exchanges.base import RestDialect
from exchanges.bybit import calls
from exchanges.bybit.calls import DAY_MS
from exchanges.bybit.listing import read_listing
from exchanges.bybit.paging import Answered, Listed
from exchanges.bybit.words import Notes, amount
from exchanges.outcomes import check, find, not_cancelled, not_placed
from exchanges.replies import parse
from exchanges.trading import (
    Absence,
    Accepted,
    Cancelling,
    CancelTaken,
    FeeRates,
    Finding,
    Listing,
    Placing,
    Sought,
    TopOfBook,
    joined,
)

TRADES = ("spot", "linear")
ABSENCE = Absence(
    ask_after=(0.5, 1.0, 2.0, 5.0, 10.0, 20.0),
    proven_after=30.0,
    because="neither order/realtime nor order/history shows it, both asked 30 s after the request left, of "
    "which the timestamp was good for 5 s (v5/guide; seen: unknown right after a successful create)",
    shown_for=6 * DAY_MS / 1000,
)
SIDES = {"buy": "Buy", "sell": "Sell"}

_BY_USER = frozenset({"CancelByUser", "CancelByDCP", "EC_PerCancelRequest"})
_ENDED: dict[str, RejectReason] = {
    "EC_PostOnlyWillTakeLiquidity": "would_take",
    "EC_InvalidPriceScale": "precision",
    "EC_LimitOrderInvalidPrice": "price",
    "EC_ReachRiskPriceLimit": "percent_price",
    "EC_ReachMarketPriceLimit": "percent_price",
    "EC_QtyCannotBeZero": "size",
    "EC_EcInvalidQty": "size",
    "EC_InvalidAmount": "size",
    "EC_CancelByOrderValueZero": "notional",
    "EC_InvalidSymbolStatus": "trading",
    "EC_SecurityStatusFail": "trading",
    "EC_InCallAuctionStatus": "trading",
}


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    order_id: str


class _Fees(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    maker_fee_rate: str | None = None
    taker_fee_rate: str | None = None


class _Ticker(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    bid1_price: str | None = None
    bid1_size: str | None = None
    ask1_price: str | None = None
    ask1_size: str | None = None


R = TypeVar("R", _Fees, _Ticker)


class BybitTrading:
    """The Trading of Bybit. It keeps nothing."""

    absence = ABSENCE

    def __init__(self, rest: RestDialect) -> None:
        self._rest = rest

    def place(self, order: Placement) -> Placing:
        """One order, once."""
        check(order, TRADES)
        try:
            reply = yield _placing(order)
            order_id = parse(reply, Answered[_Named]).result.order_id
            if not order_id:
                raise Unreadable("an order without an id")
        except VigilError as error:
            return not_placed(error)
        return Accepted(order_id, None, reply.body.decode())

    def cancel(self, cancellation: Cancellation, order_id: str | None = None) -> Cancelling:
        """End an open order."""
        name = {"orderId": order_id} if order_id else {"orderLinkId": cancellation.client_order_id}
        try:
            reply = yield calls.cancel(cancellation.category, cancellation.symbol, **name)
            parse(reply, Answered[_Named])
        except VigilError as error:
            return not_cancelled(error)
        return CancelTaken(None, reply.body.decode())

    def find(self, sought: Sought, now_ms: int) -> Finding:
        """The order by our id."""
        return find(self._rest, sought, now_ms, self.absence)

    def ended_because(self, state: OrderState) -> RejectReason | None:
        """By the words of its reason, of which a cancel that lost its race leaves some too."""
        if state.status not in {"rejected", "canceled"}:
            return None
        words = (state.reason or "").split()
        told = next((_ENDED[word] for word in words if word in _ENDED), None)
        if told or state.status == "rejected":
            return told or "other"
        return "other" if words and _BY_USER.isdisjoint(words) else None

    def instruments(self, category: str, symbols: Sequence[str]) -> Generator[Call, Reply, Listing]:
        """One call for each: one that is not listed is refused on some products, on others an empty list."""
        demand(category)
        listings: list[Listing] = []
        for symbol in symbols:
            try:
                reply = yield calls.instrument(category, symbol)
            except BadRequest:
                listings.append(Listing((), (symbol,)))
            else:
                rows = parse(reply, Answered[Listed[msgspec.Raw]]).result.rows
                listings.append(read_listing(category, symbol, rows))
        return joined(listings)

    def fee_rates(self, category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        """The rates of the symbol; "" is unknown."""
        demand(category)
        reply = yield calls.fee_rate(category, symbol)
        row = _of(symbol, parse(reply, Answered[Listed[_Fees]]).result.rows)
        return FeeRates(_amount(row.maker_fee_rate), _amount(row.taker_fee_rate))

    def quote(self, category: str, symbol: str) -> Generator[Call, Reply, TopOfBook]:
        """The best prices, as of the answer."""
        demand(category)
        answer = parse((yield calls.ticker(category, symbol)), Answered[Listed[_Ticker]])
        row = _of(symbol, answer.result.rows)
        bid, ask = _amount(row.bid1_price), _amount(row.ask1_price)
        return TopOfBook(
            category,
            symbol,
            bid or None,
            ask or None,
            _amount(row.bid1_size) if bid else None,
            _amount(row.ask1_size) if ask else None,
            answer.time,
        )


def _placing(order: Placement) -> Call:
    what = {"side": SIDES[order.side], "qty": plain(order.quantity), "orderLinkId": order.client_order_id}
    if order.price is None:
        unit = {"marketUnit": "baseCoin"} if order.category == "spot" else {}
        return calls.place(order.category, order.symbol, orderType="Market", **what, **unit)
    in_force = "PostOnly" if order.post_only else "GTC"
    price = plain(order.price)
    return calls.place(
        order.category, order.symbol, orderType="Limit", timeInForce=in_force, price=price, **what
    )


def _of(symbol: str, rows: Sequence[R]) -> R:
    row = next((row for row in rows if row.symbol == symbol), None)
    if row is None:
        raise Unreadable(f"nothing about {symbol} in the answer that asked for it")
    return row


def _amount(text: str | None) -> Decimal | None:
    notes = Notes()
    value = amount(text, "an amount", notes)
    if notes.trouble:
        raise Unreadable("; ".join(notes.trouble))
    return value


def demand(category: str) -> None:
    """ValueError for a category that is not traded here."""
    if category not in TRADES:
        raise ValueError(f"no orders in the category {category!r} here")

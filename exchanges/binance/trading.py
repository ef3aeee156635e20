"""Orders at Binance (spot), and what is needed to place good ones (rest-api.md, errors.md, filters.md, 2026-07-21).

* An answer to a placement is the engine's own: the order is on the book, or has
  ended, and the answer says which. An order that is to be maker only is a
  LIMIT_MAKER: where it would take it is refused, and no order is made.
* A client order id is unique among *open* orders only: it is free again once its
  order has filled. So a second request under the same id is no safe way to ask.
* Absence: the exchange refuses what is older than the 5 s of its window, at its
  door and once more in front of the engine, and gives up waiting for the engine
  after 10 s (-1007). What it does not know 15 s after the request left, it will
  never know.
* Fees: of what is received. Standard, special and tax commission are added up,
  each that of maker or taker and of buyer or seller; of these the greater. A
  discount is for fees in another asset (BNB), and for as long as there is any.
* Prices have no time here, only a number that grows.

What differs on Binance.US stands in the methods that its class overrides.
"""

from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from core.errors import BadRequest, RejectReason, Unreadable, VigilError
from core.facts import OrderState
from core.intents import Cancellation, Placement
from core.money import EXACT, add, plain
from core.wire import Call, Reply
from exchanges.base import RestDialect
from exchanges.binance import calls
from exchanges.binance.errors import UnknownSymbol
from exchanges.binance.listing import read_listing
from exchanges.binance.rows import OrderRow, order_facts
from exchanges.binance.words import CATEGORY, milliseconds
from exchanges.outcomes import check, find, not_cancelled, not_placed
from exchanges.replies import is_amount, parse
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

ABSENCE = Absence(
    ask_after=(1.0, 2.0, 5.0, 10.0),
    proven_after=15.0,
    because="-2013 to a question that is asked 15 s after the request left: its timestamp was good for 5 s, "
    "checked again in front of the engine, which is waited for 10 s (rest-api.md, Timing security; -1007)",
)
_ENDED: dict[str, RejectReason] = {
    "insufficient_balances": "funds",
    "would_match_immediately": "would_take",
    "execution_rule_price_range_exceeded": "percent_price",
}


class PlacedRow(OrderRow, frozen=True, gc=False, rename="camel"):
    """The answer to a placement (RESULT) or a cancel, where `client_order_id` is the cancel's own."""

    transact_time: int | None = None
    orig_client_order_id: str | None = None

    @property
    def state(self) -> OrderState:
        """How the order stands. When it was made is not said: its first answer is not its history."""
        state = order_facts(self)[0]
        assert isinstance(state, OrderState)
        return msgspec.structs.replace(
            state,
            client_order_id=self.orig_client_order_id or state.client_order_id,
            updated_at=milliseconds(self.transact_time),
        )


class Rates(msgspec.Struct, frozen=True, gc=False):
    """One kind of commission."""

    maker: Decimal
    taker: Decimal
    buyer: Decimal = Decimal(0)
    seller: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not all(map(is_amount, (self.maker, self.taker, self.buyer, self.seller))):
            raise ValueError("a rate that is no number")

    def of(self, role: Decimal) -> Decimal:
        """What the dearer side pays in this role."""
        return EXACT.add(role, max(self.buyer, self.seller))


class Discount(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whether fees may be taken in another asset."""

    enabled_for_account: bool = False
    enabled_for_symbol: bool = False
    discount_asset: str | None = None


class Commission(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The answer of account/commission; a kind that an exchange does not list it does not charge."""

    standard_commission: Rates
    special_commission: Rates | None = None
    tax_commission: Rates | None = None
    discount: Discount = Discount()


class BookRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Best bid and ask; nobody bids at 0."""

    symbol: str
    bid_price: Decimal
    bid_qty: Decimal
    ask_price: Decimal
    ask_qty: Decimal

    def __post_init__(self) -> None:
        if not all(map(is_amount, (self.bid_price, self.bid_qty, self.ask_price, self.ask_qty))):
            raise ValueError("an amount that is no number")


class BinanceTrading:
    """The Trading of binance.com. It keeps nothing."""

    exchange: ClassVar[str] = "binance"
    absence = ABSENCE

    def __init__(self, rest: RestDialect) -> None:
        self._rest = rest

    def place(self, order: Placement) -> Placing:
        """One order, once."""
        check(order, (CATEGORY,))
        try:
            reply = yield _placing(order)
            row = parse(reply, PlacedRow)
        except VigilError as error:
            return not_placed(error)
        return Accepted(str(row.order_id), row.state, reply.body.decode())

    def cancel(self, cancellation: Cancellation, order_id: str | None = None) -> Cancelling:
        """End an open order."""
        symbol = cancellation.symbol
        call = calls.cancel_of_client(symbol, cancellation.client_order_id)
        try:
            reply = yield calls.cancel(symbol, order_id) if order_id else call
            row = parse(reply, PlacedRow)
        except VigilError as error:
            return not_cancelled(error)
        return CancelTaken(row.state, reply.body.decode())

    def find(self, sought: Sought, now_ms: int) -> Finding:
        """The order by our id."""
        return find(self._rest, sought, now_ms, self.absence)

    def ended_because(self, state: OrderState) -> RejectReason | None:
        """Rejected, and expired by a rule; canceled is what somebody wanted."""
        if state.status not in {"rejected", "expired"}:
            return None
        return _ENDED.get(state.reason or "", "other")

    def instruments(self, category: str, symbols: Sequence[str]) -> Generator[Call, Reply, Listing]:
        """All in one call; where one is not listed that call is refused, and each is asked for by itself."""
        demand_spot(category)
        try:
            return read_listing((yield calls.exchange_info(symbols)), self.exchange, symbols)
        except BadRequest:
            pass
        listings: list[Listing] = []
        for symbol in symbols:
            try:
                reply = yield calls.exchange_info((symbol,))
                listings.append(read_listing(reply, self.exchange, (symbol,)))
            except UnknownSymbol:
                listings.append(Listing((), (symbol,)))
            except BadRequest as error:
                listings.append(Listing((), (), (f"{symbol}: {error}",)))
        return joined(listings)

    def fee_rates(self, category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        """All kinds of commission together."""
        demand_spot(category)
        said = parse((yield calls.commission(symbol)), Commission)
        kinds = [said.standard_commission, said.special_commission, said.tax_commission]
        charged = [kind for kind in kinds if kind is not None]
        discount = said.discount
        is_discounted = discount.enabled_for_account and discount.enabled_for_symbol
        return FeeRates(
            maker=add(kind.of(kind.maker) for kind in charged),
            taker=add(kind.of(kind.taker) for kind in charged),
            discount_asset=discount.discount_asset if is_discounted else None,
        )

    def quote(self, category: str, symbol: str) -> Generator[Call, Reply, TopOfBook]:
        """The best prices; when they were so is not said."""
        demand_spot(category)
        row = parse((yield calls.book_ticker(symbol)), BookRow)
        if row.symbol != symbol:
            raise Unreadable(f"prices of {row.symbol} in answer to {symbol}")
        return TopOfBook(
            category,
            symbol,
            row.bid_price or None,
            row.ask_price or None,
            row.bid_qty if row.bid_price else None,
            row.ask_qty if row.ask_price else None,
        )


def _placing(order: Placement) -> Call:
    symbol, side, ours = order.symbol, order.side, order.client_order_id
    quantity = plain(order.quantity)
    if order.price is None:
        return calls.place_market(symbol, side, quantity, ours)
    place = calls.place_maker if order.post_only else calls.place_limit
    return place(symbol, side, quantity, plain(order.price), ours)


def demand_spot(category: str) -> None:
    """ValueError for any other category: there is none here."""
    if category != CATEGORY:
        raise ValueError(f"there is no category {category!r} here")

"""Whether an order may be sent: everything that is looked at before, in one table.

An order is judged against what is known at that moment (Circumstances). The answer
is None, or the first reason against it, in words for the person or the trade that
wanted it. The rules in words:

1. To cancel is always allowed: while blind, halted, in a dry run. It opens nothing.
2. Nothing is placed while trading is halted, or while the account is not live. That
   holds for the SELL of a trade too: who is blind does not know what is left to sell.
   While it is not known whether trading should be halted (core/halting) nothing more is
   bought; what was bought may be sold.
3. Only spot, where a symbol's units are what is bought and sold. Only symbols that
   are named; where none is named, all. Only in the quote assets in which the limits
   are given: 100 means something else in every other.
4. An order is worth no more than `max_order_quote`, and no more than
   `max_open_orders` rest. The SELL that closes a trade is free of both: its size is
   what was bought, and to refuse it would keep the risk that they are to bound.
5. A price must make sense against a good one: no purchase more than `max_jump` above
   the ask, no sale as far below the bid. Without a good price nothing is placed. An
   order that is maker only must not take.
6. The exchange must have nothing against it that is known beforehand (core/instruments).
7. What it spends must be free. What is free is not known as long as the exchange has
   not said it, and then nothing is placed.
8. Nothing is sent twice: no second order by the same client id, none that closes a
   trade that another closes already, and none of a person's that equals one that
   lives, unless the person says that it is meant.
9. A dry run sends nothing. It is the last rule, so that it tells what would have been
   sent, and every other reason before.

What is not known is a reason against, never for.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Literal, assert_never

import msgspec

from core.instruments import Instrument, Resting, refusal
from core.intents import Cancellation, Intent, Placement
from core.money import EXACT, plain
from core.prices import Price
from core.status import AccountState

Rule = Literal[
    "halted",
    "unknown",
    "account",
    "category",
    "symbol",
    "quote",
    "price",
    "size",
    "count",
    "taking",
    "filter",
    "balance",
    "duplicate",
    "dry_run",
]


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when an order is judged; None is not known.

    `halted` is why there is no trading, `unknown` why it is not known whether there should
    be. `price` is a good price (core/prices) and `why_no_price` what is wrong where it is
    None. `free` is the free balance of the asset that the order spends: quote for a
    purchase, base for a sale. `fee_rate` is what a purchase is charged in the quote
    asset on top, 0 where it is charged otherwise. `resting` counts the account's
    orders at the exchange, `open_orders` those of the trader's accounts together.
    `living` are the orders of ours that are not known to be over, those included that
    nobody has answered yet.
    """

    state: AccountState
    halted: str | None
    unknown: str | None
    instrument: Instrument | None
    price: Price | None
    why_no_price: str | None
    reference_price: Decimal | None
    free: Decimal | None
    resting: Resting
    open_orders: int
    living: Collection[Placement]
    symbols: Collection[str]
    quotes: Collection[str]
    max_order_quote: Decimal
    max_open_orders: int
    max_jump: Decimal
    dry_run: bool
    fee_rate: Decimal = Decimal(0)
    is_meant: bool = False


class Objection(msgspec.Struct, frozen=True, gc=False):
    """The rule that speaks against an order, and what it says."""

    rule: Rule
    text: str


def objection(intent: Intent, known: Circumstances) -> Objection | None:
    """The first reason why this must not be sent; None where it may."""
    match intent:
        case Cancellation():
            return None
        case Placement():
            for name, check in RULES:
                text = check(intent, known)
                if text is not None:
                    return Objection(name, text)
            return None
    assert_never(intent)


Check = Callable[[Placement, Circumstances], str | None]


def _halted(_order: Placement, known: Circumstances) -> str | None:
    return None if known.halted is None else f"trading is halted: {known.halted}"


def _unknown(order: Placement, known: Circumstances) -> str | None:
    if order.side == "sell" or known.unknown is None:
        return None
    return f"nothing is bought as long as {known.unknown}"


def _account(order: Placement, known: Circumstances) -> str | None:
    if known.state == "live":
        return None
    return f"account {order.account} is {known.state}: orders are placed while it is live, cancels always"


def _category(order: Placement, _known: Circumstances) -> str | None:
    return None if order.category == "spot" else f"{order.category} is not traded, only spot"


def _symbol(order: Placement, known: Circumstances) -> str | None:
    if known.symbols and order.symbol not in known.symbols:
        return f"{order.symbol} is not among the symbols to trade: {', '.join(sorted(known.symbols))}"
    if known.instrument is None:
        return f"the steps and limits of {order.symbol} are not known"
    return None


def _quote(_order: Placement, known: Circumstances) -> str | None:
    one = _listed(known)
    if one.quote in known.quotes:
        return None
    return f"{one.symbol} is paid in {one.quote}, and the limits are in {', '.join(sorted(known.quotes))}"


def _price(order: Placement, known: Circumstances) -> str | None:
    if known.price is None:
        return f"there is no good price of {order.symbol}: {known.why_no_price or 'nothing is known'}"
    if order.price is None:
        return None
    apart = EXACT.subtract(order.price, known.price.ask)
    measure = known.price.ask
    if order.side == "sell":
        apart, measure = EXACT.subtract(known.price.bid, order.price), known.price.bid
    if apart <= EXACT.multiply(measure, known.max_jump):
        return None
    where = "above the ask" if order.side == "buy" else "below the bid"
    return f"the price {plain(order.price)} is {plain(apart)} {where}, {plain(measure)}: more than max_jump"


def _size(order: Placement, known: Circumstances) -> str | None:
    worth = _worth(order, known)
    if order.closes is not None or worth <= known.max_order_quote:
        return None
    quote = _listed(known).quote
    return f"it is worth {plain(worth)} {quote}, and {plain(known.max_order_quote)} is the limit (max_order_quote)"


def _count(order: Placement, known: Circumstances) -> str | None:
    if order.closes is not None or known.open_orders < known.max_open_orders:
        return None
    return f"{known.open_orders} orders are open, and {known.max_open_orders} is the limit (max_open_orders)"


def _taking(order: Placement, known: Circumstances) -> str | None:
    price = known.price
    if not order.post_only or order.price is None or price is None:
        return None
    takes = order.price >= price.ask if order.side == "buy" else order.price <= price.bid
    if not takes:
        return None
    told = f"bid {plain(price.bid)}, ask {plain(price.ask)}"
    return f"at {plain(order.price)} it would take at once ({told}), and it is maker only"


def _filter(order: Placement, known: Circumstances) -> str | None:
    found = refusal(order, _listed(known), known.reference_price, known.resting)
    return None if found is None else f"the exchange would refuse it: {found.text}"


def _balance(order: Placement, known: Circumstances) -> str | None:
    one = _listed(known)
    asset, needed = one.base, order.quantity
    if order.side == "buy":
        charge = EXACT.add(Decimal(1), max(known.fee_rate, Decimal(0)))
        asset, needed = one.quote, EXACT.multiply(_worth(order, known), charge)
    if known.free is None:
        return f"how much {asset} is free is not known"
    return (
        None
        if needed <= known.free
        else f"it needs {plain(needed)} {asset}, and {plain(known.free)} are free"
    )


def _duplicate(order: Placement, known: Circumstances) -> str | None:
    for other in known.living:
        if (other.account, other.client_order_id) == (order.account, order.client_order_id):
            return f"an order by the id {order.client_order_id} lives already"
        if order.closes is not None and order.closes == other.closes:
            return f"trade {order.closes} has a SELL that lives: {other.client_order_id}"
        if order.closes is None and not known.is_meant and _is_same(order, other):
            return f"an equal order lives already: {other.client_order_id}; say that it is meant"
    return None


def _dry_run(order: Placement, known: Circumstances) -> str | None:
    if not known.dry_run:
        return None
    price = "the market" if order.price is None else plain(order.price)
    return f"dry run: {order.side} {plain(order.quantity)} {order.symbol} at {price} would be sent"


def _worth(order: Placement, known: Circumstances) -> Decimal:
    """In the quote asset; at the market by the price that is worse for us. Rule 5 has been passed."""
    assert known.price is not None
    market = known.price.ask if order.side == "buy" else known.price.bid
    return EXACT.multiply(order.quantity, market if order.price is None else order.price)


def _listed(known: Circumstances) -> Instrument:
    """Rule 3 has been passed."""
    assert known.instrument is not None
    return known.instrument


def _is_same(order: Placement, other: Placement) -> bool:
    names = ("account", "category", "symbol", "side", "quantity", "price")
    return all(getattr(order, name) == getattr(other, name) for name in names)


RULES: tuple[tuple[Rule, Check], ...] = (
    ("halted", _halted),
    ("unknown", _unknown),
    ("account", _account),
    ("category", _category),
    ("symbol", _symbol),
    ("quote", _quote),
    ("price", _price),
    ("size", _size),
    ("count", _count),
    ("taking", _taking),
    ("filter", _filter),
    ("balance", _balance),
    ("duplicate", _duplicate),
    ("dry_run", _dry_run),
)

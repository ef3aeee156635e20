"""The life of one trade: a BUY fill, and the SELLs that are to bring it back with a profit.

A lot is the units of one BUY fill and whatever dust was merged into them. This
file decides which state it is in, and when a SELL of it is placed anew. It knows no
exchange, no database and no clock. The rules in words:

1. At most one SELL of a lot lives. It is numbered, and its client order id follows
   from the fill and the number (core/client_ids). A number is given again only to a
   SELL that certainly never reached the exchange: it was `withheld` before it was
   sent, or the exchange proved it `absent`.
2. `waiting`: no SELL lives and one is wanted. It is planned by core/profit when the
   lot is considered; what stands against it (an unknown fee, no good price, a halt)
   is kept as the reason. The first time, the dust of the symbol is merged in, and
   what no order can hold is set aside as dust again.
3. A planned SELL is `placing` until the exchange says something of it. If nobody
   can say whether it was accepted, or the daemon was restarted meanwhile, it is
   `unclear`: it is asked for by its id, and nothing else is done until it is heard
   of or proven absent.
4. `resting` and `partly_sold` are what the exchange says. A SELL is over only when
   its last statement is final and its fills add up to what that says is filled,
   each with its fee booked; until then it is `settling`, and must be asked for. So a
   fill that raced a cancel is never sold a second time.
5. A SELL whose whole quantity is sold makes the lot `sold`, and what is left of its
   units (less than a step, a fee that was not taken) becomes dust. One that ended
   otherwise (canceled, expired, rejected, refused) leads back to `waiting`, and to a
   new SELL of the rest by the rule of that moment. If the rest is too little, the lot
   is `sold` with the rest as dust, or `dust` where nothing was sold.
6. Each end that we did not ask for is a failure. After more than the limit the lot
   is `stuck`: a person is told and has to say when to go on. That a SELL would have
   taken is none: it is maker only so that it ends then, and the market may go on so.
7. What contradicts all this is never ignored: units sold after the SELL was over
   are booked (dust may fall below zero then, and the next trade makes up for it), a
   living SELL of more than the lot still holds is to be cancelled, and a SELL with a
   number that was never given stops the lot. Each is an alarm.

Statements may come late, twice and in any order; core/orders and core/merge say
which counts. TABLE is the text once more: a missing key means that the word comes
too late or proves nothing. The diagram in docs/diagrams.md is drawn from it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from core.client_ids import trade_id
from core.facts import Fill, OrderState
from core.fees import Pair
from core.intents import Placement
from core.merge import merge_fill
from core.money import EXACT, add
from core.orders import FINAL
from core.profit import Charged, Holding, Unknown, charged

LotState = Literal[
    "waiting", "placing", "unclear", "resting", "partly_sold", "settling", "sold", "dust", "stuck"
]
Trigger = Literal[
    "planned",
    "too_little",
    "rest_too_little",
    "exhausted",
    "stranger",
    "withheld",
    "refused",
    "unclear",
    "absent",
    "opened",
    "partly",
    "unsettled",
    "complete",
    "ended",
    "retried",
]

_LIVES: dict[Trigger, LotState] = {
    "opened": "resting",
    "partly": "partly_sold",
    "unsettled": "settling",
    "complete": "sold",
}
_HEARD: dict[Trigger, LotState] = {**_LIVES, "ended": "waiting"}

TABLE: dict[LotState, dict[Trigger, LotState]] = {
    "waiting": {
        "planned": "placing",
        "too_little": "dust",
        "rest_too_little": "sold",
        "exhausted": "stuck",
        "stranger": "stuck",
        **_HEARD,
    },
    "placing": {"withheld": "waiting", "refused": "waiting", "unclear": "unclear", **_HEARD},
    "unclear": {"absent": "waiting", "refused": "waiting", "unclear": "unclear", **_HEARD},
    "resting": _HEARD,
    "partly_sold": {"partly": "partly_sold", "unsettled": "settling", "complete": "sold", "ended": "waiting"},
    "settling": {"unsettled": "settling", "complete": "sold", "ended": "waiting"},
    "sold": {},
    "dust": {},
    "stuck": {"retried": "waiting", **_LIVES},
}
FINISHED: frozenset[LotState] = frozenset({"sold", "dust"})
_IN_DOUBT: frozenset[LotState] = frozenset({"unclear", "settling"})

Ending = Literal["withheld", "refused", "absent", "over"]
UNSENT: frozenset[Ending] = frozenset({"withheld", "absent"})
"""The SELL certainly never reached the exchange: its number may be given again."""


class Sold(msgspec.Struct, frozen=True, gc=False):
    """One fill of a SELL, and how its fee is booked; None while that is not known."""

    fill: Fill
    charged: Charged | None = None


class Sell(msgspec.Struct, frozen=True):
    """One SELL of a lot.

    `order` is what the exchange says of it, `final` what a final statement said is
    filled: an earlier one proves nothing of the end. `ending` is how it came to its
    end, None while it may live. `is_unwanted` says that it is to be cancelled,
    `is_excused` that the market had moved: it was maker only, and would have taken.
    """

    number: int
    client_order_id: str
    quantity: Decimal
    price: Decimal
    order: OrderState | None = None
    final: Decimal | None = None
    sold: tuple[Sold, ...] = ()
    ending: Ending | None = None
    is_unwanted: bool = False
    is_excused: bool = False

    @property
    def order_id(self) -> str | None:
        """What the exchange calls it, once it has said so."""
        if self.order is not None:
            return self.order.order_id
        return self.sold[0].fill.order_id if self.sold else None

    @property
    def quantity_sold(self) -> Decimal:
        return add(one.fill.quantity for one in self.sold)

    @property
    def filled(self) -> Decimal | None:
        """What is certainly filled of an order that is over; None where nothing says so."""
        if self.order is None or self.final is None:
            return None
        return max(self.final, self.order.filled or self.final)

    @property
    def is_living(self) -> bool:
        """Whether it may still sell something."""
        return self.ending is None and (self.order is None or self.order.status not in FINAL)


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """One trade. Amounts of units are in the base asset, costs in the quote asset.

    `holding` is what the trade has to sell, None before it was first planned;
    `from_dust` what was merged into it then, `aside` what no order could hold.
    `numbers` is the first number that no SELL was ever given. `why` says what it
    waits for, or why it ended as it did.
    """

    id: str
    account: str
    pair: Pair
    bought: Fill
    state: LotState = "waiting"
    why: str | None = None
    holding: Holding | None = None
    from_dust: Holding = Holding()
    aside: Holding = Holding()
    sells: tuple[Sell, ...] = ()
    numbers: int = 0
    failures: int = 0

    @property
    def consumed(self) -> Holding:
        """What has left: sold, or taken as a fee, with its cost."""
        units = add(_units(one) for sell in self.sells for one in sell.sold)
        return (self.holding or Holding()).part(units)

    @property
    def left(self) -> Holding:
        """What has not left yet, the dust set aside apart."""
        return (self.holding or Holding()).minus(self.consumed)

    @property
    def to_dust(self) -> Holding:
        """What this trade leaves to the next ones of its symbol."""
        return self.aside.plus(self.left) if self.state in FINISHED else self.aside

    @property
    def current(self) -> Sell | None:
        return self.sells[-1] if self.sells else None

    @property
    def doubtful(self) -> tuple[Sell, ...]:
        """The SELLs of which somebody has to ask the exchange: the order, and all its fills."""
        older = tuple(sell for sell in self.sells[:-1] if sell.ending is None and not sell.is_living)
        return older + (self.sells[-1:] if self.state in _IN_DOUBT else ())


class Alarm(msgspec.Struct, frozen=True):
    """Something that a person should know of a lot."""

    lot: str
    kind: Literal["trade_stuck", "trade_surprise"]
    text: str


class Turn(NamedTuple):
    """The lot as it is now, what is to be placed for it, and what a person should know."""

    lot: Lot
    placement: Placement | None = None
    alarms: tuple[Alarm, ...] = ()


def begun(account: str, fill: Fill, pair: Pair) -> Lot:
    """The lot of a BUY fill."""
    return Lot(id=trade_id(account, fill), account=account, pair=pair, bought=fill)


def completed(lot: Lot, fill: Fill) -> Lot:
    """The lot after its BUY fill was stated again, perhaps with the fee that was missing."""
    row = merge_fill(lot.bought, fill).row
    return lot if row == lot.bought else msgspec.structs.replace(lot, bought=row)


# ------------------------------------------------------------------------ stepping


def moved(lot: Lot, trigger: Trigger, why: str | None = None) -> Lot:
    """Take the step, where the table has one."""
    following = TABLE[lot.state].get(trigger)
    return lot if following is None else msgspec.structs.replace(lot, state=following, why=why)


def with_sell(lot: Lot, sell: Sell) -> Lot:
    """The lot with that SELL in the place of the one with its number."""
    sells = tuple(sell if one.number == sell.number else one for one in lot.sells)
    return msgspec.structs.replace(lot, sells=sells)


def booked(fill: Fill, pair: Pair, values: Mapping[str, Decimal]) -> Charged | None:
    """How the fee of a sale is booked; None while that is not known."""
    fee = charged(fill.fee, fill.fee_asset, pair, values)
    return None if isinstance(fee, Unknown) else fee


def _units(one: Sold) -> Decimal:
    """The units that left with a fill, as far as is known."""
    return EXACT.add(one.fill.quantity, one.charged.units if one.charged is not None else Decimal(0))

"""What came of a request that changes something: the one decision for every dialect.

A classified error says what should be done about it; here it says what it proves
about an order. The rule: a refusal is what only a refusal can mean.

* Rejected and BadRequest are the exchange's verdict on the request itself: Refused.
* RateLimited, ClockError, FatalError and ProtocolChanged come before it looks at
  what was asked: Unheard. So does whatever keeps a call from being sent.
* DuplicateOrder is Duplicate where an order was placed.
* NotFound is the answer to a cancel: NotOpen. Of a new order it makes no sense.
* All else is Unsure: UnknownOutcome, an answer that cannot be read, and any broken
  link, for nobody knows how far the request came before it broke.
"""

from core.errors import (
    BadRequest,
    ClockError,
    DuplicateOrder,
    FatalError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    VigilError,
)
from core.facts import OrderState
from core.intents import Placement
from exchanges.base import Complete, Failed, HeldOrder, RestDialect
from exchanges.trading import (
    CLIENT_ORDER_ID,
    Absence,
    Absent,
    Duplicate,
    Finding,
    Forgotten,
    Found,
    NotOpen,
    NotYet,
    Refused,
    Sought,
    Unheard,
    Unsure,
)

_BEFORE_LOOKING = (RateLimited, ClockError, FatalError, ProtocolChanged)
_LEAST = 0.1  # seconds between two questions for the same order, however late it is


def not_placed(error: VigilError) -> Refused | Unheard | Duplicate | Unsure:
    """What an error in answer to an order proves."""
    return Duplicate(error) if isinstance(error, DuplicateOrder) else _not_done(error)


def not_cancelled(error: VigilError) -> NotOpen | Refused | Unheard | Unsure:
    """What an error in answer to a cancel proves."""
    return NotOpen(error) if isinstance(error, NotFound) else _not_done(error)


def _not_done(error: VigilError) -> Refused | Unheard | Unsure:
    match error:
        case Rejected(reason=reason):
            return Refused(reason, error)
        case BadRequest():
            return Refused("other", error)
        case _ if isinstance(error, _BEFORE_LOOKING):
            return Unheard(error)
    return Unsure(error)


def check(order: Placement, categories: tuple[str, ...]) -> None:
    """Raise ValueError for an order that must not even be tried: see Trading.place."""
    if order.category not in categories:
        raise ValueError(f"no orders in the category {order.category!r} here")
    if not CLIENT_ORDER_ID.fullmatch(order.client_order_id):
        raise ValueError(f"{order.client_order_id!r} is no client order id")
    if order.price is None and order.post_only:
        raise ValueError("an order at the market always takes")


def find(rest: RestDialect, sought: Sought, now_ms: int, absence: Absence) -> Finding:
    """The order by our id; where the dialect finds none, whether that is proof yet."""
    answer = yield from rest.order(HeldOrder(sought.category, sought.symbol, "", sought.client_order_id))
    if isinstance(answer, Failed):
        raise answer.error
    order = next((fact for fact in answer.facts if isinstance(fact, OrderState)), None)
    if order is not None:
        as_of = answer.as_of if isinstance(answer, Complete) else now_ms
        return Found(order, answer.facts, as_of, answer.raw)
    since = (now_ms - sought.sent_ms) / 1000
    if absence.shown_for is not None and since > absence.shown_for:
        return Forgotten()
    if since >= absence.proven_after and isinstance(answer, Complete):
        return Absent(now_ms)
    moments = (*absence.ask_after, absence.proven_after)
    return NotYet(max(_LEAST, next((moment for moment in moments if moment > since), since) - since))

"""What a comparison with the exchange asks, and what its answer proves.

Three comparisons exist, and they are the same act at different moments: a
*reconcile* after the stream came up, an *audit* while it looks healthy, a *poll*
while we are blind. The rules:

* Absence needs proof. Only a complete list says that an order is not open any
  more, and even that says nothing about what became of it: every order that we
  hold open and the list lacks is asked for by its id. At most `BURST` such
  questions follow one list; where there are more, the next list and burst come
  right after, and nothing is proven before all were asked.
* A positive answer applies at once. "Nobody knows it" is believed only after
  `MISSES` complete comparisons in a row, and even then no end is invented: it
  becomes a discrepancy that people are shown, once, and the question is put
  again only now and then (`deep`).
* What an order says is filled and what its fills come to must be the same. Where
  they are not, a trade is missing, and the order is asked for with its trades. A
  comparison proves nothing while that is open; after `MISSES` such answers it
  becomes a discrepancy with both numbers.
* While the stream works, an audit leaves what the stream touched in the last
  `SHIELD_MS` to the stream: the answer may be older than what it says. Fills are
  exempt, for they cannot be wrong by being late. Nobody is shielded while blind.
* A complete answer that was begun at exchange time t proves everything up to
  t - `LAG_MS`: the exchanges' histories trail their matching engines. It does so
  for the markets that it speaks for: one that is asked seldom, because nothing
  happens there, is proven up to its own last answer.
* A proof is overdue after `OVERDUE` periods of the audit without a complete
  comparison; time in which the exchange forbids every call does not count.
* Audits of many accounts are spread evenly over their period, each at a phase
  that depends on its name alone.
"""

import math
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol, TypeVar

import msgspec

from core.facts import Balance, Fact, OrderState, Position

BURST = 10
MISSES = 3
SHIELD_MS = 5_000
LAG_MS = 5_000
DEEP_EVERY = 10
OVERDUE = 3

OrderName = tuple[str, str, str]  # category, symbol, order id
Touched = tuple[str, ...]  # ("order", *OrderName) · ("balance", asset) · ("position", category, symbol, side)


class Named(Protocol):
    """Whatever has an order's identity."""

    @property
    def category(self) -> str: ...

    @property
    def symbol(self) -> str: ...

    @property
    def order_id(self) -> str: ...


Order = TypeVar("Order", bound=Named)


def name_of(order: Named) -> OrderName:
    return order.category, order.symbol, order.order_id


def missing(held_open: Iterable[Order], facts: Iterable[Fact]) -> list[Order]:
    """The orders held open of which a complete answer says nothing at all."""
    told = {name_of(fact) for fact in facts if isinstance(fact, OrderState)}
    return [order for order in held_open if name_of(order) not in told]


class Filled(msgspec.Struct, frozen=True):
    """What an order said is filled, and what its fills come to."""

    category: str
    symbol: str
    order_id: str
    filled: Decimal
    traded: Decimal

    @property
    def adds_up(self) -> bool:
        return self.filled == self.traded


class Inquiry(msgspec.Struct, frozen=True):
    """Which orders to ask for now, and whether some have to wait for the next burst.

    `over` names those that were given up and are no question any more.
    """

    ask: tuple[OrderName, ...]
    more: bool
    over: tuple[OrderName, ...] = ()


class Absences:
    """How often each order was asked for in vain: one that a list lacks, or whose fills do not add up.

    Kept in memory only.
    """

    def __init__(self) -> None:
        self._misses: dict[OrderName, int] = {}

    def inquiry(self, names: Sequence[OrderName], *, deep: bool) -> Inquiry:
        """What to ask of the orders missing now; those that are missing no longer are forgotten.

        The ones never asked come first, so that a burst of hopeless ones keeps
        nobody else waiting. Given up are asked only when the comparison is deep.
        """
        over = tuple(name for name in self._misses.keys() - set(names) if self.is_given_up(name))
        self._misses = {name: self._misses[name] for name in names if name in self._misses}
        worth = [name for name in names if deep or not self.is_given_up(name)]
        worth.sort(key=lambda name: self._misses.get(name, 0))
        ask, rest = worth[:BURST], worth[BURST:]
        return Inquiry(tuple(ask), any(name not in self._misses for name in rest), over)

    def found(self, name: OrderName) -> bool:
        """It was answered for. True where it had been given up: the discrepancy is over."""
        was_given_up = self.is_given_up(name)
        self._misses.pop(name, None)
        return was_given_up

    def missed(self, name: OrderName) -> bool:
        """Nobody knows it. True at the miss that makes it a discrepancy, and only then."""
        self._misses[name] = self._misses.get(name, 0) + 1
        return self._misses[name] == MISSES

    def is_given_up(self, name: OrderName) -> bool:
        return self._misses.get(name, 0) >= MISSES


def unshielded(facts: Iterable[Fact], touched: Container[Touched]) -> tuple[Fact, ...]:
    """What an audit may apply: all but what speaks of something the stream has just touched."""
    return tuple(fact for fact in facts if _touch(fact) not in touched)


def _touch(fact: Fact) -> Touched:
    match fact:
        case OrderState():
            return ("order", *name_of(fact))
        case Balance():
            return ("balance", fact.asset)
        case Position():
            return ("position", fact.category, fact.symbol, fact.side)
    return ()


def proven_to(as_of: int) -> int:
    """Up to when a complete answer that was begun at `as_of` proves the ledger, ms."""
    return as_of - LAG_MS


def is_overdue(now: float, compared_at: float, closed_until: float, audit_every: float) -> bool:
    """Whether the last complete comparison is too old to say that we see; all in boottime seconds."""
    return now - max(compared_at, closed_until) > OVERDUE * audit_every


def next_audit(now: float, every: float, account: str) -> float:
    """The account's next place in the period after `now`; both in boottime seconds.

    A thousandth of a period counts as being there: rounding must not audit twice.
    """
    phase = Random(account).random() * every
    return phase + (math.floor((now - phase) / every + 0.001) + 1) * every


def retry_in(poll_every: float, hint: float | None, random: Random) -> float:
    """Seconds until a failed comparison is tried again: the poll's pace, a little apart, or as told."""
    return max(poll_every * random.uniform(0.9, 1.1), hint or 0.0)

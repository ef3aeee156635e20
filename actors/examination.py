"""A comparison that somebody asked for: a window of their choice, and everything in it.

It is an audit, and repairs what is missing like any other. Beyond that it looks
the other way too, at what the ledger holds and the exchange does not show. Such
a thing is asked for by name before anything is said of it, because a list may
have its reasons; it is told then and left as it is, for the ledger takes nothing
back.
"""

from collections import deque
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

import msgspec

from actors.comparison import Comparer, Found, Ticket
from core import reconcile
from core.differences import Compared, Difference, settled
from core.facts import Fact, Fill, OrderState
from core.messages import Compare
from core.reconcile import OrderName, name_of
from core.wire import Call
from exchanges.base import Complete, HeldOrder
from models.read import Reader, Row

Identity = tuple[str, str, str, str]  # of a fill
Asking = Generator[Call | Ticket, Any, tuple[Difference, ...]]
F = TypeVar("F", Fill, OrderState)


class Examiner:
    """Examines for one poller, in its thread."""

    def __init__(self, account: str, comparer: Comparer, reader: Reader) -> None:
        self._account = account
        self._comparer = comparer
        self._reader = reader

    def examine(self, since: int) -> Generator[Call | Ticket, Any, Found]:
        """Compare everything from `since` on (ms); with every order asked for that the exchange lacks."""
        differences: tuple[Difference, ...] = ()
        unknown: dict[OrderName, HeldOrder] = {}
        while True:
            found = yield from self._comparer.compare("audit", since)
            differences += found.differences
            unknown |= {name_of(held): held for held in found.unknown}
            if found.proof is None or not found.more:
                break
        if found.proof is not None:
            differences += yield from self._unconfirmed_fills(found, found.proof)
            differences += tuple(map(self._unconfirmed_order, unknown))
        return msgspec.structs.replace(found, differences=differences)

    def _unconfirmed_fills(self, found: Found, answer: Complete) -> Asking:
        """The fills of that time that the answer lacks, and that their orders, asked for by name, lack too.

        At most a burst of orders is asked for: where that many are in doubt, to ask
        for more would say nothing new.
        """
        differences: tuple[Difference, ...] = ()
        doubted = self._fills_but(found.since, answer, (*answer.facts, *found.told))
        for name in tuple(dict.fromkeys(map(name_of, doubted.values())))[: reconcile.BURST]:
            stored, facts = yield from self._comparer.ask_for(HeldOrder(*name), "audit")
            differences += stored.differences
            for shown in _identities(facts):
                doubted.pop(shown, None)
        return (*differences, *map(_unconfirmed_fill, doubted.values()))

    def _fills_but(self, since: int, answer: Complete, shown: Iterable[Fact]) -> dict[Identity, Fill]:
        """The ledger's fills of what an answer speaks of, without those that are shown."""
        known = _identities(shown)
        rows = self._reader.fills_between(self._account, since, reconcile.proven_to(answer.as_of))
        fills = (_fact(Fill, row) for row in rows)
        return {
            _identity(fill): fill
            for fill in fills
            if fill.category in answer.categories
            and (answer.symbols is None or fill.symbol in answer.symbols)
            and _identity(fill) not in known
        }

    def _unconfirmed_order(self, name: OrderName) -> Difference:
        row = self._reader.order(self._account, *name)
        held = None if row is None else _fact(OrderState, row)
        at = None if held is None else held.updated_at
        return Difference("order", *name, at, "unconfirmed", held, None)


class Petitions:
    """Who waits for an examination. Each is answered once, and stays the next until then."""

    def __init__(self) -> None:
        self._waiting: deque[Compare] = deque()

    def add(self, asked: Compare) -> None:
        """Behind all others."""
        self._waiting.append(asked)

    def next(self) -> Compare | None:
        """The first who still waits."""
        while self._waiting and not self._waiting[0].is_wanted():
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else None

    def answer(self, asked: Compare, said: Compared) -> None:
        """Say what it came to."""
        if asked in self._waiting:
            self._waiting.remove(asked)
            asked.reply(said)

    def refuse_all(self, why: str) -> None:
        """None of them can be served."""
        while self._waiting:
            self._waiting.popleft().reply(Compared(why))


def compared(found: Found, since: int) -> Compared:
    """What is told of an examination that was asked for from `since` on."""
    answer = found.proof
    if answer is None:
        return Compared(f"the exchange's answer was not complete: {found.why}")
    until = reconcile.proven_to(answer.as_of)
    return Compared(
        since=max(since, answer.since),
        until=until,
        categories=answer.categories,
        symbols=answer.symbols,
        unseen=answer.unseen,
        differences=settled(found.differences, until),
    )


def _identity(fill: Fill) -> Identity:
    return (*name_of(fill), fill.trade_id)


def _identities(facts: Iterable[Fact]) -> set[Identity]:
    return {_identity(fact) for fact in facts if isinstance(fact, Fill)}


def _unconfirmed_fill(fill: Fill) -> Difference:
    place = (fill.category, fill.symbol, fill.trade_id)
    return Difference("fill", *place, fill.traded_at, "unconfirmed", fill, None)


def _fact(kind: type[F], row: Row) -> F:
    """A row of the ledger as the statement that it stands for."""
    return msgspec.convert({name: row.get(name) for name in kind.__struct_fields__}, kind)

"""Who is to be told when what they put is committed, and what it did.

Pure bookkeeping of the inlet: entries are numbered in the order of their arrival
and committed in that order. A ticket is the number of the last entry of a put.
Outcomes are collected for those who may ask (answers of REST); for the stream,
which never asks, nothing is kept.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from core.differences import Difference

UNCLAIMED = 1_000  # outcomes kept for callers that ask after the commit
OrderName = tuple[str, str, str]  # category, symbol, order id


class Stored(msgspec.Struct, frozen=True):
    """What one put did, once all of it is committed.

    `changed` counts the facts that changed a view, `repaired` those of them that
    closed a gap of the stream; `requery` names orders to be asked about;
    `sequence` is the journal's newest; `differences` is what a comparison found.
    """

    changed: int
    repaired: int
    sequence: int
    requery: tuple[OrderName, ...] = ()
    differences: tuple[Difference, ...] = ()


class EffectOf(Protocol):
    """What the ledger says of one entry."""

    @property
    def changed(self) -> int: ...
    @property
    def repaired(self) -> int: ...
    @property
    def requery(self) -> tuple[OrderName, ...]: ...
    @property
    def differences(self) -> tuple[Difference, ...]: ...


class _Unknown:
    changed = repaired = 0
    requery: tuple[OrderName, ...] = ()
    differences: tuple[Difference, ...] = ()


UNKNOWN: EffectOf = _Unknown()  # committed by a writer that could not say what it did

Notify = Callable[[Stored], object]
Due = list[tuple[Notify, Stored]]


class _Receipt:
    """Collects what the entries `start + 1` to `end` did."""

    __slots__ = ("changed", "differences", "end", "repaired", "requery", "start", "waiters")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.changed = self.repaired = 0
        self.requery: tuple[OrderName, ...] = ()
        self.differences: tuple[Difference, ...] = ()
        self.waiters: list[Notify] = []

    def add(self, effect: EffectOf) -> None:
        self.changed += effect.changed
        self.repaired += effect.repaired
        self.requery += effect.requery
        self.differences += effect.differences

    def stored(self, sequence: int) -> Stored:
        return Stored(self.changed, self.repaired, sequence, self.requery, self.differences)


class Receipts:
    """Not thread-safe: its owner holds a lock, and calls nobody while it does."""

    def __init__(self) -> None:
        self.accepted = 0
        self._committed = 0
        self._sequence = 0
        self._waiting: list[_Receipt] = []  # by end; their ranges do not overlap
        self._unclaimed: dict[int, Stored] = {}

    def accept(self, count: int) -> int:
        """So many entries came; returns the ticket of the last."""
        self.accepted += count
        return self.accepted

    def keep(self, start: int) -> None:
        """Collect what everything accepted after `start` does: somebody will ask."""
        self._waiting.append(_Receipt(start, self.accepted))

    def ask(self, ticket: int, notify: Notify) -> Stored | None:
        """What is known if the ticket is committed; else None, and `notify` will be due."""
        stored = self._unclaimed.pop(ticket, None)
        if stored is None and ticket <= self._committed:
            stored = Stored(0, 0, self._sequence)
        if stored is None:
            self._receipt(ticket).waiters.append(notify)
        return stored

    def commit(self, effects: Sequence[EffectOf], sequence: int | None = None) -> Due:
        """The next entries are committed, in order; returns who is to be told what."""
        self._sequence = self._sequence if sequence is None else sequence
        due: Due = []
        if not self._waiting:
            self._committed += len(effects)
            return due
        for effect in effects:
            self._committed += 1
            if self._waiting and self._committed > self._waiting[0].start:
                self._waiting[0].add(effect)
                if self._committed == self._waiting[0].end:
                    self._hand_out(self._waiting.pop(0), due)
        return due

    def _hand_out(self, receipt: _Receipt, due: Due) -> None:
        stored = receipt.stored(self._sequence)
        if receipt.waiters:
            due += [(notify, stored) for notify in receipt.waiters]
            return
        self._unclaimed[receipt.end] = stored
        if len(self._unclaimed) > UNCLAIMED:
            del self._unclaimed[next(iter(self._unclaimed))]

    def _receipt(self, ticket: int) -> _Receipt:
        """The receipt of a ticket that waits; one of the stream's is made when somebody asks."""
        for receipt in self._waiting:
            if receipt.end == ticket:
                return receipt
        receipt = _Receipt(ticket - 1, ticket)
        insort(self._waiting, receipt, key=lambda other: other.end)
        return receipt

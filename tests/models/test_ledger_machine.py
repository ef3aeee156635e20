"""An exchange lives, its words come shuffled, twice, late, or not at all: the ledger ends where the exchange is.

Hypothesis plays the exchange, the network and the poller. Whatever it does, no order
ever leaves a final state, no filled amount falls and no fill goes; and once one
complete answer has come that was asked for after all that, the ledger says what the
exchange says, nothing is in doubt, and the journal rebuilds it.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from decimal import Decimal as D
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.clock import SystemClock
from core.facts import Batch, Fact, Fill, OrderState, Source
from core.orders import FINAL
from models.database import prepare
from models.ledger import Ledger, Unstorable
from models.rebuild import rebuild
from tests.support.ledger import NOW, balance, batch, fill, order, rows, url, views
from tests.support.postgres import Postgres

Where = Callable[[], AbstractContextManager[str]]
COMPARED: st.SearchStrategy[Source] = st.sampled_from(["reconcile", "audit", "poll"])
UNSTORABLE = batch(fill("nonsense", side=None))
some = st.integers(0, 1_000_000)


class Answer(NamedTuple):
    """What REST said of everything, and the journal's seq when it was asked."""

    facts: tuple[Fact, ...]
    fence: int


class Exchange:
    """What truly happens; each change is one statement of the stream, or two."""

    def __init__(self) -> None:
        self.now = NOW
        self.orders: dict[str, OrderState] = {}
        self.fills: list[Fill] = []
        self.free, self.moved_at = 1_000, NOW

    def open(self, quantity: int) -> list[Fact]:
        order_id = str(len(self.orders) + 1)
        self.orders[order_id] = order(
            order_id=order_id, quantity=D(quantity), price=D(7), created_at=self.now, updated_at=self.now,
            client_order_id=f"c{order_id}", side="buy", type="limit", version=1,
        )  # fmt: skip
        return [self.orders[order_id]]

    def fill(self, order_id: str, part: int) -> list[Fact]:
        before = self.orders[order_id]
        assert before.quantity is not None
        assert before.filled is not None
        part = min(part, int(before.quantity - before.filled))
        whole = before.filled + part == before.quantity
        after = self._change(
            order_id, status="filled" if whole else "partially_filled", filled=before.filled + part
        )
        self.fills.append(
            fill(str(len(self.fills)), order_id=order_id, quantity=D(part), price=D(7), traded_at=self.now,
                 client_order_id=before.client_order_id)
        )  # fmt: skip
        self.free, self.moved_at = self.free - part, self.now
        return [self.fills[-1], after, self._balance()]

    def cancel(self, order_id: str) -> list[Fact]:
        return [self._change(order_id, status="canceled")]

    def everything(self) -> tuple[Fact, ...]:
        """As REST tells it, which knows no version."""
        orders = (msgspec.structs.replace(one, version=None) for one in self.orders.values())
        return (*self.fills, *orders, self._balance())

    def living(self) -> list[str]:
        return [order_id for order_id, one in self.orders.items() if one.status not in FINAL]

    def _change(self, order_id: str, **fields: Any) -> OrderState:
        before = self.orders[order_id]
        after = msgspec.structs.replace(
            before, updated_at=self.now, version=(before.version or 0) + 1, **fields
        )
        self.orders[order_id] = after
        return after

    def _balance(self) -> Fact:
        return balance(str(self.free), at=self.moved_at)


class LedgerUnderFire(RuleBasedStateMachine):
    """One ledger, one exchange, and everything that may happen between them."""

    where: Where

    def __init__(self) -> None:
        super().__init__()
        self.place = self.where()
        self.address = self.place.__enter__()
        self.ledger = Ledger.open(self.address, SystemClock())
        self.exchange = Exchange()
        self.wire: list[Fact] = []
        self.answers: list[Answer] = []
        self.orders: dict[str, tuple[str, D]] = {}
        self.fills: set[str] = set()

    # ------------------------------------------------------------ the exchange

    @rule(quantity=st.integers(1, 4), after=st.integers(0, 2))
    def an_order_is_placed(self, quantity: int, after: int) -> None:
        self.exchange.now += after
        self.wire += self.exchange.open(quantity)

    @precondition(lambda self: self.exchange.living())
    @rule(which=some, part=st.integers(1, 4), after=st.integers(0, 2))
    def an_order_is_filled(self, which: int, part: int, after: int) -> None:
        self.exchange.now += after
        living = self.exchange.living()
        self.wire += self.exchange.fill(living[which % len(living)], part)

    @precondition(lambda self: self.exchange.living())
    @rule(which=some, after=st.integers(0, 2))
    def an_order_is_canceled(self, which: int, after: int) -> None:
        self.exchange.now += after
        living = self.exchange.living()
        self.wire += self.exchange.cancel(living[which % len(living)])

    # ------------------------------------------------------------- the network

    @precondition(lambda self: self.wire)
    @rule(which=st.lists(some, min_size=1, max_size=4), again=st.booleans())
    def some_words_come_in_any_order(self, which: list[int], again: bool) -> None:
        """In one transaction; `again` leaves them on the wire, to come once more."""
        said = [self.wire[n % len(self.wire)] for n in which]
        if not again:
            self.wire = [one for one in self.wire if one not in said]
        self.write([batch(fact) for fact in said])

    @precondition(lambda self: self.wire)
    @rule(which=some)
    def a_word_is_lost(self, which: int) -> None:
        del self.wire[which % len(self.wire)]

    # -------------------------------------------------------------- the poller

    @rule()
    def everything_is_asked_for(self) -> None:
        self.answers.append(Answer(self.exchange.everything(), self.ledger.sequence))

    @precondition(lambda self: self.answers)
    @rule(which=some, source=COMPARED)
    def an_answer_comes_late(self, which: int, source: Source) -> None:
        """Several may be under way, and an older one may come after a newer one."""
        answer = self.answers.pop(which % len(self.answers))
        self.write([batch(*answer.facts, source=source, fence=answer.fence)])

    # --------------------------------------------------------------- the house

    @precondition(lambda self: self.wire)
    @rule(which=some)
    def a_transaction_fails(self, which: int) -> None:
        before = views(self.address)
        with suppress(Unstorable):
            self.ledger.write([batch(self.wire[which % len(self.wire)]), UNSTORABLE])
            raise AssertionError("nonsense was stored")
        assert views(self.address) == before

    @rule()
    def the_ledger_is_opened_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.address, SystemClock())

    def write(self, entries: list[Batch]) -> None:
        self.ledger.write(entries)

    # ---------------------------------------------------------------- promises

    @invariant()
    def a_final_state_is_never_left_and_filled_never_falls(self) -> None:
        found = {name: (status, D(filled)) for name, status, filled in self._orders()}
        for name, (status, filled) in self.orders.items():
            assert found[name][1] >= filled
            assert status not in FINAL or found[name][0] == status
        self.orders = found

    @invariant()
    def no_fill_goes_and_none_is_there_twice(self) -> None:
        found = rows(self.address, "fills", "trade_id")
        assert len(found) == len(set(found))
        assert self.fills <= set(found)
        self.fills = set(found)

    def _orders(self) -> list[Any]:
        return rows(self.address, "orders", "order_id, status, filled")

    def teardown(self) -> None:
        """One complete answer, asked for after everything else, and the ledger is as the exchange is."""
        self.write([batch(*self.exchange.everything(), source="audit", fence=self.ledger.sequence)])
        self.ledger.close()
        held = views(self.address)
        assert rebuild(self.address, check=True).differences == []
        assert rows(self.address, "incidents", "text") == []
        self.place.__exit__(None, None, None)
        assert held == _ledger_that_heard(self.exchange.everything(), self.where)


def _ledger_that_heard(facts: tuple[Fact, ...], where: Where) -> dict[str, list[Any]]:
    """The views of a ledger that was told just this."""
    with where() as place:
        ledger = Ledger.open(place, SystemClock())
        ledger.write([batch(*facts)])
        ledger.close()
        return views(place)


@cache
def migrated() -> bytes:
    """An empty ledger's file: to make one takes longer than to fill it."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(url(Path(folder) / "vigil.db"))
        return (Path(folder) / "vigil.db").read_bytes()


@contextmanager
def in_a_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vigil.db").write_bytes(migrated())
        yield url(Path(folder) / "vigil.db")


def _under_fire(where: Where, examples: int) -> None:
    machine = type("LedgerUnderFireHere", (LedgerUnderFire,), {"where": staticmethod(where)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None)
    )


def test_whatever_happens_on_the_way_the_ledger_ends_where_the_exchange_is() -> None:
    _under_fire(in_a_file, 30)


@pytest.mark.timeout(300)
def test_and_so_it_does_on_postgresql(postgres: Postgres) -> None:
    _under_fire(partial(postgres.database, template="migrated"), 6)

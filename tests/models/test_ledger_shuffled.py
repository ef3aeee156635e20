"""However statements of stream and REST are shuffled, repeated and cut into batches: one ledger.

And always one that its journal can rebuild.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SystemClock
from core.facts import CashMove, Fact, OrderStatus, Position, Source
from models.ledger import Ledger
from models.rebuild import rebuild
from tests.support.ledger import NOW, balance, batch, fill, order, rows, url, views
from tests.support.postgres import Postgres

Where = Callable[[], AbstractContextManager[str]]


def truth() -> Any:
    """Two orders with their fills, a balance, a position and a deposit: what the stream says, in order."""
    told = []
    endings: tuple[tuple[str, OrderStatus], ...] = (("1", "filled"), ("2", "canceled"))
    for order_id, ending in endings:
        named: dict[str, Any] = {
            "order_id": order_id,
            "client_order_id": f"c{order_id}",
            "quantity": D(2),
            "price": D(7),
        }
        told += [
            order(updated_at=NOW, version=1, **named),
            fill("1", order_id=order_id, quantity=D("0.5"), traded_at=NOW + 1, fee=D("0.1"), fee_asset="BNB"),
            order("partially_filled", filled=D("0.5"), updated_at=NOW + 1, version=2, **named),
            fill("2", order_id=order_id, quantity=D("1.5"), traded_at=NOW + 2),
            order(ending, filled=D(2), updated_at=NOW + 2, version=3, **named),
        ]
    told += [balance(str(5 - n), at=NOW + n) for n in range(3)]
    told += [Position("linear", "X", "buy", D(n), updated_at=NOW + n) for n in range(3)]
    return [*told, CashMove("t1", "USDT", D(5), "deposit", NOW)]


def by_rest(fact: Any) -> Any:
    """REST knows no version, and does not name the client order id of a fill."""
    return msgspec.structs.replace(fact, version=None) if hasattr(fact, "version") else fact


TRUTH = truth()


@contextmanager
def in_a_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield url(Path(folder) / "vigil.db")


def ledger_of(batches: Any, where: Where = in_a_file) -> tuple[dict, int]:
    with where() as place:
        ledger = Ledger.open(place, SystemClock())
        for entries in batches:
            ledger.write(entries)
        ledger.close()
        assert rebuild(place, check=True).differences == []
        return views(place), len(rows(place, "incidents"))


WANTED, _ = ledger_of([[batch(*TRUTH)]])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_of_arrival_and_any_repetition_end_in_the_same_ledger(data: st.DataObject) -> None:
    ends_in_the_same_ledger(data, in_a_file)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_and_in_the_same_ledger_on_postgresql_as_on_sqlite(postgres: Postgres, data: st.DataObject) -> None:
    ends_in_the_same_ledger(data, partial(postgres.database, template="migrated"))


def ends_in_the_same_ledger(data: st.DataObject, where: Where) -> None:
    told: list[tuple[Source, Fact]] = [("stream", fact) for fact in TRUTH]
    again: st.SearchStrategy[set[Source]] = st.sets(st.sampled_from(["audit", "poll"]))
    told += [(source, by_rest(fact)) for fact in TRUTH for source in data.draw(again)]
    told += data.draw(st.lists(st.sampled_from(told), max_size=10))
    told = data.draw(st.permutations(told))
    entries = [batch(fact, source=source) for source, fact in told]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(entries)), max_size=5)))
    batches = [entries[a:b] for a, b in zip([0, *cuts], [*cuts, len(entries)], strict=True)]
    held, incidents = ledger_of(batches, where)
    assert held == WANTED
    assert incidents == 0

"""Fills and orders are counted once and from then on only what was added, and the numbers are always right."""

from decimal import Decimal as D
from typing import Any

import pytest

from core.clock import SystemClock
from models import database, tally
from models.ledger import Ledger, Unstorable
from models.rebuild import rebuild
from tests.support.ledger import NOW, balance, batch, fill, order, rows

UNSTORABLE = batch(fill("x", side=None))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are written down with every second statement."""
    monkeypatch.setattr(tally, "EVERY", 2)


def reopened(place: str) -> tuple[int, int, int]:
    ledger = Ledger.open(place, SystemClock())
    found = ledger.sequence, ledger.fills, ledger.orders
    ledger.close()
    return found


def noted(place: str) -> Any:
    return rows(place, f"system_state WHERE key = '{tally.KEY}'", "value", "key")


def test_what_was_added_since_the_numbers_were_written_down_is_counted_by_the_journal(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill("1"), order(), balance("5"))])
    ledger.write([batch(fill("2"))])
    assert noted(place) == ['{"seq":3,"fills":1,"orders":1}']
    assert reopened(place) == (4, 2, 1)


def test_only_what_is_new_counts(ledger: Ledger, place: str) -> None:
    """Not a change, and not the same again."""
    ledger.write([batch(fill("1"), order())])
    ledger.write([batch(fill("1"), order("partially_filled", filled=D("0.5"), updated_at=NOW + 1))])
    ledger.write([batch(fill("1"))])
    assert reopened(place)[1:] == (1, 1) == (ledger.fills, ledger.orders)


def test_a_ledger_that_never_wrote_its_numbers_down_is_counted(ledger: Ledger, place: str) -> None:
    """As one is that an older vigil has left; the next transaction writes them down."""
    ledger.write([batch(fill("1"), fill("2"), order())])
    _forget(place)
    again = Ledger.open(place, SystemClock())
    assert (again.fills, again.orders) == (2, 1)
    again.write([batch(fill("3"))])
    again.close()
    assert noted(place) == ['{"seq":4,"fills":3,"orders":1}']


def test_what_was_rolled_back_is_neither_counted_nor_written_down(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill("1"))])
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("2"), order()), UNSTORABLE])
    assert noted(place) == []
    assert (ledger.fills, ledger.orders) == (1, 0)
    ledger.write([batch(fill("2"), order())])
    assert (ledger.fills, ledger.orders) == (2, 1)
    assert noted(place) == ['{"seq":3,"fills":2,"orders":1}']


def test_replaced_views_are_counted_anew(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill("1"), fill("2"), order())])
    ledger.close()
    db = database.open_ledger(place)
    database.run(db, "DELETE FROM fills WHERE trade_id = '1'")
    database.run(db, f"UPDATE system_state SET value = '{{}}' WHERE key = '{tally.KEY}'")
    db.close()
    assert rebuild(place, check=False).put_right
    assert noted(place) == []
    assert reopened(place) == (3, 2, 1)


def _forget(place: str) -> None:
    db = database.open_ledger(place)
    tally.forget(db)
    db.close()

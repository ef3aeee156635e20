"""The journal is the ground: every view can be made anew from it."""

from decimal import Decimal as D

import pytest

from core.errors import DatabaseProblem
from core.facts import CashMove, Position, Unrecognised
from models.ledger import Ledger
from models.rebuild import MOST_DIFFERENCES, rebuild
from tests.support.ledger import NOW, balance, batch, fill, meddle, order, rows

TABLES = ("fills", "orders", "balances", "positions", "cash_moves")


@pytest.fixture
def written(ledger: Ledger, place: str) -> str:
    """A bit of everything: completions, repetitions, contradictions, impossible steps, late answers."""
    ledger.write([batch(order(), fill(), balance("5"), Position("linear", "X", "buy", D(1), updated_at=NOW))])
    ledger.write(
        [batch(CashMove("t", "USDT", D("1e-19"), "funding", NOW), Unrecognised("odd", "?"), raw="{}")]
    )
    ledger.write([batch(fill(fee=D(1), fee_asset="BNB"), fill(price=D(1)), source="audit")])
    ledger.write([batch(order("partially_filled", filled=D("0.1"), updated_at=NOW + 1))])
    ledger.write([batch(order(side="buy"), balance("6", at=None), source="audit", fence=0)])
    ledger.write([batch(order("canceled", updated_at=NOW + 2), order("open", updated_at=NOW + 3))])
    ledger.write([batch(*(fill(str(n)) for n in range(10, 15)), account="second")])
    return place


def test_a_ledger_that_was_only_written_by_us_agrees_with_its_journal(written: str) -> None:
    rebuilt = rebuild(written, check=True)
    assert rebuilt.differences == []
    assert rebuilt.statements == len(rows(written, "journal"))


def test_an_empty_ledger_agrees_with_its_empty_journal(ledger: Ledger, place: str) -> None:
    assert rebuild(place, check=True).statements == 0


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE fills SET price = '1' WHERE trade_id = '1'", "price is 1, the journal says 60000"),
        ("UPDATE orders SET filled = NULL", "filled is None, the journal says 0.1"),
        ("DELETE FROM balances", "balances main USDT: missing"),
        ("DELETE FROM journal WHERE kind = 'cash'", "cash_moves main t: the journal does not know it"),
        (
            "UPDATE journal SET outcome = 'changed' WHERE outcome = 'impossible'",
            "recorded as changed, now impossible",
        ),
        ("UPDATE journal SET fact = '{' WHERE seq = 1", "journal 1: its statement cannot be read"),
        ("UPDATE orders SET account = 'other'", "orders other spot BTCUSDT 7: the journal does not know it"),
    ],
)
def test_what_was_meddled_with_is_told(written: str, sql: str, said: str) -> None:
    meddle(written, sql)
    assert any(said in difference for difference in rebuild(written, check=True).differences)


def test_a_check_changes_nothing(written: str) -> None:
    meddle(written, "DELETE FROM fills")
    assert not rebuild(written, check=True).put_right
    assert rows(written, "fills") == []


def test_a_check_does_not_bring_an_older_ledger_up_to_date(written: str) -> None:
    meddle(written, "DELETE FROM schema_migration")
    with pytest.raises(DatabaseProblem, match=r"is of an older vigil \(it lacks 0001_initial"):
        rebuild(written, check=True)


def test_of_very_many_differences_the_first_are_told_and_the_rest_counted(ledger: Ledger, place: str) -> None:
    ledger.write([batch(*(fill(str(n)) for n in range(MOST_DIFFERENCES + 50)))])
    meddle(place, "UPDATE fills SET price = '1'")
    found = rebuild(place, check=True)
    assert (found.different, len(found.differences)) == (MOST_DIFFERENCES + 50, MOST_DIFFERENCES)


def test_rows_are_counted_and_how_far_it_has_come_is_told(written: str) -> None:
    told: list[tuple[str, int, int | None]] = []
    found = rebuild(written, check=True, tell=lambda *said: told.append(said))
    assert found.rows == {table: len(rows(written, table)) for table in TABLES}
    assert ("folding the journal", found.statements, found.statements) in told
    assert ("comparing fills", found.rows["fills"], found.rows["fills"]) in told


def test_a_rebuild_puts_the_views_right(written: str) -> None:
    before = {table: rows(written, table, order_by="seq") for table in TABLES}
    for table in TABLES:
        meddle(written, f"DELETE FROM {table}")
    assert rebuild(written, check=False).put_right
    assert {table: rows(written, table, order_by="seq") for table in TABLES} == before
    assert rebuild(written, check=True).differences == []

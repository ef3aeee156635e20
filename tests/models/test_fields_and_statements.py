"""Columns of amounts, and SQL for many rows."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import peewee
import pytest

from models.fields import SQLITE_TYPES, AmountField
from models.statements import MOST_ROWS, MOST_VALUES, Insert, Select, Statement, parts


@pytest.fixture
def db(tmp_path: Path) -> Any:
    opened = peewee.SqliteDatabase(str(tmp_path / "x.db"), field_types=SQLITE_TYPES)
    opened.execute_sql("CREATE TABLE t (a TEXT, b TEXT, n INTEGER, PRIMARY KEY (a, b))")
    yield opened
    opened.close()


def test_an_amount_goes_through_the_orm_exactly(db: peewee.Database) -> None:
    class Coin(peewee.Model):
        id = peewee.AutoField()
        amount = AmountField(null=True)

        class Meta:
            database = db

    Coin.create_table()
    for text in ("0.00000783", "1e-19", "123456789012345678901234567890.5"):
        coin = Coin.create(amount=D(text))
        assert Coin.get_by_id(coin.id).amount == D(text)
    assert Coin.get_by_id(Coin.create(amount=None).id).amount is None
    assert db.execute_sql("SELECT DISTINCT typeof(amount) FROM coin WHERE amount IS NOT NULL").fetchall() == [
        ("text",)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 511, 512, 513, 1023, 1537])
def test_any_number_of_rows_is_cut_into_powers_of_two(count: Any) -> None:
    sizes = [len(part) for part in parts([(n,) for n in range(count)], MOST_ROWS)]
    assert sum(sizes) == count
    assert all(size & (size - 1) == 0 for size in sizes)
    assert len(sizes) <= count // MOST_ROWS + 10


def test_a_statement_never_holds_more_values_than_a_database_takes() -> None:
    assert Statement("", "", "", width=60)._most * 60 <= MOST_VALUES
    assert Statement("", "", "", width=1)._most == MOST_ROWS


def test_every_row_is_written_and_found_again(db: peewee.Database) -> None:
    wanted = [(str(n), "b", n) for n in range(1500)]
    Insert(db, "t", ("a", "b", "n"))(wanted)
    found = Select(db, "t", ("a", "b", "n"), ("a", "b"))([(str(n), "b") for n in range(1400, 1600)])
    assert sorted(map(tuple, found)) == sorted(wanted[1400:])


def test_with_a_key_a_row_is_overwritten_and_without_it_is_an_error(db: peewee.Database) -> None:
    Insert(db, "t", ("a", "b", "n"))([("x", "y", 1)])
    Insert(db, "t", ("a", "b", "n"), ("a", "b"))([("x", "y", 2)])
    assert db.execute_sql("SELECT n FROM t").fetchall() == [(2,)]
    with pytest.raises(peewee.IntegrityError):
        Insert(db, "t", ("a", "b", "n"))([("x", "y", 3)])


def test_looking_up_keys_uses_the_index(db: peewee.Database) -> None:
    select = Select(db, "t", ("a", "b", "n"), ("a", "b"))
    plan = db.execute_sql("EXPLAIN QUERY PLAN " + select._statement._text(2), ["1", "2", "3", "4"]).fetchall()
    assert any("SEARCH t USING INDEX" in row[3] for row in plan), plan

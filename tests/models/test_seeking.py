"""Whichever way to the rows is taken, the same come back; and the short one is taken."""

import itertools
from typing import Any

import pytest

from models import database, seeking
from models.ledger import Ledger
from models.read import Reader
from models.tables import Order
from tests.support.ledger import NOW, batch, fill, order

ACCOUNTS, SYMBOLS, CATEGORIES = ("main", "second", "third"), ("BTCUSDT", "ETHUSDT"), ("spot", "linear")
BY_SYMBOL = seeking.Index("fills", ("account", "symbol"), "f")


@pytest.fixture
def ask(ledger: Ledger, place: str) -> Any:
    """Each account trades other symbols, at times that do not follow the order in which they were told."""
    for n, account in enumerate([*ACCOUNTS, *ACCOUNTS, "main", "main"]):
        which = {
            "symbol": SYMBOLS[n % 2] if account != "third" else "ADAUSDT",
            "category": CATEGORIES[n % 2],
            "order_id": str(n),
        }
        told = [fill(str(n), traded_at=NOW + (7 * n) % 8, **which)]
        ledger.write([batch(*told, account=account)])
        stated = order("filled", order_id=str(n), updated_at=NOW + (5 * n) % 8)
        fields = {name: getattr(stated, name) for name in stated.__struct_fields__} | which
        ledger.write([batch(type(stated)(**fields), account=account)])
    questions = database.questions(place)
    yield questions.ask
    questions.close()


def test_the_values_of_an_index_are_found_one_step_at_a_time(ask: seeking.Ask) -> None:
    assert seeking.distinct(ask, BY_SYMBOL) == ["main", "second", "third"]
    assert seeking.distinct(ask, BY_SYMBOL, account="main") == ["BTCUSDT", "ETHUSDT"]
    assert seeking.distinct(ask, BY_SYMBOL, account="nobody") == []


def test_what_was_not_asked_for_is_named_and_what_was_is_taken_as_it_is(ask: seeking.Ask) -> None:
    every = seeking.by_names(ask, BY_SYMBOL, {})
    assert every is not None
    assert every.values == ("main", "second", "third", "ADAUSDT", "BTCUSDT", "ETHUSDT")
    one = seeking.by_names(ask, BY_SYMBOL, {"account": "main", "symbol": "XRPUSDT"})
    assert one == seeking.Names("f.account IN (?) AND f.symbol IN (?)", ("main", "XRPUSDT"))


def test_where_nothing_can_be_named_nothing_is_found(ask: seeking.Ask) -> None:
    nobody = seeking.by_names(ask, BY_SYMBOL, {"account": "nobody"})
    assert nobody is not None
    assert seeking.are_few(ask, BY_SYMBOL, *nobody)
    assert ask(f"SELECT seq FROM fills f WHERE {nobody.condition}", nobody.values) == []


def test_too_many_names_are_not_named(ask: seeking.Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "MOST_NAMES", 2)
    assert seeking.by_names(ask, BY_SYMBOL, {}) is None


def test_rows_are_counted_no_further_than_few(ask: seeking.Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "FEW", 4)
    assert seeking.are_few(ask, BY_SYMBOL, "account = ?", ("main",))
    monkeypatch.setattr(seeking, "FEW", 3)
    assert not seeking.are_few(ask, BY_SYMBOL, "account = ?", ("main",))


def test_either_way_gives_the_same_rows(
    ask: seeking.Ask, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every combination of filters and limits, paged or not."""
    reader = Reader(place)
    combinations = list(
        itertools.product(
            (None, *ACCOUNTS, "nobody"), (None, *SYMBOLS, "XRPUSDT"), (None, NOW + 4, NOW + 99), (0, 1, 3)
        )
    )
    answers = []
    for few in (-1, 5_000):
        monkeypatch.setattr(seeking, "FEW", few)
        answers.append(
            [
                (
                    reader.fills(account=account, symbol=symbol, since=since, limit=limit),
                    reader.fills(account=account, symbol=symbol, since=since, limit=limit, after=2),
                    reader.orders(account=account, symbol=symbol, since=since, limit=limit),
                    list(reader.fees(account=account, symbol=symbol, since=since)),
                )
                for account, symbol, since, limit in combinations
            ]
        )
    reader.close()
    assert answers[0] == answers[1]
    assert any(fills and orders for fills, _, orders, _ in answers[0])


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("question", "index"),
    [
        ({"account": "main", "symbol": "BTCUSDT"}, "fill_account_symbol_traded_at"),
        ({"symbol": "BTCUSDT"}, "fill_account_symbol_traded_at"),
        ({"since": NOW}, "fill_account_symbol_traded_at"),
        ({}, ""),
    ],
)
def test_few_fills_are_looked_up_by_the_index(
    ask: seeking.Ask, place: str, monkeypatch: pytest.MonkeyPatch, question: Any, index: str
) -> None:
    """And without a filter they are walked by seq, which no index but the table's own has."""
    reader, heard = Reader(place), []
    monkeypatch.setattr(reader, "_ask", _listening(reader._ask, heard))
    reader.fills(**question)
    monkeypatch.undo()
    plan = " ".join(row[3] for row in reader._ask(f"EXPLAIN QUERY PLAN {heard[-1][0]}", heard[-1][1]))
    assert (index in plan) if index else ("SCAN f" in plan and "TEMP B-TREE" not in plan)
    reader.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_server_that_has_counted_nothing_looks_a_fill_up_by_its_identity(
    ledger: Ledger, place: str
) -> None:
    """Two columns that all share look as good as five to it: a new ledger's burst took minutes so."""
    ledger.write([batch(*(fill(str(n)) for n in range(3_000)))])
    questions = database.questions(place)
    where = "account = k.a AND category = k.c AND symbol = k.s AND order_id = k.o AND trade_id = k.t"
    known = "(VALUES ('main', 'spot', 'BTCUSDT', '7', '1')) AS k (a, c, s, o, t)"
    plan = str(questions.ask(f"EXPLAIN SELECT seq FROM {known} CROSS JOIN fills WHERE {where}", ()))
    assert "fill_account_symbol_traded_at" not in plan
    questions.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_open_orders_are_never_looked_for_among_all_that_ever_were(
    ledger: Ledger, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has counted nothing takes one in fifty for open and walks back by time: seconds, of millions."""
    ledger.write([batch(order("filled"))])
    columns = Order._meta.sorted_field_names  # type: ignore[attr-defined]
    copied = ", ".join("'x' || n" if name == "order_id" else f'"{name}"' for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    many = f"INSERT INTO orders ({names}) SELECT {copied} FROM orders, generate_series(1, 250000) AS n"
    database.run(ledger._db, many)
    reader, heard = Reader(place), []
    monkeypatch.setattr(reader, "_ask", _listening(reader._ask, heard))
    assert reader.orders(open_only=True) == []
    monkeypatch.undo()
    plan = str(reader._ask(f"EXPLAIN {heard[-1][0]}", heard[-1][1]))
    assert "orders_living" in plan
    assert "order_updated_at" not in plan
    reader.close()


def _listening(ask: seeking.Ask, heard: list[Any]) -> seeking.Ask:
    def listening(sql: str, values: Any) -> list[Any]:
        heard.append((sql, values))
        return ask(sql, values)

    return listening

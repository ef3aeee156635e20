"""Statements to feed a ledger with, and a look at what it then holds.

`batch(...)` wraps facts as a reader would; `rows(place, table)` reads a table with
nothing of ours in between, so that a test judges the database and not the reader.
A `place` is the address of a ledger, whatever database keeps it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import psycopg

from core.facts import Balance, Batch, Fact, Fill, OrderState, OrderStatus, Origin, Source

NOW = 1_700_000_000_000
CONNECTION = Origin("boot-1", "main/connection", 1)


def fill(trade_id: str = "1", **fields: Any) -> Fill:
    """A fill of order 7; two with one trade id are the same fill."""
    defaults: dict[str, Any] = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "order_id": "7",
        "trade_id": trade_id,
        "side": "buy",
        "price": D(60000),
        "quantity": D("0.1"),
        "traded_at": NOW,
    }
    return Fill(**(defaults | fields))


def order(status: OrderStatus = "open", order_id: str = "7", **fields: Any) -> OrderState:
    defaults: dict[str, Any] = {"quantity": D(1), "filled": D(0), "updated_at": NOW}
    return OrderState("spot", "BTCUSDT", order_id, status, **(defaults | fields))


def balance(free: str, asset: str = "USDT", at: int | None = NOW) -> Balance:
    return Balance(asset, D(free), D(0), updated_at=at)


def batch(*facts: Fact, source: Source = "stream", account: str = "main", **fields: Any) -> Batch:
    """One frame or answer, received at NOW unless said otherwise."""
    defaults: dict[str, Any] = {"origin": CONNECTION, "received_at": NOW, "received_mono": 0.0}
    return Batch(account=account, exchange="binance", source=source, facts=facts, **(defaults | fields))


ORDERS = {
    "journal": "seq",
    "frames": "id",
    "fills": "seq",
    "orders": "account, category, symbol, order_id",
    "balances": "account, asset",
    "positions": "account, category, symbol, side",
    "cash_moves": "account, id",
    "system_state": "key",
    "intake": "segment",
}
"""What the rows of a table are sorted by; of the others by `id`."""


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def rows(place: str, table: str, columns: str = "*", order_by: str = "") -> list[Any]:
    """A table as the database itself sees it; plain values where only one column is asked for."""
    order_by = order_by or ORDERS.get(table.split(maxsplit=1)[0], "id")
    found, _names = asked(place, f"SELECT {columns} FROM {table} ORDER BY {order_by}")
    return [row[0] for row in found] if found and len(found[0]) == 1 else found


def views(place: str) -> dict[str, list[Any]]:
    """Every view as a set of rows, without what tells when and in which order they came about."""
    incidental = {"seq", "last_seq", "stream_seq", "recorded_at", "source", "version"}
    held = {}
    for table in ("fills", "orders", "balances", "positions", "cash_moves"):
        found, names = asked(place, f"SELECT * FROM {table}")
        wanted = [n for n, name in enumerate(names) if name not in incidental]
        held[table] = sorted((tuple(row[n] for n in wanted) for row in found), key=repr)
    return held


def asked(place: str, sql: str) -> tuple[list[Any], list[str]]:
    """Rows and the names of their columns; exact numbers as the text that SQLite would keep."""
    with connected(place) as connection:
        cursor = connection.execute(sql)
        found = [tuple(map(_as_text, row)) for row in cursor.fetchall()] if cursor.description else []
        return found, [column[0] for column in cursor.description or ()]


def meddle(place: str, sql: str) -> None:
    """Change something behind the ledger's back."""
    with connected(place) as connection:
        connection.execute(sql)


@contextmanager
def locked(place: str) -> Iterator[Any]:
    """Another program that keeps everybody from writing, and nobody from reading."""
    with connected(place) as other:
        if place.startswith("sqlite:"):
            other.execute("BEGIN IMMEDIATE")
        else:
            other.execute("BEGIN")
            other.execute("LOCK TABLE intake, journal, frames IN EXCLUSIVE MODE")
        yield other  # closing it lets go


@contextmanager
def connected(place: str) -> Iterator[Any]:
    """The database itself, with nothing of ours in between."""
    connection: Any
    if place.startswith("sqlite:"):
        path = place.removeprefix("sqlite:///")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    else:
        connection = psycopg.connect(place, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def _as_text(value: Any) -> Any:
    return format(value, "f") if isinstance(value, D) else value

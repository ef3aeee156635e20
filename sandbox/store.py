"""Keeps the world over a kill: one SQLite file, one transaction per step.

A step is written before anyone is told of it, so a killed process has at most
lost what nobody was told. Identifiers come from counters in the same
transaction and therefore never repeat. `synchronous=NORMAL` in WAL mode does
not wait for the disk: that survives the death of the process, which is what
the tests do to it, though not every power cut.

Bodies are stored as JSON with decimals as text; the columns beside them exist
only to be searched.
"""

import sqlite3
from decimal import Decimal
from pathlib import Path

import msgspec

from sandbox.world import Balance, Cash, Order, Position, Trade

SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS balances (
  exchange TEXT, account TEXT, asset TEXT, free TEXT, locked TEXT, updated_at INTEGER,
  PRIMARY KEY (exchange, account, asset));
CREATE TABLE IF NOT EXISTS orders (
  exchange TEXT, account TEXT, symbol TEXT, order_id INTEGER, client_order_id TEXT,
  open INTEGER, created_at INTEGER, updated_at INTEGER, body BLOB,
  PRIMARY KEY (exchange, account, symbol, order_id));
CREATE INDEX IF NOT EXISTS orders_open ON orders (exchange, open) WHERE open = 1;
CREATE INDEX IF NOT EXISTS orders_client ON orders (exchange, account, symbol, client_order_id);
CREATE TABLE IF NOT EXISTS trades (
  exchange TEXT, account TEXT, symbol TEXT, trade_id INTEGER, order_id INTEGER, at INTEGER, body BLOB,
  PRIMARY KEY (exchange, account, symbol, trade_id));
CREATE INDEX IF NOT EXISTS trades_order ON trades (exchange, account, symbol, order_id);
CREATE TABLE IF NOT EXISTS cash (
  exchange TEXT, account TEXT, cash_id INTEGER, at INTEGER, body BLOB,
  PRIMARY KEY (exchange, account, cash_id));
CREATE INDEX IF NOT EXISTS orders_newest ON orders (exchange, account, order_id);
CREATE INDEX IF NOT EXISTS trades_newest ON trades (exchange, account, trade_id);
CREATE TABLE IF NOT EXISTS positions (
  exchange TEXT, account TEXT, symbol TEXT, leg INTEGER, body BLOB,
  PRIMARY KEY (exchange, account, symbol, leg));
CREATE TABLE IF NOT EXISTS prices (exchange TEXT, symbol TEXT, price TEXT, PRIMARY KEY (exchange, symbol));
"""

ENCODE = msgspec.json.encode


class Store:
    """The world's file; used from one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "world.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._counters: dict[str, int] = dict(self._db.execute("SELECT name, value FROM counters"))
        self._waiting: dict[tuple[object, ...], tuple[str, tuple[object, ...]]] = {}

    def next_id(self, name: str, start: int = 1) -> int:
        """A number that was never given out under `name` before."""
        value = self._counters.get(name, start - 1) + 1
        self._counters[name] = value
        self._write((name,), "INSERT OR REPLACE INTO counters VALUES (?, ?)", name, value)
        return value

    def keep_order(self, one: Order) -> None:
        """Remember the newest state of an order."""
        self._write(
            ("order", one.exchange, one.order_id),
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            one.exchange, one.account, one.symbol, one.order_id, one.client_order_id,
            int(not one.ended), one.created_at, one.updated_at, ENCODE(one),
        )  # fmt: skip

    def keep_trade(self, one: Trade) -> None:
        """Remember an execution."""
        self._write(
            ("trade", one.exchange, one.trade_id),
            "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?)",
            one.exchange, one.account, one.symbol, one.trade_id, one.order_id, one.at, ENCODE(one),
        )  # fmt: skip

    def keep_balance(self, exchange: str, account: str, one: Balance) -> None:
        """Remember what an account has of an asset."""
        row = (exchange, account, one.asset, str(one.free), str(one.locked), one.updated_at)
        self._write(row[:3], "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?, ?)", *row)

    def keep_position(self, one: Position) -> None:
        """Remember what an account holds of a contract."""
        row = (one.exchange, one.account, one.symbol, one.index, ENCODE(one))
        self._write(("position", *row[:4]), "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)", *row)

    def keep_cash(self, one: Cash) -> None:
        """Remember money that moved without a trade."""
        row = (one.exchange, one.account, one.cash_id, one.at, ENCODE(one))
        self._write(("cash", *row[:3]), "INSERT INTO cash VALUES (?, ?, ?, ?, ?)", *row)

    def keep_price(self, exchange: str, symbol: str, price: Decimal) -> None:
        """Remember where a price stood."""
        key = ("price", exchange, symbol)
        self._write(key, "INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", exchange, symbol, str(price))

    def _write(self, key: tuple[object, ...], sql: str, *row: object) -> None:
        """Only the last state of a key within a step is worth writing."""
        self._waiting[key] = (sql, row)

    def commit(self) -> None:
        """Write everything kept since the last commit, wholly or not at all."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._db.execute("BEGIN")
        for sql, row in waiting.values():
            self._db.execute(sql, row)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self.commit()
        self._db.close()

    def open_orders(self, exchange: str) -> list[Order]:
        """Every order that has not ended, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM orders WHERE exchange = ? AND open = 1 ORDER BY order_id", (exchange,)
        )
        return [msgspec.json.decode(body, type=Order) for (body,) in rows]

    def balances(self, exchange: str) -> list[tuple[str, Balance]]:
        """(account, balance) of every account."""
        rows = self._db.execute(
            "SELECT account, asset, free, locked, updated_at FROM balances WHERE exchange = ?", (exchange,)
        )
        return [
            (account, Balance(asset, Decimal(free), Decimal(locked), updated_at))
            for account, asset, free, locked, updated_at in rows
        ]

    def positions(self, exchange: str) -> list[Position]:
        """Every position of every account, flat ones too."""
        rows = self._db.execute("SELECT body FROM positions WHERE exchange = ?", (exchange,))
        return [msgspec.json.decode(body, type=Position) for (body,) in rows]

    def prices(self, exchange: str) -> dict[str, Decimal]:
        """The prices as they were kept last."""
        rows = self._db.execute("SELECT symbol, price FROM prices WHERE exchange = ?", (exchange,))
        return {symbol: Decimal(price) for symbol, price in rows}

    def order(self, exchange: str, account: str, symbol: str, order_id: int) -> Order | None:
        """One order by its id."""
        return self._one_order("order_id = ?", exchange, account, symbol, order_id)

    def order_by_client_id(self, exchange: str, account: str, symbol: str, client_id: str) -> Order | None:
        """The newest order that bears a client's id."""
        return self._one_order("client_order_id = ?", exchange, account, symbol, client_id)

    def _one_order(
        self, condition: str, exchange: str, account: str, symbol: str, value: object
    ) -> Order | None:
        row = self._db.execute(
            f"SELECT body FROM orders WHERE exchange = ? AND account = ? AND symbol = ? AND {condition}"  # noqa: S608 (two constant conditions)
            " ORDER BY order_id DESC LIMIT 1",
            (exchange, account, symbol, value),
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Order)

    def orders(self, exchange: str, account: str, where: str = "1", *values: object) -> list[Order]:
        """Orders of an account; `where` is an SQL condition and what follows, written by a dialect."""
        rows = self._db.execute(
            f"SELECT body FROM orders WHERE exchange = ? AND account = ? AND {where}",  # noqa: S608 (never a client's text)
            (exchange, account, *values),
        )
        return [msgspec.json.decode(body, type=Order) for (body,) in rows]

    def trades(self, exchange: str, account: str, where: str = "1", *values: object) -> list[Trade]:
        """Trades of an account, chosen as in `orders`."""
        rows = self._db.execute(
            f"SELECT body FROM trades WHERE exchange = ? AND account = ? AND {where}",  # noqa: S608 (never a client's text)
            (exchange, account, *values),
        )
        return [msgspec.json.decode(body, type=Trade) for (body,) in rows]

    def cash(self, exchange: str, account: str, since: int = 0) -> list[Cash]:
        """Cash moves of an account, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM cash WHERE exchange = ? AND account = ? AND at >= ? ORDER BY cash_id",
            (exchange, account, since),
        )
        return [msgspec.json.decode(body, type=Cash) for (body,) in rows]

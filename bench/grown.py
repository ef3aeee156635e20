"""A ledger of millions of fills, made in minutes.

A few thousand orders are written by the ledger itself; the database then
multiplies them, with other ids and other times in each copy, journal included. So
every row is one that the ledger would have written, and `rebuild --check` says so.
The secondary indexes are made anew afterwards, as a bulk load does.

Ids are random text (Bybit's way, the worst for an index) in half of the accounts
and long numbers in the others; an order has four fills.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import peewee

from core.clock import SystemClock
from core.facts import Batch, OrderState, Origin
from core.facts import Fill as FillFact
from models import database, tally
from models.ledger import Ledger
from models.tables import Fill, Journal, Order

ACCOUNTS = (("desk", "bybit"), ("fund", "binance"), ("main", "cryptocom"), ("side", "bybit"))
FILLS_OF_AN_ORDER = 4
TEMPLATE = 10_000
"""Orders that the ledger writes itself."""
MARK = "90909090"
"""Ends every id of the template; each copy puts its number there."""
SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")
SPAN_MS = TEMPLATE * 5_000
"""Time that the template covers; the ledger ends about now."""
BATCH = 250

NUMBERS = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {}) SELECT n FROM c"
INDEXES = (
    "fill_account_symbol_traded_at",
    "order_updated_at",
    "fill_account_category_symbol_order_id_trade_id",
)
SEQUENCES = frozenset({"seq", "last_seq", "stream_seq", "previous"})
TIMES = frozenset({"exchange_at", "received_at", "traded_at", "updated_at"})
IDS = frozenset({"key", "order_id", "trade_id", "client_order_id"})


def grow(url: str, fills: int, *, seed: int = 1) -> int:
    """Fill the empty database behind the URL with about so many fills, 80,000 or more; how many there are."""
    database.prepare(url)
    copies = max(1, round(fills / (TEMPLATE * FILLS_OF_AN_ORDER)) - 1)
    began = SystemClock().wall_ms() - (copies + 1) * SPAN_MS
    with closing(Ledger.open(url, SystemClock())) as ledger:
        for batches in _batches(random.Random(seed), began):
            ledger.write(batches)
        written, span = ledger.fills, ledger.sequence
    with closing(database.open_ledger(url)) as db, database.unhurried(db):
        _multiply(db, copies, span)
    return written * (copies + 1)


def orders(random: random.Random, count: int, began: int, mark: str = MARK) -> Iterator[Batch]:
    """So many orders that were filled at once, each with its fills, as a stream tells of them."""
    for n in range(count):
        account, exchange = ACCOUNTS[n % len(ACCOUNTS)]
        yield _order(random, account, exchange, began + n * SPAN_MS // TEMPLATE, mark)


def _batches(random: random.Random, began: int) -> Iterator[list[Batch]]:
    told = orders(random, TEMPLATE, began)
    for _ in range(TEMPLATE // BATCH):
        yield [next(told) for _ in range(BATCH)]


def _order(random: random.Random, account: str, exchange: str, at: int, mark: str) -> Batch:
    symbol, price = random.choice(SYMBOLS), Decimal(random.randint(100_000, 9_000_000)) / 100
    order_id, part = _id(random, exchange, mark), Decimal(random.randint(1, 9_999)) / 10_000
    category = "linear" if exchange == "bybit" else "spot"
    fills = [
        FillFact(category, symbol, order_id, _id(random, exchange, mark), side="buy", price=price, quantity=part,
                 fee=price * part / 1000, fee_asset="USDT", liquidity="taker", traded_at=at)
        for _ in range(FILLS_OF_AN_ORDER)
    ]  # fmt: skip
    whole = part * FILLS_OF_AN_ORDER
    order = OrderState(category, symbol, order_id, "filled", side="buy", type="limit", time_in_force="GTC",
                       client_order_id=f"c{order_id}", price=price, quantity=whole, filled=whole,
                       average_price=price, created_at=at - 7, updated_at=at)  # fmt: skip
    return Batch(
        account=account,
        exchange=exchange,
        source="stream",
        origin=Origin("bench", f"{account}/connection", 1),
        received_at=at + 3,
        received_mono=0.0,
        facts=(*fills, order),
    )


def _id(random: random.Random, exchange: str, mark: str) -> str:
    if exchange == "bybit":
        return f"{uuid.UUID(int=random.getrandbits(128))}"[:28] + mark
    return f"{random.randint(10**9, 10**10 - 1)}{mark}"


def _multiply(db: peewee.Database, copies: int, span: int) -> None:
    """Copy `n` has sequences `n * span` later, times `n * SPAN_MS` later and `n` in its ids."""
    sqlite = isinstance(db, peewee.SqliteDatabase)
    if sqlite:  # a log as large as the whole ledger would only be copied into it afterwards
        database.run(db, "PRAGMA journal_mode = delete")
        database.run(db, "PRAGMA synchronous = off")
    with database.begin(db):
        made_by = [_definition(db, name) for name in INDEXES]
        for name in INDEXES:
            database.run(db, f'DROP INDEX "{name}"')
        for table, columns, order in _copied(span, sqlite=sqlite):
            names, values = ", ".join(f'"{name}"' for name in columns), ", ".join(columns.values())
            numbers = NUMBERS if sqlite else "SELECT CAST(generate_series(1, {}) AS BIGINT) AS n"
            database.run(
                db,
                f'INSERT INTO "{table}" ({names}) SELECT {values} '
                f'FROM ({numbers.format(copies)}) AS copies CROSS JOIN "{table}" AS t{order}',
            )
        for statement in made_by:
            database.run(db, statement)
        tally.forget(db)  # it counted what the ledger wrote itself


def _definition(db: peewee.Database, index: str) -> str:
    """The statement that makes an index."""
    sqlite = isinstance(db, peewee.SqliteDatabase)
    table, name, text = (
        ("sqlite_master", "name", "sql") if sqlite else ("pg_indexes", "indexname", "indexdef")
    )
    rows = database.run(db, f"SELECT {text} FROM {table} WHERE {name} = ?", (index,)).fetchall()
    return str(rows[0][0])


def _copied(span: int, *, sqlite: bool) -> Iterator[tuple[str, dict[str, str], str]]:
    """Of each table its columns, how each is copied, and in which order the rows are best written."""
    number = "printf('%08d', n)" if sqlite else "lpad(CAST(n AS TEXT), 8, '0')"

    def column(name: str) -> str:
        if name in SEQUENCES:
            return f't."{name}" + n * {span}'
        if name in TIMES:
            return f't."{name}" + n * {SPAN_MS}'
        if name in IDS:
            return f"replace(t.\"{name}\", '{MARK}', {number})"
        if name == "fact":
            said, says = "CAST(t.exchange_at AS TEXT)", f"CAST(t.exchange_at + n * {SPAN_MS} AS TEXT)"
            return f"replace(replace(t.fact, '{MARK}', {number}), {said}, {says})"
        return f't."{name}"'

    for model, order in ((Journal, ""), (Fill, ""), (Order, " ORDER BY 1, 2, 3, 4")):
        meta: Any = model._meta  # type: ignore[attr-defined]
        yield meta.table_name, {name: column(name) for name in meta.sorted_field_names}, order

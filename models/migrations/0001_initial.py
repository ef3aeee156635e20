"""The first shape of the ledger. Frozen: a later change is a later file.

Written as SQL and not as models, so that no edit of `models/tables.py` can
change what an old database went through.
"""

from typing import Any

from peewee import PostgresqlDatabase

SQLITE = {"text": "TEXT", "big": "INTEGER", "auto": "INTEGER NOT NULL PRIMARY KEY", "amount": "TEXT"}
POSTGRES = {
    "text": 'TEXT COLLATE "C"',
    "big": "BIGINT",
    "auto": "BIGSERIAL NOT NULL PRIMARY KEY",
    "amount": "NUMERIC",
}

STATEMENTS = (
    """CREATE TABLE "journal" (
        "seq" {big} NOT NULL PRIMARY KEY, "boot" {text} NOT NULL, "account" {text} NOT NULL,
        "exchange" {text} NOT NULL, "kind" {text} NOT NULL, "category" {text}, "symbol" {text}, "key" {text} NOT NULL,
        "source" {text} NOT NULL, "outcome" {text} NOT NULL, "exchange_at" {big}, "received_at" {big} NOT NULL,
        "recorded_at" {big} NOT NULL, "previous" {big}, "fence" {big}, "frame" {big}, "fact" {text} NOT NULL)""",
    """CREATE TABLE "frames" (
        "id" {big} NOT NULL PRIMARY KEY, "account" {text} NOT NULL, "received_at" {big} NOT NULL,
        "text" {text} NOT NULL)""",
    """CREATE TABLE "fills" (
        "seq" {big} NOT NULL PRIMARY KEY, "account" {text} NOT NULL, "exchange" {text} NOT NULL,
        "category" {text} NOT NULL, "symbol" {text} NOT NULL, "order_id" {text} NOT NULL, "trade_id" {text} NOT NULL,
        "client_order_id" {text}, "side" {text} NOT NULL, "price" {amount} NOT NULL, "quantity" {amount} NOT NULL,
        "fee" {amount}, "fee_asset" {text}, "liquidity" {text}, "kind" {text} NOT NULL, "traded_at" {big} NOT NULL,
        "recorded_at" {big} NOT NULL, "source" {text} NOT NULL, "last_seq" {big} NOT NULL)""",
    """CREATE UNIQUE INDEX "fill_account_category_symbol_order_id_trade_id"
        ON "fills" ("account", "category", "symbol", "order_id", "trade_id")""",
    """CREATE INDEX "fill_traded_at" ON "fills" ("traded_at")""",
    """CREATE TABLE "orders" (
        "account" {text} NOT NULL, "category" {text} NOT NULL, "symbol" {text} NOT NULL, "order_id" {text} NOT NULL,
        "exchange" {text} NOT NULL, "client_order_id" {text}, "side" {text}, "type" {text}, "time_in_force" {text},
        "status" {text} NOT NULL, "price" {amount}, "stop_price" {amount}, "quantity" {amount},
        "filled" {amount}, "average_price" {amount}, "created_at" {big}, "updated_at" {big}, "reason" {text},
        "version" {big}, "recorded_at" {big} NOT NULL, "seq" {big} NOT NULL, "stream_seq" {big} NOT NULL,
        PRIMARY KEY ("account", "category", "symbol", "order_id"))""",
    """CREATE INDEX "order_updated_at" ON "orders" ("updated_at")""",
    """CREATE INDEX "orders_living" ON "orders" ("account")
        WHERE ("status" IN ('open', 'partially_filled', 'pending', 'untriggered'))""",
    """CREATE TABLE "balances" (
        "account" {text} NOT NULL, "asset" {text} NOT NULL, "exchange" {text} NOT NULL, "free" {amount},
        "locked" {amount}, "total" {amount}, "updated_at" {big}, "recorded_at" {big} NOT NULL,
        "seq" {big} NOT NULL, "stream_seq" {big} NOT NULL, PRIMARY KEY ("account", "asset"))""",
    """CREATE TABLE "positions" (
        "account" {text} NOT NULL, "category" {text} NOT NULL, "symbol" {text} NOT NULL, "side" {text} NOT NULL,
        "exchange" {text} NOT NULL, "size" {amount} NOT NULL, "entry_price" {amount}, "leverage" {amount},
        "liquidation_price" {amount}, "unrealised_pnl" {amount}, "updated_at" {big},
        "recorded_at" {big} NOT NULL, "seq" {big} NOT NULL, "stream_seq" {big} NOT NULL,
        PRIMARY KEY ("account", "category", "symbol", "side"))""",
    """CREATE TABLE "cash_moves" (
        "account" {text} NOT NULL, "id" {text} NOT NULL, "exchange" {text} NOT NULL, "asset" {text} NOT NULL,
        "amount" {amount} NOT NULL, "kind" {text} NOT NULL, "at" {big} NOT NULL, "recorded_at" {big} NOT NULL,
        "source" {text} NOT NULL, "seq" {big} NOT NULL, "last_seq" {big} NOT NULL,
        PRIMARY KEY ("account", "id"))""",
    """CREATE TABLE "coverage" (
        "id" {auto}, "account" {text} NOT NULL, "category" {text} NOT NULL, "since" {big} NOT NULL,
        "until" {big} NOT NULL, "source" {text} NOT NULL, "at" {big} NOT NULL, "proofs" {big} NOT NULL,
        "repaired" {big} NOT NULL)""",
    """CREATE INDEX "coverage_account_category_until" ON "coverage" ("account", "category", "until")""",
    """CREATE TABLE "incidents" (
        "id" {auto}, "key" {text} NOT NULL, "kind" {text} NOT NULL, "severity" {text} NOT NULL,
        "text" {text} NOT NULL, "account" {text}, "opened_at" {big} NOT NULL, "seen_at" {big} NOT NULL,
        "count" {big} NOT NULL, "resolved_at" {big})""",
    """CREATE UNIQUE INDEX "incidents_open" ON "incidents" ("key") WHERE ("resolved_at" IS NULL)""",
    """CREATE TABLE "connection_states" (
        "id" {auto}, "at" {big} NOT NULL, "account" {text} NOT NULL, "state" {text} NOT NULL,
        "previous" {text} NOT NULL, "cause" {text} NOT NULL)""",
    """CREATE TABLE "actor_events" (
        "id" {auto}, "at" {big} NOT NULL, "boot" {text} NOT NULL, "child" {text} NOT NULL, "gen" {big} NOT NULL,
        "event" {text} NOT NULL, "detail" {text})""",
    """CREATE TABLE "dead_letters" (
        "id" {auto}, "at" {big} NOT NULL, "child" {text} NOT NULL, "gen" {big} NOT NULL,
        "message" {text} NOT NULL, "reason" {text} NOT NULL)""",
    """CREATE TABLE "trades" (
        "id" {text} NOT NULL PRIMARY KEY, "account" {text} NOT NULL, "category" {text} NOT NULL,
        "symbol" {text} NOT NULL, "state" {text} NOT NULL, "detail" {text} NOT NULL, "created_at" {big} NOT NULL,
        "updated_at" {big} NOT NULL)""",
    """CREATE TABLE "system_state" ("key" {text} NOT NULL PRIMARY KEY, "value" {text}, "at" {big} NOT NULL)""",
    """CREATE TABLE "intake" ("segment" {text} NOT NULL PRIMARY KEY, "position" {big} NOT NULL)""",
)


def up(_migrator: Any, db: Any) -> None:
    types = POSTGRES if isinstance(db, PostgresqlDatabase) else SQLITE
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**types))

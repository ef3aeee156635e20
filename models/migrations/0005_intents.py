"""What the trader wants to do is written down before it does it.

An order is an `intents` row before its request leaves, so whoever comes after a
process that was killed knows which orders to ask for. A trade knows the journal row of
its BUY fill: that is the order in which trades began.
"""

from typing import Any

from peewee import PostgresqlDatabase

SQLITE = {"text": "TEXT", "big": "INTEGER", "amount": "TEXT"}
POSTGRES = {"text": 'TEXT COLLATE "C"', "big": "BIGINT", "amount": "NUMERIC"}

STATEMENTS = (
    """CREATE TABLE "intents" (
        "account" {text} NOT NULL, "client_order_id" {text} NOT NULL, "category" {text} NOT NULL,
        "symbol" {text} NOT NULL, "side" {text} NOT NULL, "quantity" {amount} NOT NULL, "price" {amount},
        "post_only" {big} NOT NULL, "closes" {text}, "wanted_by" {text} NOT NULL, "state" {text} NOT NULL,
        "order_id" {text}, "why" {text}, "sent_at" {big}, "created_at" {big} NOT NULL, "updated_at" {big} NOT NULL,
        PRIMARY KEY ("account", "client_order_id"))""",
    """CREATE INDEX "intent_closes" ON "intents" ("closes")""",
    """CREATE INDEX "intents_living" ON "intents" ("account")
        WHERE ("state" IN ('accepted', 'intended', 'unclear'))""",
    """ALTER TABLE "trades" ADD COLUMN "seq" {big}""",
    """CREATE INDEX "trade_account_seq" ON "trades" ("account", "seq")""",
)


def up(_migrator: Any, db: Any) -> None:
    types = POSTGRES if isinstance(db, PostgresqlDatabase) else SQLITE
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**types))

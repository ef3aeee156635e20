"""Fills are found by account and symbol as well as by time, and on PostgreSQL orders by theirs.

The index on times alone answered neither "what traded lately here?", which every
comparison asks, nor a question about one symbol, without a walk through all
fills. The one in its place grows at as many ends as there are symbols traded.

An order whose time is unknown counts as older than all. SQLite's index has it so;
PostgreSQL's has it the other way round unless told, and could not be read backwards.

A server that has not counted a new table yet takes two equal columns for as good as
five, and would look each fill up among all of its account and symbol. So its index is
partial, with a condition that always holds: only questions that repeat it use it.
"""

from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    on_postgresql = isinstance(db, PostgresqlDatabase)
    db.execute_sql('DROP INDEX "fill_traded_at"')
    db.execute_sql(
        'CREATE INDEX "fill_account_symbol_traded_at" ON "fills" ("account", "symbol", "traded_at")'
        + (' WHERE "seq" > 0' if on_postgresql else "")
    )
    if on_postgresql:
        db.execute_sql('DROP INDEX "order_updated_at"')
        db.execute_sql('CREATE INDEX "order_updated_at" ON "orders" ("updated_at" NULLS FIRST)')

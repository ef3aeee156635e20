"""An incident remembers when a person said that he has seen it; nobody did of those until now."""

from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    db.execute_sql(f'ALTER TABLE "incidents" ADD COLUMN "acknowledged_at" {kind}')

"""Coverage tells what was watched as it went by from what was proven only afterwards.

Until now proofs that touched were one stretch, whatever had happened between
them; of those nobody can say any more, so they count as watched.
"""

from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    db.execute_sql(f'ALTER TABLE "coverage" ADD COLUMN "late" {kind} NOT NULL DEFAULT 0')

"""How an exact amount is kept in a column.

SQLite has no exact decimals: its NUMERIC turns text into a binary float, and so
does peewee's DecimalField there. Amounts are therefore canonical plain TEXT on
SQLite and `numeric` without bounds on PostgreSQL, and nobody compares or sums
them in SQL.
"""

from decimal import Decimal

from peewee import TextField

from core.money import plain


class AmountField(TextField):  # type: ignore[misc]
    """An exact Decimal, NULL where unknown. Give each database its AMOUNT type below."""

    field_type = "AMOUNT"

    def db_value(self, value: Decimal | None) -> str | None:
        return None if value is None else plain(value)

    def python_value(self, value: str | Decimal | None) -> Decimal | None:
        return None if value is None else Decimal(value)


SQLITE_TYPES = {"AMOUNT": "TEXT"}
POSTGRES_TYPES = {"AMOUNT": "NUMERIC"}

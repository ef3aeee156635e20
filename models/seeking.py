"""Which way to rows that were asked for by account, symbol or time is the short one.

There are two. Walking back from the newest row finds a hundred at once where the
account trades often; where it does not, it may pass millions of others. Looking
them up by an index and sorting is quick where they are few. Nobody knows
beforehand which it is, so they are counted first, up to `FEW`.

The indexes begin with the account. Where none is asked for, all are named that
there are, each found by one step along the index; the same for symbols.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

FEW = 5_000
MOST_NAMES = 200
"""More accounts or symbols than this are not named one by one: then it is walked."""


class Ask(Protocol):
    """Puts one question to the ledger; the rows of the answer."""

    def __call__(self, sql: str, values: Sequence[Any]) -> list[Any]: ...


class Names(NamedTuple):
    """A condition that an index can begin with, and its values."""

    condition: str
    values: tuple[Any, ...]

    def later(self, column: str, since: int) -> "Names":
        """The same from that time on; the column comes next in the index."""
        return Names(f"{self.condition} AND {column} >= ?", (*self.values, since))


class Index(NamedTuple):
    """The first columns of an index, what its table is called in a question, and what any question must say to use it."""

    table: str
    columns: tuple[str, ...]
    alias: str
    only: str = ""

    @property
    def source(self) -> str:
        return f"{self.table} {self.alias}"

    def where(self, conditions: Sequence[str]) -> str:
        """These conditions, and the one that the index demands; all rows where there is none."""
        every = [f"{self.alias}.{self.only}"] * bool(self.only) + list(conditions)
        return " AND ".join(every) or "1 = 1"


def distinct(ask: Ask, index: Index, **within: str) -> list[str]:
    """The values of the index's next column, in order, by as many steps as there are values.

    `within` fixes the columns before it.
    """
    column = f"{index.alias}.{index.columns[len(within)]}"
    fixed = [f"{index.alias}.{name} = ?" for name in within]
    least = f"SELECT MIN({column}) FROM {index.source} WHERE "  # noqa: S608
    sql = (
        f"WITH RECURSIVE d (v) AS ({least}{index.where(fixed)} UNION ALL "  # noqa: S608
        f"SELECT ({least}{index.where([*fixed, f'{column} > d.v'])}) FROM d "
        "WHERE d.v IS NOT NULL) SELECT v FROM d WHERE v IS NOT NULL"
    )
    return [v for (v,) in ask(sql, [*within.values(), *within.values()])]


def by_names(ask: Ask, index: Index, given: dict[str, str | None]) -> Names | None:
    """Each of the index's first columns as one of the given or present values; None where those are many."""
    places: list[dict[str, str]] = [{}]
    for column in index.columns:
        value = given.get(column)
        places = [
            {**place, column: one}
            for place in places
            for one in ([value] if value is not None else distinct(ask, index, **place))
        ]
        if len(places) > MOST_NAMES:
            return None
    if not places:
        return NONE
    named = [sorted({place[column] for place in places}) for column in index.columns]
    parts = [
        f"{index.alias}.{name} IN ({', '.join('?' * len(values))})"
        for name, values in zip(index.columns, named, strict=True)
    ]
    return Names(index.where(parts), tuple(value for values in named for value in values))


NONE = Names("1 = 0", ())


def are_few(ask: Ask, index: Index, condition: str, values: Sequence[Any]) -> bool:
    """Whether no more than `FEW` rows meet a condition that an index answers."""
    some = f"SELECT 1 FROM {index.source} WHERE {condition} LIMIT {FEW + 1}"  # noqa: S608
    return bool(ask(f"SELECT COUNT(*) FROM ({some}) AS found", values)[0][0] <= FEW)  # noqa: S608

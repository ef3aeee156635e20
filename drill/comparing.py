"""A ledger and a record of what happened, side by side: what was lost, doubled, or told wrongly.

Pure. Rows are as the control socket and the sandbox's admin give them. Two rules
in words: what exchanges need not list (an asset or position of which there is
nothing) is left out on both sides, and a client order id that was never given
is "" in the record and nothing in the ledger.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]


def columns(names: str) -> list[str]:
    """The fields of a row, written as one text."""
    return names.split()


FIELDS = {
    "fills": columns(
        "category symbol order_id trade_id client_order_id side price quantity "
        "fee fee_asset liquidity kind traded_at"
    ),
    "orders": columns(
        "category symbol order_id client_order_id side type time_in_force status price quantity filled "
        "average_price created_at updated_at"
    ),
    "balances": columns("asset free locked"),
    "positions": columns("category symbol side size entry_price"),
}
VIEWS = tuple(FIELDS)
IDENTITY = {
    "fills": columns("category symbol order_id trade_id"),
    "orders": columns("category symbol order_id"),
    "balances": columns("asset"),
    "positions": columns("category symbol side"),
}

Views = Mapping[str, Any]


class Tally(NamedTuple):
    """How many facts of the record are not in the ledger, are there more than once, are not as they were.

    What the ledger has and the record has not is `wrong` too: nobody knows where
    it came from. `lines` says each difference for people.
    """

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    lines: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not self.lines


def tally(truth: Views, ledger: Views, *, besides: Iterable[str] = ()) -> Tally:
    """The ledger judged by the record; both by view. `besides` are fields that nobody promises."""
    truth, ledger = (
        {view: [{**row, **dict.fromkeys(besides)} for row in views[view]] for view in VIEWS}
        for views in (truth, ledger)
    )
    lost = doubled = wrong = 0
    lines: list[str] = []
    for view in VIEWS:
        theirs, ours = _named(view, truth[view]), _named(view, ledger[view])
        lost += len(theirs.keys() - ours.keys())
        doubled += sum(len(rows) - 1 for rows in ours.values())
        wrong += sum(rows[0] != theirs[name][0] if name in theirs else 1 for name, rows in ours.items())
        lines += differences(view, truth[view], ledger[view])
    return Tally(lost, doubled, wrong, tuple(lines))


def differences(view: str, truth: Sequence[Row], ledger: Sequence[Row]) -> list[str]:
    """As multisets of rows, in readable lines: something that is there twice is a difference as well."""
    theirs, ours = (Counter(_told(view, row) for row in held(rows)) for rows in (truth, ledger))
    missing = [f"missing in {view} {row}" for row in (theirs - ours).elements()]
    return missing + [f"surplus in {view} {row}" for row in (ours - theirs).elements()]


def told_twice(journal: Iterable[Row]) -> int:
    """How many fills the feed told as news more than once: whoever follows it would count those twice."""
    fills = Counter(
        (row["account"], row["category"], row["symbol"], row["key"])
        for row in journal
        if (row["kind"], row["outcome"]) == ("fill", "new")
    )
    return sum(count - 1 for count in fills.values())


def held(rows: Iterable[Row]) -> list[Row]:
    """Without assets and positions of which there is nothing: whether those are listed is nobody's promise."""
    return [
        row for row in rows if (row.get("free"), row.get("locked")) != ("0", "0") and row.get("size") != "0"
    ]


def _named(view: str, rows: Iterable[Row]) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in held(rows):
        found.setdefault(tuple(row[field] for field in IDENTITY[view]), []).append(_told(view, row))
    return found


def _told(view: str, row: Row) -> tuple[Any, ...]:
    return tuple(_said(field, row[field]) for field in FIELDS[view])


def _said(field: str, value: Any) -> Any:
    """An order without a client's id has "" in the record; the ledger holds nothing then."""
    return None if (field, value) == ("client_order_id", "") else value

"""Which query of the ledger answers which word.

The reader knows tables; this file knows what a caller may mean by a word: which
history a kind has, what `symbol` is where there are only assets, and how a list
that is short by nature (balances, positions, coverage) is cut like the long
ones, which the database cuts itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from control.words import HISTORIES, ROWS_PER_ANSWER, Arguments, Mistake, hint, quoted
from core.coverage import Piece, timeline, unproven
from core.fees import KEYS, told
from core.money import plain_or_none
from models.read import Reader, Row

_ORDER_PLACE = ("updated_at", "account", "category", "symbol", "order_id")
_BALANCE = ("account", "asset")
_POSITION = ("account", "category", "symbol", "side")
_COVERAGE = ("account", "category", "since")
_SHARES = ("account", "exchange", "quote")
_FEES = ("account", "exchange", "category", "symbol", "key", "fee_asset")
_NUMBERS = frozenset({"updated_at", "since", "fill_seq"})
_MAY_BE_UNKNOWN = frozenset({"updated_at", "category", "symbol", "key", "fee_asset", "quote"})


def ask(reader: Reader, name: str, said: Arguments) -> Sequence[Row]:
    """The rows that the word `name` answers with; `since` is in milliseconds by now."""
    match name:
        case "fills":
            return reader.fills(**said)
        case "orders":
            return _orders(reader, said)
        case "cash":
            return reader.cash(**said)
        case "history":
            return _history(reader, said)
        case "incidents":
            return reader.incidents(
                account=said["account"], since=said["since"], limit=said["limit"], open_only=said["open"]
            )
        case "balances":
            rows = reader.balances(account=said["account"])
            asset = said["symbol"]
            return _cut([row for row in rows if asset in (None, row["asset"])], said, "updated_at", _BALANCE)
        case "positions":
            rows = reader.positions(account=said["account"], symbol=said["symbol"])
            return _cut(rows, said, "updated_at", _POSITION)
        case "fees":
            return _fees(reader, said)
    raise AssertionError(f"{name} is in the vocabulary and is not answered")


def covered(
    reader: Reader, said: Arguments, watched: Callable[[str], int | None], now_ms: int
) -> Sequence[Row]:
    """What is proven of each account and category, and the gaps; `watched` says since when somebody watches.

    An account of which nothing was ever proven is one gap, in no category.
    """
    pieces: dict[tuple[str, str | None], list[Piece]] = {}
    for row in reader.coverage(said["account"]):
        place = row.pop("account"), row.pop("category")
        pieces.setdefault(place, []).append(Piece(**row))
    known = {account for account, _ in pieces}
    lines = {place: timeline(own, watched(place[0]), now_ms) for place, own in pieces.items()}
    for account, at in reader.first_seen(said["account"]).items():
        if account not in known:
            lines[account, None] = [unproven(at, now_ms)]
    rows = [
        {"account": account, "category": category, **msgspec.structs.asdict(line)}
        for (account, category), own in sorted(lines.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        for line in own
    ]
    if (since := said["since"]) is not None:
        rows = [row for row in rows if row["until"] is None or row["until"] >= since]
    return _cut(rows, {**said, "since": None}, "since", _COVERAGE)


def _orders(reader: Reader, said: Arguments) -> Sequence[Row]:
    after = said["after"]
    if after is not None:
        after = dict(zip(_ORDER_PLACE, _identity(after, _ORDER_PLACE), strict=True))
    return reader.orders(
        account=said["account"],
        symbol=said["symbol"],
        since=said["since"],
        limit=said["limit"],
        open_only=said["open"],
        after=after,
    )


def _fees(reader: Reader, said: Arguments) -> Sequence[Row]:
    """Each fill's own, or totals by a key."""
    by, limit, after = (said[name] for name in ("by", "limit", "after"))
    which = {name: said[name] for name in ("account", "symbol", "since")}
    if by not in KEYS:
        raise Mistake(f"fees: no total by {quoted(by)}{hint(by, KEYS)}; there are: {', '.join(KEYS)}")
    if by != "fill":
        identity = _SHARES if by == "account" else _FEES
        return _cut(reader.fees(by, **which), {**said, "since": None}, "last_at", identity)
    behind = None if after is None else _identity(after, ("fill_seq",))[0]
    charges = reader.charges(**which, limit=limit, after=behind)
    return [
        {**told(fill, one), "liquidity": fill["liquidity"], "saved": plain_or_none(saved.saved)}
        for fill, one, saved in charges
    ]


def _history(reader: Reader, said: Arguments) -> Sequence[Row]:
    """Of a thing in the ledger: its journal. Of an account or an actor: what it went through."""
    kind, key, account, since, limit = (said[name] for name in ("kind", "key", "account", "since", "limit"))
    match kind:
        case "account":
            return reader.states(account=key, since=since, limit=limit)
        case "actor":
            return reader.events(child=key, since=since, limit=limit)
        case _ if kind in HISTORIES:
            rows = reader.history(kind, key, account=account)
            return [row for row in rows if row["recorded_at"] >= (since or 0)][-limit:]
    raise Mistake(
        f"history: no kind {quoted(kind)}{hint(kind, HISTORIES)}; there are: {', '.join(HISTORIES)}"
    )


def _cut(rows: list[Row], said: Arguments, changed: str, identity: tuple[str, ...]) -> list[Row]:
    """The part of a whole list that was asked for, in the order of the list."""
    since, limit, after = said["since"], said["limit"], said["after"]
    if since is not None:
        rows = [row for row in rows if (row[changed] or 0) >= since]
    if after is not None:
        rows = _behind(rows, _identity(after, identity), identity)
    elif 0 < limit < len(rows):
        newest = sorted(range(len(rows)), key=lambda at: rows[at][changed] or 0)[-limit:]
        rows = [rows[at] for at in sorted(newest)]
    return rows[: min(limit or ROWS_PER_ANSWER, ROWS_PER_ANSWER)]


def _behind(rows: list[Row], last: tuple[Any, ...], identity: tuple[str, ...]) -> list[Row]:
    for at, row in enumerate(rows, start=1):
        if _identity(row, identity) == last:
            return rows[at:]
    raise Mistake("the row to go on behind is no longer in the list: begin again")


def _identity(row: Row, names: tuple[str, ...]) -> tuple[Any, ...]:
    """What a row is known by; a caller's row may lack it, or hold anything in its place."""
    values = tuple(row.get(name) for name in names)
    if not all(
        _fits(name, value) or (name in _MAY_BE_UNKNOWN and value is None)
        for name, value in zip(names, values, strict=True)
    ):
        raise Mistake(f"'after' is a whole row of the answer before: it needs {', '.join(names)}")
    return values


def _fits(name: str, value: object) -> bool:
    """A number where the row has one, else a text that any database can be asked for."""
    if name in _NUMBERS:
        return isinstance(value, int) and abs(value) < 2**63
    return isinstance(value, str) and "\0" not in value

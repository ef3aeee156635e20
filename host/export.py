"""The ledger as files that other programs read: every row of a word, as that word's `--json` has it.

A page is in memory at a time. Amounts stay the texts that they are. What is not
known is null in JSON lines; in CSV it is nothing at all between two commas, and
what was stated about a thing (the journal's `fact`) is one cell of JSON.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TextIO

from core.progress import Tell
from models import read
from models.read import MOST_ROWS, Reader, Row

COLUMNS: Mapping[str, Sequence[str]] = {
    "fills": read.FILL,
    "orders": read.ORDER,
    "balances": read.BALANCE,
    "positions": read.POSITION,
    "cash": read.CASH,
    "journal": read.JOURNAL,
    "incidents": read.INCIDENT,
}

Pages = Iterator[list[Row]]


def pages(
    reader: Reader,
    what: str,
    *,
    account: str | None = None,
    symbol: str | None = None,
    since: int | None = None,
) -> Pages:
    """All rows of that kind, in its own order; `since` (ms) is judged by the time that the word goes by."""
    match what:
        case "fills":
            return _by_seq(partial(reader.fills, account=account, symbol=symbol, since=since))
        case "cash":
            return _by_seq(partial(reader.cash, account=account, since=since))
        case "orders":
            return _by_row(partial(reader.orders, account=account, symbol=symbol, since=since))
        case "incidents":
            return _by_row(partial(reader.incidents, account=account, since=since))
        case "journal":
            wanted = {"account": account, "symbol": symbol}
            return (
                [row for row in page if _is_wanted(row, wanted) and row["recorded_at"] >= (since or 0)]
                for page in _by_seq(reader.journal)
            )
        case "balances":
            rows, wanted = reader.balances(account=account), {"asset": symbol}
        case "positions":
            rows, wanted = reader.positions(account=account, symbol=symbol), {}
        case _:
            raise AssertionError(f"{what} is offered and not exported")
    return iter([[r for r in rows if _is_wanted(r, wanted) and (r["updated_at"] or 0) >= (since or 0)]])


def write_jsonl(columns: Sequence[str], rows: Iterable[list[Row]], out: TextIO, tell: Tell) -> int:
    """One object a line; how many."""
    return _write(rows, tell, lambda row: out.write(f"{_json({name: row[name] for name in columns})}\n"))


def write_csv(columns: Sequence[str], rows: Iterable[list[Row]], out: TextIO, tell: Tell) -> int:
    """A line of names, then one line a row (RFC 4180, with line feeds); how many rows."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    return _write(rows, tell, lambda row: writer.writerow([_cell(row[name]) for name in columns]))


def _write(rows: Iterable[list[Row]], tell: Tell, write: Callable[[Row], Any]) -> int:
    done = 0
    for page in rows:
        for row in page:
            write(row)
        done += len(page)
        tell("rows", done, None)
    return done


def _by_seq(ask: Callable[..., list[Row]]) -> Pages:
    after = 0
    while rows := ask(limit=MOST_ROWS, after=after):
        yield rows
        after = rows[-1]["seq"]


def _by_row(ask: Callable[..., list[Row]]) -> Pages:
    after: Row | None = None
    while rows := ask(limit=0, after=after):
        yield rows
        after = rows[-1]


def _is_wanted(row: Row, wanted: Mapping[str, str | None]) -> bool:
    return all(value in (None, row[name]) for name, value in wanted.items())


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, dict) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

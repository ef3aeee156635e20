"""What can still be read of a push that is not as documented: `salvage` never fails.

Every row is read for itself, and every key of it: one that is unknown is
reported and the rest counts; one of a wrong type is reported and left out. A
number where text was expected is taken as if it were written in quotes. A row
that does not name its category has that of its topic's suffix.

An unknown key alone hides nothing: it is news. All else is trouble, for a change
may be hidden in it, and whoever asked should look by REST.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from core.facts import Balance, Fact
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow, Row
from exchanges.bybit.shapes import (
    ENVELOPE,
    PushedCoin,
    PushedExecution,
    PushedOrder,
    PushedPosition,
    Wallet,
)
from exchanges.bybit.stating import states, states_wallet
from exchanges.bybit.words import Notes, milliseconds, quoted

_DIGITS = 100  # of a number that may stand for its text

T = TypeVar("T", bound=msgspec.Struct)

_ROWS: dict[str, tuple[type[Row], type[Row]]] = {
    "order": (OrderRow, PushedOrder),
    "execution": (ExecutionRow, PushedExecution),
    "position": (PositionRow, PushedPosition),
}
_SILENT = ("execution.fast", "greeks", "dcp")  # hints and figures that state nothing of their own


class Salvaged(msgspec.Struct, frozen=True, gc=False):
    """What a push states; `news` are keys that we do not know, the notes are of all else that is odd."""

    topic: str
    facts: tuple[Fact, ...]
    at: int | None
    notes: Notes
    news: tuple[str, ...] = ()


def salvage(topic: str, push: Mapping[str, Any]) -> Salvaged:
    """The facts of any JSON object that names a topic."""
    notes, news = Notes(), _unknown("", push, ENVELOPE)
    said = push.get("creationTime")
    at = milliseconds(said) if isinstance(said, int | str) and said is not True else None
    if topic.startswith(_SILENT):
        return Salvaged(topic, (), at, notes)
    head, _, suffix = topic.partition(".")
    facts: list[Fact] = []
    for row in _objects("data", push.get("data"), notes):
        if head == "wallet":
            facts += _wallet(row, at, notes, news)
        else:
            fields, known = _ROWS[head]
            news += _unknown(f"{head}: ", row, _keys(known))
            facts += states(_legible(fields, row, notes), notes, suffix)
    return Salvaged(topic, tuple(facts), at, notes, tuple(news))


def is_known(topic: str) -> bool:
    """Whether such pushes are documented."""
    return topic.startswith(_SILENT) or topic.partition(".")[0] in {"wallet", *_ROWS}


def _wallet(row: Mapping[str, Any], at: int | None, notes: Notes, news: list[str]) -> list[Balance]:
    news += _unknown("wallet: ", row, _keys(Wallet))
    coins = []
    for coin in _objects("coin", row.get("coin"), notes):
        news += _unknown("coin: ", coin, _keys(PushedCoin))
        coins.append(_legible(CoinRow, coin, notes))
    kind = row.get("accountType")
    return states_wallet(kind if isinstance(kind, str) else None, coins, at, notes)


def _objects(name: str, rows: Any, notes: Notes) -> Iterator[Mapping[str, Any]]:
    if not isinstance(rows, list):
        notes.trouble.append(f"{name}: no list")
        return
    for row in rows:
        if isinstance(row, Mapping):
            yield row
        else:
            notes.trouble.append(f"{name}: a row that is no object")


def _legible(shape: type[T], row: Mapping[str, Any], notes: Notes) -> T:
    """The row as far as its values are of the right type."""
    fields: dict[str, Any] = {}
    for known in msgspec.structs.fields(shape):
        value = row.get(known.encode_name)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = _text(value)
        try:
            fields[known.name] = msgspec.convert(value, known.type, strict=False)
        except msgspec.ValidationError:
            notes.trouble.append(f"{known.encode_name}: {quoted(row.get(known.encode_name))}")
    return shape(**fields)


def _text(number: int | Decimal) -> str | None:
    """A number as it would stand in quotes."""
    if isinstance(number, int) and number.bit_length() > 3 * _DIGITS:
        return "too large"
    return str(number)


def _unknown(where: str, row: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    return [f"{where}unknown key {quoted(key)}" for key in row if key not in known]


def _keys(shape: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(known.encode_name for known in msgspec.structs.fields(shape))

"""What can still be read of an event that is not as documented: `salvage` never fails.

Every key is read for itself: one that is unknown is reported and the rest
counts, one of a wrong type is reported and left out, one that is missing is
unknown, and only where nothing could be said at all nothing is said. What is odd
is noted, so that a change of the protocol is seen on its first day.

An unknown key alone hides nothing: it is news. All else is trouble, for a change
may be hidden in it, and whoever asked should look by REST. So is a trade that
cannot be told (no id, no price, no side): the look fetches it under its true
name. So is an execution type that is not on our list: what moves a quantity is
allowed by name, never guessed.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from core.facts import Fact, Unrecognised
from exchanges.binance.events import balances, fill, is_fill, move, order, read
from exchanges.binance.shapes import (
    SHAPES,
    AccountPosition,
    AssetBalance,
    BalanceUpdate,
    ExecutionReport,
    ExternalLock,
    ReportAsText,
    UserEvent,
)
from exchanges.binance.words import EXECUTIONS, SIDES, STATUSES, milliseconds
from exchanges.replies import is_amount

_TAG = "e"
_LONGEST = 40  # characters of a foreign word in a note
_MOST = 12  # notes of a kind that one event may bring


class Salvaged(msgspec.Struct, frozen=True, gc=False):
    """What could be read of an event, and what is odd about it.

    `trouble` may hide a change; `news` (keys that we do not know) does not.
    """

    facts: tuple[Fact, ...]
    at: int | None = None
    trouble: tuple[str, ...] = ()
    news: tuple[str, ...] = ()


class _Odd:
    """The notes on one event, while it is read."""

    def __init__(self) -> None:
        self.trouble: list[str] = []
        self.news: list[str] = []


def salvage(event: Mapping[str, Any]) -> Salvaged:
    """The facts of any JSON object that may be an event; an unknown event is one itself."""
    name, at = event.get(_TAG), event.get("E")
    at = milliseconds(at) if isinstance(at, int) else None
    shape = SHAPES.get(name) if isinstance(name, str) else None
    if shape is None:
        return Salvaged((Unrecognised(_quoted(name), "unknown event", at),), at)
    odd = _Odd()
    facts = _facts(shape, event, odd)
    return Salvaged(facts, at, tuple(odd.trouble[:_MOST]), tuple(odd.news[:_MOST]))


def _facts(shape: type[UserEvent], event: Mapping[str, Any], odd: _Odd) -> tuple[Fact, ...]:
    """As an ordinary event, if it is one but for keys that we do not know; else key by key."""
    types = _TYPES[shape]
    odd.news += [f"unknown key {_quoted(key)}" for key in event if key not in types]
    try:
        known = {key: event[key] for key in event if key in types}
        if shape is ExecutionReport:
            facts = read(msgspec.convert(_in_text(known), ReportAsText))
        else:
            facts = read(msgspec.convert(known, shape))
    except ValueError:  # a ValidationError is one too
        facts = None
    return _piecemeal(shape, event, odd) if facts is None else facts


def _in_text(event: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts that came as numbers, in text: exact, for the decimals of the JSON were never floats."""
    return {
        key: str(value) if isinstance(value, Decimal | int) and key in _AMOUNT_KEYS else value
        for key, value in event.items()
    }


def _piecemeal(shape: type[UserEvent], event: Mapping[str, Any], odd: _Odd) -> tuple[Fact, ...]:
    fields = _legible(shape, event, odd)
    if shape is AccountPosition:
        fields["B"] = _legible_rows(fields.get("B"), odd)
    odd.trouble += [f"{key} is missing" for key in _EXPECTED.get(shape, ()) if fields.get(key) is None]
    try:
        known = msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        odd.trouble.append(str(error))
        return ()
    match known:
        case ExecutionReport():
            return _report(known, odd)
        case AccountPosition():
            return balances(known)
        case BalanceUpdate() | ExternalLock() if milliseconds(known.at) is not None:
            return (move(known),)
        case BalanceUpdate() | ExternalLock():
            odd.trouble.append("T: no time")
    return ()


def _report(report: ExecutionReport, odd: _Odd) -> tuple[Fact, ...]:
    """The order in any case, the fill only where it is one beyond doubt."""
    for word, value, table in (
        ("status", report.status, STATUSES),
        ("execution type", report.execution, EXECUTIONS),
        ("side", report.side, SIDES),
    ):
        if value not in table:
            odd.trouble.append(f"unknown {word} {_quoted(value)}")
    if report.execution == "TRADE" and is_fill(report):
        return (fill(report), order(report))
    if report.execution == "TRADE":
        odd.trouble.append("a trade that cannot be told from others, or says too little")
    return (order(report),)


def _legible(shape: type[msgspec.Struct], event: Mapping[str, Any], odd: _Odd) -> dict[str, Any]:
    """The keys that we know and can read; what cannot be read is noted."""
    types = _TYPES[shape]
    fields: dict[str, Any] = {}
    for key in types.keys() & event.keys():
        try:
            value = msgspec.convert(event[key], types[key], strict=False)
        except msgspec.ValidationError as error:
            odd.trouble.append(f"{key}: {error}")
            continue
        if isinstance(value, Decimal) and not is_amount(value):
            odd.trouble.append(f"{key}: no amount")
        else:
            fields[key] = value
    return fields


def _legible_rows(rows: Any, odd: _Odd) -> list[AssetBalance]:
    """The balances that can be read, each for itself."""
    legible = []
    for row in rows or ():
        if not isinstance(row, Mapping):
            odd.trouble.append("B: a row that is no object")
            continue
        known = _legible(AssetBalance, row, odd)
        odd.news += [f"unknown key {_quoted(key)} in B" for key in row if key not in _TYPES[AssetBalance]]
        try:
            legible.append(msgspec.convert(known, AssetBalance))
        except msgspec.ValidationError as error:
            odd.trouble.append(f"B: {error}")
    return legible


def _quoted(value: Any) -> str:
    return str(value)[:_LONGEST]


def _types(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(shape)}


_TYPES: dict[type[msgspec.Struct], dict[str, Any]] = {
    **{shape: {_TAG: str} | _types(shape) for shape in SHAPES.values()},
    AccountPosition: {_TAG: str} | _types(AccountPosition) | {"B": list[Any]},  # its rows are read one by one
    AssetBalance: _types(AssetBalance),
}
_EXPECTED: dict[type[msgspec.Struct], tuple[str, ...]] = {
    ExecutionReport: ("T", "q", "p", "P", "z", "Z"),
    AccountPosition: ("u",),
}
_AMOUNT_KEYS = frozenset(key for key, type_ in _TYPES[ExecutionReport].items() if type_ == Decimal | None)

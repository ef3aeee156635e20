"""How a row is read whose shape is known, and what is done where it is not as documented.

Ordinary rows take one strict decode. Where that refuses, every key is read for
itself: one that is unknown is *news* and the rest counts; one of a wrong type is
*trouble* and left out; a row without what it needs is trouble and lost. News hide
nothing. Trouble may hide a change, so whoever asked should look another way: a
stream asks for a look by REST, and an answer by REST proves nothing.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from exchanges.cryptocom.shapes import Asset, Holding, Journal, Order, Trade, Wallet
from exchanges.doubts import PLAIN, UNREADABLE
from exchanges.replies import is_amount

R = TypeVar("R", bound=msgspec.Struct)

MOST = 12  # notes of a kind that one message may bring
_LONGEST = 40  # characters of a foreign word in a note


class Legible(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """What could be read, and the notes on what could not."""

    rows: tuple[R, ...]
    trouble: tuple[str, ...] = ()
    news: tuple[str, ...] = ()


class Shape(Generic[R]):
    """Reads rows of one kind."""

    def __init__(self, row: type[R]) -> None:
        self._row = row
        self._types = {field.encode_name: field.type for field in msgspec.structs.fields(row)}
        self._one = msgspec.json.Decoder(row, strict=False).decode
        self._many = msgspec.json.Decoder(list[row], strict=False).decode  # type: ignore[valid-type]

    def one(self, text: str | bytes | msgspec.Raw) -> Legible[R]:
        """A single object: one row, or none and the trouble with it."""
        try:
            return Legible((self._one(text),))
        except UNREADABLE:
            return self._piecemeal((_plain(text),))

    def many(self, text: str | bytes | msgspec.Raw) -> Legible[R]:
        """A list of objects."""
        try:
            return Legible(tuple(self._many(text)))
        except UNREADABLE:
            values = _plain(text)
        if isinstance(values, list):
            return self._piecemeal(values)
        return Legible((), (f"no list but {_quoted(values)}",))

    def _piecemeal(self, values: Iterable[Any]) -> Legible[R]:
        rows: list[R] = []
        trouble: list[str] = []
        news: list[str] = []
        for value in values:
            if not isinstance(value, dict):
                trouble.append(f"no object but {_quoted(value)}")
                continue
            news += [f"unknown key {_quoted(key)}" for key in value if key not in self._types]
            try:
                rows.append(self._row(**self._legible(value, trouble)))
            except (TypeError, ValueError) as error:
                trouble.append(f"lost: {error}")
        return Legible(tuple(rows), tuple(trouble[:MOST]), tuple(news[:MOST]))

    def _legible(self, value: dict[str, Any], trouble: list[str]) -> dict[str, Any]:
        """The keys that we know and can read; what cannot be read is noted."""
        known: dict[str, Any] = {}
        for key in self._types.keys() & value.keys():
            try:
                known[key] = _read(value[key], self._types[key])
            except UNREADABLE as error:
                trouble.append(f"{key}: {error}")
        return known


def _read(value: Any, wanted: Any) -> Any:
    if wanted is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    read = msgspec.convert(value, wanted, strict=False)
    if isinstance(read, Decimal) and wanted is not Any and not is_amount(read):
        raise ValueError("no amount")
    return read


def _plain(text: str | bytes | msgspec.Raw) -> Any:
    """Any JSON as it is; None for what is none."""
    try:
        return PLAIN.decode(text)
    except UNREADABLE:
        return None


def _quoted(value: Any) -> str:
    return str(value)[:_LONGEST]


ORDERS, TRADES, JOURNAL = Shape(Order), Shape(Trade), Shape(Journal)
WALLETS, ASSETS, HOLDINGS = Shape(Wallet), Shape(Asset), Shape(Holding)

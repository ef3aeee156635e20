"""Reading parameters as strictly as the reference is explicit.

A method declares what it knows; what it does not know is ignored, as the real
one does. Amounts have to be JSON strings, small counts may be numbers. A
missing or unreadable value is 40004 unless its reader knows a better code.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.cryptocom.envelope import Bare
from sandbox.cryptocom.errors import Refusal, invalid

AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
DIGITS = re.compile(r"[0-9]{1,19}")
NANOSECONDS_FROM = 10**17
LARGEST = 2**63 - 1

Reader = Callable[[str, Any], Any]


def text(name: str, value: Any) -> str:
    """Reads a text that is not empty."""
    if not isinstance(value, str) or isinstance(value, Bare) or not value:
        raise invalid(name)
    return value


def short_text(name: str, value: Any) -> str:
    """Reads a client's own id."""
    if len(text(name, value)) > 36:
        raise invalid(name)
    return str(value)


def amount(code: int, message: str = "") -> Reader:
    """Reads an amount in plain digits above zero; a badly written one is `code`."""

    def read_amount(name: str, value: Any) -> Decimal:
        if not AMOUNT.fullmatch(text(name, value)) or not Decimal(value):
            raise Refusal(code, message)
        return Decimal(value)

    return read_amount


def word(code: int, *words: str) -> Reader:
    """Reads one of a few words; anything else is `code`."""

    def read_word(name: str, value: Any) -> str:
        if text(name, value) not in words:
            raise Refusal(code) if code != 40004 else invalid(name)
        return str(value)

    return read_word


def whole(name: str, value: Any) -> int:
    """Reads an integer, bare or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not DIGITS.fullmatch(str(value)):
        raise invalid(name)
    return int(value)


def order_number(name: str, value: Any) -> int:
    """Reads an order's id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise invalid(name)
    if not DIGITS.fullmatch(str(value)) or int(value) > LARGEST:
        raise Refusal(212)
    return int(value)


def up_to(most: int) -> Reader:
    """Reads a count from 1 to `most`."""

    def read_count(name: str, value: Any) -> int:
        if not 1 <= (count := whole(name, value)) <= most:
            raise invalid(name)
        return count

    return read_count


def moment(name: str, value: Any) -> int:
    """Reads an instant in milliseconds or nanoseconds, told by its size; nanoseconds come out."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not DIGITS.fullmatch(str(value)):
        raise Refusal(40005, f"INVALID_DATE: {name}")
    return int(value) if int(value) > NANOSECONDS_FROM else int(value) * 1_000_000


def words(code: int, *allowed: str) -> Reader:
    """Reads a list of words."""

    def read_words(_: str, value: Any) -> list[str]:
        if not isinstance(value, list) or any(one not in allowed for one in value):
            raise Refusal(code)
        return value

    return read_words


class Param(msgspec.Struct, frozen=True):
    """A parameter that a method knows."""

    name: str
    read: Reader
    required: bool = False


def read(declared: Sequence[Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values by name, in the order of declaration; raises `Refusal`."""
    values: dict[str, Any] = {}
    for one in declared:
        if given.get(one.name) is not None:
            values[one.name] = one.read(one.name, given[one.name])
        elif one.required:
            raise invalid(one.name)
    return values

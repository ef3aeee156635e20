"""Reading parameters as strictly as the reference allows: 10001 for whatever does not fit.

An endpoint declares its parameters. A query has texts, a body has JSON values
of the documented types: amounts are strings there, positionIdx is an integer,
reduceOnly a boolean. Unknown, doubled, missing and malformed ones are refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from sandbox.bybit.errors import bad_params

NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
LINK_ID = r"[A-Za-z0-9_-]{1,36}"
SYMBOL = r"[A-Z0-9-]{1,30}"
COIN = r"[A-Z0-9]{1,20}"

Reader = Callable[[Any], Any]


class Unfit(ValueError):
    """A value that a reader does not take."""


def text(pattern: str) -> Reader:
    """Reads a string that matches as a whole."""
    compiled = re.compile(pattern)

    def read_text(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Unfit
        return value

    return read_text


def one_of(*words: str) -> Reader:
    """Reads one of a few words."""

    def read_word(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise Unfit
        return value

    return read_word


def amount(value: Any) -> Decimal:
    """Reads a price or quantity, written as a string without sign or exponent."""
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Unfit
    return Decimal(value)


def integer(value: Any) -> int:
    """Reads an integer from JSON."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit
    return value


def boolean(value: Any) -> bool:
    """Reads true or false from JSON."""
    if not isinstance(value, bool):
        raise Unfit
    return value


def digits(value: Any) -> int:
    """Reads an integer from a query."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,18}", value):
        raise Unfit
    return int(value)


def within(least: int, most: int) -> Reader:
    """Reads a page size."""

    def read_size(value: Any) -> int:
        size = digits(value)
        if not least <= size <= most:
            raise Unfit
        return size

    return read_size


def coins(value: Any) -> list[str]:
    """Reads a list of coins, separated by commas."""
    names = value.split(",") if isinstance(value, str) else []
    if not names or not all(re.fullmatch(COIN, name) for name in names):
        raise Unfit
    return list(names)


class Param(msgspec.Struct, frozen=True):
    """A declared parameter."""

    name: str
    read: Reader
    required: bool = False


def pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a query, decoded once; its text stays what was signed."""
    split = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in split]


def body_pairs(body: bytes) -> list[tuple[str, Any]]:
    """Names and values of a JSON body."""
    try:
        decoded = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_params("the body is no JSON object") from None
    return list(decoded.items())


def read(declared: Sequence[Param], sent: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The values of the declared parameters; empty texts count as absent."""
    pairs = list(sent)
    given: Mapping[str, Any] = dict(pairs)
    if len(given) != len(pairs):
        raise bad_params("a parameter is sent twice")
    if unknown := set(given) - {one.name for one in declared}:
        raise bad_params(f"unknown parameter {min(unknown)}")
    return {one.name: _value(one, given[one.name]) for one in declared if _present(one, given)}


def _present(one: Param, given: Mapping[str, Any]) -> bool:
    if given.get(one.name) not in (None, ""):
        return True
    if one.required:
        raise bad_params(f"{one.name} is missing")
    return False


def _value(one: Param, sent: Any) -> Any:
    try:
        return one.read(sent)
    except Unfit:
        raise bad_params(f"{one.name} invalid") from None

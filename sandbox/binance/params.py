"""Reading parameters as strictly as Binance does.

An endpoint declares its parameters; `read` turns the texts that came into
values or refuses with the code that the real server uses: duplicates and
surplus first (-1101, -1104), then each parameter in the declared order:
absent or empty (-1102, -1105), illegal characters (-1100), impossible values
(-1115 to -1117, -1130).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.binance.errors import Refusal, invalid, missing

SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
WINDOW = r"^([0-9]{1,5})(\.[0-9]{1,3})?$"
MAX_LONG = 2**63 - 1

Reader = Callable[[str, str], Any]


def illegal(name: str, legal: str) -> Refusal:
    """A value with characters outside its legal range."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def matching(pattern: str) -> Reader:
    """Reads text that matches `pattern` as a whole."""
    compiled = re.compile(pattern)

    def read_text(name: str, text: str) -> str:
        if not compiled.match(text) or text.endswith("\n"):
            raise illegal(name, pattern)
        return text

    return read_text


def long(name: str, text: str) -> int:
    """Reads a 64-bit integer."""
    value = int(matching(INTEGER)(name, text))
    if value > MAX_LONG:
        raise Refusal(-1108, f"Parameter '{name}' overflowed.")
    return value


def moment(name: str, text: str) -> int:
    """Reads an instant in milliseconds; sixteen digits are microseconds."""
    value = long(name, text)
    return value // 1000 if value >= 10**15 else value


def decimal(name: str, text: str) -> Decimal:
    """Reads an amount in plain digits with at most eight decimals."""
    value = Decimal(matching(NUMBER)(name, text))
    if int(value.normalize().as_tuple().exponent) < -8:
        raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
    return value


def boolean(name: str, text: str) -> bool:
    """Reads true or false."""
    if text.lower() not in ("true", "false"):
        raise invalid(name)
    return text.lower() == "true"


def up_to(most: int) -> Reader:
    """Reads a count from 1 to `most`."""

    def read_count(name: str, text: str) -> int:
        value = long(name, text)
        if not 1 <= value <= most:
            raise invalid(name)
        return value

    return read_count


def one_of(words: Sequence[str], code: int, message: str) -> Reader:
    """Reads one of a few words; anything else is refused with `code`."""

    def read_word(_: str, text: str) -> str:
        if text not in words:
            raise Refusal(code, message)
        return text

    return read_word


def word_of(*words: str) -> Reader:
    """Reads one of a few words; anything else is invalid data."""

    def read_word(name: str, text: str) -> str:
        if text not in words:
            raise invalid(name)
        return text

    return read_word


def symbol_list(name: str, text: str) -> list[str]:
    """Reads a JSON array of symbols, each at most once."""
    legal = r'^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\]$'
    if not re.match(legal, text):
        raise illegal(name, legal)
    names = msgspec.json.decode(text, type=list[str])
    if len(set(names)) != len(names):
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    return names


class Param(msgspec.Struct, frozen=True):
    """A parameter that an endpoint knows."""

    name: str
    read: Reader
    required: bool = False


SIDE = one_of(("BUY", "SELL"), -1117, "Invalid side.")
TYPE = one_of(
    ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
    -1116,
    "Invalid orderType.",
)
TIME_IN_FORCE = one_of(("GTC", "IOC", "FOK"), -1115, "Invalid timeInForce.")
RESTRICTION = one_of(("ONLY_NEW", "ONLY_PARTIALLY_FILLED"), -1145, "Invalid cancelRestrictions.")

SIGNED = (
    Param("recvWindow", matching(WINDOW)),
    Param("timestamp", moment, required=True),
    Param("signature", matching(r"^[A-Za-z0-9+/=]{1,}$"), required=True),
)


def read(
    declared: Sequence[Param], sent: Sequence[tuple[str, str]], *, always_unread: bool = False
) -> dict[str, Any]:
    """The values by name; raises `Refusal`.

    `always_unread` is the WebSocket API's way: surplus is always -1104, while
    REST counts first and says -1101 when more came than the endpoint knows.
    """
    given = dict(sent)
    if len(given) != len(sent):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    _refuse_surplus(declared, given, always_unread=always_unread)
    values: dict[str, Any] = {}
    for one in declared:
        text = given.get(one.name)
        if text:
            values[one.name] = one.read(one.name, text)
        elif one.required:
            raise missing(one.name)
        elif text == "":
            raise Refusal(-1105, f"Parameter '{one.name}' was empty.")
    return values


def _refuse_surplus(declared: Sequence[Param], given: Mapping[str, str], *, always_unread: bool) -> None:
    known = {one.name for one in declared}
    if set(given) <= known:
        return
    if len(given) > len(known) and not always_unread:
        raise Refusal(-1101, f"Too many parameters; expected '{len(known)}' and received '{len(given)}'.")
    reading = len(known & set(given))
    raise Refusal(
        -1104,
        f"Not all sent parameters were read; read '{reading}' parameter(s) but was sent '{len(given)}'.",
    )

"""How a foreign answer is taken in hand, whoever sent it: bodies, headers and amounts may be anything."""

import re
from decimal import Context, Decimal
from threading import Lock
from typing import Any, TypeVar

import msgspec

from core.errors import Unreadable
from core.wire import Reply
from exchanges.doubts import UNREADABLE

LARGEST = 40  # digits before or after the point that an amount may have

_SPACE = re.compile(r"\s+")
_TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)
_DIVIDE = Context(prec=28, traps=[]).divide

T = TypeVar("T")

_readers: dict[Any, msgspec.json.Decoder[Any]] = {}
_learning = Lock()


def parse(reply: Reply, wanted: type[T]) -> T:
    """The body as what it should be; raises Unreadable where it is not."""
    reader = _readers.get(wanted) or _learnt(wanted)
    try:
        return reader.decode(reply.body)  # type: ignore[no-any-return]
    except UNREADABLE as error:
        raise Unreadable(f"unreadable answer: {error}") from error


def _learnt(wanted: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of this type, made by one thread only.

    msgspec (0.22) learns a type when it first meets it and shows it to others while
    it is still learning: a second thread that meets it then takes the whole process
    down. Pollers of accounts at the same exchange start together and ask the same.
    """
    with _learning:
        if wanted not in _readers:
            _readers[wanted] = msgspec.json.Decoder(wanted)
        return _readers[wanted]


def excerpt(body: bytes) -> str:
    """What a body that is no answer begins with, on one line; of a gateway's page, its title."""
    text = _SPACE.sub(" ", body[:2_000].decode(errors="replace")).strip()
    if not text.startswith("<"):
        return text[:120]
    title = _TITLE.search(text)
    return f"a web page ({title[1].strip()[:80]})" if title else "a web page"


def header(reply: Reply, name: str) -> str:
    """A header by its lower-case name; "" where there is none."""
    return next((value for key, value in reply.headers.items() if key.lower() == name), "")


def whole(text: str) -> int | None:
    """A header's number; None for anything but a plain whole one."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def retry_after(reply: Reply) -> float | None:
    """The seconds that the server asks to wait; anything but a whole number is no hint."""
    seconds = whole(header(reply, "retry-after"))
    return None if seconds is None else float(seconds)


def is_amount(value: Decimal) -> bool:
    """Whether a decimal is a number that an account could hold: neither NaN nor 1E+999999."""
    return value.is_finite() and -LARGEST < value.adjusted() < LARGEST


def quotient(value: Decimal, by: Decimal) -> Decimal:
    """To 28 digits; `by` is not zero."""
    return _DIVIDE(value, by)

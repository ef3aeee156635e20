"""Requests and replies: the one shape that REST and both WebSockets share.

A request is read as it was spelled, because its signature covers the spelling:
bare numbers with a fraction keep their text. The signed text is
method + id + api_key + parameters + nonce, the parameters sorted by name, lists
and objects written one after the other without separators (reference, 2.1).

A reply echoes the id as an integer, -1 where there was none, and the method,
`ERROR` where there was none; a client's own mistake is repeated in `original`.
"""

import json
from typing import Any

import msgspec

from sandbox.cryptocom.errors import CLIENT_BUGS, Refusal

LARGEST_ID = 2**63 - 1
Json = dict[str, Any]


class Bare(str):
    """A JSON number with a fraction, as it was spelled."""

    __slots__ = ()


def rendered(value: Any) -> str:
    """A parameter's value as it counts for the signature."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "".join(rendered(one) for one in value)
        case dict():
            return "".join(name + rendered(value[name]) for name in sorted(value))
        case _:
            return str(value)


class Asked(msgspec.Struct, kw_only=True):
    """One request; fields that it lacks are empty, `broken` says that it is none."""

    id: int | str | None = None
    method: str = ""
    params: Json | None = None
    api_key: str = ""
    sig: str = ""
    nonce: int | str | None = None
    original: str = ""
    broken: bool = False

    @property
    def number(self) -> int:
        """The id to echo."""
        return -1 if self.id is None else int(self.id)

    @property
    def signed_text(self) -> bytes:
        """What the signature has to cover."""
        return f"{self.method}{self.id}{self.api_key}{rendered(self.params or {})}{self.nonce}".encode()


def _whole(value: object) -> bool:
    """True for an integer, or a text of digits, from 0 to the largest id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) <= LARGEST_ID


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def asked(text: str) -> Asked:
    """Read a request; what is none comes back as `broken`, with as much as could be read."""
    try:
        body = json.loads(text, parse_float=Bare, parse_constant=_no_constant)
    except ValueError:
        return Asked(original=text, broken=True)
    if not isinstance(body, dict):
        return Asked(original=text, broken=True)
    texts = {name: body.get(name, "") for name in ("method", "api_key", "sig")}
    number, nonce, params = (body.get(name) for name in ("id", "nonce", "params"))
    broken = not all(isinstance(one, str) for one in texts.values()) or not texts["method"]
    broken |= (number is not None and not _whole(number)) or (nonce is not None and not _whole(nonce))
    broken |= params is not None and not isinstance(params, dict)
    return Asked(
        id=number if _whole(number) else None,
        params=params if isinstance(params, dict) else None,
        nonce=nonce if _whole(nonce) else None,
        original=text,
        broken=broken,
        **{name: one if isinstance(one, str) else "" for name, one in texts.items()},
    )


NOTHING = object()
"""The result of a call that answers with its code alone."""


def accepted(request: Asked, result: Any = NOTHING) -> Json:
    """The reply to what was done."""
    reply: Json = {"id": request.number, "method": request.method or "ERROR", "code": 0}
    return reply if result is NOTHING else reply | {"result": result}


def refused(request: Asked, refusal: Refusal) -> Json:
    """The reply to what was not."""
    reply: Json = {"id": request.number, "method": request.method or "ERROR", "code": refusal.code}
    reply["message"] = refusal.message
    if refusal.code in CLIENT_BUGS:
        reply["original"] = request.original
    return reply if refusal.result is None else reply | {"result": refusal.result}


def in_texts(value: Any) -> Any:
    """The same answer with every number as text, as the newest documents show it."""
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case list():
            return [in_texts(one) for one in value]
        case dict():
            return {name: in_texts(one) for name, one in value.items()}
        case _:
            return value

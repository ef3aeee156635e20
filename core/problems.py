"""How a mistake in the settings is told to the person who has to mend it.

This file decides the wording: where it is, what is wrong, what was probably
meant. It never repeats a value, because a value may be a secret that was put in
the wrong place; what it suggests comes from the schema or from a key's name.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Problem(msgspec.Struct, frozen=True):
    """One thing to mend (`error`) or to think about (`warning`).

    `path` is the place in settings.toml, as `accounts.main.heartbeat`; `origin`
    names the environment variable that put the value there, where one did.
    """

    path: str
    reason: str
    suggestion: str | None = None
    severity: Literal["error", "warning"] = "error"
    origin: str | None = None

    def __str__(self) -> str:
        where = f"{self.path} (from {self.origin})" if self.origin else self.path
        hint = f' (did you mean "{self.suggestion}"?)' if self.suggestion else ""
        return f"{where}: {self.reason}{hint}"


def warning(path: str, reason: str) -> Problem:
    """A problem that refuses nothing."""
    return Problem(path, reason, severity="warning")


def dotted(location: Iterable[str | int]) -> str:
    """A TOML path as one would write it; "settings" for the file as a whole."""
    parts = [_quoted(part) for part in location if part != "[key]"]
    return ".".join(parts) or "settings"


def _quoted(part: str | int) -> str:
    """Odd keys are quoted as in TOML, so that no key can forge a line of the log."""
    text = str(part)
    return text if _BARE_KEY.fullmatch(text) else json.dumps(text[:80])


def close_to(word: object, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_fold = {fold(name): name for name in known}
    matches = get_close_matches(fold(str(word)[:80]), by_fold, n=1)
    return by_fold[matches[0]] if matches else None


def fold(name: str) -> str:
    """The form in which `-` and `_`, upper and lower case are the same."""
    return name.replace("-", "_").lower()


# --------------------------------------------------- finding one's way in a schema


def annotation_at(model: type[BaseModel], location: Sequence[str | int]) -> Any:
    """The type that belongs at `location`; None where the schema knows no such place."""
    here: Any = model
    for part in location:
        here = _inside(here, part)
    return here


def _inside(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return None


def known_keys(annotation: Any) -> tuple[str, ...]:
    """The keys of a table of the schema; () for everything else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return tuple(annotation.model_fields)
    return ()


# ----------------------------------------------------- telling pydantic's findings

ONE_OF = "one_of"
"""The kind of a finding of our own: not one of the `words` of its context."""

_TEXT = "must be text, in quotes"
_REASONS: Mapping[str, str] = {
    "missing": "is required",
    "string_type": _TEXT,
    "float_type": "must be a number of seconds",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false, without quotes",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "finite_number": "must be a finite number",
    "invalid_key": "must be a plain key",
}
_BOUNDS: Mapping[str, str] = {
    "greater_than_equal": "ge",
    "less_than_equal": "le",
}


def translate(error: ValidationError, model: type[BaseModel]) -> list[tuple[Location, Problem]]:
    """Every finding of pydantic with its place, in the file's order."""
    found = error.errors(include_url=False, include_context=True, include_input=True)
    return [(details["loc"], _problem(details, model)) for details in found]


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    location, kind = details["loc"], details["type"]
    path = dotted(location)
    if kind == "extra_forbidden":
        known = known_keys(annotation_at(model, location[:-1]))
        what = "no such table" if len(location) == 1 else "no such key"
        return Problem(path, what, close_to(location[-1], known))
    if kind in {"literal_error", ONE_OF}:
        said = details["ctx"]["words"] if kind == ONE_OF else get_args(annotation_at(model, location))
        words = tuple(map(str, said))
        return Problem(path, f"must be one of {', '.join(words)}", close_to(details["input"], words))
    if location[-1:] == ("[key]",):
        folded = re.sub(r"[^a-z0-9-]+", "-", str(details["input"]).lower())[:32]
        return Problem(path, _custom(details), folded.strip("-") or None)
    return Problem(path, _reason(details))


def _reason(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind == "value_error":
        return _custom(details)
    if kind in _BOUNDS:
        side = "at least" if kind.startswith("greater") else "at most"
        return f"must be {side} {details['ctx'][_BOUNDS[kind]]}"
    return _REASONS.get(kind, f"is not valid ({kind})")


def _custom(details: ErrorDetails) -> str:
    """The text of our own validator, which holds no value."""
    return str(details["ctx"]["error"]) if "error" in details.get("ctx", {}) else "is not valid"

"""settings.toml, validated as a whole.

`validate` is pure: it is given what the file says and answers with a frozen
Settings, or with everything that is wrong at once, so that a file is mended in
one go. It is the same at the start and at every save.

The order: an exchange's own numbers and addresses are laid under each account;
the schema judges every single value; the rules judge what they mean together.
Where single values are wrong, they are left out and the rest is judged all the
same, so that one typing error does not hide the next mistake.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, get_origin

import msgspec
from pydantic import ValidationError

from core import settings_rules
from core.errors import VigilError
from core.exchange import Defaults
from core.problems import Location, Problem, annotation_at, close_to, dotted, fold, known_keys, translate
from core.settings_schema import URL_KEYS, AccountSettings, Backoff, Settings

__all__ = [
    "AccountSettings",
    "Backoff",
    "Problem",
    "Settings",
    "Unknown",
    "Validated",
    "is_text",
    "locate",
    "validate",
]


class Validated(msgspec.Struct, frozen=True):
    """The settings, None where any problem is an error; the problems, warnings included."""

    settings: Settings | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def validate(
    data: Mapping[str, Any],
    *,
    base_dir: Path,
    exchanges: Mapping[str, Defaults],
) -> Validated:
    """Judge what a settings file says. Never raises, whatever `data` holds.

    `base_dir` is the absolute folder that relative paths begin at, `exchanges`
    are those that vigil speaks.
    """
    sound, found = _schema(data, base_dir, exchanges)
    problems = [problem for _, problem in found]
    if sound is not None:
        refused = [location for location, _ in found]
        problems += [problem for problem in settings_rules.problems(sound) if not _hangs_on(problem, refused)]
    if any(problem.severity == "error" for problem in problems):
        return Validated(None, tuple(problems))
    return Validated(sound, tuple(problems))


# ------------------------------------------------------------------- validation


def _schema(
    data: Mapping[str, Any], base_dir: Path, exchanges: Mapping[str, Defaults]
) -> tuple[Settings | None, list[tuple[Location, Problem]]]:
    """Settings made of what is sound, and each finding with its place."""
    rest = _with_defaults(data, exchanges)
    context = {"base_dir": base_dir, "exchanges": exchanges}
    found: list[tuple[Location, Problem]] = []
    while True:
        try:
            settings = Settings.model_validate(rest, context=context)
        except ValidationError as error:
            fresh = [
                (_meant(location, problem), location, problem)
                for location, problem in translate(error, Settings)
            ]
            found += [(meant, problem) for meant, _, problem in fresh]
            removed = [_remove(rest, place) for meant, location, _ in fresh for place in (location, meant)]
            if not any(removed):
                return None, found
        else:
            return _settled(settings), found


def _meant(location: Location, problem: Problem) -> Location:
    """The place that a finding is about: that of a misspelt key is where its right spelling belongs."""
    if problem.suggestion in known_keys(annotation_at(Settings, location[:-1])):
        location = (*location[:-1], problem.suggestion)
    if location[:1] == ("accounts",) and location[2:] in _DECISIVE:
        return location[:2]
    return location


_DECISIVE = (("exchange",), ("enabled",), ("sandbox",))
"""Without these nothing more can be said about an account."""


def _remove(data: dict[str, Any], location: Location) -> bool:
    """Leave out what is at `location` (a whole list for one item of it); False where nothing is there."""
    here: Any = data
    for part, following in zip_longest(location, location[1:], fillvalue="[key]"):
        inner = here.get(part)
        if following == "[key]" or not isinstance(inner, dict):
            return here.pop(part, None) is not None
        here = inner
    return False


def _hangs_on(problem: Problem, refused: Sequence[Location]) -> bool:
    """The rule spoke of a value that was left out, so what it says is not about the file."""
    mine = f"{problem.path}."
    return any(
        mine.startswith(f"{dotted(place)}.") or f"{dotted(place)}.".startswith(mine) for place in refused
    )


def _with_defaults(data: Mapping[str, Any], exchanges: Mapping[str, Defaults]) -> dict[str, Any]:
    """A copy in which each account has its exchange's own numbers and addresses."""
    filled = deepcopy(dict(data))
    filled.setdefault("supervisor", {})
    accounts = filled.get("accounts")
    for table in accounts.values() if isinstance(accounts, dict) else ():
        exchange = table.get("exchange") if isinstance(table, dict) else None
        own = exchanges.get(exchange) if isinstance(exchange, str) else None
        if own is None:
            continue
        table.setdefault("heartbeat", own.heartbeat)
        table.setdefault("stale_after", own.stale_after)
        if table.get("sandbox") is not True and not any(table.get(key) for key in URL_KEYS):
            table.update((key, getattr(own.endpoints, key.removesuffix("_url"))) for key in URL_KEYS)
    return filled


def _settled(settings: Settings) -> Settings:
    """With the places that default into the data directory."""
    data_dir = settings.supervisor.data_dir
    url = settings.database.url or f"sqlite:///{data_dir / 'vigil.db'}"
    socket = settings.control.socket or data_dir / "control.sock"
    return settings.model_copy(
        update={
            "database": settings.database.model_copy(update={"url": url}),
            "control": settings.control.model_copy(update={"socket": socket}),
        }
    )


# --------------------------------------------------- names that come from elsewhere


class Unknown(VigilError):
    """A name leads nowhere in the schema or the file; `suggestion` is what was probably meant."""

    def __init__(self, reason: str, suggestion: str | None = None) -> None:
        super().__init__(reason)
        self.suggestion = suggestion


def locate(parts: Sequence[str], data: Mapping[str, Any]) -> tuple[str, ...]:
    """The exact path of a key whose parts were written with `-`, `_` and case folded.

    `data` says which accounts there are: none is made by naming it. Raises
    Unknown where a part leads nowhere or where the whole is a table.
    """
    path: tuple[str, ...] = ()
    for part in parts:
        names = _names_at(path, data)
        found = [name for name in names if fold(name) == fold(part)]
        if not found:
            where = f"in {'.'.join(path)}" if path else "in the settings"
            raise Unknown(f"{part.lower()!r} is not {where}", close_to(part, names))
        path = (*path, found[0])
    if _names_at(path, data) or not path or path == ("accounts",):
        raise Unknown(f"{'.'.join(path) or 'the settings'} is a table: name one of its keys")
    return path


def is_text(path: Sequence[str]) -> bool:
    """Whether the key at `path` takes text, so that 8080 given for it means "8080"."""
    annotation = annotation_at(Settings, path)
    return annotation in (str, Path, Path | None, Decimal) or get_origin(annotation) is Literal


def _names_at(path: Sequence[str], data: Mapping[str, Any]) -> tuple[str, ...]:
    if tuple(path) == ("accounts",):
        accounts = data.get("accounts")
        return tuple(map(str, accounts)) if isinstance(accounts, dict) else ()
    return known_keys(annotation_at(Settings, path))

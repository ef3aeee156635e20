"""From a settings file and an environment to settings that hold.

Three layers, each laid over the one before, and one judgement at the end: the
file; the names of older deployments (`older_names`); `VIGIL__SECTION__KEY`.
The environment is laid over the raw tables before anything is validated, by
names folded against what is really there, because a library that did this for
us made a second account `demo_binance` beside `demo-binance` and kept silent
about a section it did not know.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from core.errors import VigilError
from core.exchange import Defaults, Endpoints
from core.problems import Problem
from core.settings import Settings, Unknown, is_text, locate, validate
from core.settings_schema import AccountSettings
from exchanges.registry import REGISTRY
from host.older_names import Seen, lay_older_names

PREFIX = "VIGIL__"

Origins = dict[tuple[str, ...], str]
"""Which environment variable put the value at a path."""


class SettingsError(VigilError):
    """The settings do not hold; `problems` is everything that is wrong, warnings included."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = [str(problem) for problem in problems if problem.severity == "error"]
        super().__init__("; ".join(errors))
        self.problems = problems


class Loaded(msgspec.Struct, frozen=True):
    """Settings that hold, and what a person should know about them.

    `overrides` are the VIGIL__ variables that were used, `older` the names of
    older deployments that were obeyed.
    """

    path: Path
    settings: Settings
    warnings: tuple[Problem, ...]
    overrides: tuple[str, ...]
    older: tuple[Seen, ...]

    def startable(self) -> dict[str, AccountSettings]:
        """The accounts that are to run."""
        return {name: one for name, one in self.settings.accounts.items() if one.enabled}


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read, overlay and judge. Raises SettingsError with everything that is wrong."""
    path = path.absolute()
    return judge(path, read(path), environ)


def judge(path: Path, data: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Loaded:
    """The same of tables that would stand in the file `path`."""
    overridden, origins, problems = _overrides(data, environ)
    older = lay_older_names(overridden, environ, frozenset(origins))
    problems += older.problems
    judged = validate(older.data, base_dir=path.parent, exchanges=spoken())
    problems += [_with_origin(problem, origins | older.origins) for problem in judged.problems]
    if judged.settings is None or any(problem.severity == "error" for problem in problems):
        raise SettingsError(tuple(problems))
    return Loaded(path, judged.settings, tuple(problems), tuple(origins.values()), older.seen)


def spoken() -> dict[str, Defaults]:
    """The exchanges that an account may name, and what each says of itself."""
    return {name: exchange.defaults for name, exchange in REGISTRY.items()}


def endpoints(account: AccountSettings) -> Endpoints:
    """Where a real account's exchange is. A sandbox account has its addresses from the sandbox."""
    return Endpoints(
        rest=account.rest_url,
        ws=account.ws_url,
        public_ws=account.public_ws_url,
        ws_api=account.ws_api_url,
    )


# ---------------------------------------------------------------------- the file


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError that says why it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, _why_unreadable(error)) from error
    if not raw.strip():
        raise _unreadable(path, "is empty: perhaps it is just being written")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"is not UTF-8 text (line {line})") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"is not valid TOML, or only half written: {error}") from error


def _why_unreadable(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "is a folder, not a file"
        case PermissionError():
            return f"may not be read by this user (uid {os.geteuid()}): chown or chmod it"
    return f"cannot be read: {error.strerror}"


def _unreadable(path: Path, reason: str) -> SettingsError:
    return SettingsError((Problem(str(path), reason),))


# ----------------------------------------------------------------- VIGIL__ names


def _overrides(
    data: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], Origins, list[Problem]]:
    """The tables with every VIGIL__ variable laid over them; unknown names are errors."""
    laid: dict[str, Any] = deepcopy(dict(data))
    origins: Origins = {}
    problems: list[Problem] = []
    for name, parts in _override_names(environ):
        try:
            path = locate(parts, laid)
        except Unknown as unknown:
            problems.append(Problem(name, str(unknown), unknown.suggestion))
            continue
        if path in origins:
            problems.append(Problem(name, f"says the same as {origins[path]}: keep one of them"))
            continue
        if put(laid, path, parsed(environ[name], as_text=is_text(path))):
            origins[path] = name
    return laid, origins, problems


def _override_names(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(environ):
        if name.upper().startswith(PREFIX):
            yield name, name[len(PREFIX) :].split("__")


def parsed(text: str, *, as_text: bool = False) -> Any:
    """A TOML number, boolean, list or quoted text; anything else is the text itself.

    `as_text` says that text is wanted: 8080 is "8080" then, and "x" in quotes is x.
    """
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = document["value"]
    kinds = str if as_text else str | int | float | list
    fits = len(document) == 1 and isinstance(value, kinds)
    return value if fits else text


def put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Set the value at `path`, making tables on the way; False where no table can stand there."""
    here = data
    for part in path[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
        here = inner
    here[path[-1]] = value
    return True


def _with_origin(problem: Problem, origins: Origins) -> Problem:
    """Name the variable that a refused value came from."""
    for path, name in origins.items():
        at = ".".join(path)
        if problem.path == at or problem.path.startswith(f"{at}."):
            return msgspec.structs.replace(problem, origin=name)
    return problem

"""Where a daemon with these settings listens, found without loading the settings.

A client must be fast and must work when it is needed most: while somebody has
just saved a settings file that does not parse, and the daemon goes on with the
old one. So only the two keys that matter are read, by the daemon's own rules
(environment over file, relative to the file, defaults below the data directory), and
lines that do not parse are left out. What was wrong is kept for the case that
no daemon answers.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_ERROR_LINE = re.compile(r"\(at line (\d+)")


class Place(NamedTuple):
    """The socket to try, what kept the settings from being read as a whole, and where the data lies."""

    socket: Path
    problem: str | None
    data_dir: Path


def locate(settings: Path, environment: Mapping[str, str] = os.environ) -> Place:
    """The socket of the daemon that runs with the file `settings`."""
    document, problem = _read(settings)
    overrides = {name.upper().replace("-", "_"): value for name, value in environment.items()}

    def value(section: str, key: str) -> str | None:
        table = document.get(section)
        given = table.get(key) if isinstance(table, dict) else None
        return overrides.get(f"VIGIL__{section}__{key}".upper(), given if isinstance(given, str) else None)

    base = settings.absolute().parent
    socket = value("control", "socket")
    data_dir = base / (value("supervisor", "data_dir") or "data")
    return Place(base / socket if socket else data_dir / "control.sock", problem, data_dir)


def accounts_of(settings: Path) -> dict[str, str]:
    """The accounts that the file names, with their exchange; as many of them as parse."""
    accounts = _read(settings)[0].get("accounts")
    tables = accounts if isinstance(accounts, dict) else {}
    return {name: str(one.get("exchange", "")) for name, one in tables.items() if isinstance(one, dict)}


def _read(settings: Path) -> tuple[dict[str, Any], str | None]:
    """As much of the file as parses, and the first reason why that is not all."""
    try:
        text = settings.read_text(encoding="utf-8")
    except OSError as error:
        return {}, f"{settings}: {error.strerror}"
    except UnicodeDecodeError:
        return {}, f"{settings}: not UTF-8"
    lines, problem = text.splitlines(), None
    while True:
        try:
            return tomllib.loads("\n".join(lines)), problem
        except tomllib.TOMLDecodeError as error:
            problem = problem or f"{settings}: {error}"
            named = _ERROR_LINE.search(str(error))
            del lines[int(named[1]) - 1 if named else -1]

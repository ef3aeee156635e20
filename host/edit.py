"""Changes the accounts in a settings file as its owner would: the rest stays as it was written.

Comments, order and spacing are kept. Each change is made on the text, and the
result is judged as the daemon would judge it before anything is written: what
does not hold is not written. It replaces the file in one step, at the end of
whatever links lead there, with the mode and owner that it had.

Of a table that goes, its own lines go: from its header to its last key, and the
comment that stands right behind that, if nothing but a blank line follows. What
stands in front of a header, or apart, belongs to whoever reads on.
"""

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from core.errors import VigilError
from core.problems import close_to
from host.configuration import Loaded, judge, read

Edit = Callable[[str], str]


class CannotEdit(VigilError):
    """The change cannot be made to this file; it is as it was."""


class NoAccount(CannotEdit):
    """There is no account of that name in the file."""


def edit(path: Path, change: Edit, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Make the change; the settings that hold now.

    Raises SettingsError where the result, or the file as it is, does not hold,
    CannotEdit where the change cannot be made. Nothing is written then.
    """
    read(path)  # says best what is wrong with it
    real = path.resolve()
    before = real.read_bytes()
    text = change(before.decode("utf-8"))
    loaded = judge(path.absolute(), tomllib.loads(text), environ)
    _replace(real, before, text.encode())
    return loaded


def adding(name: str, settings: Mapping[str, Any]) -> Edit:
    """One more account, behind the others."""

    def change(text: str) -> str:
        if name in _accounts(text):
            raise CannotEdit(f"there is an account {name!r} already: choose another name, or edit its table")
        table = tomlkit.table()
        table.update(settings)
        document = tomlkit.parse(text)
        accounts = document.setdefault("accounts", tomlkit.table(is_super_table=True))
        accounts[name] = dict(settings) if isinstance(accounts, InlineTable) else table
        fresh = tomlkit.document()
        fresh["accounts"] = tomlkit.table(is_super_table=True)
        fresh["accounts"][name] = table
        behind = f"{text.rstrip()}\n\n{tomlkit.dumps(fresh).strip()}\n".lstrip("\n")
        return _just({**_accounts(text), name: dict(settings)}, text, behind, tomlkit.dumps(document))

    return change


def removing(name: str) -> Edit:
    """One account less."""

    def change(text: str) -> str:
        accounts = _known(text, name)
        rest = {other: table for other, table in accounts.items() if other != name}
        document = tomlkit.parse(text)
        del document["accounts"][name]
        return _just(rest, text, _without(text, name), tomlkit.dumps(document))

    return change


def enabling(name: str, *, enabled: bool) -> Edit:
    """The account runs, or does not."""

    def change(text: str) -> str:
        accounts = _known(text, name)
        if accounts[name].get("enabled", True) is enabled:
            return text
        document = tomlkit.parse(text)
        document["accounts"][name]["enabled"] = enabled
        wanted = {**accounts, name: {**accounts[name], "enabled": enabled}}
        own = _with_line(text, name, f"enabled = {str(enabled).lower()}")
        return _just(wanted, text, own, tomlkit.dumps(document))

    return change


def _accounts(text: str) -> dict[str, Any]:
    accounts = tomllib.loads(text).get("accounts", {})
    return accounts if isinstance(accounts, dict) else {}


def _known(text: str, name: str) -> dict[str, Any]:
    accounts = _accounts(text)
    if isinstance(accounts.get(name), dict):
        return accounts
    meant = close_to(name, accounts)
    there = f"did you mean {meant!r}?" if meant else f"there are: {', '.join(accounts) or 'none'}"
    raise NoAccount(f"there is no account {name!r} in the file; {there}")


def _just(accounts: Mapping[str, Any], before: str, *texts: str) -> str:
    """The first of these texts that says of the accounts what it should, and of the rest what it did."""
    wanted = {**tomllib.loads(before), "accounts": dict(accounts)}
    for text in texts:
        with suppress(tomllib.TOMLDecodeError, TOMLKitError):
            if {"accounts": {}, **tomllib.loads(text)} == wanted:
                return text
    raise CannotEdit("the file is written in a way that this command does not understand: edit it yourself")


def _with_line(text: str, name: str, line: str) -> str:
    """One more key, behind the others of the account's table and before what is only remarked there."""
    lines = text.splitlines(keepends=True)
    heads = [at for at, one in enumerate(lines) if one.lstrip().startswith("[")] + [len(lines)]
    for at, following in pairwise(heads):
        if _head(name).match(lines[at].rstrip("\r\n")):
            end = following
            while _is_empty(lines[end - 1]):
                end -= 1
            lines.insert(end, f"{line}\n")
            return "".join(lines)
    return text


def _head(name: str, below: str = "") -> re.Pattern[str]:
    """The line that begins the account's table, or one `below` it."""
    return re.compile(rf"\s*\[\s*accounts\s*\.\s*[\"']?{re.escape(name)}[\"']?\s*{below}\]\s*(#.*)?$")


def _without(text: str, name: str) -> str:
    """The lines of the text but those of the account's own tables."""
    own = _head(name, r"(\.[^\]]*)?")
    kept: list[str] = []
    table: list[str] | None = None
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            kept += _behind(table or [], at_the_end=False)
            table = [] if own.match(line.rstrip("\r\n")) else None
        (kept if table is None else table).append(line)
    return "".join([*kept, *_behind(table or [], at_the_end=True)])


def _behind(table: list[str], *, at_the_end: bool) -> list[str]:
    """What of these lines stands behind a table and is not its own."""
    own = len(table)
    while own and _is_empty(table[own - 1]):
        own -= 1
    rest = table[own:]
    gaps = [at for at, line in enumerate(rest) if not line.strip()]
    if gaps:
        return rest[gaps[0] + 1 :]
    return [] if at_the_end else rest


def _is_empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


# ---------------------------------------------------------------------- writing


def _replace(real: Path, before: bytes, after: bytes) -> None:
    """One step for whoever reads it; CannotEdit where somebody else was writing as well."""
    if after == before:
        return
    facts = real.stat()
    fd, made = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    part = Path(made)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(after)
            file.flush()
            os.fchmod(fd, stat.S_IMODE(facts.st_mode))
            if (facts.st_uid, facts.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):  # only root gives files away
                    os.fchown(fd, facts.st_uid, facts.st_gid)
            os.fsync(fd)
        if real.read_bytes() != before:
            raise CannotEdit(f"{real} was changed by somebody else meanwhile: try again")
        part.replace(real)
        folder = os.open(real.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)

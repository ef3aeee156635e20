"""Makes the accounts of a settings file ready to be served: what they sign with, and where.

A real account has its secrets looked up once, so that one which cannot be had is
a problem of the settings and not of the first connection; each generation looks
them up again. A sandbox account has its keys and addresses from the sandbox,
which is started when the first one comes and takes in the others as it runs.

Of each secret a mark is kept, to see at the next look whether it is another one.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import FatalError
from core.problems import Problem
from core.reload import Renewed
from core.settings import AccountSettings, Settings
from core.settings_schema import SECRET_KEYS
from host.alerts import addresses, missing
from host.configuration import Loaded, SettingsError, endpoints
from host.logs import Masker
from host.sandbox import SandboxFailed, SandboxProcess
from host.secrets import Secrets
from host.tree import Tenant
from host.vault import place

Marks = Mapping[tuple[str, str], str]
"""By account or section, and key: what a secret comes to that nobody can read back."""


class Read(NamedTuple):
    """The tenants of one settings file, and the marks of every secret that it refers to."""

    tenants: dict[str, Tenant]
    marks: Marks


class Tenants:
    """Owns the sandbox, if an account ever asked for one. One thread at a time, but for `disturb`."""

    def __init__(self, masker: Masker, secrets: Secrets) -> None:
        self._masker = masker
        self._secrets = secrets
        self._sandbox: SandboxProcess | None = None
        self._salt = os.urandom(32)

    def real(self, loaded: Loaded) -> Read:
        """The accounts at real exchanges; SettingsError names each secret that cannot be had."""
        accounts = {name: account for name, account in loaded.startable().items() if not account.sandbox}
        problems = [
            problem
            for name, account in accounts.items()
            for problem in _unusable(self._secrets, name, account)
        ]
        if loaded.settings.web.address is not None:
            try:
                web_token(loaded.settings, self._secrets)
            except FatalError as error:
                problems.append(Problem("web.auth_token", str(error)))
        problems += missing(loaded.settings.alerts, addresses(self._secrets, learn=self._masker.learn))
        if problems:
            raise SettingsError(tuple(problems))
        tenants = {
            name: Tenant(name, account, partial(self._secrets.credentials, account), endpoints(account))
            for name, account in accounts.items()
        }
        return Read(tenants, dict(self._marks(loaded.settings)))

    def guests(self, loaded: Loaded) -> dict[str, Tenant]:
        """The accounts at the sandbox, which serves them from now on. Raises SandboxFailed."""
        accounts = {name: account for name, account in loaded.startable().items() if account.sandbox}
        if not accounts:
            return {}
        box = self._serving(loaded.settings, {name: account.exchange for name, account in accounts.items()})
        tenants = {}
        for name, account in accounts.items():
            keys = box.credentials(name)
            self._masker.learn(keys.api_key, keys.api_secret)
            tenants[name] = Tenant(
                name, account, partial(box.credentials, name), box.endpoints(account.exchange)
            )
        return tenants

    def disturb(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Have the sandbox do these, in any thread. Raises SandboxFailed."""
        if self._sandbox is None:
            raise SandboxFailed("the sandbox does not run: no account that is enabled asked for it")
        for fault in faults:
            self._sandbox.fault(fault)

    def stop(self) -> None:
        """End the sandbox."""
        if self._sandbox is not None:
            self._sandbox.stop()

    def _serving(self, settings: Settings, wanted: Mapping[str, str]) -> SandboxProcess:
        if self._sandbox is not None:
            self._sandbox.admit(wanted)
            return self._sandbox
        box = SandboxProcess(settings.supervisor.data_dir / "sandbox", wanted)
        box.start()
        self._sandbox = box
        return box

    def _marks(self, settings: Settings) -> Iterator[tuple[tuple[str, str], str]]:
        for name, key, reference in references(settings):
            try:
                secret = self._secrets.resolve(reference)
            except FatalError:  # of an account that is not to run, or for those to judge who need it
                secret = ""
            yield (name, key), hmac.digest(self._salt, secret.encode(), hashlib.sha256).hex()
        for name, key, path in certificates(settings):
            try:
                stamp = path.stat()
            except OSError:
                continue
            yield (name, key), f"{stamp.st_ino} {stamp.st_mtime_ns} {stamp.st_size}"


def renewed(before: Marks, after: Marks) -> Renewed:
    """Whose secrets are others now; a reference that is new is a change of the settings already."""
    found: dict[str, frozenset[str]] = {}
    for (name, key), mark in after.items():
        if before.get((name, key), mark) != mark:
            found[name] = found.get(name, frozenset()) | {key}
    return found


def references(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Every reference to a secret: account or section, key, and where the secret is."""
    for name, account in settings.accounts.items():
        yield from ((name, key, reference) for key in SECRET_KEYS if (reference := getattr(account, key)))
    if settings.web.auth_token:
        yield "web", "auth_token", settings.web.auth_token
    yield from (("alerts", "urls", reference) for reference in settings.alerts.urls)


def certificates(settings: Settings) -> Iterator[tuple[str, str, Path]]:
    """Files that a section reads and that are renewed under their name."""
    for key in ("tls_cert", "tls_key"):
        if (path := getattr(settings.web, key)) is not None:
            yield "web", key, path


def files(loaded: Loaded) -> Iterator[Path]:
    """Every file whose change may change what holds."""
    yield loaded.path
    for _, _, reference in references(loaded.settings):
        kind, _, name = reference.partition(":")
        if kind == "file":
            yield loaded.path.parent / name
        elif kind == "vault":
            yield place(loaded.settings)
    yield from (path for _, _, path in certificates(loaded.settings))


def web_token(settings: Settings, secrets: Secrets) -> str:
    """What callers of the page must know, "" where nobody is asked; FatalError where it cannot be had."""
    reference = settings.web.auth_token
    return secrets.resolve(reference) if reference else ""


def _unusable(secrets: Secrets, name: str, account: AccountSettings) -> list[Problem]:
    if missing := secrets.missing(name, account):
        return missing
    try:
        secrets.credentials(account)
    except FatalError as error:  # it is there, and is no key
        return [Problem(f"accounts.{name}", str(error))]
    return []

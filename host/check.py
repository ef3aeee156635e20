"""What `check` prints: a settings file explained without starting anything.

For the person who has just edited the file: what would run, against which
addresses, with which secrets (by name, and whether they can be had), and what
vigil thinks of it. Values of secrets never appear, not even in an address.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.errors import FatalError
from core.problems import Problem
from core.settings import Settings
from core.settings_schema import SECRET_KEYS, URL_KEYS, AccountSettings
from host.alerts import missing
from host.configuration import Loaded, SettingsError, endpoints, load, spoken
from host.keyring import Keyring
from host.secrets import Secrets, UnresolvedSecret
from host.tenants import web_token
from host.vault import Vault, custody

GOOD, BAD_NEWS, BAD_SETTINGS = 0, 1, 78


def check(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """The report on `path` and the exit code: 0, 1 where a secret cannot be had, 78 bad settings."""
    try:
        loaded = load(path, environ)
    except SettingsError as error:
        return "\n".join(_refused(path, error.problems)), BAD_SETTINGS
    return explain(loaded, environ)


def explain(loaded: Loaded, environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Settings that hold, in words, and the exit code."""
    keys, vault, secrets = custody(loaded, environ)
    unresolved = [*_unresolved_key(loaded.settings, keys), *_unresolved(loaded, secrets)]
    lines = [f"{loaded.path} holds.", "", *_daemon(loaded.settings)]
    lines += [*_vault(vault, keys), *_alerts(loaded.settings, secrets), ""]
    for name, account in loaded.settings.accounts.items():
        lines += [*_account(name, account, secrets), ""]
    lines += [f"{name} is used" for name in loaded.overrides]
    lines += [f"{name} (older name) {outcome}" for name, outcome in loaded.older]
    lines += [f"warning: {problem}" for problem in loaded.warnings]
    lines += [f"missing: {text}" for text in unresolved]
    return "\n".join(lines).rstrip(), BAD_NEWS if unresolved else GOOD


def masked(url: str) -> str:
    """An address without the passwords that it may hold, before its host or among its parameters."""
    if url.startswith("sqlite:"):
        return url
    place, mark, parameters = url.partition("?")
    if "@" in parameters:  # of a password that holds the mark itself, nobody knows where it ends
        return re.sub("://.*", "://[masked]", url)
    place = re.sub(r"(://[^:/@]*):.*@", r"\1:[masked]@", place)
    return place + mark + re.sub(r"(password=)[^&]*", r"\1[masked]", parameters)


def _refused(path: Path, problems: tuple[Problem, ...]) -> Iterator[str]:
    errors = sum(problem.severity == "error" for problem in problems)
    yield f"{path} does not hold: {errors} {'error' if errors == 1 else 'errors'}"
    yield from (f"{problem.severity}: {problem}" for problem in problems)


def _daemon(settings: Settings) -> Iterator[str]:
    supervisor = settings.supervisor
    yield f"data      {supervisor.data_dir}"
    yield f"ledger    {masked(settings.database.url)}"
    yield f"control   {settings.control.socket}"
    yield f"log       {supervisor.log_level}, to {supervisor.log_file or 'standard error'}"


def _vault(vault: Vault, keys: Keyring) -> Iterator[str]:
    if vault.exists:
        yield f"vault     {vault.path}, opened with {keys.source}"


def _alerts(settings: Settings, secrets: Secrets) -> Iterator[str]:
    for reference in settings.alerts.urls:
        yield f"alerts    {reference} {'can be had' if _resolves(reference, secrets) else 'is MISSING'}"


def _account(name: str, account: AccountSettings, secrets: Secrets) -> Iterator[str]:
    yield f"account {name}: {account.exchange}, {'enabled' if account.enabled else 'disabled'}"
    if account.sandbox:
        yield "  at the built-in sandbox, with its keys"
        return
    at_home = endpoints(account) == spoken()[account.exchange].endpoints
    whose = "the exchange's own addresses" if at_home else "addresses from the file"
    yield f"  {whose}:"
    yield from (f"    {key:<14}{getattr(account, key) or 'none'}" for key in URL_KEYS)
    for key in SECRET_KEYS:
        if reference := getattr(account, key):
            yield f"  {key:<16}{reference} {'can be had' if _resolves(reference, secrets) else 'is MISSING'}"


def _unresolved_key(settings: Settings, keys: Keyring) -> Iterator[str]:
    """Why the key of the vault cannot be had, where the settings name one."""
    try:
        if settings.vault.key:
            keys.keys()
    except FatalError as error:
        yield f"vault.key: {error}"


def _unresolved(loaded: Loaded, secrets: Secrets) -> Iterator[str]:
    """Why an account that is to run could not sign, nobody could be told, or nobody let in."""
    try:
        if loaded.settings.web.address is not None:
            web_token(loaded.settings, secrets)
    except UnresolvedSecret as error:
        yield f"web.auth_token: {error}"
    yield from map(str, missing(loaded.settings.alerts, secrets.resolve))
    for name, account in loaded.startable().items():
        yield from map(str, secrets.missing(name, account))


def _resolves(reference: str, secrets: Secrets) -> bool:
    try:
        secrets.resolve(reference)
    except UnresolvedSecret:
        return False
    return True

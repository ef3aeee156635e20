"""Secrets are looked up by reference at the moment they are needed.

This file decides where a secret may come from and refuses what would leak it: a
file that others can read is no secret. What it resolves it hands out and tells
to `learn` (the log's masker); it keeps nothing and no message here holds a
value, only the reference and what to do.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from core.errors import FatalError
from core.problems import Problem
from core.settings_schema import BINANCE_FAMILY, SECRET_KEYS, AccountSettings
from exchanges.base import Credentials
from host import private

_LARGEST = 65_536
_PEM = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_LOCKED_PEM = "-----BEGIN ENCRYPTED PRIVATE KEY-----"


class UnresolvedSecret(FatalError):
    """A reference leads to nothing that may be used; the text says how to mend it."""


class Secrets:
    """Resolves references against one environment, the folder of one settings file, and one vault.

    `vault` says what lies there under a name, or raises FatalError.
    """

    def __init__(
        self,
        base_dir: Path,
        environ: Mapping[str, str],
        learn: Callable[[str], object] | None = None,
        vault: Callable[[str], str] | None = None,
    ) -> None:
        self._base_dir = base_dir
        self._environ = environ
        self._learn = learn
        self._vault = vault

    def resolve(self, reference: str) -> str:
        """The secret behind `env:NAME`, `file:PATH` or `vault:NAME`; UnresolvedSecret where there is none."""
        kind, _, name = reference.partition(":")
        match kind:
            case "env":
                secret = self._from_environment(name)
            case "file":
                secret = self._from_file(self._base_dir / name)
            case "vault":
                secret = self._from_vault(name)
            case _:
                raise UnresolvedSecret("a secret is named by a reference: env:NAME, file:PATH or vault:NAME")
        if self._learn is not None:
            self._learn(secret)
        return secret

    def credentials(self, account: AccountSettings) -> Credentials:
        """What a real account signs with. A sandbox account has its keys from the sandbox.

        A PEM under `api_secret` is taken for the private key that it is.
        """
        key = self.resolve(account.api_key)
        signing = self.resolve(account.private_key or account.api_secret)
        if account.private_key or (account.exchange in BINANCE_FAMILY and "-----BEGIN" in signing):
            return Credentials(key, private_key=_pem(account.private_key or account.api_secret, signing))
        return Credentials(key, signing)

    def missing(self, name: str, account: AccountSettings) -> list[Problem]:
        """Every secret that account `name` refers to and that cannot be had, with its path and reason."""
        found = []
        for key in SECRET_KEYS:
            try:
                if reference := getattr(account, key):
                    self.resolve(reference)
            except UnresolvedSecret as error:
                found.append(Problem(f"accounts.{name}.{key}", str(error)))
        return found

    def _from_environment(self, name: str) -> str:
        secret = self._environ.get(name, "").strip()
        if not secret:
            raise UnresolvedSecret(f"env:{name}: the environment variable {name} is not set")
        return secret

    def _from_file(self, path: Path) -> str:
        try:
            return _text(path, private.read(path, _LARGEST))
        except private.NotPrivate as error:
            raise UnresolvedSecret(f"file:{path}: {error}") from error
        except OSError as error:
            raise UnresolvedSecret(f"file:{path}: {error.strerror}") from error

    def _from_vault(self, name: str) -> str:
        if self._vault is None:
            raise UnresolvedSecret(
                f"vault:{name}: the key of the vault cannot lie in it: use file:PATH or env:NAME"
            )
        try:
            return self._vault(name)
        except FatalError as error:
            raise UnresolvedSecret(f"vault:{name}: {error}") from error


def _text(path: Path, raw: bytes) -> str:
    try:
        secret = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UnresolvedSecret(f"file:{path}: is not text") from None
    if not secret:
        raise UnresolvedSecret(f"file:{path}: is empty")
    return secret


def _pem(reference: str, text: str) -> bytes:
    """A private key as bytes; in one that came through an environment, line ends may be written out."""
    if "\\n" in text and "\n" not in text:
        text = text.replace("\\n", "\n")
    if _LOCKED_PEM in text:
        raise UnresolvedSecret(
            f"{reference}: the private key has a passphrase: store it without one, mode 0600"
        )
    if not _PEM.search(text):
        raise UnresolvedSecret(f"{reference}: is no private key in PEM form")
    return f"{text.strip()}\n".encode()

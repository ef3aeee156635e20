"""The vault: secrets of one's own, in one encrypted file of the data folder.

What is named `vault:NAME` in the settings lies in `vault/secrets` there, mode
0600, and so do the names. The file is read anew at every look-up, so a change
counts from then on; it is replaced as a whole, and never where it could not be
opened: what cannot be read now may be read by somebody who has the key.

Its first line has a checksum of the rest, to tell a damaged file from a wrong
key; it proves nothing against whoever can write here, the seal does that. The
folder holds nothing else, because it is watched.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.errors import FatalError
from core.problems import close_to
from core.settings import Settings
from host.configuration import Loaded
from host.keyring import Box, Keyring
from host.private import NotPrivate, alone, read
from host.secrets import Secrets
from models.files import whole

NAME = re.compile(r"[A-Za-z0-9_.-]+")
LONGEST = 65_536
"""Bytes of one secret; a file of one may be as long."""
_LARGEST = 16 * 2**20
_HEAD = "vigil vault 1 sha256 "


class VaultClosed(FatalError):
    """The vault does not give or take what is asked for; the text says how to mend it."""


class NoSuchSecret(VaultClosed):
    """There is nothing of this name in the vault."""


class Kept(NamedTuple):
    """One secret, and the wall ms at which it was put there."""

    value: str
    set_at: int

    def __repr__(self) -> str:
        return f"Kept({self.set_at})"


Contents = dict[str, Kept]


class Vault:
    """The file at `path`, opened and sealed with `keys`; any thread, any process."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        self.path = path
        self._keys = keys

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def get(self, name: str) -> str:
        """The secret of this name. FatalError says why it cannot be had."""
        contents = self._open()[1] if self.exists else {}
        try:
            return self._known(contents, name).value
        except NoSuchSecret as error:
            raise NoSuchSecret(f"{error}: python supervisor.py secrets set {name}") from None

    def names(self) -> dict[str, int]:
        """Each name, and when its secret was set (wall ms); FatalError where that cannot be read."""
        contents = self._open()[1] if self.exists else {}
        return {name: kept.set_at for name, kept in sorted(contents.items())}

    def set(self, name: str, value: str, now_ms: int) -> bool:
        """Keep it under this name, instead of what is there; whether something was."""
        with self._changing() as contents:
            was_there = name in contents
            contents[name] = Kept(value, now_ms)
        return was_there

    def remove(self, name: str) -> None:
        """Forget it; NoSuchSecret where there is none."""
        if not self.exists:
            self._known({}, name)
        with self._changing() as contents:
            self._known(contents, name)
            del contents[name]

    def rekey(self, keys: Keyring) -> int:
        """Open it with ours, and seal it with the first of these; how many secrets there are."""
        with alone(self._folder()):
            _, contents = self._open()
            self._write(keys.first(), contents)
        return len(contents)

    @contextmanager
    def _changing(self) -> Iterator[Contents]:
        """What is changed in the block is there afterwards, sealed with the key that it was.

        Another key would shut out a daemon that knows only the old one: only `rekey` takes one.
        """
        with alone(self._folder()):
            box, contents = self._open() if self.exists else (self._keys.first(), {})
            yield contents
            self._write(box, contents)

    def _folder(self) -> Path:
        """Where it lies, made where it is missing."""
        folder = self.path.parent
        try:
            for one in (folder.parent, folder):  # `mode` is that of the last one alone
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise VaultClosed(f"{folder} cannot be made: {error.strerror}") from error
        return folder

    def _known(self, contents: Contents, name: str) -> Kept:
        if name in contents:
            return contents[name]
        if not self.exists:
            raise NoSuchSecret(f"there is no vault at {self.path} yet")
        meant = close_to(name, contents)
        hint = f" (did you mean {meant!r}?)" if meant else ""
        raise NoSuchSecret(f"{self.path} holds no secret of this name{hint}")

    # ---------------------------------------------------------------------- the file

    def _open(self) -> tuple[Box, Contents]:
        opened = self._keys.open(self._sealed())
        if opened is None and not self._keys.keys():
            raise VaultClosed(f"{self.path} was sealed with a key that is gone: put {self._keys.source} back")
        if opened is None:
            raise VaultClosed(
                f"{self.path} was sealed with another key or passphrase than that of {self._keys.source}: "
                "[vault] key has to lead to the one that it was sealed with, alone or behind a new one (new,old)"
            )
        try:
            rows = json.loads(opened.text)
            return opened.box, {name: Kept(row["value"], row["set_at"]) for name, row in rows.items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._damaged("holds something else than secrets") from None

    def _sealed(self) -> str:
        try:
            text = read(self.path, _LARGEST).decode("ascii")
        except NotPrivate as error:
            raise VaultClosed(f"{self.path}: {error}") from error
        except OSError as error:
            raise VaultClosed(f"{self.path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise self._damaged("is not the text that was written") from None
        head, _, sealed = text.partition("\n")
        if not head.startswith(_HEAD):
            raise self._damaged("does not begin as one that vigil wrote")
        sealed = sealed.rstrip("\n")
        if head.removeprefix(_HEAD) != _checksum(sealed):
            raise self._damaged("is not as it was written")
        return sealed

    def _damaged(self, how: str) -> VaultClosed:
        return VaultClosed(
            f"{self.path} is damaged: it {how}. It is left alone: "
            "put a copy of it back, or move it away and set its secrets again"
        )

    def _write(self, box: Box, contents: Mapping[str, Kept]) -> None:
        self._write_sealed(box.seal(json.dumps({name: kept._asdict() for name, kept in contents.items()})))

    def _write_sealed(self, sealed: str) -> None:
        try:
            with whole(self.path, overwrite=True) as part:
                part.write_text(f"{_HEAD}{_checksum(sealed)}\n{sealed}\n", encoding="ascii")
        except OSError as error:
            raise VaultClosed(f"{self.path} cannot be written: {error.strerror}") from error


def _checksum(sealed: str) -> str:
    return hashlib.sha256(sealed.encode()).hexdigest()


# ------------------------------------------------------------- of one settings file


class Custody(NamedTuple):
    """What keeps secrets for one settings file: the key, the vault, and whatever a reference leads to."""

    keys: Keyring
    vault: Vault
    secrets: Secrets


def custody(
    loaded: Loaded,
    environ: Mapping[str, str] = os.environ,
    learn: Callable[[str], object] = lambda _: None,
) -> Custody:
    """As these settings say where all that is. Nothing is looked up yet."""
    keys = keyring(loaded, loaded.settings.vault.key, environ, learn)
    vault = Vault(place(loaded.settings), keys)
    return Custody(keys, vault, Secrets(loaded.path.parent, environ, learn, vault.get))


def keyring(
    loaded: Loaded,
    reference: str,
    environ: Mapping[str, str] = os.environ,
    learn: Callable[[str], object] = lambda _: None,
) -> Keyring:
    """The keys behind this reference; "" is the one that vigil makes for itself."""
    if not reference:
        return Keyring.own(own_key(loaded.settings), learn)
    secrets = Secrets(loaded.path.parent, environ, learn)
    return Keyring(lambda _make: secrets.resolve(reference), reference, learn)


def place(settings: Settings) -> Path:
    """Where the vault lies."""
    return settings.supervisor.data_dir / "vault" / "secrets"


def own_key(settings: Settings) -> Path:
    """Where the key lies that vigil makes for itself."""
    return settings.supervisor.data_dir / "vault.key"

"""With what vigil seals what may not be read on disk, and opens it again.

The key comes from `[vault] key`; without one it is made at the first use and
lies in `vault.key` in the data folder, mode 0600. Several keys, separated by
commas, are a rotation: the first seals, all of them open. A key of Fernet's form
is taken as it is; any other text is a passphrase, and Argon2id makes a key of it,
slowly, so that it cannot be guessed quickly either. Its salt and its cost stand
in front of what it sealed (`$argon2id$v=19$m=65536,t=3,p=4$salt$…`), and so a
later version may ask for more.
"""

import base64
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from core.errors import FatalError
from host.private import alone
from host.secrets import Secrets
from models.files import whole

_SEALED = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9_-]{8,86}={0,2})\$([^$]*)"
)
_MOST_MEMORY = 2**20  # KiB: whoever can write here must not make us fill the machine


class NoKey(FatalError):
    """There is no key that may be used; the text says how to mend it."""


class Cost(NamedTuple):
    """What one derivation takes: KiB of memory, passes over it, lanes; and the salt."""

    memory: int
    passes: int
    lanes: int
    salt: bytes

    @classmethod
    def fresh(cls) -> "Cost":
        """What RFC 9106 recommends where memory is not plenty: 64 MiB, three passes, four lanes."""
        return cls(65_536, 3, 4, os.urandom(16))

    @property
    def is_sane(self) -> bool:
        return min(self.passes, self.lanes) > 0 and 8 * self.lanes <= self.memory <= _MOST_MEMORY

    def __str__(self) -> str:
        salt = base64.urlsafe_b64encode(self.salt).decode()
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}${salt}$"


class Box:
    """One key, and how it was made of a passphrase where it was."""

    def __init__(self, key: Fernet, cost: Cost | None) -> None:
        self._key = key
        self._head = "" if cost is None else str(cost)

    def seal(self, text: str) -> str:
        """Sealed, in printable characters."""
        return self._head + self._key.encrypt(text.encode()).decode()


class Opened(NamedTuple):
    """What was sealed, and the box that opened it, to seal the next with the same key."""

    text: str
    box: Box


class Keyring:
    """Seals and opens texts, in any thread. `source` names to people where the keys are.

    `look_up` is asked for them at the first use, separated by commas. Where there are none
    yet it says "", or makes one if it is told to.
    """

    def __init__(
        self, look_up: Callable[[bool], str], source: str, learn: Callable[[str], object] = lambda _: None
    ) -> None:
        self.source = source
        self._look_up = look_up
        self._learn = learn
        self._keys: tuple[str, ...] = ()
        self._cost = Cost.fresh()
        self._derived: dict[tuple[str, Cost], Fernet] = {}
        self._deriving = threading.Lock()

    @classmethod
    def own(cls, path: Path, learn: Callable[[str], object] = lambda _: None) -> "Keyring":
        """The one whose key vigil makes for itself, in this file."""
        return cls(partial(_own, path), str(path), learn)

    def seal(self, text: str) -> str:
        """Sealed with the first key. Raises FatalError where there can be none."""
        return self.first().seal(text)

    def unseal(self, sealed: str) -> str | None:
        """What was sealed with one of our keys; None where it was not. FatalError as in `seal`."""
        opened = self.open(sealed)
        return None if opened is None else opened.text

    def first(self) -> Box:
        """What seals from now on; a key is made where there is none. FatalError where there can be none."""
        key = self.keys(make=True)[0]
        plain = _fernet(key)
        return Box(self._derive(key, self._cost), self._cost) if plain is None else Box(plain, None)

    def open(self, sealed: str) -> Opened | None:
        """What was sealed, by whichever of our keys; None where none of them opens it."""
        cost, token = _parted(sealed)
        for key in self.keys():
            plain = _fernet(key)
            fernet = self._derive(key, cost) if plain is None and cost is not None else plain
            if fernet is None or (plain is not None and cost is not None):
                continue  # a passphrase opens what a passphrase sealed, a key what a key did
            with suppress(InvalidToken, UnicodeDecodeError):
                return Opened(fernet.decrypt(token.encode()).decode(), Box(fernet, cost))
        return None

    def keys(self, *, make: bool = False) -> tuple[str, ...]:
        """All of them; FatalError where they cannot be had. None, where vigil has not made its own yet."""
        if not self._keys and (told := self._look_up(make)):
            self._keys = tuple(key for part in told.split(",") if (key := part.strip()))
            for key in self._keys:
                self._learn(key)
            if not self._keys:
                raise NoKey(f"{self.source}: holds no key")
        return self._keys

    def _derive(self, passphrase: str, cost: Cost) -> Fernet:
        """Once each: it takes a tenth of a second, and every look-up of a secret needs it."""
        with self._deriving:
            if (passphrase, cost) not in self._derived:
                self._derived[passphrase, cost] = _stretched(passphrase, cost)
            return self._derived[passphrase, cost]


def _own(path: Path, make: bool) -> str:
    """The key in this file, made where there is none if that is wanted; nobody else may read it."""
    if make and not path.exists():
        try:
            with alone(path.parent):
                if not path.exists():
                    replace_own(path, fresh_key())
        except OSError as error:
            raise NoKey(f"{path} cannot be written: {error.strerror}") from error
    if not make and not path.exists():
        return ""
    return Secrets(path.parent, {}).resolve(f"file:{path.name}")


def replace_own(path: Path, *keys: str) -> None:
    """These are the keys from now on, the first one first. OSError where they cannot be written."""
    with whole(path, overwrite=True) as part:
        part.write_text(",".join(keys) + "\n")


def fresh_key() -> str:
    """One that nobody can guess."""
    return Fernet.generate_key().decode()


def _fernet(key: str) -> Fernet | None:
    """What has a key's form already; None for a passphrase."""
    try:
        return Fernet(key)
    except ValueError:
        return None


def _stretched(passphrase: str, cost: Cost) -> Fernet:
    slowly = Argon2id(
        salt=cost.salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory
    )
    return Fernet(base64.urlsafe_b64encode(slowly.derive(passphrase.encode())))


def _parted(sealed: str) -> tuple[Cost | None, str]:
    """The cost in front, if there is one that we would have written, and what was sealed."""
    found = _SEALED.fullmatch(sealed)
    if found is None:
        return None, sealed
    memory, passes, lanes, salt, token = found.groups()
    try:
        cost = Cost(int(memory), int(passes), int(lanes), base64.urlsafe_b64decode(salt))
    except ValueError:
        return None, sealed
    return (cost, token) if cost.is_sane else (None, sealed)

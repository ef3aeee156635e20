"""What is kept on disk and may not be read there: sealed with the daemon's own key.

The key comes from `[vault] key`; without one it is made at the first use and
lies in `vault.key` in the data folder, mode 0600. Several keys, separated by
commas, are a rotation: the first seals, all of them open. A key of Fernet's form
is taken as it is; any other text is a passphrase and is stretched into one.

What is sealed here is never the only way to what it says: where it cannot be
opened (another key, another folder), it is gone, and that is all.
"""

import base64
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from core.errors import FatalError
from host.secrets import Secrets

_SALT = b"vigil's vault"  # fixed: the same passphrase has to open what it sealed
_COST, _BLOCK = 2**14, 8


class VaultClosed(FatalError):
    """There is no key that may be used; the text says how to mend it."""


class Vault:
    """Seals and opens texts. `keys` is what the settings name; "" is the key in `path`."""

    def __init__(self, path: Path, keys: str = "") -> None:
        self._path = path
        self._box = _box(keys) if keys.strip(", ") else None

    def seal(self, text: str) -> str:
        """Sealed, in letters and digits. Raises VaultClosed where there can be no key."""
        return self._opened().encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str | None:
        """What was sealed with one of our keys; None where it was not. Raises VaultClosed."""
        try:
            return self._opened().decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeDecodeError):
            return None

    def _opened(self) -> MultiFernet:
        if self._box is None:
            self._box = _box(self._own_key())
        return self._box

    def _own_key(self) -> str:
        """The key file's, made where there is none; nobody else may read it."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return Secrets(self._path.parent, {}).resolve(f"file:{self._path.name}")
        except OSError as error:
            raise VaultClosed(f"{self._path} cannot be written: {error.strerror}") from error
        key = Fernet.generate_key()
        with os.fdopen(fd, "wb") as file:
            file.write(key + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return key.decode()


def _box(keys: str) -> MultiFernet:
    return MultiFernet([_fernet(key) for part in keys.split(",") if (key := part.strip())])


def _fernet(key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        stretched = Scrypt(_SALT, length=32, n=_COST, r=_BLOCK, p=1).derive(key.encode())
        return Fernet(base64.urlsafe_b64encode(stretched))

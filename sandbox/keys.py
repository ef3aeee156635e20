"""Who may knock: API keys, and whether a signature really is theirs.

The accounts file is a JSON list of objects with `exchange`, `account`,
`api_key` and either `api_secret` (HMAC) or `public_key` (PEM, RSA or Ed25519);
optional are `balances`, `auto`, `fee_asset`, `fees`, `hedged`, `ips` and
`permissions`. It may be read again at any time; an account that left the file
loses its key but keeps its history.
"""

import base64
import binascii
import hashlib
import hmac
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.market import Rates

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class Credential(msgspec.Struct, kw_only=True):
    """One key of one account; `api_secret` or `public_key` is set."""

    exchange: str
    account: str
    api_key: str
    api_secret: str = ""
    public_key: str = ""
    balances: dict[str, Decimal] = {}
    auto: bool = False
    fee_asset: str = ""
    fees: dict[str, Rates] = {}
    hedged: list[str] = []
    ips: list[str] = []
    permissions: dict[str, bool] = {}

    @property
    def is_ed25519(self) -> bool:
        """Only these keys may log on to a session."""
        return bool(self.public_key) and isinstance(self._public(), ed25519.Ed25519PublicKey)

    def _public(self) -> PublicKey:
        key = load_pem_public_key(self.public_key.encode())
        if not isinstance(key, PublicKey):
            raise TypeError(f"the key of {self.account} is neither RSA nor Ed25519")
        return key

    def verifies(self, payload: bytes, signature: str) -> bool:
        """True when `signature` was made over exactly `payload` with this key.

        HMAC-SHA256 is hexadecimal in any case; RSA (PKCS#1 v1.5, SHA-256) and
        Ed25519 are strict base64.
        """
        if self.api_secret:
            ours = hmac.new(self.api_secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(ours.encode(), signature.lower().encode())
        try:
            self._verify_public(base64.b64decode(signature, validate=True), payload)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True

    def _verify_public(self, signature: bytes, payload: bytes) -> None:
        key = self._public()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, payload)


class KeyRing:
    """All credentials of the accounts file, and how often each key was shown, known or not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[Credential] = []
        self._shown: dict[str, dict[str, Counter[str]]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file again; a broken file raises and changes nothing."""
        self._all = msgspec.json.decode(self._path.read_bytes(), type=list[Credential])

    def of_exchange(self, exchange: str) -> list[Credential]:
        """The credentials for one exchange."""
        return [one for one in self._all if one.exchange == exchange]

    def by_key(self, exchange: str, api_key: str) -> Credential | None:
        """The credential that `api_key` names on that exchange."""
        return next((one for one in self.of_exchange(exchange) if one.api_key == api_key), None)

    def note(self, exchange: str, api_key: str | None, call: str) -> None:
        """Count that a key was shown there for a call, whatever became of that."""
        if api_key:
            self._shown.setdefault(exchange, {}).setdefault(api_key, Counter())[call] += 1

    def shown(self, exchange: str) -> dict[str, dict[str, int]]:
        """The calls for which each key was shown there, and how often."""
        return {key: dict(calls) for key, calls in self._shown.get(exchange, {}).items()}

"""How a secret signs: HMAC-SHA256, RSA (PKCS#1 v1.5, SHA-256) or Ed25519.

The kind of key decides: PEM text is a private key and says itself which,
anything else is an HMAC secret. HMAC signatures are hex, the other two base64.
What is signed, and which kinds an exchange takes, is its dialect's to know. No
error here names a secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.errors import FatalError
from exchanges.base import Credentials

_PEM = b"-----BEGIN"

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
Sign = Callable[[bytes], str]


def private_key(credentials: Credentials) -> PrivateKey | None:
    """The account's private key, wherever it was put; None where it has a plain secret.

    Raises FatalError for a key that cannot be read or is of another kind.
    """
    pem = _pem(credentials)
    if pem is None:
        return None
    try:
        key = load_pem_private_key(pem.strip(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FatalError("private_key is not an unencrypted PEM private key") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise FatalError("private_key must be an RSA or Ed25519 key")
    return key


def by_secret(credentials: Credentials) -> Sign:
    """HMAC-SHA256 in lower-case hex. Raises FatalError where there is no secret."""
    if not credentials.api_secret:
        raise FatalError("no api_secret and no private_key: one of the two must be set")
    secret = credentials.api_secret.encode()
    return lambda payload: hmac.new(secret, payload, hashlib.sha256).hexdigest()


def by_private_key(key: PrivateKey) -> Sign:
    """Base64 of the signature that this kind of key makes."""

    def sign(payload: bytes) -> str:
        if isinstance(key, Ed25519PrivateKey):
            return base64.b64encode(key.sign(payload)).decode()
        return base64.b64encode(key.sign(payload, PKCS1v15(), hashes.SHA256())).decode()

    return sign


def _pem(credentials: Credentials) -> bytes | None:
    if credentials.private_key:
        return credentials.private_key
    secret = (credentials.api_secret or "").encode()
    return secret if secret.lstrip().startswith(_PEM) else None

"""How requests are signed: HMAC-SHA256 in lower-case hex over what the request says.

    method + id + api_key + parameters + nonce

The parameters are written one after the other without separators: keys in
ascending order, each followed by its value; of a list its elements as they
stand, of an object the same again, however deep (Exchange API v1, "Digital
Signature", 2026-05-21). What is signed is what is sent, spelling and all, so one
function makes both. Nothing here knows a clock or a socket, and no error names
the secret.
"""

from collections.abc import Mapping
from typing import Any

from core.errors import FatalError
from exchanges.base import Credentials
from exchanges.keys import by_secret


class Signer:
    """One account's key. Raises FatalError where the credentials cannot sign at all."""

    def __init__(self, credentials: Credentials) -> None:
        if not credentials.api_secret:
            raise FatalError("no api_secret: Crypto.com takes nothing else")
        self.api_key = credentials.api_key
        self._sign = by_secret(credentials)

    def request(
        self, method: str, number: int, nonce: int, params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A signed request, ready to be written as JSON; `nonce` is exchange time, ms.

        Without `params` there is no such key, as `public/auth` has none; every
        other method wants at least an empty object.
        """
        payload = f"{method}{number}{self.api_key}{written(params or {})}{nonce}"
        request = {"id": number, "method": method, "api_key": self.api_key}
        if params is not None:
            request["params"] = params
        return request | {"sig": self._sign(payload.encode()), "nonce": nonce}


def written(value: Any) -> str:
    """A value as it is signed. Numbers other than whole ones belong into strings."""
    if isinstance(value, Mapping):
        return "".join(f"{key}{written(value[key])}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return "".join(map(written, value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)

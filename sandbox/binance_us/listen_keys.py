"""Listen keys: one of an account at a time, shared by all who ask, dead when nobody renews it.

They live in memory: a sandbox that was started again knows none of the old ones.
"""

import secrets

import msgspec

from sandbox.binance.errors import Refusal
from sandbox.clock import monotonic

LIFE = 3600.0
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class _Key(msgspec.Struct):
    account: str
    renewed_at: float


class ListenKeys:
    """The keys of one exchange. `life` is in seconds and may be changed while keys live."""

    def __init__(self) -> None:
        self.life = LIFE
        self._keys: dict[str, _Key] = {}

    def open(self, account: str) -> str:
        """The account's key with a full life: the one that lives, or a new one."""
        key = self.key_of(account)
        if key is None:
            key = "".join(secrets.choice(_LETTERS) for _ in range(64))
        self._keys[key] = _Key(account, monotonic())
        return key

    def renew(self, account: str, key: str) -> None:
        """Prolong it; -1125 where the account has no such key."""
        self._demand(account, key)
        self._keys[key].renewed_at = monotonic()

    def close(self, account: str, key: str) -> None:
        """Void it, for everybody."""
        self._demand(account, key)
        del self._keys[key]

    def void(self, account: str) -> str | None:
        """End the account's key at once; which that was."""
        key = self.key_of(account)
        if key is not None:
            del self._keys[key]
        return key

    def key_of(self, account: str) -> str | None:
        """The account's living key."""
        return next((key for key, one in self._living() if one.account == account), None)

    def account_of(self, key: str) -> str | None:
        """Whose living key it is."""
        return next((one.account for name, one in self._living() if name == key), None)

    def _living(self) -> list[tuple[str, _Key]]:
        since = monotonic() - self.life
        self._keys = {key: one for key, one in self._keys.items() if one.renewed_at > since}
        return list(self._keys.items())

    def _demand(self, account: str, key: str) -> None:
        if self.account_of(key) != account:
            raise Refusal(-1125, "This listenKey does not exist.")

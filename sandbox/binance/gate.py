"""Who gets in: limits, key, parameters, clock, signature, in this order.

1. the address: banned (418) or over its weight (429);
2. the key's presence and format (-2014);
3. the parameters (-11xx), so that a malformed request never reaches a key;
4. recvWindow and timestamp against the server's clock (-1021);
5. the key itself and its permissions (-2015);
6. the signature over the exact bytes that came (-1022).

The public documents do not state the order of 3 to 6; this one is inferred
from the answers people report.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from sandbox.binance.calls import Call, Endpoint
from sandbox.binance.errors import Refusal, bad_key, bad_signature, banned, too_many
from sandbox.binance.params import read
from sandbox.clock import Clock
from sandbox.faults import Board
from sandbox.keys import Credential, KeyRing
from sandbox.limits import Banned, Limits, TooMany

KEY_FORMAT = re.compile(r"^[A-Za-z0-9]{64}$")
WIDEST_WINDOW = 60_000
EPOCH_2017 = 1_483_228_800_000
AHEAD_MS = 1000


class Gate:
    """Decides whether a request may be answered."""

    def __init__(self, name: str, clock: Clock, keys: KeyRing, limits: Limits, board: Board) -> None:
        self._name = name
        self._clock = clock
        self._keys = keys
        self._limits = limits
        self._board = board

    def charge(self, address: str, weight: int) -> None:
        """Count a request; refuse it with 429 or 418."""
        try:
            self._limits.charge(address, weight)
        except TooMany as full:
            raise too_many(full) from None
        except Banned as ban:
            raise banned(ban) from None

    def admit(
        self,
        endpoint: Endpoint,
        sent: Sequence[tuple[str, str]],
        api_key: str | None,
        payload: bytes,
        *,
        always_unread: bool = False,
        logged_on: Credential | None = None,
    ) -> Call:
        """The call, with its values and the key's owner; raises `Refusal`.

        `payload` is what the signature has to cover. A WebSocket session that
        is `logged_on` vouches for requests which carry no key of their own.
        """
        if not endpoint.signed:
            return Call(read(endpoint.params, sent, always_unread=always_unread))
        vouched = logged_on is not None and api_key is None
        key = logged_on.api_key if logged_on is not None and vouched else api_key or ""
        if not KEY_FORMAT.match(key):
            raise Refusal(-2014, "API-key format invalid.", 401)
        declared = endpoint.declared[:-1] if vouched else endpoint.declared
        args = read(declared, sent, always_unread=always_unread)
        self.check_clock(args)
        owner = self.owner(key)
        self.check_permission(owner, endpoint.security)
        if not vouched and not owner.verifies(payload, args["signature"]):
            raise bad_signature()
        return Call(args, owner)

    def check_clock(self, args: dict[str, object]) -> None:
        """Refuse a timestamp outside the window."""
        window = Decimal(str(args.get("recvWindow", 5000)))
        if window > WIDEST_WINDOW:
            raise Refusal(-1102, "'recvWindow' contains unexpected value. Cannot be greater than '60000'.")
        stamp, now = int(str(args["timestamp"])), self._clock.now()
        if stamp >= now + AHEAD_MS:
            raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if stamp < EPOCH_2017 or now - stamp > window:
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")

    def owner(self, api_key: str) -> Credential:
        """Whose key it is; -2015 for an unknown or revoked one."""
        found = self._keys.by_key(self._name, api_key)
        if found is None or self._board.find("auth_revoked", self._name, found.account):
            raise bad_key()
        return found

    def check_permission(self, owner: Credential, security: str) -> None:
        """Refuse what the key's permissions do not cover."""
        needed = "enableSpotAndMarginTrading" if security == "trade" else "enableReading"
        if not owner.permissions.get(needed, True):
            raise bad_key()

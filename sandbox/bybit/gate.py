"""Who gets in over HTTP: key, address, clock, signature, permission, in this order.

The public documents do not state the order; this one tells a client the most
fundamental thing first. Without a key the answer has two shapes: `user/query-api`
says 10001 under HTTP 200, everything else is a bare 401 (reference, 2.1).
"""

import re

from sandbox.bybit.errors import (
    Refusal,
    Unauthorised,
    bad_key,
    bad_params,
    bad_signature,
    expired_key,
    not_permitted,
    out_of_time,
    unmatched_ip,
)
from sandbox.clock import Clock
from sandbox.faults import Board
from sandbox.keys import Credential, KeyRing
from sandbox.wire import Request

KEY_CHECK = "/v5/user/query-api"
AHEAD_MS = 1000
WINDOW = "5000"


class Gate:
    """Decides whether a signed request may be answered."""

    def __init__(self, name: str, clock: Clock, keys: KeyRing, board: Board) -> None:
        self._name = name
        self._clock = clock
        self._keys = keys
        self._board = board

    def owner(self, api_key: str, address: str) -> Credential:
        """Whose key it is; refuses unknown, expired and unbound ones."""
        found = self._keys.by_key(self._name, api_key)
        if found is None:
            raise bad_key()
        if fault := self._board.find("auth_revoked", self._name, found.account):
            raise expired_key() if fault.code == expired_key().code else bad_key()
        if found.ips and address not in found.ips:
            raise unmatched_ip()
        return found

    def admit(self, request: Request) -> Credential:
        """The owner of a well signed request."""
        stamp = self._stamp(request)
        owner = self.owner(request.headers["x-bapi-api-key"], request.address)
        window = request.headers.get("x-bapi-recv-window", "")
        self._check_clock(stamp, window or WINDOW)
        self._check_signature(request, owner, stamp, [window] if window else ["", WINDOW])
        return owner

    def _stamp(self, request: Request) -> str:
        for header, name in (
            ("x-bapi-api-key", "apiKey"),
            ("x-bapi-timestamp", "timestamp"),
            ("x-bapi-sign", "sign"),
        ):
            if not request.headers.get(header):
                if name == "apiKey" and request.path != KEY_CHECK:
                    raise Unauthorised
                raise Refusal(10001, f"Request parameter error: {name} is missing")
        return request.headers["x-bapi-timestamp"]

    def _check_clock(self, stamp: str, window: str) -> None:
        if not re.fullmatch(r"[0-9]{1,18}/[0-9]{1,9}", f"{stamp}/{window}"):
            raise bad_params("timestamp or recv_window is no integer")
        now = self._clock.now()
        if not now - int(window) <= int(stamp) < now + AHEAD_MS:
            raise out_of_time(int(stamp), now, int(window))

    def _check_signature(self, request: Request, owner: Credential, stamp: str, windows: list[str]) -> None:
        """The documents do not say what stands for a window that was not sent: both ways are taken."""
        tail = request.query.encode("latin-1") if request.method == "GET" else request.body
        signature = request.headers["x-bapi-sign"]
        for window in windows:
            signed = (stamp + owner.api_key + window).encode() + tail
            if owner.verifies(signed, signature) and (owner.public_key or signature == signature.lower()):
                return
        raise bad_signature(signed.decode("utf-8", "replace"))

    def permit(self, owner: Credential, category: str) -> None:
        """Refuse an order of a category that the key does not cover; it does unless it says otherwise."""
        if owner.permissions.get("readOnly", False):
            raise not_permitted()
        self.let_read(owner, category, "Order")

    def let_read(self, owner: Credential, category: str, contracts: str) -> None:
        """Refuse what needs a permission that the key lacks: `contracts`, or the one of pairs."""
        needed = "SpotTrade" if category == "spot" else contracts
        if not owner.permissions.get(needed, True):
            raise not_permitted()

"""A socket of the streams, on which a name may be a listen key.

Nobody checks a name: one that is no stream, or a key that has died, is accepted
and silent. A living key brings the events of its account, bare on `/ws`, with the
stream's name on `/stream`. When a key expires the socket stays open.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.binance.streams import MarketSession
from sandbox.websocket import WebSocket
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.binance_us.site import BinanceUs


class UsStream(MarketSession):
    """One socket."""

    kind = "stream"

    def __init__(self, site: "BinanceUs", request: Request, peer: WebSocket) -> None:
        super().__init__(site, request, peer)
        self._us = site

    @property
    def subscriptions(self) -> Mapping[int, str]:
        """The accounts whose living keys are among the names."""
        accounts = (self._us.api.listen_keys.account_of(name) for name in self._names)
        return dict(enumerate(account for account in accounts if account is not None))

    def _accounts(self) -> Collection[str]:
        return set(self.subscriptions.values())

    def deliver(self, account: str, event: bytes) -> None:
        """Send a user data event for every key of that account."""
        for name in self._names:
            if self._us.api.listen_keys.account_of(name) == account:
                self._send(name, event)

    def expired(self, key: str, event: bytes) -> None:
        """Tell that this key has died, where it is one of the names."""
        if key in self._names:
            self._send(key, event)

    def terminate(self, account: str | None = None) -> None:
        """The keys of an account (of all) die, and it is told."""
        for one in set(self.subscriptions.values()):
            if account in (None, one):
                self._us.expire(one, told=True)

    def closed(self) -> None:
        """The socket is gone."""
        self._us.outbox.sessions.discard(self)

    def received(self, text: str) -> None:
        """Answer a control frame; its id has to be an unsigned integer here."""
        try:
            number = msgspec.json.decode(text).get("id")
        except (msgspec.DecodeError, AttributeError):
            number = 0
        if type(number) is not int or number < 0:
            self._say({"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"})
            return
        super().received(text)

    def _send(self, name: str, event: bytes) -> None:
        wrapped = b'{"stream":%b,"data":%b}' % (msgspec.json.encode(name), event)
        self.peer.send(wrapped if self._combined else event)

    def _trade(self, symbol: str, kind: str) -> dict[str, Any]:
        """The orders of both sides are named here."""
        row = super()._trade(symbol, kind)
        return row | {"b": row["t"] + 1, "a": row["t"] + 2} if kind == "trade" else row

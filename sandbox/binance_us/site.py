"""Binance.US as one listener: REST with listen keys, their streams, and the WebSocket API.

Everything is .com's but what stands here: a listen key is asked for with the key
in the header and nothing else, the private stream comes on the host of the market
streams, limits are other ones, and a count of orders that is full says not when. A stream is
subscribed by its handshake, so that is what a swallowed subscription leaves unanswered.
The signature subscription of the WebSocket API is served as well, because nobody
knows whether the real one has it.
"""

from typing import ClassVar
from urllib.parse import parse_qs

import msgspec

from sandbox.binance.api import Api
from sandbox.binance.calls import Call, Endpoint
from sandbox.binance.errors import Refusal
from sandbox.binance.gate import KEY_FORMAT
from sandbox.binance.params import read
from sandbox.binance.site import API_PATH, Binance
from sandbox.binance_us.api import KEY_PATH, UsApi
from sandbox.binance_us.listen_keys import LIFE
from sandbox.binance_us.streams import UsStream
from sandbox.faults import Board, Fault
from sandbox.keys import KeyRing
from sandbox.venue import Venue
from sandbox.websocket import Heartbeat, Session, WebSocket
from sandbox.wire import Request, Response


class UsHeartbeat(Heartbeat, kw_only=True):
    """`key_life` is how long a listen key lives without being renewed."""

    key_life: float = LIFE


class BinanceUs(Binance):
    """The site."""

    api_type: ClassVar[type[Api]] = UsApi
    removed: ClassVar[tuple[str, ...]] = ("/api/v1/",)
    entrance: ClassVar[str] = KEY_PATH
    api: UsApi

    def __init__(self, venue: Venue, keys: KeyRing, board: Board, heartbeat: Heartbeat) -> None:
        super().__init__(venue, keys, board, heartbeat)
        self.limits.raw.limit = 61_000
        for window, limit in zip(self.limits.orders, (100, 200_000), strict=True):
            window.limit = limit

    # -- REST ------------------------------------------------------------------

    def _answer(self, request: Request, endpoint: Endpoint, key: str | None) -> Response:
        self._take_life()
        return super()._answer(request, endpoint, key)

    def _admit(
        self,
        request: Request,
        endpoint: Endpoint,
        key: str | None,
        query: list[tuple[str, str]],
        form: list[tuple[str, str]],
    ) -> Call:
        if endpoint.security != "user_stream":
            return super()._admit(request, endpoint, key, query, form)
        if not KEY_FORMAT.match(key or ""):
            raise Refusal(-2014, "API-key format invalid.", 401)
        args = read(endpoint.params, [*query, *form])  # sent in both places it is there twice
        owner = self.gate.owner(key or "")
        self.gate.check_permission(owner, endpoint.security)
        return Call(args, owner)

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        if refusal.code == -1015:
            refusal.retry_after = None
        return super()._refused(request, refusal)

    # -- WebSockets --------------------------------------------------------------

    def _open(self, request: Request, peer: WebSocket) -> Session | Response | None:
        is_stream = request.path.startswith("/ws/") or request.path in ("/ws", "/stream")
        if request.path == API_PATH or not is_stream or "timeUnit" in parse_qs(request.query):
            return super()._open(request, peer)
        session = UsStream(self, request, peer)
        if session.suffers("swallow_subscribe_ack"):
            return None
        self.outbox.sessions.add(session)
        return session

    def tick(self) -> None:
        """Once a second: let the market streams speak."""
        self._take_life()
        for one in list(self.outbox.sessions):
            if isinstance(one, UsStream):
                one.tick()

    # -- listen keys ---------------------------------------------------------------

    def act(self, fault: Fault) -> None:
        """Do to the present connections, and to the keys, what `fault` says."""
        super().act(fault)
        if fault.kind == "key_expired":
            accounts = self.venue.accounts() if fault.account is None else [fault.account]
            for account in accounts:
                self.expire(account, told=fault.what != "silent")

    def expire(self, account: str, *, told: bool) -> None:
        """End the account's key now; `told` says so on its sockets, which stay open."""
        key = self.api.listen_keys.void(account)
        if key is None or not told:
            return
        event = {"e": "listenKeyExpired", "E": self.venue.clock.now(), "listenKey": key}
        for session in list(self.outbox.sessions):
            if isinstance(session, UsStream):
                session.expired(key, msgspec.json.encode(event))

    def _take_life(self) -> None:
        """The admin may have changed how long a key lives."""
        self.api.listen_keys.life = getattr(self.heartbeat, "key_life", LIFE)

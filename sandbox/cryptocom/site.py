"""Crypto.com Exchange v1 as one listener: REST and both WebSockets.

Everything lies under `/exchange/v1/`: private methods are POST with a JSON body
that names the method again, public ones GET; `user` and `market` are the
sockets. What the admin wants to go wrong is looked up here, at the border.
"""

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from sandbox.cryptocom.api import Api
from sandbox.cryptocom.calls import Call, Endpoint
from sandbox.cryptocom.envelope import Asked, Json, accepted, asked, in_texts, refused
from sandbox.cryptocom.errors import CODE_OF_STATUS, MAINTENANCE, Refusal, status_of
from sandbox.cryptocom.gate import Gate
from sandbox.cryptocom.market import MarketSession
from sandbox.cryptocom.outbox import Outbox
from sandbox.cryptocom.params import read
from sandbox.cryptocom.user import UserSession
from sandbox.faults import Board, Fault
from sandbox.keys import KeyRing
from sandbox.venue import Venue
from sandbox.websocket import Heartbeat, Session, WebSocket
from sandbox.wire import Listener, Request, Response

BASE = "/exchange/v1/"
USER, MARKET = BASE + "user", BASE + "market"
HEARTBEAT = Heartbeat(ping_every=30.0, pong_within=5.0, life=10 * 365 * 86_400.0)
PAGE = b"<html>\r\n<head><title>%d</title></head>\r\n<body><center><h1>%d</h1></center></body>\r\n</html>\r\n"
IN_JSON = frozenset({400, 401, 408, 429})
BALANCES_EVERY = 2


def page(status: int, headers: list[tuple[str, str]] | None = None) -> Response:
    """What a proxy in front of the exchange answers."""
    body = PAGE % (status, status)
    return Response(status=status, body=body, content_type="text/html", headers=headers or [])


class CryptoCom:
    """The site."""

    def __init__(self, venue: Venue, keys: KeyRing, board: Board, heartbeat: Heartbeat) -> None:
        self.name = venue.name
        self.venue = venue
        self.keys = keys
        self.board = board
        self.heartbeat = heartbeat
        self.api = Api(venue, board)
        self.gate = Gate(self.name, venue.clock, keys, board)
        self.listener = Listener(self)
        self.outbox = Outbox(venue, board, self.api.history.wallet)
        self.markets: set[MarketSession] = set()
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._ticks = 0

    def note(self, what: str) -> None:
        """Count a request for the state page."""
        self.requests[what] += 1

    def text(self, value: Any) -> str:
        """A value as compact JSON."""
        return msgspec.json.encode(value).decode()

    def encode(self, account: str | None, message: Json) -> bytes:
        """A message on the wire; its numbers may be asked to come as texts."""
        as_texts = self.board.find("number_texts", self.name, account)
        return msgspec.json.encode(in_texts(message) if as_texts else message)

    def admits(self, transport: str) -> bool:
        """False while connections are to be refused."""
        return not self.board.take(
            "refuse_connect", self.name, None, lambda fault: (fault.transport or "any") == transport
        )

    # -- REST ------------------------------------------------------------------------

    async def http(self, request: Request) -> Response | None:
        """Answer one REST request; a fault may have the answer come late, which is then an old one."""
        posted = request.method == "POST"
        body = asked(request.body.decode("utf-8", "replace")) if posted else Asked()
        owner = self.keys.by_key(self.name, body.api_key) if body.api_key else None
        account = owner.account if owner else None
        method = request.path.removeprefix(BASE)
        self.note(f"{request.method} {method}")
        self.keys.note(self.name, body.api_key, f"{request.method} {method}")
        slow = self.board.take("slow_rest", self.name, account, lambda f: self._meant(f, request))
        response = self._respond(request, body, account)
        if response.status >= 400:
            self.refused[f"{request.method} {method}"] += 1
        if slow is not None:
            await asyncio.sleep(slow.seconds or 0)
        return response

    def _respond(self, request: Request, body: Asked, account: str | None) -> Response:
        if fault := self.board.take("rest_status", self.name, account, lambda f: self._meant(f, request)):
            if fault.done:
                self._carried_out(request, body, account)
            return self._faulty(fault, body)
        return self._carried_out(request, body, account)

    def _carried_out(self, request: Request, body: Asked, account: str | None) -> Response:
        if self._gone(request.path, account):
            return page(410)
        if not request.path.startswith(BASE):
            return page(404)
        method = request.path.removeprefix(BASE)
        posted = request.method == "POST"
        if not posted:
            body = Asked(method=method)
        try:
            self.gate.check_ban(request.address)
            result = self._private(request, method, body) if posted else self._public(request, method)
        except Refusal as refusal:
            return self._reply(account, refused(body, refusal), status_of(refusal.code))
        return self._reply(account, accepted(body, result))

    def _reply(self, account: str | None, message: Json, status: int = 200) -> Response:
        return Response(status=status, body=self.encode(account, message))

    def _private(self, request: Request, method: str, body: Asked) -> Any:
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if body.broken or body.id is None or body.method != method or kind != "application/json":
            raise Refusal(40003)
        endpoint = self.api.private.get(method)
        if endpoint is None:
            raise Refusal(40002)
        owner = self.gate.owner(body)
        self.gate.pace(method, owner.api_key)
        if body.params is None and not endpoint.bare:
            raise Refusal(10004)
        return endpoint.run(self.gate.call(owner, endpoint, body))

    def _public(self, request: Request, method: str) -> Any:
        endpoint: Endpoint | None = self.api.public.get(method)
        if endpoint is None or request.method != "GET":
            raise Refusal(40002)
        self.gate.pace(method, request.address)
        return endpoint.run(Call("", read(endpoint.params, dict(parse_qsl(request.query)))))

    def _meant(self, fault: Fault, request: Request) -> bool:
        return fault.covers(request.path, request.query + request.body.decode("latin-1"))

    def _gone(self, path: str, account: str | None) -> bool:
        return bool(self.board.take("gone", self.name, account, lambda f: path.startswith(f.path or USER)))

    def _faulty(self, fault: Fault, body: Asked) -> Response:
        """The status asked for: HTML as of a proxy, or the exchange's own JSON."""
        headers = [] if fault.retry_after is None else [("Retry-After", f"{fault.retry_after:g}")]
        if fault.code is None and fault.status not in IN_JSON:
            return page(fault.status, headers)
        code = fault.code if fault.code is not None else CODE_OF_STATUS[fault.status]
        refusal = Refusal(code, fault.message or "")
        message: Json = refused(body, refusal)
        if code == 9010001:
            message = {"code": code, "message": refusal.message, "details": MAINTENANCE}
        return Response(status=fault.status, body=msgspec.json.encode(message), headers=headers)

    # -- WebSockets --------------------------------------------------------------------

    def websocket(self, request: Request, peer: WebSocket) -> Session | Response:
        """Take over a WebSocket, or refuse the handshake."""
        self.note(f"connect {request.path.removeprefix(BASE)}")
        if self._gone(request.path, None):
            return page(410)
        fault = self.board.take(
            "rest_status", self.name, None, lambda f: f.path is not None and request.path.startswith(f.path)
        )
        if fault:
            return self._faulty(fault, Asked())
        try:
            self.gate.check_ban(request.address)
        except Refusal as refusal:
            return self._reply(None, refused(Asked(), refusal), status_of(refusal.code))
        if request.path == USER:
            user = UserSession(self, peer)
            self.outbox.sessions.add(user)
            return user
        if request.path == MARKET:
            market = MarketSession(self, peer)
            self.markets.add(market)
            return market
        return page(404)

    def tick(self) -> None:
        """Once a second: strangers trade, the market speaks, every other time the wallets do."""
        self._ticks += 1
        self.api.quotes.tick()
        for one in list(self.markets):
            one.tick()
        if self._ticks % BALANCES_EVERY == 0:
            self.outbox.tell_balances()

    # -- what the admin can do at once ---------------------------------------------------

    def act(self, fault: Fault) -> None:
        """Do to the present connections what `fault` says."""
        match fault.kind:
            case "drop":
                self._drop(fault.account)
            case "half_open":
                self._freeze(fault.account)
            case "garbage":
                for session in self.outbox.of(fault.account):
                    self.outbox.garbage(session.peer, fault)
            case "server_shutdown":
                self._close(fault, 1013, "server restarting")
            case "stream_terminated" | "auth_revoked":
                for session in self.outbox.of(fault.account):
                    session.peer.close(1000, "")
            case "ban":
                self.gate.ban("127.0.0.1", fault.seconds)
            case "clock_step":
                self.venue.clock.step_ms += fault.ms

    def _drop(self, account: str | None) -> None:
        if account is None:
            self.listener.reset_all()
        for session in self.outbox.of(account):
            session.peer.reset()

    def _freeze(self, account: str | None) -> None:
        if account is None:
            self.listener.freeze_all()
        for session in self.outbox.of(account):
            session.peer.freeze()

    def _close(self, fault: Fault, code: int, reason: str) -> None:
        """Close every socket after the fault's seconds; there is no announcement on this exchange."""
        for session in (*self.outbox.of(fault.account), *(self.markets if fault.account is None else ())):
            asyncio.get_running_loop().call_later(fault.seconds or 0, session.peer.close, code, reason)

    def reset_limits(self) -> None:
        """Forget every count and ban."""
        self.gate.forget()

    def state(self) -> dict[str, Any]:
        """Connections and request counts, for tests and for people."""
        sockets = [
            {
                "kind": session.kind,
                "account": session.account,
                "subscriptions": list(session.subscriptions),
                "cancel_on_disconnect": session.cancels_on_disconnect,
            }
            for session in self.outbox.sessions
        ]
        sockets += [
            {"kind": one.kind, "subscriptions": list(one.subscriptions), "cancel_on_disconnect": False}
            for one in self.markets
        ]
        return {
            "connections": len(self.listener.connections),
            "sockets": sockets,
            "requests": dict(self.requests),
            "refused": dict(self.refused),
            "keys": self.keys.shown(self.name),
            "server_time": self.venue.clock.now(),
        }

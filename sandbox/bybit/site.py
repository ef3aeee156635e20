"""Bybit as one listener: REST, the private stream and the public ones.

A REST answer is an envelope under HTTP 200, whatever its retCode; bare statuses
are for the few cases in which the real one does not get as far as that. What
the admin wants to go wrong is looked up here, at the border, and nowhere deeper.
"""

import asyncio
from collections import Counter
from typing import Any

import msgspec

from sandbox.bybit.api import Api
from sandbox.bybit.calls import Call, Endpoint
from sandbox.bybit.errors import NOT_FOUND_PAGE, TOO_FREQUENT, Refusal, Unauthorised, bad_params, too_many
from sandbox.bybit.gate import Gate
from sandbox.bybit.outbox import Outbox
from sandbox.bybit.params import body_pairs, pairs, read
from sandbox.bybit.private import PrivateSession
from sandbox.bybit.public import PublicSession
from sandbox.bybit.quota import Banned, Quota, Usage
from sandbox.faults import Board, Fault
from sandbox.keys import KeyRing
from sandbox.venue import Venue
from sandbox.websocket import Heartbeat, Session, WebSocket
from sandbox.wire import Listener, Request, Response

PRIVATE = "/v5/private"
PUBLIC = "/v5/public/"
PRODUCTS = ("spot", "linear", "inverse")
NEVER = 3650 * 86_400.0
HEARTBEAT = Heartbeat(ping_every=30.0, pong_within=600.0, life=NEVER)
"""Bybit sends no pings: every `ping_every` it looks who was idle for `pong_within`."""
FORBIDDEN = Response(status=403, body=TOO_FREQUENT, content_type="text/plain")
UNAUTHORISED = Response(status=401, body=b"null")
MISSING = Response(status=404, body=NOT_FOUND_PAGE, content_type="text/html")


def is_refusal(response: Response) -> bool:
    """Whether the answer is anything but what was asked for."""
    return response.status != 200 or not response.body.startswith(b'{"retCode":0,')


class Bybit:
    """The site."""

    def __init__(self, venue: Venue, keys: KeyRing, board: Board, heartbeat: Heartbeat) -> None:
        self.name = venue.name
        self.venue = venue
        self.keys = keys
        self.board = board
        self.heartbeat = heartbeat
        self.quota = Quota(venue.clock)
        self.gate = Gate(self.name, venue.clock, keys, board)
        self.api = Api(venue, board)
        self.outbox = Outbox(venue, board, self.api.history, self.api.wallet)
        self.listener = Listener(self)
        self.markets: set[PublicSession] = set()
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count a request for the state page."""
        self.requests[what] += 1

    def admits(self, transport: str) -> bool:
        """False while connections are to be refused."""
        return not self.board.take(
            "refuse_connect", self.name, None, lambda fault: (fault.transport or "any") == transport
        )

    # -- REST ------------------------------------------------------------------

    async def http(self, request: Request) -> Response | None:
        """Answer one REST request; a fault may have the answer come late, which is then an old one."""
        key = request.headers.get("x-bapi-api-key", "")
        owner = self.keys.by_key(self.name, key)
        account = owner.account if owner else None
        self.note(f"{request.method} {request.path}")
        self.keys.note(self.name, key, f"{request.method} {request.path}")
        slow = self._fault("slow_rest", request, account)
        response = self._respond(request, account)
        if is_refusal(response):
            self.refused[f"{request.method} {request.path}"] += 1
        if slow is not None:
            await asyncio.sleep(slow.seconds or 0)
        return response

    def _respond(self, request: Request, account: str | None) -> Response:
        if fault := self._fault("rest_status", request, account):
            if fault.done:
                self._carried_out(request, account)
            return self._faulty(fault)
        return self._carried_out(request, account)

    def _carried_out(self, request: Request, account: str | None) -> Response:
        if self._gone(request.path, account):
            return Response(status=410, body=NOT_FOUND_PAGE.replace(b"404 Not Found", b"410 Gone"))
        try:
            self.quota.request(request.address)
        except Banned:
            return FORBIDDEN
        endpoint = self.api.calls.get((request.method, request.path))
        if endpoint is None:
            return MISSING
        if request.method == "GET" and request.body:
            return Response(status=403, body=b"403 Forbidden", content_type="text/plain")
        return self._answer(request, endpoint)

    def _fault(self, kind: str, request: Request, account: str | None) -> Fault | None:
        asked = request.query + request.body.decode("latin-1")
        return self.board.take(kind, self.name, account, lambda fault: fault.covers(request.path, asked))

    def _gone(self, path: str, account: str | None) -> bool:
        fits = self.board.take(
            "gone", self.name, account, lambda fault: path.startswith(fault.path or PRIVATE)
        )
        return fits is not None

    def _faulty(self, fault: Fault) -> Response:
        """The status asked for: an envelope with a code, or what stands in front of the servers says."""
        headers: list[tuple[str, str]] = []
        if fault.retry_after is not None:
            until = self.venue.clock.now() + int(1000 * fault.retry_after)
            headers = [("Retry-After", f"{fault.retry_after:g}"), *_limit_headers(Usage(10, 0, until))]
        if fault.code is not None:
            refusal = Refusal(fault.code, fault.message or "")
            body = self._envelope(refusal.code, refusal.message, {})
            return Response(status=fault.status, body=body, headers=headers)
        if fault.status == 401:
            return Response(status=401, body=b"null", headers=headers)
        if fault.status == 403:
            return Response(status=403, body=TOO_FREQUENT, content_type="text/plain", headers=headers)
        page = NOT_FOUND_PAGE.replace(b"404 Not Found", b"%d" % fault.status)
        return Response(status=fault.status, body=page, content_type="text/html", headers=headers)

    def _envelope(self, code: int, said: str, result: Any) -> bytes:
        body = {"retCode": code, "retMsg": said, "result": result, "retExtInfo": {}}
        return msgspec.json.encode(body | {"time": self.venue.clock.now()})

    def _answer(self, request: Request, endpoint: Endpoint) -> Response:
        headers: list[tuple[str, str]] = []
        try:
            call = self._admit(request, endpoint, headers)
            body = self._envelope(0, endpoint.said, endpoint.run(call))
        except Unauthorised:
            return UNAUTHORISED
        except Refusal as refusal:
            body = self._envelope(refusal.code, refusal.message, {})
        return Response(body=body, headers=headers, content_type="application/json; charset=utf-8")

    def _admit(self, request: Request, endpoint: Endpoint, headers: list[tuple[str, str]]) -> Call:
        """The call; the limit is counted, and told in `headers`, before its parameters are read."""
        posted = request.method == "POST"
        if not endpoint.signed:
            return Call(read(endpoint.params, pairs(request.query)))
        owner = self.gate.admit(request)
        if posted and not request.headers.get("content-type", "").startswith("application/json"):
            raise bad_params("Content-Type is not application/json")
        sent = body_pairs(request.body) if posted else pairs(request.query)
        category = str(dict(sent).get("category", ""))
        if rate := endpoint.rate(request.path, category):
            usage = self.quota.call(owner.account, *rate)
            headers += _limit_headers(usage)
            if usage.exceeded:
                raise too_many()
        if endpoint.trades:
            self.gate.permit(owner, category)
        elif endpoint.reads:
            self.gate.let_read(owner, category, endpoint.reads)
        return Call(read(endpoint.params, sent), owner)

    # -- WebSockets ----------------------------------------------------------------

    def websocket(self, request: Request, peer: WebSocket) -> Session | Response:
        """Take over a WebSocket, or refuse the handshake."""
        self.note(f"connect {request.path}")
        if self._gone(request.path, None):
            return Response(status=410, body=NOT_FOUND_PAGE.replace(b"404 Not Found", b"410 Gone"))
        fault = self.board.take(
            "rest_status",
            self.name,
            None,
            lambda fault: fault.path is not None and request.path.startswith(fault.path),
        )
        if fault:
            return self._faulty(fault)
        try:
            self.quota.connect(request.address)
        except Banned:
            return FORBIDDEN
        return self._open(request, peer)

    def _open(self, request: Request, peer: WebSocket) -> Session | Response:
        if request.path == PRIVATE:
            try:
                session = PrivateSession(self, request, peer)
            except ValueError as wrong:
                return Response(status=400, body=str(wrong).encode(), content_type="text/plain")
            self.outbox.sessions.add(session)
            return session
        product = request.path.removeprefix(PUBLIC)
        if request.path.startswith(PUBLIC) and product in PRODUCTS:
            market = PublicSession(self, product, peer)
            self.markets.add(market)
            return market
        return MISSING

    def tick(self) -> None:
        """Once a second: let the public streams speak."""
        for one in list(self.markets):
            one.tick()

    # -- what the admin can do at once ------------------------------------------------

    def act(self, fault: Fault) -> None:
        """Do to the present connections what `fault` says."""
        match fault.kind:
            case "drop":
                self._drop(fault.account)
            case "half_open":
                self._freeze(fault.account)
            case "garbage":
                for session in self.outbox.of(fault.account):
                    self.outbox.garbage(session.peer, fault.form, fault.size)
            case "server_shutdown":
                self._shut_down(fault)
            case "auth_revoked" | "stream_terminated":
                for session in self.outbox.of(fault.account):
                    session.peer.reset()
            case "ban":
                self.quota.ban("127.0.0.1", fault.seconds)
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

    def _shut_down(self, fault: Fault) -> None:
        """A restart is not announced: the sockets end, `seconds` later, when asked to close."""
        peers = [session.peer for session in self.outbox.of(fault.account)]
        peers += [market.peer for market in self.markets if fault.account is None]
        for peer in peers if fault.close else ():
            asyncio.get_running_loop().call_later(fault.seconds or 0, peer.reset)

    def reset_limits(self) -> None:
        """Forget every count and ban."""
        self.quota.pardon()

    def state(self) -> dict[str, Any]:
        """Connections, request counts and usage, for tests and for people."""
        private = [
            {
                "account": one.account,
                "subscriptions": dict.fromkeys(one.topics, one.account),
                "kind": "private",
            }
            for one in self.outbox.sessions
        ]
        public = [{"subscriptions": dict.fromkeys(one.topics), "kind": "public"} for one in self.markets]
        return {
            "connections": len(self.listener.connections),
            "sockets": private + public,
            "requests": dict(self.requests),
            "refused": dict(self.refused),
            "keys": self.keys.shown(self.name),
            "weight": {"127.0.0.1": self.quota.used("127.0.0.1")},
            "server_time": self.venue.clock.now(),
        }


def _limit_headers(usage: Usage) -> list[tuple[str, str]]:
    values = (usage.limit, usage.left, usage.reset_at)
    names = ("X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp")
    return [(name, str(value)) for name, value in zip(names, values, strict=True)]

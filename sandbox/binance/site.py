"""Binance.com as one listener: REST, WebSocket API and market streams.

REST answers carry the used weight, order replies the order count. A signature
is verified over the bytes that came: the query with `signature` cut out,
followed directly by the body with `signature` cut out. What the admin wants to
go wrong is looked up here, at the border, and nowhere deeper.
"""

import asyncio
from collections import Counter
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote_plus

import msgspec

from sandbox.binance.api import Api
from sandbox.binance.calls import Call, Endpoint
from sandbox.binance.errors import GONE_PAGE, NOT_FOUND_PAGE, Refusal, bad_signature, banned, too_many
from sandbox.binance.gate import Gate
from sandbox.binance.outbox import Outbox
from sandbox.binance.streams import MarketSession
from sandbox.binance.wsapi import ApiSession
from sandbox.faults import Board, Fault
from sandbox.keys import KeyRing
from sandbox.limits import FIRST_BAN_S, Banned, Limits, TooMany
from sandbox.venue import Venue
from sandbox.websocket import Heartbeat, Session, WebSocket
from sandbox.wire import Listener, Request, Response

API_PATH = "/ws-api/v3"
REMOVED = ("/api/v3/userDataStream", "/api/v1/")
CONNECT_WEIGHT = 2
NOT_IN_A_URL = frozenset(' "<>[]\\^`{|}')


def without_signature(text: str) -> str:
    """The query or body as it was signed."""
    return "&".join(pair for pair in text.split("&") if not pair.startswith("signature="))


def pairs(text: str) -> list[tuple[str, str]]:
    """Names and values of a query or form, decoded."""
    split = (pair.partition("=") for pair in text.split("&") if pair)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in split]


class Binance:
    """The site. What a relative of it has of its own stands in the class attributes."""

    api_type: ClassVar[type[Api]] = Api
    removed: ClassVar[tuple[str, ...]] = REMOVED
    entrance: ClassVar[str] = API_PATH
    """Where the private stream is entered: what `gone` takes away."""

    def __init__(self, venue: Venue, keys: KeyRing, board: Board, heartbeat: Heartbeat) -> None:
        self.name = venue.name
        self.venue = venue
        self.keys = keys
        self.board = board
        self.heartbeat = heartbeat
        self.limits = Limits(venue.clock)
        self.api = self.api_type(venue, self.limits, board)
        self.gate = Gate(self.name, venue.clock, keys, self.limits, board)
        self.listener = Listener(self)
        self.outbox = Outbox(venue, board)
        self.markets: set[MarketSession] = set()
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
        key = request.headers.get("x-mbx-apikey")
        owner = self.keys.by_key(self.name, key) if key else None
        account = owner.account if owner else None
        self.note(f"{request.method} {request.path}")
        self.keys.note(self.name, key, f"{request.method} {request.path}")
        slow = self.board.take("slow_rest", self.name, account, lambda f: self._meant(f, request))
        response = self._respond(request, key, account)
        if response.status >= 400:
            self.refused[f"{request.method} {request.path}"] += 1
        if slow is not None:
            await asyncio.sleep(slow.seconds or 0)
        return response

    def _respond(self, request: Request, key: str | None, account: str | None) -> Response:
        if fault := self.board.take("rest_status", self.name, account, lambda f: self._meant(f, request)):
            if fault.done:
                self._carried_out(request, key, account)
            return self._faulty(fault)
        return self._carried_out(request, key, account)

    def _carried_out(self, request: Request, key: str | None, account: str | None) -> Response:
        if request.path.startswith(self.removed) or self._gone(request.path, account):
            return Response(status=410, body=GONE_PAGE, content_type="text/html")
        endpoint = self.api.rest.get((request.method, request.path))
        if endpoint is None:
            return Response(status=404, body=NOT_FOUND_PAGE, content_type="text/html")
        return self._answer(request, endpoint, key)

    def _meant(self, fault: Fault, request: Request) -> bool:
        return fault.covers(request.path, request.query + request.body.decode("latin-1"))

    def _gone(self, path: str, account: str | None) -> bool:
        return bool(
            self.board.take("gone", self.name, account, lambda f: path.startswith(f.path or self.entrance))
        )

    def _faulty(self, fault: Fault) -> Response:
        """The status asked for; what a proxy or firewall answers is HTML, what Binance answers is JSON."""
        headers = [] if fault.retry_after is None else [("Retry-After", f"{fault.retry_after:g}")]
        if fault.code is None and fault.status not in (400, 401, 418, 429):
            page = NOT_FOUND_PAGE.replace(b"404 Not Found", b"%d" % fault.status)
            return Response(status=fault.status, body=page, content_type="text/html", headers=headers)
        code = fault.code or (-1003 if fault.status in (418, 429) else -1000)
        message = fault.message or self._fault_text(fault)
        return Response(
            status=fault.status, body=msgspec.json.encode({"code": code, "msg": message}), headers=headers
        )

    def _fault_text(self, fault: Fault) -> str:
        seconds = int(fault.retry_after or 0)
        if fault.status == 418:
            seconds = seconds or FIRST_BAN_S  # the text names an end even where no header does
            return banned(Banned(self.venue.clock.now() + 1000 * seconds, seconds)).message
        if fault.status == 429:
            return too_many(TooMany(self.limits.weight, seconds)).message
        return "Internal error; unable to process your request. Please try again."

    def _answer(self, request: Request, endpoint: Endpoint, key: str | None) -> Response:
        query, form = pairs(request.query), pairs(request.body.decode("latin-1"))
        weight = endpoint.cost(dict(form) | dict(query))
        sapi = request.path.startswith("/sapi/")
        call: Call | None = None
        try:
            self.gate.charge(request.address, 0 if sapi else weight)
            call = self._admit(request, endpoint, key, query, form)
            result = endpoint.run(call)
        except Refusal as refusal:
            return self._refused(request, refusal)
        if endpoint.free_on_success:
            self.limits.refund(request.address, weight)
        headers = self._weights(request.address, sapi=sapi)
        if (request.method, request.path) == ("POST", "/api/v3/order"):
            headers += self._order_counts(call.account)
        return Response(body=msgspec.json.encode(result), headers=headers)

    def _admit(
        self,
        request: Request,
        endpoint: Endpoint,
        key: str | None,
        query: list[tuple[str, str]],
        form: list[tuple[str, str]],
    ) -> Call:
        in_query = {name for name, _ in query}
        sent = query + [(name, value) for name, value in form if name not in in_query]
        body = request.body.decode("latin-1")
        payload = without_signature(request.query) + without_signature(body)
        if endpoint.signed and any(c in NOT_IN_A_URL or ord(c) > 126 for c in payload):
            raise bad_signature()
        return self.gate.admit(endpoint, sent, key, payload.encode("latin-1"))

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        headers = self._weights(request.address)
        if refusal.retry_after is not None:
            headers.append(("Retry-After", str(refusal.retry_after)))
        body = msgspec.json.encode({"code": refusal.code, "msg": refusal.message})
        return Response(status=refusal.status, body=body, headers=headers)

    def _weights(self, address: str, *, sapi: bool = False) -> list[tuple[str, str]]:
        if sapi:
            return [("X-SAPI-USED-IP-WEIGHT-1M", "1")]
        used = str(self.limits.weight.used(address, self.venue.clock.now()))
        return [("X-MBX-USED-WEIGHT", used), ("X-MBX-USED-WEIGHT-1M", used)]

    def _order_counts(self, account: str) -> list[tuple[str, str]]:
        now = self.venue.clock.now()
        names = ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1D")
        return [
            (name, str(window.used(account, now)))
            for name, window in zip(names, self.limits.orders, strict=True)
        ]

    # -- WebSockets ----------------------------------------------------------------

    def websocket(self, request: Request, peer: WebSocket) -> Session | Response | None:
        """Take over a WebSocket, or refuse the handshake."""
        self.note(f"connect {request.path.split('/')[1]}")
        if self._gone(request.path, None):
            return Response(status=410, body=GONE_PAGE, content_type="text/html")
        fault = self.board.take(
            "rest_status",
            self.name,
            None,
            lambda f: f.path is not None and request.path.startswith(f.path),
        )
        if fault:
            return self._faulty(fault)
        try:
            self._charge_connection(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        return self._open(request, peer)

    def _charge_connection(self, request: Request) -> None:
        try:
            self.limits.connect(request.address)
        except TooMany as full:
            raise too_many(full) from None
        except Banned as ban:
            raise banned(ban) from None
        if request.path == API_PATH:
            self.gate.charge(request.address, CONNECT_WEIGHT)

    def _open(self, request: Request, peer: WebSocket) -> Session | Response | None:
        options = {name: values[0] for name, values in parse_qs(request.query).items()}
        if options.get("timeUnit", "MILLISECOND").upper() != "MILLISECOND":
            body = msgspec.json.encode({"code": -1194, "msg": "The sandbox speaks milliseconds only."})
            return Response(status=400, body=body)
        if request.path == API_PATH:
            shown = options.get("returnRateLimits", "true") != "false"
            session = ApiSession(self, request, peer, limits_shown=shown)
            self.outbox.sessions.add(session)
            return session
        if request.path.startswith("/ws/") or request.path in ("/ws", "/stream"):
            market = MarketSession(self, request, peer)
            self.markets.add(market)
            return market
        return Response(status=404, body=NOT_FOUND_PAGE, content_type="text/html")

    def tick(self) -> None:
        """Once a second: let the market streams speak."""
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
                    self.outbox.garbage(session.peer, fault)
            case "server_shutdown":
                self._shut_down(fault)
            case "stream_terminated" | "auth_revoked":
                for session in self.outbox.of(fault.account):
                    session.terminate(fault.account)
            case "ban":
                self.limits.ban("127.0.0.1", fault.seconds)
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
        """Announce the shutdown, and carry it out `seconds` later when asked to close."""
        event = {"e": "serverShutdown", "E": self.venue.clock.now()}
        for session in (*self.outbox.of(fault.account), *(self.markets if fault.account is None else ())):
            session.announce(event)
            if fault.close:
                asyncio.get_running_loop().call_later(
                    fault.seconds or 0, session.peer.close, 1001, "server shutdown"
                )

    def reset_limits(self) -> None:
        """Forget every count and ban."""
        self.limits.pardon()

    def state(self) -> dict[str, Any]:
        """Connections, request counts and weights, for tests and for people."""
        now = self.venue.clock.now()
        return {
            "connections": len(self.listener.connections),
            "sockets": [
                {"subscriptions": session.subscriptions, "kind": session.kind}
                for session in self.outbox.sessions
            ]
            + [{"subscriptions": {}, "kind": "market"} for _ in self.markets],
            "requests": dict(self.requests),
            "refused": dict(self.refused),
            "keys": self.keys.shown(self.name),
            "weight": {key: self.limits.weight.used(key, now) for key in self.limits.weight.counts},
            "server_time": now,
        }

"""The WebSocket API: the same calls over one socket, and the user data stream.

A session may be logged on (Ed25519 keys only), may hold subscriptions of
several accounts, and answers every request with its id in the type it had.
Numbers are verified as they were spelled: the signed text is built from the
raw JSON, never from parsed values.
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.binance.calls import Call, Endpoint
from sandbox.binance.errors import Refusal, bad_key, bad_signature
from sandbox.binance.params import Param, boolean, long, read
from sandbox.keys import Credential
from sandbox.websocket import WebSocket
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.binance.site import Binance

LIFETIME_SUBSCRIPTIONS = 65_535
MAX_SUBSCRIPTIONS = 1_000
AUTH_WEIGHT = 2
ID = re.compile(rb'".*"|null|-?[0-9]+', re.DOTALL)
RETURN_LIMITS = Param("returnRateLimits", boolean)


def _nothing(_: Call) -> Any:
    return {}


LOGON = Endpoint(security="user_data", weight=AUTH_WEIGHT, params=(), run=_nothing)
PLAIN = Endpoint(security="none", weight=AUTH_WEIGHT, params=(), run=_nothing)
UNSUBSCRIBE = Endpoint(
    security="none", weight=AUTH_WEIGHT, params=(Param("subscriptionId", long),), run=_nothing
)
SESSION_METHODS = {
    "session.logon": LOGON,
    "session.status": PLAIN,
    "session.logout": PLAIN,
    "session.subscriptions": PLAIN,
    "userDataStream.subscribe": PLAIN,
    "userDataStream.subscribe.signature": LOGON,
    "userDataStream.unsubscribe": UNSUBSCRIBE,
}


class Frame(msgspec.Struct):
    """A request as it came; parameter values stay raw."""

    id: msgspec.Raw
    method: str
    params: dict[str, msgspec.Raw] = {}


def spelled(raw: msgspec.Raw) -> str:
    """A parameter's value as it counts for the signature."""
    text = bytes(raw)
    return str(msgspec.json.decode(text, type=str)) if text[:1] == b'"' else text.decode()


def signed_text(params: dict[str, str]) -> bytes:
    """All parameters but the signature, sorted by name, not percent-encoded."""
    pairs = sorted((name, value) for name, value in params.items() if name != "signature")
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


class Later(msgspec.Struct):
    """The outcome of a request that is carried out and answered `seconds` from now."""

    seconds: float
    work: Callable[[], Any]


class ApiSession:
    """One socket of the WebSocket API."""

    kind = "ws-api"

    def __init__(self, site: "Binance", request: Request, peer: WebSocket, *, limits_shown: bool) -> None:
        self._site = site
        self._address = request.address
        self.peer = peer
        self._limits_shown = limits_shown
        self._connected_at = site.venue.clock.now()
        self._logged_on: Credential | None = None
        self._authorized_at: int | None = None
        self._by_logon: int | None = None
        self._lifetime = 0
        self._asking: str | None = None
        self.subscriptions: dict[int, str] = {}

    # -- events out ---------------------------------------------------------------

    def deliver(self, account: str, event: bytes) -> None:
        """Send a user data event to whoever subscribed that account."""
        for number, subscriber in self.subscriptions.items():
            if subscriber == account:
                self.peer.send(b'{"subscriptionId":%d,"event":%b}' % (number, event))

    def announce(self, event: dict[str, Any]) -> None:
        """Send a connection event, which has no subscription."""
        self.peer.send(msgspec.json.encode({"event": event}))

    def terminate(self, account: str | None = None) -> None:
        """End the subscriptions of an account (of all) with `eventStreamTerminated`."""
        for number, subscriber in list(self.subscriptions.items()):
            if account in (None, subscriber):
                self._end(number)

    def _end(self, number: int) -> None:
        del self.subscriptions[number]
        if self._by_logon == number:
            self._by_logon = None
        event = {"e": "eventStreamTerminated", "E": self._site.venue.clock.now()}
        self.peer.send(msgspec.json.encode({"subscriptionId": number, "event": event}))

    def closed(self) -> None:
        """The socket is gone, and with it every subscription."""
        self._site.outbox.sessions.discard(self)

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""
        return self._site.board.strikes(kind, self._site.name, set(self.subscriptions.values()))

    # -- requests in ----------------------------------------------------------------

    def received(self, text: str) -> None:
        """Answer one request frame."""
        try:
            frame = msgspec.json.decode(text, type=Frame)
            frame_id = bytes(frame.id)
            if not ID.fullmatch(frame_id):
                raise msgspec.ValidationError("id")
            params = {name: spelled(raw) for name, raw in frame.params.items()}
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._site.note("ws invalid")
            self._reply(b"null", Refusal(-1135, "Invalid JSON Request."), "", shown=self._limits_shown)
            return
        self._answer(frame_id, frame.method.removeprefix("v3/"), params)

    def _answer(self, frame_id: bytes, method: str, params: dict[str, str]) -> None:
        shown, self._asking = self._limits_shown, None
        if params.get("returnRateLimits") in ("true", "false"):
            shown = params["returnRateLimits"] == "true"
        self._site.note(f"ws {method}")
        self._site.keys.note(self._site.name, params.get("apiKey"), f"ws {method}")

        def answer(work: Callable[[], Any]) -> None:
            outcome: Any
            try:
                outcome = work()
            except Refusal as refusal:
                outcome = refusal
            if isinstance(outcome, Later):
                asyncio.get_running_loop().call_later(outcome.seconds, answer, outcome.work)
            elif outcome is not SWALLOWED:
                self._reply(frame_id, outcome, method, shown=shown)
                if self._logged_on is not None:
                    self._check_session()

        answer(partial(self._run, method, params))

    def _run(self, method: str, params: dict[str, str]) -> Any:
        endpoint = SESSION_METHODS.get(method) or self._site.api.methods.get(method)
        weight = endpoint.cost(params) if endpoint else 1
        self._site.gate.charge(self._address, weight)
        if endpoint is None:
            raise Refusal(-1020, "This operation is not supported.")
        if method in SESSION_METHODS:
            return self._run_session(method, endpoint, params)
        call = self._admit(endpoint, params)
        self._asking = call.account if endpoint.signed else None
        result = endpoint.run(call)
        if endpoint.free_on_success:
            self._site.limits.refund(self._address, weight)
        return result

    def _admit(self, endpoint: Endpoint, params: dict[str, str], *, vouch: bool = True) -> Call:
        """Check a request; the session's key stands in where the request has none."""
        own_key = params.get("apiKey")
        rest = [(name, value) for name, value in params.items() if name not in ("apiKey", "returnRateLimits")]
        if "returnRateLimits" in params:
            read((RETURN_LIMITS,), [("returnRateLimits", params["returnRateLimits"])])
        if own_key is not None and not endpoint.signed:
            rest.append(("apiKey", own_key))
        return self._site.gate.admit(
            endpoint,
            rest,
            own_key,
            signed_text(params),
            always_unread=True,
            logged_on=self._logged_on if vouch else None,
        )

    def _run_session(self, method: str, endpoint: Endpoint, params: dict[str, str]) -> Any:
        call = self._admit(endpoint, params, vouch=False)
        work = partial(self._work_session, method, call)
        late = endpoint is LOGON and self._site.board.take("late_auth", self._site.name, call.account)
        if not late:
            return work()
        return SWALLOWED if late.seconds is None else Later(late.seconds, work)

    def _work_session(self, method: str, call: Call) -> Any:
        match method:
            case "session.logon":
                return self._logon(call.owner)
            case "session.logout":
                return self._logout()
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in self.subscriptions]
            case "userDataStream.subscribe":
                return self._subscribe_logged_on()
            case "userDataStream.subscribe.signature":
                return self._subscribe(call.owner.account)
            case "userDataStream.unsubscribe":
                return self._unsubscribe(call.args.get("subscriptionId"))
        return self._status()

    # -- session ----------------------------------------------------------------------

    def _logon(self, owner: Credential) -> Any:
        if not owner.is_ed25519:
            raise bad_signature()
        self._logged_on, self._authorized_at = owner, self._site.venue.clock.now()
        return self._status()

    def _logout(self) -> Any:
        if self._by_logon is not None:
            self._end(self._by_logon)
        self._logged_on = self._authorized_at = None
        return self._status()

    def _status(self) -> Any:
        return {
            "apiKey": self._logged_on.api_key if self._logged_on else None,
            "authorizedSince": self._authorized_at,
            "connectedSince": self._connected_at,
            "returnRateLimits": self._limits_shown,
            "serverTime": self._site.venue.clock.now(),
            "userDataStream": bool(self.subscriptions),
        }

    def _check_session(self) -> None:
        """A key that became invalid ends the session after the next request."""
        try:
            self._site.gate.owner(self._logged_on.api_key if self._logged_on else "")
        except Refusal as refusal:
            self._logged_on = self._authorized_at = None
            error = {"code": refusal.code, "msg": refusal.message}
            self.peer.send(msgspec.json.encode({"id": None, "status": refusal.status, "error": error}))

    # -- subscriptions ------------------------------------------------------------------

    def _subscribe_logged_on(self) -> Any:
        if self._logged_on is None:
            raise bad_key()
        answer = self._subscribe(self._logged_on.account)
        self._by_logon = max(self.subscriptions, default=None)
        return answer

    def _subscribe(self, account: str) -> Any:
        if self._site.board.take("swallow_subscribe_ack", self._site.name, account):
            return SWALLOWED
        if account in self.subscriptions.values():
            raise Refusal(-2035, "User Data Stream subscription is already active.")
        if self._lifetime >= LIFETIME_SUBSCRIPTIONS or len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Refusal(-2042, "Subscription ids are exhausted; reconnect.")
        number, self._lifetime = self._lifetime, self._lifetime + 1
        self.subscriptions[number] = account
        return {"subscriptionId": number}

    def _unsubscribe(self, number: int | None) -> Any:
        if number is not None and number not in self.subscriptions:
            raise Refusal(-2036, "User Data Stream subscription is not active.")
        for one in list(self.subscriptions) if number is None else [number]:
            self._end(one)
        return {}

    # -- replies --------------------------------------------------------------------------

    def _reply(self, frame_id: bytes, outcome: Any, method: str, *, shown: bool) -> None:
        if isinstance(outcome, Refusal):
            body = b'"status":%d,"error":%b' % (outcome.status, msgspec.json.encode(self._error(outcome)))
        else:
            body = b'"status":200,"result":%b' % msgspec.json.encode(outcome)
        if shown:
            body += b',"rateLimits":%b' % msgspec.json.encode(self._limits(method))
        self.peer.send(b'{"id":%b,%b}' % (frame_id, body))

    def _error(self, refusal: Refusal) -> dict[str, Any]:
        error: dict[str, Any] = {"code": refusal.code, "msg": refusal.message}
        if refusal.retry_after is not None:
            now = self._site.venue.clock.now()
            error["data"] = {
                "serverTime": now,
                "retryAfter": refusal.until or now + 1000 * refusal.retry_after,
            }
        return error

    def _limits(self, method: str) -> list[dict[str, Any]]:
        api = self._site.api
        rows = [api.weight_limit(self._address)]
        if method == "order.place" and self._asking is not None:
            rows = api.order_limits(self._asking) + rows
        return rows


SWALLOWED = object()

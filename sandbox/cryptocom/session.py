"""One WebSocket, whichever endpoint: requests, heartbeats, replies.

Every request counts against the budget of its second, except the answer to a
heartbeat. A heartbeat that is not answered with its own id in time ends the
connection with 1000, as the real one does.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from sandbox.cryptocom.envelope import Asked, Json, accepted, asked, refused
from sandbox.cryptocom.errors import Refusal
from sandbox.cryptocom.pace import Budget
from sandbox.websocket import WebSocket

if TYPE_CHECKING:
    from sandbox.cryptocom.site import CryptoCom

ANSWERED = object()
"""What `_do` returns when it has already said, or must not say, anything."""


class Session:
    """One socket."""

    kind = ""
    per_second = 100

    def __init__(self, site: "CryptoCom", peer: WebSocket) -> None:
        self._site = site
        self.peer = peer
        self.account: str | None = None
        self.subscriptions: dict[str, Json] = {}
        self._budget = Budget(self.per_second, site.venue.clock.now())
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        peer.heart = self._beat

    # -- heartbeats ------------------------------------------------------------------

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""
        return bool(self._site.board.take(kind, self._site.name, self.account))

    def _beat(self) -> None:
        if self.suffers("no_heartbeats"):
            return
        number = self._site.venue.clock.now()
        within = self._site.heartbeat.pong_within
        timer = asyncio.get_running_loop().call_later(within, self.peer.close, 1000, "heartbeat not handled")
        self._waiting[number] = timer
        self.say({"id": number, "method": "public/heartbeat", "code": 0})

    def _answered(self, number: int) -> None:
        timer = self._waiting.pop(number, None)
        if timer is not None:
            timer.cancel()

    def closed(self) -> None:
        """The socket is gone."""
        for timer in self._waiting.values():
            timer.cancel()

    # -- requests --------------------------------------------------------------------

    def received(self, text: str) -> None:
        """Answer one frame."""
        request = asked(text)
        self._site.note(f"{self.kind} {request.method or 'ERROR'}")
        if request.method == "public/respond-heartbeat":
            self._answered(request.number)
            return
        try:
            result = self._admitted(request)
        except Refusal as refusal:
            self.say(refused(request, refusal))
            return
        if result is not ANSWERED:
            self.say(accepted(request, result))

    def _admitted(self, request: Asked) -> Any:
        if not self._budget.spend(self._site.venue.clock.now()):
            raise Refusal(42901)
        self._site.gate.check_ban("127.0.0.1")
        if request.broken:
            raise Refusal(40003)
        return self._do(request)

    def _do(self, request: Asked) -> Any:
        """Carry a request out; the result for its reply."""
        match request.method:
            case "subscribe":
                return self._subscribe(request)
            case "unsubscribe":
                for name in self._channels(request):
                    self.subscriptions.pop(name, None)
                return self._unsubscribed()
            case _:
                raise Refusal(40002)

    def _unsubscribed(self) -> Any:
        raise NotImplementedError

    def _subscribe(self, request: Asked) -> Any:
        """Every channel has a reply of its own, with the id of the request."""
        names = self._channels(request)
        self._check_room(names)
        wrong = [name for name in names if not self.offers(name)]
        if wrong:
            inner = self._site.text({"channels": wrong})
            self.say({"id": 0, "code": 10004, "method": "subscribe", "message": f"invalid channel {inner}"})
            return ANSWERED
        if self._site.board.take("swallow_subscribe_ack", self._site.name, self.account):
            return ANSWERED
        for name in names:
            self.subscriptions[name] = request.params or {}
            first = self.first(name)
            self.say(accepted(request) | ({} if first is None else {"result": first}))
        return ANSWERED

    def _channels(self, request: Asked) -> list[str]:
        names = (request.params or {}).get("channels")
        if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
            raise Refusal(40004, "MISSING_OR_INVALID_ARGUMENT: channels")
        return names

    def _check_room(self, names: list[str]) -> None:
        """Refuse more subscriptions than a socket may have."""

    def offers(self, name: str) -> bool:
        """True for a channel of this endpoint."""
        raise NotImplementedError

    def first(self, name: str) -> Json | None:
        """The result of the first reply for a channel; None for a bare one."""
        raise NotImplementedError

    # -- frames out --------------------------------------------------------------------

    def say(self, message: Json) -> None:
        """Send one message."""
        self.peer.send(self._site.encode(self.account, message))

    def push(self, result: Json) -> None:
        """Send data of a channel."""
        self.say({"id": -1, "method": "subscribe", "code": 0, "result": result})

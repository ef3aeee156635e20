"""The private WebSocket: authenticate, subscribe, be told.

One connection carries one account. Its own JSON ping keeps it; a socket without
pings and pushes for ten minutes, or for what `max_active_time` says, is cut
without a word. Texts of refusals are those that were seen in the wild, and they
say as little as there: a late clock and a wrong key read the same.
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from sandbox.bybit.errors import Refusal
from sandbox.clock import monotonic
from sandbox.websocket import WebSocket
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.bybit.site import Bybit

ACTIVE_TIME = re.compile(r"([0-9]{1,3})(s|m)")
DIGITS = re.compile(r"[0-9]{1,18}")
BY_PRODUCT = {
    "order": ("spot", "linear", "inverse", "option"),
    "execution": ("spot", "linear", "inverse", "option"),
    "execution.fast": ("spot", "linear", "inverse", "option"),
    "position": ("linear", "inverse", "option"),
}
ALL_IN_ONE = frozenset(BY_PRODUCT)
CATEGORISED = frozenset(
    f"{topic}.{product}" for topic, products in BY_PRODUCT.items() for product in products
)
OTHERS = frozenset({"wallet", "greeks", "dcp.future", "dcp.spot", "dcp.option"})
FEED = 0x100000


class Frame(msgspec.Struct):
    """An operation as it came."""

    op: str
    args: list[Any] = []
    req_id: str | int | None = None


class Refused(Exception):
    """The operation fails with a text."""


def conn_id() -> str:
    """An id in the shape of the real ones."""
    alphabet = "0123456789abcdefghijklmnopqrstuv"
    return "".join(secrets.choice(alphabet) for _ in range(20)) + f"-{secrets.randbelow(FEED):x}"


def parse(text: str) -> Frame:
    """The operation in a text; `Refused` where there is none."""
    try:
        return msgspec.json.decode(text, type=Frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("error:invalid request") from None


def active_time(query: str) -> float | None:
    """The seconds that `max_active_time` asks for; None without it, `ValueError` for nonsense."""
    given = parse_qs(query).get("max_active_time")
    if not given:
        return None
    found = ACTIVE_TIME.fullmatch(given[0])
    seconds = int(found[1]) * (60 if found[2] == "m" else 1) if found else 0
    if not 30 <= seconds <= 600:
        raise ValueError(f"max_active_time {given[0]}")
    return float(seconds)


class PrivateSession:
    """One private socket."""

    def __init__(self, site: "Bybit", request: Request, peer: WebSocket) -> None:
        self._site = site
        self._address = request.address
        self._idle = active_time(request.query)
        self._active_at = monotonic()
        self.peer = peer
        self.conn_id = conn_id()
        self.account: str | None = None
        self.topics: dict[str, None] = {}
        peer.heart = self._beat

    def _beat(self) -> None:
        """Cut a socket that nobody used for too long, with a TCP reset: no close frame comes first."""
        idle = self._site.heartbeat.pong_within if self._idle is None else self._idle
        if monotonic() - self._active_at > idle:
            self.peer.reset()

    def closed(self) -> None:
        """The socket is gone, and with it every subscription."""
        self._site.outbox.sessions.discard(self)

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""
        return bool(self._site.board.take(kind, self._site.name, self.account))

    # -- pushes out ------------------------------------------------------------------

    def push(self, topic: str, category: str, identifier: str, items: Sequence[dict[str, Any]]) -> None:
        """Send a message on each subscribed name of its topic."""
        for name in (topic, f"{topic}.{category}"):
            if name in self.topics:
                envelope: dict[str, Any] = {"topic": name, "creationTime": self._site.venue.clock.now()}
                if topic != "execution.fast":
                    envelope = {"id": identifier} | envelope
                self._active_at = monotonic()
                self.peer.send(msgspec.json.encode(envelope | {"data": items}))

    # -- operations in -----------------------------------------------------------------

    def received(self, text: str) -> None:
        """Answer one operation."""
        frame = Frame(op="")
        try:
            frame = parse(text)
            self._site.note(f"ws {frame.op}")
            self._obey(frame)
        except Refused as refused:
            self._ack(frame, str(refused), success=False)

    def _obey(self, frame: Frame) -> None:
        match frame.op:
            case "ping":
                self._pong(frame)
            case "auth":
                self._authenticate(frame)
            case "subscribe":
                self._subscribe(frame)
            case "unsubscribe":
                self._need_account()
                for topic in frame.args:
                    self.topics.pop(str(topic), None)
                self._ack(frame)
            case _:
                raise Refused("error:invalid op")

    def _say(self, frame: Frame, body: dict[str, Any]) -> None:
        echoed = {} if frame.req_id is None else {"req_id": frame.req_id}
        self.peer.send(msgspec.json.encode(echoed | body | {"conn_id": self.conn_id}))

    def _ack(self, frame: Frame, said: str = "", *, success: bool = True) -> None:
        self._say(frame, {"success": success, "ret_msg": said, "op": frame.op})

    def _pong(self, frame: Frame) -> None:
        self._active_at = monotonic()
        if not self.suffers("lost_pongs"):
            self._say(frame, {"op": "pong", "args": [str(self._site.venue.clock.now())]})

    def _authenticate(self, frame: Frame) -> None:
        if self.account is not None:
            raise Refused("Repeat auth")
        match frame.args:
            case [str() as key, (int() | str()) as expires, str() as signature] if DIGITS.fullmatch(
                str(expires)
            ):
                self._site.keys.note(self._site.name, key, "ws auth")
                account = self._checked(key, str(expires), signature)
            case _:
                raise Refused("Params Error")
        late = self._site.board.take("late_auth", self._site.name, account)
        if late is None:
            self._let_in(account, frame)
        elif late.seconds is not None:
            asyncio.get_running_loop().call_later(late.seconds, self._let_in, account, frame)

    def _let_in(self, account: str, frame: Frame) -> None:
        self.account = account
        self._ack(frame)

    def _checked(self, key: str, expires: str, signature: str) -> str:
        """The account that this key is of. The signature has to be right and its end still to come."""
        try:
            owner = self._site.gate.owner(key, self._address)
        except Refusal:
            raise Refused("Params Error") from None
        late = int(expires) <= self._site.venue.clock.now()
        if late or not owner.verifies(f"GET/realtime{expires}".encode(), signature):
            raise Refused("Params Error")
        return owner.account

    def _need_account(self) -> str:
        if self.account is None:
            raise Refused("Request not authorized")
        return self.account

    def _subscribe(self, frame: Frame) -> None:
        """Take all topics of a request, or none: one that is wrong or taken fails the whole."""
        account = self._need_account()
        if self._site.board.take("swallow_subscribe_ack", self._site.name, account):
            return
        topics = [str(topic) for topic in frame.args]
        for topic in topics:
            if topic not in ALL_IN_ONE | CATEGORISED | OTHERS:
                raise Refused(f"error:handler not found,topic:{topic}")
            if topic in self.topics or topics.count(topic) > 1:
                raise Refused(f"error:already subscribed,topic:{topic}")
        if not topics or (ALL_IN_ONE & set(topics) and CATEGORISED & set(topics)):
            raise Refused("Params Error")
        self.topics |= dict.fromkeys(topics)
        self._ack(frame)

"""Bybit's private stream: how it is authenticated, subscribed, kept alive and refused.

First auth; when that is acknowledged, one subscribe for all topics; when that
is, the session is subscribed. (v5/ws/connect, 2026-07-24.) The decisions:

* Only an acknowledgement of our own request on this very socket counts: by its
  `req_id`, which may be missing, for no other request of its kind is under way.
  Success is `success` true or `retCode` 0, and no topic among `failTopics`.
* The URL is used as it is configured. `max_active_time` is not added: a dead
  peer is noticed by us long before the server would notice us.
* The topics are the all-in-one ones, so that a product that is new to the
  account is heard of too. `execution.fast` would say less than `execution`, and
  `dcp` would keep the disconnect protection of a trading program from firing.
* Ordinary pushes take the fast path: one strict decode, straight to facts. What
  it refuses is read again as plain JSON and routed by its keys; what is odd about
  it stands as one Unrecognised beside its facts, and `exchanges/doubts` says how
  often a look by REST is asked for.
* A refused authentication ends the session, with a cause as `errors` reads it.
"""

import uuid
from typing import Any, Literal

import msgspec

from core.errors import VigilError
from core.facts import Unrecognised
from exchanges.base import NOTHING, Broken, Decoded, PongReceived, Reached, Send, Signal
from exchanges.bybit.errors import refused_auth, refused_subscription
from exchanges.bybit.salvage import Salvaged, is_known, salvage
from exchanges.bybit.shapes import PUSH
from exchanges.bybit.sign import Signer
from exchanges.bybit.stating import read
from exchanges.bybit.words import Notes, milliseconds, quoted
from exchanges.doubts import PLAIN, UNREADABLE, Doubts, keys

TOPICS = ("order", "execution", "position", "wallet")
SUBSCRIBE_TIMEOUT = 10.0
_MOST = 12  # notes that one push may bring

Step = Literal["auth", "subscribe"]


class BybitStream:
    """A StreamSession on /v5/private."""

    def __init__(self, url: str, signer: Signer) -> None:
        self.url = url
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT
        self._signer = signer
        self._awaited: tuple[Step, str] | None = None
        self._doubts = Doubts()

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """Authenticate at once: an earlier subscribe would be refused."""
        return (Reached("authenticating"), self._ask("auth", self._signer.auth(wall_ms)))

    def heartbeat(self, wall_ms: int) -> Send | None:  # noqa: ARG002
        """A JSON ping: a WebSocket ping does not keep the connection."""
        return _request("ping", uuid.uuid4().hex)

    def received(self, text: str, wall_ms: int) -> Decoded:
        """One text frame. Never raises: see the decisions above."""
        try:
            push = PUSH.decode(text)
        except UNREADABLE:
            return self._odd(text, wall_ms)
        notes = Notes()
        facts = read(push, notes)
        if notes.trouble or notes.unknown:
            topic = str(push.__struct_config__.tag)
            return self._told(Salvaged(topic, facts, milliseconds(push.at), notes), wall_ms)
        return Decoded(facts)

    def _ask(self, step: Step, args: list[Any]) -> Send:
        self._awaited = (step, uuid.uuid4().hex)
        return _request(*self._awaited, args=args)

    # -------------------------------------------------------------- the slow path

    def _odd(self, text: str, wall_ms: int) -> Decoded:
        try:
            frame = PLAIN.decode(text)
        except UNREADABLE:
            return self._doubts.garbage(wall_ms)
        if not isinstance(frame, dict):
            return self._doubts.garbage(wall_ms)
        topic = frame.get("topic")
        if not isinstance(topic, str):
            return self._replied(frame, wall_ms)
        if not is_known(topic):
            return Decoded((Unrecognised(quoted(topic), "unknown topic"),))
        return self._told(salvage(topic, frame), wall_ms)

    def _told(self, push: Salvaged, wall_ms: int) -> Decoded:
        """The facts, beside them what is odd, and a look where a change may be hidden in that."""
        doubts = [*push.notes.trouble, *push.notes.unknown]
        topic = quoted(push.topic)
        news = [note for note in push.news if self._doubts.is_news(note)]
        odd = "; ".join([*doubts[:_MOST], *news[:_MOST]])
        told = (Unrecognised(topic, odd, push.at),) if odd else ()
        look = self._doubts.look(f"{topic} not wholly understood", wall_ms) if doubts else ()
        return Decoded((*push.facts, *told), look)

    # ------------------------------------------------------------------ its answers

    def _replied(self, frame: dict[str, Any], wall_ms: int) -> Decoded:
        """An answer to a request: a pong, an acknowledgement or a refusal."""
        op, text = frame.get("op"), frame.get("ret_msg", frame.get("retMsg"))
        if "pong" in (op, text):
            return Decoded(signals=(PongReceived(),))
        if op in ("auth", "subscribe") or frame.get("type") == "COMMAND_RESP":
            return self._acknowledged(op or "subscribe", frame, quoted(text or ""), wall_ms)
        return Decoded((Unrecognised("frame", f"neither push nor reply: {keys(frame)}"),))

    def _acknowledged(self, op: Any, frame: dict[str, Any], text: str, wall_ms: int) -> Decoded:
        request = frame.get("req_id", frame.get("reqId"))
        if self._awaited is None or self._awaited[0] != op or request not in (None, "", self._awaited[1]):
            return NOTHING  # not ours, or not waited for any more
        self._awaited = None
        code = frame.get("retCode")
        failed = _failed_topics(frame)
        if failed:
            return _broken(refused_subscription(f"not subscribed: {failed}", None, wall_ms))
        if frame.get("success") is not True and not _is_zero(code):
            refuse = refused_auth if op == "auth" else refused_subscription
            return _broken(refuse(text, code if isinstance(code, int) else None, wall_ms))
        if op == "auth":
            return Decoded(signals=(Reached("subscribing"), self._ask("subscribe", list(TOPICS))))
        return Decoded(signals=(Reached("subscribed"),))


def _request(op: str, number: str, args: list[Any] | None = None) -> Send:
    request: dict[str, Any] = {"req_id": number, "op": op}
    if args is not None:
        request["args"] = args
    return Send(msgspec.json.encode(request).decode())


def _failed_topics(frame: dict[str, Any]) -> str:
    data = frame.get("data")
    failed = data.get("failTopics") if isinstance(data, dict) else None
    return ", ".join(quoted(topic) for topic in failed) if isinstance(failed, list) else ""


def _is_zero(code: Any) -> bool:
    return type(code) is int and code == 0


def _broken(error: VigilError) -> Decoded:
    return Decoded(signals=(Broken(error),))

"""Binance's WS API as a private stream: how it is subscribed, renewed and refused.

`userDataStream.subscribe.signature` is sent first, for every kind of key: it
needs no session. Where a server does not know it (ProtocolChanged) and the key
is Ed25519, the older way is taken on the same socket: `session.logon`, then
`userDataStream.subscribe`, which takes no params at all. (web-socket-api.md,
2026-07-21.) The decisions:

* The URL is used as it is configured. `returnRateLimits=false` is not added: it
  would save some bytes of the one or two replies of a connection.
* Every request has an id of its own, and only status 200 for an id that waits
  on this very socket means subscribed. "Already subscribed" (-2035) does too.
* A refusal is classified and breaks the session. So does one without an id: it
  speaks of the whole session.
* An `eventStreamTerminated` that nobody asked for is answered by subscribing
  anew on the same socket; Resubscribed follows when that is acknowledged. The
  third within five minutes breaks the session. A renewal that is not answered
  is asked again at each heartbeat.
"""

import uuid
from typing import Any, Literal

import msgspec

from core.errors import LinkError, ProtocolChanged
from exchanges.base import NOTHING, Broken, Decoded, Reached, Resubscribed, Send, Signal
from exchanges.binance.errors import ALREADY_SUBSCRIBED, LONGEST_BAN, Refusal, classify
from exchanges.binance.shapes import WRAPPED
from exchanges.binance.sign import Signer
from exchanges.binance.user_stream import SUBSCRIBE_TIMEOUT, UserStream
from exchanges.doubts import Strikes

TERMINATED_LIMIT = 3

Step = Literal["sign", "log on", "join"]
METHODS: dict[Step, str] = {
    "sign": "userDataStream.subscribe.signature",
    "log on": "session.logon",
    "join": "userDataStream.subscribe",
}


class ApiStream(UserStream):
    """A StreamSession over the WS API of Binance (and of whoever speaks it)."""

    def __init__(self, url: str, signer: Signer) -> None:
        super().__init__(url, WRAPPED)
        self._signer = signer
        self._first: Step = "sign"
        self._asked: dict[str, Step] = {}
        self._asked_at = 0
        self._subscription: int | None = None
        self._renewing: str | None = None
        self._terminations = Strikes(TERMINATED_LIMIT)

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """Subscribe at once; the signature is authentication enough."""
        return (Reached("subscribing"), self._ask(self._first, wall_ms))

    def heartbeat(self, wall_ms: int) -> Send | None:
        """None: a WebSocket ping does; but a renewal that stays unanswered is asked again."""
        if self._renewing is None or wall_ms - self._asked_at < SUBSCRIBE_TIMEOUT * 1000:
            return None
        return self._ask(self._first, wall_ms)

    def _ask(self, step: Step, wall_ms: int) -> Send:
        request: dict[str, Any] = {"id": str(uuid.uuid4()), "method": METHODS[step]}
        if step != "join":
            request["params"] = self._signer.signed({"timestamp": wall_ms})
        self._asked[request["id"]] = step
        self._asked_at = wall_ms
        return Send(msgspec.json.encode(request).decode())

    # ------------------------------------------------------------------ its answers

    def _replied(self, frame: dict[str, Any], wall_ms: int) -> Decoded:
        request, status = frame.get("id"), frame.get("status")
        step = self._asked.pop(request, None) if isinstance(request, str) else None
        if status == 200:
            return NOTHING if step is None else self._granted(step, frame.get("result"), wall_ms)
        if step is None and request is not None:
            return NOTHING  # the answer to a request that is not ours, or not waited for any more
        refusal = _refusal(frame, wall_ms)
        if refusal.code == ALREADY_SUBSCRIBED and step is not None:
            return self._granted(step, None, wall_ms)
        return self._refused(step, refusal, wall_ms)

    def _granted(self, step: Step, result: Any, wall_ms: int) -> Decoded:
        if step == "log on":
            return Decoded(signals=(*self._stage("subscribing"), self._ask("join", wall_ms)))
        subscription = result.get("subscriptionId") if isinstance(result, dict) else None
        self._subscription = subscription if isinstance(subscription, int) else None
        renewing, self._renewing = self._renewing, None
        self._asked.clear()
        return Decoded(signals=(Resubscribed(renewing) if renewing else Reached("subscribed"),))

    def _refused(self, step: Step | None, refusal: Refusal, wall_ms: int) -> Decoded:
        error = classify(refusal)
        if step == "sign" and isinstance(error, ProtocolChanged) and self._signer.can_log_on:
            self._first = "log on"
            return Decoded(signals=(*self._stage("authenticating"), self._ask("log on", wall_ms)))
        return Decoded(signals=(Broken(error),))

    def _terminated(self, subscription: Any, wall_ms: int) -> Decoded:
        if self._asked:
            return NOTHING  # the next one is on its way
        if isinstance(subscription, int) and self._subscription not in {None, subscription}:
            return NOTHING  # the end of an earlier subscription, told late
        if self._terminations.hit(wall_ms):
            return Decoded(signals=(Broken(LinkError("the subscription ended again and again")),))
        self._renewing = "eventStreamTerminated"
        return Decoded(signals=(self._ask(self._first, wall_ms),))

    def _stage(self, stage: Literal["authenticating", "subscribing"]) -> tuple[Signal, ...]:
        """Stages belong to the way up; a renewal happens on a session that is up."""
        return () if self._renewing else (Reached(stage),)


def _refusal(frame: dict[str, Any], wall_ms: int) -> Refusal:
    """What a WS API reply says against us; every part of it may be missing."""
    status, error = frame.get("status"), frame.get("error")
    said: dict[str, Any] = error if isinstance(error, dict) else {}
    code = said.get("code")
    return Refusal(
        status=status if isinstance(status, int) else 0,
        text=str(said.get("msg", "no reason given"))[:300],
        now_ms=wall_ms,
        code=code if isinstance(code, int) else None,
        wait=_wait(said.get("data"), wall_ms),
    )


def _wait(data: Any, wall_ms: int) -> float | None:
    """`retryAfter` is a moment in ms, by the server's clock where it tells it."""
    if not isinstance(data, dict) or not isinstance(data.get("retryAfter"), int):
        return None
    now = data.get("serverTime")
    wait_ms: int = data["retryAfter"] - (now if isinstance(now, int) else wall_ms)
    return max(0, min(wait_ms, int(LONGEST_BAN * 1000))) / 1000

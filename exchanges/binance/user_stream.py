"""One private socket's incoming frames, whatever the way they were subscribed.

Ordinary events take the fast path: one strict decode, straight to facts. What it
refuses is read again as plain JSON and routed by its keys (1: `status` and no
`e` is a reply; 2: an event wrapped, combined or raw, told apart by its frame,
never by the URL; 3: anything else is journalled and ignored). The decisions:

* No frame raises; `exchanges/doubts` says what follows from one that is no JSON
  object, and how often a look by REST is asked for.
* An event of which not everything could be read asks for such a look.
* What is odd about an event stands as one Unrecognised beside its facts. A key
  that we do not know is told once per socket.
* A subscription id says nothing about a fact: one socket serves one account.

The ways to subscribe inherit from this class and say what replies and the end
of a subscription mean to them.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from core.errors import KeyGone, LinkError
from core.facts import Unrecognised
from exchanges.base import NOTHING, Broken, Decoded, RotateSoon, Send
from exchanges.binance.events import read
from exchanges.binance.salvage import salvage
from exchanges.binance.shapes import RAW, Combined, UserEvent, Wrapped
from exchanges.doubts import PLAIN, UNREADABLE, Doubts, keys

SUBSCRIBE_TIMEOUT = 10.0

Form = msgspec.json.Decoder[Wrapped] | msgspec.json.Decoder[Combined] | msgspec.json.Decoder[UserEvent]


class UserStream:
    """A StreamSession without its subscribing; `form` is the frame that events are expected in."""

    def __init__(self, url: str, form: Form) -> None:
        self.url = url
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT
        self._decode: Callable[[str], Any] = form.decode
        self._bare = form is RAW
        self._doubts = Doubts()

    def received(self, text: str, wall_ms: int) -> Decoded:
        """One text frame. Never raises: see the decisions above."""
        try:
            frame = self._decode(text)
            facts = read(frame if self._bare else frame.event)
        except UNREADABLE:
            facts = None
        return self._odd(text, wall_ms) if facts is None else Decoded(facts)

    def heartbeat(self, wall_ms: int) -> Send | None:  # noqa: ARG002
        """A WebSocket ping does."""
        return None

    def _replied(self, frame: dict[str, Any], wall_ms: int) -> Decoded:  # noqa: ARG002
        """An answer to a request; a stream that never asks ignores it."""
        return NOTHING

    def _terminated(self, subscription: Any, wall_ms: int) -> Decoded:  # noqa: ARG002
        """The subscription is over although the socket lives."""
        return _broken(LinkError("the user data stream was terminated"))

    # -------------------------------------------------------------- the slow path

    def _odd(self, text: str, wall_ms: int) -> Decoded:
        try:
            frame = PLAIN.decode(text)
        except UNREADABLE:
            return self._doubts.garbage(wall_ms)
        if not isinstance(frame, dict):
            return self._doubts.garbage(wall_ms)
        if "status" in frame and "e" not in frame:
            return self._replied(frame, wall_ms)
        event = frame if "e" in frame else frame.get("event", frame.get("data"))
        if not isinstance(event, dict):
            return Decoded((Unrecognised("frame", f"neither reply nor event: {keys(frame)}"),))
        return self._event(event, frame.get("subscriptionId"), wall_ms)

    def _event(self, event: dict[str, Any], subscription: Any, wall_ms: int) -> Decoded:
        match event.get("e"):
            case "serverShutdown":
                return Decoded(signals=(RotateSoon("serverShutdown"),))
            case "listenKeyExpired":
                return _broken(KeyGone("the listen key has expired"))
            case "eventStreamTerminated":
                return self._terminated(subscription, wall_ms)
        name, salvaged = str(event.get("e")), salvage(event)
        notes = (
            *salvaged.trouble,
            *(note for note in salvaged.news if self._doubts.is_news(f"{name}: {note}")),
        )
        odd = (Unrecognised(name, "; ".join(notes), salvaged.at),) if notes else ()
        look = self._doubts.look(f"{name} not wholly readable", wall_ms) if salvaged.trouble else ()
        return Decoded((*salvaged.facts, *odd), look)


def _broken(error: LinkError) -> Decoded:
    return Decoded(signals=(Broken(error),))

"""What a session does about frames that it cannot wholly read: the same for every exchange.

No frame is fatal by itself. One that is no message at all may hide a fill: it is
journalled, and a look by REST is asked for; ten within five minutes, and the
session is broken. Looks are asked for once in 5 s at most, for the audit finds
what comes in between. What is merely new (a key that nobody knows) is told once
per socket: it will be in every such event.
"""

from collections import deque
from decimal import Decimal

import msgspec

from core.errors import Unreadable
from core.facts import Unrecognised
from exchanges.base import Broken, Decoded, Resubscribed, Signal

LOOK_EVERY_MS = 5_000
WINDOW_MS = 300_000
GARBAGE_LIMIT = 10
NEWS_LIMIT = 1_000  # notes that a socket remembers to have told

UNREADABLE = (ValueError, ArithmeticError, RecursionError)  # what decoding foreign text may raise
PLAIN = msgspec.json.Decoder(float_hook=Decimal)


class Strikes:
    """Counts what may happen now and then, but not `limit` times within five minutes."""

    def __init__(self, limit: int) -> None:
        self._hits: deque[int] = deque(maxlen=limit)

    def hit(self, now_ms: int) -> bool:
        """Whether this one was one too many."""
        self._hits.append(now_ms)
        return len(self._hits) == self._hits.maxlen and now_ms - self._hits[0] <= WINDOW_MS


class Doubts:
    """One socket's memory of what was odd."""

    def __init__(self) -> None:
        self._garbled = Strikes(GARBAGE_LIMIT)
        self._looked_at: int | None = None
        self._told: set[str] = set()

    def garbage(self, now_ms: int) -> Decoded:
        """What a frame means that is no message of any protocol."""
        fact = Unrecognised("garbage", "not a JSON object")
        if self._garbled.hit(now_ms):
            return Decoded((fact,), (Broken(Unreadable("one unreadable frame after another")),))
        return Decoded((fact,), self.look("garbage frame", now_ms))

    def look(self, cause: str, now_ms: int) -> tuple[Signal, ...]:
        """Ask for a look by REST, unless that was done a moment ago."""
        if self._looked_at is not None and abs(now_ms - self._looked_at) < LOOK_EVERY_MS:
            return ()
        self._looked_at = now_ms
        return (Resubscribed(cause),)

    def is_news(self, note: str) -> bool:
        """Whether this was not told before on this socket."""
        if note in self._told:
            return False
        if len(self._told) < NEWS_LIMIT:
            self._told.add(note)
        return True


def keys(frame: dict[str, object]) -> str:
    """What a frame is recognised by where nothing else can be said of it."""
    return ", ".join(sorted(str(key)[:20] for key in frame)[:8])

"""Whether a stream is silent about what happens, however soon an audit finds it out.

A fill or an order that an audit finds *old* is evidence by itself: the stream had
its time. One that it finds young may still be on its way. Where audits are
frequent every finding is young, and a mute stream would never be noticed; so what
was young is remembered, and counts as evidence once it is old and the stream has
not said a word about it. Only what every exchange pushes is remembered: fills and
orders.

What a reconcile or a poll found proves nothing, for the stream was not there, and
forgets what is remembered of the account: another connection has begun.

One lost frame is one piece of evidence, however many audits it takes to find all
that it said: its fill may be found by one audit and its order by the next. So what
happened no later than `SAME_MS` after what was counted already is nothing new.

Pure bookkeeping: `matured` and `is_news` only look; the caller says what became of
it (`forget`, `counted`) when the commit has succeeded.
"""

from collections.abc import Hashable, Iterable

AGE_MS = 5_000
"""What is younger may still be on its way by stream."""
SAME_MS = 1_000
"""An order's own time may be some milliseconds later than its fill's."""
ROOM = 10_000
"""Things remembered over all accounts; the oldest are forgotten first."""

Thing = tuple[str, Hashable]  # the account, and what identifies the thing there
LONG_AGO = -SAME_MS - 1


class Unheard:
    """What audits found young, and the stream has not confirmed. One thread only."""

    def __init__(self) -> None:
        self._since: dict[Thing, int] = {}
        self._counted: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def found(self, thing: Thing, exchange_at: int) -> None:
        """An audit was the first to say that this happened, at that time."""
        self._since.setdefault(thing, exchange_at)
        if len(self._since) > ROOM:
            del self._since[next(iter(self._since))]

    def matured(self, account: str, now_ms: int) -> dict[Thing, int]:
        """What of the account the stream had its time for, and when it happened."""
        return {
            thing: at for thing, at in self._since.items() if thing[0] == account and now_ms - at > AGE_MS
        }

    def is_news(self, account: str, at: int) -> bool:
        """Whether something that happened then is evidence beyond what was counted."""
        return at > self._counted.get(account, LONG_AGO) + SAME_MS

    def counted(self, account: str, at: int) -> None:
        """Something that happened then was counted against the stream."""
        self._counted[account] = max(at, self._counted.get(account, LONG_AGO))

    def forget(self, things: Iterable[Thing]) -> None:
        """The stream has said them, or they were counted."""
        for thing in things:
            self._since.pop(thing, None)

    def begin_anew(self, account: str) -> None:
        """Another connection: nothing can be blamed on it yet."""
        self.forget([thing for thing in self._since if thing[0] == account])
        self._counted.pop(account, None)

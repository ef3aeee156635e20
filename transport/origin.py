"""What all callers of one REST origin share: its budget, its bans, its clock.

An exchange counts by address: two accounts there, or a poller and a reader, draw
on one budget, and a ban that one of them earned is everybody's. Streams are
counted the same way, by the attempts to open one. The rules are core/budget and
core/offset; this is the lock round their present values. The host owns the
collection, so that a ban outlives whoever was refused.
"""

import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from core.budget import CONNECTS, Attempts, Budget, Usage, until_next_minute
from core.clock import Clock
from core.errors import RateLimited
from core.offset import Anchor, Sample, best

_BAN = 60.0  # seconds: for a refusal that names no end; a wait beyond it is a ban of our address


class RestOrigin:
    """One origin's shared state. Thread-safe; nothing here waits."""

    def __init__(self, clock: Clock, weight_per_minute: int) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._budget = Budget(limit=weight_per_minute)
        self._shut_until = self._banned_until = 0.0
        self._anchor: Anchor | None = None
        self._is_doubted = False
        self._hurry: dict[str, Callable[[], object]] = {}
        self._ended: dict[str, dict[str, float]] = {}

    def time_ms(self) -> int:
        """Exchange time now; our own wall clock as long as no sample came."""
        anchor = self._anchor
        return self._clock.wall_ms() if anchor is None else anchor.time_ms(self._clock.boottime())

    @property
    def anchored_at(self) -> float | None:
        """The boottime second of the sample in use; None before the first, and since it was doubted."""
        return None if self._anchor is None or self._is_doubted else self._anchor.at

    def learn(self, samples: Sequence[Sample]) -> None:
        """Set the clock by the best of these."""
        self._anchor, self._is_doubted = best(samples), False

    def doubt_clock(self) -> None:
        """A timestamp was refused: whoever asks next has to learn the time first, whatever becomes of us."""
        self._is_doubted = True

    def begin(self, weight: int, *, urgent: bool) -> None:
        """Take a call's weight from the budget; RateLimited instead if it may not leave now."""
        with self._lock:
            now_ms, now = self.time_ms(), self._clock.boottime()
            wait = self._budget.wait(weight, now_ms=now_ms, now=now, urgent=urgent)
            if wait > 0:
                asked = now < self._budget.closed_until
                why = "the exchange asked to wait" if asked else "the minute's budget is used up"
                raise RateLimited(f"not sent: {why}", retry_after=wait, ban=now < self._shut_until)
            self._budget = self._budget.began(weight)

    def end(self, weight: int, stated: int | None) -> None:
        """Give back what `begin` took; `stated` is the exchange's own count, if the reply told it."""
        with self._lock:
            self._budget = self._budget.ended(weight, now_ms=self.time_ms(), stated=stated)

    def refused(self, error: RateLimited) -> None:
        """Close the origin for as long as the refusal says; where it does not, say it in the error."""
        with self._lock:
            if error.retry_after is None:
                error.retry_after = _BAN if error.ban else until_next_minute(self.time_ms())
            until = self._clock.boottime() + error.retry_after
            self._budget = self._budget.closed(until)
            if error.ban:
                self._shut_until = max(self._shut_until, until)
            if error.ban and error.retry_after > _BAN:  # more than the rest of a minute's budget
                self._banned_until = max(self._banned_until, until)

    def heed_ban(self) -> None:
        """RateLimited while our address is banned: then a stream must not knock either."""
        left = self._banned_until - self._clock.boottime()
        if left > 0:
            raise RateLimited("not tried: the exchange has banned this address", retry_after=left, ban=True)

    def ended(self, account: str) -> dict[str, float]:
        """By path, the boottime second at which the account's last call of a paced kind ended.

        Its callers keep it, for an exchange counts by key and method, whoever calls; the next
        generation of a caller goes on where it stopped.
        """
        return self._ended.setdefault(account, {})

    def hurries(self, account: str, hurry: Callable[[], object]) -> None:
        """Whom to call when the account's stream is back; the last one who said so."""
        self._hurry[account] = hurry

    def stream_is_back(self, account: str) -> None:
        """A call that waits for an answer on what may be a dead connection should wait no longer.

        Safe in every thread. Without this a poller would hear of the new stream
        only after the read timeout of a call that the outage had swallowed.
        """
        if (hurry := self._hurry.get(account)) is not None:
            hurry()

    def usage(self, name: str) -> Usage:
        """What is used of the budget now; `name` is whose it is."""
        budget = self._budget
        closed_for = max(0.0, budget.closed_until - self._clock.boottime())
        return Usage(name, budget.taken(self.time_ms()), budget.limit, closed_for)

    @property
    def closed_until(self) -> float:
        """The boottime second until which no call leaves; in the past when all is well."""
        return self._budget.closed_until


class Origins:
    """Every origin in use, by scheme, host and port. Owned by the host; thread-safe."""

    def __init__(self, clock: Clock, *, connects: int = CONNECTS) -> None:
        self._clock = clock
        self._connects = connects
        self._lock = threading.Lock()
        self._rest: dict[str, RestOrigin] = {}
        self._attempts: dict[str, Attempts] = {}

    def rest(self, url: str, weight_per_minute: int) -> RestOrigin:
        """The origin of this base URL; the first who asks sets its limit."""
        with self._lock:
            if (key := _key(url)) not in self._rest:
                self._rest[key] = RestOrigin(self._clock, weight_per_minute)
            return self._rest[key]

    def usage(self) -> list[Usage]:
        """Every origin's budget as it is now."""
        with self._lock:
            origins = list(self._rest.items())
        return [origin.usage(name) for name, origin in origins]

    def connecting(self, url: str) -> None:
        """Count one attempt to open a stream there; RateLimited instead if it has to wait."""
        now = self._clock.boottime()
        with self._lock:
            attempts = self._attempts.get(_key(url), Attempts(limit=self._connects))
            if (wait := attempts.wait(now)) > 0:
                raise RateLimited("not tried: too many connections were opened there", retry_after=wait)
            self._attempts[_key(url)] = attempts.made(now)


def _key(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()

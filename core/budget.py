"""How much may be asked of one origin, and when nothing may.

One budget per origin, shared by all who call there, because the exchange counts
by address and not by account.

* The exchange's own count is the truth: a reply that states the weight used in
  its minute replaces ours; only what is still under way is added to it.
* A fifth is kept for what must get through (cancels, reconciles: `urgent`);
  everything else stops before that and waits for the next minute.
* The minute is the exchange's: aligned to its clock, and back at zero with it.
* Once the exchange has said "wait", the origin is closed to everybody until then.
  A second refusal never shortens the first (B21: knocking makes a ban longer).

Attempts to open a stream have a budget of their own: so many in any five minutes,
for an outage that makes every account reconnect must not end in a ban.

Both are values: a step returns the next one. The shell keeps it, and a lock.
"""

import msgspec

CONNECTS = 300  # in five minutes, per address (Binance, general WS limits); the others name no number
_CONNECTS_SPAN = 300.0
_MINUTE_MS = 60_000


class Budget(msgspec.Struct, frozen=True):
    """`limit` is weight a minute; times are exchange ms (`now_ms`) and boottime seconds (`now`)."""

    limit: int
    reserve: float = 0.2
    minute: int = 0
    used: int = 0
    under_way: int = 0
    closed_until: float = 0.0

    def wait(self, weight: int, *, now_ms: int, now: float, urgent: bool = False) -> float:
        """Seconds until a call of this weight may leave; 0 = now."""
        if now < self.closed_until:
            return self.closed_until - now
        taken = self.taken(now_ms)
        allowed = self.limit if urgent else int(self.limit * (1 - self.reserve))
        if taken == 0 or taken + weight <= allowed:  # one that is larger than the budget still has its turn
            return 0.0
        return until_next_minute(now_ms)

    def taken(self, now_ms: int) -> int:
        """The weight used in this minute, with what is under way."""
        return self._in_minute(now_ms).used + self.under_way

    def began(self, weight: int) -> "Budget":
        """A call of this weight leaves."""
        return msgspec.structs.replace(self, under_way=self.under_way + weight)

    def ended(self, weight: int, *, now_ms: int, stated: int | None) -> "Budget":
        """It came back, or failed; `stated` is the exchange's own count if the reply told it."""
        here = self._in_minute(now_ms)
        used = here.used + weight if stated is None else stated
        return msgspec.structs.replace(here, used=used, under_way=max(0, self.under_way - weight))

    def closed(self, until: float) -> "Budget":
        """The exchange asked to wait until this boottime second."""
        return msgspec.structs.replace(self, closed_until=max(self.closed_until, until))

    def _in_minute(self, now_ms: int) -> "Budget":
        minute = now_ms // _MINUTE_MS
        return self if minute == self.minute else msgspec.structs.replace(self, minute=minute, used=0)


class Usage(msgspec.Struct, frozen=True):
    """What is told of one origin's budget: weight in this minute, seconds until it may be called again."""

    origin: str
    used: int
    limit: int
    closed_for: float


def until_next_minute(now_ms: int) -> float:
    """Seconds until the exchange's counters start again."""
    return (_MINUTE_MS - now_ms % _MINUTE_MS) / 1000


class Attempts(msgspec.Struct, frozen=True):
    """Attempts to open a stream of one origin, by boottime seconds; a fifth is never used."""

    limit: int = CONNECTS
    times: tuple[float, ...] = ()

    def wait(self, now: float) -> float:
        """Seconds until the next attempt may be made; 0 = now."""
        recent = self._recent(now)
        surplus = len(recent) - max(1, int(self.limit * 0.8))
        return 0.0 if surplus < 0 else recent[surplus] + _CONNECTS_SPAN - now

    def made(self, now: float) -> "Attempts":
        return Attempts(self.limit, (*self._recent(now), now))

    def _recent(self, now: float) -> tuple[float, ...]:
        return tuple(time for time in self.times if now - time < _CONNECTS_SPAN)

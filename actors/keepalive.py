"""When a connection's periodic duties are due: heartbeat, rotation, renewal of its key.

One generation of this actor belongs to one generation of the connection (they
share a rest_for_one group), so what is due is counted from its own start, and
the connection was subscribed the moment before. The ticker only says "look";
what is due is decided here on the boottime clock, so that neither a step of the
wall clock nor a suspended machine changes how old a connection is.

It tells the connection what to do and knows no socket. That a duty *succeeded*
is not known here: the reader stamps it when the peer's answer comes (B2). The
renewal of a key is the exception: it is due by the age of the last one, and one
that does not succeed is asked for again in 5, 10, then every 20 seconds.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol, assert_never

from actors.base import Actor, Address, Context
from actors.memory import StreamMemory
from core.incidents import Duty
from core.messages import RenewKey, Rotate, SendHeartbeat, Tick
from core.status import Vitals

Inbox = Tick

LOOKS = 4  # per shortest period: a duty is at most a quarter of it late
ROTATE_SPREAD = 0.02
RENEW_SPREAD = 0.1
RENEW_AGAIN = (5.0, 10.0, 20.0)  # seconds after a renewal that did not succeed


class Ticks(Protocol):
    """What is needed of the host's ticker."""

    def every(self, job_id: str, seconds: float, tell: Callable[[], object]) -> None: ...

    def remove(self, job_id: str) -> None: ...


class KeepaliveActor(Actor):
    """Seconds: `heartbeat` between two pings of ours, `rotate_after` the age a socket may reach.

    `renew_every` is the age that the renewal of a key in `memory` may reach.
    """

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        heartbeat: float,
        rotate_after: float,
        connection: Address[Any],
        ticker: Ticks,
        renew_every: float = 1200.0,
        memory: StreamMemory | None = None,
        vitals: Vitals | None = None,
    ) -> None:
        super().__init__(context, mailbox=4, overflow="keep_last")
        spread = Random(account)
        self._heartbeat = heartbeat
        self._rotate_after = rotate_after * spread.uniform(1 - ROTATE_SPREAD, 1 + ROTATE_SPREAD)
        self._renew_after = renew_every * spread.uniform(1 - RENEW_SPREAD, 1 + RENEW_SPREAD)
        self._connection = connection
        self._ticker = ticker
        self._memory = memory or StreamMemory(context.clock)
        self._vitals = vitals or Vitals()
        self._periods: dict[Duty, float] = {
            "heartbeat": heartbeat,
            "rotation": rotate_after,
            "listen_key": renew_every,
        }
        self._job_id = f"{context.child}#{context.gen}"
        self._beat_at = 0.0
        self._rotate_at = 0.0
        self._renewed_at = 0.0  # the last renewal that we know of
        self._renew_at = 0.0
        self._renewals = 0  # asked for since then

    def started(self) -> None:
        now = self.context.clock.boottime()
        self._beat_at = now + self._heartbeat
        self._rotate_at = now + self._rotate_after
        shortest = min(self._heartbeat, self._rotate_after)
        if self._memory.held is not None:
            shortest = min(shortest, self._renew_after, RENEW_AGAIN[0])
        self._ticker.every(self._job_id, shortest / LOOKS, lambda: self.me.tell(Tick()))
        self._tell_periods()
        self.ready()

    def handle(self, message: Inbox) -> None:
        match message:
            case Tick():
                self._look()
            case _:
                assert_never(message)

    def stopping(self) -> None:
        self._ticker.remove(self._job_id)

    def _look(self) -> None:
        """A duty missed while the machine slept is due once, not once for each period."""
        now = self.context.clock.boottime()
        if now >= self._beat_at:
            self._beat_at = now + self._heartbeat
            self._connection.tell(SendHeartbeat())
        if now >= self._rotate_at:
            self._rotate_at = now + self._rotate_after
            self._connection.tell(Rotate("it has reached its age"))
        if (held := self._memory.held) is not None:
            self._look_at_key(held.renewed_at, now)
        self._tell_periods()

    def _look_at_key(self, renewed_at: float, now: float) -> None:
        if renewed_at != self._renewed_at:
            self._renewed_at, self._renew_at, self._renewals = renewed_at, renewed_at + self._renew_after, 0
        if now >= self._renew_at:
            self._connection.tell(RenewKey(now))
            self._renew_at = now + RENEW_AGAIN[min(self._renewals, len(RENEW_AGAIN) - 1)]
            self._renewals += 1

    def _tell_periods(self) -> None:
        """By what the duties are judged. A stream that was not entered by a key renews none."""
        self._vitals.periods |= self._periods
        if self._memory.held is None:
            self._vitals.periods.pop("listen_key", None)

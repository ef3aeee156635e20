"""The thread that brings alerts to one address, and how patient it is.

Each address has a courier of its own, so a dead or slow service delays nobody else.
A message is tried once and then after each of `WAITS`, several minutes in all; every
attempt has `LIMIT` seconds. An attempt that is stuck cannot be ended from outside:
it is left behind, and no other begins before it has come to its end, so that a
service that hangs never costs more than one thread.

What waits for a dead service is old news soon: only the newest `MOST` messages wait.
What the courier meets is told in the log and in its vitals, which `status` shows, and
nowhere else: an incident about the alerts would be alerted.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from core.alerts import Message
from core.clock import Clock
from core.errors import VigilError
from core.secrecy import shown
from core.status import ChannelVitals
from transport.notices import Deliver

WAITS = (1.0, 5.0, 15.0, 45.0, 120.0)
LIMIT = 30.0
MOST = 20

log = structlog.get_logger()


class Courier:
    """`carry` never waits; `outcome(message, taken)` is called in the courier's thread, once for each."""

    def __init__(
        self,
        vitals: ChannelVitals,
        *,
        address: Callable[[str], str],
        deliver: Deliver,
        outcome: Callable[[Message, bool], object],
        clock: Clock,
        waits: Sequence[float] = WAITS,
        limit: float = LIMIT,
    ) -> None:
        self._vitals = vitals
        self._address = address
        self._deliver = deliver
        self._outcome = outcome
        self._clock = clock
        self._waits = waits
        self._limit = limit
        self._news = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._stopped = False
        self._stuck: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name=f"alerts/{vitals.channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; whatever was not delivered is not told."""
        with self._news:
            self._stopped = True
            self._news.notify_all()

    def carry(self, message: Message) -> None:
        """Bring it, after those before it."""
        dropped = None
        with self._news:
            if len(self._waiting) >= MOST:
                dropped = self._waiting.popleft()
            self._waiting.append(message)
            self._vitals.waiting = len(self._waiting)
            self._news.notify_all()
        if dropped is not None:
            self._lost(dropped, "too many wait")

    def _run(self) -> None:
        while (message := self._next()) is not None:
            self._bring(message)

    def _next(self) -> Message | None:
        with self._news:
            self._news.wait_for(lambda: self._stopped or self._waiting)
            return None if self._stopped else self._waiting.popleft()

    def _bring(self, message: Message) -> None:
        for wait in (0.0, *self._waits):
            if not self._goes_on(wait):
                return
            error = self._attempt(message)
            if error is None:
                self._taken(message)
                return
            self._refused(error)
        self._lost(message, self._vitals.error or "")

    def _goes_on(self, wait: float) -> bool:
        with self._news:
            return not self._news.wait_for(lambda: self._stopped, wait) if wait else not self._stopped

    def _attempt(self, message: Message) -> str | None:
        """Why it was not taken; None where it was."""
        if self._stuck is not None and self._stuck.is_alive():
            return f"an earlier attempt has had no answer for more than {self._limit:g} s"
        said: list[str | None] = []
        thread = threading.Thread(
            target=lambda: said.append(self._try(message)),
            name=f"alerts/{self._vitals.channel}/attempt",
            daemon=True,
        )
        thread.start()
        thread.join(self._limit)
        if not said:
            self._stuck = thread
            return f"no answer within {self._limit:g} s"
        return said[0]

    def _try(self, message: Message) -> str | None:
        """The address is looked up each time: its secret may have been mended."""
        try:
            url = self._address(self._vitals.reference)
            self._vitals.url = shown(url)
            self._deliver(url, message, self._clock.wall_ms())
        except VigilError as error:
            return str(error)
        except Exception as bug:  # a border: whatever it is must not cost the channel
            log.exception("alert_failed", channel=self._vitals.channel)
            return type(bug).__name__
        return None

    def _taken(self, message: Message) -> None:
        if self._vitals.state == "failing":
            log.info("alerts_delivered_again", channel=self._vitals.channel)
        self._vitals.state, self._vitals.error = "ok", None
        self._vitals.sent += 1
        self._over(message, taken=True)

    def _refused(self, error: str) -> None:
        if self._vitals.error != error:
            log.warning(
                "alert_not_delivered", channel=self._vitals.channel, url=self._vitals.url, error=error
            )
        self._vitals.state, self._vitals.error = "failing", error

    def _lost(self, message: Message, why: str) -> None:
        log.error("alert_lost", channel=self._vitals.channel, id=message.id, why=why)
        self._vitals.lost += 1
        self._over(message, taken=False)

    def _over(self, message: Message, *, taken: bool) -> None:
        self._vitals.waiting = len(self._waiting)
        self._outcome(message, taken)

"""One thread follows the ledger for everybody who listens.

Four times a second at most it hands to the event loop what is new: each row is read once,
each event written once. Between two rounds it reads ahead, a little at a time, for five
hundred rows in one go would keep the interpreter from a commit for milliseconds. While nobody
listens it only keeps its place. The rounds are what bounds its cost: at a thousand facts a
second as at one, there are four of them; and it waits for news without a lock of the
ledger's, so that it can never slow a commit.

A ledger that cannot be read now is tried again; the place is kept, so nothing is lost.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import structlog

from control.services import Services
from core.account import SEEING
from core.errors import DatabaseProblem
from core.report import NOT_EXPECTED_LIVE
from core.status import Document
from models.read import Reader, Row
from web.hub import FAR_BEHIND, Facts, News, event

log = structlog.get_logger()

ROUND = 0.25  # seconds
AHEAD = 0.05  # seconds between two readings
SECOND = 1.0
PAGE = 500
COLUMNS = [
    "seq",
    "account",
    "exchange",
    "kind",
    "category",
    "symbol",
    "key",
    "source",
    "outcome",
    "exchange_at",
    "received_at",
    "recorded_at",
    "fact",
]
_INCIDENTS = 200  # the newest, looked through for changes
_PASSING = frozenset(
    {"transport_age_s", "audit_age_s", "retry_in_s", "duties", "last_event_at", "mailbox", "ledger"}
)


def page_event(rows: Sequence[Row]) -> bytes:
    """Rows of the journal as one event; its id is the last seq."""
    return event("facts", _told(rows), at=rows[-1]["seq"])


def _told(rows: Sequence[Row]) -> list[Row]:
    return [{name: row[name] for name in COLUMNS} for row in rows]


class Portion(NamedTuple):
    """What was read at once: the journal behind `after`, up to `last`, as JSON that is not put into brackets yet."""

    after: int
    last: int
    size: int
    rows: bytes


def facts_of(portions: Iterable[Portion]) -> Iterator[Facts]:
    """As few events as hold `PAGE` rows at most."""
    full = deque[Portion]()
    for portion in portions:
        if full and sum(one.size for one in full) + portion.size > PAGE:
            yield _together(full)
            full.clear()
        full.append(portion)
    if full:
        yield _together(full)


def _together(portions: Sequence[Portion]) -> Facts:
    after, last = portions[0].after, portions[-1].last
    rows = b",".join(portion.rows for portion in portions if portion.size)
    return Facts(after, last, event("facts", msgspec.Raw(b"[" + rows + b"]"), at=last) if rows else b"")


class Tail:
    """`publish` is handed News in this thread; `is_heard` and `joined` say for whom, `failed` is told of a bug."""

    def __init__(
        self,
        services: Services,
        publish: Callable[[News], None],
        is_heard: Callable[[], bool],
        joined: Callable[[], int],
        failed: Callable[[str], None],
    ) -> None:
        self._services = services
        self._publish = publish
        self._is_heard = is_heard
        self._joined = joined
        self._failed = failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-tail", daemon=True)
        self._at = 0
        self._ahead: list[Portion] = []
        self._greeted = 0  # how many had joined when the status was last told
        self._briefed = 0  # and the incidents
        self._status: Document | None = None
        self._pulse = Pulse()
        self._incidents: dict[int, Row] = {}
        self._is_waiting = False

    def start(self, at: int) -> None:
        """Follow the ledger from `at` on."""
        self._at = at
        self._thread.start()

    def end(self) -> None:
        self._ended.set()

    def join(self, timeout: float) -> bool:
        """Whether it is over."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # ------------------------------------------------------------------- inside

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as bug:
            log.error("web_tail_failed", error=type(bug).__name__, exc_info=bug)
            self._failed(f"the tail failed: {type(bug).__name__}: {bug}")

    def _follow(self) -> None:
        reader, clock = self._services.reader(), self._services.clock
        try:
            while not self._ended.is_set():
                newest = self._services.feed.wait(self._at, ROUND)
                began = clock.monotonic()
                if self._is_heard():
                    self._tell(self._read(reader, newest, self._states(began)))
                else:
                    self._tell(News(facts=self._passed(newest)))
                self._read_ahead(reader, began + ROUND)
        finally:
            reader.close()

    def _tell(self, news: News) -> None:
        if any(news):
            self._publish(news)

    def _read(self, reader: Reader, newest: int, news: News) -> News:
        """The news with what only the ledger knows: each listener is sent a round in one piece.

        Where it cannot be read, the place is kept.
        """
        try:
            news = news._replace(facts=self._facts(reader, newest))
            if self._pulse.beats:
                news = news._replace(incidents=self._changed(reader))
        except DatabaseProblem as problem:
            if not self._is_waiting:
                log.warning("web_tail_waits", error=str(problem))
            self._is_waiting = True
            return news
        self._is_waiting = False
        return news

    def _read_ahead(self, reader: Reader, until: float) -> None:
        """The rest of the round. What cannot be read is the next round's affair."""
        clock, feed = self._services.clock, self._services.feed
        while (left := until - clock.monotonic()) > 0 and not self._ended.wait(min(left, AHEAD)):
            newest = feed.wait(0, 0.0)
            if self._is_heard() and newest - self._at <= FAR_BEHIND:
                with suppress(DatabaseProblem):
                    self._look(reader, newest)

    def _passed(self, newest: int) -> tuple[Facts, ...]:
        """Nobody reads these rows here: only the place moves."""
        self._ahead.clear()
        after, self._at = self._at, max(self._at, newest)
        return (Facts(after, self._at),) if after < self._at else ()

    def _facts(self, reader: Reader, newest: int) -> tuple[Facts, ...]:
        if newest - self._at > FAR_BEHIND:
            return self._passed(newest)
        self._look(reader, newest)
        facts = tuple(facts_of(self._ahead))
        self._ahead.clear()
        return facts

    def _look(self, reader: Reader, newest: int) -> None:
        """Read up to there."""
        while self._at < newest:
            with self._services.turn():
                rows = reader.journal(after=self._at, limit=PAGE)
                last = rows[-1]["seq"] if rows else newest
                told = msgspec.json.encode(_told(rows))[1:-1]
            self._ahead.append(Portion(self._at, last, len(rows), told))
            self._at = last

    def _states(self, now: float) -> News:
        """The status where it changed or a second went by, and the chart once a second."""
        status = self._services.status()
        self._pulse.look(now)
        stands = _standing(status)
        states = {}
        if self._pulse.beats or stands != self._status or self._greeted != self._joined():
            self._status, self._greeted = stands, self._joined()
            states["status"] = event("status", {**status, "now": self._services.clock.wall_ms()})
        if self._pulse.beats:
            rate = self._pulse.rate(now, status["ledger"]["sequence"])
            states["chart"] = event("chart", chart(status, self._services.clock.wall_ms(), rate))
        return News(states=states)

    def _changed(self, reader: Reader) -> bytes:
        """The incidents that are not as they were a second ago: all of them where somebody has joined since."""
        rows = {row["id"]: row for row in reader.incidents(limit=_INCIDENTS)}
        joined = self._joined()
        known = self._incidents if joined == self._briefed else {}
        self._briefed, self._incidents = joined, rows
        changed = [row for id_, row in rows.items() if known.get(id_) != row]
        return event("incidents", changed) if changed else b""


class Pulse:
    """When a second has gone by, and how many rows it brought."""

    def __init__(self) -> None:
        self.beats = False
        self._beat_at = 0.0
        self._counted: tuple[float, int] | None = None

    def look(self, now: float) -> None:
        self.beats = now >= self._beat_at
        if self.beats:
            self._beat_at = now + SECOND - ROUND / 2

    def rate(self, now: float, sequence: int) -> float | None:
        """Rows a second since the last time; None the first time, and after a pause."""
        before, self._counted = self._counted, (now, sequence)
        if before is None or not 0 < now - before[0] < 5 * SECOND:
            return None
        return round(max(0, sequence - before[1]) / (now - before[0]), 1)


def chart(status: Document, now_ms: int, rate: float | None) -> dict[str, Any]:
    """One second of the chart; what is not known is null."""
    ledger = status["ledger"]
    return {
        "at": now_ms,
        "events_per_s": rate,
        "p50_ms": ledger["event_to_commit_p50_ms"],
        "p99_ms": ledger["event_to_commit_p99_ms"],
        "blind": blind(status),
    }


def blind(status: Document) -> list[str]:
    """The accounts that should see and do not."""
    return [
        account["account"]
        for account in status["accounts"]
        if account["state"] not in SEEING and account["state"] not in NOT_EXPECTED_LIVE
    ]


def _standing(value: Any) -> Any:
    """A status without what changes all the time: ages and counters, which a second is soon enough for."""
    if isinstance(value, dict):
        return {name: _standing(inner) for name, inner in value.items() if name not in _PASSING}
    return [_standing(item) for item in value] if isinstance(value, list) else value

"""The actor that owns the ledger: group commit, and what happens when it fails.

It commits what has gathered, a thousand entries at most, and tells itself to go
on, so that pings and Stop are served between two commits. Low rate: one event,
one commit. High rate: large batches.

When the database refuses, nothing is lost: the entries stay in the inlet, and it
tries again after a growing wait; after a second the inlet is told to keep
everything on disk. When a single entry cannot be stored by any database, it is
looked for and quarantined with its reason, and the rest goes on.

Order after a commit: the feed first (everybody may read it now), then those who
wait for their ticket. Nobody hears of a fact that a crash could take back.
"""

from collections import Counter
from collections.abc import Callable
from typing import assert_never

import msgspec
import structlog

from actors.base import Actor, Context
from actors.feed import Feed
from actors.inlet import Inlet, Taken
from core.errors import DatabaseProblem
from core.facts import Batch
from core.latency import Latency
from core.messages import Doubtful, Drain, Momentary
from core.reconcile import OrderName
from core.records import DeadLetter, Entry, Incident
from core.status import LedgerVitals
from models.checkpoint import Checkpointer, Turns
from models.database import identity, named
from models.ledger import AlreadyStored, Committed, Ledger, Mark, Unstorable

MOST = 1_000  # entries in one transaction
ONE_BY_ONE = 50  # entries tried alone before other messages are heard
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
SPILL_AFTER = 1.0  # seconds of refusal
LAST_SECONDS = 1.2  # for what is left when asked to stop
PRUNE_EVERY = 60.0
DAY_MS = 86_400_000

log = structlog.get_logger()


class Retry(Momentary, frozen=True, gc=False):
    """The wait after a refusal is over."""


class Survey(Momentary, frozen=True, gc=False):
    """Another second: publish the latencies, prune what is old."""


Inbox = Drain | Retry | Survey


class PersistenceActor(Actor):
    """The one writer. What it does not manage stays in the inlet, which outlives it."""

    def __init__(
        self,
        context: Context,
        *,
        url: str,
        inlet: Inlet,
        feed: Feed,
        vitals: LedgerVitals,
        keep_days: Callable[[], int] = lambda: 90,
    ) -> None:
        super().__init__(context)
        self._url = url
        self._inlet = inlet
        self._feed = feed
        self._vitals = vitals
        self._keep_days = keep_days
        self._ledger: Ledger | None = None
        self._file: tuple[int, int] | None = None
        self._turns = Turns()
        self._checkpointer: Checkpointer | None = None
        self._refused_since: float | None = None
        self._waits = 0  # refusals in a row
        self._prune_at = 0.0
        self._commit = Latency()
        self._event_to_commit = Latency()
        self._news: Counter[tuple[str, str]] = Counter()

    def started(self) -> None:
        self._open()

    def handle(self, message: Inbox) -> None:
        match message:
            case Drain():
                if not self._waits:
                    self._work()
            case Retry():
                self._work() if self._ledger else self._open()
            case Survey():
                self._survey()
            case _:
                assert_never(message)

    def stopping(self) -> None:
        """Commit all that was accepted (S34); what remains is the inlet's to keep."""
        deadline = self.context.clock.monotonic() + LAST_SECONDS
        try:
            while self._ledger and self.context.clock.monotonic() < deadline and self._drain():
                pass
        except DatabaseProblem as problem:
            log.warning("not_all_stored", error=str(problem))
        finally:
            if self._checkpointer:
                self._checkpointer.stop(timeout=0.2)  # a daemon thread: a long checkpoint is left behind
            if self._ledger:
                self._ledger.close()

    # ----------------------------------------------------------------- opening

    def _open(self) -> None:
        """Open, learn what is left over, begin. A problem that may pass is waited for."""
        try:
            ledger = Ledger.open(self._url, self.context.clock)
            self._catch_up(ledger)
        except DatabaseProblem as problem:
            if not problem.passing:
                raise
            self._refused(problem)
            return
        self._ledger = ledger
        self._file = identity(self._url)
        self._checkpointer = Checkpointer(self._url, self._turns)
        self._checkpointer.start()
        self._waits, self._refused_since = 0, None
        self._publish(ledger)
        self._inlet.connect(self._wake)
        self.later(1.0, Survey())
        self.ready()

    def _wake(self) -> None:
        """Called in a putter's thread; a Drain that finds nobody is made good by the next generation."""
        self.me.tell(Drain())

    def _catch_up(self, ledger: Ledger) -> None:
        """Let the inlet forget what is committed already, and the database what is gone.

        The marks are read first: one that a generation before us sets only now, in
        a segment that was not there yet, is not taken for one of the past. A removed
        file that a power cut brings back is known by its mark, which stays until none can.
        """
        marks = ledger.marks()
        self._inlet.resume(marks)
        gone = marks.keys() - set(self._inlet.segments())
        if gone and self._inlet.sync_removals():
            ledger.forget_marks(gone)

    # ---------------------------------------------------------------- draining

    def _work(self) -> None:
        try:
            more = self._drain()
        except DatabaseProblem as problem:
            self._refused(problem)
            return
        if self._refused_since is not None:
            log.info("database_takes_again", refusals=self._waits)
        self._waits, self._refused_since = 0, None
        if more:
            self.me.tell(Drain())

    def _drain(self) -> bool:
        """One commit; True where more waits. Raises DatabaseProblem."""
        ledger = self._ledger
        taken = self._inlet.take(MOST) if ledger and self.is_current() else None
        if ledger is None or taken is None:
            return False
        try:
            self._look_for_the_file()
            return self._store(ledger, taken)
        except AlreadyStored:
            self._catch_up(ledger)
            return True
        except DatabaseProblem:
            self._inlet.give_back()
            raise

    def _look_for_the_file(self) -> None:
        """SQLite would go on writing into a file that nobody can find any more, and say that all is well."""
        if identity(self._url) != self._file:
            what = f"database {named(self._url)} was taken away while in use"
            raise DatabaseProblem(f"{what}: put it back, or restart vigil to begin anew", passing=True)

    def _store(self, ledger: Ledger, taken: Taken) -> bool:
        began = self.context.clock.monotonic()
        try:
            with self._turns:
                committed = ledger.write(taken.entries, Mark(taken.segment, taken.start, taken.end))
        except Unstorable:
            return self._one_by_one(ledger, taken)
        self._measure(taken, began)
        self._settle(ledger, taken, committed)
        return taken.more

    def _settle(self, ledger: Ledger, taken: Taken, committed: Committed) -> None:
        self._publish(ledger)
        self._feed.publish(committed.sequence)
        self._inlet.settle(taken, committed.effects[: len(taken.entries)], committed.sequence)
        for entry, effect in zip(taken.entries, committed.effects, strict=False):
            if isinstance(entry, Batch) and effect.changed:
                self._news[entry.account, entry.source] += effect.changed
        if any(effect.requery for effect in committed.effects):
            self._have_them_asked_for(taken, committed)

    def _have_them_asked_for(self, taken: Taken, committed: Committed) -> None:
        """What the stream said and cannot be: the account's poller asks. Its own answers it judges itself."""
        doubtful: dict[str, dict[OrderName, None]] = {}
        for entry, effect in zip(taken.entries, committed.effects, strict=False):
            if effect.requery and isinstance(entry, Batch) and entry.source == "stream":
                doubtful.setdefault(entry.account, {}).update(dict.fromkeys(effect.requery))
        for account, orders in doubtful.items():
            poller = self.context.directory.address(f"{account}/poller")
            poller.tell(Doubtful(tuple(orders)))

    def _publish(self, ledger: Ledger) -> None:
        self._vitals.sequence = ledger.sequence
        self._vitals.fills = ledger.fills
        self._vitals.orders = ledger.orders

    def _measure(self, taken: Taken, began: float) -> None:
        now = self.context.clock.monotonic()
        self._commit.add(now, (now - began) * 1000)
        if not taken.ours:
            return
        for entry in taken.entries:
            if isinstance(entry, Batch):
                self._event_to_commit.add(now, (now - entry.received_mono) * 1000)

    # ------------------------------------------------------------ what goes wrong

    def _refused(self, problem: DatabaseProblem) -> None:
        """Wait and try again; after a second everything goes to disk meanwhile."""
        now = self.context.clock.monotonic()
        if self._refused_since is None:
            self._refused_since = now
            log.warning("database_refused", error=str(problem))
        if now - self._refused_since >= SPILL_AFTER:
            self._inlet.spill(str(problem))
            self._inlet.sync()
        self.later(min(LONGEST_WAIT, FIRST_WAIT * 2**self._waits), Retry())
        self._waits += 1

    def _one_by_one(self, ledger: Ledger, taken: Taken) -> bool:
        """Something in there cannot be stored: find it, quarantine it, keep the rest."""
        for place, entry in enumerate(taken.entries[:ONE_BY_ONE]):
            one = Taken(taken.segment, taken.start + place, [entry], taken.ours, more=True)
            mark = Mark(one.segment, one.start, one.end)
            try:
                committed = ledger.write([entry], mark)
            except Unstorable as error:
                self._store_facts(ledger, entry)
                committed = ledger.write(self._quarantine(entry, str(error)), mark)
            self._settle(ledger, one, committed)
        return True

    def _store_facts(self, ledger: Ledger, entry: Entry) -> None:
        """The facts of a batch one at a time, without the raw text, which may be to blame.

        They are not marked: should we die here, they come again and are the same.
        """
        for fact in entry.facts if isinstance(entry, Batch) else ():
            try:
                ledger.write([msgspec.structs.replace(entry, facts=(fact,), raw=None)])
            except Unstorable as error:
                log.error("fact_not_stored", error=str(error))

    def _quarantine(self, entry: Entry, why: str) -> list[Entry]:
        """One letter, one incident (S31). `ascii`, because what cannot be stored may be its very text."""
        at = self.context.clock.wall_ms()
        what = f"an entry could not be stored: {why}"
        return [
            DeadLetter(at, self.context.child, self.context.gen, ascii(entry)[:10_000], why),
            Incident(at, "ledger:unstorable", "unstorable", "critical", what),
        ]

    # -------------------------------------------------------------- every second

    def _survey(self) -> None:
        now = self.context.clock.monotonic()
        self._vitals.commit = self._commit.spread(now)
        self._vitals.event_to_commit = self._event_to_commit.spread(now)
        self._vitals.news = dict(self._news)
        if self._ledger:
            self._vitals.open_incidents = self._ledger.open_incidents()
        if now >= self._prune_at and not self._waits and self._ledger:
            self._prune_at = now if self._prune(self._ledger) else now + PRUNE_EVERY
        self.later(1.0, Survey())

    def _prune(self, ledger: Ledger) -> int:
        try:
            return ledger.prune(self.context.clock.wall_ms() - self._keep_days() * DAY_MS)
        except DatabaseProblem as problem:
            log.warning("not_pruned", error=str(problem))
            return 0

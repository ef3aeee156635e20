"""Where facts wait for the ledger, and why none is lost on the way.

The inlet belongs to the host and outlives every persistence actor. Readers and
pollers `put`; that appends to a queue in memory and never waits for a database.
The one writer takes from the other end.

The queue is a row of segments, oldest first: memory, or a spill file. Entries go
to the last one. When the database refuses, or nobody has taken anything for some
seconds, or too many wait, memory becomes a spill file, under its own id and numbers
(by these the database knows it), and everything goes there until it is drained; then
memory again. Where no file can be written either,
memory has to do, whatever its size, and counts as spilled. So the order of arrival is kept
whatever happens. Files that an earlier boot left stand first.

The writer commits, in one transaction, the rows and how far it got in which
segment, and tells `settle` afterwards. Should it die between the two, the next
one reads from the database how far it had got (`resume`). That, and not luck, is
what makes the hand-over exactly once.

What is not committed when the process ends is written to the spill (`close`). A
process that is killed loses what is in memory and not committed; the reconcile
at the next start fetches it again.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import structlog

from actors.spill import NotASpill, SpillFile, found, new_segment, sync_names
from core.clock import Clock
from core.errors import StaleGeneration
from core.facts import Batch, Origin
from core.receipts import UNKNOWN, Due, EffectOf, Notify, Receipts, Stored
from core.records import Entry, Incident, Record
from core.status import LedgerVitals

PATIENCE = 5.0  # seconds that entries wait in memory for a writer that does not come

__all__ = ["Inlet", "Stored", "Taken"]

log = structlog.get_logger()


class Taken(msgspec.Struct, frozen=True):
    """Entries on loan to the writer: numbers `start` to `end` of a segment."""

    segment: str
    start: int
    entries: Sequence[Entry]
    ours: bool  # arrived in this process: its monotonic stamps mean something
    more: bool  # others wait behind them

    @property
    def end(self) -> int:
        return self.start + len(self.entries)


class _Memory:
    """A segment in memory."""

    ours = True

    def __init__(self, number: int) -> None:
        self.number = number
        self.segment = new_segment()
        self.settled = 0
        self._entries: deque[Entry] = deque()

    @property
    def waiting(self) -> int:
        return len(self._entries)

    def append(self, entries: Sequence[Entry]) -> None:
        self._entries.extend(entries)

    def peek(self, most: int) -> list[Entry]:
        return list(islice(self._entries, most))

    def settle(self, count: int) -> None:
        for _ in range(min(count - self.settled, len(self._entries))):
            self._entries.popleft()
            self.settled += 1

    def close(self, *, remove: bool) -> None:
        """Nothing to do for memory."""


class Inlet:
    """Thread-safe. Any number of putters, one writer at a time."""

    def __init__(self, spill_dir: Path, clock: Clock, vitals: LedgerVitals, limit: int = 50_000) -> None:
        self._folder = spill_dir
        self._clock = clock
        self._vitals = vitals
        self._limit = limit
        self._lock = threading.Lock()
        self._generations: dict[str, int] = {}
        self._wake: Callable[[], None] = lambda: None
        self._signalled = False
        self._closed = False
        self._moved_at = clock.monotonic()  # when the queue was last seen empty or moving
        self._no_spill_before = 0.0  # after a file could not be written, memory has to do for a while
        self._cornered = False  # neither the database nor the disk takes anything
        self._receipts = Receipts()
        self._number = 0
        self._segments: deque[SpillFile | _Memory] = deque()
        self._recover()

    # ----------------------------------------------------------------- putters

    def put(self, batches: Sequence[Batch]) -> int:
        """Accept all of it; returns a ticket for `when_stored`, 0 where there was nothing to accept.

        Never blocks on the database and never refuses for fullness. Raises
        StaleGeneration, having accepted nothing, where a newer generation of the
        sender has the authority (S24), or after `close`.
        """
        if not batches:
            return 0
        with self._lock:
            for batch in batches:
                self._admit(batch.origin)
            start = self._receipts.accepted
            wake = self._append(batches)
            ticket = self._receipts.accepted
            if any(batch.source != "stream" for batch in batches):
                self._receipts.keep(start)
        if wake:
            self._wake()
        return ticket

    def commit(self, entries: Sequence[Entry], origin: Origin) -> int:
        """Accept records, and batches among them, that belong together; a ticket as from `put`.

        They follow each other in the ledger, and whoever acts on them waits for the
        ticket first. Raises StaleGeneration as `put` does, for `origin`.
        """
        if not entries:
            return 0
        with self._lock:
            self._admit(origin)
            wake = self._append(entries)
            ticket = self._receipts.accepted
        if wake:
            self._wake()
        return ticket

    def record(self, record: Record) -> None:
        """Accept a statement of our own. After `close` it is dropped: nobody is left to store it."""
        with self._lock:
            wake = not self._closed and self._append((record,))
        if wake:
            self._wake()

    def fence(self, child: str, gen: int) -> None:
        """From now on only generations `gen` and later of this child are accepted."""
        with self._lock:
            self._generations[child] = max(gen, self._generations.get(child, 0))

    def when_stored(self, ticket: int, notify: Notify) -> None:
        """Call `notify` once what `put` returned this ticket for is committed.

        It is called in the writer's thread right after the commit, or here and
        now if that is over. Counts are kept for answers and not for the stream.
        """
        with self._lock:
            stored = self._receipts.ask(ticket, notify)
        if stored is not None:
            notify(stored)

    # -------------------------------------------------------------- the writer

    @property
    def is_busy(self) -> bool:
        """Whether something waits to be committed. A glance without the lock, for those who would rather not disturb."""
        return self._segments[0].waiting > 0

    def connect(self, wake: Callable[[], None]) -> None:
        """From now on `wake` is called when something waits; at once if something does."""
        with self._lock:
            self._wake = wake
            waiting = self._signalled = self._waits()
        if waiting:
            wake()

    def take(self, most: int) -> Taken | None:
        """The oldest entries, on loan: they stay here until `settle`. None when there are none."""
        with self._lock:
            head = self._segments[0]
            entries = head.peek(most)
            more = head.waiting > len(entries) or len(self._segments) > 1
            self._signalled = bool(entries) and more
            if not entries:
                return None
            return Taken(head.segment, head.settled, entries, head.ours, more)

    def settle(self, taken: Taken, effects: Sequence[EffectOf], sequence: int) -> None:
        """These are committed: forget them and tell those who wait for it."""
        with self._lock:
            head = self._segments[0]
            if head.segment != taken.segment or head.settled != taken.start:
                return  # another writer settled them
            head.settle(taken.end)
            due = self._receipts.commit(effects, sequence) if taken.ours else []
            self._relieve()
            self._advance()
            wake = self._waits() and not self._signalled  # a word of our own came in
            self._signalled |= wake
        if wake:
            self._wake()
        for notify, stored in due:
            notify(stored)

    def give_back(self) -> None:
        """What was taken could not be committed. The writer comes back by itself: no wake until then."""
        with self._lock:
            self._signalled = True

    def resume(self, marks: dict[str, int]) -> None:
        """A new writer says how far each segment is committed, whoever committed it."""
        due: Due = []
        with self._lock:
            for segment in list(self._segments):
                surplus = min(marks.get(segment.segment, 0) - segment.settled, segment.waiting)
                if surplus > 0:
                    segment.settle(segment.settled + surplus)
                    due += self._receipts.commit([UNKNOWN] * surplus) if segment.ours else []
            self._advance()
        for notify, stored in due:
            notify(stored)

    def segments(self) -> list[str]:
        """The ids of what is waiting here."""
        with self._lock:
            return [segment.segment for segment in self._segments]

    def spill(self, why: str) -> None:
        """The database does not take anything: to disk with it, until it does."""
        with self._lock:
            pause = self._clock.monotonic() < self._no_spill_before
            if isinstance(self._segments[-1], _Memory) and not pause and not self._closed:
                self._spill(why)

    def sync(self) -> None:
        """Make what is spilled survive a power cut. Not under the lock: it takes milliseconds."""
        with self._lock:
            files = [segment for segment in self._segments if isinstance(segment, SpillFile)]
        try:
            for file in files:
                file.sync()
        except (OSError, ValueError) as error:  # ValueError: drained and closed meanwhile
            log.warning("spill_not_synced", error=str(error))

    def sync_removals(self) -> bool:
        """Keep a power cut from bringing back files that were drained and removed; False where nobody can say so."""
        try:
            sync_names(self._folder)
        except FileNotFoundError:
            return True
        except OSError as error:
            log.warning("spill_not_synced", error=str(error))
            return False
        return True

    def close(self) -> int:
        """Write what is not committed to the spill, for the next boot; returns how many entries."""
        with self._lock:
            if self._closed:
                return 0
            self._closed = True
            kept = 0
            for segment in self._segments:
                waiting = segment.waiting
                try:
                    self._keep(segment)
                    kept += waiting
                except OSError as error:  # the reconcile at the next start fetches them again
                    log.error("not_kept", error=str(error), entries=waiting)
            self._segments = deque([_Memory(0)])
        return kept

    # ------------------------------------------------- inside, the lock is held

    def _admit(self, origin: Origin) -> None:
        """A generation that was seen supersedes all before it, told or not."""
        newest = self._generations.get(origin.child, 0)
        if origin.gen < newest:
            raise StaleGeneration(f"{origin.child}#{origin.gen} has been superseded by {newest}")
        if origin.gen > newest:
            self._generations[origin.child] = origin.gen

    def _append(self, entries: Sequence[Entry]) -> bool:
        """Add to the last segment; True if the writer has to be woken."""
        if self._closed:
            raise StaleGeneration("the inlet is closed: the process is ending")
        last = self._segments[-1]
        if isinstance(last, _Memory):
            last = self._keep_bounded(last)
        try:
            last.append(entries)
        except OSError as error:
            last = self._without_file(error)
            last.append(entries)
        self._receipts.accept(len(entries))
        if self._cornered or isinstance(last, SpillFile):
            self._vitals.spilled += len(entries)
        wake, self._signalled = not self._signalled, True
        return wake

    def _keep_bounded(self, memory: _Memory) -> SpillFile | _Memory:
        """Memory while the writer keeps up, else a file."""
        now = self._clock.monotonic()
        if not memory.waiting:
            self._moved_at = now
        elif now < self._no_spill_before:
            pass
        elif memory.waiting >= self._limit:
            self._spill(f"{memory.waiting} entries wait")
        elif now - self._moved_at > PATIENCE:
            self._spill(f"nothing was stored for {PATIENCE:.0f} s")
        return self._segments[-1]

    def _spill(self, why: str) -> None:
        """Put what waits in memory into a file, which takes its place under its own id and numbers.

        What is with a writer goes along: it may be committed at this very moment, or
        have been by one that could not hear so, and the database knows it by these numbers.
        """
        memory = self._segments[-1]
        assert isinstance(memory, _Memory)
        try:
            file = SpillFile.create(self._folder, memory.number, memory.segment, memory.settled)
        except OSError as error:
            self._corner(memory, error)
            return
        log.warning("spilling", why=why)
        try:
            file.append([*memory.peek(memory.waiting), self._incident(f"facts go to disk: {why}")])
        except OSError as error:
            file.close(remove=True)
            self._corner(memory, error)
            return
        self._segments[-1] = file
        self._receipts.accept(1)
        self._cornered = False
        self._advance()

    def _without_file(self, error: OSError) -> _Memory:
        """The disk takes nothing any more: memory again, behind the file."""
        memory = self._new_memory()
        self._corner(memory, error)
        return memory

    def _corner(self, memory: _Memory, error: OSError) -> None:
        """Neither database nor disk: it is told once, and a file is tried again in a while."""
        log.error("spill_failed", error=str(error))
        self._no_spill_before = self._clock.monotonic() + PATIENCE
        if not self._cornered:
            self._cornered = True
            memory.append([self._incident(f"facts wait in memory, the disk takes none: {error}")])
            self._receipts.accept(1)
        self._count()

    def _relieve(self) -> None:
        """The database takes facts again: what waits in memory is on its way, as always."""
        if self._cornered:
            self._cornered = False
            self._segments[-1].append([self._incident("the database takes facts again", resolved=True)])
            self._receipts.accept(1)

    def _new_memory(self) -> _Memory:
        memory = _Memory(self._next_number())
        self._segments.append(memory)
        return memory

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _incident(self, text: str, *, resolved: bool = False) -> Incident:
        return Incident(
            self._clock.wall_ms(), "ledger:spilling", "spilling", "critical", text, resolved=resolved
        )

    def _advance(self) -> None:
        """Leave drained segments behind; after a file begin in memory again."""
        drained = False
        while not self._segments[0].waiting:
            head = self._segments[0]
            if len(self._segments) == 1:
                if isinstance(head, _Memory):
                    break
                self._new_memory()
            head.close(remove=True)
            drained |= isinstance(head, SpillFile)
            self._segments.popleft()
        self._moved_at = self._clock.monotonic()
        if self._count() == 0 and drained:
            log.info("spill_drained")
            self._segments[-1].append([self._incident("the spill is drained", resolved=True)])
            self._receipts.accept(1)

    def _count(self) -> int:
        """How many entries wait that should not: those on disk, and in a corner those in memory too."""
        waiting = (s.waiting for s in self._segments if self._cornered or isinstance(s, SpillFile))
        self._vitals.spilled = sum(waiting)
        return self._vitals.spilled

    def _waits(self) -> bool:
        return any(segment.waiting for segment in self._segments)

    # ----------------------------------------------------------- start and end

    def _recover(self) -> None:
        """Put what earlier boots left before everything else."""
        damaged: list[Any] = []
        for path in found(self._folder):
            self._number = max(self._number, int(path.stem))
            try:
                file = SpillFile.recover(path)
            except (NotASpill, OSError) as error:
                damaged.append(error)
                continue
            if file is None:
                continue
            if file.damaged:
                damaged.append(f"{path}: {file.damaged} bytes cannot be read")
            self._segments.append(file)
        self._new_memory()
        self._advance()
        for what in damaged:
            self._damage(str(what))

    def _damage(self, text: str) -> None:
        log.error("spill_damaged", what=text)
        at = self._clock.wall_ms()
        self.record(Incident(at, f"ledger:spill-damaged:{text}", "spill_damaged", "critical", text))

    def _keep(self, segment: SpillFile | _Memory) -> None:
        """Leave the segment on disk, under its own id: the database may know how far it got."""
        if isinstance(segment, _Memory):
            if not segment.waiting:
                return
            entries = segment.peek(segment.waiting)
            segment = SpillFile.create(self._folder, segment.number, segment.segment, segment.settled)
            segment.append(entries)
        segment.sync()
        segment.close(remove=False)

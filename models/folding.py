"""One transaction's worth of statements, folded over what is known.

Decides what becomes of each statement: which are journalled, what counts as a
repair, what is an incident, and which orders should be asked about. The rules of
merging are core's, the rows are the views'.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from core.differences import Difference
from core.facts import Batch
from core.incidents import Conflict
from core.merge import Merged
from core.records import Entry, Incident
from core.unheard import AGE_MS, Thing, Unheard
from models.annals import Annals
from models.views import BY_FACT, ORDERS, STREAMED, Held, Key, Place, Shelf, View

ALWAYS_PUSHED = frozenset({"fill", "order"})
COMPARING = frozenset({"reconcile", "audit", "poll"})
JOURNAL = (
    "seq", "boot", "account", "exchange", "kind", "category", "symbol", "key", "source", "outcome",
    "exchange_at", "received_at", "recorded_at", "previous", "fence", "frame", "fact",
)  # fmt: skip
OrderName = tuple[str, str, str]  # category, symbol, order id
Filed = tuple[str, Place, int | None]  # kind, place, the journal row before about the same thing

_to_json = msgspec.json.Encoder().encode


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What one entry did: facts that changed a view, gaps they closed, and orders to ask about.

    `repaired` counts, of an audit, only what no audit before has counted (core/unheard).
    `requery` names orders (category, symbol, order id) of which something
    impossible was said, or an answer came that the stream had overtaken.
    `differences` are told for the answers of comparisons.
    """

    changed: int = 0
    repaired: int = 0
    requery: tuple[OrderName, ...] = ()
    differences: tuple[Difference, ...] = ()


NO_EFFECT = Effect()


class Folding:
    """Starts from the journal's newest sequence and frame; leaves rows to be written."""

    def __init__(
        self,
        shelves: Mapping[View, Shelf],
        annals: Annals,
        unheard: Unheard,
        *,
        sequence: int,
        frame: int,
        recorded_at: int,
    ) -> None:
        self.sequence = sequence
        self.frame = frame
        self.journal: list[tuple[Any, ...]] = []
        self.frames: list[tuple[Any, ...]] = []
        self.added: Counter[str] = Counter()
        self._shelves = shelves
        self._annals = annals
        self._unheard = unheard
        self._found: list[tuple[Thing, int]] = []
        self._over: list[Thing] = []
        self._counted: list[tuple[str, int]] = []
        self._begun: set[str] = set()
        self._now = recorded_at
        self._framed: Batch | None = None

    def fetch(self, entries: Iterable[Entry]) -> None:
        """Read what is stored about everything that these entries speak of."""
        wanted: dict[View, set[Key]] = defaultdict(set)
        for entry in entries:
            if type(entry) is Batch:
                for fact in entry.facts:
                    view = BY_FACT.get(type(fact))
                    if view is not None:
                        key = view.key(entry.account, fact)
                        if key not in self._shelves[view].cache:
                            wanted[view].add(key)
        for view, keys in wanted.items():
            self._shelves[view].fetch(keys)

    def fold(self, entry: Entry) -> Effect:
        if not isinstance(entry, Batch):
            self._annals.add(entry)
            return NO_EFFECT
        changed, repaired = 0, self._blamed(entry)
        requery: list[OrderName] = []
        differences: list[Difference] = []
        compares = entry.source in COMPARING
        for fact in entry.facts:
            view = BY_FACT.get(type(fact))
            if view is None:
                self._unknown(entry, fact)
                continue
            before = self._shelves[view].cache.get(view.key(entry.account, fact)) if compares else None
            said = None if before is None else before.fact
            merged, moved = self._merge(entry, view, fact, requery)
            changed += moved
            if compares and ((moved and merged.news) or merged.conflicts):
                differences.append(self._difference(entry, view, said, fact, merged))
                repaired += self._counts(entry, differences[-1])
        if not (changed or repaired or requery or differences):
            return NO_EFFECT
        return Effect(changed, repaired, tuple(requery), tuple(differences))

    def _merge(
        self, batch: Batch, view: View, fact: Any, requery: list[OrderName]
    ) -> tuple[Merged[Any], bool]:
        """Fold one statement; the second value says whether the view's row changed."""
        key = view.key(batch.account, fact)
        if self._unheard and batch.source == "stream":
            self._over.append((batch.account, (view.kind, key)))
        shelf = self._shelves[view]
        held = shelf.cache.get(key)
        standing = held.standing(batch.source, batch.fence) if held is not None else STREAMED
        late, merged = standing.late, view.merge(held, fact, standing)
        outcome = merged.outcome
        if view is ORDERS and (outcome == "impossible" or (outcome == "stale" and late)):
            requery.append((fact.category, fact.symbol, fact.order_id))
        moved = held is None or merged.row is not held.fact
        if held is not None:
            if outcome == "same" and not late:
                self._agreed(batch, view, key, held, fact)
            if outcome in ("same", "stale"):
                return merged, False
            if merged.conflicts and self._is_known_conflict(batch, view, held, fact, merged) and not moved:
                return merged, False
        if outcome == "new":
            self.added[view.kind] += 1
        filed = (view.kind, view.journal(fact), held.last_seq if held else None)
        seq = self._journal(batch, fact, outcome, filed)
        shelf.apply(
            key, merged.row, exchange=batch.exchange, source=batch.source, seq=seq, recorded_at=self._now
        )
        return merged, moved

    def _journal(self, batch: Batch, fact: Any, outcome: str, filed: Filed) -> int:
        kind, (category, symbol, key, exchange_at), previous = filed
        self.sequence += 1
        self.journal.append(
            (
                self.sequence, batch.origin.boot, batch.account, batch.exchange, kind, category, symbol, key,
                batch.source, outcome, exchange_at, batch.received_at, self._now,
                previous, batch.fence, self._frame_of(batch),
                _to_json(fact).decode(),
            )
        )  # fmt: skip
        return self.sequence

    def _frame_of(self, batch: Batch) -> int | None:
        """The raw text is stored once, and only for a batch that the journal mentions."""
        if batch.raw is None:
            return None
        if self._framed is not batch:
            self._framed = batch
            self.frame += 1
            self.frames.append((self.frame, batch.account, batch.received_at, batch.raw))
        return self.frame

    def _unknown(self, batch: Batch, fact: Any) -> None:
        self._journal(batch, fact, "new", ("unknown", (None, None, fact.event, fact.at), None))
        self._annals.add(
            Incident(
                self._now, f"unknown:{batch.exchange}:{fact.event}", "unknown_event", "warning",
                f"{batch.exchange} said something we do not know: {fact.event} ({fact.why})", batch.account,
            )
        )  # fmt: skip

    def _blamed(self, batch: Batch) -> int:
        """How many things earlier audits found young and the stream had its time for since."""
        if batch.source == "audit":
            late = self._unheard.matured(batch.account, batch.received_at)
            self._over += late
            return sum(self._is_evidence(batch.account, at) for at in late.values())
        if batch.source in COMPARING:
            self._begun.add(batch.account)
        return 0

    def _counts(self, batch: Batch, one: Difference) -> bool:
        """Whether a repair says something about the stream that was not counted before."""
        if not one.is_repair or one.at is None or batch.source != "audit":
            return one.is_repair
        return self._is_evidence(batch.account, one.at)

    def _is_evidence(self, account: str, at: int) -> bool:
        if not self._unheard.is_news(account, at):
            return False
        self._counted.append((account, at))
        return True

    def _difference(self, batch: Batch, view: View, said: Any, fact: Any, merged: Merged[Any]) -> Difference:
        """`said` is what was held. A repair is what the stream should have told long before."""
        category, symbol, key, at = view.journal(fact)
        is_repair = False
        if merged.news and merged.row is not said and at is not None:
            is_repair = batch.received_at - at > AGE_MS
            if not is_repair and batch.source == "audit" and view.kind in ALWAYS_PUSHED:
                self._found.append(((batch.account, (view.kind, view.key(batch.account, fact))), at))
        return Difference(view.kind, category, symbol, key, at, merged.outcome, said, fact, is_repair)

    def settle(self) -> None:
        """All is committed: what was learnt of the streams' silence counts now."""
        for account in self._begun:
            self._unheard.begin_anew(account)
        self._unheard.forget(self._over)
        for thing, at in self._found:
            self._unheard.found(thing, at)
        for account, at in self._counted:
            self._unheard.counted(account, at)

    def _agreed(self, batch: Batch, view: View, key: Key, held: Held, fact: Any) -> None:
        """A statement that changes nothing still confirms, and a REST answer settles a doubt."""
        said_at = view.journal(fact)[3]
        if said_at is not None:
            held.confirmed_at = max(said_at, held.confirmed_at or 0)
        doubt = _conflict_key("impossible", view, key)
        if batch.source != "stream" and self._annals.is_open(doubt):
            self._annals.add(Incident(self._now, doubt, "impossible_order", "info", "", resolved=True))

    def _is_known_conflict(
        self, batch: Batch, view: View, held: Held, fact: Any, merged: Merged[Any]
    ) -> bool:
        """Raise the incident; True where the very same one was raised before and is still open."""
        key = _conflict_key(merged.outcome, view, view.key(batch.account, fact))
        differences = ", ".join(
            f"{name} {getattr(held.fact, name)} but {batch.source} says {getattr(fact, name)}"
            for name in merged.conflicts
        )
        what = " ".join(part for part in view.journal(fact)[:3] if part)
        text = f"{view.kind} {what}: {differences}"
        known = self._annals.is_open(key, text)
        kind = cast("Conflict", f"{merged.outcome}_{view.kind}")
        self._annals.add(Incident(self._now, key, kind, "warning", text, batch.account))
        return known


def _conflict_key(outcome: str, view: View, key: Key) -> str:
    return ":".join((outcome, view.kind, *key))

"""One comparison of the ledger with the exchange, as steps that its poller takes.

The steps are a generator: it yields a Call and is sent the Reply, or yields the
Ticket of facts it has put into the inlet and is sent what their commit did. What
went wrong is thrown into it. So the order of a comparison reads from top to
bottom here, while the poller takes one step per message and stays able to hear.

What is asked, shielded and believed, core/reconcile decides.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from actors.base import Context
from actors.inlet import Inlet, Stored
from core import reconcile
from core.differences import Difference
from core.errors import BadRequest, ClockError
from core.facts import Batch, Fact, OrderState
from core.offset import SAMPLES, Sample, measured
from core.reconcile import Absences, Filled, OrderName, name_of
from core.records import Incident
from core.secrecy import masked
from core.wire import Call, Reply
from exchanges.base import (
    Answer,
    BalancesAlone,
    Complete,
    Failed,
    HeldOrder,
    HeldPosition,
    Known,
    Partial,
    RestDialect,
)
from models.read import Reader
from transport.origin import RestOrigin

log = structlog.get_logger()

T = TypeVar("T")

Purpose = Literal["reconcile", "audit", "poll"]
LOOK_BACK = 5_000  # journal rows that the first comparison of a process looks at
CLOCK_FOR = 3600.0  # seconds that a set clock is trusted
_OF_A_MARKET = frozenset({"order", "fill", "position"})


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """Yielded to be sent the Stored of this put."""

    number: int


class Found(msgspec.Struct, frozen=True):
    """What a whole comparison came to.

    `proof` is the complete answer since `since`, None where it was not
    complete, and then `why` says why; `more` says that some orders are still to be
    asked for. `told` is what targeted questions brought, `unknown` the orders that
    nobody knows. `repaired` counts the evidence against the stream: what it should
    have said long before, found now or found young by an earlier audit.
    """

    differences: tuple[Difference, ...]
    since: int
    proof: Complete | None
    repaired: int = 0
    more: bool = False
    why: str = ""
    told: tuple[Fact, ...] = ()
    unknown: tuple[HeldOrder, ...] = ()

    def with_answer(self, stored: Stored, told: tuple[Fact, ...]) -> "Found":
        """And what another answer did, and said."""
        return msgspec.structs.replace(
            self,
            differences=self.differences + stored.differences,
            repaired=self.repaired + stored.repaired,
            told=self.told + told,
        )


Steps = Generator[Call | Ticket, Any, Found | None]
Comparison = Generator[Call | Ticket, Any, Found]


class Comparer:
    """What all comparisons of one poller share. One thread only."""

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        exchange: str,
        backfill: float,
        symbols: Sequence[str],
        dialect: RestDialect,
        origin: RestOrigin,
        inlet: Inlet,
        reader: Reader,
        secrets: Sequence[str] = (),
    ) -> None:
        self._context = context
        self._account = account
        self._exchange = exchange
        self._backfill = backfill
        self._symbols = tuple(symbols)
        self._dialect = dialect
        self._origin = origin
        self._inlet = inlet
        self._reader = reader
        self._secrets = tuple(secrets)
        self._absences = Absences()
        self._doubtful: dict[OrderName, None] = {}
        self._shortfalls = Absences()
        self._unsettled: dict[OrderName, None] = {}  # changed, and not seen to add up yet
        self._looked: int | None = None  # the journal's seq up to which changes were looked at
        self._begun = 0
        self._last: Purpose | None = None  # the last that came to its end

    def doubt(self, orders: Iterable[OrderName]) -> None:
        """Ask for these in the next comparison: what was said of them cannot be."""
        self._doubtful.update(dict.fromkeys(orders))

    def compare(self, purpose: Purpose, since: int | None = None) -> Comparison:
        """The whole of it; a refused timestamp sets the clock and begins it once more.

        With `since` (ms) everything from then on is compared, whatever the stream
        has told of it.
        """
        if self._clock_is_old():
            yield from self.set_clock()
        return (yield from self._in_time(lambda: self._compare(purpose, since)))

    def balances(self, dialect: BalancesAlone) -> Generator[Call | Ticket, Any, Stored]:
        """What the balances are now, and no more; a refused timestamp as above."""
        return (yield from self._in_time(lambda: self._take_balances(dialect)))

    def _in_time(
        self, begin: Callable[[], Generator[Call | Ticket, Any, T]]
    ) -> Generator[Call | Ticket, Any, T]:
        try:
            return (yield from begin())
        except ClockError:
            self._origin.doubt_clock()  # we may be dropped before it is set, and another begun
            yield from self.set_clock()
            return (yield from begin())

    def set_clock(self) -> Generator[Call, Reply, None]:
        """Learn the exchange's time from some samples."""
        samples: list[Sample] = []
        while len(samples) < SAMPLES:
            samples.append((yield from measured(self._dialect.clock())))
        self._origin.learn(samples)

    # ------------------------------------------------------------------ the steps

    def _compare(self, purpose: Purpose, since: int | None) -> Comparison:
        known = self._known(purpose, since)
        fence = self._reader.sequence()
        answer = yield from self._dialect.sync(known)
        facts, raw = _granted(answer)
        if purpose == "audit":
            facts = self._unshielded(facts)
        stored = yield from self._put(facts, raw, purpose, fence)
        if not isinstance(answer, Complete):
            log.warning("answer_not_complete", account=self._account, purpose=purpose)
            why = answer.why if isinstance(answer, Partial) else ""
            return Found((), known.since, None, why=why).with_answer(stored, ())
        missing = {name_of(held): held for held in reconcile.missing(known.open_orders, answer.facts)}
        inquiry = self._absences.inquiry(tuple(missing), deep=known.deep)
        doubtful = {**self._doubtful, **dict.fromkeys(stored.requery)}
        contested = [name for name in doubtful if name not in inquiry.ask][: reconcile.BURST]
        found = Found((), max(known.since, answer.since), answer).with_answer(stored, ())
        unknown = []
        for held in [missing[name] for name in inquiry.ask] + [HeldOrder(*name) for name in contested]:
            answered, facts = yield from self.ask_for(held, purpose)
            found = found.with_answer(answered, facts)
            self._doubtful.pop(name_of(held), None)
            if not _is_known(facts):
                unknown.append(held)
        for held in unknown:  # only now: what is missed in a comparison that fails proves nothing
            if self._absences.missed(name_of(held)):
                self._discrepancy(held, resolved=False)
        for name in inquiry.over:
            self._discrepancy(HeldOrder(*name), resolved=True)
        found, is_short = yield from self._account_for_fills(found, purpose, deep=known.deep)
        if since is None:
            self._last = purpose
        return msgspec.structs.replace(
            found,
            proof=None if is_short and since is None else answer,
            why="the fills of an order do not come to what it says" if is_short else "",
            more=inquiry.more or bool(self._doubtful),
            unknown=tuple(unknown),
        )

    def _take_balances(self, dialect: BalancesAlone) -> Generator[Call | Ticket, Any, Stored]:
        """Unshielded, for it is the stream that has said nothing; what it says meanwhile, the fence keeps."""
        fence = self._reader.sequence()
        facts, raw = _granted((yield from dialect.balances(self._reader.totals(self._account))))
        return (yield from self._put(facts, raw, "audit", fence))

    def _account_for_fills(
        self, found: Found, purpose: Purpose, *, deep: bool
    ) -> Generator[Call | Ticket, Any, tuple[Found, bool]]:
        """Ask for the orders whose fills do not come to what they said; with that, and whether some are open.

        What the stream touched just now is left to it by audits: the fill may be on its way.
        """
        short = self._short(purpose)
        inquiry = self._shortfalls.inquiry(tuple(short), deep=deep)
        for name in inquiry.over:
            self._shortfall(name, None)
        is_open = inquiry.more
        for name in inquiry.ask:
            found = found.with_answer(*(yield from self.ask_for(HeldOrder(*name), purpose)))
            (after,) = self._reader.filled(self._account, [name]) or [short[name]]
            if after.adds_up:
                self._unsettled.pop(name, None)
                if self._shortfalls.found(name):
                    self._shortfall(name, None)
            elif self._shortfalls.missed(name):
                self._shortfall(name, after)
            else:
                is_open |= not self._shortfalls.is_given_up(name)
        return found, is_open

    def _short(self, purpose: Purpose) -> dict[OrderName, Filled]:
        """The orders that changed since the last look, or were short then, and do not add up."""
        newest = self._reader.sequence()
        after = max(0, newest - LOOK_BACK) if self._looked is None else self._looked
        self._unsettled.update(dict.fromkeys(self._reader.changed_orders(self._account, after=after)))
        self._looked = newest
        touched = self._touched() if purpose == "audit" else frozenset()
        looked_at = [name for name in self._unsettled if ("order", *name) not in touched]
        short = {
            name_of(one): one for one in self._reader.filled(self._account, looked_at) if not one.adds_up
        }
        self._unsettled = {name: None for name in self._unsettled if name in short or name not in looked_at}
        return short

    def ask_for(
        self, held: HeldOrder, purpose: Purpose
    ) -> Generator[Call | Ticket, Any, tuple[Stored, tuple[Fact, ...]]]:
        """Ask for one order, and apply what is said.

        One whose very name the exchange cannot read is not known there, and keeps
        nobody else from being compared.
        """
        fence = self._reader.sequence()
        try:
            facts, raw = _granted((yield from self._dialect.order(held)))
        except BadRequest as error:
            log.warning("order_not_askable", account=self._account, order=held.order_id, error=str(error))
            facts, raw = (), ()
        stored = yield from self._put(facts, raw, purpose, fence)
        if _is_known(facts) and self._absences.found(name_of(held)):
            self._discrepancy(held, resolved=True)
        return stored, facts

    def _put(
        self, facts: Iterable[Fact], raw: Sequence[str], purpose: Purpose, fence: int
    ) -> Generator[Ticket, Stored, Stored]:
        """Hand facts to the ledger, and wait until they are committed."""
        facts, clock = tuple(facts), self._context.clock
        if not facts:
            return Stored(0, 0, fence)
        batch = Batch(
            account=self._account,
            exchange=self._exchange,
            source=purpose,
            origin=self._context.origin,
            received_at=clock.wall_ms(),
            received_mono=clock.monotonic(),
            facts=facts,
            raw=masked("\n".join(raw), self._secrets) or None,
            fence=fence,
        )
        return (yield Ticket(self._inlet.put([batch])))

    # --------------------------------------------------------------- what they use

    def _known(self, purpose: Purpose, since: int | None) -> Known:
        """The ledger's side, at the exchange's time; all of it where somebody chose a window.

        Histories may have to be asked symbol by symbol. All that are configured or
        were traded lately are asked for after a gap and now and then (`deep`); in
        between those of which the stream has spoken, and what balances point at.
        The same holds for whole markets.
        """
        now = self._origin.time_ms()
        said = self._reader.known(
            self._account, now=now, backfill=self._backfill, symbols=self._symbols, since=since
        )
        held = tuple(HeldOrder(**order) for order in said.pop("open_orders"))
        positions = tuple(
            HeldPosition(row["category"], row["symbol"], row["side"])
            for row in self._reader.positions(account=self._account)
        )
        if since is not None:
            return Known(**said, open_orders=held, positions=positions, deep=True)
        deep = self._begun % reconcile.DEEP_EVERY == 0
        after_gap = purpose == "reconcile" or (purpose == "poll" and self._last != "poll")
        if not (deep or after_gap):
            touched = self._reader.touched(self._account, since=said["since"])
            said["symbols"] = tuple(sorted({thing[2] for thing in touched if thing[0] in {"order", "fill"}}))
            said["categories"] = tuple(sorted({thing[1] for thing in touched if thing[0] in _OF_A_MARKET}))
        self._begun += 1
        return Known(**said, open_orders=held, positions=positions, deep=deep, healthy=purpose == "audit")

    def _unshielded(self, facts: Iterable[Fact]) -> tuple[Fact, ...]:
        return reconcile.unshielded(facts, self._touched())

    def _touched(self) -> AbstractSet[tuple[str, ...]]:
        """What the stream spoke of just now."""
        since = self._context.clock.wall_ms() - reconcile.SHIELD_MS
        return self._reader.touched(self._account, since=since)

    def _clock_is_old(self) -> bool:
        anchored = self._origin.anchored_at
        return anchored is None or self._context.clock.boottime() - anchored > CLOCK_FOR

    def _discrepancy(self, held: HeldOrder, *, resolved: bool) -> None:
        text = (
            f"order {held.order_id} of {held.symbol} is open here (filled {held.filled or 0}), "
            "and the exchange does not know it"
        )
        self._differ("order", name_of(held), text, resolved=resolved)

    def _shortfall(self, name: OrderName, short: Filled | None) -> None:
        """None = the fills add up after all."""
        text = f"order {name[2]} of {name[1]}: its fills add up"
        if short is not None:
            text = (
                f"order {short.order_id} of {short.symbol}: the exchange says {short.filled} filled, "
                f"and its trades come to {short.traded}"
            )
        self._differ("fills", name, text, resolved=short is None)

    def _differ(self, what: str, name: OrderName, text: str, *, resolved: bool) -> None:
        key, at = ":".join((self._account, what, *name)), self._context.clock.wall_ms()
        self._context.record(Incident(at, key, "discrepancy", "warning", text, self._account, resolved))


def _granted(answer: Answer) -> tuple[tuple[Fact, ...], tuple[str, ...]]:
    """An answer's facts and raw texts; what failed is raised: an error is never "nothing"."""
    if isinstance(answer, Failed):
        raise answer.error
    return answer.facts, answer.raw


def _is_known(facts: Iterable[Fact]) -> bool:
    """Whether the answer for one order says anything of it."""
    return any(isinstance(fact, OrderState) for fact in facts)

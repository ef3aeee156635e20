"""When the exchange is asked by REST, and who is told what came of it.

* The supervisor says how things stand: StreamUp means reconcile, then audit;
  StreamDown means poll; Hold means that nothing leaves. What was begun under
  another stance is dropped, for it proves nothing for the new one. Release has
  the credentials looked up anew: they are what may have been mended meanwhile.
* One REST call per message. An errand (a comparison, the clock, the key's
  permissions) is a generator that this actor steps by messages to itself, so
  that pings, a Stop and a Hold are heard between any two calls. A call that has
  a pace waits for its turn by a timer, never in a handler.
* Nothing is told before it is true: Reconciled, Audited and Polled follow when
  the ledger has committed the facts, and the proof is recorded then.
* Where the stream told of an order and not of the balances that it moved, those
  alone are asked for: one call, once in a while, and not one that others wait for.
* A comparison that failed is repeated at the pace of the poll, or when the
  exchange allows it; what only a new program can mend, once a minute at most.
* What a person asks for (Compare) is done in between and may take long: whenever
  something else is due it is laid aside between two calls, and goes on afterwards.
  It is answered once, whatever happens, and left when nobody waits any more.
"""

from collections.abc import Callable, Generator, Sequence
from random import Random
from typing import Literal, assert_never

import msgspec
import structlog

from actors.base import Actor, Context, Timer
from actors.comparison import Comparer, Found, Purpose, Steps, Ticket
from actors.examination import Examiner, Petitions, compared
from actors.inlet import Inlet, Stored
from actors.witness import Witness
from core import owed, reconcile
from core.differences import Compared, Difference
from core.errors import DatabaseProblem, FatalError, LinkError, RateLimited, StaleGeneration, VigilError
from core.incidents import Kind
from core.messages import (
    AccountRefused,
    Audited,
    BalancesOwed,
    Compare,
    Doubtful,
    Hold,
    Momentary,
    Polled,
    PollFailed,
    Reconciled,
    ReconcileNow,
    Release,
    StreamDown,
    StreamUp,
    Tick,
    Warned,
)
from core.reconcile import OrderName
from core.records import Incident
from core.status import Vitals
from core.wire import Call, Reply
from exchanges.base import BalancesAlone, Complete, Credentials, Endpoints, Exchange, Permissions
from models.read import Reader
from transport.origin import Origins
from transport.rest import RestClient

log = structlog.get_logger()

PERMISSIONS_EVERY = 86_400.0
EXPIRES_SOON_MS = 14 * 86_400_000
AGAIN = 60.0  # seconds to the next try of what only a new program can mend
NEVER = float("inf")
UNHURRIED = 0.05  # seconds between two calls for a person: a long window must not use up what all draw on
STORED_WITHIN = 30.0  # seconds; after that the comparison is made again


class _Next(Tick, frozen=True, gc=False):
    """Take the next step of this errand, with what the last one brought. Worth nothing to an heir."""

    errand: int
    brought: Reply | Stored | VigilError | None = None


class _Due(Momentary, frozen=True, gc=False):
    """See what is due."""


class _Turn(msgspec.Struct, frozen=True, gc=False):
    """The call that this errand waited to make may leave now."""

    errand: int
    call: Call


class _NotStored(Momentary, frozen=True, gc=False):
    """The ledger had its time to commit this put."""

    errand: int
    ticket: int


Why = Purpose | Literal["asked", "clock", "permissions", "balances"]


class _Errand(msgspec.Struct):
    """What is being done now, and why. `ticket` is the put whose commit it waits for, `asked` who asked."""

    number: int
    purpose: Why
    steps: Steps
    asked: Compare | None = None
    ticket: int | None = None


class _LaidAside(msgspec.Struct, frozen=True):
    """An errand, and what it wants when it goes on."""

    errand: _Errand
    wanted: Call | Ticket


Stance = StreamUp | StreamDown | Hold
Inbox = (
    StreamUp
    | StreamDown
    | Hold
    | Release
    | ReconcileNow
    | Doubtful
    | BalancesOwed
    | Compare
    | _Next
    | _Due
    | _Turn
    | _NotStored
)


class PollerActor(Actor):
    """Seconds: `audit_every` while live, `poll_every` while not, `backfill` at the very first start.

    `credentials` looks them up; it may read files, and raises FatalError where there are none.
    """

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        exchange: Exchange,
        credentials: Callable[[], Credentials],
        endpoints: Endpoints,
        audit_every: float,
        poll_every: float,
        backfill: float,
        symbols: Sequence[str],
        inlet: Inlet,
        reader: Reader,
        vitals: Vitals,
        origins: Origins,
    ) -> None:
        super().__init__(context)
        self._account = account
        self._exchange = exchange
        self._credentials = credentials
        self._endpoints = endpoints
        self._audit_every = audit_every
        self._poll_every = poll_every
        self._backfill = backfill
        self._symbols = symbols
        self._inlet = inlet
        self._reader = reader
        self._vitals = vitals
        self._origin = origins.rest(endpoints.rest, exchange.defaults.weight_per_minute)
        self._witness = Witness(context, account, vitals, self._origin, audit_every)
        self._random = Random(f"{account}#{context.gen}")
        self._stance: Stance | None = None
        self._is_reconciled = False
        self._due = self._permissions_due = self._balances_from = 0.0  # boottime
        self._incidents: set[Kind] = set()  # the kinds that are open
        self._found: tuple[Difference, ...] = ()  # since the last comparison that was told
        self._repaired = self._streamed = 0  # likewise
        self._errand: _Errand | None = None
        self._errands = 0
        self._asked = Petitions()
        self._asked_due = self._asked_next = 0.0  # boottime
        self._aside: _LaidAside | None = None
        self._timer: Timer | None = None
        self._client: RestClient | None = None

    # -------------------------------------------------------------------- a life

    def started(self) -> None:
        self._look_up_credentials()
        self._vitals.periods["permissions"] = PERMISSIONS_EVERY
        self.ready()
        self._begin("clock", self._comparer.set_clock())

    def _look_up_credentials(self) -> None:
        """Be the account's voice with the credentials as they are now."""
        if self._client is not None:
            self._client.close()
        credentials = self._credentials()
        self._dialect = self._exchange.rest(credentials, self._endpoints)
        self._client = RestClient(
            self._endpoints.rest,
            dialect=self._dialect,
            origin=self._origin,
            clock=self.context.clock,
            ended=self._origin.ended(self._account),
        )
        self._origin.hurries(self._account, self._client.hurry)
        self._comparer = Comparer(
            self.context,
            account=self._account,
            exchange=self._exchange.name,
            backfill=self._backfill,
            symbols=self._symbols,
            dialect=self._dialect,
            origin=self._origin,
            inlet=self._inlet,
            reader=self._reader,
            secrets=credentials.texts(),
        )
        self._examiner = Examiner(self._account, self._comparer, self._reader)

    def handle(self, message: Inbox) -> None:
        match message:
            case StreamUp() | StreamDown() | Hold():
                self._take_stance(message)
            case Release():
                self._drop()
                self._stance = None
                self._look_up_credentials()
            case ReconcileNow(is_hole=is_hole):
                if is_hole:
                    self._witness.doubts()
                self._begin_anew()
            case Doubtful(orders=orders):
                self._ask_soon(orders)
            case BalancesOwed():
                self._look_again()
            case Compare():
                self._take_in(message)
            case _Next(errand=number, brought=brought):
                self._step(number, brought)
            case _NotStored(errand=number, ticket=ticket):
                if self._errand is not None and self._errand.ticket == ticket:
                    self._step(number, LinkError("the ledger did not commit the answer in time"))
            case _Turn(errand=number, call=call):
                if self._errand is not None and self._errand.number == number and self.is_current():
                    self._get(self._errand, call)
            case _Due():
                self._choose()
            case _:
                assert_never(message)

    def stopping(self) -> None:
        self._drop()
        self._asked.refuse_all("its poller was stopped")
        self._reader.close()
        if self._client is not None:
            self._client.close()

    def abandoned(self) -> None:
        if self._client is not None:
            self._client.abort()

    # ------------------------------------------------------------- what to do next

    def _take_stance(self, stance: Stance) -> None:
        """Begin anew under it; to stay blind for another cause is no new stance.

        On a new connection too: what has cut the stream may have cut the kept one.
        """
        before, self._stance = self._stance, stance
        if isinstance(stance, Hold):
            self._asked.refuse_all(f"the account is held: {stance.why}")
        self._witness.hears(stance)
        if not (isinstance(stance, StreamDown) and isinstance(before, StreamDown)):
            if self._client is not None:
                self._client.renew()
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Whatever was begun proves nothing for what is wanted now."""
        self._drop()
        self._due = 0.0
        self._is_reconciled = False
        self._choose()

    def _ask_soon(self, orders: Sequence[OrderName]) -> None:
        """The next comparison asks for these, and comes at the pace of the poll at the latest."""
        self._comparer.doubt(orders)
        self._due = min(self._due, self.context.clock.boottime() + self._poll_every)
        self._look_again()

    def _look_again(self) -> None:
        """Look again at what is due, where nothing is being done."""
        if self._errand is None:
            self._cancel_timer()
            self._choose()

    def _choose(self) -> None:
        """Begin what is due, or come back when it is. Nothing while something is being done."""
        if self._errand is not None or not isinstance(self._stance, StreamUp | StreamDown):
            return
        now = self.context.clock.boottime()
        # the key's permissions have time: nobody waits for them, and a reconcile is waited for
        permissions = self._permissions_due if self._is_reconciled or self._is_blind() else NEVER
        asked = self._asked.next()
        asked_due = NEVER if asked is None else self._asked_due
        if now >= (balances := self._balances_due()):
            self._begin("balances", self._ask_balances())
        elif now >= self._due:
            self._begin(purpose := self._purpose(), self._comparer.compare(purpose))
        elif self._aside is not None:
            aside, self._aside = self._aside, None
            self._errand = aside.errand
            self._go_on(aside.errand, aside.wanted)
        elif asked is not None and now >= asked_due:
            self._begin("asked", self._examiner.examine(asked.since), asked)
        elif now >= permissions:
            self._begin("permissions", self._ask_permissions())
        else:
            self._timer = self.later(
                max(min(self._due, permissions, balances, asked_due) - now, 0.001), _Due()
            )

    def _balances_due(self) -> float:
        """When to ask for the balances alone. Not before they were compared once: that asks for all."""
        if not (self._is_reconciled and isinstance(self._dialect, BalancesAlone)):
            return NEVER
        since = self._vitals.owed.look()
        return NEVER if since is None else max(since + owed.GRACE, self._balances_from)

    def _purpose(self) -> Purpose:
        if self._is_blind():
            return "poll"
        return "audit" if self._is_reconciled else "reconcile"

    def _is_blind(self) -> bool:
        return isinstance(self._stance, StreamDown)

    # -------------------------------------------------------- what a person asks for

    def _take_in(self, asked: Compare) -> None:
        if isinstance(self._stance, Hold):
            asked.reply(Compared(f"the account is held: {self._stance.why}"))
            return
        self._asked.add(asked)
        if self._errand is None:
            self._cancel_timer()
            self._choose()

    def _examined(self, asked: Compare, found: Found) -> None:
        """It counts as the audit, or the poll, that would have been made; of what is old nobody is to blame."""
        if found.proof is not None:
            proven_to = self._vitals.proven_to or 0
            recent = [one for one in found.differences if one.at is None or one.at >= proven_to]
            self._prove(found.since, found.proof, "audit", found.differences)
            if self._is_blind() or self._is_reconciled:
                self._tell_of(self._purpose(), sum(one.is_repair for one in recent))
                self._due = self._next(self.context.clock.boottime())
        self._asked.answer(asked, compared(found, asked.since))

    def _not_examined(self, asked: Compare, error: VigilError) -> None:
        """Try again when the exchange allows it, if that is in time."""
        now = self.context.clock.boottime()
        wait = error.retry_after if isinstance(error, RateLimited) else None
        if wait is not None and now + wait < asked.until:
            self._asked_due = now + wait
        else:
            self._asked.answer(asked, Compared(str(error)))

    # ----------------------------------------------------------- driving an errand

    def _begin(self, purpose: Why, steps: Steps, asked: Compare | None = None) -> None:
        self._cancel_timer()
        self._errands += 1
        self._errand = _Errand(self._errands, purpose, steps, asked)
        self.me.tell(_Next(self._errands))

    def _drop(self) -> None:
        """Leave what is being done, and what was laid aside. What it put into the inlet stays true."""
        self._cancel_timer()
        errand, self._errand = self._errand, None
        aside, self._aside = self._aside, None
        for left in (errand, aside.errand if aside is not None else None):
            if left is not None:
                left.steps.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self, number: int, brought: Reply | Stored | VigilError | None) -> None:
        """One step: at most one call. What it brings is the next message."""
        errand = self._errand
        if errand is None or errand.number != number:
            return
        self._cancel_timer()
        errand.ticket = None
        try:
            if isinstance(brought, VigilError):
                wanted = errand.steps.throw(brought)
            else:
                wanted = errand.steps.send(brought)
        except StopIteration as end:
            self._errand = None
            if isinstance(end.value, Found):
                self._came_to(errand, end.value)
            self._choose()
        except StaleGeneration:
            raise
        except VigilError as error:
            self._errand = None
            self._came_to_nothing(errand, error)
            self._choose()
        else:
            self._go_on(errand, wanted)

    def _go_on(self, errand: _Errand, wanted: Call | Ticket) -> None:
        """Get what the errand wants; what a person asked for only if nothing else is due, and it is wanted."""
        if errand.asked is not None and not errand.asked.is_wanted():
            self._drop()
            self._choose()
        elif errand.asked is not None and self.context.clock.boottime() >= self._due:
            self._errand, self._aside = None, _LaidAside(errand, wanted)
            self._choose()
        else:
            self._get(errand, wanted)

    def _get(self, errand: _Errand, wanted: Call | Ticket) -> None:
        """Get what the errand asked for, and hand it over by a message to ourselves."""
        number = errand.number
        if isinstance(wanted, Ticket):
            errand.ticket = wanted.number
            self._timer = self.later(STORED_WITHIN, _NotStored(number, wanted.number))
            self._inlet.when_stored(wanted.number, lambda stored: self._hand_over(number, stored))
            return
        assert self._client is not None
        now = self.context.clock.boottime()
        unhurried = self._asked_next - now if errand.asked is not None else 0.0
        if (pause := max(self._client.pause(wanted), unhurried)) > 0:
            self._timer = self.later(pause, _Turn(number, wanted))
            return
        if errand.asked is not None:
            self._asked_next = now + UNHURRIED
        try:
            self._hand_over(number, self._client.call(wanted, urgent=errand.purpose == "reconcile"))
        except VigilError as error:
            self._hand_over(number, error)

    def _hand_over(self, number: int, brought: Reply | Stored | VigilError) -> None:
        """Safe in every thread: what is stored, the ledger's writer says."""
        self.me.tell(_Next(number, brought))

    # ------------------------------------------------------------ what came of it

    def _came_to(self, errand: _Errand, found: Found) -> None:
        if errand.asked is None:
            self._compared(found)
        else:
            self._examined(errand.asked, found)

    def _compared(self, found: Found) -> None:
        now = self.context.clock.boottime()
        self._found += found.differences
        self._repaired += found.repaired
        if found.proof is None:
            self._proved_nothing()
            self._due = now + self._retry_in(None)
        elif found.more:
            self._due = now  # the next burst right after; nothing is proven before
        else:
            purpose, differences, repaired = self._purpose(), self._found, self._repaired
            self._found, self._repaired = (), 0
            self._prove(found.since, found.proof, purpose, differences)
            self._tell_of(purpose, repaired)
            self._is_reconciled = not self._is_blind()
            self._due = self._next(now)

    def _next(self, now: float) -> float:
        """When the comparison after a complete one is due."""
        if self._is_reconciled:
            return reconcile.next_audit(now, self._audit_every, self._account)
        return now + self._poll_every

    def _prove(self, since: int, answer: Complete, purpose: Purpose, found: Sequence[Difference]) -> None:
        self._witness.prove(since, answer, purpose, found)
        for kind in sorted(self._incidents):
            self._incident(kind, "comparisons are complete again", resolved=True)

    def _tell_of(self, purpose: Purpose, repaired: int) -> None:
        streamed, self._streamed = self._vitals.streamed - self._streamed, self._vitals.streamed
        who = (self.name, self.gen, self._account)
        message: Reconciled | Audited | Polled = Polled(*who)
        if purpose == "audit":
            message = Audited(*who, repaired, streamed)
        elif isinstance(self._stance, StreamUp):
            message = Reconciled(*who, self._stance.stream_gen, repaired)
        self.context.supervisor.tell(message)
        log.debug("compared", account=self._account, purpose=purpose, repaired=repaired)

    def _came_to_nothing(self, errand: _Errand, error: VigilError) -> None:
        """Say when it is tried again, and tell those who have to know."""
        log.warning("errand_failed", account=self._account, errand=errand.purpose, error=str(error))
        self._vitals.closed_until = self._origin.closed_until
        if errand.asked is not None:
            self._not_examined(errand.asked, error)
        retry_at = self.context.clock.boottime() + self._retry_in(error)
        if isinstance(error, FatalError):
            self._stance = Hold(str(error))
            self._witness.is_blinded()
            self._drop()
            self._asked.refuse_all(f"the account is held: {error}")
            self.context.supervisor.tell(AccountRefused(self.name, self.gen, self._account, str(error)))
        elif errand.purpose == "permissions":
            self._permissions_due = retry_at + AGAIN
            self._warn(_cannot_verify(str(error)))
        elif errand.purpose == "balances":
            self._balances_from = retry_at
        elif errand.purpose not in {"clock", "asked"}:
            self._proved_nothing()
            self._due = retry_at
            if isinstance(error, RateLimited) and error.ban:
                self._incident("rest_closed", _closed(error))
            elif not isinstance(error, LinkError | DatabaseProblem):
                self._incident("comparison_failed", f"{type(error).__name__}: {error}")

    def _proved_nothing(self) -> None:
        """A comparison came to nothing."""
        self._witness.failed()
        if self._is_blind():
            self.context.supervisor.tell(PollFailed(self.name, self.gen, self._account))

    def _retry_in(self, error: VigilError | None) -> float:
        hint = error.retry_after if isinstance(error, RateLimited) else None
        if error is not None and not isinstance(error, LinkError | DatabaseProblem):
            hint = AGAIN
        return reconcile.retry_in(self._poll_every, hint, self._random)

    def _incident(self, kind: Kind, text: str, *, resolved: bool = False) -> None:
        (self._incidents.discard if resolved else self._incidents.add)(kind)
        at, key = self.context.clock.wall_ms(), f"{self._account}:{kind}"
        self.context.record(Incident(at, key, kind, "warning", text, self._account, resolved))

    # -------------------------------------------------------- what the stream owes

    def _ask_balances(self) -> Steps:
        """Whatever was owed before the question is answered by it."""
        assert isinstance(self._dialect, BalancesAlone)
        asked_at = self.context.clock.boottime()
        stored = yield from self._comparer.balances(self._dialect)
        self._repaired += stored.repaired
        self._vitals.owed.settle(asked_at)
        return None

    # ------------------------------------------------------------------- the key

    def _ask_permissions(self) -> Generator[Call, Reply, None]:
        told = yield from self._dialect.permissions()
        self._vitals.duties["permissions"] = now = self.context.clock.boottime()
        self._permissions_due = now + PERMISSIONS_EVERY
        self._warn(_warning(told, self._origin.time_ms()))

    def _warn(self, text: str | None) -> None:
        self.context.supervisor.tell(Warned(self.name, self.gen, self._account, "permissions", text))


def _warning(told: Permissions, now_ms: int) -> str | None:
    """What of the key's permissions people should read; None where all is well. `now_ms` is exchange time."""
    found = []
    if told.can_withdraw:
        found.append(f"the key may move money out: {told.note or 'take that permission away'}")
    elif told.can_withdraw is None:
        found.append(_cannot_verify(told.note))
    elif told.note:
        found.append(told.note)
    if told.expires_at is not None and (left := told.expires_at - now_ms) < EXPIRES_SOON_MS:
        found.append(f"the key expires in {max(left, 0) / 86_400_000:.1f} days: make a new one in time")
    return "; ".join(found) or None


def _closed(error: RateLimited) -> str:
    """For people, who otherwise see no more than a proof that grows old: a ban is no failed audit."""
    wait = "a while" if error.retry_after is None else f"{error.retry_after:.0f} s"
    return f"the exchange asked not to be called for {wait}: {error}"


def _cannot_verify(why: str) -> str:
    why = why.removeprefix("cannot be verified: ")
    return f"cannot verify what the key may do: {why or 'the exchange does not say'}"

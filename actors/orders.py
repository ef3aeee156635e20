"""The orders of one account on their way: from the intent to what is certain about it.

Each is an `Intended` row before anything leaves, and the row says what is known of it
at any time. What its states mean stands in core/records, what an outcome proves in
exchanges/trading; this file carries the one over into the other:

| outcome | the row | what follows |
|---|---|---|
| Accepted | accepted | what the answer says of the order goes to the ledger |
| Refused | refused | told to whoever wanted it |
| Unheard | withheld | likewise; the desk pauses as the error asks |
| Duplicate, Unsure | unclear | it is asked for by its id, until it is found or proven absent |

Nothing is sent whose row is not committed, nothing is sent twice, and nothing takes
the place of an order that is unclear. Cancels may be repeated.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from actors.base import Context
from actors.desk import Desk, Plan
from actors.markets import Markets
from core.admission import Objection
from core.errors import DatabaseProblem, RateLimited
from core.facts import Batch, Fact, OrderState
from core.incidents import Kind
from core.instruments import Instrument, floored
from core.intents import Cancellation, Placement
from core.messages import CancelOrder, PlaceOrder
from core.money import EXACT, plain, plain_or_none
from core.orders import FINAL
from core.records import MAY_LIVE, UNANSWERED, Intended, IntentState
from core.trading import CancelAsked, Told, WouldTake
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    Duplicate,
    Forgotten,
    Found,
    NotOpen,
    NotYet,
    Refused,
    Sought,
    Unheard,
    Unsure,
)
from models.read import Reader, Row, placement_of

log = structlog.get_logger()

QUIET = 3.0  # seconds after which an accepted SELL of which nothing was heard is asked for
AGAIN = 3.0  # seconds to the next question, or cancel, after one that brought nothing
SELDOM = 60.0  # seconds between two questions that nobody expects an answer to
LONGEST_CALL = 15_000  # ms: what a thread that was given up may still have sent
LAST_WORD = 1.0  # seconds before a person's patience ends
OURS = "vp"
"""The orders of persons begin with it."""


class Principal(Protocol):
    """The trader, as far as its orders know it."""

    context: Context

    @property
    def account(self) -> str: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def markets(self) -> Markets: ...
    @property
    def reader(self) -> Reader: ...

    def is_current(self) -> bool: ...
    def objection(self, order: Placement, *, is_meant: bool = False) -> Objection | None: ...
    def tell_book(self, order: Placement | Cancellation, event: Told | CancelAsked | WouldTake) -> None: ...
    def state_of(self, order: Placement) -> str | None: ...
    def commit(self, entries: Sequence[Any], then: Callable[[], None] = ...) -> None: ...
    def hear_committed(self, facts: Sequence[Any]) -> None: ...
    def rejected(self) -> None: ...
    def incident(self, key: str, kind: Kind, text: str) -> None: ...


class _Doubt:
    """An order to be asked for: when, and since when it may exist."""

    def __init__(self, order: Placement, sent_ms: int, ask_at: float) -> None:
        self.order = order
        self.sent_ms = sent_ms
        self.ask_at = ask_at
        self.is_asking = False
        self.asked = 0


class Orders:
    """One trader's. One thread only."""

    def __init__(self, principal: Principal, exchange: str) -> None:
        self._of = principal
        self._exchange = exchange
        self._living: dict[str, Intended] = {}
        self._decided: list[Intended] = []
        self._doubts: dict[str, _Doubt] = {}
        self._quiet: dict[
            str, float
        ] = {}  # accepted SELLs -> boottime at which they should have been heard of
        self._cancelling: set[str] = set()
        self._cancel_due: dict[str, float] = {}
        self._wishes: list[PlaceOrder] = []
        self._asked_by: dict[str, PlaceOrder] = {}
        self._last: dict[str, Intended] = {}  # of those who wait for an answer

    # ------------------------------------------------------------------ what there is

    def load(self, rows: Iterable[Row], *, is_heir: bool) -> None:
        """What an earlier life wanted and may have sent; an heir's predecessor may just have done so."""
        latest = self._of.desk.time_ms() + (LONGEST_CALL if is_heir else 0)
        for row in rows:
            order = placement_of(row)
            sent_at = row["sent_at"] if row["state"] == "unclear" else None
            self._living[order.client_order_id] = Intended(
                row["updated_at"], order, row["state"], row["wanted_by"], row["order_id"], row["why"], sent_at
            )
            if row["state"] in UNANSWERED:
                self._doubt(order, sent_at or latest)

    def living(self, *, besides: str) -> tuple[Placement, ...]:
        """Our orders that are not known to be over."""
        return tuple(one.order for name, one in self._living.items() if name != besides)

    def heard(self, fact: OrderState) -> None:
        """An order has ended: there is nothing to follow any more."""
        one = self._living.get(fact.client_order_id or "")
        if one is not None and fact.status in FINAL and one.order.symbol == fact.symbol:
            if fact.status == "rejected" and self._of.desk.trading.ended_because(fact) != "would_take":
                self._of.rejected()  # it was taken first, and looked at afterwards
            self._note(one, "over", order_id=fact.order_id, why=fact.reason)

    # ----------------------------------------------------------------------- placing

    def wanted(self, order: Placement, by: str) -> None:
        """An order is decided: it leaves once `decided` was committed."""
        intent = Intended(self._now_ms(), order, "intended", by)
        self._living[order.client_order_id] = intent
        self._decided.append(intent)

    def decided(self) -> list[Intended]:
        """What is to be committed before it leaves; each once."""
        decided, self._decided = self._decided, []
        return decided

    def leave(self, wanted: Sequence[Intended]) -> Callable[[], None]:
        """What is to be done once these are committed."""

        def leave() -> None:
            for intent in wanted:
                self._send(intent)

        return leave

    def _send(self, intent: Intended) -> None:
        def begin() -> Plan | None:
            if not self._of.is_current():
                return None
            asked = self._asked_by.get(intent.order.client_order_id)
            against = self._of.objection(intent.order, is_meant=asked is not None and asked.is_meant)
            if against is None:
                return self._of.desk.trading.place(intent.order)
            self._came_to(intent, "withheld", against.text)
            return None

        self._of.desk.ask(begin, lambda outcome: self._placed(intent, outcome))

    def _placed(self, intent: Intended, outcome: Any) -> None:
        order, sent_at = intent.order, self._of.desk.time_ms()
        match outcome:
            case Accepted(order_id=order_id, state=state, raw=raw):
                facts = () if state is None else (state,)
                self._note(intent, "accepted", order_id=order_id, sent_at=sent_at, facts=facts, raw=(raw,))
                self._quiet[order.client_order_id] = self._boottime() + QUIET
                self._answer(order.client_order_id)
            case Refused(reason=reason, error=error, order_id=order_id):
                if reason == "would_take":  # the market moved: that is what maker only is for
                    self._of.tell_book(order, WouldTake(order.client_order_id))
                else:
                    self._of.rejected()
                self._came_to(intent, "refused", str(error), order_id=order_id, sent_at=sent_at)
            case Unheard(error=error):
                self._came_to(intent, "withheld", f"the exchange did not look at it: {error}")
            case Duplicate() | Unsure():
                order_id = outcome.order_id if isinstance(outcome, Unsure) else None
                why = str(outcome.error)
                self._came_to(intent, "unclear", why, order_id=order_id, sent_at=sent_at)
            case _:
                self._came_to(intent, "unclear", str(outcome), sent_at=sent_at)

    def _came_to(self, intent: Intended, state: Any, why: str, **known: Any) -> None:
        """Not what was wanted, or not for certain: the row, the trade and the person are told."""
        why = self._of.desk.masked(why)
        self._note(intent, state, why=why, **known)
        self._of.tell_book(intent.order, Told(intent.order.client_order_id, state, why))
        if state == "unclear":
            self._doubt(intent.order, known.get("sent_at") or self._of.desk.time_ms(), later=1.0)
        else:
            self._answer(intent.order.client_order_id)

    # ------------------------------------------------------------------- what is unclear

    def look(self, doubtful: dict[str, Placement]) -> None:
        """Ask for what is unclear and due; `doubtful` are the SELLs that their trades have to know of."""
        self._hurry_persons()
        now = self._boottime()
        for name, at in list(self._quiet.items()):
            one = self._living.get(name)
            if one is None or self._of.state_of(one.order) != "placing":
                del self._quiet[name]
            elif now >= at:
                del self._quiet[name]
                self._of.tell_book(
                    one.order, Told(name, "unclear", "accepted, and nothing was heard of it yet")
                )
        for name, order in doubtful.items():
            if name not in self._doubts:
                one = self._living.get(name)
                sent_at = None if one is None else one.sent_at
                self._doubt(order, sent_at or self._of.desk.time_ms(), later=1.0)
        for name, doubt in list(self._doubts.items()):
            one = self._living.get(name)
            is_unanswered = one is not None and one.state in UNANSWERED
            if name not in doubtful and not is_unanswered:
                del self._doubts[name]
            elif not doubt.is_asking and now >= doubt.ask_at:
                self._find(doubt)

    def _doubt(self, order: Placement, sent_ms: int, later: float = 0.0) -> None:
        self._doubts[order.client_order_id] = _Doubt(order, sent_ms, self._boottime() + later)

    def _find(self, doubt: _Doubt) -> None:
        doubt.is_asking = True
        self._look_up(doubt.order, doubt.sent_ms, lambda came_of_it: self._found(doubt, came_of_it))

    def _look_up(self, order: Placement, sent_ms: int, then: Callable[[Any], object]) -> None:
        """Ask for an order by our id; what the exchange shows of it goes to the ledger."""
        sought = Sought(order.category, order.symbol, order.client_order_id, sent_ms)
        fence = [0]

        def begin() -> Plan | None:
            try:
                fence[0] = self._of.reader.sequence()
            except DatabaseProblem as problem:  # what is shown then could not be compared
                then(problem)
                return None
            return self._of.desk.trading.find(sought, self._of.desk.time_ms())

        def told(came_of_it: Any) -> None:
            if isinstance(came_of_it, Found):
                self._know(order, came_of_it, fence[0])
            then(came_of_it)

        self._of.desk.ask(begin, told, urgent=True)

    def _know(self, order: Placement, found: Found, fence: int) -> None:
        one, state = self._living.get(order.client_order_id), found.order
        if one is None:
            batch = self._batch(found.facts, found.raw, fence)
            self._of.commit([batch], lambda: self._of.hear_committed(found.facts))
            return
        self._note(one, "accepted", order_id=state.order_id, facts=found.facts, raw=found.raw, fence=fence)

    def _found(self, doubt: _Doubt, came_of_it: Any) -> None:
        name, now = doubt.order.client_order_id, self._boottime()
        doubt.is_asking = False
        doubt.asked += 1
        match came_of_it:
            case Found():
                doubt.ask_at = now + min(SELDOM, 2.0**doubt.asked)  # where it is not settled by that
                self._answer(name)
            case Absent():
                why = "the exchange has proven that it never had it"
                one = self._living.get(name)
                if one is not None:
                    self._note(one, "absent", why=why)
                del self._doubts[name]
                self._of.tell_book(doubt.order, Told(name, "absent", why))
                self._answer(name)
            case NotYet(again_in=again_in):
                doubt.ask_at = now + again_in
            case Forgotten():
                doubt.ask_at = now + SELDOM
                text = f"order {name} may have been placed, and the exchange would not show it any more: look there"
                self._of.incident(f"forgotten:{name}", "order_forgotten", text)
            case _:
                doubt.ask_at = now + _again_in(came_of_it)

    # ------------------------------------------------------------------------ cancels

    def cancel(self, wanted: Cancellation, then: Callable[[Any], object] = lambda _: None) -> None:
        """End an order of ours, once at a time; whoever wants it ended asks as long as it lives."""
        name = wanted.client_order_id
        if name in self._cancelling or self._boottime() < self._cancel_due.get(name, 0.0):
            return
        self._cancelling.add(name)
        one = self._living.get(name)
        order_id = None if one is None else one.order_id
        self._end(wanted, order_id, then)

    def _end(self, wanted: Cancellation, order_id: str | None, then: Callable[[Any], object]) -> None:
        def begin() -> Plan | None:
            return self._of.desk.trading.cancel(wanted, order_id) if self._of.is_current() else None

        def told(outcome: Any) -> None:
            self._cancelling.discard(wanted.client_order_id)
            self._cancelled(wanted, outcome)
            then(outcome)

        self._of.desk.ask(begin, told, urgent=True)

    def _cancelled(self, wanted: Cancellation, outcome: Any) -> None:
        name = wanted.client_order_id
        self._cancel_due[name] = self._boottime() + _again_in(outcome)
        if isinstance(outcome, CancelTaken) and outcome.state is not None:
            facts = (outcome.state,)
            batch = self._batch(facts, (outcome.raw,), None)
            self._of.commit([batch], lambda: self._of.hear_committed(facts))
        elif isinstance(outcome, NotOpen | CancelTaken):
            one = self._living.get(name)
            if one is not None:
                self._look_up(one.order, one.sent_at or self._of.desk.time_ms(), lambda _: None)

    def take_cancel(self, asked: CancelOrder) -> None:
        """A person wants an order ended: ours or not, by either id. Always allowed."""
        try:
            open_now = self._of.reader.orders(account=self._of.account, open_only=True, limit=0)
        except DatabaseProblem as problem:
            asked.reply(self._said(asked.order, "unknown", f"the ledger cannot be read: {problem}"))
            return
        found = [row for row in open_now if asked.order in (row["order_id"], row["client_order_id"])]
        one = self._living.get(asked.order)
        if not found and one is None:
            asked.reply(self._said(asked.order, "unknown", "the ledger holds no such open order"))
            return
        if found:
            row = found[0]
            place = (row["category"], row["symbol"], row["client_order_id"] or "")
            order_id = row["order_id"]
        else:
            assert one is not None
            place = (one.order.category, one.order.symbol, asked.order)
            order_id = one.order_id
        category, symbol, name = place
        wanted = Cancellation(
            account=self._of.account, category=category, symbol=symbol, client_order_id=name
        )
        if not asked.is_sent:
            asked.reply(self._said(asked.order, "not_sent", "it would be cancelled"))
            return
        self._of.tell_book(wanted, CancelAsked(name))
        self._end(wanted, order_id, lambda outcome: asked.reply(self._cancel_said(asked.order, outcome)))

    def _cancel_said(self, order: str, outcome: Any) -> dict[str, object]:
        if isinstance(outcome, CancelTaken):
            return self._said(order, "cancelled", None)
        why = self._of.desk.masked(str(getattr(outcome, "error", outcome)))
        return self._said(order, type(outcome).__name__.lower(), why)

    def _said(self, order: str, state: str, why: str | None) -> dict[str, object]:
        return {"account": self._of.account, "order": order, "state": state, "why": why}

    # ------------------------------------------------------------------------- persons

    def take(self, asked: PlaceOrder) -> None:
        """A person wants an order placed: as soon as its symbol is known."""
        self._wishes.append(asked)

    def _hurry_persons(self) -> None:
        now = self._boottime()
        for asked in list(self._wishes):
            key = (asked.category, asked.symbol)
            market = self._of.markets.need(key)
            is_known = market.instrument is not None and self._of.markets.price(key) is not None
            if is_known or market.is_unlisted or asked.until - now < LAST_WORD:
                self._wishes.remove(asked)
                self._try(asked, market.instrument, now)
        for name, asked in list(self._asked_by.items()):
            if asked.until - now < LAST_WORD:
                self._answer(name)

    def _try(self, asked: PlaceOrder, instrument: Instrument | None, now: float) -> None:
        order = self._meant(asked, instrument)
        if order is None:
            why = "how much that is cannot be told: its price or its steps are not known"
            asked.reply({"account": self._of.account, "state": "refused", "why": why})
            return
        against = self._of.objection(order, is_meant=asked.is_meant)
        if against is not None or not asked.is_sent or now >= asked.until:
            state = "not_sent" if against is None else "refused"
            why = "nothing was sent: say that it is meant (--yes)" if against is None else against.text
            asked.reply(self._order_said(order, state, why, None))
            return
        self._asked_by[order.client_order_id] = asked
        self.wanted(order, asked.by)
        self._last[order.client_order_id] = self._living[order.client_order_id]

    def _meant(self, asked: PlaceOrder, instrument: Instrument | None) -> Placement | None:
        """The order in figures; None where its quantity does not follow from what is known."""
        quantity = asked.quantity
        if quantity is None:
            price = asked.price
            if (
                price is None
                and (market := self._of.markets.price((asked.category, asked.symbol))) is not None
            ):
                price = market.ask if asked.side == "buy" else market.bid
            if price is None or price <= 0 or instrument is None or asked.worth is None:
                return None
            steps = EXACT.divide_int(asked.worth, EXACT.multiply(price, instrument.step))
            quantity = floored(EXACT.multiply(steps, instrument.step), instrument.step)
        return Placement(
            account=self._of.account,
            category=asked.category,
            symbol=asked.symbol,
            side=asked.side,
            quantity=quantity,
            price=asked.price,
            client_order_id=OURS + b32encode(secrets.token_bytes(15)).decode().lower(),
            post_only=asked.post_only,
        )

    def _answer(self, name: str) -> None:
        """Tell the person what is known of his order."""
        asked = self._asked_by.pop(name, None)
        if asked is None:
            return
        row = self._last.pop(name)
        asked.reply(self._order_said(row.order, row.state, row.why, row.order_id))

    def _order_said(
        self, order: Placement, state: str, why: str | None, order_id: str | None
    ) -> dict[str, object]:
        return {
            "account": order.account,
            "category": order.category,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": plain(order.quantity),
            "price": plain_or_none(order.price),
            "post_only": order.post_only,
            "client_order_id": order.client_order_id,
            "order_id": order_id,
            "state": state,
            "why": why,
        }

    # -------------------------------------------------------------------------- bricks

    def _note(
        self,
        intent: Intended,
        state: IntentState,
        *,
        why: str | None = None,
        order_id: str | None = None,
        sent_at: int | None = None,
        facts: Sequence[Fact] = (),
        raw: Sequence[str] = (),
        fence: int | None = None,
    ) -> None:
        """Write down what is known of an order now, together with what the exchange said of it."""
        row = msgspec.structs.replace(
            intent,
            at=self._now_ms(),
            state=state,
            why=why,
            order_id=order_id or intent.order_id,
            sent_at=sent_at or intent.sent_at,
        )
        name = row.order.client_order_id
        if state in MAY_LIVE:
            self._living[name] = row
        else:
            self._living.pop(name, None)
        if name in self._asked_by:
            self._last[name] = row
        entries: list[Any] = [row]
        if facts:
            entries.append(self._batch(facts, raw, fence))
        self._of.commit(entries, lambda: self._of.hear_committed(facts))

    def _batch(self, facts: Sequence[Fact], raw: Sequence[str], fence: int | None) -> Batch:
        clock = self._of.context.clock
        return Batch(
            account=self._of.account,
            exchange=self._exchange,
            source="command",
            origin=self._of.context.origin,
            received_at=clock.wall_ms(),
            received_mono=clock.monotonic(),
            facts=tuple(facts),
            raw=self._of.desk.masked("\n".join(raw)) or None,
            fence=fence,
        )

    def _now_ms(self) -> int:
        return self._of.context.clock.wall_ms()

    def _boottime(self) -> float:
        return self._of.context.clock.boottime()


def _again_in(outcome: Any) -> float:
    """Seconds until what brought this is tried once more: as many as the exchange asks for, if it does."""
    error = getattr(outcome, "error", outcome)
    hint = error.retry_after if isinstance(error, RateLimited) else None
    return AGAIN if hint is None else hint

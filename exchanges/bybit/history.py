"""What an account did since a moment, by REST: the sync plan of Bybit (v5/order, v5/position, 2026-07-24).

Market by market (`markets` says which): open orders and positions first, then the
wallet, then what was executed since; and the orders since, unless the stream was
healthy and nothing points at one. The decisions:

* An order that a fill names and no answer has shown is asked for by itself. So
  are the executions of an order that is further than they are: that list lags.
* Positions that are closed are not listed, and coins that are empty neither: what
  the ledger holds and a complete list lacks is flat, or zero.
* The wallet is as of the moment when it was asked for, and never of a later one
  than the answer names; what is missing from the lists, as of the first question.
  A push that came later is newer; one that a delayed read has not seen yet is
  kept by the fence and by the audits' shield.
* A market that nothing points at and that is refused at its first call is left
  out; any other failure fails the whole, for half an answer proves nothing.
"""

from collections.abc import Generator, Mapping
from decimal import Decimal

import msgspec

from core.errors import BadRequest, NotFound, ProtocolChanged, Unreadable
from core.facts import Balance, Fact, Position, Unrecognised
from core.money import add
from core.wire import Call, Reply
from exchanges.base import Complete, Known, Plan
from exchanges.bybit import calls
from exchanges.bybit.calls import DAY_MS
from exchanges.bybit.errors import NotAllowed
from exchanges.bybit.found import ZERO, Found, Name, filled, noted
from exchanges.bybit.markets import Markets
from exchanges.bybit.paging import Answered, Listed, Trail, pages, reached, windows
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow
from exchanges.bybit.stating import states_wallet
from exchanges.bybit.words import Notes, milliseconds
from exchanges.replies import parse

UNFILLED_FOR_MS = DAY_MS + 300_000  # a day back from a moment ago is a day
UNFILLED = "orders that ended without a fill more than 24 hours ago"
_REFUSED = (NotAllowed, BadRequest, ProtocolChanged)

Asking = Generator[Call, Reply, None]


class WalletRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The account as the wallet's list holds it."""

    coin: list[CoinRow]
    account_type: str | None = None


class Sync:
    """One run of the plan: what it has learnt so far."""

    def __init__(self, known: Known, markets: Markets) -> None:
        self._known = known
        self._markets = markets
        self._held = {(held.category, held.symbol, held.order_id): held.filled for held in known.open_orders}
        self._found = Found()
        self._served: list[str] = []
        self._unserved: list[str] = []
        self._refusals: list[Fact] = []
        self._trail = Trail()

    def run(self) -> Plan:
        """The whole plan; as of the moment when the first question was asked."""
        for category in self._markets.to_ask(self._known):
            yield from self._ask_present(category)
        reply = yield calls.WALLET
        wallet = read_wallet(reply, self._known.balances or {})
        self._trail.passed(reply)
        until = max(self._known.now, self._trail.began_ms)
        for category in self._served:
            yield from self._ask_past(category, until)
            if (seen := self._found.last_seen(category, self._known.now)) is not None:
                self._markets.saw(category, seen)
        for category in self._markets.unprobed(self._served):
            yield from self._probe(category)
        stated = self._found.facts()
        facts = (*stated, *self._flat(stated), *wallet, *self._refusals)
        return Complete(
            facts,
            self._trail.began_ms,
            tuple(self._trail.raw),
            tuple(self._served),
            reached(self._known.since, until),
            unseen=(*self._unserved, *((UNFILLED,) if until - self._known.since > UNFILLED_FOR_MS else ())),
        )

    # ------------------------------------------------------------------ as it is now

    def _ask_present(self, category: str) -> Asking:
        first, *others = calls.open_orders(category)
        try:
            opened = yield from pages(first, OrderRow, self._trail)
        except _REFUSED as error:
            if not self._markets.is_idle(category, self._known):
                raise
            self._unserved.append(f"{category}: this market is not served ({error})")
            if self._markets.is_refused(category):
                self._refusals.append(Unrecognised(category, f"this market is not served: {error}"))
            return
        for call in others:
            opened += yield from pages(call, OrderRow, self._trail)
        for call in calls.positions(category):
            self._found.positions += yield from pages(call, PositionRow, self._trail)
        self._found.keep_orders(opened)
        self._served.append(category)

    # ------------------------------------------------------------------- as it came

    def _ask_past(self, category: str, until: int) -> Asking:
        found, stretches = self._found, list(windows(self._known.since, until))
        for start, end in stretches:
            for call in calls.executions(category, start, end):
                found.keep_executions((yield from pages(call, ExecutionRow, self._trail)))
        if self._is_pointed_at(category):
            for start, end in stretches:
                call = calls.history(category, start, end)
                found.keep_orders((yield from pages(call, OrderRow, self._trail)))
        for name in self._unshown(category):
            row = yield from order_named(name[0], name[1], self._trail, order_id=name[2])
            found.keep_orders([] if row is None else [row])
        for name in self._ahead(category):
            call = calls.executions_of(*name)
            found.keep_executions((yield from pages(call, ExecutionRow, self._trail)))

    def _is_pointed_at(self, category: str) -> bool:
        """Whether an order of this market may be unknown to us, for all we see."""
        if self._known.deep or not self._known.healthy:
            return True
        held = {name: amount for name, amount in self._held.items() if name[0] == category}
        shown = {name: filled(row) for name, row in self._found.orders_in(category).items()}
        return held != shown or bool(self._unshown(category))

    def _unshown(self, category: str) -> list[Name]:
        """The orders that fills name and no answer has shown."""
        return sorted(self._found.executed(category).keys() - self._found.orders.keys())

    def _ahead(self, category: str) -> list[Name]:
        """The orders that are further, counted from what we hold, than the executions found."""
        executed = self._found.executed(category)
        return sorted(
            name
            for name, row in self._found.orders_in(category).items()
            if filled(row) > add((self._held.get(name) or ZERO, executed.get(name, ZERO)))
        )

    def _probe(self, category: str) -> Asking:
        """Whether the market was used at all in the last seven days."""
        reply = yield calls.traces(category)
        for row in parse(reply, Answered[Listed[OrderRow]]).result.rows:
            self._markets.saw(category, milliseconds(row.updated_time) or self._known.now)

    def _flat(self, stated: tuple[Fact, ...]) -> tuple[Fact, ...]:
        """The positions that the ledger holds open and no list shows."""
        at = self._trail.began_ms
        shown = {(fact.category, fact.symbol, fact.side) for fact in stated if isinstance(fact, Position)}
        return tuple(
            Position(held.category, held.symbol, held.side, ZERO, updated_at=at)
            for held in self._known.positions
            if held.category in self._served and (held.category, held.symbol, held.side) not in shown
        )


def read_wallet(reply: Reply, known: Mapping[str, Decimal]) -> tuple[Fact, ...]:
    """Every coin that is held, and 0 for those of `known` that are gone."""
    answer = parse(reply, Answered[Listed[WalletRow]])
    accounts = answer.result.rows
    if not accounts:
        raise Unreadable("the wallet's answer holds no account")
    notes, at = Notes(), min(reply.began_ms, milliseconds(answer.time) or reply.began_ms)
    coins: list[Balance] = []
    for account in accounts:
        coins += states_wallet(account.account_type, account.coin, at, notes)
    shown = {balance.asset for balance in coins}
    gone = [asset for asset, total in known.items() if total and asset not in shown]
    return (*coins, *(Balance(asset, ZERO, ZERO, ZERO, at) for asset in gone), *noted(notes))


def order_named(
    category: str, symbol: str, trail: Trail, *, order_id: str = "", client_order_id: str | None = None
) -> Generator[Call, Reply, OrderRow | None]:
    """One order by its id, or by ours; None where neither the present nor the history knows it."""
    name = ("orderId", order_id) if order_id else ("orderLinkId", client_order_id or "")
    for call in (calls.order_now(category, symbol, name), calls.order_then(category, symbol, name)):
        try:
            rows = yield from pages(call, OrderRow, trail)
        except NotFound:
            continue
        for row in rows:
            if order_id == row.order_id if order_id else client_order_id == row.order_link_id:
                return row
    return None

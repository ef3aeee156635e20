"""What an account did since a moment, by REST: the sync plan of Crypto.com.

Nearly every method covers all instruments, so the plan is short (Exchange API v1,
2026-05-21). The decisions:

* Always: open orders, the wallet, and the trades since then. Trades are the one
  history that a healthy stream must be compared with each time.
* After a gap, and now and then (*wide*), also what ended meanwhile (orders, trigger
  orders), what moved money, the open trigger orders and the positions. In between
  these two last only where something points at them: an order that we hold and
  the list lacks, a position that we hold, a contract that was traded.
* An order that trades name or that we hold, and that nothing has shown, is asked
  for by itself, ten of ours at most: their fills are in the trades already, which
  a query for one order would have to wait a second for. Where it is not known,
  nothing is stated; the driver goes on from there. Where trades name many, the
  history is read first.
* Histories that allow one call a second are read page by page in turn.
* Histories lag behind the list of open orders: of two rows the later counts.
* Balances and what is missing hold good from 2 s before the request: reads lag by
  a second, and the stream repeats the wallet every two.
* An asset or a position that we hold and a whole answer lacks is zero.
"""

import itertools
from collections.abc import Generator, Iterable
from decimal import Decimal

from core.errors import NotFound, Unreadable
from core.facts import Balance, Fact, Position, Unrecognised
from core.wire import Call, Reply
from exchanges.base import Complete, Known, Plan
from exchanges.cryptocom import calls, rows
from exchanges.cryptocom.finding import detail
from exchanges.cryptocom.paging import (
    Notes,
    Window,
    listed,
    reached,
    receding,
    stepping,
    together,
    windows,
)
from exchanges.cryptocom.reading import ASSETS, HOLDINGS, JOURNAL, ORDERS, TRADES, WALLETS
from exchanges.cryptocom.shapes import Journal, Order, Trade
from exchanges.cryptocom.words import CATEGORIES, category

LAG_MS = 2_000
FEW = 10  # orders that are asked for one by one

Asking = Generator[Call, Reply, None]


class Sync:
    """One run of the plan: what it has learnt so far."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._wide = known.deep or not known.healthy
        self._notes = Notes()
        self._orders: dict[str, Order] = {}
        self._trades: list[Trade] = []
        self._journal: list[Journal] = []

    def run(self) -> Plan:
        """The whole plan; as of the moment when the open orders were asked for."""
        opening = yield calls.OPEN_ORDERS
        self._keep(listed(opening, ORDERS, self._notes))
        if self._wide or self._missing():
            self._keep(listed((yield calls.ADVANCED_OPEN_ORDERS), ORDERS, self._notes))
        balances = self._balances((yield calls.WALLET))
        until = max(self._known.now, opening.began_ms)
        spans = tuple(windows(self._known.since, until))
        yield from self._ask_histories(spans)
        if not self._wide and len(self._unknown()) > FEW:
            self._keep((yield from receding(calls.orders, ORDERS, spans, self._notes)))
        yield from self._ask_orders()
        positions: tuple[Position, ...] = ()
        if self._wide or self._points_at_positions():
            positions = self._positions((yield calls.POSITIONS))
        facts = (*self._facts(), *balances, *positions)
        return Complete(
            facts,
            opening.began_ms,
            tuple(self._notes.raw),
            CATEGORIES,
            reached(self._known.since, until),
            unseen=tuple(self._notes.gaps),
        )

    # --------------------------------------------------------------- where to look

    def _shown(self) -> set[str]:
        return {name for row in self._orders.values() for name in row.names}

    def _missing(self) -> list[str]:
        """The orders that we hold and nothing has shown."""
        shown = self._shown()
        return [held.order_id for held in self._known.open_orders if held.order_id not in shown]

    def _unknown(self) -> set[str]:
        """The orders that trades name and nothing has shown."""
        return {str(trade.order_id) for trade in self._trades} - self._shown()

    def _ask_histories(self, spans: tuple[Window, ...]) -> Asking:
        trades = stepping(calls.trades, TRADES, spans, self._notes)
        if not self._wide:
            self._trades = yield from trades
            return
        self._trades, ended, triggered, self._journal = yield from together(
            trades,
            receding(calls.orders, ORDERS, spans, self._notes),
            receding(calls.advanced_orders, ORDERS, spans, self._notes),
            stepping(calls.journal, JOURNAL, spans, self._notes),
        )
        self._keep((*ended, *triggered))

    def _ask_orders(self) -> Asking:
        """What became of orders that trades name, or that we hold, and nothing has shown."""
        held = self._missing()
        for order_id in (*filter(None, held[:FEW]), *sorted(self._unknown() - set(held))):
            try:
                self._keep((yield from detail(calls.order(order_id), self._notes)))
            except NotFound:
                continue

    def _points_at_positions(self) -> bool:
        spoken_of = {
            *(self._known.categories or ()),
            *(category(row.instrument_name) for row in self._trades),
        }
        return bool(self._known.positions) or bool(spoken_of - {"spot"})

    # ------------------------------------------------------------------- what was found

    def _keep(self, found: Iterable[Order]) -> None:
        for row in found:
            before = self._orders.get(str(row.order_id))
            if before is None or row.age >= before.age:
                self._orders[str(row.order_id)] = row

    def _balances(self, reply: Reply) -> tuple[Balance, ...]:
        """The whole wallet, and zero for what it lacks."""
        at = reply.began_ms - LAG_MS
        wallets = listed(reply, WALLETS, self._notes)
        if len(wallets) != 1:
            raise Unreadable(f"{len(wallets)} wallets instead of one")
        assets = ASSETS.many(wallets[0].position_balances)
        if assets.trouble:
            raise Unreadable(f"unreadable balances: {'; '.join(assets.trouble)}")
        margined = wallets[0].is_margined
        stated = tuple(rows.balance(row, margined=margined, at=at) for row in assets.rows)
        held = {balance.asset for balance in stated}
        nothing = Decimal(0)
        gone = (asset for asset, total in (self._known.balances or {}).items() if total and asset not in held)
        return (*stated, *(Balance(asset, nothing, nothing, nothing, at) for asset in gone))

    def _positions(self, reply: Reply) -> tuple[Position, ...]:
        """Every position, and flat for those that we hold and it lacks."""
        at = reply.began_ms - LAG_MS
        held = tuple(rows.positions(row)[0] for row in listed(reply, HOLDINGS, self._notes))
        named = {(position.category, position.symbol, position.side) for position in held}
        names = ((held.category, held.symbol, held.side) for held in self._known.positions)
        return (*held, *(rows.flat(*name, at) for name in names if name not in named))

    def _facts(self) -> tuple[Fact, ...]:
        stated = (
            *map(rows.order_facts, self._orders.values()),
            *map(rows.trade_facts, self._trades),
            *map(rows.journal_facts, self._journal),
        )
        gaps = (Unrecognised("history", gap) for gap in self._notes.gaps)
        return (*itertools.chain.from_iterable(stated), *gaps)

"""What an account did since a moment, by REST: the sync plan of Binance.

There is no trade history of all symbols, so the plan first learns where to look
and then asks symbol by symbol (rest-api.md, 2026-07-21). The decisions:

* Open orders and account always. Then the *symbols of interest*: those named by
  the caller, those of open orders and of orders that we hold open, and the pairs
  between assets that moved, for a trade moves two: whose total is not what the
  caller knows, or changed after what is proven. The latter, because a stream may
  tell of a balance and not of the trade behind it, and a history may show the
  trade seconds later than the account does. At the very first sync these are the
  pairs between all assets that are held; asked deep, a moved asset is also paired
  with what is held.
* Trades by start time. Orders by windows of a day, so that one that lived and
  died in the gap is known with its state. Where nothing points at an order (a
  pair that is a guess; open orders that are exactly as we hold them; a symbol
  that is merely named while the stream is healthy) this second history is asked
  for only if the trades name an order that nobody knows. Such an order from
  before the window is asked for by itself.
* Orders that used SOR: their allocations too, which are not among the trades.
* A symbol that the exchange does not know (-1121) has no history: a wrong name
  in the settings must not stop the whole account.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from decimal import Decimal

from core.errors import NotFound
from core.facts import Balance, Fact
from core.wire import Call, Reply
from exchanges.base import Complete, Known, Plan
from exchanges.binance import calls
from exchanges.binance.errors import Archived, UnknownSymbol
from exchanges.binance.paging import allocations_of, orders_between, trades_since
from exchanges.binance.rows import (
    Account,
    OrderRow,
    Pair,
    TradeRow,
    balance_facts,
    fill,
    order_facts,
    totals,
)
from exchanges.replies import parse

ARCHIVED_AFTER_MS = 90 * calls.DAY_MS
ARCHIVED = "orders that ended without a fill more than 90 days ago"

Asking = Generator[Call, Reply, None]
AskPairs = Callable[[int], Generator[Call, Reply, tuple[Pair, ...]]]


def read_account(
    reply: Reply, known: Mapping[str, Decimal]
) -> tuple[dict[str, Decimal], tuple[Balance, ...]]:
    """The totals of what is held, and all balances: those of `known` that are gone too."""
    account = parse(reply, Account)
    held = totals(account)
    gone = [asset for asset, total in known.items() if total and asset not in held]
    return held, balance_facts(account, gone, reply.began_ms)


class Sync:
    """One run of the plan: what it has learnt so far."""

    def __init__(self, known: Known, ask_pairs: AskPairs, *, omit_zeros: bool, allocations: bool) -> None:
        self._known = known
        self._ask_pairs = ask_pairs
        self._omit_zeros = omit_zeros
        self._allocations = allocations
        self._held = {(held.symbol, held.order_id): held.filled for held in known.open_orders}
        self._orders: dict[tuple[str, int], OrderRow] = {}
        self._trades: dict[tuple[str, int | None, int | None], TradeRow] = {}
        self._raw: list[str] = []

    def run(self) -> Plan:
        """The whole plan; as of the moment when the open orders were asked for."""
        opening = yield calls.OPEN_ORDERS
        self._keep_orders(parse(opening, list[OrderRow]))
        accounting = yield calls.account(omit_zeros=self._omit_zeros)
        held, balances = read_account(accounting, self._known.balances or {})
        self._raw += [opening.body.decode(), accounting.body.decode()]
        certain, possible = self._symbols()
        possible |= yield from self._guesses(held)
        until = max(self._known.now, opening.began_ms)
        asked = tuple(sorted(certain | possible))
        for symbol in asked:
            yield from self._ask_symbol(symbol, until, thorough=symbol in certain)
        return Complete(
            self._facts(balances),
            opening.began_ms,
            tuple(self._raw),
            symbols=asked,
            unseen=(ARCHIVED,) if until - self._known.since > ARCHIVED_AFTER_MS else (),
        )

    # --------------------------------------------------------------- where to look

    def _symbols(self) -> tuple[set[str], set[str]]:
        """The symbols in which something happened for all we know, and those where it merely might."""
        shown = {(row.symbol, str(row.order_id)) for row in self._orders.values()}
        certain = {symbol for symbol, number in self._held if (symbol, number) not in shown}
        certain |= {row.symbol for row in self._orders.values() if not self._is_as_held(row)}
        named = set(self._known.symbols)
        if not self._known.healthy:
            certain |= named
        return certain, named | {symbol for symbol, _ in shown}

    def _is_as_held(self, row: OrderRow) -> bool:
        return self._held.get((row.symbol, str(row.order_id))) == row.executed_qty

    def _guesses(self, held: dict[str, Decimal]) -> Generator[Call, Reply, set[str]]:
        """The pairs that a change of balances points at."""
        known = None if self._known.first else self._known.balances
        nothing = Decimal(0)
        before = known or {}
        moved = self._known.moved | {
            asset
            for asset in held.keys() | before.keys()
            if held.get(asset, nothing) != before.get(asset, nothing)
        }
        near = moved | held.keys() if self._known.deep else moved
        if not moved or len(near) < 2:
            return set()
        pairs = yield from self._ask_pairs(self._known.now)
        return {
            pair.symbol
            for pair in pairs
            if {pair.base_asset, pair.quote_asset} <= near and {pair.base_asset, pair.quote_asset} & moved
        }

    # ---------------------------------------------------------------- symbol by symbol

    def _ask_symbol(self, symbol: str, until: int, *, thorough: bool) -> Asking:
        since = max(0, min(self._known.since, until))
        try:
            trades = yield from trades_since(symbol, since, self._raw)
            self._keep_trades(trades)
            if thorough or self._unknown(symbol):
                self._keep_orders((yield from orders_between(symbol, since, until, self._raw)))
            for number in sorted(self._unknown(symbol)):
                yield from self._ask_order(symbol, number)
            if self._allocations:
                yield from self._ask_allocations(symbol)
        except UnknownSymbol:
            return

    def _unknown(self, symbol: str) -> set[int]:
        """The orders that trades name and no answer has shown."""
        named = {row.order_id for row in self._trades.values() if row.symbol == symbol}
        return {number for number in named if (symbol, number) not in self._orders}

    def _ask_order(self, symbol: str, number: int) -> Asking:
        try:
            reply = yield calls.order(symbol, str(number))
        except (NotFound, Archived):
            return
        self._keep_orders([parse(reply, OrderRow)])
        self._raw.append(reply.body.decode())

    def _ask_allocations(self, symbol: str) -> Asking:
        used = [row for row in self._orders.values() if row.symbol == symbol and row.used_sor]
        for row in used:
            if row.executed_qty and not self._is_as_held(row):
                self._keep_trades((yield from allocations_of(row, self._raw)))

    # ------------------------------------------------------------------- what was found

    def _keep_orders(self, rows: Iterable[OrderRow]) -> None:
        """Histories lag behind the list of open orders: of two statements the later stays."""
        for row in rows:
            before = self._orders.get(row.key)
            if before is None or row.age >= before.age:
                self._orders[row.key] = row

    def _keep_trades(self, rows: Iterable[TradeRow]) -> None:
        """The same trade may stand on two pages."""
        for row in rows:
            self._trades[row.symbol, row.id, row.allocation_id] = row

    def _facts(self, balances: tuple[Balance, ...]) -> tuple[Fact, ...]:
        facts: list[Fact] = []
        for order in self._orders.values():
            facts += order_facts(order)
        for trade in self._trades.values():
            traded = self._orders.get((trade.symbol, trade.order_id))
            facts.append(fill(trade, None if traded is None else traded.client_order_id))
        return (*facts, *balances)

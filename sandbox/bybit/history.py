"""The private calls that read what happened: orders, executions, positions.

What is listed, and for how long, is the trap of this exchange (reference, 6 and
6.1): `realtime` shows open orders, and the last 500 ended ones of a category out
of memory that a restart loses; `history` shows ended ones for two years, those
without a fill for a day; both lists and the executions default to seven days
and never span more. An order's id overrules every other filter.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.bybit import shapes
from sandbox.bybit.calls import Args, Call
from sandbox.bybit.errors import bad_params
from sandbox.bybit.pages import in_order, page
from sandbox.bybit.quotes import Quotes
from sandbox.faults import Board
from sandbox.market import Instrument
from sandbox.venue import Venue
from sandbox.world import Event, Order, OrderChanged, Position, Trade

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
KEPT_MS = 730 * DAY_MS
FOREVER = 1 << 62
BUFFER = 500
KINDS = {word: kind for kind, word in shapes.EXEC_TYPE.items()}
TRADED = "EXISTS (SELECT 1 FROM trades t WHERE t.exchange = orders.exchange AND t.account = orders.account AND t.symbol = orders.symbol AND t.order_id = orders.order_id)"  # fmt: skip


def span(args: Args, now: int, usual_ms: int, widest_ms: int = WEEK_MS) -> tuple[int, int]:
    """The window of a call: by default the last `usual_ms`, with one bound that much from it."""
    start, end = args.get("startTime"), args.get("endTime")
    if start is not None and end is not None and not 0 <= end - start <= widest_ms:
        raise bad_params("the time range is reversed or wider than 7 days")
    if start is None:
        start = (now if end is None else end) - usual_ms
        end = FOREVER if end is None else end
    return max(start, now - KEPT_MS), start + usual_ms if end is None else end


class History:
    """Answers about the accounts of one venue."""

    def __init__(self, venue: Venue, quotes: Quotes, board: Board) -> None:
        self._venue = venue
        self._quotes = quotes
        self._board = board
        self._ended: dict[tuple[str, str], deque[Order]] = {}
        venue.listeners.append(self._remember)

    def _remember(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, OrderChanged) and event.order.ended:
                key = (event.order.account, event.order.category)
                self._ended.setdefault(key, deque(maxlen=BUFFER)).append(event.order)

    # -- finding one -------------------------------------------------------------

    def find(self, call: Call) -> Order | None:
        """The order of the call's category that orderId, or else orderLinkId, names."""
        args = call.args
        if "orderId" in args:
            found = self._by_number(call.account, args["orderId"])
        elif "orderLinkId" in args:
            found = self.by_client_id(call.account, args["category"], args["orderLinkId"])
        else:
            raise bad_params("orderId or orderLinkId is missing")
        return found if found is not None and found.category == args["category"] else None

    def _by_number(self, account: str, text: str) -> Order | None:
        rows = self._venue.store.orders(self._venue.name, account, "order_id = ?", self._number(text))
        return rows[0] if rows else None

    def _number(self, text: str) -> int:
        """The engine's number of an id; 0, which nobody has, for what is none."""
        try:
            return self._venue.customs.order_number(text)
        except ValueError:
            return 0

    def by_client_id(self, account: str, category: str, client_id: str) -> Order | None:
        """The newest order of a category that bears a client's id."""
        where = "client_order_id = ? ORDER BY order_id DESC"
        rows = self._venue.store.orders(self._venue.name, account, where, client_id)
        return next((one for one in rows if one.category == category), None)

    # -- orders ------------------------------------------------------------------

    def realtime(self, call: Call) -> Any:
        """Open orders, or the last that ended."""
        args = call.args
        self._check_filters(args)
        account, category = call.account, args["category"]
        ended = list(self._ended.get((account, category), ()))
        if "orderId" in args or "orderLinkId" in args:
            found = self.find(call)
            known = found is not None and (
                not found.ended or any(found.order_id == o.order_id for o in ended)
            )
            return self._orders(args, [found] if found and known else [], "", past=False)
        symbols = {one.symbol for one in self._quotes.chosen(args)}
        every = ended if args.get("openOnly", 0) == 1 else self._venue.open_of(account)
        rows = sorted((one for one in every if one.symbol in symbols), key=lambda one: -one.order_id)
        fits = self._filter_of(args)

        def fetch(below: int, count: int) -> list[Order]:
            return [one for one in rows if one.order_id < below][:count]

        shown, cursor = page(args, 20, fetch, lambda one: one.order_id, fits)
        return self._orders(args, shown, cursor, past=False)

    def _check_filters(self, args: Args) -> None:
        given = {"symbol", "baseCoin", "settleCoin"} & set(args)
        if args["category"] == "spot" and given - {"symbol"}:
            raise bad_params("baseCoin and settleCoin do not apply to spot")
        if args["category"] == "linear" and not given:
            raise bad_params("symbol, baseCoin or settleCoin is missing")

    def _filter_of(self, args: Args) -> Callable[[Order], bool]:
        wanted, status = args.get("orderFilter"), args.get("orderStatus")
        return lambda one: (
            wanted in (None, one.extra.get("filter", "Order"))
            and status
            in (
                None,
                shapes.status_text(one),
            )
        )

    def history(self, call: Call) -> Any:
        """Orders that ended, newest first."""
        args, now = call.args, self._venue.clock.now()
        where, values = self._ids(call)
        bounds: tuple[int, ...]
        if where:
            bounds = (now - KEPT_MS, FOREVER)
        else:
            bounds = span(args, now, WEEK_MS)
            where, values = self._symbols(self._quotes.chosen(args))
        where += " AND open = 0 AND created_at BETWEEN ? AND ? AND updated_at <= ?"
        where += f" AND (updated_at > ? OR {TRADED}) AND order_id < ? ORDER BY order_id DESC LIMIT ?"
        known = (*values, *bounds, self._until(call.account, "order"), now - DAY_MS)

        def fetch(below: int, count: int) -> list[Order]:
            return self._venue.store.orders(self._venue.name, call.account, where, *known, below, count)

        rows, cursor = page(args, 20, fetch, lambda one: one.order_id, self._filter_of(args))
        return self._orders(args, rows, cursor, past=True)

    def _ids(self, call: Call) -> tuple[str, tuple[Any, ...]]:
        """The condition for a named order, nothing where none is named."""
        if "orderId" not in call.args and "orderLinkId" not in call.args:
            return "", ()
        found = self.find(call)
        return "order_id = ?", (found.order_id if found else 0,)

    def _symbols(self, chosen: Sequence[Instrument]) -> tuple[str, tuple[Any, ...]]:
        marks = ",".join("?" * len(chosen))
        return f"symbol IN ({marks})", tuple(one.symbol for one in chosen)

    def _until(self, account: str, what: str) -> int:
        """The newest instant that the history of `what` shows; a fault may let it lag."""
        fault = self._board.find("lag", self._venue.name, account, lambda f: f.what in (None, what))
        return self._venue.clock.now() - int(1000 * (fault.seconds or 0)) if fault else FOREVER

    def _orders(self, args: Args, rows: Sequence[Order], cursor: str, *, past: bool) -> Any:
        instruments, customs = self._venue.market.instruments, self._venue.customs
        shown = [shapes.order_row(instruments[one.symbol], one, customs, past=past) for one in rows]
        return {"category": args["category"], "list": shown, "nextPageCursor": cursor}

    # -- executions ------------------------------------------------------------------

    def executions(self, call: Call) -> Any:
        """Trades, fundings and whatever else was executed, newest first."""
        args, now = call.args, self._venue.clock.now()
        where, values = self._execution_ids(args)
        bounds, kind = (now - KEPT_MS, FOREVER), None
        if not where:
            bounds = span(args, now, WEEK_MS)
            where, values = self._symbols(self._quotes.chosen(args))
            kind = args.get("execType")
        where += " AND at BETWEEN ? AND ? AND at <= ? AND trade_id < ? ORDER BY trade_id DESC LIMIT ?"
        known = (*values, *bounds, self._until(call.account, "trade"))

        def fetch(below: int, count: int) -> list[Trade]:
            return self._venue.store.trades(self._venue.name, call.account, where, *known, below, count)

        def fits(one: Trade) -> bool:
            return one.category == args["category"] and (kind is None or one.kind == KINDS.get(kind))

        rows, cursor = page(args, 50, fetch, lambda one: one.trade_id, fits)
        return {
            "category": args["category"],
            "list": [self._execution(one) for one in rows],
            "nextPageCursor": cursor,
        }

    def _execution_ids(self, args: Args) -> tuple[str, tuple[Any, ...]]:
        if "orderId" in args:
            return "order_id = ?", (self._number(args["orderId"]),)
        if "orderLinkId" in args:
            return "json_extract(CAST(body AS TEXT), '$.client_order_id') = ?", (args["orderLinkId"],)
        return "", ()

    def _execution(self, trade: Trade) -> Any:
        one, order = self._venue.market.instruments[trade.symbol], self.order_of(trade)
        return shapes.execution_row(one, trade, order, self._venue.customs)

    def order_of(self, trade: Trade) -> Order | None:
        """The order that an execution belongs to, None where none was placed."""
        return self._venue.find(trade.account, trade.symbol, trade.order_id, None)

    # -- positions ------------------------------------------------------------------------

    def positions(self, call: Call) -> Any:
        """Positions: of a symbol, flat ones too; of a settle coin, those that are not."""
        args, account = call.args, call.account
        if args["category"] == "linear" and "symbol" not in args and "settleCoin" not in args:
            raise bad_params("symbol or settleCoin is missing")
        rows = [leg for one in self._quotes.chosen(args) for leg in self._legs(account, one)]
        shown = [(rank, held) for rank, held in rows if held.size or "symbol" in args]
        listed, cursor = in_order(args, 20, shown)
        return {
            "category": args["category"],
            "list": [self.position_row(one) for one in listed],
            "nextPageCursor": cursor,
        }

    def _legs(self, account: str, one: Instrument) -> list[tuple[int, Position]]:
        """The legs of a contract, ranked by the order of the listing."""
        hedged = one.name in self._venue.settlement.terms_of(account).hedged
        first = 3 * list(self._venue.market.instruments).index(one.symbol)
        legs = (1, 2) if hedged else (0,)
        return [(first + leg, self._venue.position(account, one.symbol, leg)) for leg in legs]

    def position_row(self, held: Position) -> Any:
        """A position as REST shows it."""
        one = self._venue.market.instruments[held.symbol]
        unrealised = self._venue.positions.unrealised(held)
        return shapes.position_row(one, held, unrealised, self._venue.market.last[held.symbol])

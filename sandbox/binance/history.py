"""The private calls that read: account, orders, trades, permissions.

Lists come oldest first. Without a range they hold the newest rows, with a start
or an id the first ones from there, as the reference says in section 5.1.
"""

import zlib
from collections.abc import Callable
from typing import Any

from sandbox.binance import rules, shapes
from sandbox.binance.calls import Args, Call
from sandbox.binance.errors import Refusal, bad_combination, ids_disagree, missing_either, no_such_order
from sandbox.binance.quotes import Quotes
from sandbox.faults import Board
from sandbox.market import Rates
from sandbox.venue import Venue
from sandbox.world import Order

DAY_MS = 86_400_000
FOREVER = 1 << 62
TRADE_COMBINATIONS = frozenset(
    frozenset(names)
    for names in (
        (), ("orderId",), ("startTime",), ("endTime",), ("fromId",), ("startTime", "endTime"),
        ("orderId", "fromId"),
    )
)  # fmt: skip
OTHER_PERMISSIONS = (
    "enableWithdrawals", "enableInternalTransfer", "enableMargin", "enableFutures",
    "permitsUniversalTransfer", "enableVanillaOptions", "enableFixApiTrade", "enableFixReadOnly",
    "enablePortfolioMarginTrading",
)  # fmt: skip


class History:
    """Answers about the accounts of one venue."""

    def __init__(self, venue: Venue, quotes: Quotes, board: Board) -> None:
        self._venue = venue
        self._quotes = quotes
        self._board = board

    def account(self, call: Call) -> Any:
        """The account and its balances."""
        owner = call.owner
        return shapes.account(
            self._venue.balances(owner.account),
            zlib.crc32(owner.account.encode()),
            self._venue.settlement.terms_of(owner.account).fees.get("spot", Rates()),
            can_trade=owner.permissions.get("enableSpotAndMarginTrading", True),
            omit_zero=call.args.get("omitZeroBalances", False),
        )

    def open_orders(self, call: Call) -> Any:
        """What has not ended, of one symbol or of all."""
        symbol = self._quotes.instrument(call.args).symbol if "symbol" in call.args else None
        return [shapes.order_row(one) for one in self._venue.open_of(call.account, symbol)]

    def find(self, call: Call, absent: Callable[[], Refusal]) -> Order:
        """The order that orderId or origClientOrderId names."""
        symbol = self._quotes.instrument(call.args).symbol
        order_id, client_id = call.args.get("orderId"), call.args.get("origClientOrderId")
        if order_id is None and client_id is None:
            raise missing_either("origClientOrderId", "orderId")
        order = self._venue.find(call.account, symbol, order_id, client_id)
        if order is None:
            raise absent()
        if client_id is not None and order.client_order_id != client_id:
            raise ids_disagree()
        return order

    def order(self, call: Call) -> Any:
        """One order."""
        return shapes.order_row(self.find(call, no_such_order))

    def _until(self, account: str, what: str) -> int:
        """The newest instant that the history of `what` shows; a fault may let it lag."""
        fault = self._board.find("lag", self._venue.name, account, lambda f: f.what in (None, what))
        return self._venue.clock.now() - int(1000 * (fault.seconds or 0)) if fault else FOREVER

    def all_orders(self, call: Call) -> Any:
        """Orders from an id on, from a time on, or the newest."""
        args, symbol = call.args, self._quotes.instrument(call.args).symbol
        _check_span(args)
        where = "symbol = ? AND order_id >= ? AND created_at BETWEEN ? AND ? AND created_at <= ?"
        oldest_first = "orderId" in args or "startTime" in args
        where += " ORDER BY order_id " + ("LIMIT ?" if oldest_first else "DESC LIMIT ?")
        rows = self._venue.store.orders(
            self._venue.name, call.account, where, symbol, args.get("orderId", 0), args.get("startTime", 0),
            args.get("endTime", FOREVER), self._until(call.account, "order"), args.get("limit", 500),
        )  # fmt: skip
        return [shapes.order_row(one) for one in sorted(rows, key=lambda one: one.order_id)]

    def my_trades(self, call: Call) -> Any:
        """Trades, in the combinations of parameters that are allowed."""
        args, symbol = call.args, self._quotes.instrument(call.args).symbol
        given = frozenset(args) & {"orderId", "startTime", "endTime", "fromId"}
        if given not in TRADE_COMBINATIONS:
            raise bad_combination()
        _check_span(args)
        where = "symbol = ? AND trade_id >= ? AND at BETWEEN ? AND ? AND at <= ?"
        values = [symbol, args.get("fromId", 0), args.get("startTime", 0), args.get("endTime", FOREVER),
                  self._until(call.account, "trade")]  # fmt: skip
        if "orderId" in args:
            where += " AND order_id = ?"
            values.append(args["orderId"])
        oldest_first = bool(given & {"fromId", "startTime", "orderId"})
        where += " ORDER BY trade_id " + ("LIMIT ?" if oldest_first else "DESC LIMIT ?")
        rows = self._venue.store.trades(
            self._venue.name, call.account, where, *values, args.get("limit", 500)
        )
        return [shapes.trade_row(one) for one in sorted(rows, key=lambda one: one.trade_id)]

    def prevented(self, call: Call) -> Any:
        """Self-trade prevention does not occur here."""
        self._quotes.instrument(call.args)
        given = frozenset(call.args) & {"preventedMatchId", "orderId", "fromPreventedMatchId"}
        if given not in ({"preventedMatchId"}, {"orderId"}, {"orderId", "fromPreventedMatchId"}):
            raise bad_combination()
        return []

    def allocations(self, call: Call) -> Any:
        """Nor does smart order routing."""
        self._quotes.instrument(call.args)
        _check_span(call.args)
        return []

    def amendments(self, call: Call) -> Any:
        """Nor are orders amended."""
        self.find(call, no_such_order)
        return []

    def my_filters(self, call: Call) -> Any:
        """The filters that apply to the account."""
        one = self._quotes.instrument(call.args)
        return {"exchangeFilters": [], "symbolFilters": rules.filters(one), "assetFilters": []}

    def restrictions(self, call: Call) -> Any:
        """What the key may do."""
        row: dict[str, Any] = {"ipRestrict": False, "createTime": 1_700_000_000_000}
        row |= {"enableReading": True, "enableSpotAndMarginTrading": True}
        return row | dict.fromkeys(OTHER_PERMISSIONS, False) | call.owner.permissions


def _check_span(args: Args) -> None:
    """A window may span 24 hours at most, and must not end before it starts."""
    start, end = args.get("startTime"), args.get("endTime")
    if start is None or end is None:
        return
    if end < start:
        raise bad_combination()
    if end - start > DAY_MS:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")

"""The private calls that read: orders, fills, ledger, wallet, fees.

A window has an inclusive start and an exclusive end, in milliseconds or
nanoseconds; without them it is the last day. Of what lies in it, the newest
rows come, newest first. An order's place in the history is its last change.
"""

from typing import Any

from sandbox.cryptocom import shapes
from sandbox.cryptocom.calls import Call
from sandbox.cryptocom.errors import Refusal, invalid
from sandbox.cryptocom.rules import instrument
from sandbox.cryptocom.symbols import PERP_RATES
from sandbox.cryptocom.wallet import Wallet
from sandbox.faults import Board
from sandbox.market import Rates
from sandbox.venue import Venue
from sandbox.world import Order

MS = 1_000_000
DAY_NS = 86_400_000 * MS
WIDEST_NS = 7 * DAY_NS
BPS = 10_000
TRADED_AT = f"(at * {MS} + trade_id % {MS})"
CHANGED_AT = f"(updated_at * {MS} + order_id % {MS})"
ENDED = frozenset({"filled", "canceled", "rejected", "expired"})


class History:
    """Answers about the accounts of one venue."""

    def __init__(self, venue: Venue, board: Board) -> None:
        self._venue = venue
        self._board = board
        self.wallet = Wallet(venue)

    # -- orders ------------------------------------------------------------------

    def _symbol(self, call: Call) -> str | None:
        return instrument(self._venue, call.args).symbol if "instrument_name" in call.args else None

    def working(self, account: str, symbol: str | None = None) -> list[Order]:
        """Orders in the market, oldest first; those that wait for a trigger are elsewhere."""
        return [one for one in self._venue.open_of(account, symbol) if one.status != "untriggered"]

    def open_orders(self, call: Call) -> Any:
        """The orders in the market."""
        orders = self.working(call.account, self._symbol(call))
        return {"data": [shapes.stored_order(one) for one in orders]}

    def open_triggers(self, call: Call) -> Any:
        """The trigger orders that have not ended."""
        orders = self._venue.open_of(call.account, self._symbol(call))
        return {"data": [shapes.stored_order(one) for one in orders if one.stop_price]}

    def find(self, call: Call) -> Order:
        """The order that `order_id` or `client_oid` names; 40401 when there is none."""
        number, client_oid = call.args.get("order_id"), call.args.get("client_oid", "")
        if number is None and not client_oid:
            raise invalid("order_id")
        order = (
            self.by_client(call.account, client_oid) if number is None else self._by_id(call.account, number)
        )
        if order is None:
            raise Refusal(40401)
        return order

    def _by_id(self, account: str, number: int) -> Order | None:
        order_id = self._venue.customs.order_number(str(number))
        found = (
            self._venue.find(account, symbol, order_id, None) for symbol in self._venue.market.instruments
        )
        return next((one for one in found if one is not None), None)

    def by_client(self, account: str, client_oid: str) -> Order | None:
        """The newest order that bears a client's id."""
        found = (
            self._venue.find(account, symbol, None, client_oid) for symbol in self._venue.market.instruments
        )
        return max((one for one in found if one is not None), key=lambda one: one.order_id, default=None)

    def order(self, call: Call) -> Any:
        """One order that is or was in the market."""
        order = self.find(call)
        if order.stop_price and order.working_at is None:
            raise Refusal(40401)
        return shapes.stored_order(order)

    def trigger(self, call: Call) -> Any:
        """One trigger order."""
        order = self.find(call)
        if not order.stop_price:
            raise Refusal(40401)
        return shapes.stored_order(order)

    def orders(self, call: Call) -> Any:
        """Orders that have ended."""
        rows = self._ended(call, triggers=False)
        return {"data": [shapes.stored_order(one) for one in rows]}

    def triggers(self, call: Call) -> Any:
        """Trigger orders that have ended."""
        return {"data": [shapes.stored_order(one) for one in self._ended(call, triggers=True)]}

    def _ended(self, call: Call, *, triggers: bool) -> list[Order]:
        start, end = self._window(call, "order")
        where = f"open = 0 AND {CHANGED_AT} >= ? AND {CHANGED_AT} < ?"
        where, values = self._of_symbol(call, where, [start, end])
        where += f" ORDER BY {CHANGED_AT} DESC"
        rows = self._venue.store.orders(self._venue.name, call.account, where, *values)
        fitting = [one for one in rows if bool(one.stop_price) == triggers]
        return fitting[: call.args.get("limit", 100)]

    # -- fills and ledger -----------------------------------------------------------

    def _window(self, call: Call, what: str) -> tuple[int, int]:
        """From inclusive to exclusive, in nanoseconds; a fault may let the history of `what` lag."""
        now = self._venue.clock.now() * MS
        end = call.args.get("end_time", now + MS)
        start = call.args.get("start_time", end - DAY_NS)
        if start > end or end - start > WIDEST_NS:
            raise Refusal(40005)
        fault = self._board.find("lag", self._venue.name, call.account, lambda f: f.what in (None, what))
        newest = now - int(1000 * (fault.seconds or 0)) * MS if fault else end
        return start, min(end, newest)

    def _of_symbol(self, call: Call, where: str, values: list[object]) -> tuple[str, list[object]]:
        symbol = self._symbol(call)
        return (where, values) if symbol is None else (f"symbol = ? AND {where}", [symbol, *values])

    def trades(self, call: Call) -> Any:
        """Fills."""
        start, end = self._window(call, "trade")
        where = f"{TRADED_AT} >= ? AND {TRADED_AT} < ?"
        where, values = self._of_symbol(call, where, [start, end])
        where += f" ORDER BY {TRADED_AT} DESC LIMIT ?"
        rows = self._venue.store.trades(
            self._venue.name, call.account, where, *values, call.args.get("limit", 100)
        )
        return {"data": [shapes.stored_trade(one) for one in rows if one.kind != "funding"]}

    def transactions(self, call: Call) -> Any:
        """Ledger rows: fills, deposits, withdrawals, funding."""
        start, end = self._window(call, "cash")
        account, store = call.account, self._venue.store
        trades = store.trades(self._venue.name, account, f"{TRADED_AT} >= ? AND {TRADED_AT} < ?", start, end)
        rows = [shapes.journal_of_trade(one) for one in trades if one.kind != "funding"]
        moves = store.cash(self._venue.name, account, start // MS)
        rows += [shapes.journal_of_cash(one) for one in moves if one.kind != "opening"]
        rows = [row for row in rows if start <= int(row["event_timestamp_ns"]) < end]
        for name in ("instrument_name", "journal_type"):
            rows = [row for row in rows if call.args.get(name) in (None, row[name])]
        rows.sort(key=lambda row: int(row["event_timestamp_ns"]), reverse=True)
        return {"data": rows[: call.args.get("limit", 100)]}

    # -- wallet and fees --------------------------------------------------------------

    def balance(self, call: Call) -> Any:
        """The wallet."""
        return {"data": [self.wallet.balance(call.account)]}

    def positions(self, call: Call) -> Any:
        """The positions that are not flat."""
        symbol = self._symbol(call)
        held = [one for one in self.wallet.held(call.account) if symbol in (None, one.symbol)]
        return {"data": [self.wallet.position(one) for one in held]}

    def fee_rate(self, call: Call) -> Any:
        """The account's rates, in basis points."""
        agreed = self._venue.settlement.terms_of(call.account).fees
        spot, contracts = agreed.get("spot", Rates()), agreed.get("perpetual", PERP_RATES)
        return {
            "spot_tier": "1",
            "deriv_tier": "1",
            "effective_spot_maker_rate_bps": shapes.plain(spot.maker * BPS),
            "effective_spot_taker_rate_bps": shapes.plain(spot.taker * BPS),
            "effective_deriv_maker_rate_bps": shapes.plain(contracts.maker * BPS),
            "effective_deriv_taker_rate_bps": shapes.plain(contracts.taker * BPS),
        }

    def instrument_fee_rate(self, call: Call) -> Any:
        """The account's rates for one instrument, in basis points."""
        one = instrument(self._venue, call.args)
        rates = self._venue.settlement.rates(call.account, one)
        return {
            "instrument_name": one.symbol,
            "effective_maker_rate_bps": shapes.plain(rates.maker * BPS),
            "effective_taker_rate_bps": shapes.plain(rates.taker * BPS),
        }

    def accounts(self, call: Call) -> Any:
        """The account that the key belongs to; there are no others below it."""
        one = shapes.account_id(call.account)
        names = ("enabled", "tradable", "two_fa_enabled", "spot_enabled")
        row = {"uuid": one, "user_uuid": one, "name": call.account} | dict.fromkeys(names, True)
        return {"master_account": row | {"suspended": False, "terminated": False}, "sub_account_list": []}

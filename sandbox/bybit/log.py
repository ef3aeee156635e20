"""The transaction log: every change of a wallet balance, with the balance after it.

A trade of a pair is two rows, one a coin; a trade of a contract is one, and so
is a funding. Money from outside is a transfer. The balances are found by going
back from the present one, because every change of it is in the log.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.bybit.calls import Args, Call
from sandbox.bybit.customs import uid
from sandbox.bybit.history import DAY_MS, span
from sandbox.bybit.pages import page
from sandbox.bybit.shapes import side_text
from sandbox.truth import plain
from sandbox.venue import Venue
from sandbox.world import Cash, Trade

ZERO = Decimal(0)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one coin; `flow` is without fee and funding, both of which cost when positive."""

    coin: str
    at: int
    kind: str
    category: str = ""
    flow: Decimal = ZERO
    fee: Decimal = ZERO
    funding: Decimal = ZERO
    trade: Trade | None = None
    reference: str = ""

    @property
    def change(self) -> Decimal:
        """What the balance gained."""
        return self.flow - self.fee - self.funding


class Log:
    """The transaction logs of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def listed(self, call: Call) -> Any:
        """Changes of the last day, or of a window, newest first."""
        args = call.args
        first, last = span(args, self._venue.clock.now(), DAY_MS)
        rows = list(enumerate(self._entries(call.account)))
        balances = self._balances(call.account, rows)

        def fetch(below: int, count: int) -> list[tuple[int, Entry]]:
            return [row for row in reversed(rows) if row[0] < below][:count]

        def fits(row: tuple[int, Entry]) -> bool:
            return first <= row[1].at <= last and _wanted(row[1], args)

        shown, cursor = page(args, 20, fetch, lambda row: row[0], fits)
        listed = [self._row(call.account, one, balances[number]) for number, one in shown]
        return {"list": listed, "nextPageCursor": cursor}

    def _entries(self, account: str) -> list[Entry]:
        """Everything that moved money, oldest first."""
        store, name = self._venue.store, self._venue.name
        moves = [
            self._cash(one) for one in store.cash(name, account) if one.kind not in ("funding", "opening")
        ]
        trades = [
            row for one in store.trades(name, account, "1 ORDER BY trade_id") for row in self._trade(one)
        ]
        return sorted(moves + trades, key=lambda one: one.at)

    def _cash(self, one: Cash) -> Entry:
        kind = "TRANSFER_IN" if one.amount >= 0 else "TRANSFER_OUT"
        reference = self._venue.customs.cash_id(one)
        return Entry(coin=one.asset, at=one.at, kind=kind, flow=one.amount, reference=reference)

    def _trade(self, one: Trade) -> Iterator[Entry]:
        """The coins that a trade moved; the fee stands with its own coin."""
        instrument = self._venue.market.instruments[one.symbol]
        if one.kind == "funding":
            yield Entry(
                coin=one.fee_asset,
                at=one.at,
                kind="SETTLEMENT",
                category=one.category,
                funding=one.fee,
                trade=one,
            )
            return
        sign = 1 if one.side == "buy" else -1
        flows = {instrument.base: sign * one.quantity, instrument.quote: -sign * one.quote}
        if instrument.settle:
            flows = {instrument.settle: one.pnl}
        for coin in dict.fromkeys((*flows, one.fee_asset)):
            fee = one.fee if coin == one.fee_asset else ZERO
            flow = flows.get(coin, ZERO)
            yield Entry(
                coin=coin, at=one.at, kind="TRADE", category=one.category, flow=flow, fee=fee, trade=one
            )

    def _balances(self, account: str, rows: list[tuple[int, Entry]]) -> dict[int, Decimal]:
        """The balance of its coin after each entry."""
        now = {one.asset: one.free + one.locked for one in self._venue.balances(account)}
        found: dict[int, Decimal] = {}
        for number, one in reversed(rows):
            found[number] = now.get(one.coin, ZERO)
            now[one.coin] = found[number] - one.change
        return found

    def _row(self, account: str, one: Entry, balance: Decimal) -> Any:
        trade, customs = one.trade, self._venue.customs
        return {
            "id": f"{uid(account)}_{trade.name}_{trade.seq}" if trade else one.reference,
            "symbol": trade.name if trade else "",
            "category": one.category,
            "side": side_text(trade.side) if trade else "None",
            "transactionTime": str(one.at),
            "type": one.kind,
            "transSubType": "",
            "qty": plain(trade.quantity) if trade else plain(abs(one.flow)),
            "size": plain(trade.quantity) if trade and trade.category != "spot" else "0",
            "currency": one.coin,
            "tradePrice": plain(trade.price) if trade else "0",
            "funding": plain(-one.funding) if one.kind == "SETTLEMENT" else "",
            "fee": plain(one.fee),
            "cashFlow": plain(one.flow),
            "change": plain(one.change),
            "cashBalance": plain(balance),
            "feeRate": plain(trade.rate) if trade else "",
            "bonusChange": "",
            "tradeId": customs.trade_id(trade.category, trade.trade_id) if trade else "",
            "orderId": customs.order_id(trade.category, trade.order_id) if trade else "",
            "orderLinkId": trade.client_order_id if trade else "",
            "extraFees": "",
        }


def _wanted(one: Entry, args: Args) -> bool:
    return (
        args.get("currency") in (None, one.coin)
        and args.get("type") in (None, one.kind)
        and args.get("category") in (None, one.category)
    )

"""One order, wherever the exchange shows it, and its fills.

An order that one method does not know may be known to another: trigger and list
orders have a method of their own, and the history knows some that the detail does
not (Exchange API v1, 2026-05-21). "Not known" is code 40401, or a good answer
with nothing in it. Only an answer about this very order counts: client ids that
nobody chose are made of request numbers.

Fills are shown by instrument and time, not by order. They are read backwards from
the order's last change, a week at most, until they add up to what it says is
filled; and not at all where the ledger has as much.
"""

from collections.abc import Generator, Iterable, Iterator
from decimal import Decimal
from functools import partial
from itertools import islice

import msgspec

from core.errors import NotFound, Unreadable
from core.wire import Call, Reply
from exchanges.base import HeldOrder
from exchanges.cryptocom import calls
from exchanges.cryptocom.paging import Notes, listed, stepping, windows
from exchanges.cryptocom.reading import ORDERS, TRADES
from exchanges.cryptocom.shapes import NOTHING, Order, Trade
from exchanges.replies import parse

DAYS = 7
LATE_MS = 60_000  # a fill may be booked so long after the order's last change


class _Answer(msgspec.Struct, frozen=True, gc=False):
    result: msgspec.Raw = NOTHING


def detail(call: Call, notes: Notes) -> Generator[Call, Reply, tuple[Order, ...]]:
    """The order that the answer shows, or none. NotFound goes through."""
    reply = yield call
    result = parse(reply, _Answer).result
    if bytes(result).translate(None, b" \t\r\n") in {b"null", b"{}"}:
        return ()
    legible = ORDERS.one(result)
    if legible.trouble:
        raise Unreadable(f"unreadable order: {'; '.join(legible.trouble)}")
    notes.took(reply)
    return legible.rows


def find(held: HeldOrder, notes: Notes) -> Generator[Call, Reply, Order | None]:
    """The order, asked for in every way there is; None where nobody knows it."""
    for call in _ways(held):
        try:
            found = yield from detail(call, notes)
        except NotFound:
            continue
        if found and _is_it(held, found[0]):
            return found[0]
    ended = listed((yield calls.latest_orders(held.symbol)), ORDERS, notes)
    return next((row for row in ended if _is_it(held, row)), None)


def fills(row: Order, known: Decimal | None, notes: Notes) -> Generator[Call, Reply, list[Trade]]:
    """The order's fills; none where `known`, the filled quantity that the ledger has, is all."""
    now_ms = notes.asked_ms
    wanted = row.cumulative_quantity
    if not wanted or (known is not None and wanted <= known):
        return []

    def ours(found: Iterable[Trade]) -> list[Trade]:
        return [trade for trade in found if str(trade.order_id) in row.names]

    def enough(found: Iterable[Trade]) -> bool:
        return sum(trade.traded_quantity for trade in ours(found)) >= wanted

    until = (row.changed or now_ms) + LATE_MS
    spans = windows(row.created, min(until, now_ms), to_now=until >= now_ms)
    ask = partial(calls.trades_in, row.instrument_name)
    return ours((yield from stepping(ask, TRADES, islice(spans, DAYS), notes, enough)))


def _ways(held: HeldOrder) -> Iterator[Call]:
    if held.order_id:
        yield calls.order(held.order_id)
        yield calls.advanced_order(held.order_id)
    if held.client_order_id:
        yield calls.order_of_client(held.client_order_id)


def _is_it(held: HeldOrder, row: Order) -> bool:
    if held.order_id:
        return held.order_id in row.names
    return row.client_oid == held.client_order_id

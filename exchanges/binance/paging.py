"""How a history that comes in pages is read to its end.

Binance pages by id: a full page is followed by the page that starts behind its
last id, until one is not full. Any page that fails or cannot be read fails the
whole reading, and so does a server that gives the same page again.
"""

from collections.abc import Callable, Generator
from operator import attrgetter
from typing import TypeVar

from core.errors import Unreadable
from core.wire import Call, Reply
from exchanges.binance import calls
from exchanges.binance.rows import OrderRow, TradeRow
from exchanges.replies import parse

T = TypeVar("T")
Reading = Generator[Call, Reply, list[T]]


def trades_since(symbol: str, start_ms: int, raw: list[str]) -> Reading[TradeRow]:
    """All trades of a symbol from this time on; the texts of the answers go to `raw`."""
    first = calls.trades_since(symbol, start_ms)
    return _read(first, list[TradeRow], attrgetter("number"), lambda top: calls.trades_from(symbol, top), raw)


def trades_of(order: OrderRow, raw: list[str]) -> Reading[TradeRow]:
    """All trades of one order."""
    symbol, number = order.key
    first = calls.trades_of_order(symbol, number)
    return _read(
        first,
        list[TradeRow],
        attrgetter("number"),
        lambda top: calls.trades_of_order(symbol, number, top),
        raw,
    )


def allocations_of(order: OrderRow, raw: list[str]) -> Reading[TradeRow]:
    """All fills by allocation of one order."""
    symbol, number = order.key
    first = calls.allocations_of_order(symbol, number)
    return _read(
        first,
        list[TradeRow],
        attrgetter("number"),
        lambda top: calls.allocations_of_order(symbol, number, top),
        raw,
    )


def orders_between(symbol: str, start_ms: int, end_ms: int, raw: list[str]) -> Reading[OrderRow]:
    """All orders of a symbol made in the window, however long it is.

    A day that fills a page is read on by id, which leads to the very end.
    """
    rows: list[OrderRow] = []
    while True:
        first = calls.orders_between(symbol, start_ms, min(end_ms, start_ms + calls.DAY_MS))
        found = yield from _read(
            first, list[OrderRow], attrgetter("order_id"), lambda top: calls.orders_from(symbol, top), raw
        )
        rows += found
        start_ms += calls.DAY_MS + 1
        if len(found) >= calls.PAGE or start_ms > end_ms:
            return rows


def _read(
    call: Call,
    wanted: type[list[T]],
    number: Callable[[T], int],
    following: Callable[[int], Call],
    raw: list[str],
) -> Reading[T]:
    rows: list[T] = []
    top = -1
    while True:
        reply = yield call
        page = parse(reply, wanted)
        if page:
            raw.append(reply.body.decode())
        rows += page
        if len(page) < calls.PAGE:
            return rows
        before, top = top, max(number(row) for row in page)
        if top <= before:
            raise Unreadable(f"{call.path} gives the same page again")
        call = following(top + 1)

"""B17: the second page of an answer is a 500: what is missing proves nothing.

While nothing could be seen, an order was cancelled, a position closed and more was
traded than a page holds: two pages and a bit; where a page holds a thousand, one
and a bit, for what comes behind the page that fails nobody asks for.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from drill.dialects import DIALECTS
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

VIEWS = ("orders", "balances", "positions", "fills")
FEW = 100


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("pages")) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_a_page_that_fails_closes_no_order_and_zeroes_no_position(them: Together, exchange: str) -> None:
    it, dialect = them[exchange], DIALECTS[exchange]
    order = it.rest_order()
    close = position(it)
    it.agrees()
    before = shown(it)
    it.fault("rest_status", status=503)
    it.fault_of_all("refuse_connect", transport="ws")
    it.fault("drop")
    it.until("backoff")
    it.cancel(order)
    close()
    it.admin.burst(
        it.name, dialect.page + 20 if dialect.page > FEW else 2 * dialect.page + 20, symbol=it.symbol
    )
    proven = it.row["proven_to"]
    further = {"path": dialect.trades, "having": dialect.further or None, "skip": dialect.spared}
    it.fault_of_all("rest_status", status=500, **further)
    refused = it.asked(dialect.trades, of="refused")
    it.admin.clear(exchange=exchange, account=it.name)
    eventually(lambda: it.asked(dialect.trades, of="refused") >= refused + 3, what="polls that fail")
    assert shown(it) == before
    row = it.row
    assert (row["polling"], row["proven_to"]) == (False, proven)
    it.clear()
    it.agrees()
    it.until_live()


def position(it: Part) -> Any:
    """A position, where there are contracts, and what closes it."""
    contract = DIALECTS[it.exchange].contract
    if contract is None:
        return lambda: None
    symbol, more = contract
    it.admin.place(it.name, symbol, "buy", "0.005", exchange=it.exchange, **more)
    eventually(lambda: it.daemon.ask("positions", account=it.name), what="a position")
    return lambda: it.admin.place(it.name, symbol, "sell", "0.005", exchange=it.exchange, **more)


def shown(it: Part) -> list[Any]:
    return [it.daemon.ask(word, account=it.name, limit=0) for word in VIEWS]


def test_open_orders_of_which_the_second_page_of_three_fails_are_open_still(them: Together) -> None:
    """Where they come in pages, at Bybit: a comparison that lacks the rest of them asks for none of them."""
    it, path = them["bybit"], "/v5/order/realtime"
    orders = [it.rest_order(quantity="0.001") for _ in range(120)]
    it.agrees()
    it.fault("rest_status", status=500, path=path, having="cursor=")
    it.fault("drop")
    refused = it.asked(path, of="refused")
    eventually(lambda: it.asked(path, of="refused") >= refused + 2, what="comparisons that fail")
    assert it.row["state"] != "live"
    held = {
        row["order_id"]
        for row in it.daemon.ask("orders", account=it.name, limit=0)
        if row["status"] == "open"
    }
    assert {order["order_id"] for order in orders} <= held
    it.clear()
    it.until_live()
    it.agrees()

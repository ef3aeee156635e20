"""B14: what happens while the stream is cut is known five seconds after it is back, at the latest.

Orders fill, wholly and in part, are cancelled and opened, money is paid in, while
the daemon has REST only, or nothing at all. What it shows must be true at any time,
and every fill says by which way it came. The cut lasts as long as it takes to see
what has to be seen, and not ninety seconds.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

POLL_EVERY = 0.5
SOON = 30.0
"""Seconds in which all is known after the exchange is back."""
ROLES: dict[str, Row] = {"cut": {"poll_every": POLL_EVERY}, "lost": {"poll_every": POLL_EVERY}}


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("gap"), roles=ROLES) as them:
        yield them
        assert them.daemon.terminate() == 0


class Happened(NamedTuple):
    """What went on behind the daemon's back."""

    filled: list[Row]
    partly: Row
    canceled: Row
    opened: Row
    market: Row
    paid_in: Row


def happen(it: Part, resting: list[Row]) -> Happened:
    """Fill two orders wholly and one in part, cancel one, open one, trade at the market, pay in."""
    first, second, third, fourth = resting
    for order in (first, second):
        it.fill(order)
    it.fill(third, quantity="0.005")
    it.cancel(fourth)
    opened, market = it.rest_order(), it.trade()
    return Happened([first, second], third, fourth, opened, market, pay_in(it))


def pay_in(it: Part) -> Row:
    """In an asset that no trade of this story moves."""
    asset = next(
        row["asset"] for row in it.admin.truth(it.name)["balances"] if not it.symbol.startswith(row["asset"])
        and not it.symbol.endswith(row["asset"])
    )  # fmt: skip
    move: Row = it.admin.deposit(it.name, asset, "12.5", exchange=it.exchange)
    return move


def is_known(it: Part, happened: Happened, within: float) -> None:
    """All of it is in the ledger by then."""
    it.fill_of(happened.market, within=within)
    for order in happened.filled:
        it.order_of(order, "filled", within=within)
    it.order_of(happened.partly, "partially_filled", within=within)
    it.order_of(happened.canceled, "canceled", within=within)
    it.order_of(happened.opened, "open", within=within)
    it.agrees(within=within)
    asset = happened.paid_in["asset"]
    (balance,) = [row for row in it.daemon.ask("balances", account=it.name) if row["asset"] == asset]
    (truth,) = [row for row in it.admin.truth(it.name)["balances"] if row["asset"] == asset]
    assert Decimal(balance["free"]) == Decimal(truth["free"]) >= Decimal(happened.paid_in["amount"])


def test_facts_are_known_by_polling_while_the_stream_is_cut_and_stay_when_it_is_back(
    them: Together, exchange: str
) -> None:
    """With REST alive: each fact within a poll of its happening, and no claim to be live meanwhile."""
    it = them[exchange, "cut"]
    resting = [it.rest_order() for _ in range(4)]
    it.agrees()
    it.fault_of_all("refuse_connect", transport="ws")
    it.fault("drop")
    eventually(lambda: it.row["polling"], what="polling")
    happened = happen(it, resting)
    is_known(it, happened, within=POLL_EVERY + 10)
    row = it.row
    assert (row["state"] != "live", row["subscribed"], row["polling"]) == (True, False, True)
    assert it.daemon.status()["state"] == "degraded"
    assert {fill["source"] for fill in it.fills()} == {"poll"}
    polled = it.fills()

    it.clear()
    row = it.until_live(within=SOON)
    assert (row["polling"], row["subscribed"]) == (False, True)
    assert row["reconnects"] == 1
    again = it.trade()
    assert it.fill_of(again)["source"] == "stream"
    it.agrees()
    assert it.fills()[: len(polled)] == polled


def test_after_a_total_outage_all_is_known_within_five_seconds(them: Together, exchange: str) -> None:
    """Without REST: nothing is made up meanwhile, nothing is missing afterwards."""
    it = them[exchange, "lost"]
    resting = [it.rest_order() for _ in range(4)]
    it.agrees()
    shown = it.daemon.ask("orders", account=it.name, limit=0)
    it.fault_of_all("refuse_connect")
    it.fault_of_all("drop")
    it.until("backoff")
    happened = happen(it, resting)
    failures = eventually(lambda: it.row["breaker"]["failures"], lambda n: n >= 3)
    assert failures >= 3, "it goes on trying"
    row = it.row
    assert (row["state"] != "live", row["polling"], row["subscribed"]) == (True, False, False)
    assert it.daemon.ask("orders", account=it.name, limit=0) == shown, "an outage is not an answer"
    assert it.fills() == []

    it.clear()
    is_known(it, happened, within=SOON)
    it.until_live(within=SOON)
    assert {fill["source"] for fill in it.fills()} <= {"reconcile", "poll"}

"""B19: after a cancel the free balance is right within two seconds, although no balance event comes.

Audits are far away, so it is not they who find it. Crypto.com repeats its
whole wallet every other second by itself: there it is enough that one repetition
comes, and nothing is asked for.
"""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.end_to_end.kit import Row, steady
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

WITHIN_MS = 2_000
REPEATS_MS = {"cryptocom": 2_100}
"""Where the wallet is repeated: how long that may take."""


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("free"), {"audit_every": 600}) as them:
        yield them
        assert them.daemon.terminate() == 0


def free(it: Part) -> dict[str, Decimal]:
    return {row["asset"]: Decimal(row["free"]) for row in it.daemon.ask("balances", account=it.name)}


def recorded_at(it: Part, asset: str) -> int:
    """When the ledger last heard of the asset."""
    said: list[Row] = it.daemon.ask("history", kind="balance", key=asset, account=it.name)
    return int(said[-1]["recorded_at"])


def test_free_money_is_right_within_two_seconds_of_a_cancel_that_no_balance_follows(
    them: Together, exchange: str
) -> None:
    it = them[exchange]
    before = free(it)
    order = it.rest_order()
    it.agrees()
    (asset,) = [name for name, amount in free(it).items() if amount != before[name]]
    if exchange not in REPEATS_MS:
        it.fault("lose_one", what="balances")
    it.cancel(order)
    it.order_of(order, "canceled")
    eventually(lambda: free(it) == before, what=f"{asset} free again")
    canceled = next(row for row in it.admin.truth(it.name)["orders"] if row["order_id"] == order["order_id"])
    late = recorded_at(it, asset) - canceled["updated_at"]
    assert late < REPEATS_MS.get(exchange, WITHIN_MS) + 500, (
        "what a busy machine takes longer is not the rule's"
    )
    it.agrees()
    row = it.row
    assert (row["state"], row["reconnects"]) == ("live", 0)


def test_where_the_stream_tells_of_balances_nobody_asks_for_them(them: Together, exchange: str) -> None:
    it = them[exchange]
    before = steady(it.asked)
    for _ in range(5):
        it.fill(it.rest_order(quantity="0.001"))
    it.agrees()
    eventually(
        lambda: time.time() * 1000 - it.row["last_event_at"],
        lambda age: age > 1_500,
        what="more than the time that the stream has for it",
    )
    assert it.asked() == before

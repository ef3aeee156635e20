"""B20: the exchange's clock steps by five seconds, forth and back: one request at most is refused, no order changes.

What is refused, the exchange counts. Crypto.com's window is a minute, so there
nothing is. Balances go by the exchange's time: those that it states while its clock
is behind what it said before are older, and count when it has caught up. Audits come
every three seconds.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

STEP_MS = 5_000


@pytest.fixture(scope="module", params=[STEP_MS, -STEP_MS])
def step(request: pytest.FixtureRequest) -> int:
    ms: int = request.param
    return ms


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory, step: int) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("steps"), {"audit_every": 3}) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_a_step_of_the_exchange_s_clock_costs_one_refusal_at_most_and_changes_no_order(
    them: Together, exchange: str, step: int
) -> None:
    """The time is learnt anew and asked once more, and nobody holds the refusal for an answer."""
    it = them[exchange]
    order = it.rest_order()
    it.agrees()
    refused = it.asked(of="refused")
    it.fault_of_all("clock_step", ms=step)
    reconciled(it)
    assert it.asked(of="refused") - refused <= 1
    assert it.logged("errand_failed", account=it.name) == []
    before = changes(it, order)
    it.fault("drop")
    reconnects = it.row["reconnects"]
    eventually(lambda: it.row["reconnects"] > reconnects, what="another connection")
    it.until_live()
    assert it.asked(of="refused") - refused <= 1, "the new connection goes by the time that was learnt"
    assert changes(it, order) == before
    it.order_of(order, "open")
    it.fill(order)
    it.trade()
    it.agrees(of=["fills", "orders"])
    if step < 0:
        it.fault_of_all("clock_step", ms=-step)
    it.agrees()
    assert it.incidents() == []


def reconciled(it: Part) -> None:
    """A whole comparison, begun now."""
    states = len(it.states_so_far())
    it.daemon.ask("reconcile", target=it.name)
    eventually(lambda: it.states()[states:], lambda seen: seen == ["reconciling", "live"], what="a reconcile")


def changes(it: Part, order: Row) -> int:
    said: list[Row] = it.daemon.ask("history", kind="order", key=order["order_id"], account=it.name)
    return len(said)

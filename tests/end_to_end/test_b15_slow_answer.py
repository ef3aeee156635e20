"""B15: an answer is under way for long, and the stream tells of the same fill meanwhile: it counts once.

The answers come a second late instead of three; they say how things stood when
they were asked for. Both ways to be wrong are told: the snapshot that does not
know the fill yet must not take it back, and the one that does must not add it.
"""

from collections.abc import Iterator

import pytest

from drill.dialects import DIALECTS
from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

LATE = 1.0


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("slow")) as them:
        yield them
        assert them.daemon.terminate() == 0


@pytest.fixture
def it(them: Together, exchange: str) -> Iterator[Part]:
    yield them[exchange]
    them[exchange].clear()


def reconcile_slowly(it: Part, path: str = "/") -> None:
    """Have a comparison begun, and wait until its first request of this path is under way."""
    it.fault("slow_rest", seconds=LATE, path=path, count=1)
    before = it.asked(path)
    it.daemon.ask("reconcile", target=it.name)
    eventually(lambda: it.asked(path) > before, what="a request under way")


def is_counted_once(it: Part, order: Row, fill: Row) -> None:
    it.until_live()
    assert it.fill_of(fill)["source"] == "stream"
    it.order_of(order, "filled")
    it.agrees()
    said: list[Row] = it.daemon.ask("history", kind="order", key=order["order_id"], account=it.name)
    filled = [row["fact"].get("filled", "0") for row in said if row["outcome"] in {"new", "changed"}]
    assert filled == sorted(filled, key=float), "what was filled never falls"
    assert it.incidents() == []


def test_a_snapshot_from_before_a_fill_takes_nothing_back(it: Part) -> None:
    """What is asked for first are the open orders: this one is still among them."""
    order = it.rest_order()
    it.order_of(order, "open")
    it.agrees()
    reconcile_slowly(it)
    fill = it.fill(order)
    assert it.fill_of(fill, within=LATE)["source"] == "stream"
    assert it.row["state"] == "reconciling", "the answer came before the event"
    is_counted_once(it, order, fill)


def test_a_snapshot_that_knows_the_fill_adds_nothing(it: Part) -> None:
    """The fill happens before the trades are asked for, the stream tells of it while they are under way."""
    order = it.rest_order()
    it.order_of(order, "open")
    it.fault("delay", what="trade", seconds=LATE / 2, count=1)
    fill = it.fill(order)
    reconcile_slowly(it, DIALECTS[it.exchange].trades)
    assert it.fill_of(fill, within=LATE)["source"] == "stream"
    is_counted_once(it, order, fill)

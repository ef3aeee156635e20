"""B18: Bybit tells funding among the executions, with the size of the position as its quantity: it is cash, no fill.

And what is no ordinary trade and moves a position all the same is a fill.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.end_to_end.kit import Row, Scene, scene
from tests.support.waiting import eventually

LINEAR = {"category": "linear"}
SIZE, RATE = "0.01", "0.0001"
FORCED = {"adl": "0.006", "liquidation": "0", "block": "0.014"}
"""What is left of the position after each."""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Accounts of which each holds a long position."""
    names = ["told", "cut", *FORCED]
    with scene(tmp_path_factory.mktemp("funding"), {name: {} for name in names}, exchange="bybit") as it:
        for name in names:
            it.admin.place(name, it.symbol, "buy", SIZE, **LINEAR)
            it.agrees(name)
        yield it
        assert it.daemon.terminate() == 0


def position(it: Scene, name: str) -> Row:
    (row,) = it.daemon.ask("positions", account=name)
    return {key: row[key] for key in ("category", "symbol", "side", "size", "entry_price")}


def fund(it: Scene, name: str) -> None:
    assert len(it.admin.post("funding", account=name, symbol=it.symbol, rate=RATE, **LINEAR)) == 1


def cash(it: Scene, name: str, count: int) -> list[Row]:
    """The cash rows, once there are so many."""
    return eventually(
        lambda: it.daemon.ask("cash", account=name, limit=0), lambda rows: len(rows) >= count, what="cash"
    )


def test_funding_moves_cash_and_neither_a_position_nor_a_fill(it: Scene) -> None:
    """What was paid, to the last digit."""
    before, fills = position(it, "told"), it.daemon.fills(account="told")
    fund(it, "told")
    (row,) = cash(it, "told", 1)
    (truth,) = [move for move in it.admin.truth("told")["cash"] if move["kind"] == "funding"]
    assert (row["kind"], row["asset"], row["amount"]) == ("funding", "USDT", truth["amount"])
    assert Decimal(row["amount"]) < 0, "the long side pays"
    it.agrees("told")
    assert position(it, "told") == before
    assert before["size"] == SIZE
    assert it.daemon.fills(account="told") == fills
    assert it.daemon.ask("incidents", limit=0) == []


def test_funding_that_no_stream_told_is_found_by_rest_and_told_twice_is_one_row(it: Scene) -> None:
    before, fills = position(it, "cut"), it.daemon.fills(account="cut")
    fund(it, "cut")
    told = cash(it, "cut", 1)
    it.admin.fault("refuse_connect", transport="ws")
    it.admin.fault("drop", account="cut")
    fund(it, "cut")
    polled = cash(it, "cut", 2)
    assert it.daemon.account("cut")["state"] != "live"
    it.admin.clear()
    it.daemon.until_live("cut")
    assert cash(it, "cut", 2) == polled
    assert polled[:1] == told
    assert {row["kind"] for row in polled} == {"funding"}
    it.agrees("cut")
    assert position(it, "cut") == before
    assert it.daemon.fills(account="cut") == fills


@pytest.mark.parametrize("kind", FORCED)
def test_what_moves_a_position_without_an_order_of_ours_is_a_fill(it: Scene, kind: str) -> None:
    left, more = FORCED[kind], {} if FORCED[kind] == "0" else {"quantity": "0.004"}
    if kind == "block":
        more["side"] = "buy"
    it.admin.post("force", account=kind, symbol=it.symbol, kind=kind, **LINEAR, **more)
    eventually(lambda: it.daemon.fills(account=kind)[-1]["kind"], lambda said: said == kind, what=kind)
    it.agrees(kind)
    assert [row["size"] for row in it.daemon.ask("positions", account=kind)] == [left] * (left != "0")
    assert it.daemon.ask("cash", account=kind, limit=0) == []

"""Killed at every step between the decision to sell and the exchange's word: there is exactly one order.

An order that never left is proven absent before another takes its place, which takes as
long as the exchange's rules of absence say.
"""

from pathlib import Path

import pytest

from tests.end_to_end.dying import STEPS, Dying
from tests.end_to_end.kit import Scene
from tests.end_to_end.trading import money_of, profit_of, sells, trading_scene, until_trades
from tests.support.waiting import eventually

WITHIN = 100.0


def killed_at(it: Scene, step: str) -> None:
    """A BUY is filled, and the daemon dies at that step of selling it; then another one lives."""
    daemon = it.daemon
    assert isinstance(daemon, Dying)
    assert daemon.terminate() == 0
    daemon.dies_at(step)
    daemon.start()
    daemon.until_live("main")
    it.trade()
    assert daemon.process is not None
    assert daemon.ended(60.0) == -9, "it was to be killed"
    daemon.dies_at(None)
    daemon.start()
    daemon.until_live("main")


def one_order_comes_of_it(it: Scene) -> None:
    (trade,) = until_trades(it, "resting", within=WITHIN)
    (sell,) = sells(it)
    assert (sell["client_order_id"], sell["status"]) == (trade["sell"], "open")
    it.admin.fill(sell["order_id"], exchange=it.exchange)
    rows = until_trades(it, "sold")
    it.agrees()
    assert profit_of(rows) == money_of(it)
    assert len(sells(it)) == 1
    eventually(lambda: it.stored("intents", ("state",)), lambda rows: rows == [("over",)], what="an end")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_leaves_exactly_one_order(step: str, tmp_path: Path) -> None:
    with trading_scene(tmp_path, make=Dying) as it:
        killed_at(it, step)
        one_order_comes_of_it(it)


@pytest.mark.long
@pytest.mark.parametrize("other", ["binance_us", "bybit", "cryptocom"])
def test_killed_with_the_answer_in_its_hand_leaves_exactly_one_order_everywhere(
    other: str, tmp_path: Path
) -> None:
    with trading_scene(tmp_path, exchange=other, make=Dying) as it:
        killed_at(it, "answered")
        one_order_comes_of_it(it)

"""Many purchases while everything goes wrong: each bought unit is sold or dust, to the last digit.

Frames are lost, doubled and out of order, connections break, answers are lost, and the
daemon is killed in the middle of it. What comes of it is compared with the exchange's
own books.
"""

from collections import Counter
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.end_to_end.kit import Scene
from tests.end_to_end.trading import PLACING, money_of, profit_of, sells, trades, trading_scene, units_of
from tests.support.waiting import eventually

ORDERS, RATE = 60, 15
WITHIN = 200.0


def everything_goes_wrong(it: Scene) -> None:
    for kind, more in (
        ("duplicate", {"count": 5}),
        ("reorder", {"count": 3}),
        ("lose_one", {"count": 2}),
    ):
        it.admin.fault(kind, exchange=it.exchange, account="main", **more)
    it.admin.fault("slow_rest", exchange=it.exchange, path=PLACING[it.exchange], seconds=9, count=1)


def are_settled(it: Scene) -> bool:
    """Each purchase has its trade, and each trade its SELL at the exchange, or nothing to sell."""
    bought = [row for row in it.admin.truth("main")["fills"] if row["side"] == "buy"]
    rows = trades(it)
    return len(rows) == len(bought) and {row["state"] for row in rows} <= {"resting", "sold", "dust"}


@pytest.mark.long
@pytest.mark.timeout(400)  # what an exchange proves absent, it proves a minute later
def test_in_a_storm_each_bought_unit_is_sold_or_dust_and_nothing_is_sold_twice(
    exchange: str, tmp_path: Path
) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        everything_goes_wrong(it)
        with it.burst(count=ORDERS, rate=RATE):
            eventually(lambda: len(trades(it)) > 5, what="the storm")
            it.admin.fault("drop", exchange=exchange, account="main")
            eventually(lambda: len(trades(it)) > 10, what="the storm to go on")
            it.daemon.kill()
            it.daemon.start()
        it.admin.clear(exchange=exchange)
        it.daemon.until_live("main")
        eventually(lambda: are_settled(it), within=WITHIN, every=0.5, what=f"calm ({it.daemon.log_path})")
        for sell in sells(it):
            if sell["status"] == "open":
                it.admin.fill(sell["order_id"], exchange=exchange)
        eventually(
            lambda: {row["state"] for row in trades(it)} <= {"sold", "dust"},
            within=WITHIN,
            what=f"all to be sold ({it.daemon.log_path})",
        )
        it.agrees()
        rows = trades(it)
        assert units_of(it) == sum(D(row["dust"]) for row in rows)
        assert money_of(it) == profit_of(rows)
        assert all(D(row["profit"]) >= D("0.003") * D(row["cost"]) for row in rows)
        assert set(Counter(row["client_order_id"] for row in sells(it)).values()) == {1}

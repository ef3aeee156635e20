"""What the bench of a trade's way measures is that way: each part from its own moment to its own."""

from decimal import Decimal as D

from bench.sell import Alone, Way, measured, results, told
from bench.stamped_sandbox import Step
from core.lots import Lot, Sell
from tests.core.trades import PAIR, buy

COMMITS = [(10, 1_100), (12, 1_250), (20, 2_100)]
CALLS = [900, 1_300, 2_300]


def lot(trade: str, *sells: str) -> Lot:
    placed = tuple(Sell(number, name, D(1), D(101)) for number, name in enumerate(sells))
    return Lot(id=trade, account="main", pair=PAIR, bought=buy(trade), sells=placed)


def bought(ns: int, trade: str) -> Step:
    return Step(ns, "main", "trade", "by-hand", trade)


def taken(ns: int, name: str) -> Step:
    return Step(ns, "main", "new", name, "0")


def test_a_way_goes_from_its_own_fill_over_its_commit_and_the_call_before_to_its_own_sell() -> None:
    steps = [bought(1_000, "1"), taken(1_400, "vt1-0"), taken(1_500, "another"), bought(2_000, "2"),
             taken(2_400, "vt2-0"), Step(2_500, "main", "trade", "vt2-0", "3")]  # fmt: skip
    ways = told([(11, lot("1", "vt1-0")), (20, lot("2", "vt2-0"))], steps, COMMITS, CALLS)
    assert list(ways) == [Way(1_000, 1_250, 1_300, 1_400), Way(2_000, 2_100, 2_300, 2_400)]


def test_a_trade_whose_sell_never_rested_has_no_way() -> None:
    steps = [bought(1_000, "1"), bought(2_000, "2")]
    assert list(told([(11, lot("1")), (20, lot("2", "vt2-0"))], steps, COMMITS, CALLS)) == []


def test_the_ratio_is_of_the_whole_way_to_the_round_trip_and_the_parts_stand_beside() -> None:
    ms = 1_000_000
    p50, p99 = results("binance", [Way(0, 2 * ms, 5 * ms, 6 * ms)] * 3, [Alone(2.0, 0.5)] * 3)
    assert (p50.value, p99.value) == (3, 3)
    assert p50.figures == (
        "6.00 against 2.00 ms; fill to committed 2.00, to leaving 3.00, to resting 1.00; "
        "a bare commit 0.50; 3 trades"
    )


def test_all_moments_of_real_trades_are_on_one_clock_and_in_their_order() -> None:
    ways, alone = measured("binance", 3)
    assert len(ways) == len(alone) == 3
    moments = [moment for way in ways for moment in way]
    assert moments == sorted(moments)
    assert all(one.trip > 0 and one.commit > 0 for one in alone)

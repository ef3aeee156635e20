"""What seeds do."""

from decimal import Decimal
from random import Random

import pytest

from drill.script import RESTING, Cancel, Contract, Deposit, Fill, Market, Open, script


def test_a_seed_does_the_same_always_and_another_one_something_else() -> None:
    assert script(Random("drop/binance/1")) == script(Random("drop/binance/1"))
    assert script(Random("drop/binance/1")) != script(Random("drop/binance/2"))


@pytest.mark.parametrize("seed", range(50))
def test_everything_happens_at_least_once_and_every_resting_order_meets_one_fate(seed: int) -> None:
    told = script(Random(seed))
    deeds = [deed for _, deed in told.deeds]
    assert {type(deed) for deed in deeds} == {Fill, Cancel, Open, Market, Contract, Deposit}
    fates = [deed.order for deed in deeds if isinstance(deed, Fill | Cancel)]
    assert sorted(fates) == list(range(RESTING))
    (part,) = [deed for deed in deeds if isinstance(deed, Fill) and deed.quantity is not None]
    assert part.quantity is not None
    assert 0 < Decimal(part.quantity) < Decimal(told.before[part.order])

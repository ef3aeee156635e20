"""Which rounds a drill consists of."""

from contextlib import contextmanager

import pytest

from drill import running
from drill.menu import ALL, MENU
from drill.running import CROWD, Wanted, drill, lots


def test_a_fault_meets_all_its_exchanges_at_once_and_only_those_that_have_it() -> None:
    drop, expired = lots(Wanted(["drop", "key-expired"], ALL))
    assert drop == (MENU["drop"], tuple((exchange, 1) for exchange in ALL))
    assert expired.accounts == (("binance_us", 1),)


def test_an_exchange_that_was_not_asked_for_is_left_out() -> None:
    assert lots(Wanted(["key-expired"], ["bybit"])) == []


def test_seeds_stand_side_by_side_until_they_are_a_crowd_and_everyone_gets_a_place() -> None:
    rounds = lots(Wanted(["drop"], ALL, seeds=20))
    assert max(len(one.accounts) for one in rounds) <= CROWD
    everyone = [account for one in rounds for account in one.accounts]
    assert sorted(everyone) == sorted((exchange, seed) for exchange in ALL for seed in range(1, 21))


def test_a_drill_that_could_not_take_place_has_not_gone_well(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def none_to_be_had(_count: int, _exchanges: tuple[str, ...]):
        raise RuntimeError("no room")
        yield

    monkeypatch.setattr(running, "sandboxes", none_to_be_had)
    found = drill(Wanted(["drop"], ["binance", "bybit"]), lambda _: None)
    assert [(one.exchange, one.is_well, one.score) for one in found.lines] == [
        ("binance", False, 0),
        ("bybit", False, 0),
    ]
    assert found.lines[0].remarks == ("seed 1: no sandbox: no room",)
    assert found.kept is None

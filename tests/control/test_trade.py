"""Orders by word: what a caller has to say, who is asked, and what is answered."""

from typing import Any

import pytest

from control import trade
from control.trade import LATE, TraderOff
from control.words import WORDS, Mistake, read_arguments
from core.messages import CancelOrder, PlaceOrder, SwitchTrading
from tests.control.kit import Served

ORDER = {"account": "main", "symbol": "BTCUSDT", "quantity": "0.01", "price": "60000"}


class Traders:
    """Answer at once, or never."""

    def __init__(self, said: dict[str, Any] | None = None) -> None:
        self.said = said
        self.asked: list[tuple[str, Any]] = []
        self.is_there = True

    def tell(self, account: str, message: Any) -> bool:
        self.asked.append((account, message))
        if self.said is not None:
            message.reply(self.said)
        return self.is_there


@pytest.fixture
def traders(served: Served) -> Traders:
    return Traders({"account": "main", "state": "accepted"})


@pytest.fixture
def services(served: Served, traders: Traders) -> Any:
    from dataclasses import replace

    return replace(served.services, trade=traders.tell, traders=lambda: ("main", "second"))


def order(services: Any, side: str = "buy", **said: Any) -> Any:
    return trade.order(services, side, read_arguments(WORDS[side], said))


def test_an_order_is_only_judged_unless_it_is_said_to_be_meant(services: Any, traders: Traders) -> None:
    order(services, **ORDER)
    order(services, **ORDER, yes=True)
    order(services, **ORDER, yes=True, dry_run=True)
    assert [message.is_sent for _, message in traders.asked] == [False, True, False]


def test_an_order_is_maker_only_unless_said_otherwise(services: Any, traders: Traders) -> None:
    order(services, "sell", **ORDER)
    order(services, "sell", **ORDER, taker=True)
    (_, first), (_, second) = traders.asked
    assert isinstance(first, PlaceOrder)
    assert (first.side, first.post_only, second.post_only) == ("sell", True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": None},
        {"worth": "50"},
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "much"},
        {"quantity": "NaN"},
        {"price": "Infinity"},
        {"price": "1e99"},
        {"price": None},
        {"account": "mian"},
    ],
)
def test_what_cannot_be_meant_is_refused_and_nobody_is_asked(
    services: Any, traders: Traders, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Mistake):
        order(services, **{name: value for name, value in (ORDER | wrong).items() if value is not None})
    assert traders.asked == []


def test_at_the_market_is_said_in_as_many_words(services: Any, traders: Traders) -> None:
    order(services, account="main", symbol="BTCUSDT", worth="50", taker=True)
    assert traders.asked[0][1].price is None


def test_a_halt_is_of_all_accounts_where_none_is_named(services: Any, traders: Traders) -> None:
    asked = trade.halt(services, read_arguments(WORDS["halt"], {}))
    assert [account for account, _ in traders.asked] == ["main", "second"]
    assert all(isinstance(one, SwitchTrading) and one.is_halted for _, one in traders.asked)
    assert len(asked.wait(lambda: True)) == 2


def test_a_cancel_names_its_order(services: Any, traders: Traders) -> None:
    trade.cancel(services, read_arguments(WORDS["cancel"], {"account": "main", "order": "7", "yes": True}))
    (_, message) = traders.asked[0]
    assert isinstance(message, CancelOrder)
    assert (message.order, message.is_sent) == ("7", True)


def test_who_hears_nothing_is_told_where_to_look(services: Any, traders: Traders) -> None:
    traders.said = None
    asked = order(services, **ORDER, yes=True)
    assert asked.wait(lambda: False) == [{"account": "main", "state": "unknown", "why": LATE}]


def test_a_trader_that_is_not_there_refuses(services: Any, traders: Traders) -> None:
    traders.said, traders.is_there = None, False
    (said,) = order(services, **ORDER, yes=True).wait(lambda: True)
    assert said["state"] == "refused"


def test_without_a_trader_every_word_says_so(served: Served) -> None:
    with pytest.raises(TraderOff, match="the trader is off"):
        order(served.services, **ORDER)
    with pytest.raises(TraderOff):
        trade.halt(served.services, read_arguments(WORDS["halt"], {}))

"""What has to be known of a symbol: what is asked for and when, what is kept, and why something is not known."""

from collections.abc import Callable
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from actors.markets import ASK_AGAIN, FILTERS_FOR, NEEDED_FOR, RATES_FOR, Key, Market, Markets
from core.errors import LinkError
from core.instruments import Instrument
from exchanges.trading import FeeRates, Listing
from tests.actors.quoting import Board
from tests.support.clock import ManualClock

BTC: Key = ("spot", "BTCUSDT")
SECRET = "s3cret-of-the-key"
CHEAP = FeeRates(D("0.0002"), D("0.0004"))
FILTERS, RATES = "filters of BTCUSDT", "rates of BTCUSDT"


def listing(symbol: str = "BTCUSDT", base: str = "BTC") -> Listing:
    one = Instrument(
        exchange="binance", category="spot", symbol=symbol, base=base, quote="USDT",
        tick=D("0.01"), step=D("0.001"),
    )  # fmt: skip
    return Listing((one,))


class Desk:
    """Keeps what it is asked for, until the test says what came of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._waiting: dict[str, Callable[[Any], object]] = {}
        self.trading = SimpleNamespace(
            instruments=lambda _category, symbols: f"filters of {' '.join(symbols)}",
            fee_rates=lambda _category, symbol: f"rates of {symbol}",
        )

    def ask(self, begin: Callable[[], str], then: Callable[[Any], object], *, urgent: bool = False) -> None:
        assert not urgent, "what ends something goes first"
        question = begin()
        self.asked.append(question)
        self._waiting[question] = then

    def answers(self, question: str, came_of_it: Any) -> None:
        self._waiting.pop(question)(came_of_it)

    def masked(self, text: str) -> str:
        return text.replace(SECRET, "***")


class Trader:
    """Markets, and everything round them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.board = Board(self.clock)
        self.desk = Desk()
        self.needs: list[frozenset[Key]] = []
        self.learned: list[tuple[Key, FeeRates]] = []
        desk: Any = self.desk
        self.markets = Markets(
            "main", desk, self.clock, self.board,
            need=self.needs.append, learned=lambda key, rates: self.learned.append((key, rates)),
        )  # fmt: skip

    def asks(self, key: Key = BTC, **which: Any) -> list[str]:
        """What is asked for because this symbol is needed now."""
        before = len(self.desk.asked)
        self.markets.need(key, **which)
        return self.desk.asked[before:]

    def knows(self, symbol: str = "BTCUSDT", base: str = "BTC") -> Market:
        """Both were asked for, and told."""
        for question, came_of_it in (("filters", listing(symbol, base)), ("rates", CHEAP)):
            assert self.asks(("spot", symbol)) == [f"{question} of {symbol}"]
            self.desk.answers(f"{question} of {symbol}", came_of_it)
        return self.markets.of(("spot", symbol))


@pytest.fixture
def trader() -> Trader:
    return Trader()


# ------------------------------------------------------------------- what is asked


def test_nothing_is_known_before_it_was_told(trader: Trader) -> None:
    market = trader.markets.of(BTC)
    assert (market.instrument, market.rates, market.is_unlisted, market.why) == (None, None, False, {})
    assert trader.desk.asked == [], "to look is not to need"


def test_filters_are_asked_for_first_and_fees_once_they_are_known(trader: Trader) -> None:
    assert trader.asks() == [FILTERS]
    trader.desk.answers(FILTERS, listing())
    assert trader.asks() == [RATES]
    trader.desk.answers(RATES, CHEAP)
    market = trader.markets.of(BTC)
    assert (market.instrument, market.rates) == (listing().instruments[0], CHEAP)


def test_what_is_on_its_way_is_not_asked_for_again_however_long_it_takes(trader: Trader) -> None:
    trader.asks()
    trader.clock.advance(FILTERS_FOR)
    assert trader.asks() == []


def test_what_is_known_is_asked_for_again_when_it_is_not_good_any_more_and_not_before(trader: Trader) -> None:
    trader.knows()
    trader.clock.advance(FILTERS_FOR - 0.1)
    assert trader.asks() == []
    trader.clock.advance(0.1)
    assert trader.asks() == [FILTERS, RATES]
    assert FILTERS_FOR == RATES_FOR


def test_what_is_known_stands_while_it_is_asked_for_anew_in_vain(trader: Trader) -> None:
    trader.knows()
    trader.clock.advance(FILTERS_FOR)
    trader.asks()
    for question in (FILTERS, RATES):
        trader.desk.answers(question, LinkError("cut"))
    market = trader.markets.of(BTC)
    assert (market.instrument, market.rates) == (listing().instruments[0], CHEAP)
    assert market.why == {"filters": "cut", "rates": "cut"}


def test_what_was_asked_in_vain_is_asked_again_after_a_while_and_not_before(trader: Trader) -> None:
    trader.asks()
    trader.clock.advance(2)  # the pause counts from the answer
    trader.desk.answers(FILTERS, LinkError("cut"))
    trader.clock.advance(ASK_AGAIN - 0.1)
    assert trader.asks() == []
    trader.clock.advance(0.1)
    assert trader.asks() == [FILTERS]


def test_the_pause_goes_on_while_the_machine_sleeps(trader: Trader) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, LinkError("cut"))
    trader.clock.suspend(ASK_AGAIN)
    assert trader.asks() == [FILTERS]


def test_each_symbol_is_asked_for_by_itself(trader: Trader) -> None:
    trader.knows()
    assert trader.asks(("spot", "ETHUSDT")) == ["filters of ETHUSDT"]
    assert trader.markets.of(("spot", "ETHUSDT")).instrument is None


# ---------------------------------------------------------------- what is not known


def test_why_something_is_not_known_is_kept_until_it_is_and_nothing_stands_in_its_place(
    trader: Trader,
) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, listing())
    trader.asks()
    trader.desk.answers(RATES, LinkError("the line is cut"))
    market = trader.markets.of(BTC)
    assert (market.rates, market.why) == (None, {"rates": "the line is cut"})
    trader.clock.advance(ASK_AGAIN)
    trader.asks()
    trader.desk.answers(RATES, CHEAP)
    assert (market.rates, market.why) == (CHEAP, {})


def test_a_reason_holds_no_secret(trader: Trader) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, LinkError(f"bad signature {SECRET}"))
    assert trader.markets.of(BTC).why == {"filters": "bad signature ***"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Listing((), missing=("BTCUSDT",)), "the exchange does not list it"),
        (Listing((), unreadable=("BTCUSDT: no tick", "BTCUSDT: no step")), "BTCUSDT: no tick; BTCUSDT: no step"),
    ],
)  # fmt: skip
def test_a_symbol_that_is_not_listed_or_cannot_be_read_is_unlisted_and_why_is_kept(
    trader: Trader, told: Listing, why: str
) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, told)
    market = trader.markets.of(BTC)
    assert (market.is_unlisted, market.instrument, market.why) == (True, None, {"filters": why})
    assert trader.asks() == [], "neither fees nor a price of what is not there"
    trader.markets.tell_needs()
    assert trader.needs == []


def test_an_error_does_not_make_a_symbol_unlisted(trader: Trader) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, LinkError("cut"))
    assert not trader.markets.of(BTC).is_unlisted


def test_what_was_not_listed_may_be_listed_later(trader: Trader) -> None:
    trader.asks()
    trader.desk.answers(FILTERS, Listing(()))
    trader.clock.advance(FILTERS_FOR)
    assert trader.asks() == [FILTERS]
    trader.desk.answers(FILTERS, listing())
    market = trader.markets.of(BTC)
    assert (market.is_unlisted, market.instrument, market.why) == (False, listing().instruments[0], {})


# -------------------------------------------------------------------------- fees


def test_every_answer_that_names_fee_rates_is_passed_on_and_no_error_is(trader: Trader) -> None:
    trader.knows()
    assert trader.learned == [(BTC, CHEAP)]
    trader.clock.advance(RATES_FOR)
    trader.asks()
    trader.desk.answers(RATES, LinkError("cut"))
    assert trader.learned == [(BTC, CHEAP)]
    trader.clock.advance(ASK_AGAIN)
    trader.asks()
    unknown = FeeRates(None, None)
    trader.desk.answers(RATES, unknown)
    assert trader.learned == [(BTC, CHEAP), (BTC, unknown)]


# ------------------------------------------------------------------------ prices


def test_the_board_is_told_what_is_needed_once_and_that_it_is_needed_no_more(trader: Trader) -> None:
    trader.knows()
    trader.asks()
    for _ in range(3):
        trader.markets.tell_needs()
    assert trader.needs == [frozenset({BTC})]
    trader.clock.advance(NEEDED_FOR - 0.1)
    trader.markets.tell_needs()
    assert len(trader.needs) == 1
    trader.clock.advance(0.1)
    trader.markets.tell_needs()
    assert trader.needs == [frozenset({BTC}), frozenset()]


def test_a_price_that_is_needed_again_is_heard_on(trader: Trader) -> None:
    trader.knows()
    for _ in range(3):
        trader.asks()
        trader.clock.advance(NEEDED_FOR - 1)
        trader.markets.tell_needs()
    assert trader.needs == [frozenset({BTC})]


def test_a_symbol_of_which_only_the_pair_is_asked_needs_no_price(trader: Trader) -> None:
    trader.asks(price=False)
    trader.desk.answers(FILTERS, listing())
    trader.asks(price=False)
    trader.markets.tell_needs()
    assert trader.needs == []


def test_a_price_is_the_boards_or_none_with_the_reason(trader: Trader) -> None:
    assert (trader.markets.price(BTC), trader.markets.trouble(BTC)) == (None, "no price has come yet")
    trader.board.told(99, 101)
    price = trader.markets.price(BTC)
    assert price is not None
    assert (price.bid, price.ask, trader.markets.trouble(BTC)) == (D(99), D(101), None)
    trader.clock.advance(11)
    assert trader.markets.price(BTC) is None
    assert "11.0 s old" in (trader.markets.trouble(BTC) or "")


# ------------------------------------------------------------------- third assets


def test_a_third_asset_is_worth_the_bid_of_its_pair_with_the_quote_asset(trader: Trader) -> None:
    trader.knows("BNBUSDT", "BNB")
    trader.board.told(299, 301, "BNBUSDT")
    assert trader.markets.values({"BNB"}, "spot", "USDT") == {"BNB": D(299)}
    trader.markets.tell_needs()
    assert trader.needs == [frozenset({("spot", "BNBUSDT")})]


def test_without_a_good_price_a_third_asset_is_worth_nothing_that_is_known(trader: Trader) -> None:
    trader.knows("BNBUSDT", "BNB")
    assert trader.markets.values({"BNB"}, "spot", "USDT") == {}
    trader.board.told(299, 301, "BNBUSDT")
    trader.clock.advance(11)
    assert trader.markets.values({"BNB", "MNT"}, "spot", "USDT") == {}


def test_a_third_asset_is_looked_for_however_the_exchange_spells_its_pair(trader: Trader) -> None:
    assert trader.markets.values({"CRO"}, "spot", "USD") == {}
    assert trader.desk.asked == [
        f"filters of {symbol}" for symbol in ("CROUSD", "CRO-USD", "CRO_USD", "CRO/USD")
    ]
    for question in ("filters of CROUSD", "filters of CRO-USD", "filters of CRO/USD"):
        trader.desk.answers(question, Listing(()))
    trader.desk.answers("filters of CRO_USD", listing("CRO_USD", "CRO"))
    trader.board.told("0.1", "0.11", "CRO_USD")
    assert trader.markets.values({"CRO"}, "spot", "USD") == {"CRO": D("0.1")}


def test_a_spelling_that_is_not_listed_is_asked_for_when_the_list_is_not_good_any_more(
    trader: Trader,
) -> None:
    trader.markets.values({"CRO"}, "spot", "USD")
    spellings = list(trader.desk.asked)
    for question in spellings:
        trader.desk.answers(question, Listing(()))
    trader.clock.advance(FILTERS_FOR - 0.1)
    trader.markets.values({"CRO"}, "spot", "USD")
    assert trader.desk.asked == spellings
    trader.clock.advance(0.1)
    trader.markets.values({"CRO"}, "spot", "USD")
    assert trader.desk.asked == spellings * 2

"""The prices of Binance by stream: how they are subscribed, and what a frame means."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import LinkError, Unreadable
from exchanges.base import Broken, Reached, RotateSoon, Send
from exchanges.binance.quotes import AT_ONCE, EVERY, NAMES, BookTickers
from exchanges.doubts import GARBAGE_LIMIT
from exchanges.trading import SILENT, Quoted, TopOfBook
from tests.exchanges.kit import text

NOW = 1_790_000_000_000
TICK = {"u": 400900217, "s": "BNBUSDT", "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66000000"}  # fmt: skip
QUOTE = TopOfBook(
    "spot", "BNBUSDT", Decimal("25.3519"), Decimal("25.3652"), Decimal("31.21"), Decimal("40.66"), None,
    400900217,
)  # fmt: skip


def session(*symbols: str) -> BookTickers:
    return BookTickers("wss://stream.example", symbols or ("BNBUSDT", "BTCUSDT"))


def sent(one: BookTickers) -> list[tuple[dict[str, Any], float]]:
    return [(json.loads(signal.text), signal.after) for signal in one.opened(NOW) if isinstance(signal, Send)]


def heard(one: BookTickers, frame: Any) -> Quoted:
    return one.received(text(frame), NOW)


def test_all_symbols_are_subscribed_in_one_frame_by_their_lower_case_names() -> None:
    one = session()
    assert one.url == "wss://stream.example/ws"
    assert one.opened(NOW)[0] == Reached("subscribing")
    ((request, after),) = sent(session())
    assert request == {"method": "SUBSCRIBE", "params": ["bnbusdt@bookTicker", "btcusdt@bookTicker"], "id": 1}
    assert after == 0


def test_many_symbols_go_in_few_frames_at_a_pace_that_the_server_takes() -> None:
    names = [f"A{number}USDT" for number in range(AT_ONCE)]
    frames = sent(session(*names))
    assert sum(len(request["params"]) for request, _ in frames) == AT_ONCE
    assert all(len(request["params"]) <= NAMES for request, _ in frames)
    assert [after for _, after in frames] == [number * EVERY for number in range(len(frames))]
    assert 1 / EVERY < 5
    assert frames[-1][1] < session().subscribe_timeout


@pytest.mark.parametrize("count", [0, AT_ONCE + 1])
def test_no_symbols_and_too_many_are_no_session(count: int) -> None:
    with pytest.raises(ValueError, match=str(AT_ONCE)):
        BookTickers("wss://x", [f"A{number}" for number in range(count)])


def test_a_symbol_that_is_named_twice_is_asked_for_once() -> None:
    ((request, _),) = sent(session("BNBUSDT", "BNBUSDT"))
    assert request["params"] == ["bnbusdt@bookTicker"]


def test_it_is_subscribed_when_every_request_was_answered() -> None:
    one = session(*(f"A{number}" for number in range(NAMES + 1)))
    one.opened(NOW)
    assert heard(one, {"result": None, "id": 2}) == SILENT
    assert heard(one, {"result": None, "id": 7}) == SILENT
    assert heard(one, {"result": None, "id": 1}) == Quoted(signals=(Reached("subscribed"),))
    assert heard(one, {"result": None, "id": 1}) == SILENT


def test_an_event_is_the_best_bid_and_ask_with_its_number() -> None:
    assert heard(session(), TICK) == Quoted((QUOTE,))


def test_what_is_older_than_what_was_told_is_dropped_and_the_same_again_is_not() -> None:
    one = session()
    heard(one, TICK)
    assert heard(one, TICK | {"u": TICK["u"] - 1, "b": "1"}) == SILENT  # type: ignore[operator]
    assert heard(one, TICK) == Quoted((QUOTE,))
    assert heard(one, TICK | {"s": "BTCUSDT", "u": 1}).quotes[0].symbol == "BTCUSDT"


def test_a_side_on_which_nobody_is_is_empty() -> None:
    (quote,) = heard(session(), TICK | {"a": "0.00000000", "A": "0.00000000"}).quotes
    assert (quote.ask, quote.ask_size, quote.bid) == (None, None, Decimal("25.3519"))


def test_a_price_of_a_symbol_that_was_not_asked_for_is_noted_once() -> None:
    one = session()
    assert heard(one, TICK | {"s": "ETHBTC"}) == Quoted(notes=("prices of ETHBTC, which was not asked for",))
    assert heard(one, TICK | {"s": "ETHBTC"}) == SILENT


def test_new_keys_change_nothing() -> None:
    assert heard(session(), TICK | {"E": 1, "T": 2, "new": {"x": []}}) == Quoted((QUOTE,))


def test_a_server_that_is_about_to_leave_says_so() -> None:
    assert heard(session(), {"e": "serverShutdown", "E": 1}).signals == (RotateSoon("serverShutdown"),)


@pytest.mark.parametrize(
    "frame",
    [
        {"code": 2, "msg": "Invalid request: unknown variant"},
        {"code": 3, "msg": "Invalid JSON", "id": 1},
        {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
    ],
)
def test_a_refused_subscription_breaks_the_session(frame: Any) -> None:
    (signal,) = heard(session(), frame).signals
    assert isinstance(signal, Broken)
    assert isinstance(signal.error, LinkError)
    assert "refused" in str(signal.error)


@pytest.mark.parametrize(
    "frame", ["", "x", "[]", "7", "null", '{"u":1,"s":"BNBUSDT"}', text(TICK | {"b": "NaN"})]
)
def test_a_frame_that_cannot_be_read_is_noted_and_ten_of_them_break_the_session(frame: str) -> None:
    one = session()
    first = one.received(frame, NOW)
    assert not first.quotes
    assert not first.signals
    assert len(first.notes) == 1
    later = [one.received(frame, NOW) for _ in range(GARBAGE_LIMIT - 1)]
    assert [told.signals for told in later[:-1]] == [()] * (GARBAGE_LIMIT - 2)
    (broken,) = later[-1].signals
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, Unreadable)


def test_a_frame_that_is_neither_price_nor_reply_is_noted_and_harmless() -> None:
    one = session()
    assert heard(one, {"e": "trade", "s": "BNBUSDT"}).notes == ("neither a price nor a reply: e, s",)
    assert all(heard(one, {"e": "trade", "s": "BNBUSDT"}) == SILENT for _ in range(50))


def test_a_websocket_ping_is_heartbeat_enough() -> None:
    assert session().heartbeat(NOW) is None

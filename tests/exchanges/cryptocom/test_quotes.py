"""The prices of Crypto.com by stream: how they are subscribed, kept alive, and what a frame means."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import LinkError, Unreadable
from exchanges.base import Broken, Reached, Send
from exchanges.cryptocom.beats import QUIET_MS
from exchanges.cryptocom.quotes import AT_ONCE, FIRST_PAUSE, Tickers
from exchanges.doubts import GARBAGE_LIMIT
from exchanges.trading import SILENT, Quoted, TopOfBook
from tests.exchanges.kit import text

NOW = 1_790_000_000_000
TICK: dict[str, Any] = {
    "h": "2400.20", "l": "2277.10", "a": "2335.25", "c": "-0.0022", "b": "2335.10", "bs": "5.4000",
    "k": "2335.16", "ks": "1.9970", "i": "ETH_USD", "v": "1305697.6462", "vv": "3058704939.17",
    "oi": "161646.3614", "t": 1726069647560,
}  # fmt: skip
QUOTE = TopOfBook(
    "spot", "ETH_USD", Decimal("2335.1"), Decimal("2335.16"), Decimal("5.4"), Decimal("1.997"), 1726069647560,
    1726069647560,
)  # fmt: skip


def push(*ticks: Any, number: Any = -1, channel: str = "ticker", **more: Any) -> dict[str, Any]:
    result = {
        "instrument_name": "ETH_USD", "subscription": "ticker.ETH_USD", "channel": channel, "data": list(ticks),
    }  # fmt: skip
    return {"id": number, "method": "subscribe", "code": 0, "result": result, **more}


def session(*symbols: str) -> Tickers:
    return Tickers("wss://stream.example/exchange/v1/market", "spot", symbols or ("ETH_USD", "BTC_USD"))


def sent(signals: Any) -> list[dict[str, Any]]:
    return [json.loads(signal.text) for signal in signals if isinstance(signal, Send)]


def opened(*symbols: str) -> Tickers:
    one = session(*symbols)
    one.opened(NOW)
    return one


def heard(one: Tickers, frame: Any, at: int = NOW) -> Quoted:
    return one.received(text(frame), at)


# -------------------------------------------------------------------- subscribing


def test_each_instrument_has_a_request_of_its_own_after_the_first_second() -> None:
    signals = session().opened(NOW)
    assert signals[0] == Reached("subscribing")
    first, second = sent(signals)
    assert first == {
        "id": 1, "method": "subscribe", "params": {"channels": ["ticker.ETH_USD"]}, "nonce": NOW,
    }  # fmt: skip
    assert (second["id"], second["params"]) == (2, {"channels": ["ticker.BTC_USD"]})
    assert min(signal.after for signal in signals if isinstance(signal, Send)) >= FIRST_PAUSE >= 1


def test_many_instruments_are_asked_for_at_a_pace_that_the_server_takes() -> None:
    one = session(*(f"A{number}_USD" for number in range(AT_ONCE)))
    times = [signal.after for signal in one.opened(NOW) if isinstance(signal, Send)]
    assert len(times) == AT_ONCE
    assert all(sum(start <= at < start + 1 for at in times) <= 60 for start in times)
    assert max(times) < one.subscribe_timeout / 2


@pytest.mark.parametrize("count", [0, AT_ONCE + 1])
def test_no_instruments_and_too_many_are_no_session(count: int) -> None:
    with pytest.raises(ValueError, match=str(AT_ONCE)):
        Tickers("wss://x", "spot", [f"A{number}_USD" for number in range(count)])


@pytest.mark.parametrize(
    "ack",
    [
        {"id": 1, "code": 0, "method": "subscribe"},
        {"id": "1", "code": "0", "method": "subscribe"},
        {"id": 1, "method": "subscribe", "code": 0, "result": {}},
        push(TICK, number=1),
    ],
)
def test_it_is_subscribed_when_every_request_was_answered_with_or_without_rows(ack: Any) -> None:
    one = opened()
    assert Reached("subscribed") not in heard(one, ack).signals
    assert heard(one, {"id": 2, "code": 0, "method": "subscribe"}).signals == (Reached("subscribed"),)
    assert heard(one, {"id": 2, "code": 0, "method": "subscribe"}).signals == ()


@pytest.mark.parametrize("number", [0, 2, -1, None])
def test_an_unknown_instrument_is_told_whatever_the_id_of_its_refusal_and_the_others_go_on(
    number: Any,
) -> None:
    one = opened("ETH_USD", "NOPE_USD")
    words = 'invalid channel {"channels":["ticker.NOPE_USD"]}'
    told = heard(one, {"id": number, "code": 10004, "method": "subscribe", "message": words})
    assert told == Quoted(unknown=("NOPE_USD",))
    assert heard(one, {"id": 1, "code": 0, "method": "subscribe"}).signals == (Reached("subscribed"),)


def test_an_instrument_is_not_taken_for_another_whose_name_begins_alike() -> None:
    one = opened("BTC_USD", "BTC_USDT")
    words = 'invalid channel {"channels":["ticker.BTC_USDT"]}'
    assert heard(one, {"id": 0, "code": 10004, "message": words}).unknown == ("BTC_USDT",)


@pytest.mark.parametrize(
    "refusal",
    [
        {"id": 1, "code": 42901, "method": "subscribe", "message": "TOO_MANY_REQUESTS"},
        {"id": 1, "code": 9010001, "message": "SYSTEM_MAINTENANCE"},
        {"id": 0, "code": 10004, "message": "invalid channel of another"},
        {"id": -1, "method": "ERROR", "code": 40003, "message": "INVALID_REQUEST"},
        {"id": 1, "code": 50001, "message": None},
    ],
)
def test_any_other_refusal_breaks_the_session(refusal: Any) -> None:
    (signal,) = heard(opened(), refusal).signals
    assert isinstance(signal, Broken)


# ---------------------------------------------------------------------- heartbeats


@pytest.mark.parametrize("number", [1587523073344, "1587523073344"])
def test_a_heartbeat_is_answered_at_once_with_its_own_id(number: Any) -> None:
    (answer,) = sent(heard(session(), {"id": number, "method": "public/heartbeat", "code": 0}).signals)
    assert answer == {"id": number, "method": "public/respond-heartbeat"}


def test_a_heartbeat_without_an_id_is_noted() -> None:
    assert heard(session(), {"method": "public/heartbeat"}).notes == ("a heartbeat without an id",)


def test_a_peer_that_says_nothing_for_too_long_is_gone() -> None:
    one = opened()
    assert one.heartbeat(NOW + QUIET_MS) is None
    heard(one, push(TICK), NOW + QUIET_MS)
    assert one.heartbeat(NOW + 2 * QUIET_MS) is None
    gone = one.heartbeat(NOW + 2 * QUIET_MS + 1)
    assert isinstance(gone, Broken)
    assert isinstance(gone.error, LinkError)


# -------------------------------------------------------------------------- prices


@pytest.mark.parametrize(
    "change",
    [{}, {"b": 2335.10, "bs": 5.4, "k": 2335.16, "ks": 1.997, "t": "1726069647560"}, {"new": {"x": 1}}],
)
def test_a_ticker_is_the_best_bid_and_ask_its_numbers_as_numbers_or_text(change: Any) -> None:
    assert heard(opened(), push(TICK | change)) == Quoted((QUOTE,))


@pytest.mark.parametrize("channel", ["ticker", "ticker.ETH_USD"])
def test_the_channel_may_be_named_in_full(channel: str) -> None:
    assert heard(opened(), push(TICK, channel=channel)).quotes == (QUOTE,)


def test_several_tickers_in_one_message_are_several_prices() -> None:
    told = heard(opened(), push(TICK, TICK | {"i": "BTC_USD"}))
    assert [quote.symbol for quote in told.quotes] == ["ETH_USD", "BTC_USD"]


def test_a_ticker_that_is_older_than_what_was_told_is_dropped_and_the_same_again_is_not() -> None:
    one = opened()
    heard(one, push(TICK))
    assert heard(one, push(TICK | {"t": TICK["t"] - 1, "b": "1"})) == SILENT
    assert heard(one, push(TICK)).quotes == (QUOTE,)


@pytest.mark.parametrize("nobody", [None, "0", "0.00"])
def test_a_side_on_which_nobody_is_is_empty(nobody: Any) -> None:
    (quote,) = heard(opened(), push(TICK | {"k": nobody, "ks": nobody})).quotes
    assert (quote.ask, quote.ask_size, quote.bid) == (None, None, Decimal("2335.1"))


def test_an_instrument_that_was_not_asked_for_is_noted() -> None:
    told = heard(opened(), push(TICK | {"i": "CRO_USD"}))
    assert told == Quoted(notes=("prices of CRO_USD, which was not asked for",))


@pytest.mark.parametrize(
    "frame",
    ["", "x", "[]", "null", text(push({"i": "ETH_USD", "b": "soon"})), text(push(TICK | {"b": "NaN"})), text(push({})),
     text(push(TICK, channel="book"))],
)  # fmt: skip
def test_a_frame_that_cannot_be_read_is_noted_and_ten_of_them_break_the_session(frame: str) -> None:
    one = opened()
    first = one.received(frame, NOW)
    assert not first.quotes
    assert len(first.notes) == 1
    later = [one.received(frame, NOW) for _ in range(GARBAGE_LIMIT - 1)]
    assert not any(told.signals for told in later[:-1])
    (broken,) = later[-1].signals
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, Unreadable)


def test_a_frame_that_is_neither_push_nor_reply_is_noted_and_harmless() -> None:
    assert heard(opened(), {"id": 5, "method": "public/news", "code": 0}).notes == (
        "neither a push nor a reply: code, id, method",
    )

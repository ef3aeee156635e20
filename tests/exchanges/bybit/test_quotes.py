"""The prices of Bybit by stream: how they are subscribed, and what snapshots and deltas make of a book."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import LinkError, Unreadable
from exchanges.base import Broken, PongReceived, Reached, Send
from exchanges.bybit.quotes import AT_ONCE, BestLevels, address
from exchanges.doubts import GARBAGE_LIMIT
from exchanges.trading import SILENT, Quoted, TopOfBook
from tests.exchanges.kit import text

NOW = 1_790_000_000_000
PUBLIC = "wss://stream.example/v5/public/spot"
SNAPSHOT: dict[str, Any] = {
    "topic": "orderbook.1.BTCUSDT", "ts": 1672304484978, "type": "snapshot",
    "data": {"s": "BTCUSDT", "b": [["16493.50", "0.006"]], "a": [["16611.00", "0.029"]], "u": 18521288,
             "seq": 7961638724}, "cts": 1672304484976,
}  # fmt: skip


def session(*symbols: str, category: str = "spot") -> BestLevels:
    return BestLevels(PUBLIC, category, symbols or ("BTCUSDT", "ETHUSDT"))


def sent(signals: Any) -> list[dict[str, Any]]:
    return [json.loads(signal.text) for signal in signals if isinstance(signal, Send)]


def heard(one: BestLevels, frame: Any) -> Quoted:
    return one.received(text(frame), NOW)


def push(kind: str = "snapshot", u: Any = 18521288, **data: Any) -> dict[str, Any]:
    return SNAPSHOT | {"type": kind, "data": SNAPSHOT["data"] | {"u": u} | data}


def best(told: Quoted) -> tuple[Any, ...]:
    (quote,) = told.quotes
    return quote.bid, quote.bid_size, quote.ask, quote.ask_size


# -------------------------------------------------------------------- subscribing


@pytest.mark.parametrize(
    "public", [PUBLIC, "wss://stream.example/v5/public/linear", "wss://stream.example/v5/public"]
)
def test_each_product_has_an_address_of_its_own(public: str) -> None:
    assert address(public, "linear") == "wss://stream.example/v5/public/linear"
    assert address(public, "spot") == PUBLIC


def test_spot_takes_ten_topics_in_one_request() -> None:
    signals = session(*(f"A{number}" for number in range(23))).opened(NOW)
    assert signals[0] == Reached("subscribing")
    requests = sent(signals)
    assert [len(request["args"]) for request in requests] == [10, 10, 3]
    assert requests[0]["args"][:2] == ["orderbook.1.A0", "orderbook.1.A1"]
    assert {request["op"] for request in requests} == {"subscribe"}
    assert len({request["req_id"] for request in requests}) == 3


def test_contracts_take_more_of_them() -> None:
    names = [f"A{number}" for number in range(23)]
    assert len(sent(session(*names, category="linear").opened(NOW))) == 1


def test_all_requests_are_made_within_the_time_for_subscribing() -> None:
    one = session(*(f"A{number}" for number in range(AT_ONCE)))
    assert (
        max(signal.after for signal in one.opened(NOW) if isinstance(signal, Send))
        < one.subscribe_timeout / 2
    )


def test_no_symbols_too_many_and_too_long_ones_are_no_session() -> None:
    for names in (
        [],
        [f"A{number}" for number in range(AT_ONCE + 1)],
        [f"{number:060}" for number in range(AT_ONCE)],
    ):
        with pytest.raises(ValueError, match=r"symbols"):
            BestLevels(PUBLIC, "spot", names)


ACKS = [
    {"success": True, "ret_msg": "subscribe", "conn_id": "c", "req_id": "1", "op": "subscribe"},
    {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "1", "op": "subscribe"},
    {"success": True, "ret_msg": "", "conn_id": "c", "op": "subscribe"},
    {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "", "op": "subscribe"},
]


@pytest.mark.parametrize("ack", ACKS)
def test_it_is_subscribed_by_acknowledgement_with_or_without_its_number(ack: Any) -> None:
    one = session()
    one.opened(NOW)
    assert heard(one, ack).signals == (Reached("subscribed"),)
    assert heard(one, ack) == SILENT


def test_it_is_not_subscribed_before_every_request_was_acknowledged() -> None:
    one = session(*(f"A{number}" for number in range(11)))
    one.opened(NOW)
    assert heard(one, ACKS[0]) == SILENT
    assert heard(one, ACKS[0] | {"req_id": "2"}).signals == (Reached("subscribed"),)


def refusal(symbol: str, number: str) -> dict[str, Any]:
    words = f"error:handler not found,topic:orderbook.1.{symbol}"
    return {"success": False, "ret_msg": words, "conn_id": "c", "req_id": number, "op": "subscribe"}


def test_an_unknown_symbol_is_told_and_the_others_are_asked_for_again() -> None:
    one = session("BTCUSDT", "NOPE", "ETHUSDT")
    one.opened(NOW)
    told = heard(one, refusal("NOPE", "1"))
    assert told.unknown == ("NOPE",)
    (again,) = sent(told.signals)
    assert again["args"] == ["orderbook.1.BTCUSDT", "orderbook.1.ETHUSDT"]
    assert Reached("subscribed") not in told.signals
    assert heard(one, ACKS[0] | {"req_id": again["req_id"]}).signals == (Reached("subscribed"),)


def test_a_session_of_which_nothing_is_offered_is_subscribed_to_nothing() -> None:
    one = session("NOPE")
    one.opened(NOW)
    assert heard(one, refusal("NOPE", "1")) == Quoted(signals=(Reached("subscribed"),), unknown=("NOPE",))


@pytest.mark.parametrize(
    "words", ["args size >10", "", None, "error:handler not found,topic:orderbook.1.OTHER"]
)
def test_any_other_refusal_breaks_the_session(words: Any) -> None:
    one = session()
    one.opened(NOW)
    (signal,) = heard(one, {"success": False, "ret_msg": words, "req_id": "1", "op": "subscribe"}).signals
    assert isinstance(signal, Broken)


def test_the_heartbeat_is_a_json_ping_and_every_form_of_its_pong_is_known() -> None:
    one = session()
    beat = one.heartbeat(NOW)
    assert isinstance(beat, Send)
    assert json.loads(beat.text)["op"] == "ping"
    for pong in (
        {"success": True, "ret_msg": "pong", "conn_id": "c", "op": "ping"},
        {"success": True, "ret_msg": "pong", "conn_id": "c", "req_id": "", "op": "ping"},
        {"args": ["1672916271846"], "op": "pong"},
    ):
        assert heard(one, pong).signals == (PongReceived(),)


# -------------------------------------------------------------------------- prices


def test_a_snapshot_is_the_best_levels_as_they_are_when_it_is_told() -> None:
    assert heard(session(), SNAPSHOT).quotes == (
        TopOfBook(
            "spot", "BTCUSDT", Decimal("16493.5"), Decimal(16611), Decimal("0.006"), Decimal("0.029"),
            1672304484978, 18521288,
        ),
    )  # fmt: skip


def test_a_change_is_of_the_engine_s_time_and_a_book_that_is_told_again_is_so_then() -> None:
    """A quiet book is told every three seconds, and changed long ago: that does not make its price old."""
    one = session()
    heard(one, SNAPSHOT)
    changed = push(u=18521289) | {"ts": 1672304485000, "cts": 1672304484990}
    assert heard(one, changed).quotes[0].at_ms == 1672304484990
    assert heard(one, changed | {"ts": 1672304488000}).quotes[0].at_ms == 1672304488000


def test_without_the_engine_s_time_the_server_s_counts_as_number_or_as_text() -> None:
    for ts in (1672304484978, "1672304484978"):
        frame = {key: value for key, value in SNAPSHOT.items() if key != "cts"} | {"ts": ts}
        assert heard(session(), frame).quotes[0].at_ms == 1672304484978


def test_a_snapshot_that_is_repeated_says_that_the_price_is_still_so() -> None:
    one = session()
    assert heard(one, SNAPSHOT) == heard(one, SNAPSHOT)


def test_a_delta_changes_what_it_names_and_leaves_the_rest() -> None:
    one = session()
    heard(one, push(u=10))
    moved = heard(one, push("delta", 11, b=[["16493.50", "0"], ["16492.00", "3"]], a=[]))
    assert best(moved) == (Decimal(16492), Decimal(3), Decimal(16611), Decimal("0.029"))
    resized = heard(one, push("delta", 12, b=[], a=[["16611.00", "7"]]))
    assert best(resized) == (Decimal(16492), Decimal(3), Decimal(16611), Decimal(7))


def test_a_delta_may_name_the_new_level_before_the_one_that_goes() -> None:
    one = session()
    heard(one, push(u=10))
    moved = heard(one, push("delta", 11, b=[["16494.00", "3"], ["16493.50", "0"]], a=[]))
    assert best(moved)[:2] == (Decimal(16494), Decimal(3))


def test_a_side_that_was_emptied_is_empty_until_somebody_comes() -> None:
    one = session()
    heard(one, push(u=10))
    assert best(heard(one, push("delta", 11, b=[["16493.50", "0"]], a=[])))[:2] == (None, None)
    assert best(heard(one, push("delta", 12, b=[["16400", "1"]], a=[])))[:2] == (Decimal(16400), Decimal(1))
    assert best(heard(one, push("snapshot", 13, b=[], a=[]))) == (None,) * 4


def test_a_delta_before_its_book_is_no_price() -> None:
    one = session()
    told = heard(one, push("delta", 11))
    assert told.quotes == ()
    assert told.notes == ("a change of BTCUSDT before its book",)
    assert best(heard(one, push("snapshot", 12)))[0] == Decimal("16493.5")


def test_what_is_older_than_what_was_told_is_dropped() -> None:
    one = session()
    heard(one, push(u=10))
    assert heard(one, push("snapshot", 9, b=[["1", "1"]])) == SILENT
    assert heard(one, push("delta", 9, b=[["1", "1"]])) == SILENT


def test_number_one_is_a_service_that_was_restarted_and_counts_anew() -> None:
    one = session()
    heard(one, push(u=10))
    assert best(heard(one, push("delta", 1, b=[["5", "1"]], a=[]))) == (Decimal(5), Decimal(1), None, None)
    assert best(heard(one, push("delta", 2, b=[], a=[["6", "1"]])))[2] == Decimal(6)


def test_each_symbol_counts_for_itself() -> None:
    one = session()
    heard(one, push(u=10))
    assert heard(one, push(u=3, s="ETHUSDT")).quotes[0].symbol == "ETHUSDT"
    assert heard(one, push(u=3, s="SOLUSDT")).notes == ("prices of SOLUSDT, which was not asked for",)


@pytest.mark.parametrize(
    "frame",
    [
        "", "x", "[]", "null", text(SNAPSHOT | {"data": {}}), text(push(b=[["1"]])), text(push(b=[["NaN", "1"]])),
        text(push(a=[["1", "2", "3"]])), text(push(u="soon")), text({"topic": "orderbook.1.BTCUSDT"}),
    ],
)  # fmt: skip
def test_a_frame_that_cannot_be_read_is_noted_and_ten_of_them_break_the_session(frame: str) -> None:
    one = session()
    first = one.received(frame, NOW)
    assert not first.quotes
    assert len(first.notes) == 1
    later = [one.received(frame, NOW) for _ in range(GARBAGE_LIMIT - 1)]
    assert not any(told.signals for told in later[:-1])
    (broken,) = later[-1].signals
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, Unreadable)
    assert isinstance(broken.error, LinkError)


def test_a_frame_that_is_neither_push_nor_reply_is_noted_and_harmless() -> None:
    assert heard(session(), {"op": "news"}).notes == ("neither a push nor a reply: op",)

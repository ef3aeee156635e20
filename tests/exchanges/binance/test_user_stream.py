"""What every private socket of the family does with a frame, however it was subscribed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import KeyGone, LinkError
from core.facts import Fill, OrderState, Unrecognised
from exchanges.base import NOTHING, Broken, Decoded, Resubscribed
from exchanges.binance.shapes import COMBINED, RAW, WRAPPED
from exchanges.binance.user_stream import UserStream
from tests.exchanges.binance.frames import NOW, combined, position, report, trade, without, wrapped
from tests.exchanges.kit import text

FORMS: dict[str, tuple[Any, Any]] = {
    "wrapped": (WRAPPED, wrapped),
    "raw": (RAW, text),
    "combined": (COMBINED, combined),
}


def stream(form: str = "raw") -> Any:
    return UserStream("ws://127.0.0.1:9/ws/a-listen-key", FORMS[form][0])


@pytest.mark.parametrize("expected", FORMS)
@pytest.mark.parametrize("sent", FORMS)
@pytest.mark.parametrize("event", [report(), trade(), trade(t=-1, a=4, b="X"), position(("A", "1", "2"))])
def test_an_event_means_the_same_in_every_form_whichever_is_expected(
    expected: Any, sent: Any, event: Any
) -> None:
    decoded = stream(expected).received(FORMS[sent][1](event), NOW)
    assert decoded == stream("raw").received(text(event), NOW)
    assert decoded.facts
    assert decoded.signals == ()


def test_an_expired_listen_key_breaks_the_session_and_can_be_told() -> None:
    event = {"e": "listenKeyExpired", "E": NOW, "listenKey": "a-secret"}
    for frame in (text(event), combined(event)):
        decoded = stream().received(frame, NOW)
        assert decoded.facts == ()
        (signal,) = decoded.signals
        assert isinstance(signal, Broken)
        assert isinstance(signal.error, KeyGone)
        assert "a-secret" not in str(signal.error)


def test_an_end_that_cannot_be_renewed_breaks_the_session() -> None:
    (signal,) = stream().received(text({"e": "eventStreamTerminated", "E": NOW}), NOW).signals
    assert isinstance(signal, Broken)
    assert isinstance(signal.error, LinkError)


def test_a_reply_to_a_stream_that_never_asks_means_nothing() -> None:
    assert stream().received(text({"id": 1, "status": 200, "result": {"apiKey": "k"}}), NOW) == NOTHING


def test_a_raw_event_that_has_a_status_of_its_own_is_still_an_event() -> None:
    decoded = stream().received(text(trade(status=200)), NOW)
    assert [type(fact) for fact in decoded.facts] == [Fill, OrderState, Unrecognised]


@pytest.mark.parametrize("frame", [{"result": None, "id": 1}, {"code": 2, "msg": "Invalid request"}, {}])
def test_a_frame_that_is_neither_reply_nor_event_is_journalled_and_ignored(frame: Any) -> None:
    decoded = stream().received(text(frame), NOW)
    assert [fact.event for fact in decoded.facts] == ["frame"]
    assert decoded.signals == ()


def test_the_journal_of_a_foreign_frame_names_its_keys_and_none_of_its_values() -> None:
    (fact,) = stream().received(text({"b": "secret", "a": 1}), NOW).facts
    assert fact.why == "neither reply nor event: a, b"


def test_an_unknown_key_is_told_once_beside_the_facts_which_come_each_time() -> None:
    session = stream()
    first = session.received(text(trade(zz=1)), NOW)
    again = session.received(text(trade(zz=2, t=78)), NOW)
    assert first.facts[2] == Unrecognised("executionReport", "unknown key zz", NOW + 3)
    assert first.signals == ()
    assert [type(fact) for fact in again.facts] == [Fill, OrderState]
    assert len(session.received(text(position(("A", "1", "2")) | {"zz": 1}), NOW).facts) == 2


def test_a_new_socket_tells_it_again() -> None:
    for _ in range(2):
        assert len(stream().received(text(trade(zz=1)), NOW).facts) == 3


def test_an_unknown_event_is_journalled_and_ignored() -> None:
    decoded = stream().received(text({"e": "moonPhase", "E": NOW}), NOW)
    assert decoded == Decoded((Unrecognised("moonPhase", "unknown event", NOW),))


def test_an_event_that_may_hide_a_change_asks_for_a_look_by_rest() -> None:
    decoded = stream().received(text(without(trade(), "t")), NOW)
    assert [type(fact) for fact in decoded.facts] == [OrderState, Unrecognised]
    assert decoded.signals == (Resubscribed("executionReport not wholly readable"),)


def test_looks_are_asked_for_once_in_five_seconds() -> None:
    session = stream()
    looks = [session.received("[]", NOW + late).signals for late in (0, 1_000, 4_999, 5_000, 9_999)]
    assert [len(signals) for signals in looks] == [1, 0, 0, 1, 0]


def test_a_clock_that_is_set_back_does_not_silence_the_looks() -> None:
    session = stream()
    session.received("[]", NOW)
    assert session.received("[]", NOW - 3_600_000).signals == (Resubscribed("garbage frame"),)


def test_garbage_now_and_then_does_not_break_the_session() -> None:
    session = stream()
    for number in range(50):
        decoded = session.received("garbage", NOW + number * 60_000)
        assert decoded.signals == (Resubscribed("garbage frame"),)


FRAMES = ["", "null", "[]", "7", '"text"', "{", "\x00", "\ud800", "[" * 5_000, '{"e":' * 2_000, "9" * 5_000]
BAD_NUMBERS = ['{"e":"x","E":1e99999999999999999999}', '{"event":{"e":"executionReport","i":1e999}}']


@pytest.mark.parametrize("frame", FRAMES + BAD_NUMBERS, ids=range(len(FRAMES + BAD_NUMBERS)))
@pytest.mark.parametrize("form", FORMS)
def test_no_text_raises(form: Any, frame: Any) -> None:
    assert stream(form).received(frame, NOW).facts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)
NAMES = ["executionReport", "outboundAccountPosition", "balanceUpdate", "externalLockUpdate", "listStatus"]
KEYS = st.sampled_from(
    [*report(), *"auBdD", "e", "status", "event", "data", "stream", "subscriptionId", "id"]
)
NAMED = st.dictionaries(KEYS, JSON, max_size=12)


@given(JSON | NAMED | st.builds(lambda name, rest: {**rest, "e": name}, st.sampled_from(NAMES), NAMED))
def test_no_json_raises(value: Any) -> None:
    frame = text(value)
    for form in FORMS:
        assert isinstance(stream(form).received(frame, NOW), Decoded)
        assert isinstance(stream(form).received(wrapped(value), NOW), Decoded)


@given(st.sampled_from(list(report())), JSON)
def test_no_value_of_any_key_raises_or_costs_another_order(key: Any, value: Any) -> None:
    decoded = stream("wrapped").received(wrapped(trade(**{key: value})), NOW)
    for fact in decoded.facts:
        if isinstance(fact, Fill | OrderState) and key not in {"s", "i"}:
            assert (fact.symbol, fact.order_id) == ("ETHBTC", "4293153")
    assert decoded.facts or key == "e"

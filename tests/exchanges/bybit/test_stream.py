"""A session on /v5/private: subscribed only by acknowledgement, kept alive in JSON, never raising."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import (
    AuthInDoubt,
    ClockError,
    FatalError,
    LinkError,
    ProtocolChanged,
    RateLimited,
    Unreadable,
)
from core.facts import Fill, OrderState
from exchanges.base import Broken, PongReceived, Reached, Resubscribed, Send
from exchanges.bybit.sign import Signer
from exchanges.bybit.stream import BybitStream
from tests.exchanges.bybit.rows import NOW, execution_row, order_row, pushed
from tests.exchanges.kit import CREDENTIALS, SECRET, text

URL = "ws://127.0.0.1:9/v5/private"


def stream() -> BybitStream:
    return BybitStream(URL, Signer(CREDENTIALS))


def request(signals: Any) -> dict[str, Any]:
    """The one frame among the signals."""
    (sent,) = [json.loads(signal.text) for signal in signals if isinstance(signal, Send)]
    return sent


def told(session: Any, **frame: Any) -> Any:
    return session.received(text(frame), NOW).signals


def acknowledged(session: Any, sent: Any, **changes: Any) -> Any:
    """The documented acknowledgement, which echoes our id."""
    frame = {"req_id": sent["req_id"], "success": True, "ret_msg": "", "op": sent["op"], "conn_id": "cej-p"}
    return told(session, **{**frame, **changes})


def authenticated() -> tuple[BybitStream, dict[str, Any]]:
    """A session that has just asked to be subscribed, and what it asked."""
    session = stream()
    return session, request(acknowledged(session, request(session.opened(NOW))))


def subscribed() -> BybitStream:
    session, sent = authenticated()
    assert acknowledged(session, sent) == (Reached("subscribed"),)
    return session


def broken(signals: Any) -> Any:
    (signal,) = signals
    assert isinstance(signal, Broken)
    return signal.error


# -------------------------------------------------------------- auth, then subscribe


def test_the_url_is_used_as_it_is_configured() -> None:
    assert stream().url == URL


def test_a_session_authenticates_before_anything_else() -> None:
    signals = stream().opened(NOW)
    assert signals[0] == Reached("authenticating")
    sent = request(signals)
    expires = NOW + 10_000
    signature = hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    assert sent["op"] == "auth"
    assert sent["args"] == [CREDENTIALS.api_key, expires, signature]


def test_the_subscription_follows_the_acknowledged_auth_in_one_request() -> None:
    session = stream()
    signals = acknowledged(session, request(session.opened(NOW)))
    assert signals[0] == Reached("subscribing")
    sent = request(signals)
    assert (sent["op"], sent["args"]) == ("subscribe", ["order", "execution", "position", "wallet"])


def test_the_acknowledged_subscription_is_the_goal() -> None:
    session, sent = authenticated()
    assert acknowledged(session, sent) == (Reached("subscribed"),)


def test_every_request_has_an_id_of_its_own() -> None:
    session = stream()
    first = request(session.opened(NOW))["req_id"]
    _, sent = authenticated()
    assert len({first, sent["req_id"], json.loads(session.heartbeat(NOW).text)["req_id"]}) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("missing", [{"req_id": ""}, {"req_id": None}])
def test_an_acknowledgement_without_an_id_can_only_be_ours(missing: Any) -> None:
    session, sent = authenticated()
    assert acknowledged(session, sent, **missing) == (Reached("subscribed"),)
    session, _ = authenticated()
    assert told(session, success=True, ret_msg="", op="subscribe", conn_id="c") == (Reached("subscribed"),)


@pytest.mark.parametrize("other", ["another", 1, [], {}, True])
def test_an_acknowledgement_of_another_request_means_nothing(other: Any) -> None:
    session, sent = authenticated()
    assert acknowledged(session, sent, req_id=other) == ()
    assert acknowledged(session, sent) == (Reached("subscribed"),)


def test_an_acknowledgement_of_the_other_step_means_nothing() -> None:
    session = stream()
    session.opened(NOW)
    assert told(session, success=True, ret_msg="", op="subscribe") == ()
    session, _ = authenticated()
    assert told(session, success=True, ret_msg="", op="auth") == ()


def test_an_acknowledgement_counts_once() -> None:
    session, sent = authenticated()
    acknowledged(session, sent)
    assert acknowledged(session, sent) == ()


def test_the_shape_of_the_order_entry_socket_is_understood_too() -> None:
    session = stream()
    session.opened(NOW)
    signals = told(session, retCode=0, retMsg="OK", op="auth", connId="cnt5leec0hvan15eukcg-2t")
    assert signals[0] == Reached("subscribing")


@pytest.mark.parametrize("failed", [[], None])
def test_an_acknowledgement_that_lists_no_failed_topic_is_one(failed: Any) -> None:
    session, _ = authenticated()
    data = {"failTopics": failed, "successTopics": ["order"]}
    assert told(session, success=True, conn_id="c", data=data, type="COMMAND_RESP") == (
        Reached("subscribed"),
    )


@pytest.mark.parametrize("shape", [{"type": "COMMAND_RESP"}, {"op": "subscribe", "ret_msg": ""}])
def test_a_topic_that_failed_fails_the_whole_subscription(shape: Any) -> None:
    session, _ = authenticated()
    data = {"failTopics": ["position"], "successTopics": ["order", "execution", "wallet"]}
    error = broken(told(session, success=True, data=data, **shape))
    assert type(error) is LinkError
    assert "position" in str(error)


def test_a_push_that_overtakes_the_acknowledgement_counts_and_does_not_subscribe() -> None:
    session, _ = authenticated()
    decoded = session.received(pushed("order", order_row()), NOW)
    assert len(decoded.facts) == 1
    assert decoded.signals == ()


# -------------------------------------------------------------------- being refused


def refused(**frame: Any) -> Any:
    session = stream()
    session.opened(NOW)
    return broken(told(session, **{"success": False, "op": "auth", "conn_id": "c", **frame}))


def test_params_error_may_be_the_clocks_fault_or_the_keys() -> None:
    assert type(refused(ret_msg="Params Error")) is AuthInDoubt


@pytest.mark.parametrize("said", ["", "Request expired", None, 7])
def test_a_refused_auth_that_blames_nobody_is_in_doubt_and_resynchronises_the_clock(said: Any) -> None:
    error = refused(ret_msg=said)
    assert type(error) is AuthInDoubt
    assert isinstance(error, ClockError)


@pytest.mark.parametrize(
    "said",
    [
        "API key is invalid.",
        "Invalid api_key",
        "Your api key has expired",
        "Unmatched IP, please check your API key's bound IP addresses.",
        "Permission denied",
        "Error sign, please check your signature",
    ],
)
def test_a_refused_auth_that_blames_the_key_is_fatal(said: Any) -> None:
    error = refused(ret_msg=said)
    assert type(error) is FatalError
    assert said[:30] in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(10002, ClockError), (10003, FatalError), (10004, FatalError), (10010, FatalError), (33004, FatalError)],
)
def test_a_refusal_with_a_code_is_read_by_its_code(code: Any, kind: Any) -> None:
    session = stream()
    session.opened(NOW)
    assert isinstance(broken(told(session, retCode=code, retMsg="no", op="auth")), kind)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Request not authorized", LinkError),
        ("error:already subscribed,topic:order", LinkError),
        ("error:handler not found,topic:wallet", ProtocolChanged),
    ],
)
def test_a_refused_subscription_ends_the_session(said: Any, kind: Any) -> None:
    session, sent = authenticated()
    assert type(broken(acknowledged(session, sent, success=False, ret_msg=said))) is kind


def test_a_subscription_refused_for_its_pace_waits() -> None:
    session, sent = authenticated()
    error = broken(acknowledged(session, sent, success=False, retCode=10006, ret_msg="Too many visits!"))
    assert isinstance(error, RateLimited)


@pytest.mark.parametrize("success", [None, "true", 1, 0, "yes"])
def test_only_true_is_success(success: Any) -> None:
    session, sent = authenticated()
    assert isinstance(broken(acknowledged(session, sent, success=success)), LinkError)


def test_no_refusal_shows_the_secret() -> None:
    assert SECRET not in str(refused(ret_msg="Params Error"))


# ----------------------------------------------------------------------- heartbeats


def test_the_heartbeat_is_a_ping_in_json() -> None:
    sent = json.loads(subscribed().heartbeat(NOW).text)  # type: ignore[union-attr]
    assert sent["op"] == "ping"
    assert set(sent) == {"op", "req_id"}


@pytest.mark.parametrize(
    "frame",
    [
        {"req_id": "test", "op": "pong", "args": ["1675418560633"], "conn_id": "cfcb4ocsvfriu23r3er0-1b"},
        {"args": ["1777226678908"], "conn_id": "yzr7jz02gws1vh60mk5m-hxqdp", "op": "pong"},
        {"success": True, "ret_msg": "pong", "conn_id": "0970e817", "op": "ping"},
        {"success": True, "ret_msg": "pong", "conn_id": "465772b1", "req_id": "", "op": "ping"},
        {"args": ["1672916271846"], "op": "pong"},
    ],
)
def test_a_pong_is_known_in_all_its_shapes(frame: Any) -> None:
    assert told(subscribed(), **frame) == (PongReceived(),)


# --------------------------------------------------------------------------- pushes


def facts(session: BybitStream, frame: str) -> Any:
    return session.received(frame, NOW).facts


def test_several_fills_of_one_message_are_all_stated() -> None:
    rows = [execution_row(execId=str(number)) for number in range(3)]
    deals = facts(subscribed(), pushed("execution", *rows))
    assert [deal.trade_id for deal in deals] == ["0", "1", "2"]
    assert all(isinstance(deal, Fill) for deal in deals)


def test_a_push_that_comes_twice_states_the_same() -> None:
    session = subscribed()
    frame = pushed("order", order_row())
    assert facts(session, frame) == facts(session, frame)


def test_spot_and_linear_share_symbols_and_stay_apart() -> None:
    session = subscribed()
    frames = [pushed("order", order_row(), category=category) for category in ("spot", "linear")]
    assert {fact.category for frame in frames for fact in facts(session, frame)} == {"spot", "linear"}


def test_a_sequence_number_beyond_47_bits_is_no_hindrance() -> None:
    session = subscribed()
    assert len(facts(session, pushed("execution", execution_row(seq=2**60)))) == 1
    assert len(facts(session, pushed("execution", execution_row(seq="-1")))) == 1


@pytest.mark.parametrize("frame", ["", "nonsense", "[]", "7", "null", '"order"', "{", "\ud800"])
def test_a_frame_that_is_no_object_is_kept_and_asks_for_a_look(frame: Any) -> None:
    decoded = subscribed().received(frame, NOW)
    assert [fact.event for fact in decoded.facts] == ["garbage"]
    assert isinstance(decoded.signals[0], Resubscribed)


def test_garbage_without_end_breaks_the_session() -> None:
    session = subscribed()
    last = [session.received("garbage", NOW + number) for number in range(10)][-1]
    assert isinstance(broken(last.signals), Unreadable)


@pytest.mark.parametrize(
    "frame", [{}, {"op": "dance"}, {"topic": 7}, {"success": False}, {"op": []}, {"type": {}}]
)
def test_a_frame_that_is_neither_push_nor_reply_is_kept(frame: Any) -> None:
    decoded = subscribed().received(text(frame), NOW)
    assert [fact.event for fact in decoded.facts] == ["frame"]
    assert decoded.signals == ()


FIXTURES = sorted(Path(__file__).parents[1].glob("frames/bybit/*.json"))


@pytest.mark.parametrize("file", FIXTURES, ids=[file.stem for file in FIXTURES])
def test_a_subscribed_session_reads_frames_as_a_new_one_does(file: Any) -> None:
    frame = text(json.loads(file.read_text())["frame"])
    assert facts(subscribed(), frame) == facts(stream(), frame)


def test_an_order_push_states_an_order() -> None:
    (state,) = facts(subscribed(), pushed("order", order_row()))
    assert isinstance(state, OrderState)

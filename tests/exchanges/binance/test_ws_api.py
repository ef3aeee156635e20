"""A session on the WS API: subscribed only by an answer to its own request on this socket."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from core.errors import ClockError, FatalError, LinkError, ProtocolChanged, RateLimited, Unreadable
from exchanges.base import Broken, Credentials, Reached, Resubscribed, RotateSoon, Send
from exchanges.binance.sign import Signer
from exchanges.binance.ws_api import ApiStream
from tests.exchanges.binance.frames import NOW, report, trade, wrapped
from tests.exchanges.kit import CREDENTIALS, ED25519, RSA, SECRET, pem, text

URL = "ws://127.0.0.1:9/ws-api/v3?some=thing"
EDWARDS = Credentials("ed-key", private_key=pem(ED25519))
REFUSED_AS_UNKNOWN = {"code": -1000, "msg": "Unknown method."}


def stream(credentials: Credentials = CREDENTIALS) -> Any:
    return ApiStream(URL, Signer(credentials))


def request(signals: Any) -> dict:
    """The one frame among the signals."""
    (sent,) = [json.loads(signal.text) for signal in signals if isinstance(signal, Send)]
    return sent


def answer(session: Any, sent: Any, status: Any = 200, at: Any = NOW, **rest: Any) -> Any:
    frame = {"id": sent["id"], "status": status, **rest}
    return session.received(text(frame), at).signals


def granted(session: Any, sent: Any, subscription: Any = 0, at: Any = NOW) -> Any:
    return answer(session, sent, result={"subscriptionId": subscription}, at=at)


def subscribed(credentials: Credentials = CREDENTIALS) -> Any:
    session = stream(credentials)
    assert granted(session, request(session.opened(NOW))) == (Reached("subscribed"),)
    return session


def terminated(session: Any, at: Any = NOW, subscription: Any = 0) -> Any:
    event = {"e": "eventStreamTerminated", "E": at}
    return session.received(wrapped(event, subscription), at).signals


def broken(signals: Any) -> Any:
    (signal,) = signals
    assert isinstance(signal, Broken)
    return signal.error


# ----------------------------------------------------------------- subscribing


def test_the_url_is_used_as_it_is_configured() -> None:
    assert stream().url == URL


def test_a_session_subscribes_as_soon_as_it_is_open() -> None:
    signals = stream().opened(NOW)
    assert signals[0] == Reached("subscribing")
    sent = request(signals)
    assert sent["method"] == "userDataStream.subscribe.signature"
    payload = f"apiKey={CREDENTIALS.api_key}&timestamp={NOW}"
    expected = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    assert sent["params"] == {"apiKey": CREDENTIALS.api_key, "timestamp": NOW, "signature": expected}


@pytest.mark.parametrize("key", [ED25519, RSA], ids=["ed25519", "rsa"])
def test_every_kind_of_key_subscribes_by_signature(key: Any) -> None:
    sent = request(stream(Credentials("k", private_key=pem(key))).opened(NOW))
    assert sent["method"] == "userDataStream.subscribe.signature"
    assert base64.b64decode(sent["params"]["signature"])


def test_every_request_has_an_id_of_its_own() -> None:
    ids = {request(stream().opened(NOW))["id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(isinstance(number, str) and len(number) <= 36 for number in ids)


def test_status_200_for_our_id_means_subscribed() -> None:
    session = stream()
    assert granted(session, request(session.opened(NOW))) == (Reached("subscribed"),)


def test_an_answer_with_the_state_of_the_limits_is_understood() -> None:
    session = stream()
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 4}
    ]
    sent = request(session.opened(NOW))
    assert answer(session, sent, result={"subscriptionId": 0}, rateLimits=limits) == (Reached("subscribed"),)


@pytest.mark.parametrize("other", ["another", 1, 0, None, [], {}, True])
def test_an_answer_to_another_request_means_nothing(other: Any) -> None:
    session = stream()
    session.opened(NOW)
    frame = {"id": other, "status": 200, "result": {"subscriptionId": 0}}
    assert session.received(text(frame), NOW).signals == ()


def test_an_answer_counts_once() -> None:
    session = stream()
    sent = request(session.opened(NOW))
    granted(session, sent)
    assert granted(session, sent) == ()


def test_to_be_subscribed_already_is_fine() -> None:
    session = stream()
    error = {"code": -2035, "msg": "User Data Stream subscription already active."}
    assert answer(session, request(session.opened(NOW)), 400, error=error) == (Reached("subscribed"),)


def test_an_event_that_overtakes_the_answer_counts_and_does_not_subscribe() -> None:
    session = stream()
    session.opened(NOW)
    decoded = session.received(wrapped(report()), NOW)
    assert len(decoded.facts) == 1
    assert decoded.signals == ()


# ----------------------------------------------------------------- being refused


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, -2015, FatalError),
        (400, -1022, FatalError),
        (401, None, FatalError),
        (400, -1021, ClockError),
        (429, -1003, RateLimited),
        (403, None, RateLimited),
        (503, None, LinkError),
        (400, -2042, LinkError),
        (410, None, ProtocolChanged),
    ],
)
def test_a_refusal_breaks_the_session_and_says_what_to_do(status: Any, code: Any, kind: Any) -> None:
    session = stream()
    error = {"msg": "no"} if code is None else {"code": code, "msg": "no"}
    assert type(broken(answer(session, request(session.opened(NOW)), status, error=error))) is kind


def test_a_ban_lasts_until_the_moment_that_the_server_named() -> None:
    session = stream()
    data = {"serverTime": NOW - 500_000, "retryAfter": NOW - 500_000 + 90_000}
    error = broken(
        answer(session, request(session.opened(NOW)), 418, error={"code": -1003, "msg": "", "data": data})
    )
    assert (error.retry_after, error.ban) == (90, True)


def test_a_ban_without_the_servers_time_goes_by_ours() -> None:
    session = stream()
    error = {"code": -1003, "msg": "", "data": {"retryAfter": NOW + 30_000}}
    assert broken(answer(session, request(session.opened(NOW)), 418, error=error)).retry_after == 30


@pytest.mark.parametrize(
    "error", [None, [], "no", {}, {"code": "x", "msg": 5, "data": 7}, {"data": {"retryAfter": 10**400}}]
)
def test_a_refusal_of_any_shape_breaks_the_session(error: Any) -> None:
    session = stream()
    assert isinstance(broken(answer(session, request(session.opened(NOW)), 400, error=error)), LinkError)


def test_a_refusal_without_an_id_speaks_of_the_session() -> None:
    session = subscribed()
    frame = {
        "id": None,
        "status": 401,
        "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions."},
    }
    assert type(broken(session.received(text(frame), NOW).signals)) is FatalError


def test_a_refusal_of_somebody_elses_request_means_nothing() -> None:
    session = subscribed()
    frame = {"id": "not-ours", "status": 400, "error": {"code": -1102, "msg": ""}}
    assert session.received(text(frame), NOW).signals == ()


def test_no_error_shows_the_key_or_the_signature() -> None:
    session = stream()
    sent = request(session.opened(NOW))
    error = broken(answer(session, sent, 401, error={"code": -2015, "msg": "Invalid API-key"}))
    assert sent["params"]["signature"] not in str(error)
    assert CREDENTIALS.api_key not in str(error)


# ------------------------------------------------------- the older way to subscribe


def logging_on(session: ApiStream) -> dict:
    signals = answer(session, request(session.opened(NOW)), 400, error=REFUSED_AS_UNKNOWN)
    assert signals[0] == Reached("authenticating")
    return request(signals)


def test_an_ed25519_key_logs_on_where_the_signature_way_is_unknown() -> None:
    session = stream(EDWARDS)
    logon = logging_on(session)
    assert logon["method"] == "session.logon"
    payload = f"apiKey=ed-key&timestamp={NOW}".encode()
    ED25519.public_key().verify(base64.b64decode(logon["params"]["signature"]), payload)
    signals = answer(session, logon, result={"authorizedSince": NOW, "userDataStream": False})
    assert signals[0] == Reached("subscribing")
    join = request(signals)
    assert join["method"] == "userDataStream.subscribe"
    assert "params" not in join
    assert granted(session, join) == (Reached("subscribed"),)


def test_the_answer_to_the_logon_does_not_subscribe() -> None:
    session = stream(EDWARDS)
    assert Reached("subscribed") not in answer(session, logging_on(session), result={})


@pytest.mark.parametrize("key", [None, RSA], ids=["hmac", "rsa"])
def test_other_keys_cannot_log_on_and_report_the_changed_protocol(key: Any) -> None:
    session = stream(CREDENTIALS if key is None else Credentials("k", private_key=pem(key)))
    signals = answer(session, request(session.opened(NOW)), 400, error=REFUSED_AS_UNKNOWN)
    assert type(broken(signals)) is ProtocolChanged


def test_a_refused_logon_breaks_the_session() -> None:
    session = stream(EDWARDS)
    signals = answer(session, logging_on(session), 401, error={"code": -2015, "msg": "no"})
    assert type(broken(signals)) is FatalError


def test_a_bad_key_is_not_tried_another_way() -> None:
    session = stream(EDWARDS)
    signals = answer(session, request(session.opened(NOW)), 401, error={"code": -2015, "msg": "no"})
    assert type(broken(signals)) is FatalError


# ------------------------------------------------------------- when it comes to an end


def test_a_subscription_that_ended_is_renewed_on_the_same_socket() -> None:
    session = subscribed()
    sent = request(terminated(session))
    assert sent["method"] == "userDataStream.subscribe.signature"
    assert granted(session, sent, 1) == (Resubscribed("eventStreamTerminated"),)


def test_a_renewal_goes_the_way_that_worked() -> None:
    session = stream(EDWARDS)
    signals = answer(session, logging_on(session), result={})
    granted(session, request(signals))
    logon = request(terminated(session))
    assert logon["method"] == "session.logon"
    (join,) = answer(session, logon, result={})
    assert granted(session, json.loads(join.text)) == (Resubscribed("eventStreamTerminated"),)


def test_the_end_of_an_earlier_subscription_that_is_told_late_means_nothing() -> None:
    session = subscribed()
    granted(session, request(terminated(session, subscription=0)), subscription=1)
    assert terminated(session, subscription=0) == ()
    assert terminated(session, subscription=1) != ()


def test_an_end_is_renewed_once_however_often_it_is_told() -> None:
    session = subscribed()
    terminated(session)
    assert terminated(session) == ()


def test_the_third_end_within_five_minutes_breaks_the_session() -> None:
    session = subscribed()
    for number in (1, 2):
        granted(session, request(terminated(session, NOW + number, number - 1)), number)
    assert type(broken(terminated(session, NOW + 300_001, 2))) is LinkError


def test_ends_that_lie_further_apart_are_renewed_each_time() -> None:
    session = subscribed()
    for number in range(1, 8):
        sent = request(terminated(session, NOW + number * 150_001, number - 1))
        assert granted(session, sent, number) == (Resubscribed("eventStreamTerminated"),)


def test_a_refused_renewal_breaks_the_session() -> None:
    session = subscribed()
    signals = answer(session, request(terminated(session)), 401, error={"code": -2015, "msg": "no"})
    assert type(broken(signals)) is FatalError


def test_a_renewal_that_is_not_answered_is_asked_again_at_a_heartbeat() -> None:
    session = subscribed()
    first = request(terminated(session, NOW))
    assert session.heartbeat(NOW + 9_999) is None
    again = request((session.heartbeat(NOW + 10_000),))
    assert again["id"] != first["id"]
    assert granted(session, again, 1) == (Resubscribed("eventStreamTerminated"),)
    assert granted(session, first, 1) == ()
    assert session.heartbeat(NOW + 60_000) is None


def test_a_quiet_session_needs_no_heartbeat_of_the_protocol() -> None:
    assert subscribed().heartbeat(NOW + 10**9) is None


@pytest.mark.parametrize(
    "frame",
    [
        {"event": {"e": "serverShutdown", "E": NOW}},
        {"e": "serverShutdown", "E": NOW},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": NOW}},
        {"subscriptionId": 0, "event": {"e": "serverShutdown", "E": NOW}},
    ],
    ids=["connection", "raw", "combined", "subscription"],
)
def test_a_server_that_goes_away_is_left_in_time(frame: Any) -> None:
    assert subscribed().received(text(frame), NOW).signals == (RotateSoon("serverShutdown"),)


# ------------------------------------------------------------------- foreign frames


def test_events_of_any_subscription_count() -> None:
    assert len(subscribed().received(wrapped(trade(), 99), NOW).facts) == 2


def test_an_event_without_a_subscription_counts() -> None:
    assert len(subscribed().received(text({"event": trade()}), NOW).facts) == 2


def test_garbage_is_journalled_and_asks_for_a_look_by_rest() -> None:
    decoded = subscribed().received("<html>", NOW)
    assert [(fact.event, fact.why) for fact in decoded.facts] == [("garbage", "not a JSON object")]
    assert decoded.signals == (Resubscribed("garbage frame"),)


def test_one_unreadable_frame_after_another_breaks_the_session() -> None:
    session = subscribed()
    for number in range(9):
        assert not any(isinstance(signal, Broken) for signal in session.received("<", NOW + number).signals)
    assert type(broken(session.received("<", NOW + 9).signals)) is Unreadable

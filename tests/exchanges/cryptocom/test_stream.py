"""One user socket: its second of silence, its authentication, its channels, its heartbeats, its doubts."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exchanges.cryptocom
from core.errors import BadRequest, ClockError, FatalError, LinkError, RateLimited, Unreadable
from core.facts import Balance, Fill, OrderState, Unrecognised
from exchanges.base import Broken, Decoded, Reached, Resubscribed, Send
from exchanges.cryptocom import Cryptocom
from exchanges.cryptocom.beats import QUIET_MS
from exchanges.cryptocom.stream import NEEDED, USEFUL, UserSession
from tests.exchanges.cryptocom.messages import NOW, asset, order, position, push, trade, wallet
from tests.exchanges.kit import CREDENTIALS, SECRET, text, vectors

URL = "wss://stream.crypto.com/exchange/v1/user"


def fresh() -> UserSession:
    one = Cryptocom().stream(CREDENTIALS, Cryptocom.defaults.endpoints, "auto")
    assert isinstance(one, UserSession)
    return one


def opened() -> UserSession:
    one = fresh()
    one.opened(NOW)
    return one


def hears(one: UserSession, message: Any, at: int = NOW) -> Decoded:
    return one.received(text(message), at)


def authenticated() -> UserSession:
    one = opened()
    hears(one, {"id": 1, "method": "public/auth", "code": 0})
    return one


def asked(decoded: Decoded) -> dict[str, dict[str, Any]]:
    """What was sent, by the channel that it asks for."""
    sent = [json.loads(signal.text) for signal in decoded.signals if isinstance(signal, Send)]
    return {request["params"]["channels"][0]: request for request in sent}


def granted(request: dict[str, Any], **result: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": request["id"], "method": "subscribe", "code": 0}
    return answer | ({"result": result} if result else {})


def subscribed() -> UserSession:
    one = opened()
    for request in asked(hears(one, {"id": 1, "method": "public/auth", "code": 0})).values():
        hears(one, granted(request))
    return one


def stages(decoded: Decoded) -> list[str]:
    return [signal.stage for signal in decoded.signals if isinstance(signal, Reached)]


def broken(decoded: Decoded) -> Exception:
    (error,) = [signal.error for signal in decoded.signals if isinstance(signal, Broken)]
    return error


def looks(decoded: Decoded) -> list[str]:
    return [signal.cause for signal in decoded.signals if isinstance(signal, Resubscribed)]


# ----------------------------------------------------------------- the way up


def test_a_second_passes_before_anything_is_sent() -> None:
    stage, first = fresh().opened(NOW)
    assert stage == Reached("authenticating")
    assert isinstance(first, Send)
    assert first.after >= 1


def test_the_authentication_is_signed_with_exchange_time_and_has_no_parameters() -> None:
    vector = next(vector for vector in vectors("cryptocom_signing")["vectors"] if vector["name"] == "A auth")
    credentials = type(CREDENTIALS)(vector["api_key"], vector["secret"])
    session = Cryptocom().stream(credentials, Cryptocom.defaults.endpoints, "auto")
    _, first = session.opened(vector["nonce"])
    assert isinstance(first, Send)
    assert json.loads(first.text) == {
        "id": 1,
        "method": "public/auth",
        "api_key": vector["api_key"],
        "sig": vector["sig"],
        "nonce": vector["nonce"],
    }


def test_authenticated_it_asks_for_each_channel_by_itself() -> None:
    decoded = hears(opened(), {"id": 1, "method": "public/auth", "code": 0}, NOW + 1_500)
    requests = asked(decoded)
    assert stages(decoded) == ["subscribing"]
    assert tuple(requests) == (*NEEDED, *USEFUL)
    assert len({request["id"] for request in requests.values()} | {1}) == len(requests) + 1
    assert all(
        request
        == {
            "id": request["id"],
            "method": "subscribe",
            "params": {"channels": [channel]},
            "nonce": NOW + 1_500,
        }
        for channel, request in requests.items()
    )


def test_it_wants_orders_trades_wallet_positions_trigger_orders_and_money() -> None:
    assert {*NEEDED, *USEFUL} == {
        "user.order",
        "user.trade",
        "user.balance",
        "user.positions",
        "user.advance.order",
        "user.transactions",
    }


def test_nothing_that_it_sends_holds_the_key_or_the_secret_after_the_authentication() -> None:
    decoded = hears(opened(), {"id": 1, "method": "public/auth", "code": 0})
    sent = "".join(signal.text for signal in decoded.signals if isinstance(signal, Send))
    assert CREDENTIALS.api_key not in sent
    assert SECRET not in sent
    assert "sig" not in sent


def test_subscribed_means_that_every_channel_was_acknowledged() -> None:
    one = opened()
    requests = list(asked(hears(one, {"id": 1, "method": "public/auth", "code": 0})).values())
    for request in requests[:-1]:
        assert hears(one, granted(request)) == Decoded()
    assert stages(hears(one, granted(requests[-1]))) == ["subscribed"]


def test_acknowledgements_may_come_in_any_order_with_strings_and_with_rows() -> None:
    one = opened()
    requests = asked(hears(one, {"id": "1", "method": "public/auth", "code": "0"}))
    first = requests.pop("user.order")
    for request in requests.values():
        answer = granted(request) | {"id": str(request["id"]), "code": "0"}
        assert stages(hears(one, answer)) == []
    rows = {"subscription": "user.order", "channel": "user.order", "data": [order()]}
    last = hears(one, granted(first, **rows))
    assert stages(last) == ["subscribed"]
    assert isinstance(last.facts[0], OrderState)


def test_an_acknowledgement_that_comes_twice_counts_once() -> None:
    one = opened()
    requests = list(asked(hears(one, {"id": 1, "method": "public/auth", "code": 0})).values())
    for _ in range(2 * len(requests)):
        assert hears(one, granted(requests[0])) == Decoded()


def test_rows_alone_are_no_acknowledgement() -> None:
    one = authenticated()
    for channel in (*NEEDED, *USEFUL):
        assert stages(hears(one, push(channel))) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"id": 1, "method": "subscribe", "code": 0},
        {"id": 2, "method": "public/auth", "code": 0},
        {"id": -1, "method": "public/auth", "code": 0},
        {"method": "public/auth", "code": 0},
        {"id": "one", "method": "public/auth", "code": 0},
    ],
)
def test_an_answer_to_something_else_authenticates_nobody(answer: Any) -> None:
    assert hears(opened(), answer) == Decoded()


def test_it_authenticates_once_on_a_socket() -> None:
    one = authenticated()
    assert hears(one, {"id": 1, "method": "public/auth", "code": 0}) == Decoded()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40101, FatalError),
        (40103, FatalError),
        (40104, FatalError),
        (40102, ClockError),
        (42901, RateLimited),
    ],
)
def test_a_refused_authentication_breaks_the_session_with_what_is_to_be_done(code: Any, kind: Any) -> None:
    refused = hears(opened(), {"id": 1, "method": "public/auth", "code": code, "message": "NO"})
    assert type(broken(refused)) is kind
    assert refused.facts == ()


def refusal(request: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"id": request["id"], "method": "subscribe", "code": 10004, "message": "invalid channel", **values}


@pytest.mark.parametrize("channel", NEEDED)
def test_a_channel_that_is_needed_and_refused_breaks_the_session(channel: Any) -> None:
    one = opened()
    request = asked(hears(one, {"id": 1, "method": "public/auth", "code": 0}))[channel]
    assert type(broken(hears(one, refusal(request)))) is BadRequest


@pytest.mark.parametrize("channel", USEFUL)
@pytest.mark.parametrize("named", [False, True])
def test_a_channel_that_is_merely_useful_may_be_refused_and_that_is_told(channel: Any, named: Any) -> None:
    """The id of a refusal may be another one: then its text says which channel is meant."""
    one = opened()
    requests = asked(hears(one, {"id": 1, "method": "public/auth", "code": 0}))
    request = requests.pop(channel)
    answer = refusal(request)
    if named:
        answer |= {"id": 0, "message": f'invalid channel {{"channels":["{channel}"]}}'}
    refused = hears(one, answer)
    assert refused.signals == ()
    (fact,) = refused.facts
    assert isinstance(fact, Unrecognised)
    assert fact.event == "subscribe"
    assert channel in fact.why
    reached = [stage for other in requests.values() for stage in stages(hears(one, granted(other)))]
    assert reached == ["subscribed"]


@pytest.mark.parametrize(("code", "kind"), [(42901, RateLimited), (40101, FatalError), (50001, LinkError)])
def test_a_refusal_that_speaks_of_us_breaks_the_session_on_any_channel(code: Any, kind: Any) -> None:
    one = opened()
    request = asked(hears(one, {"id": 1, "method": "public/auth", "code": 0}))["user.positions"]
    assert type(broken(hears(one, refusal(request, code=code)))) is kind


@pytest.mark.parametrize(
    "message",
    [
        {
            "id": -1,
            "method": "ERROR",
            "code": 40003,
            "message": "INVALID_REQUEST",
            "original": '{"sig":"abc"}',
        },
        {"code": 9010001, "message": "SYSTEM_MAINTENANCE", "details": "…"},
        {"id": 99, "method": "subscribe", "code": 10004, "message": "invalid channel"},
        {"id": -1, "code": 40101},
    ],
)
def test_a_refusal_of_nothing_in_particular_speaks_of_the_whole_session(message: Any) -> None:
    broken(hears(subscribed(), message))


def test_nothing_of_a_refusal_is_kept_for_it_may_repeat_the_signed_request() -> None:
    echo = '{"method":"public/auth","sig":"abc"}'
    decoded = hears(opened(), {"id": 1, "code": 40101, "message": "NO", "original": echo, "brand_new": echo})
    assert decoded.facts == ()
    assert "abc" not in str(broken(decoded))


# ------------------------------------------------------------------- heartbeats


@pytest.mark.parametrize("stage", [opened, authenticated, subscribed])
@pytest.mark.parametrize("number", [1587523073344, "1587523073344", 0, 9_223_372_036_854_775_807, -1])
def test_a_heartbeat_is_answered_at_once_with_its_own_id_at_every_stage(stage: Any, number: Any) -> None:
    decoded = hears(stage(), {"id": number, "method": "public/heartbeat", "code": 0})
    (answer,) = decoded.signals
    assert isinstance(answer, Send)
    assert answer.after == 0
    assert json.loads(answer.text) == {"id": number, "method": "public/respond-heartbeat"}
    assert decoded.facts == ()


def test_a_heartbeat_without_an_id_cannot_be_answered_and_is_told() -> None:
    decoded = hears(subscribed(), {"method": "public/heartbeat"})
    assert decoded == Decoded((Unrecognised("public/heartbeat", "a heartbeat without an id"),))


def test_our_own_heartbeat_is_a_plain_ping_as_long_as_the_exchange_speaks() -> None:
    one = subscribed()
    assert one.heartbeat(NOW + QUIET_MS) is None
    hears(one, {"id": 1, "method": "public/heartbeat"}, NOW + QUIET_MS)
    assert one.heartbeat(NOW + 2 * QUIET_MS) is None


def test_where_only_pongs_come_for_more_than_two_periods_the_session_is_broken() -> None:
    assert QUIET_MS > 2 * 30_000
    ended = subscribed().heartbeat(NOW + QUIET_MS + 1)
    assert isinstance(ended, Broken)
    assert type(ended.error) is LinkError


def test_any_message_of_the_exchange_is_as_good_a_sign_as_a_heartbeat() -> None:
    one = subscribed()
    hears(one, push("user.balance", wallet(asset("USD", "1"))), NOW + 60_000)
    assert one.heartbeat(NOW + 60_000 + QUIET_MS) is None


# ------------------------------------------------------------------------- rows


def test_several_rows_of_one_message_are_all_stated_in_their_order() -> None:
    facts = hears(subscribed(), push("user.trade", trade("1"), trade("2"), trade("3"))).facts
    assert [fact.trade_id for fact in facts if isinstance(fact, Fill)] == ["1", "2", "3"]


@pytest.mark.parametrize("channel", ["user.order", "user.order.LTC_USDT", "user.advance.order.BTCUSD-PERP"])
def test_a_channel_is_known_by_its_beginning(channel: Any) -> None:
    assert isinstance(hears(subscribed(), push(channel, order())).facts[0], OrderState)


def test_a_push_is_known_by_its_channel_whatever_its_id_and_its_subscription() -> None:
    bare = push("user.order", order(), instrument_name="LTC_USDT", account_id="x")
    for message in ({**bare, "id": 77}, {key: bare[key] for key in ("method", "code", "result")}):
        assert isinstance(hears(subscribed(), message).facts[0], OrderState)
    named = {"subscription": "user.order.LTC_USDT", "data": [order()]}
    assert isinstance(
        hears(subscribed(), {"id": -1, "method": "subscribe", "result": named}).facts[0], OrderState
    )


def test_a_list_of_open_orders_proves_nothing_about_the_others() -> None:
    assert hears(subscribed(), push("user.order")) == Decoded()


@pytest.mark.parametrize(
    "channel", ["user.position_balance", "user.account_risk", "user.orders", "book", "user"]
)
def test_an_unknown_channel_is_told_and_not_fatal(channel: Any) -> None:
    assert hears(subscribed(), push(channel, {"a": 1})) == Decoded(
        (Unrecognised(channel, "unknown channel"),)
    )


@pytest.mark.parametrize("message", [{}, {"id": 5}, {"method": "public/news", "code": 0}, {"code": None}])
def test_an_unknown_message_is_told_and_not_fatal(message: Any) -> None:
    (fact,) = hears(subscribed(), message).facts
    assert isinstance(fact, Unrecognised)


def test_an_unknown_key_is_told_once_on_a_socket_and_asks_for_nothing() -> None:
    one, message = subscribed(), push("user.trade", trade(brand_new=1))
    first, second = hears(one, message), hears(one, message)
    assert [type(fact) for fact in first.facts] == [Fill, Unrecognised]
    assert [type(fact) for fact in second.facts] == [Fill]
    assert first.signals == second.signals == ()


@pytest.mark.parametrize(
    "message",
    [
        push("user.order", order(status="ODD")),
        push("user.order", order(quantity="NaN")),
        push("user.trade", trade(side="ODD"), trade("2")),
        push("user.trade", trade(journal_type="ODD")),
        push("user.positions", position("much")),
        {"id": -1, "method": "subscribe", "code": 0, "result": []},
        {"id": -1, "method": "subscribe", "code": 0, "result": {"channel": "user.order", "data": {}}},
    ],
)
def test_what_is_not_wholly_readable_is_told_and_asks_for_a_look(message: Any) -> None:
    decoded = hears(subscribed(), message)
    assert any(isinstance(fact, Unrecognised) for fact in decoded.facts)
    assert len(looks(decoded)) == 1


def test_looks_are_asked_for_once_in_five_seconds() -> None:
    one, odd = subscribed(), push("user.order", order(status="ODD"))
    asked_for = [looks(hears(one, odd, NOW + wait)) for wait in (0, 4_000, 5_000)]
    assert [len(causes) for causes in asked_for] == [1, 0, 1]


def test_garbage_is_told_asks_for_a_look_and_ends_the_session_only_when_there_is_no_end_of_it() -> None:
    one = subscribed()
    first = one.received("\x00", NOW)
    assert [type(fact) for fact in first.facts] == [Unrecognised]
    assert len(looks(first)) == 1
    last = [one.received("[]", NOW + wait) for wait in range(1, 10)][-1]
    assert type(broken(last)) is Unreadable


@given(garbage=st.text())
def test_no_text_makes_a_subscribed_session_raise(garbage: Any) -> None:
    assert isinstance(subscribed().received(garbage, NOW), Decoded)


# -------------------------------------------------------------------- the wallet


def test_the_first_wallet_of_a_socket_is_stated_whole_with_the_time_of_its_receipt() -> None:
    facts = hears(
        subscribed(), push("user.balance", wallet(asset("USD", "5"), asset("CRO", "7"))), NOW + 9
    ).facts
    assert [(fact.asset, fact.total, fact.updated_at) for fact in facts if isinstance(fact, Balance)] == [
        ("USD", Decimal(5), NOW + 9),
        ("CRO", Decimal(7), NOW + 9),
    ]


def test_afterwards_only_what_is_new_in_it_is_stated() -> None:
    one = subscribed()
    hears(one, push("user.balance", wallet(asset("USD", "5"), asset("CRO", "7"))))
    assert hears(one, push("user.balance", wallet(asset("CRO", "7.0"), asset("USD", "5")))) == Decoded()
    changed = hears(
        one, push("user.balance", wallet(asset("USD", "5", max_withdrawal_balance="4"), asset("CRO", "7")))
    )
    (fact,) = changed.facts
    assert isinstance(fact, Balance)
    assert (fact.asset, fact.free, fact.locked) == ("USD", Decimal(4), Decimal(1))


def test_every_socket_begins_with_the_whole_wallet_again() -> None:
    message = push("user.balance", wallet(asset("USD", "5")))
    assert hears(subscribed(), message).facts == hears(subscribed(), message).facts != ()


def test_an_asset_that_is_missing_all_at_once_is_not_zero_but_asks_for_a_look_once() -> None:
    one = subscribed()
    hears(one, push("user.balance", wallet(asset("USD", "5"), asset("CRO", "7"), asset("BTC", "0"))))
    gone = hears(one, push("user.balance", wallet(asset("USD", "5"), asset("BTC", "0"))))
    assert gone.facts == ()
    assert looks(gone) == ["an asset is missing from the wallet"]
    assert hears(one, push("user.balance", wallet(asset("USD", "5"))), NOW + 60_000) == Decoded()


def test_a_wallet_that_is_not_wholly_readable_lacks_nothing() -> None:
    one = subscribed()
    hears(one, push("user.balance", wallet(asset("USD", "5"), asset("CRO", "7"))))
    odd = hears(one, push("user.balance", wallet(asset("USD", "6"), asset("CRO", "much"))))
    assert [fact.asset for fact in odd.facts if isinstance(fact, Balance)] == ["USD"]
    assert looks(odd) == ["user.balance is not wholly readable"]
    assert looks(hears(one, push("user.balance", wallet(asset("USD", "6"))), NOW + 60_000)) == [
        "an asset is missing from the wallet"
    ]


# ------------------------------------------------------------------------ never


def test_nothing_here_could_ever_arm_a_cancel_of_all_orders() -> None:
    """Once armed, even an unsubscribe cancels: a watcher must not so much as name it."""
    folder = Path(exchanges.cryptocom.__file__).parent
    source = "".join(file.read_text() for file in folder.glob("*.py"))
    assert len(source) > 10_000
    assert not re.search(r"cancel.?on.?disconnect|cancel.?all|unsubscribe", source, re.IGNORECASE)


@given(data=st.data())
def test_whatever_it_is_told_it_sends_nothing_but_three_methods(data: Any) -> None:
    one = fresh()
    sent = [signal for signal in one.opened(NOW) if isinstance(signal, Send)]
    messages = [
        {"id": data.draw(st.integers(-1, 9)), "method": data.draw(st.sampled_from(METHODS)), "code": 0}
        for _ in range(8)
    ]
    for message in messages:
        sent += [signal for signal in hears(one, message).signals if isinstance(signal, Send)]
    methods = {json.loads(signal.text)["method"] for signal in sent}
    assert methods <= {"public/auth", "subscribe", "public/respond-heartbeat"}


METHODS = ["public/auth", "subscribe", "public/heartbeat", "private/create-order", "unsubscribe", "ERROR"]

"""How a listen key is asked for, prolonged and used; and what its calls' refusals mean."""

from typing import Any

import pytest

from core.errors import (
    BadRequest,
    FatalError,
    KeyGone,
    LinkError,
    ProtocolChanged,
    RateLimited,
    UnknownOutcome,
    Unreadable,
)
from core.wire import Call
from exchanges.base import Endpoints, KeyedSession, Known, ManyWays, Reached
from exchanges.binance.ws_api import ApiStream
from exchanges.binance_us import BinanceUs
from exchanges.binance_us.listen_key import KEY_LIFE, PATH, ListenKeyStream
from tests.exchanges.kit import CREDENTIALS, SECRET, drive, reply

NOW = 1_790_000_000_000
US = BinanceUs()
HERE = Endpoints("http://h", "ws://h/ws", ws_api="ws://h/ws-api/v3")
HTML = b"<html><h1>410 Gone</h1></html>"
POST, PUT = Call("POST", PATH, auth="key"), Call("PUT", PATH, (("listenKey", "k"),), auth="key")


def refused(status: int, body: Any = HTML, call: Call = POST) -> Any:
    return US.rest(CREDENTIALS, HERE).classify(call, reply(body, status=status, at=NOW))


# ------------------------------------------------------------------------ the calls


def test_a_key_is_asked_for_without_a_single_parameter() -> None:
    key, calls = drive(ListenKeyStream("ws://h/ws").open_key(), lambda call: {"listenKey": "abc"})
    assert key == "abc"
    assert calls == [POST]


def test_a_key_is_prolonged_with_nothing_but_itself() -> None:
    answer, calls = drive(ListenKeyStream("ws://h/ws").renew_key("k"), lambda call: {})
    assert answer is None
    assert calls == [PUT]


@pytest.mark.parametrize(("call", "target"), [(POST, PATH), (PUT, f"{PATH}?listenKey=k")])
def test_the_api_key_is_all_the_authentication(call: Call, target: str) -> None:
    """Stamps and signatures are what the exchange refuses with -1101."""
    wire = US.rest(CREDENTIALS, HERE).sign(call, NOW)
    assert (wire.method, wire.target, wire.body) == (call.method, target, None)
    assert wire.headers == (("X-MBX-APIKEY", CREDENTIALS.api_key),)
    assert SECRET not in repr(wire)


def test_a_key_whose_answer_was_lost_may_be_asked_for_again() -> None:
    def lost(_: Call) -> Any:
        return UnknownOutcome("the answer is lost")

    for plan in (ListenKeyStream("ws://h/ws").open_key(), ListenKeyStream("ws://h/ws").renew_key("k")):
        with pytest.raises(LinkError):
            drive(plan, lost)


@pytest.mark.parametrize("body", [b"", HTML, {}, [], {"listenKey": ""}, {"listenKey": 7}])
def test_an_answer_without_a_key_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        drive(ListenKeyStream("ws://h/ws").open_key(), lambda call: reply(body))


# -------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("call", [POST, PUT])
@pytest.mark.parametrize("status", [400, 401, 404, 405, 410])
def test_a_page_in_place_of_an_answer_means_that_listen_keys_have_ended(call: Call, status: int) -> None:
    assert isinstance(refused(status, call=call), ProtocolChanged)


@pytest.mark.parametrize("status", [404, 410])
def test_gone_is_gone_with_a_code_too(status: int) -> None:
    assert isinstance(refused(status, {"code": -1000, "msg": "gone"}), ProtocolChanged)


@pytest.mark.parametrize("status", [403, 418, 429])
def test_what_speaks_of_our_pace_is_no_end_of_listen_keys(status: int) -> None:
    assert isinstance(refused(status), RateLimited)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, -1125, KeyGone),
        (400, -1101, BadRequest),
        (401, -2015, FatalError),
        (401, -2014, FatalError),
        (429, -1003, RateLimited),
    ],
)
def test_a_code_says_what_it_always_says(status: int, code: int, kind: type[Exception]) -> None:
    assert type(refused(status, {"code": code, "msg": "text"}, PUT)) is kind


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_in_trouble_is_tried_again(status: int) -> None:
    error = refused(status)
    assert isinstance(error, LinkError)
    assert not isinstance(error, ProtocolChanged | KeyGone)


def test_other_paths_are_judged_as_on_com() -> None:
    read = Call("GET", "/api/v3/account", auth="signed")
    assert isinstance(refused(404, call=read), ProtocolChanged)
    assert isinstance(refused(400, call=read), LinkError)


# ------------------------------------------------------------------------ the session


@pytest.mark.parametrize(
    ("base", "url"), [("ws://h/ws", "ws://h/ws/a%2Fb"), ("ws://h/stream", "ws://h/stream?streams=a%2Fb")]
)
def test_the_key_completes_the_address(base: str, url: str) -> None:
    session = ListenKeyStream(base)
    assert session.url == base
    session.enter("a/b")
    assert session.url == url


def test_a_session_is_subscribed_when_its_socket_is_open() -> None:
    session = US.stream(CREDENTIALS, HERE, "listen_key")
    assert isinstance(session, KeyedSession)
    assert session.opened(NOW) == (Reached("subscribed"),)
    assert session.key_life == KEY_LIFE == 3600


def test_the_second_way_is_the_signature_subscription_at_its_own_address() -> None:
    session = US.stream(CREDENTIALS, HERE, "ws_api")
    assert isinstance(session, ApiStream)
    assert not isinstance(session, KeyedSession)
    assert session.url == HERE.ws_api


@pytest.mark.parametrize(
    ("chosen", "ws", "ws_api", "flows"),
    [
        ("auto", "ws://h/ws", "ws://h/api", ("listen_key", "ws_api")),
        ("auto", "ws://h/ws", "", ("listen_key",)),
        ("auto", "", "ws://h/api", ("ws_api",)),
        ("auto", "", "", ("listen_key",)),
        ("listen_key", "ws://h/ws", "ws://h/api", ("listen_key",)),
        ("ws_api", "ws://h/ws", "ws://h/api", ("ws_api",)),
    ],
)
def test_the_ways_are_those_that_the_settings_allow(chosen: str, ws: str, ws_api: str, flows: Any) -> None:
    assert isinstance(US, ManyWays)
    assert US.flows(Endpoints("http://h", ws, ws_api=ws_api), chosen) == flows


# ----------------------------------------------------------------- the rest of its REST


def test_parameters_that_binance_us_does_not_know_are_not_sent() -> None:
    def server(call: Call) -> Any:
        assert "omitZeroBalances" not in dict(call.params)
        assert "Allocations" not in call.path
        return {"balances": []} if call.path.endswith("account") else []

    drive(US.rest(CREDENTIALS, HERE).sync(Known(since=NOW - 60_000, now=NOW, balances={})), server, at=NOW)


def test_a_key_of_which_the_exchange_says_nothing_cannot_be_verified() -> None:
    told, _ = drive(US.rest(CREDENTIALS, HERE).permissions(), lambda call: ProtocolChanged("HTTP 404"))
    assert told.can_withdraw is None
    assert "cannot be verified" in told.note

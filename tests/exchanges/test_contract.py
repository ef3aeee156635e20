"""What every exchange of the registry promises; a new one is tested without another line here.

Its recorded frames stand in frames/<name>/*.json: what came (`frame`), the facts
that it states, and the names of the signals that it gives.
"""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FatalError, LinkError, ProtocolChanged, RateLimited, UnknownOutcome, VigilError
from core.facts import Balance, Fact, Unrecognised
from core.wire import Call
from exchanges.base import BalancesAlone, Credentials, Decoded, HeldOrder, Known, Reached, Send
from exchanges.registry import REGISTRY
from tests.exchanges.kit import CREDENTIALS, SECRET, drive, recorded, reply, text

NOW = 1_790_000_000_000
NAMES = sorted(REGISTRY)
FRAMES = [(name, *frame) for name in NAMES for frame in recorded(name)]
KNOWN = Known(since=NOW - 60_000, now=NOW, balances={})
HTML = b"<html><body><h1>Gone</h1></body></html>"

every_exchange = pytest.mark.parametrize("name", NAMES)
every_frame = pytest.mark.parametrize(
    ("name", "file", "record"), FRAMES, ids=[f"{name}/{file}" for name, file, _ in FRAMES]
)


def session(name: Any) -> Any:
    exchange = REGISTRY[name]
    return exchange.stream(CREDENTIALS, exchange.defaults.endpoints, "auto")


def rest(name: Any) -> Any:
    exchange = REGISTRY[name]
    return exchange.rest(CREDENTIALS, exchange.defaults.endpoints)


def first_call(plan: Any) -> Call:
    call = next(plan)
    plan.close()
    return call


# ------------------------------------------------------------------- the registry


@every_exchange
def test_an_exchange_is_found_by_its_own_name_and_has_recorded_frames(name: Any) -> None:
    assert REGISTRY[name].name == name
    assert recorded(name)


@every_exchange
def test_the_defaults_lead_to_the_exchange_over_encrypted_lines(name: Any) -> None:
    defaults = REGISTRY[name].defaults
    assert defaults.endpoints.rest.startswith("https://")
    assert defaults.endpoints.ws.startswith("wss://")
    assert 0 < defaults.heartbeat < defaults.stale_after
    assert defaults.weight_per_minute > 0


@every_exchange
def test_credentials_that_cannot_sign_are_a_fatal_error(name: Any) -> None:
    exchange = REGISTRY[name]
    with pytest.raises(FatalError):
        exchange.rest(Credentials("key"), exchange.defaults.endpoints)


# --------------------------------------------------------------------- the stream


@every_frame
def test_a_recorded_frame_means_exactly_its_facts(name: Any, file: Any, record: Any) -> None:
    decoded = session(name).received(text(record["frame"]), NOW)
    assert list(decoded.facts) == msgspec.convert(record["facts"], list[Fact])
    assert [type(signal).__name__ for signal in decoded.signals] == record["signals"]


@every_frame
def test_a_frame_that_comes_twice_states_the_same_facts(name: Any, file: Any, record: Any) -> None:
    """But for balances, which a session need not repeat as long as they are as it stated them."""
    stream = session(name)
    once, twice = (known_facts(stream.received(text(record["frame"]), NOW)) for _ in range(2))
    assert [fact for fact in once if fact in twice or not isinstance(fact, Balance)] == twice


def known_facts(decoded: Any) -> list[Fact]:
    """Without what is odd, which may be told once only."""
    return [fact for fact in decoded.facts if not isinstance(fact, Unrecognised)]


@every_frame
def test_spaces_and_the_order_of_the_keys_mean_nothing(name: Any, file: Any, record: Any) -> None:
    shuffled = json.dumps(record["frame"], indent=2, sort_keys=True)
    assert (
        session(name).received(shuffled, NOW).facts
        == session(name).received(text(record["frame"]), NOW).facts
    )


@every_exchange
def test_a_session_that_asks_is_not_subscribed_before_it_is_answered(name: Any) -> None:
    signals = session(name).opened(NOW)
    asks = any(isinstance(signal, Send) for signal in signals)
    assert asks != (Reached("subscribed") in signals)


@every_exchange
def test_what_is_sent_does_not_hold_the_secret(name: Any) -> None:
    sent = [signal.text for signal in session(name).opened(NOW) if isinstance(signal, Send)]
    assert not any(SECRET in frame for frame in sent)


@every_exchange
def test_a_session_gives_its_subscription_a_limited_time(name: Any) -> None:
    assert 0 < session(name).subscribe_timeout <= 15


@every_exchange
@given(garbage=st.text())
def test_no_text_makes_a_session_raise(name: Any, garbage: Any) -> None:
    assert isinstance(session(name).received(garbage, NOW), Decoded)


VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({})
)


def every_path(value: Any, path: Any = ()) -> Any:
    """The ways to every value inside a frame."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from every_path(child, (*path, key))


def replaced(value: Any, path: Any, new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


@every_exchange
@given(data=st.data())
def test_no_change_of_any_value_makes_a_session_raise(name: Any, data: Any) -> None:
    _, record = data.draw(st.sampled_from(recorded(name)))
    path = data.draw(st.sampled_from(list(every_path(record["frame"]))))
    frame = replaced(record["frame"], path, data.draw(VALUES))
    assert isinstance(session(name).received(text(frame), NOW), Decoded)


# ----------------------------------------------------------------------- the REST


@every_exchange
def test_a_signed_call_shows_the_key_and_never_the_secret(name: Any) -> None:
    wire = rest(name).sign(first_call(rest(name).sync(KNOWN)), NOW)
    everything = f"{wire.target}{wire.headers}{wire.body!r}"
    assert SECRET not in everything
    assert CREDENTIALS.api_key in everything


@every_exchange
def test_plans_begin_with_calls_that_have_a_price(name: Any) -> None:
    held = HeldOrder("spot", "BTCUSDT", "1")
    dialect = rest(name)
    for plan in (dialect.clock(), dialect.sync(KNOWN), dialect.order(held), dialect.permissions()):
        assert first_call(plan).weight >= 1
    assert first_call(dialect.clock()).auth == "none"
    assert first_call(dialect.sync(KNOWN)).auth == "signed"


READ = Call("GET", "/somewhere", auth="signed")
WRITE = Call("POST", "/somewhere", auth="signed")


@every_exchange
@pytest.mark.parametrize(
    ("call", "status", "body", "kind"),
    [
        (READ, 500, b"", LinkError),
        (READ, 502, HTML, LinkError),
        (WRITE, 502, HTML, UnknownOutcome),
        (READ, 404, HTML, ProtocolChanged),
        (READ, 410, HTML, ProtocolChanged),
        (READ, 429, b"", RateLimited),
        (READ, 403, HTML, RateLimited),
    ],
)
def test_a_gateway_that_answers_without_the_exchange_is_understood(
    name: Any, call: Any, status: Any, body: Any, kind: Any
) -> None:
    error = rest(name).classify(call, reply(body, status=status, at=NOW))
    assert isinstance(error, kind)


@every_exchange
@given(status=st.integers(100, 599), body=st.binary(max_size=40))
def test_no_reply_makes_a_dialect_raise(name: Any, status: Any, body: Any) -> None:
    answer = reply(body, status=status, at=NOW)
    for call in (READ, WRITE):
        error = rest(name).classify(call, answer)
        assert error is None or isinstance(error, VigilError)
    assert rest(name).used_weight(answer) is None


@every_exchange
@pytest.mark.parametrize("body", [b"", HTML, b"null", b"[]", b"{}", b"7", b'"text"', b'{"result":{}}'])
def test_a_sync_of_nonsense_is_an_error_and_never_an_empty_account(name: Any, body: Any) -> None:
    with pytest.raises(VigilError):
        drive(rest(name).sync(KNOWN), lambda call: reply(body, at=NOW))


SHOWING_BALANCES = [name for name in NAMES if isinstance(rest(name), BalancesAlone)]


@pytest.mark.parametrize("name", SHOWING_BALANCES)
@pytest.mark.parametrize("body", [b"", HTML, b"null", b"[]", b"{}", b"7", b'"text"', b'{"result":{}}'])
def test_balances_alone_are_one_signed_call_of_which_nonsense_is_never_an_empty_account(
    name: Any, body: Any
) -> None:
    call = first_call(rest(name).balances({}))
    assert (call.auth, call.weight >= 1) == ("signed", True)
    with pytest.raises(VigilError):
        drive(rest(name).balances({"BTC": Decimal(1)}), lambda call: reply(body, at=NOW))

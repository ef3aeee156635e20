"""What every exchange of the registry promises that can be traded at; a new one is tested without a line here.

The promise that matters most stands first: nothing here places an order twice.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import (
    ClockError,
    DuplicateOrder,
    FatalError,
    LinkError,
    ProtocolChanged,
    RateLimited,
    Rejected,
    UnknownOutcome,
    Unreadable,
    VigilError,
)
from core.intents import Cancellation, Placement
from core.wire import Call, Reply
from exchanges.base import Reached, Send
from exchanges.registry import REGISTRY
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    Duplicate,
    NotOpen,
    Quoted,
    Refused,
    Sought,
    TradingExchange,
    Unheard,
    Unsure,
)
from tests.exchanges.kit import CREDENTIALS, SECRET, drive, reply

NOW = 1_790_000_000_000
NAMES = sorted(name for name, exchange in REGISTRY.items() if isinstance(exchange, TradingExchange))
HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"
NONSENSE = [b"", HTML, b"null", b"[]", b"{}", b"7", b'"text"', b'{"result":{}}', b"[[]]", b'[{"symbol":1}]']

every_exchange = pytest.mark.parametrize("name", NAMES)
nonsense = pytest.mark.parametrize("body", NONSENSE)


def exchange(name: str) -> TradingExchange:
    one = REGISTRY[name]
    assert isinstance(one, TradingExchange)
    return one


def rest(name: str) -> Any:
    return exchange(name).rest(CREDENTIALS, exchange(name).defaults.endpoints)


def trading(name: str) -> Any:
    return exchange(name).trading(rest(name))


def order(name: str, **changes: Any) -> Placement:
    wanted: dict[str, Any] = {
        "account": "main", "category": exchange(name).trades[0], "symbol": "BTCUSDT", "side": "sell",
        "quantity": Decimal("1E-7"), "price": Decimal("12E+3"), "client_order_id": "vt-1",
    }  # fmt: skip
    return Placement(**wanted | changes)


def cancellation(name: str) -> Cancellation:
    return Cancellation(
        account="main", category=exchange(name).trades[0], symbol="BTCUSDT", client_order_id="vt-1"
    )


def answered(name: str, plan: Any, status: int, body: bytes) -> tuple[Any, list[Call]]:
    """A plan of which every call is answered alike, as its own dialect classifies that."""

    def server(call: Call) -> Reply | VigilError:
        answer = reply(body, status=status, at=NOW)
        return rest(name).classify(call, answer) or answer

    return drive(plan, server, at=NOW)


def test_the_four_exchanges_can_be_traded_at() -> None:
    assert NAMES == ["binance", "binance_us", "bybit", "cryptocom"]


# -------------------------------------------------------------- an order, once

OUTCOMES = [
    (UnknownOutcome("timeout"), Unsure), (LinkError("reset"), Unsure), (Unreadable("?"), Unsure),
    (RateLimited("429", retry_after=1.0), Unheard), (ClockError("late"), Unheard), (FatalError("key"), Unheard),
    (ProtocolChanged("410"), Unheard), (Rejected("no", "price"), Refused), (DuplicateOrder("again"), Duplicate),
]  # fmt: skip


@every_exchange
@pytest.mark.parametrize(("error", "outcome"), OUTCOMES)
def test_whatever_comes_of_an_order_it_is_sent_once(name: str, error: VigilError, outcome: type) -> None:
    placed, made = drive(trading(name).place(order(name)), lambda call: error)
    assert isinstance(placed, outcome)
    assert [call.method for call in made] == ["POST"]


@every_exchange
@given(status=st.integers(100, 599), body=st.binary(max_size=60))
def test_no_reply_makes_an_order_be_sent_twice_or_a_plan_raise(name: str, status: int, body: bytes) -> None:
    placed, made = answered(name, trading(name).place(order(name)), status, body)
    assert isinstance(placed, Accepted | Refused | Unheard | Duplicate | Unsure)
    assert [call.method for call in made].count("POST") == 1
    cancelled, made = answered(name, trading(name).cancel(cancellation(name)), status, body)
    assert isinstance(cancelled, CancelTaken | NotOpen | Refused | Unheard | Unsure)
    assert sum(call.method != "GET" for call in made) == 1


@every_exchange
@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", HTML, b"{}"])
def test_a_server_that_fails_leaves_it_open_whether_there_is_an_order(
    name: str, status: int, body: bytes
) -> None:
    assert isinstance(answered(name, trading(name).place(order(name)), status, body)[0], Unsure)
    assert isinstance(answered(name, trading(name).cancel(cancellation(name)), status, body)[0], Unsure)


@every_exchange
@nonsense
def test_an_answer_that_names_no_order_is_neither_an_order_nor_a_cancel(name: str, body: bytes) -> None:
    assert isinstance(answered(name, trading(name).place(order(name)), 200, body)[0], Unsure)
    assert isinstance(answered(name, trading(name).cancel(cancellation(name)), 200, body)[0], Unsure)


@every_exchange
def test_a_gateway_that_asks_to_slow_down_was_before_the_exchange(name: str) -> None:
    placed, _ = answered(name, trading(name).place(order(name)), 429, b"")
    assert isinstance(placed, Unheard)
    assert isinstance(placed.error, RateLimited)


@every_exchange
def test_an_order_carries_our_id_and_its_amounts_in_plain_digits(name: str) -> None:
    call = next(trading(name).place(order(name)))
    sent = f"{call.params}{call.body!r}"
    assert "vt-1" in sent
    assert "0.0000001" in sent
    assert "12000" in sent
    assert "E" not in sent.replace("SELL", "").replace("LIMIT_MAKER", "").replace("RESULT", "").replace(
        "GOOD_TILL_CANCEL", ""
    )


@every_exchange
def test_an_order_is_signed_and_never_shows_the_secret(name: str) -> None:
    for plan in (trading(name).place(order(name)), trading(name).cancel(cancellation(name))):
        call = next(plan)
        assert (call.auth, call.method != "GET", call.weight >= 1) == ("signed", True, True)
        wire = rest(name).sign(call, NOW)
        assert SECRET not in f"{wire.target}{wire.headers}{wire.body!r}"


@every_exchange
@pytest.mark.parametrize("changes", [{"category": "none"}, {"client_order_id": ""}, {"price": None}])
def test_an_order_that_cannot_be_asked_for_or_found_again_is_not_even_tried(name: str, changes: Any) -> None:
    with pytest.raises(ValueError, match=r"category|client order id|market"):
        next(trading(name).place(order(name, **changes)))


@every_exchange
def test_every_category_that_is_offered_can_be_asked_for(name: str) -> None:
    for category in exchange(name).trades:
        assert next(trading(name).place(order(name, category=category))).method == "POST"
        assert next(trading(name).instruments(category, ("BTCUSDT",))).method == "GET"


# --------------------------------------------------------------------- finding


@every_exchange
def test_the_rule_of_absence_is_in_order_and_says_its_reason(name: str) -> None:
    absence = trading(name).absence
    assert list(absence.ask_after) == sorted(set(absence.ask_after))
    assert absence.ask_after[0] >= 0.5
    assert absence.ask_after[-1] < absence.proven_after
    assert absence.proven_after >= 10
    assert absence.shown_for is None or absence.shown_for > 86_400
    assert absence.because


@every_exchange
@nonsense
def test_an_answer_that_cannot_be_read_is_never_an_absence(name: str, body: bytes) -> None:
    sought = Sought(exchange(name).trades[0], "BTCUSDT", "vt-1", NOW - 1_000_000)
    try:
        lookup, _ = answered(name, trading(name).find(sought, NOW), 200, body)
    except VigilError:
        return
    assert not isinstance(lookup, Absent)


# --------------------------------------------- instruments, fees, prices: reading


def readings(name: str) -> list[Any]:
    one, category = trading(name), exchange(name).trades[0]
    return [
        one.instruments(category, ("BTCUSDT",)),
        one.fee_rates(category, "BTCUSDT"),
        one.quote(category, "BTCUSDT"),
    ]


@every_exchange
@nonsense
def test_nonsense_is_an_error_and_never_an_empty_answer(name: str, body: bytes) -> None:
    for plan in readings(name):
        with pytest.raises(VigilError):
            answered(name, plan, 200, body)


@every_exchange
def test_prices_and_instruments_need_no_key_and_fees_do(name: str) -> None:
    instruments, fees, quote = (next(plan) for plan in readings(name))
    assert (instruments.auth, fees.auth, quote.auth) == ("none", "signed", "none")
    assert {call.method for call in (instruments, fees, quote)} == {"GET"}


@every_exchange
def test_another_category_is_a_mistake_of_the_caller(name: str) -> None:
    one = trading(name)
    for plan in (one.instruments("none", ("X",)), one.fee_rates("none", "X"), one.quote("none", "X")):
        with pytest.raises(ValueError, match="category"):
            next(plan)


# ------------------------------------------------------------------- the stream


def session(name: str, *symbols: str) -> Any:
    one = exchange(name)
    return one.quotes(one.defaults.endpoints, one.trades[0], symbols or ("BTCUSDT",))


@every_exchange
def test_a_quote_session_has_an_encrypted_address_and_a_limited_time(name: str) -> None:
    assert session(name).url.startswith("wss://")
    assert 0 < session(name).subscribe_timeout <= 30


@every_exchange
def test_it_asks_and_is_not_subscribed_before_it_is_answered(name: str) -> None:
    signals = session(name).opened(NOW)
    assert signals[0] == Reached("subscribing")
    assert any(isinstance(signal, Send) for signal in signals)
    assert Reached("subscribed") not in signals


@every_exchange
def test_what_is_sent_holds_no_secret_for_there_is_none(name: str) -> None:
    texts = [signal.text for signal in session(name).opened(NOW) if isinstance(signal, Send)]
    assert all(SECRET not in text and CREDENTIALS.api_key not in text for text in texts)


@every_exchange
def test_no_session_is_made_for_no_symbols_or_for_too_many(name: str) -> None:
    one = exchange(name)
    for symbols in ([], [f"A{number}" for number in range(one.quotes_at_once + 1)]):
        with pytest.raises(ValueError, match="symbols"):
            one.quotes(one.defaults.endpoints, one.trades[0], symbols)
    most = [f"A{number}" for number in range(one.quotes_at_once)]
    assert one.quotes(one.defaults.endpoints, one.trades[0], most)


@every_exchange
@given(garbage=st.text() | st.dictionaries(st.text(max_size=8), st.integers() | st.text()).map(str))
def test_no_text_makes_a_quote_session_raise(name: str, garbage: str) -> None:
    assert isinstance(session(name).received(garbage, NOW), Quoted)

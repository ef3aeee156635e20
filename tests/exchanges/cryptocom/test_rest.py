"""One account's REST: what is sent, what a reply means, and the plans about one thing."""

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import (
    BadRequest,
    ClockError,
    FatalError,
    LinkError,
    NotFound,
    RateLimited,
    Rejected,
    UnknownOutcome,
    Unreadable,
)
from core.facts import Fill, OrderState
from core.wire import Call
from exchanges.base import Complete, Credentials, HeldOrder
from exchanges.cryptocom import Cryptocom, calls
from exchanges.cryptocom.errors import DoubtfulOrder
from exchanges.cryptocom.rest import CryptocomRest
from exchanges.cryptocom.sign import Signer, written
from tests.exchanges.cryptocom.messages import MS, NOW, order, recorded, trade
from tests.exchanges.cryptocom.server import Server
from tests.exchanges.kit import CREDENTIALS, SECRET, drive, reply, vectors

PLACE = Call("POST", "/exchange/v1/private/create-order", auth="signed")
CANCEL = Call("POST", "/exchange/v1/private/cancel-order", auth="signed")
READ = calls.WALLET
HOUR = 3_600_000
DAY = 24 * HOUR


def dialect(credentials: Credentials = CREDENTIALS) -> CryptocomRest:
    return CryptocomRest(Signer(credentials))


# --------------------------------------------------------------------------- sending


def test_a_signed_call_is_a_post_of_one_json_object_whose_bytes_were_signed() -> None:
    call = calls.trades_in("BTC_USDT", 1_699_900_000_000_000_000, 1_700_000_000_000_000_000)
    wire = dialect().sign(call, NOW)
    assert (wire.method, wire.target) == ("POST", "/exchange/v1/private/get-trades")
    assert wire.headers == (("Content-Type", "application/json"),)
    said = json.loads(wire.body or b"")
    assert said["params"] == {
        "instrument_name": "BTC_USDT",
        "start_time": "1699900000000000000",
        "end_time": "1700000000000000000",
        "limit": "100",
    }
    payload = f"private/get-trades{said['id']}{CREDENTIALS.api_key}{written(said['params'])}{said['nonce']}"
    assert said["sig"] == hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    assert (said["method"], said["nonce"]) == ("private/get-trades", NOW)


@pytest.mark.parametrize(
    "vector",
    [
        one
        for one in vectors("cryptocom_signing")["vectors"]
        if one["id"] == 1 or one["method"] != "public/auth"
    ],
    ids=lambda vector: vector["name"],
)
def test_every_vector_goes_through_a_call_with_its_lists_and_objects(vector: Any) -> None:
    one = dialect(Credentials(vector["api_key"], vector["secret"]))
    if vector["method"] == "public/auth":
        vector = {**vector, "params": {}}
    body = json.dumps(vector["params"]).encode()
    call = Call("POST", f"/exchange/v1/{vector['method']}", auth="signed", body=body)
    one._numbers = iter([vector["id"]])  # type: ignore[assignment]
    said = json.loads(one.sign(call, vector["nonce"]).body or b"")
    assert (said["sig"], said["params"]) == (vector["sig"], vector["params"])


def test_a_method_without_parameters_sends_an_empty_object() -> None:
    assert json.loads(dialect().sign(calls.OPEN_ORDERS, NOW).body or b"")["params"] == {}


def test_no_two_requests_are_the_same_even_within_a_millisecond() -> None:
    one = dialect()
    bodies = {one.sign(READ, NOW).body for _ in range(5)}
    assert len(bodies) == 5


def test_a_number_in_the_parameters_is_a_string() -> None:
    made = (calls.trades(1, 2), calls.orders(1, None), calls.journal(1, 2), calls.latest_orders("A_B"))
    assert all(isinstance(value, str) for call in made for _, value in call.params)


def test_a_public_call_is_a_get_without_a_key() -> None:
    wire = dialect().sign(calls.TICKER, NOW)
    assert (wire.method, wire.headers, wire.body) == ("GET", (), None)
    assert wire.target == "/exchange/v1/public/get-tickers?instrument_name=BTC_USD"


# ------------------------------------------------------------------------ classifying


def classified(call: Any, body: Any, status: int = 200, headers: Any = None) -> Any:
    return dialect().classify(call, reply(body, status=status, headers=headers, at=NOW))


@pytest.mark.parametrize("code", [0, "0", None])
def test_code_zero_is_good_however_it_is_written(code: Any) -> None:
    assert classified(READ, {"id": 1, "code": code, "result": {}}) is None
    assert classified(READ, {"id": 1, "result": {}}) is None


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("error_unauthorized_40101", 401, FatalError),
        ("error_invalid_nonce_40102", 400, ClockError),
        ("error_rate_limited_42901", 429, RateLimited),
        ("error_timeout_40801", 408, LinkError),
        ("error_internal_50001", 500, LinkError),
        ("error_maintenance_9010001", 500, RateLimited),
        ("get_order_detail_not_found", 200, NotFound),
    ],
)
def test_every_documented_error_of_a_read_is_understood(name: Any, status: Any, kind: Any) -> None:
    assert type(classified(READ, recorded(name), status)) is kind
    assert type(classified(READ, recorded(name), 200)) is kind  # the code decides, not the status


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("create_order_error_213_no_result", Rejected),
        ("create_order_error_314_with_result", DoubtfulOrder),
        ("create_order_error_315_with_result", DoubtfulOrder),
        ("create_order_error_325_with_result", DoubtfulOrder),
        ("create_order_error_415_with_result", DoubtfulOrder),
        ("amend_order_error_306_with_result", DoubtfulOrder),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_that_names_an_order_has_to_be_asked_about(name: Any, status: Any, kind: Any) -> None:
    assert type(classified(PLACE, recorded(name), status)) is kind


@pytest.mark.parametrize("name", ["error_timeout_40801", "error_internal_50001", "error_maintenance_9010001"])
def test_a_write_that_may_have_been_carried_out_is_an_open_outcome(name: Any) -> None:
    assert type(classified(PLACE, recorded(name), 500)) is UnknownOutcome
    assert type(classified(CANCEL, b"<html>", 502)) is UnknownOutcome


def test_an_error_repeats_neither_the_request_nor_its_signature() -> None:
    error = classified(READ, {"code": 40101, "message": "UNAUTHORIZED", "original": '{"sig":"abc"}'}, 401)
    assert "abc" not in str(error)
    without_text = classified(READ, {"code": 40101, "original": '{"sig":"abc"}'}, 401)
    assert "abc" not in str(without_text)


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    error = classified(READ, recorded("error_rate_limited_42901"), 429, {"retry-after": "9"})
    assert error.retry_after == 9


@pytest.mark.parametrize("code", [True, 1.5, [], {}, "x", "-1", ""])
def test_a_code_that_is_none_leaves_it_to_the_status(code: Any) -> None:
    assert classified(READ, {"code": code}) is None
    assert type(classified(READ, {"code": code}, 500)) is LinkError


def test_nothing_is_weighed_here() -> None:
    assert dialect().used_weight(reply({}, headers={"x-mbx-used-weight-1m": "5"})) is None


# ----------------------------------------------------------------------------- clock


def clock(body: Any, **headers: str) -> int:
    value, made = drive(dialect().clock(), lambda call: reply(body, headers=headers))
    assert [call.auth for call in made] == ["none"]
    return int(value)


def ticker(time: Any) -> dict[str, Any]:
    return {"id": -1, "code": 0, "result": {"data": [{"i": "BTC_USDT", "t": time}]}}


DATE = "Fri, 20 Nov 2026 13:00:00 GMT"
DATE_MS = 1_795_179_600_000


@pytest.mark.parametrize(
    ("time", "date", "told"),
    [
        (DATE_MS + 800, DATE, DATE_MS + 800),
        (str(DATE_MS + 800), DATE, DATE_MS + 800),
        (DATE_MS - 90_000, DATE, DATE_MS + 500),
        (DATE_MS + 100, DATE, DATE_MS + 500),
        (DATE_MS + 100, "", DATE_MS + 100),
        (DATE_MS + 100, "yesterday", DATE_MS + 100),
        (None, DATE, DATE_MS + 500),
        ([], DATE, DATE_MS + 500),
    ],
)
def test_the_later_of_the_date_and_the_ticker_is_the_time(time: Any, date: Any, told: Any) -> None:
    assert clock(ticker(time), date=date) == told


@pytest.mark.parametrize("body", [b"", b"<html>", [], {"result": []}, {"result": {"data": {}}}])
def test_the_date_alone_will_do(body: Any) -> None:
    assert clock(body, date=DATE) == DATE_MS + 500


def test_the_documented_ticker_tells_the_time() -> None:
    assert clock(recorded("get_tickers_response")) > 1_600_000_000_000


@pytest.mark.parametrize("error", [BadRequest("40004"), NotFound("40401")])
def test_where_the_one_instrument_is_not_traded_all_are_asked_for_their_time(error: Any) -> None:
    def answering(call: Call) -> Any:
        return error if call.params else reply(ticker(DATE_MS))

    told, made = drive(dialect().clock(), answering)
    assert (told, made) == (DATE_MS, [calls.TICKER, calls.TICKERS])


def test_without_either_there_is_no_time() -> None:
    with pytest.raises(Unreadable):
        clock(ticker(0))


# --------------------------------------------------------------------------- one order


def ask(server: Any, held: HeldOrder) -> Complete:
    answer, _ = drive(dialect().order(held), server, at=NOW)
    assert isinstance(answer, Complete)
    return answer


def held(order_id: str = "1", client_id: str | None = None, **values: Any) -> HeldOrder:
    return HeldOrder("spot", "LTC_USDT", order_id, client_id, **values)


def facts(answer: Complete) -> tuple[list[str], list[str]]:
    states: list[str] = [fact.status for fact in answer.facts if isinstance(fact, OrderState)]
    return states, [fact.trade_id for fact in answer.facts if isinstance(fact, Fill)]


def test_an_order_without_fills_is_one_call() -> None:
    server = Server()
    server.open = [order("1")]
    answer = ask(server, held())
    assert facts(answer) == (["open"], [])
    assert (server.seen, answer.as_of) == (["get-order-detail"], NOW)


def test_an_order_comes_with_its_own_fills_and_no_others() -> None:
    server = Server()
    server.ended = [order("1", status="FILLED", cumulative_quantity="0.08", update_time=NOW - 2_000)]
    server.trades = [
        trade("a", "1"),
        trade("b", "1"),
        trade("c", "2"),
        trade("d", "1", instrument_name="X_Y"),
    ]
    assert facts(ask(server, held())) == (["filled"], ["a", "b"])
    call = server.calls[-1]
    assert dict(call.params)["instrument_name"] == "LTC_USDT"


def test_fills_that_the_ledger_has_are_not_asked_for_again() -> None:
    server = Server()
    server.ended = [order("1", status="CANCELED", cumulative_quantity="0.04")]
    ask(server, held(filled=Decimal("0.04")))
    assert server.seen == ["get-order-detail"]


def test_fills_of_an_order_that_ended_long_ago_are_sought_where_it_ended() -> None:
    server = Server()
    ended = NOW - 30 * DAY
    server.ended = [
        order(
            "1", status="FILLED", cumulative_quantity="0.04", create_time=ended - 9 * DAY, update_time=ended
        )
    ]
    server.trades = [trade("a", "1", at=ended * MS + 5)]
    server.trades += [trade(f"later {n}", "2", at=(ended + HOUR + n) * MS) for n in range(150)]
    assert facts(ask(server, held())) == (["filled"], ["a"])
    assert server.count("get-trades") == 1


def test_the_search_for_fills_goes_back_a_week_at_most() -> None:
    server = Server()
    server.ended = [order("1", status="FILLED", cumulative_quantity="0.04", create_time=NOW - 90 * DAY)]
    assert facts(ask(server, held())) == (["filled"], [])
    assert server.count("get-trades") == 7


def test_fills_under_the_id_of_the_matching_side_belong_to_the_order() -> None:
    server = Server()
    server.advanced_ended = [
        order(
            "1", status="FILLED", cumulative_quantity="0.04", exchange_order_id="653", order_type="STOP_LOSS"
        )
    ]
    server.trades = [trade("a", "653")]
    assert facts(ask(server, held())) == (["filled"], ["a"])


def test_an_order_is_sought_as_a_trigger_order_by_our_own_id_and_in_the_history() -> None:
    server = Server()
    ended = order("1", status="CANCELED", update_time=NOW - 2_000)
    server.ended = [ended]
    server.fail["get-order-detail"] = NotFound("40401")
    assert facts(ask(server, held("1", "mine-1"))) == (["canceled"], [])
    assert server.seen == [
        "get-order-detail",
        "advanced/get-order-detail",
        "get-order-detail",
        "get-order-history",
    ]


def test_an_order_that_is_found_nowhere_is_an_answer_without_a_state() -> None:
    server = Server()
    assert ask(server, held("1", "mine-1")) == Complete((), as_of=0)


@pytest.mark.parametrize("nothing", [{"code": 0}, {"code": 0, "result": {}}, {"code": 0, "result": None}])
def test_a_good_answer_with_nothing_in_it_is_not_found_either(nothing: Any) -> None:
    server = Server()

    def answering(call: Any) -> Any:
        return nothing if "get-order-detail" in call.path else server(call)

    assert ask(answering, held()) == Complete((), as_of=0)


def test_an_order_may_be_known_by_our_own_id_only() -> None:
    server = Server()
    server.open = [order("1")]
    assert facts(ask(server, held("", "mine-1")))[0] == ["open"]
    assert server.seen == ["get-order-detail"]


def test_an_answer_about_another_order_does_not_count() -> None:
    """Client ids that nobody chose are request numbers, and may come twice."""
    server = Server()
    server.open = [order("2", client_oid="53")]
    assert ask(server, held("1", "53")) == Complete((), as_of=0)


def test_an_order_that_cannot_be_read_is_an_error() -> None:
    for result in ([], "x", {"order_id": "1"}, order("1", quantity=["?"])):
        answer = reply({"code": 0, "result": result})
        with pytest.raises(Unreadable):
            drive(dialect().order(held()), lambda call, answer=answer: answer)  # type: ignore[misc]


@pytest.mark.parametrize("error", [ClockError("40102"), LinkError("502"), RateLimited("42901")])
def test_an_error_says_nothing_about_an_order(error: Any) -> None:
    server = Server()
    server.fail["get-order-detail"] = error
    with pytest.raises(type(error)):
        ask(server, held())


# ------------------------------------------------------------------------- permissions


def test_what_a_key_may_do_cannot_be_found_out_and_that_is_said() -> None:
    told, made = drive(dialect().permissions(), Server())
    assert (told.can_withdraw, told.can_trade, told.ip_restricted) == (None, None, None)
    assert "cannot be verified" in told.note
    assert made == [calls.WALLET]


def test_a_key_that_may_not_even_read_is_fatal() -> None:
    server = Server()
    server.fail["user-balance"] = FatalError("40101")
    with pytest.raises(FatalError):
        drive(dialect().permissions(), server)


def test_both_halves_need_a_secret() -> None:
    where = Cryptocom.defaults.endpoints
    with pytest.raises(FatalError):
        Cryptocom().rest(Credentials("key"), where)
    with pytest.raises(FatalError):
        Cryptocom().stream(Credentials("key"), where, "auto")

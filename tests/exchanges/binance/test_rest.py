"""One account's REST: what is sent, what a refusal means, and the plans that read."""

import base64
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from core.errors import (
    ClockError,
    FatalError,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    UnknownOutcome,
    Unreadable,
)
from core.facts import Fill, OrderState
from core.orders import merge
from core.wire import Call
from exchanges.base import Complete, Credentials, HeldOrder, Permissions
from exchanges.binance.errors import Archived
from exchanges.binance.events import read
from exchanges.binance.rest import BinanceRest
from exchanges.binance.shapes import RAW
from exchanges.binance.sign import Signer
from tests.exchanges.binance.frames import NOW, trade
from tests.exchanges.binance.server import Server, filled_row, order_row, trade_row
from tests.exchanges.kit import CREDENTIALS, ED25519, drive, pem, reply, text

SIGNED = Call("GET", "/api/v3/myTrades", (("symbol", "ETHBTC"),), auth="signed")
PLACE = Call("POST", "/api/v3/order", (("symbol", "ETHBTC"),), auth="signed")
CANCEL = Call("DELETE", "/api/v3/order", (("symbol", "ETHBTC"),), auth="signed")
RENEW = Call("PUT", "/api/v3/userDataStream", (("listenKey", "k"),), auth="key")


def dialect(credentials: Credentials = CREDENTIALS) -> BinanceRest:
    return BinanceRest(Signer(credentials))


# --------------------------------------------------------------------------- signing


@pytest.mark.parametrize("call", [SIGNED, PLACE, CANCEL])
def test_a_signed_call_carries_everything_in_its_query_and_the_signature_last(call: Any) -> None:
    wire = dialect().sign(call, NOW)
    path, _, query = wire.target.partition("?")
    names = [name for name, _ in parse_qsl(query)]
    assert (wire.method, path, wire.body) == (call.method, call.path, None)
    assert names == ["symbol", "recvWindow", "timestamp", "signature"]
    assert dict(parse_qsl(query))["timestamp"] == str(NOW)
    assert wire.headers == (("X-MBX-APIKEY", CREDENTIALS.api_key),)


def test_the_target_is_what_was_signed() -> None:
    query = dialect(Credentials("k", private_key=pem(ED25519))).sign(SIGNED, NOW).target.partition("?")[2]
    payload, _, signature = query.rpartition("&signature=")
    ED25519.public_key().verify(base64.b64decode(unquote(signature)), payload.encode())


def test_names_outside_ascii_are_encoded_before_they_are_signed() -> None:
    call = Call("GET", "/api/v3/myTrades", (("symbol", "币安USDT"),), auth="signed")
    assert dialect().sign(call, NOW).target.startswith("/api/v3/myTrades?symbol=%E5%B8%81%E5%AE%89USDT&")


def test_a_call_by_key_alone_carries_nothing_that_it_was_not_given() -> None:
    wire = dialect().sign(RENEW, NOW)
    assert wire.target == "/api/v3/userDataStream?listenKey=k"
    assert wire.headers == (("X-MBX-APIKEY", CREDENTIALS.api_key),)
    assert (
        dialect().sign(Call("POST", "/api/v3/userDataStream", auth="key"), NOW).target
        == "/api/v3/userDataStream"
    )


def test_a_public_call_carries_no_key() -> None:
    wire = dialect().sign(Call("GET", "/api/v3/time"), NOW)
    assert (wire.target, wire.headers) == ("/api/v3/time", ())


# ----------------------------------------------------------------------- classifying


def refusal(call: Any, status: Any, body: Any, headers: Any = None) -> Any:
    return dialect().classify(call, reply(body, status=status, headers=headers, at=NOW))


@pytest.mark.parametrize(
    "body", [{}, [], {"serverTime": 1}, [{"code": 5}], {"code": "000000", "data": {}}, b"<html>"]
)
def test_a_reply_with_a_good_status_is_good(body: Any) -> None:
    assert refusal(SIGNED, 200, body) is None


def test_an_error_under_a_good_status_is_an_error() -> None:
    assert type(refusal(SIGNED, 200, {"code": -2015, "msg": "no"})) is FatalError


@pytest.mark.parametrize(
    ("call", "status", "body", "kind"),
    [
        (SIGNED, 400, {"code": -1021, "msg": "Timestamp for this request"}, ClockError),
        (SIGNED, 401, {"code": -2015, "msg": "Invalid API-key"}, FatalError),
        (SIGNED, 418, {"code": -1003, "msg": "banned"}, RateLimited),
        (SIGNED, 403, b"<html><body>403 Forbidden</body></html>", RateLimited),
        (SIGNED, 502, b"<html>", LinkError),
        (SIGNED, 502, b"", LinkError),
        (PLACE, 502, b"<html>", UnknownOutcome),
        (CANCEL, 503, {"code": -1008, "msg": "busy"}, UnknownOutcome),
        (RENEW, 502, b"<html>", LinkError),
        (RENEW, 410, b"<html>410 Gone</html>", ProtocolChanged),
        (PLACE, 400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}, Rejected),
        (CANCEL, 400, {"code": -2011, "msg": "Unknown order sent."}, NotFound),
        (SIGNED, 400, {"code": "no number", "msg": 5}, LinkError),
        (SIGNED, 400, b"\xff\xfe", LinkError),
        (SIGNED, 302, b"", LinkError),
    ],
)
def test_a_refusal_is_read_from_its_code_first_and_then_from_its_status(
    call: Any, status: Any, body: Any, kind: Any
) -> None:
    assert type(refusal(call, status, body)) is kind


def test_a_rejection_shows_the_reason_that_the_exchange_gave() -> None:
    assert "Filter failure: LOT_SIZE" in str(
        refusal(PLACE, 400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"})
    )


def test_a_page_of_html_is_not_shown_at_length() -> None:
    assert len(str(refusal(SIGNED, 502, b"<html>\n\n" + b"x" * 5_000))) < 200


@pytest.mark.parametrize("name", ["retry-after", "Retry-After", "RETRY-AFTER"])
def test_the_wait_stands_in_a_header_of_any_case(name: Any) -> None:
    assert refusal(SIGNED, 429, {"code": -1003, "msg": ""}, {name: "17"}).retry_after == 17


@pytest.mark.parametrize("value", ["soon", "", "-5", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400])
def test_a_wait_that_is_no_number_is_no_hint(value: Any) -> None:
    assert refusal(SIGNED, 418, {"code": -1003, "msg": ""}, {"Retry-After": value}).retry_after == 120


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({"x-mbx-used-weight-1m": "812"}, 812),
        ({"X-MBX-USED-WEIGHT-1M": "812"}, 812),
        ({"x-mbx-used-weight": "7"}, 7),
        ({"x-mbx-used-weight": "7", "x-mbx-used-weight-1m": "8"}, 8),
        ({"x-sapi-used-ip-weight-1m": "5"}, None),
        ({"x-mbx-used-weight-1m": "many"}, None),
        ({}, None),
    ],
)
def test_the_used_weight_is_that_of_the_present_minute(headers: Any, used: Any) -> None:
    assert dialect().used_weight(reply({}, headers=headers)) == used


# ------------------------------------------------------------------------------ plans


def test_the_clock_is_one_public_call() -> None:
    time, calls = drive(dialect().clock(), lambda call: {"serverTime": NOW})
    assert time == NOW
    assert [(call.path, call.auth, call.weight) for call in calls] == [("/api/v3/time", "none", 1)]


def test_a_clock_that_cannot_be_read_is_a_link_error() -> None:
    with pytest.raises(Unreadable):
        drive(dialect().clock(), lambda call: {"now": NOW})


HELD = HeldOrder("spot", "ETHBTC", "7", "mine-7", Decimal(0))


def test_one_order_is_asked_for_with_its_fills() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7), trade_row(2, 8)]
    answer, calls = drive(dialect().order(HELD), server, at=NOW)
    assert [(call.path, call.weight) for call in calls] == [("/api/v3/order", 4), ("/api/v3/myTrades", 5)]
    assert dict(calls[1].params) == {"symbol": "ETHBTC", "orderId": "7", "limit": "1000"}
    state, deal = answer.facts
    assert (state.status, state.filled, state.average_price) == ("filled", Decimal("1.5"), Decimal("0.1"))
    assert (deal.trade_id, deal.client_order_id) == ("1", "mine-7")
    assert answer.as_of == NOW
    assert len(answer.raw) == 2


def test_an_order_without_fills_costs_one_call() -> None:
    server = Server()
    server.orders = [order_row(7, status="CANCELED")]
    answer, calls = drive(dialect().order(HELD), server)
    assert [fact.status for fact in answer.facts] == ["canceled"]
    assert len(calls) == 1


def test_the_fills_of_one_order_are_paged_too() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(number, 7) for number in range(1, 1_101)]
    answer, calls = drive(dialect().order(HELD), server)
    assert dict(calls[2].params)["fromId"] == "1001"
    assert len(answer.facts) == 1_101


def test_an_order_that_used_sor_is_asked_for_its_allocations() -> None:
    server = Server()
    server.orders = [filled_row(7, usedSor=True)]
    server.allocations = [{**trade_row(0, 7), "allocationId": 5}]
    answer, _ = drive(dialect().order(HELD), server)
    assert answer.facts[-1].trade_id == "alloc-5"


def test_an_order_that_the_exchange_does_not_know_is_an_answer_without_a_state() -> None:
    answer, _ = drive(dialect().order(HELD), Server())
    assert isinstance(answer, Complete)
    assert answer.facts == ()


def test_an_archived_order_has_ended_without_a_fill() -> None:
    answer, _ = drive(dialect().order(HELD), lambda call: Archived("-2026"))
    (state,) = answer.facts
    assert (state.status, state.order_id, state.client_order_id) == ("canceled", "7", "mine-7")
    assert state.filled is None
    assert "archived" in state.reason


def test_an_order_of_which_we_know_only_our_own_id_is_asked_for_by_it() -> None:
    server = Server()
    server.orders = [order_row(7)]
    answer, calls = drive(dialect().order(HeldOrder("spot", "ETHBTC", "", "mine-7")), server)
    assert dict(calls[0].params) == {"symbol": "ETHBTC", "origClientOrderId": "mine-7"}
    assert answer.facts[0].order_id == "7"


def test_an_error_about_one_order_is_no_answer() -> None:
    with pytest.raises(LinkError):
        drive(dialect().order(HELD), lambda call: LinkError("HTTP 500"))


RESTRICTIONS = {
    "ipRestrict": True,
    "createTime": 1,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableSpotAndMarginTrading": False,
    "somethingNew": True,
}


def permissions(body: Any) -> Permissions:
    found, calls = drive(dialect().permissions(), lambda call: body)
    assert [(call.path, call.auth) for call in calls] == [("/sapi/v1/account/apiRestrictions", "signed")]
    return found


def test_a_key_that_may_only_read_is_told_so() -> None:
    assert permissions(RESTRICTIONS) == Permissions(can_withdraw=False, can_trade=False, ip_restricted=True)


@pytest.mark.parametrize("way", ["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"])
def test_every_way_to_move_money_away_counts_as_withdrawing(way: Any) -> None:
    found = permissions({**RESTRICTIONS, way: True})
    assert found.can_withdraw is True
    assert "the key allows" in found.note


def test_what_is_not_said_of_a_key_is_unknown_and_not_false() -> None:
    assert permissions({}) == Permissions()


def test_the_end_of_a_keys_life_is_told() -> None:
    assert permissions({"tradingAuthorityExpirationTime": NOW}).expires_at == NOW


@pytest.mark.parametrize(
    "error",
    [ProtocolChanged("HTTP 404"), Rejected("no"), FatalError("-2015"), b"<html>", {"ipRestrict": "maybe"}],
)
def test_permissions_that_are_refused_or_unreadable_cannot_be_verified(error: Any) -> None:
    found = permissions(reply(error) if isinstance(error, bytes) else error)
    assert found.note.startswith("cannot be verified")
    assert found.can_withdraw is None


def test_permissions_behind_a_bad_link_are_asked_for_again_another_time() -> None:
    with pytest.raises(RateLimited):
        permissions(RateLimited("429"))


# -------------------------------------------------------------- the same by stream and by REST


def by_stream(event: Any) -> Any:
    return read(RAW.decode(text(event)))


def test_a_trade_is_the_same_fill_by_stream_and_by_rest() -> None:
    streamed = by_stream(trade(i=7, t=1, c="mine-7"))[0]
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7)]
    answer, _ = drive(dialect().order(HELD), server)
    assert answer.facts[1] == streamed
    assert isinstance(streamed, Fill)


def test_a_trade_without_commission_differs_only_in_an_asset_that_one_side_does_not_know() -> None:
    streamed = by_stream(trade(i=7, t=1, c="mine-7", n="0", N=None))[0]
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7, commission="0.00000000")]
    rested = drive(dialect().order(HELD), server)[0].facts[1]
    assert streamed.fee == rested.fee == 0
    assert (streamed.fee_asset, rested.fee_asset) == (None, "ETH")


def test_an_order_by_rest_contradicts_nothing_that_the_stream_said() -> None:
    row = order_row(
        4293153, clientOrderId="mine-1", status="PARTIALLY_FILLED", updateTime=NOW, executedQty="0.5"
    )
    row["cummulativeQuoteQty"] = "0.05"
    streamed = by_stream(trade())[1]
    server = Server()
    server.orders = [row]
    held = HeldOrder("spot", "ETHBTC", "4293153")
    rested = next(
        fact for fact in drive(dialect().order(held), server)[0].facts if isinstance(fact, OrderState)
    )
    assert merge(streamed, rested).outcome == "same"

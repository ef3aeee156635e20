"""What is asked of Bybit to trade, key by key, and what its answers mean (the reference's own examples)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import (
    BadRequest,
    DuplicateOrder,
    LinkError,
    NotFound,
    Rejected,
    UnknownOutcome,
    Unreadable,
    VigilError,
)
from core.facts import OrderState
from core.instruments import Band, Instrument
from core.intents import Cancellation, Placement
from core.wire import Call
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from exchanges.bybit.trading import BybitTrading
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    Duplicate,
    FeeRates,
    Forgotten,
    Listing,
    NotOpen,
    NotYet,
    Refused,
    Sought,
    TopOfBook,
    Unsure,
)
from tests.exchanges.kit import CREDENTIALS, drive, reply

NOW = 1_790_000_000_000
DAY = 86_400.0
REST = BybitRest(Signer(CREDENTIALS))
TRADING = BybitTrading(REST)


def order(**changes: Any) -> Placement:
    wanted: dict[str, Any] = {
        "account": "main", "category": "spot", "symbol": "BTCUSDT", "side": "buy",
        "quantity": Decimal("0.100"), "price": Decimal("1.56E+4"), "client_order_id": "spot-test-01",
    }  # fmt: skip
    return Placement(**wanted | changes)


def cancellation(category: str = "spot") -> Cancellation:
    return Cancellation(account="main", category=category, symbol="BTCUSDT", client_order_id="spot-test-01")


def said(result: Any, **more: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1672211918471, **more}


ACCEPTED = said({"orderId": "1321003749386327552", "orderLinkId": "spot-test-01"})


def asked(plan: Any, *answers: Any) -> tuple[Any, list[Call]]:
    given = iter(answers)
    return drive(plan, lambda call: next(given), at=NOW)


def body(call: Call) -> dict[str, Any]:
    assert call.body is not None
    decoded: dict[str, Any] = json.loads(call.body)
    return decoded


# ------------------------------------------------------------------------ placing


def test_a_maker_only_order_says_so_and_all_its_amounts_are_plain_text() -> None:
    _, (call,) = asked(TRADING.place(order()), ACCEPTED)
    assert (call.method, call.path, call.auth, call.params) == ("POST", "/v5/order/create", "signed", ())
    assert body(call) == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "timeInForce": "PostOnly",
        "qty": "0.1", "price": "15600", "orderLinkId": "spot-test-01",
    }  # fmt: skip


def test_the_body_is_signed_to_the_byte() -> None:
    _, (call,) = asked(TRADING.place(order()), ACCEPTED)
    wire = REST.sign(call, NOW)
    assert (wire.method, wire.target, wire.body) == ("POST", "/v5/order/create", call.body)
    assert call.body is not None
    headers = dict(wire.headers)
    assert headers["X-BAPI-SIGN"] == dict(Signer(CREDENTIALS).headers(call.body, NOW))["X-BAPI-SIGN"]
    assert headers["Content-Type"] == "application/json"


def test_an_order_that_may_take_is_good_till_cancelled() -> None:
    _, (call,) = asked(TRADING.place(order(post_only=False, side="sell")), ACCEPTED)
    assert (body(call)["timeInForce"], body(call)["side"]) == ("GTC", "Sell")


def test_a_purchase_at_the_market_is_over_base_which_spot_has_to_be_told() -> None:
    _, (spot,) = asked(TRADING.place(order(price=None, post_only=False)), ACCEPTED)
    assert body(spot)["marketUnit"] == "baseCoin"
    assert body(spot).keys().isdisjoint({"price", "timeInForce"})
    _, (linear,) = asked(TRADING.place(order(category="linear", price=None, post_only=False)), ACCEPTED)
    assert (body(linear)["orderType"], "marketUnit" in body(linear)) == ("Market", False)


@pytest.mark.parametrize("category", ["inverse", "option", "", "Spot"])
def test_an_order_of_another_category_is_not_sent(category: str) -> None:
    with pytest.raises(ValueError, match="category"):
        next(TRADING.place(order(category=category)))


def test_an_answer_is_an_acknowledgement_and_says_nothing_of_the_order_s_state() -> None:
    placed, _ = asked(TRADING.place(order()), ACCEPTED)
    assert isinstance(placed, Accepted)
    assert (placed.order_id, placed.state) == ("1321003749386327552", None)
    assert json.loads(placed.raw) == ACCEPTED


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", said({}), said({"orderId": ""}), said([])])
def test_a_good_answer_that_names_no_order_leaves_the_outcome_open(answer: Any) -> None:
    placed, _ = asked(TRADING.place(order()), reply(answer, at=NOW))
    assert isinstance(placed, Unsure)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DuplicateOrder("170141"), Duplicate),
        (Rejected("170131", "funds"), Refused),
        (BadRequest("10001: position idx not match position mode"), Refused),
        (UnknownOutcome("10016"), Unsure),
        (LinkError("170191: processing"), Unsure),
        (NotFound("170213"), Unsure),
    ],
)
def test_one_request_is_made_whatever_comes_of_it(error: VigilError, outcome: type) -> None:
    placed, made = asked(TRADING.place(order()), error)
    assert isinstance(placed, outcome)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("status", "reason", "because"),
    [
        ("rejected", "EC_PostOnlyWillTakeLiquidity", "would_take"),
        ("canceled", "EC_PostOnlyWillTakeLiquidity", "would_take"),
        ("canceled", "CancelByUser EC_PostOnlyWillTakeLiquidity", "would_take"),
        ("canceled", "CancelByUser EC_PerCancelRequest", None),
        ("canceled", "CancelByUser EC_OrigClOrdIDDoesNotExist", None),
        ("canceled", "CancelByDCP", None),
        ("canceled", None, None),
        ("canceled", "CancelByAdmin", "other"),
        ("canceled", "EC_ReachRiskPriceLimit", "percent_price"),
        ("rejected", "EC_InvalidPriceScale", "precision"),
        ("rejected", "EC_SecurityStatusFail", "trading"),
        ("rejected", "EC_OfTomorrow", "other"),
        ("rejected", None, "other"),
        ("filled", None, None),
        ("open", None, None),
    ],
)
def test_why_an_order_ended_is_told_where_nobody_asked_for_it(
    status: Any, reason: str | None, because: Any
) -> None:
    assert TRADING.ended_because(OrderState("spot", "X", "1", status, reason=reason)) == because


# --------------------------------------------------------------------- cancelling


@pytest.mark.parametrize(
    ("order_id", "name"), [("77", {"orderId": "77"}), (None, {"orderLinkId": "spot-test-01"})]
)
def test_a_cancel_names_the_order_by_one_id(order_id: str | None, name: Any) -> None:
    taken, (call,) = asked(TRADING.cancel(cancellation("linear"), order_id), ACCEPTED)
    assert (call.method, call.path) == ("POST", "/v5/order/cancel")
    assert body(call) == {"category": "linear", "symbol": "BTCUSDT", **name}
    assert isinstance(taken, CancelTaken)
    assert taken.state is None


def test_an_order_that_is_gone_is_not_open_and_one_that_is_busy_is_unsure() -> None:
    gone, busy = NotFound("110001"), LinkError("110079")
    assert asked(TRADING.cancel(cancellation()), gone)[0] == NotOpen(gone)
    assert asked(TRADING.cancel(cancellation()), busy)[0] == Unsure(busy)


# ------------------------------------------------------------------------- finding

EMPTY = said({"category": "spot", "list": [], "nextPageCursor": ""})


def looked(after: float, *answers: Any) -> Any:
    sought = Sought("spot", "BTCUSDT", "spot-test-01", NOW - int(after * 1000))
    return asked(TRADING.find(sought, NOW), *answers)


def test_an_order_is_looked_for_by_our_id_in_the_present_and_in_the_history() -> None:
    lookup, (now, then) = looked(1.0, EMPTY, EMPTY)
    assert (now.path, then.path) == ("/v5/order/realtime", "/v5/order/history")
    for call in (now, then):
        assert dict(call.params)["orderLinkId"] == "spot-test-01"
        assert dict(call.params).keys().isdisjoint({"startTime", "endTime"})
    assert lookup == NotYet(1.0)


def test_what_neither_shows_is_absent_after_half_a_minute_and_forgotten_after_a_week() -> None:
    assert looked(30.0, EMPTY, EMPTY)[0] == Absent(NOW)
    assert looked(5 * DAY, EMPTY, EMPTY)[0] == Absent(NOW)
    assert looked(7 * DAY, EMPTY, EMPTY)[0] == Forgotten()


def test_a_history_that_fails_proves_nothing() -> None:
    with pytest.raises(LinkError):
        looked(60.0, EMPTY, LinkError("10016"))


# --------------------------------------------------------------------- instruments

SPOT = {
    "symbolId": 9, "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0",
    "status": "Trading", "marginTrading": "utaOnly", "stTag": "0",
    "lotSizeFilter": {
        "basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000011", "maxOrderQty": "83",
        "minOrderAmt": "5", "maxOrderAmt": "8000000", "maxLimitOrderQty": "83", "maxMarketOrderQty": "41.5",
        "postOnlyMaxLimitOrderSize": "60000",
    },
    "priceFilter": {"tickSize": "0.1"},
    "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"}, "symbolType": "",
}  # fmt: skip
LINEAR = {
    "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {
        "maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001", "postOnlyMaxOrderQty": "1190.000",
        "maxMktOrderQty": "500.000", "minNotionalValue": "5",
    },
    "settleCoin": "USDT", "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
}  # fmt: skip


def listed(category: str, *rows: Any) -> Listing:
    answer = said({"category": category, "list": list(rows)})
    listing, (call,) = asked(TRADING.instruments(category, ("BTCUSDT",)), answer)
    assert call == Call("GET", "/v5/market/instruments-info", (("category", category), ("symbol", "BTCUSDT")))
    assert isinstance(listing, Listing)
    return listing


def test_spot_has_steps_that_are_called_precisions_and_a_least_worth_but_no_least_quantity() -> None:
    (one,) = listed("spot", SPOT).instruments
    least = Decimal(5)
    assert one == Instrument(
        exchange="bybit", category="spot", symbol="BTCUSDT", base="BTC", quote="USDT", tick=Decimal("0.1"),
        step=Decimal("0.000001"), max_quantity=Decimal(83), max_post_only=Decimal(60_000),
        market_max_quantity=Decimal("41.5"), min_notional=least, market_min_notional=least,
        buy_band=Band(None, Decimal("1.01")), sell_band=Band(Decimal("0.99"), None), max_orders_in_all=500,
    )  # fmt: skip


def test_a_contract_has_bounds_of_price_and_quantity_too() -> None:
    (one,) = listed("linear", LINEAR).instruments
    least = Decimal(5)
    assert one == Instrument(
        exchange="bybit", category="linear", symbol="BTCUSDT", base="BTC", quote="USDT", tick=Decimal("0.1"),
        step=Decimal("0.001"), min_price=Decimal("0.1"), max_price=Decimal("1999999.8"),
        min_quantity=Decimal("0.001"), max_quantity=Decimal(1190), market_max_quantity=Decimal(500),
        min_notional=least, market_min_notional=least, buy_band=Band(None, Decimal("1.02")),
        sell_band=Band(Decimal("0.98"), None), max_orders=500,
    )  # fmt: skip


def test_what_is_not_said_sets_no_bound() -> None:
    lots = {"qtyStep": "0.001", "minNotionalValue": "", "minOrderQty": "0"}
    (one,) = listed("linear", LINEAR | {"lotSizeFilter": lots, "riskParameters": {}}).instruments
    assert (one.min_notional, one.min_quantity, one.max_quantity, one.market_max_quantity) == (None,) * 4
    assert one.buy_band == one.sell_band == Band()


@pytest.mark.parametrize("status", ["PreLaunch", "Delivering", "Closed", "anything"])
def test_only_what_trades_is_traded(status: str) -> None:
    (one,) = listed("linear", LINEAR | {"status": status}).instruments
    assert not one.is_trading


@pytest.mark.parametrize(
    "broken",
    [
        {"lotSizeFilter": {}},
        {"lotSizeFilter": {"basePrecision": "-1"}},
        {"lotSizeFilter": {"basePrecision": "soon"}},
        {"priceFilter": {"tickSize": "0"}},
        {"priceFilter": None},
        {"baseCoin": None},
    ],
)
def test_an_instrument_that_cannot_be_read_is_named(broken: Any) -> None:
    listing = listed("spot", SPOT | broken)
    assert (listing.instruments, listing.missing) == ((), ())
    assert [note.partition(":")[0] for note in listing.unreadable] == ["BTCUSDT"]


def test_a_symbol_that_is_not_listed_is_missing_whichever_way_that_is_said() -> None:
    assert listed("spot") == Listing((), ("BTCUSDT",))
    names = ("NOSUCH", "BTCUSDT")
    answers = (BadRequest("10001: symbol invalid"), said({"category": "spot", "list": [SPOT]}))
    listing, _ = asked(TRADING.instruments("spot", names), *answers)
    assert (len(listing.instruments), listing.missing) == (1, ("NOSUCH",))


@pytest.mark.parametrize("answer", [b"", b"{}", said({}), said({"list": [7]}), said({"list": [{}]})])
def test_an_answer_that_cannot_be_read_is_no_empty_list(answer: Any) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.instruments("spot", ("BTCUSDT",)), reply(answer, at=NOW))


# ------------------------------------------------------------------ fees and prices

FEES = {"symbol": "ETHUSDT", "takerFeeRate": "0.0006", "makerFeeRate": "-0.0001"}


def test_fee_rates_are_fractions_and_a_rebate_is_below_zero() -> None:
    rates, (call,) = asked(TRADING.fee_rates("linear", "ETHUSDT"), said({"list": [FEES]}))
    assert rates == FeeRates(Decimal("-0.0001"), Decimal("0.0006"))
    assert (call.path, call.auth) == ("/v5/account/fee-rate", "signed")
    assert call.params == (("category", "linear"), ("symbol", "ETHUSDT"))


def test_a_rate_that_is_not_said_is_unknown_and_not_nothing() -> None:
    rates, _ = asked(TRADING.fee_rates("spot", "ETHUSDT"), said({"list": [FEES | {"makerFeeRate": ""}]}))
    assert rates == FeeRates(None, Decimal("0.0006"))


@pytest.mark.parametrize(
    "result", [{}, {"list": []}, {"list": [FEES | {"symbol": "X"}]}, {"list": [FEES | {"takerFeeRate": "x"}]}]
)
def test_fees_that_are_not_told_are_an_error(result: Any) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.fee_rates("spot", "ETHUSDT"), said(result))


TICKER = {
    "symbol": "BTCUSDT", "bid1Price": "20517.96", "bid1Size": "2", "ask1Price": "20527.77",
    "ask1Size": "1.862172", "lastPrice": "20533.13",
}  # fmt: skip


def test_best_bid_and_ask_are_as_of_the_answer() -> None:
    quote, (call,) = asked(TRADING.quote("spot", "BTCUSDT"), said({"category": "spot", "list": [TICKER]}))
    assert quote == TopOfBook(
        "spot",
        "BTCUSDT",
        Decimal("20517.96"),
        Decimal("20527.77"),
        Decimal(2),
        Decimal("1.862172"),
        1672211918471,
    )
    assert (call.path, call.auth) == ("/v5/market/tickers", "none")


@pytest.mark.parametrize("nobody", ["", "0", "0.00"])
def test_a_side_on_which_nobody_is_is_empty(nobody: str) -> None:
    row = TICKER | {"ask1Price": nobody, "ask1Size": nobody}
    quote, _ = asked(TRADING.quote("spot", "BTCUSDT"), said({"list": [row]}))
    assert (quote.ask, quote.ask_size, quote.bid) == (None, None, Decimal("20517.96"))

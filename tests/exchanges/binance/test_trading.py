"""What is asked of Binance to trade, key by key, and what its answers mean (the reference's own examples)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import (
    BadRequest,
    DuplicateOrder,
    FatalError,
    LinkError,
    NotFound,
    Rejected,
    RejectReason,
    UnknownOutcome,
    Unreadable,
)
from core.facts import OrderState
from core.instruments import Band
from core.intents import Cancellation, Placement
from core.wire import Call
from exchanges.binance.errors import Refusal, UnknownSymbol, classify
from exchanges.binance.rest import BinanceRest
from exchanges.binance.sign import Signer
from exchanges.binance.trading import BinanceTrading
from exchanges.binance_us.trading import BinanceUsTrading
from exchanges.trading import (
    Accepted,
    CancelTaken,
    Duplicate,
    FeeRates,
    Listing,
    NotOpen,
    Refused,
    Sought,
    TopOfBook,
    Unsure,
)
from tests.exchanges.kit import CREDENTIALS, drive, reply

NOW = 1_790_000_000_000
REST = BinanceRest(Signer(CREDENTIALS))
TRADING = BinanceTrading(REST)
US = BinanceUsTrading(REST)
ORDER = Placement(
    account="main", category="spot", symbol="BTCUSDT", side="sell", quantity=Decimal("0.00001000"),
    price=Decimal("9E+4"), client_order_id="vt-1",
)  # fmt: skip
RESULT = {
    "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "vt-1",
    "transactTime": 1507725176595, "price": "90000.00000000", "origQty": "0.00001000",
    "executedQty": "0.00000000", "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.00000000",
    "status": "NEW", "timeInForce": "GTC", "type": "LIMIT_MAKER", "side": "SELL",
    "workingTime": 1507725176595, "selfTradePreventionMode": "NONE",
}  # fmt: skip


def changed(order: Placement, **changes: Any) -> Placement:
    values = {name: getattr(order, name) for name in order.__struct_fields__}
    return Placement(**values | changes)


def asked(plan: Any, *answers: Any) -> tuple[Any, list[Call]]:
    given = iter(answers)
    return drive(plan, lambda call: next(given), at=NOW)


# ------------------------------------------------------------------------ placing


def test_a_maker_only_order_is_a_limit_maker_without_a_time_in_force_and_asks_for_its_result() -> None:
    _, (call,) = asked(TRADING.place(ORDER), RESULT)
    assert (call.method, call.path, call.auth, call.weight) == ("POST", "/api/v3/order", "signed", 1)
    assert dict(call.params) == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.00001", "price": "90000",
        "newClientOrderId": "vt-1", "newOrderRespType": "RESULT",
    }  # fmt: skip


def test_an_order_that_may_take_has_a_time_in_force() -> None:
    _, (call,) = asked(TRADING.place(changed(ORDER, post_only=False)), RESULT)
    params = dict(call.params)
    assert (params["type"], params["timeInForce"], params["price"]) == ("LIMIT", "GTC", "90000")


def test_an_order_at_the_market_has_neither_price_nor_time_in_force() -> None:
    _, (call,) = asked(TRADING.place(changed(ORDER, price=None, post_only=False)), RESULT)
    params = dict(call.params)
    assert params.keys().isdisjoint({"price", "timeInForce", "quoteOrderQty"})
    assert (params["type"], params["quantity"]) == ("MARKET", "0.00001")


def test_everything_is_signed_in_the_query_and_nothing_is_in_a_body() -> None:
    _, (call,) = asked(TRADING.place(ORDER), RESULT)
    wire = REST.sign(call, NOW)
    assert wire.method == "POST"
    assert wire.body is None
    path, _, query = wire.target.partition("?")
    assert path == "/api/v3/order"
    signed, _, signature = query.rpartition("&signature=")
    assert signature == Signer(CREDENTIALS).signature(signed)
    assert signed.endswith(f"&newOrderRespType=RESULT&recvWindow=5000&timestamp={NOW}")


def test_an_order_of_another_category_is_not_sent() -> None:
    with pytest.raises(ValueError, match="linear"):
        next(TRADING.place(changed(ORDER, category="linear")))


def test_the_answer_says_how_the_order_stands_and_nothing_of_its_history() -> None:
    placed, _ = asked(TRADING.place(ORDER), RESULT)
    assert isinstance(placed, Accepted)
    assert placed.order_id == "28"
    assert placed.state == OrderState(
        category="spot", symbol="BTCUSDT", order_id="28", status="open", client_order_id="vt-1", side="sell",
        type="limit_maker", time_in_force="gtc", price=Decimal(90_000), quantity=Decimal("0.00001"),
        filled=Decimal(0), updated_at=1507725176595,
    )  # fmt: skip
    assert json.loads(placed.raw) == RESULT


def test_an_order_that_traded_at_once_says_so() -> None:
    traded = {"status": "FILLED", "executedQty": "0.00001000", "cummulativeQuoteQty": "0.90000000"}
    placed, _ = asked(TRADING.place(ORDER), RESULT | traded)
    assert placed.state.status == "filled"
    assert (placed.state.filled, placed.state.average_price) == (Decimal("0.00001"), Decimal(90_000))


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"orderId":28}'])
def test_a_good_answer_that_cannot_be_read_leaves_the_outcome_open(body: bytes) -> None:
    placed, _ = asked(TRADING.place(ORDER), reply(body, at=NOW))
    assert isinstance(placed, Unsure)
    assert isinstance(placed.error, Unreadable)


def test_one_request_is_made_whatever_comes_of_it() -> None:
    """Nothing here tries again."""
    for error in (UnknownOutcome("-1007"), LinkError("reset"), DuplicateOrder("-2010"), BadRequest("-1102")):
        _, made = asked(TRADING.place(ORDER), error)
        assert len(made) == 1


# ----------------------------------------------------------------------- refusals

REJECTIONS: list[tuple[int, str, RejectReason]] = [
    (-2010, "Order would immediately match and take.", "would_take"),
    (-2010, "Account has insufficient balance for requested action.", "funds"),
    (-2010, "Market is closed.", "trading"),
    (-2010, "This symbol is not permitted for this account.", "trading"),
    (-2010, "This symbol is restricted for this account.", "trading"),
    (-2010, "Price * QTY is zero or less.", "notional"),
    (-2010, "Order would trigger immediately.", "other"),
    (-2010, "Filter failure: PRICE_FILTER", "price"),
    (-1010, "Market is closed.", "trading"),
    (-1013, "Filter failure: PRICE_FILTER", "price"),
    (-1013, "Filter failure: PERCENT_PRICE", "percent_price"),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "percent_price"),
    (-1013, "Filter failure: LOT_SIZE", "size"),
    (-1013, "Filter failure: MARKET_LOT_SIZE", "size"),
    (-1013, "Filter failure: MIN_NOTIONAL", "notional"),
    (-1013, "Filter failure: NOTIONAL", "notional"),
    (-1013, "Filter failure: MAX_POSITION", "size"),
    (-1013, "Filter failure: MAX_NUM_ORDERS", "count"),
    (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS", "count"),
    (-1013, "Invalid quantity.", "size"),
    (-1013, "Invalid price.", "price"),
    (-1111, "Parameter 'price' has too much precision.", "precision"),
    (-1121, "Invalid symbol.", "trading"),
    (-1013, "A message of another day.", "other"),
]


@pytest.mark.parametrize(("code", "text", "reason"), REJECTIONS)
def test_a_refused_order_says_why(code: int, text: str, reason: RejectReason) -> None:
    error = classify(Refusal(400, text, NOW, code, writes=True))
    assert isinstance(error, Rejected)
    assert error.reason == reason
    placed, _ = asked(TRADING.place(ORDER), error)
    assert placed == Refused(reason, error)


def test_a_client_id_that_is_in_use_is_a_duplicate_and_no_rejection() -> None:
    error = classify(Refusal(400, "Duplicate order sent.", NOW, -2010, writes=True))
    assert type(error) is DuplicateOrder
    placed, _ = asked(TRADING.place(ORDER), error)
    assert placed == Duplicate(error)


def test_a_gateway_that_waited_in_vain_leaves_the_outcome_of_a_write_open() -> None:
    assert type(classify(Refusal(408, "", NOW, writes=True))) is UnknownOutcome
    assert type(classify(Refusal(408, "", NOW))) is LinkError


@pytest.mark.parametrize(
    ("status", "reason", "because"),
    [
        ("open", None, None),
        ("filled", None, None),
        ("canceled", "whatever", None),
        ("rejected", "insufficient_balances", "funds"),
        ("rejected", "would_match_immediately", "would_take"),
        ("rejected", None, "other"),
        ("expired", "execution_rule_price_range_exceeded", "percent_price"),
        ("expired", "exchange_canceled", "other"),
    ],
)
def test_why_an_order_ended_is_told_where_the_exchange_ended_it(
    status: Any, reason: str | None, because: Any
) -> None:
    state = OrderState("spot", "BTCUSDT", "1", status, reason=reason)
    assert TRADING.ended_because(state) == because


# --------------------------------------------------------------------- cancelling

CANCELLATION = Cancellation(account="main", category="spot", symbol="LTCBTC", client_order_id="myOrder1")
CANCELED = {
    "symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
    "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, "price": "2.00000000",
    "origQty": "1.00000000", "executedQty": "0.25000000", "origQuoteOrderQty": "0.000000",
    "cummulativeQuoteQty": "0.50000000", "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT",
    "side": "BUY", "selfTradePreventionMode": "NONE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("order_id", "name"), [("4", ("orderId", "4")), (None, ("origClientOrderId", "myOrder1"))]
)
def test_a_cancel_names_the_order_by_one_id(order_id: str | None, name: tuple[str, str]) -> None:
    _, (call,) = asked(TRADING.cancel(CANCELLATION, order_id), CANCELED)
    assert (call.method, call.path, call.params) == ("DELETE", "/api/v3/order", (("symbol", "LTCBTC"), name))


def test_the_answer_to_a_cancel_is_of_our_order_and_not_of_the_cancel() -> None:
    taken, _ = asked(TRADING.cancel(CANCELLATION), CANCELED)
    assert isinstance(taken, CancelTaken)
    assert taken.state is not None
    assert (taken.state.client_order_id, taken.state.status) == ("myOrder1", "canceled")
    assert (taken.state.filled, taken.state.updated_at) == (Decimal("0.25"), 1684804350068)


def test_the_answer_of_binance_us_has_no_time() -> None:
    without = {key: value for key, value in CANCELED.items() if key != "transactTime"}
    taken, _ = asked(US.cancel(CANCELLATION), without)
    assert taken.state.updated_at is None


def test_an_order_that_is_gone_is_not_open() -> None:
    error = classify(Refusal(400, "Unknown order sent.", NOW, -2011, writes=True))
    assert isinstance(error, NotFound)
    assert asked(TRADING.cancel(CANCELLATION), error)[0] == NotOpen(error)


# ------------------------------------------------------------------------- finding


def test_an_order_is_looked_for_by_our_id_alone() -> None:
    _, (call,) = asked(TRADING.find(Sought("spot", "BTCUSDT", "vt-1", NOW), NOW), NotFound("-2013"))
    assert call.params == (("symbol", "BTCUSDT"), ("origClientOrderId", "vt-1"))


def test_absence_is_proven_after_the_window_of_the_timestamp_and_the_wait_for_the_engine() -> None:
    assert TRADING.absence.proven_after >= 5 + 10
    assert TRADING.absence == US.absence


# --------------------------------------------------------------------- instruments

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.00000100", "maxPrice": "100000.00000000", "tickSize": "0.00000100"},
    {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "100000.00000000", "stepSize": "0.00100000"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00200000", "maxQty": "500.00000000", "stepSize": "0.00000000"},
    {"filterType": "MIN_NOTIONAL", "minNotional": "0.00100000", "applyToMarket": True, "avgPriceMins": 5},
    {"filterType": "NOTIONAL", "minNotional": "10.00000000", "applyMinToMarket": False,
     "maxNotional": "10000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
    {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3000", "multiplierDown": "0.7000", "avgPriceMins": 5},
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.2", "bidMultiplierDown": "0.2",
     "askMultiplierUp": "5", "askMultiplierDown": "0.8", "avgPriceMins": 1},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 25},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    {"filterType": "MAX_POSITION", "maxPosition": "10.00000000"},
]  # fmt: skip
SYMBOL = {
    "symbol": "ETHBTC", "status": "TRADING", "baseAsset": "ETH", "baseAssetPrecision": 8, "quoteAsset": "BTC",
    "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "isSpotTradingAllowed": True, "filters": FILTERS, "permissions": [], "permissionSets": [["SPOT"]],
}  # fmt: skip


def listed(*rows: Any, names: tuple[str, ...] = ("ETHBTC",), **more: Any) -> Listing:
    listing, _ = asked(TRADING.instruments("spot", names), {"symbols": list(rows), **more})
    assert isinstance(listing, Listing)
    return listing


def filtered(*filters: Any) -> Any:
    (one,) = listed(SYMBOL | {"filters": list(filters)}).instruments
    return one


def test_the_documented_filters_become_the_narrowest_bounds_of_all() -> None:
    (one,) = listed(
        SYMBOL, exchangeFilters=[{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}]
    ).instruments
    assert (one.base, one.quote, one.exchange, one.category) == ("ETH", "BTC", "binance", "spot")
    assert (one.tick, one.min_price, one.max_price) == (Decimal("1e-6"), Decimal("1e-6"), Decimal(100_000))
    assert (one.step, one.min_quantity, one.max_quantity) == (Decimal("0.001"),) * 2 + (Decimal(100_000),)
    assert (one.market_step, one.market_min_quantity, one.market_max_quantity) == (
        None, Decimal("0.002"), Decimal(500),
    )  # fmt: skip
    assert (one.min_notional, one.max_notional) == (Decimal(10), Decimal(10_000))
    assert (one.market_min_notional, one.market_max_notional) == (Decimal("0.001"), None)
    assert one.buy_band == Band(Decimal("0.7"), Decimal("1.2"))
    assert one.sell_band == Band(Decimal("0.8"), Decimal("1.3"))
    assert (one.max_orders, one.max_orders_in_all) == (25, 1000)
    assert one.has_post_only
    assert one.is_trading


def test_filters_that_are_off_or_missing_set_no_bound_and_leave_the_assets_precision() -> None:
    off = filtered(
        {"filterType": "PRICE_FILTER", "minPrice": "0.0", "maxPrice": "0.0", "tickSize": "0.00000000"}
    )
    bare = filtered()
    assert off == bare
    assert (bare.tick, bare.step) == (Decimal("1e-8"), Decimal("1e-8"))
    assert (bare.min_price, bare.max_price, bare.min_quantity, bare.max_quantity) == (None,) * 4
    assert (bare.min_notional, bare.buy_band, bare.max_orders) == (None, Band(), None)


def test_filters_of_a_kind_that_nobody_knows_change_nothing() -> None:
    assert filtered({"filterType": "OF_TOMORROW", "x": {"y": []}}) == filtered()


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY", "PRE_TRADING", "anything"])
def test_only_a_symbol_that_trades_is_traded(status: str) -> None:
    (one,) = listed(SYMBOL | {"status": status}).instruments
    assert not one.is_trading
    (one,) = listed(SYMBOL | {"isSpotTradingAllowed": False}).instruments
    assert not one.is_trading


def test_a_symbol_without_limit_maker_cannot_be_traded_as_maker_only() -> None:
    (one,) = listed(SYMBOL | {"orderTypes": ["LIMIT", "MARKET"]}).instruments
    assert not one.has_post_only


@pytest.mark.parametrize(
    "broken",
    [
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "soon"}]},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "-0.1"}]},
        {"filters": [{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": "many"}]},
        {"filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.015", "tickSize": "0.01"}]},
        {"filters": None},
        {"baseAsset": 7},
    ],
)
def test_a_symbol_that_cannot_be_read_is_named_and_costs_only_itself(broken: Any) -> None:
    listing = listed(SYMBOL | {"symbol": "BAD"} | broken, SYMBOL, names=("BAD", "ETHBTC"))
    assert [one.symbol for one in listing.instruments] == ["ETHBTC"]
    assert listing.missing == ()
    assert [note.partition(":")[0] for note in listing.unreadable] == ["BAD"]


def test_all_symbols_are_asked_for_at_once() -> None:
    _, (call,) = asked(TRADING.instruments("spot", ("ETHBTC", "BNBBTC")), {"symbols": [SYMBOL]})
    assert call == Call("GET", "/api/v3/exchangeInfo", (("symbols", '["ETHBTC","BNBBTC"]'),), weight=20)
    assert REST.sign(call, NOW).target == "/api/v3/exchangeInfo?symbols=%5B%22ETHBTC%22%2C%22BNBBTC%22%5D"


def test_one_unknown_symbol_among_many_is_found_out_by_asking_for_each() -> None:
    unknown, illegal = UnknownSymbol("-1121"), BadRequest("-1100: Illegal characters")
    names = ("ETHBTC", "NOSUCH", "odd name")
    listing, made = asked(
        TRADING.instruments("spot", names), unknown, {"symbols": [SYMBOL]}, unknown, illegal
    )
    assert [one.symbol for one in listing.instruments] == ["ETHBTC"]
    assert listing.missing == ("NOSUCH",)
    assert listing.unreadable == ("odd name: -1100: Illegal characters",)
    assert len(made) == 4


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"symbols":[{}]}', b'{"symbols":[7]}'])
def test_an_answer_that_cannot_be_read_is_no_empty_list(body: bytes) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.instruments("spot", ("ETHBTC",)), reply(body, at=NOW))


# ---------------------------------------------------------------------------- fees

COMMISSION = {
    "symbol": "BTCUSDT",
    "standardCommission": {"maker": "0.00000010", "taker": "0.00000020", "buyer": "0.00000030", "seller": "0.00000040"},
    "specialCommission": {"maker": "0.01000000", "taker": "0.02000000", "buyer": "0.03000000", "seller": "0.04000000"},
    "taxCommission": {"maker": "0.00000112", "taker": "0.00000114", "buyer": "0.00000118", "seller": "0.00000116"},
    "discount": {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25"},
}  # fmt: skip


def test_all_kinds_of_commission_are_paid_together_by_the_dearer_side() -> None:
    rates, (call,) = asked(TRADING.fee_rates("spot", "BTCUSDT"), COMMISSION)
    assert rates == FeeRates(Decimal("0.05000280"), Decimal("0.06000292"), "BNB")
    assert (call.path, call.params, call.weight) == (
        "/api/v3/account/commission", (("symbol", "BTCUSDT"),), 20,
    )  # fmt: skip


@pytest.mark.parametrize("switch", ["enabledForAccount", "enabledForSymbol"])
def test_a_discount_that_is_off_names_no_asset(switch: str) -> None:
    off = COMMISSION | {"discount": COMMISSION["discount"] | {switch: False}}  # type: ignore[operator]
    assert asked(TRADING.fee_rates("spot", "BTCUSDT"), off)[0].discount_asset is None


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"<html>", b'{"standardCommission":{"maker":"NaN","taker":"0"}}']
)
def test_fees_that_are_not_told_are_unknown_and_never_nothing(body: bytes) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.fee_rates("spot", "BTCUSDT"), reply(body, at=NOW))


def test_binance_us_tells_maker_and_taker_of_a_symbol() -> None:
    rows = [{"symbol": "BTCUSDT", "makerCommission": "0.004", "takerCommission": "0.006"}]
    rates, (call,) = asked(US.fee_rates("spot", "BTCUSDT"), rows)
    assert rates == FeeRates(Decimal("0.004"), Decimal("0.006"))
    assert (call.path, call.weight) == ("/sapi/v1/asset/query/trading-fee", 1)


@pytest.mark.parametrize("rows", [[], [{"symbol": "X", "makerCommission": "0", "takerCommission": "0"}]])
def test_binance_us_that_tells_of_another_symbol_tells_nothing(rows: Any) -> None:
    with pytest.raises(Unreadable):
        asked(US.fee_rates("spot", "BTCUSDT"), rows)


# -------------------------------------------------------------------------- prices

BOOK = {"symbol": "LTCBTC", "bidPrice": "4.0", "bidQty": "431.0", "askPrice": "4.00000200", "askQty": "9.0"}


def test_best_bid_and_ask_have_no_time_here() -> None:
    quote, (call,) = asked(TRADING.quote("spot", "LTCBTC"), BOOK)
    assert quote == TopOfBook(
        "spot", "LTCBTC", Decimal(4), Decimal("4.000002"), Decimal(431), Decimal(9), None, None
    )
    assert (call.path, call.auth, call.weight) == ("/api/v3/ticker/bookTicker", "none", 2)


def test_a_side_on_which_nobody_is_is_empty_and_not_zero() -> None:
    quote, _ = asked(
        TRADING.quote("spot", "LTCBTC"), BOOK | {"bidPrice": "0.00000000", "bidQty": "0.00000000"}
    )
    assert (quote.bid, quote.bid_size, quote.ask) == (None, None, Decimal("4.000002"))


def test_prices_of_another_symbol_are_no_answer() -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.quote("spot", "ETHBTC"), BOOK)


def test_a_key_that_may_not_trade_is_a_fatal_error_that_the_caller_sees() -> None:
    with pytest.raises(FatalError):
        asked(TRADING.fee_rates("spot", "BTCUSDT"), FatalError("-2015"))

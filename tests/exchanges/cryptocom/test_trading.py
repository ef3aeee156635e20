"""What is asked of Crypto.com to trade, key by key, and what its answers mean (its documents and recordings)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.errors import (
    BadRequest,
    DuplicateOrder,
    LinkError,
    NotFound,
    RateLimited,
    Rejected,
    UnknownOutcome,
    Unreadable,
    VigilError,
)
from core.facts import OrderState
from core.instruments import Band, Instrument
from core.intents import Cancellation, Placement
from core.wire import Call
from exchanges.cryptocom.errors import DoubtfulOrder
from exchanges.cryptocom.rest import CryptocomRest
from exchanges.cryptocom.sign import Signer, written
from exchanges.cryptocom.trading import CryptocomTrading
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
    Unheard,
    Unsure,
)
from tests.exchanges.cryptocom.messages import NOW
from tests.exchanges.cryptocom.messages import order as order_row
from tests.exchanges.kit import CREDENTIALS, drive, reply

REST = CryptocomRest(Signer(CREDENTIALS))
TRADING = CryptocomTrading(REST)
NUMBER = "6530000000000000001"


def order(**changes: Any) -> Placement:
    wanted: dict[str, Any] = {
        "account": "main", "category": "spot", "symbol": "BTC_USDT", "side": "buy",
        "quantity": Decimal("0.00100"), "price": Decimal("30000.50"), "client_order_id": "abc-1",
    }  # fmt: skip
    return Placement(**wanted | changes)


CANCELLATION = Cancellation(account="main", category="spot", symbol="BTC_USDT", client_order_id="abc-1")


def said(result: Any, method: str = "private/create-order", **more: Any) -> dict[str, Any]:
    return {"id": 1, "method": method, "code": 0, "result": result, **more}


def asked(plan: Any, *answers: Any) -> tuple[Any, list[Call]]:
    given = iter(answers)
    return drive(plan, lambda call: next(given), at=NOW)


def body(call: Call) -> dict[str, Any]:
    assert call.body is not None
    decoded: dict[str, Any] = json.loads(call.body)
    return decoded


ACCEPTED = said({"client_oid": "abc-1", "order_id": "18342311"})

# ------------------------------------------------------------------------ placing


def test_a_maker_only_order_is_the_documented_one_word_for_word() -> None:
    """The canonical example of the reference, whose signature is a published vector."""
    _, (call,) = asked(TRADING.place(order()), ACCEPTED)
    assert (call.method, call.path, call.auth) == ("POST", "/exchange/v1/private/create-order", "signed")
    params = body(call)
    assert params == {
        "instrument_name": "BTC_USDT", "side": "BUY", "type": "LIMIT", "price": "30000.5", "quantity": "0.001",
        "client_oid": "abc-1", "exec_inst": ["POST_ONLY"], "time_in_force": "GOOD_TILL_CANCEL",
    }  # fmt: skip
    assert written(params) == (
        "client_oidabc-1exec_instPOST_ONLYinstrument_nameBTC_USDTprice30000.5quantity0.001sideBUY"
        "time_in_forceGOOD_TILL_CANCELtypeLIMIT"
    )


def test_what_is_signed_is_what_is_sent() -> None:
    _, (call,) = asked(TRADING.place(order()), ACCEPTED)
    wire = REST.sign(call, NOW)
    assert wire.body is not None
    sent = json.loads(wire.body)
    assert (wire.method, sent["method"], sent["params"]) == ("POST", "private/create-order", body(call))
    again = Signer(CREDENTIALS).request(sent["method"], sent["id"], NOW, sent["params"])
    assert sent["sig"] == again["sig"]


def test_two_orders_within_one_millisecond_are_two_different_requests() -> None:
    _, (call,) = asked(TRADING.place(order()), ACCEPTED)
    assert REST.sign(call, NOW).body != REST.sign(call, NOW).body


def test_an_order_that_may_take_has_no_instruction() -> None:
    _, (call,) = asked(TRADING.place(order(post_only=False, side="sell")), ACCEPTED)
    assert "exec_inst" not in body(call)
    assert (body(call)["time_in_force"], body(call)["side"]) == ("GOOD_TILL_CANCEL", "SELL")


def test_an_order_at_the_market_is_of_a_quantity_and_not_of_a_worth() -> None:
    _, (call,) = asked(TRADING.place(order(price=None, post_only=False)), ACCEPTED)
    assert body(call) == {
        "instrument_name": "BTC_USDT", "side": "BUY", "type": "MARKET", "quantity": "0.001", "client_oid": "abc-1",
    }  # fmt: skip


def test_orders_keep_the_pace_that_the_exchange_takes() -> None:
    _, (place,) = asked(TRADING.place(order()), ACCEPTED)
    _, (cancel,) = asked(TRADING.cancel(CANCELLATION), ACCEPTED)
    assert place.pace >= 0.1 / 15
    assert cancel.pace >= 0.1 / 15


@pytest.mark.parametrize("result", [{"order_id": "18342311"}, {"order_id": 18342311, "client_oid": "x"}])
@pytest.mark.parametrize("code", [0, "0"])
def test_ids_and_codes_are_numbers_or_text(result: Any, code: Any) -> None:
    placed, _ = asked(TRADING.place(order()), said(result) | {"code": code})
    assert isinstance(placed, Accepted)
    assert (placed.order_id, placed.state) == ("18342311", None)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", said({}), said(None), said({"order_id": None})])
def test_a_good_answer_that_names_no_order_leaves_the_outcome_open(answer: Any) -> None:
    placed, _ = asked(TRADING.place(order()), reply(answer, at=NOW))
    assert isinstance(placed, Unsure)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DuplicateOrder("204"), Duplicate),
        (Rejected("213", "precision"), Refused),
        (BadRequest("40004"), Refused),
        (RateLimited("42901", retry_after=2), Unheard),
        (UnknownOutcome("40801"), Unsure),
        (LinkError("reset"), Unsure),
    ],
)
def test_one_request_is_made_whatever_comes_of_it(error: VigilError, outcome: type) -> None:
    placed, made = asked(TRADING.place(order()), error)
    assert isinstance(placed, outcome)
    assert len(made) == 1


# ------------------------------------------------- a refusal that names an order

DOUBT = DoubtfulOrder("315: FAR_AWAY_LIMIT_PRICE", NUMBER)


def doubted(*answers: Any) -> Any:
    placed, calls = asked(TRADING.place(order()), DOUBT, *answers)
    assert [call.path.rpartition("/")[2] for call in calls] == ["create-order", "get-order-detail"]
    assert calls[1].params == (("order_id", NUMBER),)
    return placed


@pytest.mark.parametrize(
    ("code", "reason"),
    [(315, "percent_price"), ("306", "funds"), (43005, "would_take"), (99, "other"), (0, "other")],
)
def test_an_order_that_was_made_and_ended_rejected_is_a_refusal_with_its_reason(
    code: Any, reason: str
) -> None:
    row = order_row(NUMBER, status="REJECTED", reason=code)
    assert doubted(said(row)) == Refused(reason, DOUBT, NUMBER)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["ACTIVE", "NEW", "PENDING", "FILLED"])
def test_an_order_that_lives_in_spite_of_the_refusal_was_accepted(status: str) -> None:
    placed = doubted(said(order_row(NUMBER, status=status)))
    assert isinstance(placed, Accepted)
    assert placed.order_id == NUMBER
    assert placed.state is not None


def test_an_order_that_was_rejected_after_a_fill_is_no_refusal() -> None:
    placed = doubted(said(order_row(NUMBER, status="REJECTED", cumulative_quantity="0.04")))
    assert isinstance(placed, Accepted)


@pytest.mark.parametrize(
    "answer",
    [
        NotFound("40401"),
        LinkError("reset"),
        RateLimited("42901"),
        said({}),
        said(None),
        said(order_row("77")),
        b"x",
    ],
)
def test_an_order_of_which_nothing_can_be_learnt_is_unsure_and_named(answer: Any) -> None:
    assert doubted(reply(answer, at=NOW) if isinstance(answer, bytes) else answer) == Unsure(DOUBT, NUMBER)


@pytest.mark.parametrize(
    ("status", "reason", "because"),
    [
        ("rejected", "post_only_rejected", "would_take"),
        ("canceled", "post_only_rejected", "would_take"),
        ("rejected", "insufficient_available_balance", "funds"),
        ("rejected", "below_min_order_size", "size"),
        ("rejected", "far_away_limit_price", "percent_price"),
        ("rejected", "exceeds_max_allowed_orders", "count"),
        ("rejected", "999", "other"),
        ("rejected", None, "other"),
        ("canceled", None, None),
        ("canceled", "self_trade_prevention", "other"),
        ("expired", "immediate_or_cancel", "other"),
        ("open", None, None),
        ("filled", None, None),
    ],
)
def test_why_an_order_ended_is_told_where_nobody_asked_for_it(
    status: Any, reason: str | None, because: Any
) -> None:
    assert TRADING.ended_because(OrderState("spot", "X", "1", status, reason=reason)) == because


# --------------------------------------------------------------------- cancelling


@pytest.mark.parametrize(("order_id", "name"), [("77", {"order_id": "77"}), (None, {"client_oid": "abc-1"})])
def test_a_cancel_names_the_order_by_one_id(order_id: str | None, name: Any) -> None:
    answer = said({"client_oid": "abc-1", "order_id": "77", "message": "NO_ERROR"}, "private/cancel-order")
    taken, (call,) = asked(TRADING.cancel(CANCELLATION, order_id), answer)
    assert (call.method, call.path) == ("POST", "/exchange/v1/private/cancel-order")
    assert body(call) == name
    assert isinstance(taken, CancelTaken)
    assert taken.state is None


@pytest.mark.parametrize("text", ["316: NO_ACTIVE_ORDER", "40401: NOT_FOUND", "212: INVALID_ORDERID"])
def test_an_order_that_is_gone_is_not_open(text: str) -> None:
    error = NotFound(text)
    assert asked(TRADING.cancel(CANCELLATION), error)[0] == NotOpen(error)


# ------------------------------------------------------------------------- finding

NO_ORDERS = said({"data": []}, "private/get-order-history")


def looked(after: float, *answers: Any) -> Any:
    return asked(TRADING.find(Sought("spot", "BTC_USDT", "abc-1", NOW - int(after * 1000)), NOW), *answers)


def test_an_order_is_looked_for_by_our_id_and_among_those_that_ended() -> None:
    lookup, (detail, history) = looked(1.0, NotFound("40401"), NO_ORDERS)
    assert detail.params == (("client_oid", "abc-1"),)
    assert history.path.endswith("get-order-history")
    assert lookup == NotYet(1.0)


def test_what_is_unknown_is_absent_when_no_request_can_arrive_any_more() -> None:
    assert TRADING.absence.proven_after > 60
    assert looked(65.0, NotFound("40401"), NO_ORDERS)[0] == Absent(NOW)
    assert looked(65.0, said({}), NO_ORDERS)[0] == Absent(NOW)
    assert looked(64.0, NotFound("40401"), NO_ORDERS)[0] == NotYet(1.0)
    assert looked(181 * 86_400.0, NotFound("40401"), NO_ORDERS)[0] == Forgotten()


def test_a_history_that_fails_proves_nothing() -> None:
    with pytest.raises(LinkError):
        looked(100.0, NotFound("40401"), LinkError("50001"))


# --------------------------------------------------------------------- instruments


def row(symbol: str = "BTC_USDT", **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "inst_type": "CCY_PAIR", "display_name": "BTC/USDT", "base_ccy": "BTC",
        "quote_ccy": "USDT", "quote_decimals": 2, "quantity_decimals": 5, "price_tick_size": "0.01",
        "qty_tick_size": "0.00001", "max_leverage": "50", "tradable": True, "expiry_timestamp_ms": 0,
        "beta_product": False, "margin_buy_enabled": False, **changes,
    }  # fmt: skip


RISK: list[dict[str, Any]] = [
    {"instrument_name": "BTC", "min_order_notional_usd": "1.0", "max_order_notional_usd": "5000000", "order_limit": "100"},
    {"instrument_name": "CRO"},
]  # fmt: skip


def listed(
    *rows: Any, names: tuple[str, ...] = ("BTC_USDT",), category: str = "spot", risk: Any = RISK
) -> Listing:
    listing, made = asked(
        TRADING.instruments(category, names),
        said({"data": list(rows)}, "public/get-instruments"),
        said({"base_currency_config": risk}, "public/get-risk-parameters"),
    )
    assert [(call.path.rpartition("/")[2], call.auth) for call in made] == [
        ("get-instruments", "none"), ("get-risk-parameters", "none"),
    ]  # fmt: skip
    assert isinstance(listing, Listing)
    return listing


def test_steps_are_the_tick_sizes_and_worth_stands_with_the_base_asset() -> None:
    (one,) = listed(row()).instruments
    least, most = Decimal(1), Decimal(5_000_000)
    assert one == Instrument(
        exchange="cryptocom", category="spot", symbol="BTC_USDT", base="BTC", quote="USDT", tick=Decimal("0.01"),
        step=Decimal("0.00001"), min_quantity=Decimal("0.00001"), min_notional=least, max_notional=most,
        market_min_notional=least, market_max_notional=most, max_orders=200, max_orders_in_all=1_000,
    )  # fmt: skip
    assert one.buy_band == one.sell_band == Band()


def test_the_decimals_are_not_believed() -> None:
    (one,) = listed(row(quantity_decimals=0, qty_tick_size="1000")).instruments
    assert (one.step, one.min_quantity) == (Decimal(1000), Decimal(1000))


@pytest.mark.parametrize("text", [str, float])
def test_numbers_are_numbers_or_text(text: Any) -> None:
    (one,) = listed(
        row(
            price_tick_size=text("0.5"),
            qty_tick_size=text("0.25"),
            quote_decimals="2",
            expiry_timestamp_ms="0",
        )
    ).instruments
    assert (one.tick, one.step) == (Decimal("0.5"), Decimal("0.25"))


def test_a_worth_in_dollars_says_nothing_of_what_is_quoted_in_anything_else() -> None:
    (one,) = listed(row("BTC_EUR", quote_ccy="EUR"), names=("BTC_EUR",)).instruments
    assert (one.min_notional, one.max_notional) == (None, None)
    (one,) = listed(row(base_ccy="CRO")).instruments
    assert (one.min_notional, one.max_notional) == (None, None)
    (one,) = listed(row(base_ccy="XYZ")).instruments
    assert (one.min_notional, one.max_notional) == (None, None)


def test_the_name_of_an_instrument_says_its_category() -> None:
    rows = (row("BTC_USD", quote_ccy="USD"), row("BTCUSD-PERP", quote_ccy="USD", inst_type="PERPETUAL_SWAP"))
    names = ("BTC_USD", "BTCUSD-PERP")
    spot, perpetual = (listed(*rows, names=names, category=kind) for kind in ("spot", "perpetual"))
    assert [one.symbol for one in spot.instruments] == ["BTC_USD"]
    assert spot.missing == ("BTCUSD-PERP",)
    assert [(one.symbol, one.category) for one in perpetual.instruments] == [("BTCUSD-PERP", "perpetual")]


def test_what_is_not_tradable_is_not_traded() -> None:
    assert not listed(row(tradable=False)).instruments[0].is_trading


@pytest.mark.parametrize(
    "broken",
    [
        {"price_tick_size": "0"},
        {"price_tick_size": None},
        {"qty_tick_size": "NaN"},
        {"base_ccy": None},
        {"tradable": 7},
    ],
)
def test_an_instrument_that_cannot_be_read_is_named_and_costs_only_itself(broken: Any) -> None:
    listing = listed(row("BAD_USDT", **broken), row(), names=("BAD_USDT", "BTC_USDT"))
    assert [one.symbol for one in listing.instruments] == ["BTC_USDT"]
    assert [note.partition(":")[0] for note in listing.unreadable] == ["BAD_USDT"]


@pytest.mark.parametrize("answer", [b"", b"{}", said({}), said({"data": [7]}), said({"data": [{}]})])
def test_an_answer_that_cannot_be_read_is_no_empty_list(answer: Any) -> None:
    risk = said({"base_currency_config": RISK})
    with pytest.raises(Unreadable):
        asked(TRADING.instruments("spot", ("BTC_USDT",)), reply(answer, at=NOW), risk)


@pytest.mark.parametrize(
    "risk",
    [said({}), said({"base_currency_config": [{"instrument_name": "BTC", "min_order_notional_usd": "-1"}]})],
)
def test_bounds_that_cannot_be_read_are_not_no_bounds(risk: Any) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.instruments("spot", ("BTC_USDT",)), said({"data": [row()]}), risk)


# ------------------------------------------------------------------ fees and prices


@pytest.mark.parametrize("text", [str, float])
def test_rates_are_told_in_basis_points(text: Any) -> None:
    answer = said(
        {
            "instrument_name": "BTC_USDT",
            "effective_maker_rate_bps": text("6.5"),
            "effective_taker_rate_bps": text("24.25"),
        }
    )
    rates, (call,) = asked(TRADING.fee_rates("spot", "BTC_USDT"), answer)
    assert rates == FeeRates(Decimal("0.00065"), Decimal("0.002425"))
    assert call.path.endswith("private/get-instrument-fee-rate")
    assert (call.params, call.auth) == ((("instrument_name", "BTC_USDT"),), "signed")


def test_a_rate_that_is_not_said_is_unknown_and_not_nothing() -> None:
    answer = said({"instrument_name": "BTC_USDT", "effective_maker_rate_bps": "6.5"})
    assert asked(TRADING.fee_rates("spot", "BTC_USDT"), answer)[0] == FeeRates(Decimal("0.00065"), None)


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"instrument_name": "X"},
        {"instrument_name": "BTC_USDT", "effective_maker_rate_bps": "Infinity"},
    ],
)
def test_rates_that_are_not_told_are_an_error(result: Any) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.fee_rates("spot", "BTC_USDT"), said(result))


TICKER = {"i": "BTC_USDT", "a": "51174.5", "b": "51170.000000", "k": "51180.000000", "t": 1613580710768}


@pytest.mark.parametrize("change", [{}, {"b": 51170, "k": 51180.0, "t": "1613580710768"}])
def test_best_bid_and_ask_are_told_without_their_sizes(change: Any) -> None:
    quote, (call,) = asked(TRADING.quote("spot", "BTC_USDT"), said({"data": [TICKER | change]}))
    at = 1613580710768
    assert quote == TopOfBook("spot", "BTC_USDT", Decimal(51170), Decimal(51180), None, None, at, at)
    assert (call.path, call.auth, call.params) == (
        "/exchange/v1/public/get-tickers", "none", (("instrument_name", "BTC_USDT"),),
    )  # fmt: skip


@pytest.mark.parametrize("nobody", [None, "0", 0])
def test_a_side_on_which_nobody_is_is_empty(nobody: Any) -> None:
    quote, _ = asked(TRADING.quote("spot", "BTC_USDT"), said({"data": [TICKER | {"k": nobody}]}))
    assert (quote.ask, quote.bid) == (None, Decimal(51170))


@pytest.mark.parametrize("data", [None, [], [TICKER | {"i": "X"}], [TICKER | {"b": "NaN"}], [{}]])
def test_prices_that_are_not_told_are_an_error(data: Any) -> None:
    with pytest.raises(Unreadable):
        asked(TRADING.quote("spot", "BTC_USDT"), said({"data": data}))

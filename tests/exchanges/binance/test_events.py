"""Every documented event becomes the facts it states, exactly and in every frame form."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Balance, CashMove, Fill, OrderState
from exchanges.binance import events
from exchanges.binance.salvage import salvage
from exchanges.binance.shapes import COMBINED, RAW, WRAPPED, ExecutionReport
from exchanges.binance.words import REMEMBERED, Amounts
from tests.exchanges.binance.frames import NOW, combined, position, report, trade, without, wrapped
from tests.exchanges.kit import text


def read(event: Any) -> Any:
    return events.read(event)


def facts(event: Any) -> Any:
    """By the ordinary way where it is one, else by the other: as a session does it."""
    ordinary = read(msgspec.convert(event, RAW.type)) if event["e"] in ORDINARY else None
    salvaged = salvage(event)
    assert not salvaged.trouble
    assert ordinary in {None, salvaged.facts}
    return salvaged.facts


ORDINARY = ("executionReport", "outboundAccountPosition", "balanceUpdate", "externalLockUpdate", "listStatus")


def the_order(**changes: Any) -> Any:
    return next(fact for fact in facts(report(**changes)) if isinstance(fact, OrderState))


def the_fill(**changes: Any) -> Any:
    return next(fact for fact in facts(trade(**changes)) if isinstance(fact, Fill))


# ---------------------------------------------------------------------- orders


def test_an_accepted_order_is_open_with_all_that_was_said_of_it() -> None:
    assert facts(report()) == (
        OrderState(
            category="spot",
            symbol="ETHBTC",
            order_id="4293153",
            status="open",
            client_order_id="mine-1",
            side="buy",
            type="limit",
            time_in_force="gtc",
            price=Decimal("0.10264410"),
            stop_price=None,
            quantity=Decimal("1.5"),
            filled=Decimal(0),
            average_price=None,
            created_at=NOW - 60_000,
            updated_at=NOW,
            reason=None,
            version=8641984,
        ),
    )


@pytest.mark.parametrize(
    ("execution", "status", "ours"),
    [
        ("NEW", "NEW", "open"),
        ("NEW", "PENDING_NEW", "pending"),
        ("TRADE", "PARTIALLY_FILLED", "partially_filled"),
        ("TRADE", "FILLED", "filled"),
        ("CANCELED", "CANCELED", "canceled"),
        ("CANCELED", "PENDING_CANCEL", "open"),
        ("REJECTED", "REJECTED", "rejected"),
        ("EXPIRED", "EXPIRED", "expired"),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", "expired"),
    ],
)
def test_every_status_has_its_word(execution: Any, status: Any, ours: Any) -> None:
    event = trade(X=status) if execution == "TRADE" else report(x=execution, X=status)
    assert facts(event)[-1].status == ours


@pytest.mark.parametrize("kind", ["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"])
def test_a_stop_order_is_untriggered_until_it_is_on_the_book(kind: Any) -> None:
    waiting = the_order(o=kind, P="0.09", w=False)
    assert waiting.status == "untriggered"
    assert waiting.stop_price == Decimal("0.09")
    assert the_order(o=kind, P="0.09", w=True).status == "open"


def test_a_market_order_that_is_not_on_the_book_is_not_untriggered() -> None:
    assert the_order(o="MARKET", p="0.00000000", w=False).status == "open"


def test_what_an_order_does_not_have_is_unknown_and_never_zero() -> None:
    market = the_order(o="MARKET", p="0.00000000", q="0.00000000", Q="100.00")
    assert (market.price, market.stop_price, market.quantity) == (None, None, None)
    assert market.filled == 0


def test_an_execution_that_leaves_nothing_behind_is_a_partial_fill_and_an_end() -> None:
    ended = the_order(
        x="EXPIRED", X="EXPIRED", z="0.50000000", Z="0.05000000", eR="UNFILLED_IOC_QUANTITY_EXPIRED"
    )
    assert (ended.status, ended.filled, ended.average_price) == ("expired", Decimal("0.5"), Decimal("0.1"))
    assert ended.reason == "unfilled_ioc_quantity_expired"


def test_filled_does_not_have_to_be_the_whole_quantity() -> None:
    state = the_order(x="TRADE_PREVENTION", X="FILLED", z="1.00000000", Z="0.10000000", A="0.5", B="0.5", v=3)
    assert (state.status, state.filled, state.quantity) == ("filled", 1, Decimal("1.5"))


def test_trade_prevention_that_leaves_quantity_leaves_the_order_alive() -> None:
    state = the_order(
        x="TRADE_PREVENTION", X="NEW", V="DECREMENT", pl="0.1", pL="0.1", pY="0.01", u=1, U=2, Cs="X"
    )
    assert state.status == "open"


def test_the_average_price_is_quote_over_base_to_28_digits() -> None:
    thirds = the_order(X="PARTIALLY_FILLED", z="3.00000000", Z="1.00000000")
    assert thirds.average_price == Decimal("0." + "3" * 28)
    tiny = the_order(X="PARTIALLY_FILLED", z="1000000000", Z="7830.00000000")
    assert tiny.average_price == Decimal("0.00000783")


def test_a_quote_below_zero_is_unknown() -> None:
    assert the_order(X="PARTIALLY_FILLED", z="1.0", Z="-1.0").average_price is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"}, "insufficient_balances"),
        ({"x": "EXPIRED", "X": "EXPIRED", "eR": "OCO_TRIGGER"}, "oco_trigger"),
        ({"x": "EXPIRED", "X": "EXPIRED", "eR": "NONE"}, None),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, "expired_in_match"),
        ({"x": "REJECTED", "X": "REJECTED", "r": "SOMETHING_OF_TOMORROW"}, "something_of_tomorrow"),
    ],
)
def test_the_reason_of_an_end_is_kept(words: Any, reason: Any) -> None:
    assert the_order(**words).reason == reason


def test_unknown_types_and_times_in_force_are_kept_as_text() -> None:
    state = the_order(o="HIDDEN_LIMIT", f="GTX")
    assert (state.type, state.time_in_force) == ("hidden_limit", "gtx")


def test_a_cancel_names_the_order_by_its_original_client_id() -> None:
    assert the_order(x="CANCELED", X="CANCELED", c="the-cancel", C="mine-1").client_order_id == "mine-1"


def test_an_amended_order_goes_on_under_its_new_client_id_and_both_are_remembered() -> None:
    state = the_order(x="REPLACED", c="new-name", C="mine-1", q="1.00000000")
    assert (state.client_order_id, state.reason, state.status) == ("new-name", "replaced mine-1", "open")
    assert state.quantity == 1


def test_keys_that_differ_only_in_case_are_different_keys() -> None:
    state = the_order(c="lower", C="", o="LIMIT", O=111, p="1", P="2", q="3", Q="4", w=True, W=5)
    assert (state.client_order_id, state.created_at, state.price, state.stop_price, state.quantity) == (
        "lower",
        111,
        1,
        2,
        3,
    )
    deal = the_fill(l="2", L="5", n="0.1", N="BNB", t=9, T=NOW, m=False, M=True, z="2", Z="10")
    assert (deal.quantity, deal.price, deal.fee, deal.fee_asset, deal.trade_id, deal.liquidity) == (
        2,
        5,
        Decimal("0.1"),
        "BNB",
        "9",
        "taker",
    )


@pytest.mark.parametrize("created", [-1, None])
def test_an_order_may_leave_out_when_it_was_made(created: Any) -> None:
    assert the_order(O=created).created_at is None


def test_the_time_of_a_statement_is_that_of_the_engine_not_of_the_push() -> None:
    assert the_order(E=NOW + 900, T=NOW).updated_at == NOW


def test_microseconds_are_divided() -> None:
    state = the_order(E=NOW * 1000, T=NOW * 1000 + 7, O=NOW * 1000)
    assert (state.updated_at, state.created_at) == (NOW, NOW)
    assert the_fill(T=NOW * 1000 + 999).traded_at == NOW


def test_ids_beyond_the_exact_range_of_a_float_are_exact() -> None:
    big = 2**53 + 1
    deal = the_fill(i=big, t=big + 2, I=2**62)
    assert (deal.order_id, deal.trade_id) == (str(big), str(big + 2))
    assert the_order(I=2**62).version == 2**62


def test_names_outside_ascii_pass_unchanged() -> None:
    assert the_order(s="币安人生USDT").symbol == "币安人生USDT"
    frame = wrapped(position(("币安人生", "1", "0")))
    assert read(WRAPPED.decode(frame).event)[0].asset == "币安人生"


def test_reports_with_equal_times_are_told_apart_by_their_versions() -> None:
    """One market order: accepted, two trades, expired, all within one millisecond."""
    ids = [the_order(o="MARKET", I=version).version for version in (62, 63, 65, 67)]
    assert ids == [62, 63, 65, 67]


# ----------------------------------------------------------------------- fills


def test_a_trade_is_a_fill_and_a_state_of_its_order() -> None:
    deal, state = facts(trade())
    assert deal == Fill(
        category="spot",
        symbol="ETHBTC",
        order_id="4293153",
        trade_id="77",
        side="buy",
        price=Decimal("0.1"),
        quantity=Decimal("0.5"),
        traded_at=NOW,
        client_order_id="mine-1",
        fee=Decimal("0.0005"),
        fee_asset="ETH",
        liquidity="maker",
        kind="trade",
    )
    assert (state.status, state.filled, state.average_price) == (
        "partially_filled",
        Decimal("0.5"),
        Decimal("0.1"),
    )


def test_only_a_trade_is_a_fill() -> None:
    for execution in ("NEW", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION"):
        assert len(facts(report(x=execution))) == 1


def test_no_commission_is_a_fee_of_zero_without_an_asset() -> None:
    deal = the_fill(n="0", N=None)
    assert deal.fee is not None
    assert (deal.fee, deal.fee_asset) == (0, None)


def test_a_fee_that_was_not_told_is_unknown() -> None:
    deal = next(fact for fact in facts(without(trade(), "n", "N")) if isinstance(fact, Fill))
    assert (deal.fee, deal.fee_asset) == (None, None)


def test_a_rebate_is_a_negative_fee() -> None:
    assert the_fill(n="-0.0001", N="BNB").fee == Decimal("-0.0001")


def test_a_fill_by_allocation_is_known_by_its_allocation() -> None:
    deal = the_fill(t=-1, a=998, b="ONE_PARTY_TRADE_REPORT", k="SOR", uS=True)
    assert deal.trade_id == "alloc-998"


def test_a_small_price_is_exact() -> None:
    assert str(the_fill(L="0.00000783").price) == "0.00000783"


def test_amounts_given_as_numbers_are_exact_too() -> None:
    event = trade() | {"L": Decimal("0.12345678901234567890"), "q": 1, "n": 0}
    salvaged = salvage(event)
    assert (salvaged.facts[0].price, salvaged.facts[0].fee) == (Decimal("0.12345678901234567890"), 0)
    assert salvaged.facts == facts(trade(L="0.12345678901234567890", q="1", n="0"))
    assert salvaged.trouble == ()


@pytest.mark.parametrize("text", ["", " 1", "1_0", "1e99999", "NaN", "-Infinity", "0x1", "١", "1,0"])
def test_what_is_no_plain_number_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        Amounts()[text]


def test_remembered_amounts_are_bounded_and_exact() -> None:
    amounts = Amounts()
    for n in range(REMEMBERED + 10):
        assert amounts[f"{n}.10"] == Decimal(f"{n}.10")
    assert len(amounts) <= REMEMBERED


# ------------------------------------------------------------ balances and cash


def test_balances_are_absolute_and_those_not_listed_are_not_mentioned() -> None:
    assert facts(position(("ETH", "10.5", "0.0"), ("BTC", "1", "2"))) == (
        Balance("ETH", Decimal("10.5"), Decimal(0), None, NOW),
        Balance("BTC", Decimal(1), Decimal(2), None, NOW),
    )
    assert facts(position()) == ()


def test_a_balance_update_is_a_movement_and_no_balance() -> None:
    event = {"e": "balanceUpdate", "E": NOW + 5, "a": "BTC", "d": "-100.00000000", "T": NOW}
    assert facts(event) == (CashMove(f"balanceUpdate:BTC:-100:{NOW}", "BTC", Decimal(-100), "transfer", NOW),)


def test_the_same_movement_has_the_same_id_however_its_amount_is_spelled() -> None:
    event = {"e": "balanceUpdate", "E": NOW, "a": "BTC", "d": "100.00000000", "T": NOW}
    assert facts(event) == facts({**event, "d": "1E2", "E": NOW + 9})
    assert facts(event)[0].id != facts({**event, "d": "-100"})[0].id


def test_an_external_lock_moves_no_money() -> None:
    event = {"e": "externalLockUpdate", "E": NOW, "a": "NEO", "d": "10.00000000", "T": NOW}
    assert facts(event) == (CashMove(f"externalLockUpdate:NEO:10:{NOW}", "NEO", Decimal(0), "transfer", NOW),)


def test_a_list_status_states_nothing_of_its_own() -> None:
    event = {
        "e": "listStatus",
        "E": NOW,
        "s": "ETHBTC",
        "g": 2,
        "c": "OCO",
        "l": "EXEC_STARTED",
        "L": "EXECUTING",
        "r": "NONE",
        "C": "list-1",
        "T": NOW,
        "O": [{"s": "ETHBTC", "i": 17, "c": "a"}],
    }
    assert facts(event) == ()


# -------------------------------------------------------------- the two readings


@pytest.mark.parametrize(
    "event",
    [report(), trade(), position(("A", "1", "2"))],
    ids=["order", "trade", "balances"],
)
def test_the_three_frame_forms_hold_the_same_event(event: Any) -> None:
    raw = read(RAW.decode(text(event)))
    assert raw is not None
    assert read(WRAPPED.decode(wrapped(event)).event) == raw
    assert read(COMBINED.decode(combined(event)).event) == raw


AMOUNTS = st.decimals("0", "1000000", places=8).map(str)
MAYBE = st.booleans() | st.none()


@given(
    st.fixed_dictionaries(
        dict.fromkeys("qpPlLzZ", AMOUNTS)
        | {"n": st.decimals("-5", "5", places=8).map(str), "N": st.sampled_from(["BNB", None])}
        | {"x": st.sampled_from(["NEW", "TRADE", "CANCELED", "REPLACED", "EXPIRED", "TRADE_PREVENTION"])}
        | {"X": st.sampled_from(["NEW", "PENDING_NEW", "PARTIALLY_FILLED", "FILLED", "EXPIRED_IN_MATCH"])}
        | {
            "o": st.sampled_from(["LIMIT", "STOP_LOSS_LIMIT", "MARKET"]),
            "S": st.sampled_from(["BUY", "SELL"]),
        }
        | {"C": st.sampled_from(["", "older"]), "r": st.sampled_from(["NONE", "OCO_BAD_PRICES"])}
        | {"t": st.integers(-1, 2**60), "w": MAYBE, "m": MAYBE, "O": st.integers(-1, 10**17)}
    )
)
def test_the_fast_reading_says_what_the_reading_in_pieces_says(changes: Any) -> None:
    fast = read(msgspec.convert(report(**changes), RAW.type))
    pieces = msgspec.convert(report(**changes), ExecutionReport)
    if fast is not None:
        assert fast == (
            (events.fill(pieces), events.order(pieces))
            if pieces.execution == "TRADE"
            else (events.order(pieces),)
        )


@pytest.mark.parametrize("event", [report(), trade(), trade(X="FILLED"), report(x="CANCELED", X="CANCELED")])
def test_a_report_that_is_complete_takes_the_fast_reading(event: Any) -> None:
    assert read(msgspec.convert(event, RAW.type)) is not None

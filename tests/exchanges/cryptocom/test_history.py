"""The sync plan: what is asked when, and what its answer states."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import LinkError, NotFound, RateLimited, Unreadable, VigilError
from core.facts import Balance, CashMove, Fill, OrderState, Position, Unrecognised
from exchanges.base import Complete, HeldOrder, HeldPosition, Known
from exchanges.cryptocom.history import FEW, LAG_MS, Sync
from exchanges.cryptocom.words import CATEGORIES
from tests.exchanges.cryptocom.messages import MS, NOW, asset, movement, order, position, trade, wallet
from tests.exchanges.cryptocom.server import Server
from tests.exchanges.kit import drive

HOUR = 3_600_000
D = Decimal


def known(**values: Any) -> Known:
    return Known(since=values.pop("since", NOW - HOUR), now=NOW, **{"balances": {}, **values})


def audit(**values: Any) -> Known:
    """A comparison while the stream looks healthy."""
    return known(healthy=True, categories=(), **values)


def sync(server: Server, told: Known | None = None) -> Complete:
    answer, _ = drive(Sync(told or known()).run(), server, at=NOW)
    assert isinstance(answer, Complete)
    return answer


def of(answer: Complete, kind: type) -> list[Any]:
    return [fact for fact in answer.facts if isinstance(fact, kind)]


def statuses(answer: Complete) -> dict[str, str]:
    return {fact.order_id: fact.status for fact in of(answer, OrderState)}


# --------------------------------------------------------------------- what is asked


ALWAYS = ["get-open-orders", "user-balance", "get-trades"]


def test_after_a_gap_everything_is_asked_for() -> None:
    server = Server()
    sync(server)
    assert sorted(server.seen) == sorted(
        [
            *ALWAYS,
            "advanced/get-open-orders",
            "get-order-history",
            "advanced/get-order-history",
            "get-transactions",
            "get-positions",
        ]
    )


def test_an_audit_of_a_healthy_stream_asks_three_things() -> None:
    server = Server()
    sync(server, audit())
    assert server.seen == ALWAYS


def test_now_and_then_an_audit_asks_everything_too() -> None:
    one, other = Server(), Server()
    sync(one, known(healthy=True, deep=True))
    sync(other)
    assert one.seen == other.seen


@pytest.mark.parametrize(
    "values",
    [
        {"positions": (HeldPosition("perpetual", "LTCUSD-PERP", "buy"),)},
        {"categories": ("perpetual",)},
        {"categories": ("spot", "future")},
    ],
)
def test_positions_are_asked_for_where_something_points_at_them(values: Any) -> None:
    server = Server()
    sync(server, known(healthy=True, **{"categories": (), **values}))
    assert server.seen == [*ALWAYS, "get-positions"]


def test_a_traded_contract_points_at_positions_and_a_traded_coin_does_not() -> None:
    spot, contract = Server(), Server()
    spot.open = contract.open = [order()]
    spot.trades, contract.trades = [trade()], [trade(instrument_name="LTCUSD-PERP")]
    sync(spot, audit())
    sync(contract, audit())
    assert spot.count("get-positions") == 0
    assert contract.count("get-positions") == 1


def test_an_order_that_we_hold_and_the_list_lacks_may_be_a_trigger_order() -> None:
    server = Server()
    server.advanced = [order("5", order_type="STOP_LOSS", status="ACTIVE")]
    answer = sync(server, audit(open_orders=(HeldOrder("spot", "LTC_USDT", "5"),)))
    assert server.count("advanced/get-open-orders") == 1
    assert server.count("get-order-detail") == 0
    assert statuses(answer) == {"5": "untriggered"}


def test_trades_are_asked_for_since_then_in_nanoseconds_as_strings_and_up_to_now() -> None:
    server = Server()
    sync(server, audit(since=NOW - 60_000))
    call = next(call for call in server.calls if call.path.endswith("get-trades"))
    assert dict(call.params) == {"start_time": str((NOW - 60_000) * MS), "limit": "100"}


def test_every_call_has_the_pace_of_its_method() -> None:
    server = Server()
    sync(server)
    pace = {call.path.rpartition("private/")[2]: call.pace for call in server.calls}
    assert pace["get-trades"] > 1
    assert pace["get-order-history"] > 1
    assert {value for name, value in pace.items() if name not in {"get-trades", "get-order-history"}} == {
        0.04
    }
    assert all(call.method == "GET" and call.auth == "signed" for call in server.calls)


# ------------------------------------------------------------------- what it states


def test_it_is_complete_for_every_market_as_of_the_first_request() -> None:
    answer = sync(Server())
    assert (answer.as_of, answer.categories) == (NOW, CATEGORIES)


def test_open_orders_ended_orders_and_trades_are_all_stated() -> None:
    server = Server()
    server.open = [order("1")]
    server.advanced = [order("2", order_type="STOP_LOSS")]
    server.ended = [order("3", status="CANCELED"), order("4", status="FILLED", cumulative_quantity="0.1")]
    server.advanced_ended = [order("5", status="EXPIRED")]
    server.trades = [trade("t1", "4"), trade("t2", "4")]
    server.money = [movement(), movement("187079", "TRADING")]
    answer = sync(server)
    assert statuses(answer) == {
        "1": "open",
        "2": "untriggered",
        "3": "canceled",
        "4": "filled",
        "5": "expired",
    }
    assert [fact.trade_id for fact in of(answer, Fill)] == ["t1", "t2"]
    assert [fact.id for fact in of(answer, CashMove)] == ["187078"]
    assert of(answer, Unrecognised) == []


def test_of_two_rows_about_one_order_the_later_counts() -> None:
    server = Server()
    server.open = [order("1", cumulative_quantity="0.05", update_time=NOW - 500)]
    server.ended = [order("1", status="FILLED", cumulative_quantity="0.1", update_time=NOW - 400)]
    assert statuses(sync(server)) == {"1": "filled"}
    server.ended = [order("1", status="ACTIVE", update_time=NOW - 600)]
    assert statuses(sync(server)) == {"1": "partially_filled"}


def test_of_equal_times_the_history_counts_which_shows_only_what_has_ended() -> None:
    server = Server()
    server.open = [order("1")]
    server.ended = [order("1", status="CANCELED")]
    assert statuses(sync(server)) == {"1": "canceled"}


def test_an_order_that_trades_name_and_nothing_shows_is_asked_for_once() -> None:
    server = Server()
    server.trades = [trade("t1", "9"), trade("t2", "9"), trade("t3", "1")]
    server.open = [order("1")]
    server.ended = [order("9", status="FILLED", cumulative_quantity="0.08", update_time=NOW - 90 * HOUR)]
    answer = sync(server, audit())
    assert server.seen == [*ALWAYS, "get-order-detail"]
    assert statuses(answer) == {"1": "open", "9": "filled"}


def test_where_trades_name_many_orders_the_history_is_read_before_any_is_asked_for() -> None:
    server = Server()
    server.trades = [trade(f"t{n}", str(n)) for n in range(FEW + 2)]
    server.ended = [order(str(n), status="FILLED", cumulative_quantity="0.04") for n in range(1, FEW + 2)]
    server.ended.append(order("0", status="FILLED", cumulative_quantity="0.04", update_time=NOW - 90 * HOUR))
    answer = sync(server, audit())
    assert server.seen == [*ALWAYS, "get-order-history", "get-order-detail"]
    assert len(statuses(answer)) == FEW + 2


def test_a_trade_may_carry_the_id_that_the_matching_side_gave_its_order() -> None:
    server = Server()
    server.open = [order("1", exchange_order_id="653")]
    server.trades = [trade("t1", "653")]
    sync(server, audit())
    assert server.count("get-order-detail") == 0


def test_orders_that_we_hold_and_nothing_shows_are_asked_for_but_not_all_at_once() -> None:
    server = Server()
    held = tuple(HeldOrder("spot", "LTC_USDT", str(n)) for n in range(30))
    server.ended = [order(str(n), status="CANCELED", update_time=NOW - 90 * HOUR) for n in range(30)]
    answer = sync(server, known(open_orders=held))
    assert server.count("get-order-detail") == FEW
    assert len(statuses(answer)) == FEW


def test_of_an_order_that_nobody_knows_nothing_is_stated_for_the_driver_has_more_ways() -> None:
    server = Server()
    answer = sync(server, known(open_orders=(HeldOrder("spot", "LTC_USDT", "9"),)))
    assert server.count("get-order-detail") == 1
    assert statuses(answer) == {}


def test_an_order_that_is_known_by_our_id_only_is_left_to_the_driver() -> None:
    server = Server()
    sync(server, known(open_orders=(HeldOrder("spot", "LTC_USDT", "", "mine"),)))
    assert server.count("get-order-detail") == 0


# ----------------------------------------------------------------------- balances


def test_balances_hold_good_from_a_little_before_the_request() -> None:
    server = Server()
    server.wallet = wallet(asset("USD", "5"))
    assert of(sync(server), Balance) == [Balance("USD", D(5), D(0), D(5), NOW - LAG_MS)]


def test_an_asset_that_we_hold_and_the_whole_wallet_lacks_is_zero() -> None:
    server = Server()
    server.wallet = wallet(asset("USD", "5"))
    answer = sync(server, audit(balances={"USD": D(5), "CRO": D(7), "BTC": D(0)}))
    assert of(answer, Balance)[1:] == [Balance("CRO", D(0), D(0), D(0), NOW - LAG_MS)]


def test_a_wallet_that_positions_bind_says_totals_only() -> None:
    server = Server()
    server.wallet = wallet(asset("USD", "5", max_withdrawal_balance="4"), total_position_im="1")
    (balance,) = of(sync(server), Balance)
    assert (balance.free, balance.locked, balance.total) == (None, None, 5)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [wallet(), wallet()],
        [{"position_balances": {}}],
        [{"position_balances": [{"instrument_name": "USD"}]}],
        [{}],
    ],
)
def test_a_wallet_that_cannot_be_read_is_an_error_and_never_empty(data: Any) -> None:
    server = Server()

    def answering(call: Any) -> Any:
        return {"code": 0, "result": {"data": data}} if "user-balance" in call.path else server(call)

    with pytest.raises(Unreadable):
        drive(Sync(known(balances={"USD": D(5)})).run(), answering)


# ---------------------------------------------------------------------- positions


def test_a_position_that_we_hold_and_the_whole_list_lacks_is_flat() -> None:
    server = Server()
    server.held = [position("-2"), position("3", instrument_name="BTCUSD-PERP", isolation_id="7")]
    held = tuple(
        HeldPosition("perpetual", symbol, side)
        for symbol, side in (("LTCUSD-PERP", "buy"), ("BTCUSD-PERP", "buy/7"), ("BTCUSD-PERP", "buy"))
    )
    stated = {(fact.symbol, fact.side): fact for fact in of(sync(server, audit(positions=held)), Position)}
    assert {name: fact.size for name, fact in stated.items()} == {
        ("LTCUSD-PERP", "sell"): 2,
        ("LTCUSD-PERP", "buy"): 0,
        ("BTCUSD-PERP", "buy/7"): 3,
        ("BTCUSD-PERP", "buy"): 0,
    }
    assert stated["LTCUSD-PERP", "buy"].updated_at == NOW - LAG_MS


# ------------------------------------------------------------------------- failing


@pytest.mark.parametrize(
    "method",
    [
        *ALWAYS,
        "advanced/get-open-orders",
        "get-order-history",
        "advanced/get-order-history",
        "get-transactions",
        "get-positions",
    ],
)
def test_any_call_that_fails_fails_the_whole_answer(method: Any) -> None:
    server = Server()
    server.fail[method] = LinkError("HTTP 502")
    with pytest.raises(LinkError):
        sync(server)


def test_a_second_page_that_fails_fails_the_whole_answer() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - n) * MS) for n in range(150)]

    def failing(call: Any) -> Any:
        return (
            RateLimited("42901") if server.count("get-trades") and "get-trades" in call.path else server(call)
        )

    with pytest.raises(VigilError):
        drive(Sync(known()).run(), failing)


def test_not_found_is_no_answer_to_a_list() -> None:
    server = Server()
    server.fail["get-open-orders"] = NotFound("40401")
    with pytest.raises(NotFound):
        sync(server)


# ----------------------------------------------------------------------- its limits


def test_what_cannot_be_looked_at_any_more_is_said() -> None:
    server = Server()
    answer = sync(server, audit(since=NOW - 200 * 24 * HOUR))
    assert answer.since == NOW - 180 * 24 * HOUR
    assert of(answer, Unrecognised) == [], "it is told once, by the answer, and not as a fact each time"
    assert server.count("get-trades") == 180


def test_a_long_gap_is_read_day_by_day() -> None:
    server = Server()
    server.trades = [trade(str(n), "1", at=(NOW - n * 24 * HOUR - 5) * MS) for n in range(5)]
    server.open = [order("1")]
    answer = sync(server, known(since=NOW - 120 * HOUR))
    assert len(of(answer, Fill)) == 5
    assert server.count("get-trades") == 5
    assert server.count("get-order-history") == 5


def test_the_raw_texts_are_those_of_the_answers_that_said_something() -> None:
    server = Server()
    server.open = [order("1")]
    answer = sync(server)
    assert len(answer.raw) == 2  # the orders and the wallet
    assert '"order_id":"1"' in answer.raw[0]

"""A sync finds everything that happened since, in every market, and asks no more than it must."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from core.errors import (
    BadRequest,
    ClockError,
    FatalError,
    LinkError,
    NotFound,
    ProtocolChanged,
    Unreadable,
    VigilError,
)
from core.facts import Balance, CashMove, Fill, OrderState, Position, Unrecognised
from exchanges.base import Complete, HeldOrder, HeldPosition, Known
from exchanges.bybit.errors import NotAllowed
from exchanges.bybit.paging import reached
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from exchanges.bybit.stream import BybitStream
from tests.exchanges.bybit.rows import (
    NOW,
    UUID,
    coin,
    execution_row,
    filled_row,
    order_row,
    position_row,
    pushed,
    wallet,
    without,
)
from tests.exchanges.bybit.server import DAY, NAMES, Server
from tests.exchanges.kit import CREDENTIALS, drive, reply

HOUR = 3_600_000
ZERO = Decimal(0)
ALL = ("spot", "linear", "inverse", "option")
BEGAN = NOW + 500


def dialect() -> BybitRest:
    return BybitRest(Signer(CREDENTIALS))


def known(**changes: Any) -> Known:
    """After a gap: nothing tells the markets apart."""
    return Known(**{"since": NOW - HOUR, "now": NOW + 1_000, "balances": {}, **changes})


def audit(**changes: Any) -> Known:
    """While the stream works and was silent."""
    return known(**{"healthy": True, "categories": (), **changes})


def sync(server: Any, facts_known: Any = None, rest: Any = None) -> Any:
    answer, calls = drive((rest or dialect()).sync(facts_known or known()), server, at=BEGAN)
    assert isinstance(answer, Complete)
    return answer, calls


def asked(calls: Any, category: str | None = None) -> list[str]:
    """What was asked, by name; of one market only."""
    return [
        NAMES[call.path]
        for call in calls
        if category is None or dict(call.params).get("category") == category
    ]


def markets(calls: Any) -> list[str]:
    return list(
        dict.fromkeys(
            dict(call.params)["category"] for call in calls if call.path != "/v5/account/wallet-balance"
        )
    )


def of(answer: Any, kind: Any) -> Any:
    return [fact for fact in answer.facts if isinstance(fact, kind)]


def states(answer: Any) -> dict[str, str]:
    return {state.order_id: state.status for state in of(answer, OrderState)}


def trades(answer: Any) -> list[str]:
    return sorted(deal.trade_id for deal in of(answer, Fill))


def held(row: Any, category: str = "spot") -> HeldOrder:
    return HeldOrder(category, row["symbol"], row["orderId"], row["orderLinkId"], Decimal(row["cumExecQty"]))


def used(server: Any = None) -> BybitRest:
    """A dialect that has looked everywhere once."""
    rest = dialect()
    sync(server or Server(), rest=rest)
    return rest


# --------------------------------------------------------------------- what is always asked


def test_after_a_gap_every_market_is_asked_and_proven() -> None:
    answer, calls = sync(Server())
    assert answer.categories == ALL
    assert answer.facts == ()
    assert markets(calls) == list(ALL)


def test_an_answer_is_as_of_the_moment_when_its_first_request_began() -> None:
    assert sync(Server())[0].as_of == BEGAN


def test_spot_is_asked_for_orders_executions_and_history_and_has_no_positions() -> None:
    _, calls = sync(Server())
    assert asked(calls, "spot") == ["realtime", "executions", "history", "history"]


def test_linear_orders_and_positions_are_asked_for_by_settle_coin() -> None:
    _, calls = sync(Server())
    coins = [
        dict(call.params).get("settleCoin") for call in calls if dict(call.params).get("category") == "linear"
    ]
    assert coins == ["USDT", "USDC", "USDT", "USDC", None, None, None]


def test_option_executions_are_asked_for_by_settle_coin_because_the_default_is_bitcoin() -> None:
    server = Server()
    row = execution_row(symbol="ETH-28FEB25-2800-C")
    server.orders["option"] = [filled_row(symbol="ETH-28FEB25-2800-C")]
    server.executions["option"] = [row]
    assert trades(sync(server)[0]) == [row["execId"]]


def test_lists_are_asked_for_in_their_largest_pages() -> None:
    _, calls = sync(Server())
    limits = {NAMES[call.path]: dict(call.params).get("limit") for call in calls[:-4]}
    assert limits == {
        "realtime": "50",
        "positions": "200",
        "wallet": None,
        "executions": "100",
        "history": "50",
    }


def test_only_open_orders_are_asked_for() -> None:
    _, calls = sync(Server())
    assert all(dict(call.params)["openOnly"] == "0" for call in calls if NAMES[call.path] == "realtime")


def test_every_open_order_of_every_market_is_stated_under_its_market() -> None:
    server = Server()
    for category in ALL:
        server.orders[category] = [order_row(orderId=f"{category}-1", symbol="BTCUSDT")]
    server.orders["linear"].append(order_row(orderId="linear-2", symbol="BTCPERP"))
    answer, _ = sync(server)
    assert {(state.category, state.order_id) for state in of(answer, OrderState)} == {
        ("spot", "spot-1"),
        ("linear", "linear-1"),
        ("linear", "linear-2"),
        ("inverse", "inverse-1"),
        ("option", "option-1"),
    }


# ------------------------------------------------------------------------------- balances


def test_balances_are_absolute_and_as_of_the_moment_when_they_were_asked_for() -> None:
    server = Server()
    server.coins = [coin("BTC", "1.5", "0.5")]
    assert of(sync(server)[0], Balance) == [
        Balance("BTC", Decimal("1.0"), Decimal("0.5"), Decimal("1.5"), BEGAN)
    ]


def test_balances_are_never_of_a_later_moment_than_the_answer_itself() -> None:
    server = Server()
    server.coins = [coin("BTC", "1")]
    server.time = NOW - 3_000
    assert of(sync(server)[0], Balance)[0].updated_at == NOW - 3_000


def test_a_coin_that_is_not_listed_any_more_is_zero() -> None:
    server = Server()
    server.coins = [coin("BTC", "1")]
    before = {"BTC": Decimal(1), "ETH": Decimal(2), "OLD": ZERO}
    gone = [
        balance for balance in of(sync(server, known(balances=before))[0], Balance) if balance.asset != "BTC"
    ]
    assert gone == [Balance("ETH", ZERO, ZERO, ZERO, BEGAN)]


def test_balances_alone_are_those_of_a_sync_by_one_call() -> None:
    server, held = Server(), {"ETH": Decimal(2), "USDT": Decimal(1)}
    answer, calls = drive(dialect().balances(held), server, at=BEGAN)
    assert list(answer.facts) == of(sync(server, known(balances=held))[0], Balance)
    assert asked(calls) == ["wallet"]


def test_a_wallet_without_an_account_is_no_empty_wallet() -> None:
    server = Server()
    answer = {"retCode": 0, "result": {"list": []}}
    empty = lambda call: answer if NAMES[call.path] == "wallet" else server(call)  # noqa: E731
    with pytest.raises(Unreadable):
        sync(empty)


# ------------------------------------------------------------------------------ positions


def test_open_positions_are_stated_and_no_flat_ones() -> None:
    server = Server()
    server.positions["linear"] = [
        position_row(avgPrice="29999.5"),
        position_row(symbol="BTCPERP", side="Sell"),
    ]
    server.positions["inverse"] = [position_row(symbol="BTCUSD", positionIdx=2, side="Sell", size="300")]
    answer, _ = sync(server)
    assert {(at.category, at.symbol, at.side, str(at.size)) for at in of(answer, Position)} == {
        ("linear", "BTCUSDT", "buy", "0.5"),
        ("linear", "BTCPERP", "sell", "0.5"),
        ("inverse", "BTCUSD", "sell", "300"),
    }
    assert of(answer, Position)[0].entry_price == Decimal("29999.5")


def test_a_position_that_is_held_and_not_listed_is_flat() -> None:
    server = Server()
    server.positions["linear"] = [position_row()]
    ours = tuple(
        HeldPosition("linear", symbol, side) for symbol, side in (("BTCUSDT", "buy"), ("ETHUSDT", "sell"))
    )
    flat = [at for at in of(sync(server, known(positions=ours))[0], Position) if not at.size]
    assert flat == [Position("linear", "ETHUSDT", "sell", ZERO, updated_at=BEGAN)]


def test_a_position_that_turned_round_is_open_on_one_side_and_flat_on_the_other() -> None:
    server = Server()
    server.positions["linear"] = [position_row(side="Sell")]
    answer, _ = sync(server, known(positions=(HeldPosition("linear", "BTCUSDT", "buy"),)))
    assert {at.side: str(at.size) for at in of(answer, Position)} == {"sell": "0.5", "buy": "0"}


def test_both_legs_of_a_hedged_position_are_stated() -> None:
    server = Server()
    server.positions["linear"] = [
        position_row(positionIdx=1, size="1"),
        position_row(positionIdx=2, side="Sell", size="2"),
    ]
    assert {at.side: str(at.size) for at in of(sync(server)[0], Position)} == {"buy": "1", "sell": "2"}


# -------------------------------------------------------------------------- which markets


def test_an_audit_of_a_quiet_spot_account_costs_three_calls() -> None:
    rest = used()
    answer, calls = sync(Server(), audit(), rest)
    assert asked(calls) == ["realtime", "wallet", "executions"]
    assert answer.categories == ("spot",)


@pytest.mark.parametrize(
    "ground",
    [
        {"categories": ("linear",)},
        {"open_orders": (HeldOrder("linear", "BTCUSDT", "1"),)},
        {"positions": (HeldPosition("linear", "BTCUSDT", "buy"),)},
    ],
)
def test_a_market_in_which_something_is_open_or_has_moved_is_asked_too(ground: Any) -> None:
    answer, calls = sync(Server(), audit(**ground), used())
    assert markets(calls) == ["spot", "linear"]
    assert answer.categories == ("spot", "linear")


@pytest.mark.parametrize("all_of_it", [{"deep": True}, {"first": True}, {"categories": None}])
def test_now_and_then_and_after_a_gap_all_markets_are_asked(all_of_it: Any) -> None:
    assert sync(Server(), audit(**all_of_it), used())[0].categories == ALL


@pytest.mark.parametrize("what", ["order", "fill", "position"])
def test_a_market_stays_active_for_seven_days_after_the_last_sign_of_life(what: Any) -> None:
    server = Server()
    match what:
        case "order":
            server.orders["inverse"] = [order_row(orderStatus="Cancelled", updatedTime=str(NOW))]
        case "fill":
            server.executions["inverse"] = [execution_row(execType="Settle")]
        case "position":
            server.positions["inverse"] = [position_row()]
    rest = used(server)
    later = NOW + 7 * DAY - 1_000
    assert "inverse" in markets(sync(Server(), audit(now=later, since=later - HOUR), rest)[1])
    later = NOW + 7 * DAY + 2_000
    assert "inverse" not in markets(sync(Server(), audit(now=later, since=later - HOUR), rest)[1])


def test_a_poller_that_begins_asks_silent_markets_for_a_trace_of_seven_days_once() -> None:
    server = Server()
    server.orders["option"] = [filled_row(createdTime=str(NOW - 3 * DAY), updatedTime=str(NOW - 3 * DAY))]
    rest = dialect()
    _, calls = sync(server, rest=rest)
    probes = [dict(call.params) for call in calls if dict(call.params).get("limit") == "1"]
    assert probes == [{"category": category, "limit": "1"} for category in ALL]
    assert markets(sync(server, audit(), rest)[1]) == ["spot", "option"]
    _, calls = sync(server, known(), rest)
    assert not [call for call in calls if dict(call.params).get("limit") == "1"]


@pytest.mark.parametrize("error", [NotAllowed("10005"), BadRequest("10001"), ProtocolChanged("HTTP 404")])
def test_a_market_that_is_not_served_is_left_out_of_the_proof_and_told_once(error: Any) -> None:
    server = Server()
    server.broken = {"realtime linear": error, "realtime option": error}
    rest = dialect()
    answer, _ = sync(server, rest=rest)
    assert answer.categories == ("spot", "inverse")
    assert [fact.event for fact in of(answer, Unrecognised)] == ["linear", "option"]
    assert of(sync(server, rest=rest)[0], Unrecognised) == []
    assert [text.partition(" (")[0] for text in sync(server, rest=rest)[0].unseen] == [
        "linear: this market is not served",
        "option: this market is not served",
    ], "that it was not compared is told each time"


def test_an_answer_says_from_when_on_and_what_of_that_time_is_not_shown_any_more() -> None:
    answer, _ = sync(Server())
    assert (answer.since, answer.unseen, answer.symbols) == (NOW - HOUR, (), None)
    answer, _ = sync(Server(), known(since=NOW - 25 * HOUR))
    assert answer.unseen == ("orders that ended without a fill more than 24 hours ago",)
    assert NOW - 730 * DAY < reached(0, NOW) < NOW - 728 * DAY


@pytest.mark.parametrize(
    "ground",
    [
        {"open_orders": (HeldOrder("linear", "BTCUSDT", "1"),)},
        {"positions": (HeldPosition("linear", "BTCUSDT", "buy"),)},
        {"categories": ("linear",)},
    ],
)
def test_a_market_in_use_that_is_refused_fails_the_whole(ground: Any) -> None:
    server = Server()
    server.broken["realtime linear"] = NotAllowed("10005")
    with pytest.raises(FatalError):
        sync(server, known(**ground))


def test_spot_that_is_refused_fails_the_whole() -> None:
    server = Server()
    server.broken["realtime spot"] = NotAllowed("10005")
    with pytest.raises(FatalError):
        sync(server)


@pytest.mark.parametrize("error", [LinkError("HTTP 500"), ClockError("10002"), FatalError("10003")])
def test_an_idle_market_that_merely_fails_fails_the_whole(error: Any) -> None:
    server = Server()
    server.broken["realtime option"] = error
    with pytest.raises(type(error)):
        sync(server)


# ---------------------------------------------------------------------- what has happened


def test_an_order_that_lived_and_died_in_the_gap_is_known_with_its_state_and_fills() -> None:
    server = Server()
    server.orders["spot"] = [filled_row(), order_row(orderId="2", orderStatus="Cancelled")]
    server.executions["spot"] = [
        execution_row(execId="1", execQty="0.04"),
        execution_row(execId="2", execQty="0.06"),
    ]
    answer, _ = sync(server)
    assert states(answer) == {UUID: "filled", "2": "canceled"}
    assert trades(answer) == ["1", "2"]


def test_a_fill_by_rest_is_the_same_fact_as_by_stream() -> None:
    row = execution_row()
    server = Server()
    server.orders["linear"], server.executions["linear"] = [filled_row()], [row]
    by_stream = BybitStream("ws://x", Signer(CREDENTIALS)).received(pushed("execution", row), NOW).facts
    assert tuple(of(sync(server)[0], Fill)) == by_stream


def test_an_order_by_rest_is_the_same_fact_as_by_stream() -> None:
    server = Server()
    server.orders["linear"] = [order_row()]
    by_stream = BybitStream("ws://x", Signer(CREDENTIALS)).received(pushed("order", order_row()), NOW).facts
    assert tuple(of(sync(server)[0], OrderState)) == by_stream


def test_a_balance_by_rest_differs_from_the_streams_in_its_time_alone() -> None:
    server = Server()
    server.coins = [coin("USDT", "1000.5", "300.25")]
    frame = pushed("wallet", wallet(coin("USDT", "1000.5", "300.25")))
    (by_stream,) = BybitStream("ws://x", Signer(CREDENTIALS)).received(frame, NOW).facts
    (by_rest,) = of(sync(server)[0], Balance)
    assert isinstance(by_stream, Balance)
    assert (by_rest.free, by_rest.locked, by_rest.total) == (
        by_stream.free,
        by_stream.locked,
        by_stream.total,
    )


def test_funding_among_the_executions_is_cash() -> None:
    server = Server()
    row = execution_row(execType="Funding", orderId="16791", execFee="0.5", feeCurrency="", execQty="3.00238")
    server.executions["linear"] = [row]
    answer, calls = sync(server)
    assert of(answer, Fill) == []
    assert [move.amount for move in of(answer, CashMove)] == [Decimal("-0.5")]
    assert asked(calls, "linear").count("realtime") == 2, "nobody asks for its synthetic order"


@pytest.mark.parametrize("kind", ["Delivery", "Settle", "BlockTrade", "MovePosition"])
def test_a_fill_without_a_visible_order_is_not_searched_for_its_order(kind: Any) -> None:
    server = Server()
    server.executions["inverse"] = [execution_row(execType=kind, orderId="none")]
    answer, calls = sync(server)
    assert len(of(answer, Fill)) == 1
    assert asked(calls, "inverse").count("realtime") == 1


def test_an_order_from_before_the_window_that_traded_in_it_is_asked_for_by_itself() -> None:
    server = Server()
    server.orders["linear"] = [filled_row(createdTime=str(NOW - 2 * DAY))]
    server.executions["linear"] = [execution_row()]
    answer, calls = sync(server)
    assert states(answer) == {UUID: "filled"}
    by_id = [dict(call.params) for call in calls if "orderId" in dict(call.params)]
    assert by_id == [{"category": "linear", "symbol": "BTCUSDT", "orderId": UUID, "limit": "50"}]


def test_an_order_that_only_the_history_knows_is_found_there() -> None:
    server = Server()
    server.orders["spot"] = [filled_row(createdTime=str(NOW - 2 * DAY))]
    server.executions["spot"] = [execution_row()]
    gone = lambda call: (  # noqa: E731
        NotFound("110001")
        if NAMES[call.path] == "realtime" and "orderId" in dict(call.params)
        else server(call)
    )
    assert states(sync(gone)[0]) == {UUID: "filled"}


def test_a_traded_order_that_nobody_shows_leaves_its_fills() -> None:
    server = Server()
    server.executions["spot"] = [execution_row()]
    answer, _ = sync(server)
    assert len(of(answer, Fill)) == 1
    assert states(answer) == {}


def test_an_order_that_is_further_than_its_executions_is_asked_for_them() -> None:
    server = Server()
    server.orders["spot"] = [filled_row()]
    server.executions["spot"] = [execution_row(execId="late")]
    server.lagging = {"late"}
    answer, calls = sync(server)
    assert trades(answer) == ["late"]
    by_id = [dict(call.params) for call in calls if "orderId" in dict(call.params)]
    assert by_id == [{"category": "spot", "symbol": "BTCUSDT", "orderId": UUID, "limit": "100"}]


def test_what_is_already_held_of_an_order_is_not_asked_for_again() -> None:
    server = Server()
    row = order_row(orderStatus="PartiallyFilled", cumExecQty="0.040", createdTime=str(NOW - 2 * DAY))
    server.orders["spot"] = [row]
    _, calls = sync(server, known(open_orders=(held(row),)))
    assert not [call for call in calls if "orderId" in dict(call.params)]


def test_an_open_order_that_we_never_knew_comes_with_its_old_fills() -> None:
    server = Server()
    server.orders["spot"] = [
        order_row(orderStatus="PartiallyFilled", cumExecQty="0.100", createdTime=str(NOW - 20 * DAY))
    ]
    server.executions["spot"] = [execution_row(execTime=str(NOW - 19 * DAY))]
    assert len(of(sync(server, known(first=True))[0], Fill)) == 1


@pytest.mark.parametrize("lagging", ["open orders", "history"])
def test_of_two_statements_about_an_order_the_later_one_stays(lagging: Any) -> None:
    early = order_row(orderStatus="PartiallyFilled", cumExecQty="0.05", updatedTime=str(NOW - 9_000))
    late = filled_row(updatedTime=str(NOW - 8_000))
    lists = {"realtime": early, "history": late}
    if lagging == "history":
        lists = {"realtime": {**late, "orderStatus": "PartiallyFilled"}, "history": early}
    server = Server()

    def served(call: Any) -> Any:
        rows = (
            [lists[NAMES[call.path]]]
            if NAMES[call.path] in lists and "symbol" not in dict(call.params)
            else []
        )
        if not rows or dict(call.params)["category"] != "spot":
            return server(call)
        return {"retCode": 0, "result": {"list": rows, "nextPageCursor": "", "category": "spot"}}

    (state,) = of(sync(served)[0], OrderState)
    assert state.filled == Decimal("0.100")


def test_of_two_equal_statements_the_final_one_stays() -> None:
    server = Server()
    server.orders["spot"] = [order_row(orderStatus="Cancelled")]
    stale = {"retCode": 0, "result": {"list": [order_row()], "category": "spot"}}
    served = lambda call: (  # noqa: E731
        stale if NAMES[call.path] == "realtime" and dict(call.params)["category"] == "spot" else server(call)
    )
    assert states(sync(served)[0]) == {UUID: "canceled"}


# ---------------------------------------------------------------- what an audit leaves out


def test_a_healthy_stream_spares_the_history_while_the_open_orders_are_as_held() -> None:
    server = Server()
    server.orders["spot"] = [order_row()]
    _, calls = sync(server, audit(open_orders=(held(order_row()),)), used())
    assert asked(calls) == ["realtime", "wallet", "executions"]


@pytest.mark.parametrize("ours", ["none", "another", "less filled"])
def test_open_orders_that_are_not_as_held_are_worth_the_history(ours: Any) -> None:
    server = Server()
    row = order_row(orderStatus="PartiallyFilled", cumExecQty="0.05")
    server.orders["spot"] = [row]
    server.executions["spot"] = [execution_row(execQty="0.05")]
    holding = {
        "none": (),
        "another": (held(row), held(order_row(orderId="2"))),
        "less filled": (held(order_row()),),
    }[ours]
    _, calls = sync(server, audit(open_orders=holding), used())
    assert "history" in asked(calls)


def test_a_fill_of_an_order_that_nobody_showed_is_worth_the_history() -> None:
    server = Server()
    server.orders["spot"], server.executions["spot"] = [filled_row()], [execution_row()]
    answer, calls = sync(server, audit(), used())
    assert "history" in asked(calls)
    assert states(answer) == {UUID: "filled"}


@pytest.mark.parametrize("why", [{"deep": True}, {"healthy": False}])
def test_a_deep_look_and_a_blind_one_always_read_the_history(why: Any) -> None:
    assert "history" in asked(sync(Server(), audit(**why), used())[1])


# --------------------------------------------------------------------------- pages, windows


def test_every_page_of_every_list_is_read() -> None:
    server = Server()
    server.pages = 2
    server.orders["spot"] = [order_row(orderId=str(number), orderStatus="Cancelled") for number in range(5)]
    server.orders["spot"] += [order_row(orderId=f"open {number}") for number in range(5)]
    server.executions["spot"] = [execution_row(execId=str(number), execQty="0") for number in range(4)]
    server.executions["spot"] = [execution_row(execId=str(number), execType="Settle") for number in range(5)]
    server.positions["linear"] = [position_row(symbol=f"C{number}USDT") for number in range(5)]
    answer, _ = sync(server)
    assert len(states(answer)) == 10
    assert trades(answer) == ["0", "1", "2", "3", "4"]
    assert len(of(answer, Position)) == 5


def test_all_other_parameters_stay_the_same_from_page_to_page() -> None:
    server = Server()
    server.pages = 1
    server.orders["spot"] = [order_row(orderId=str(number)) for number in range(3)]
    _, calls = sync(server)
    pages = [dict(call.params) for call in calls if asked([call], "spot") == ["realtime"]]
    assert [page.pop("cursor", None) for page in pages] == [None, "page%3A1", "page%3A2"]
    assert pages[0] == pages[1] == pages[2]


def test_a_full_last_page_may_point_to_an_empty_one() -> None:
    server = Server()
    listed = lambda rows, cursor: {"retCode": 0, "result": {"list": rows, "nextPageCursor": cursor}}  # noqa: E731

    def served(call: Any) -> Any:
        params = dict(call.params)
        if (NAMES[call.path], params.get("category")) != ("realtime", "inverse"):
            return server(call)
        return listed([], "more") if "cursor" in params else listed([order_row()], "more")

    assert states(sync(served)[0]) == {UUID: "open"}


def test_a_server_that_gives_the_same_page_again_is_not_asked_for_ever() -> None:
    stuck = {"retCode": 0, "result": {"list": [order_row()], "nextPageCursor": "again"}}
    with pytest.raises(Unreadable, match="same page"):
        sync(lambda call: stuck)


def test_a_long_gap_is_read_in_windows_of_less_than_seven_days_that_overlap() -> None:
    server = Server()
    since = NOW - 20 * DAY
    times = [since, since + 7 * DAY, since + 10 * DAY, NOW - 1_000]
    server.executions["inverse"] = [
        execution_row(execId=str(time), execTime=str(time), execType="Settle") for time in times
    ]
    answer, calls = sync(server, known(since=since))
    assert trades(answer) == sorted(map(str, times))
    windows = [
        (int(params["startTime"]), int(params["endTime"]))
        for params in (dict(call.params) for call in calls if asked([call], "inverse") == ["executions"])
    ]
    assert windows[0][0] == since
    assert windows[-1][1] == NOW + 1_000
    assert all(end - start < 7 * DAY for start, end in windows)
    assert all(end - following >= 1_000 for (_, end), (following, _) in pairwise(windows))


def test_nothing_older_than_two_years_is_asked_for() -> None:
    calls: list[Any] = []

    def served(call: Any) -> Any:
        calls.append(call)
        if len(calls) > 20:
            return LinkError("enough")
        return Server()(call)

    with pytest.raises(LinkError, match="enough"):
        sync(served, known(since=0))
    starts = [int(dict(call.params)["startTime"]) for call in calls if "startTime" in dict(call.params)]
    assert NOW - 730 * DAY < starts[0] < NOW - 728 * DAY


def test_a_window_that_begins_in_the_future_is_a_window_all_the_same() -> None:
    _, calls = sync(Server(), known(since=NOW + DAY))
    for params in (dict(call.params) for call in calls):
        assert int(params.get("startTime", 0)) <= int(params.get("endTime", 0))


# -------------------------------------------------------------------------------- what fails, fails


@pytest.mark.parametrize("name", ["realtime", "positions", "wallet", "executions", "history"])
def test_a_part_that_fails_fails_the_whole(name: Any) -> None:
    server = Server()
    server.broken[name] = LinkError("HTTP 500")
    with pytest.raises(LinkError, match="500"):
        sync(server)


@pytest.mark.parametrize("name", ["realtime", "positions", "executions", "history"])
def test_a_second_page_that_fails_fails_the_whole(name: Any) -> None:
    server = Server()
    server.pages = 1
    server.orders["inverse"] = [order_row(orderId=str(number)) for number in range(3)]
    server.executions["inverse"] = [
        execution_row(execId=str(number), execType="Settle") for number in range(3)
    ]
    server.positions["inverse"] = [position_row(symbol=f"C{number}USD") for number in range(3)]
    server.broken[f"{name} page 2"] = LinkError("page 2")
    with pytest.raises(LinkError, match="page 2"):
        sync(server)


@pytest.mark.parametrize("name", ["realtime", "positions", "wallet", "executions", "history"])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"{}",
        b"null",
        b"\xff",
        b'{"retCode":0,"result":{}}',
        b'{"retCode":0,"result":{"list":null}}',
        b'{"retCode":0,"result":{"list":[7]}}',
        b'{"retCode":0,"result":{"list":[{"symbol":7}]}}',
    ],
)
def test_an_answer_that_cannot_be_read_fails_the_whole(name: Any, body: Any) -> None:
    server = Server()
    garbled = lambda call: reply(body) if NAMES[call.path] == name else server(call)  # noqa: E731
    with pytest.raises(VigilError):
        sync(garbled)


@pytest.mark.parametrize(
    ("where", "row"),
    [
        ("orders", order_row(qty="NaN")),
        ("orders", order_row(cumExecQty="much")),
        ("orders", without(order_row(), "orderId")),
        ("executions", execution_row(execQty="NaN")),
        ("executions", execution_row(execPrice="")),
        ("executions", execution_row(execType="Funding", execFee="much")),
        ("positions", position_row(size="NaN")),
    ],
)
def test_a_row_that_cannot_be_read_fails_the_whole(where: Any, row: Any) -> None:
    server = Server()
    name = {"orders": "realtime", "executions": "executions", "positions": "positions"}[where]
    listed = {"retCode": 0, "result": {"list": [row]}}
    served = lambda call: listed if NAMES[call.path] == name else server(call)  # noqa: E731
    with pytest.raises(Unreadable):
        sync(served)


def test_an_answer_for_another_market_fails_the_whole() -> None:
    wrong = {"retCode": 0, "result": {"list": [], "category": "linear"}}
    with pytest.raises(Unreadable, match="instead of spot"):
        sync(lambda call: wrong)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"orderStatus": "OnHoliday"}, "unknown order status OnHoliday"),
        ({"side": "Both"}, "unknown side Both"),
    ],
)
def test_a_word_that_nobody_knows_is_told_and_fails_nothing(changes: Any, why: Any) -> None:
    server = Server()
    listed = {"retCode": 0, "result": {"list": [order_row(**changes)], "category": "spot"}}
    served = lambda call: (  # noqa: E731
        listed if NAMES[call.path] == "realtime" and dict(call.params)["category"] == "spot" else server(call)
    )
    answer, _ = sync(served)
    assert [fact.why for fact in of(answer, Unrecognised)] == [why]


def test_an_execution_that_nobody_knows_is_told_and_not_booked() -> None:
    server = Server()
    server.executions["linear"] = [execution_row(execType="CorporateAction")]
    answer, _ = sync(server)
    assert of(answer, Fill) == []
    assert [fact.why for fact in of(answer, Unrecognised)] == ["unknown execution type CorporateAction"]


def test_the_texts_of_the_answers_are_kept_where_they_say_something() -> None:
    server = Server()
    server.orders["spot"], server.executions["spot"] = [filled_row()], [execution_row()]
    answer, _ = sync(server)
    assert len(answer.raw) == 3, "wallet, executions, history"

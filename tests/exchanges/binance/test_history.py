"""A sync finds everything that happened since, asks in no other way than allowed, and asks no more."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import LinkError, NotFound, Unreadable, VigilError
from core.facts import Balance, Fill, OrderState, Unrecognised
from exchanges.base import Complete, HeldOrder, Known
from exchanges.binance.errors import Archived
from exchanges.binance.rest import BinanceRest
from exchanges.binance.sign import Signer
from tests.exchanges.binance.frames import NOW
from tests.exchanges.binance.server import DAY, Server, filled_row, order_row, trade_row
from tests.exchanges.kit import CREDENTIALS, drive, reply

HOUR = 3_600_000
ZERO = Decimal(0)


def dialect() -> BinanceRest:
    return BinanceRest(Signer(CREDENTIALS))


def known(**changes: Any) -> Known:
    return Known(**{"since": NOW - HOUR, "now": NOW + 1_000, "balances": {}, **changes})


def sync(server: Any, facts_known: Any = None, rest: Any = None) -> Any:
    answer, calls = drive((rest or dialect()).sync(facts_known or known()), server, at=NOW + 500)
    assert isinstance(answer, Complete)
    return answer, calls


def paths(calls: Any) -> list[str]:
    return [call.path.rsplit("/", 1)[1] for call in calls]


def of(answer: Any, kind: Any) -> Any:
    return [fact for fact in answer.facts if isinstance(fact, kind)]


def states(answer: Any) -> dict[str, str]:
    return {state.order_id: state.status for state in of(answer, OrderState)}


def held(row: Any) -> HeldOrder:
    return HeldOrder(
        "spot", row["symbol"], str(row["orderId"]), row["clientOrderId"], Decimal(row["executedQty"])
    )


# ----------------------------------------------------------------- what is always asked


def test_an_idle_account_costs_two_calls() -> None:
    answer, calls = sync(Server())
    assert answer.facts == ()
    assert [(call.path, call.weight) for call in calls] == [
        ("/api/v3/openOrders", 80),
        ("/api/v3/account", 20),
    ]


def test_an_answer_is_as_of_the_moment_when_its_first_request_began() -> None:
    assert sync(Server())[0].as_of == NOW + 500


def test_an_answer_names_the_symbols_that_it_asked_for_and_what_is_archived_by_now() -> None:
    """There is no history of all symbols: what was not asked for was not compared."""
    assert (sync(Server())[0].symbols, sync(Server())[0].unseen) == ((), ())
    server = Server()
    server.orders = [order_row(1)]
    answer, _ = sync(server, known(symbols=("BTCUSDT",), since=NOW - 91 * DAY))
    assert answer.symbols == ("BTCUSDT", order_row(1)["symbol"])
    assert answer.unseen == ("orders that ended without a fill more than 90 days ago",)


def test_every_open_order_is_stated_whatever_its_symbol() -> None:
    server = Server()
    server.orders = [
        order_row(1),
        order_row(2, symbol="BTCUSDT", status="PARTIALLY_FILLED", executedQty="1.0"),
    ]
    assert states(sync(server)[0]) == {"1": "open", "2": "partially_filled"}


def test_balances_are_absolute_and_zeros_are_not_asked_for() -> None:
    server = Server()
    server.balances = {"BTC": ("1.5", "0.5"), "LTC": ("0.00000000", "0.00000000")}
    answer, calls = sync(server, known(balances={"BTC": Decimal(2)}))
    assert answer.facts == (Balance("BTC", Decimal("1.5"), Decimal("0.5"), None, NOW),)
    assert calls[1].params == (("omitZeroBalances", "true"),)


def test_a_balance_that_is_gone_is_zero() -> None:
    answer, _ = sync(Server(), known(balances={"BTC": Decimal(2), "OLD": ZERO}))
    assert of(answer, Balance) == [Balance("BTC", ZERO, ZERO, None, NOW)]


def test_balances_alone_are_those_of_a_sync_by_one_call() -> None:
    server, held = Server(), {"BTC": Decimal(1), "ETH": Decimal(2)}
    server.balances = {"BTC": ("1", "0.5")}
    answer, calls = drive(dialect().balances(held), server, at=NOW + 500)
    assert list(answer.facts) == of(sync(server, known(balances=held))[0], Balance)
    assert paths(calls) == ["account"]


def test_zeros_that_come_unasked_are_not_stated() -> None:
    class Us(BinanceRest):
        omit_zeros = False

    server = Server()
    server.balances = {"LTC": ("0.00000000", "0.0")}
    answer, calls = sync(server, rest=Us(Signer(CREDENTIALS)))
    assert answer.facts == ()
    assert calls[1].params == ()


@pytest.mark.parametrize(
    ("updated", "at"),
    [(NOW, NOW), (123456789, NOW - 4_500), (NOW * 1000, NOW), (NOW + DAY, NOW + 5_500), (None, NOW - 4_500)],
)
def test_balances_hold_from_the_accounts_last_change_or_five_seconds_before_the_request(
    updated: Any, at: Any
) -> None:
    server = Server()
    server.balances = {"BTC": ("1", "0")}
    server.updated = updated
    assert of(sync(server)[0], Balance)[0].updated_at == at


# ------------------------------------------------------------------------ where it looks


def test_a_configured_symbol_is_asked_for_trades_and_orders() -> None:
    _, calls = sync(Server(), known(symbols=("ETHBTC",)))
    assert paths(calls) == ["openOrders", "account", "myTrades", "allOrders"]
    assert dict(calls[2].params) == {"symbol": "ETHBTC", "startTime": str(NOW - HOUR), "limit": "1000"}
    assert dict(calls[3].params)["endTime"] == str(NOW + 1_000)


def test_an_order_that_lived_and_died_in_the_gap_is_known_with_its_state_and_fills() -> None:
    server = Server()
    server.orders = [filled_row(7), order_row(8, status="CANCELED")]
    server.trades = [trade_row(1, 7), trade_row(2, 7), trade_row(3, 7)]
    answer, _ = sync(server, known(symbols=("ETHBTC",)))
    assert states(answer) == {"7": "filled", "8": "canceled"}
    assert [deal.trade_id for deal in of(answer, Fill)] == ["1", "2", "3"]


def test_an_order_that_we_hold_open_and_the_list_does_not_makes_its_symbol_worth_asking() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7)]
    answer, calls = sync(server, known(open_orders=(held(order_row(7)),)))
    assert paths(calls)[2:] == ["myTrades", "allOrders"]
    assert states(answer) == {"7": "filled"}


def test_an_open_order_that_is_as_we_hold_it_costs_one_call_for_its_symbol() -> None:
    server = Server()
    server.orders = [order_row(7)]
    answer, calls = sync(server, known(open_orders=(held(order_row(7)),)))
    assert paths(calls)[2:] == ["myTrades"]
    assert states(answer) == {"7": "open"}


@pytest.mark.parametrize("row", [order_row(7), order_row(7, status="PARTIALLY_FILLED", executedQty="1.0")])
def test_an_open_order_that_is_new_or_has_moved_makes_its_symbol_worth_asking(row: Any) -> None:
    server = Server()
    server.orders = [row]
    ours = () if row["status"] == "NEW" else (held(order_row(7)),)
    _, calls = sync(server, known(open_orders=ours))
    assert paths(calls)[2:] == ["myTrades", "allOrders"]


def test_a_healthy_stream_halves_the_price_of_a_named_symbol_until_something_points_at_it() -> None:
    server = Server()
    server.orders = [order_row(7)]
    healthy = {"symbols": ("ETHBTC",), "healthy": True, "open_orders": (held(order_row(7)),)}
    assert paths(sync(server, known(**healthy))[1])[2:] == ["myTrades"]
    server.orders.append(filled_row(8))
    server.trades = [trade_row(1, 8)]
    answer, calls = sync(server, known(**healthy))
    assert paths(calls)[2:] == ["myTrades", "allOrders"]
    assert states(answer) == {"7": "open", "8": "filled"}


def test_two_balances_that_moved_point_at_their_pair() -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0"), "USDT": ("5", "0")}
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7)]
    before = {"ETH": Decimal(1), "BTC": Decimal(2), "USDT": Decimal(5)}
    answer, calls = sync(server, known(balances=before))
    assert paths(calls)[2:] == ["exchangeInfo", "myTrades", "allOrders"]
    assert {dict(call.params)["symbol"] for call in calls[3:]} == {"ETHBTC"}
    assert len(of(answer, Fill)) == 1


def test_a_balance_that_changed_after_what_is_proven_points_at_its_pair_although_its_total_is_known() -> None:
    """The stream told the balance and lost the trade, or the history does not show the trade yet."""
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0"), "USDT": ("5", "0")}
    as_they_are = {"ETH": Decimal(2), "BTC": Decimal(1), "USDT": Decimal(5)}
    _, calls = sync(server, known(balances=as_they_are, moved=frozenset({"ETH", "USDT"})))
    assert [dict(call.params)["symbol"] for call in calls[3:]] == ["ETHUSDT"]
    _, calls = sync(server, known(balances=as_they_are | {"BTC": Decimal(9)}, moved=frozenset({"USDT"})))
    assert [dict(call.params)["symbol"] for call in calls[3:]] == ["BTCUSDT"]


def test_a_pair_that_is_a_guess_is_asked_for_trades_only_while_there_are_none() -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0")}
    _, calls = sync(server, known(balances={"ETH": Decimal(1), "BTC": Decimal(2)}))
    assert paths(calls)[2:] == ["exchangeInfo", "myTrades"]


def test_a_balance_that_moved_from_free_to_locked_points_at_nothing() -> None:
    server = Server()
    server.balances = {"ETH": ("1", "1"), "BTC": ("2", "1")}
    _, calls = sync(server, known(balances={"ETH": Decimal(2), "BTC": Decimal(3)}))
    assert len(calls) == 2


def test_a_lone_balance_that_moved_is_a_deposit_unless_we_are_asked_to_look_deep() -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0"), "BNB": ("1", "0")}
    before = {"ETH": Decimal(1), "BTC": Decimal(1), "BNB": Decimal(1)}
    assert len(sync(server, known(balances=before))[1]) == 2
    _, calls = sync(server, known(balances=before, deep=True))
    assert [dict(call.params)["symbol"] for call in calls[3:]] == ["ETHBTC"]


@pytest.mark.parametrize("start", [{"balances": None}, {"first": True, "balances": {"ETH": Decimal(1)}}])
def test_the_very_first_sync_looks_at_the_pairs_between_all_that_is_held(start: Any) -> None:
    server = Server()
    server.balances = {"ETH": ("1", "0"), "BTC": ("0", "1"), "USDT": ("5", "0"), "BNB": ("0.0", "0.0")}
    _, calls = sync(server, known(**start))
    assert [dict(call.params)["symbol"] for call in calls[3:]] == ["BTCUSDT", "ETHBTC", "ETHUSDT"]


def test_the_list_of_pairs_is_asked_for_once_an_hour() -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0")}
    rest = dialect()
    moved = {"ETH": Decimal(1), "BTC": Decimal(2)}
    asked = [
        paths(sync(server, known(balances=moved, now=NOW + late), rest)[1]).count("exchangeInfo")
        for late in (0, HOUR - 1, HOUR, HOUR + 5)
    ]
    assert asked == [1, 0, 1, 0]


def test_a_symbol_that_the_exchange_does_not_know_stops_nothing() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7)]
    answer, calls = sync(server, known(symbols=("NOSUCH", "ETHBTC")))
    assert paths(calls)[2:] == ["myTrades", "allOrders", "myTrades"]
    assert states(answer) == {"7": "filled"}


# ----------------------------------------------------------------------------- how it asks


def test_trades_are_paged_by_id_until_a_page_is_not_full() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(number, 7) for number in range(1, 2_501)]
    answer, calls = sync(server, known(symbols=("ETHBTC",)))
    asked = [dict(call.params) for call in calls if call.path.endswith("myTrades")]
    assert [params.get("fromId") for params in asked] == [None, "1001", "2001"]
    assert len(of(answer, Fill)) == 2_500


def test_a_last_page_that_is_exactly_full_is_followed_by_an_empty_one() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(number, 7) for number in range(1, 1_001)]
    answer, calls = sync(server, known(symbols=("ETHBTC",)))
    assert paths(calls).count("myTrades") == 2
    assert len(of(answer, Fill)) == 1_000


def test_trades_from_before_the_window_are_not_fetched() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7, time=NOW - HOUR - 1), trade_row(2, 7, time=NOW - HOUR)]
    answer, _ = sync(server, known(symbols=("ETHBTC",)))
    assert [deal.trade_id for deal in of(answer, Fill)] == ["2"]


def test_orders_are_asked_for_in_windows_of_a_day_without_a_seam() -> None:
    server = Server()
    since = NOW - 2 * DAY - HOUR
    times = [since, since + DAY, since + DAY + 1, since + 2 * DAY + 1, since + 2 * DAY + 2, NOW]
    server.orders = [order_row(number, status="CANCELED", time=time) for number, time in enumerate(times, 1)]
    answer, calls = sync(server, known(symbols=("ETHBTC",), since=since))
    assert len(states(answer)) == len(times)
    assert paths(calls).count("allOrders") == 3


def test_a_day_with_more_orders_than_a_page_is_read_on_by_id_to_the_very_end() -> None:
    server = Server()
    since = NOW - 2 * DAY
    server.orders = [order_row(number, status="CANCELED", time=since + 5) for number in range(1, 1_201)]
    server.orders.append(order_row(1_201, status="CANCELED", time=NOW))
    answer, calls = sync(server, known(symbols=("ETHBTC",), since=since))
    asked = [dict(call.params) for call in calls if call.path.endswith("allOrders")]
    assert [params.get("orderId") for params in asked] == [None, "1001"]
    assert len(states(answer)) == 1_201


def test_an_order_from_before_the_window_that_traded_in_it_is_asked_for_by_itself() -> None:
    server = Server()
    server.orders = [filled_row(7, time=NOW - 2 * DAY)]
    server.trades = [trade_row(1, 7)]
    answer, calls = sync(server, known(symbols=("ETHBTC",)))
    assert calls[-1].path == "/api/v3/order"
    assert dict(calls[-1].params) == {"symbol": "ETHBTC", "orderId": "7"}
    assert states(answer) == {"7": "filled"}


@pytest.mark.parametrize("error", [NotFound("-2013"), Archived("-2026")])
def test_a_traded_order_that_is_not_shown_any_more_leaves_its_fills(error: Any) -> None:
    server = Server()
    server.trades = [trade_row(1, 7)]
    server.broken["order"] = error
    answer, _ = sync(server, known(symbols=("ETHBTC",)))
    assert len(of(answer, Fill)) == 1
    assert states(answer) == {}


def test_orders_that_used_sor_are_asked_for_their_allocations() -> None:
    server = Server()
    server.orders = [filled_row(7, usedSor=True, workingFloor="SOR")]
    server.allocations = [{**trade_row(0, 7), "allocationId": 5, "allocationType": "SOR"}]
    del server.allocations[0]["id"]
    answer, calls = sync(server, known(symbols=("ETHBTC",)))
    assert paths(calls)[-1] == "myAllocations"
    assert [deal.trade_id for deal in of(answer, Fill)] == ["alloc-5"]


def test_a_fill_is_named_by_the_client_id_of_its_order() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(1, 7)]
    (deal,) = of(sync(server, known(symbols=("ETHBTC",)))[0], Fill)
    assert deal.client_order_id == "mine-7"


def test_a_window_that_begins_in_the_future_is_a_window_all_the_same() -> None:
    _, calls = sync(Server(), known(symbols=("ETHBTC",), since=NOW + DAY))
    window = dict(calls[3].params)
    assert int(window["startTime"]) <= int(window["endTime"])


# --------------------------------------------------------------------- two answers about one order


@pytest.mark.parametrize("lagging", ["open orders", "history"])
def test_of_two_statements_about_an_order_the_later_one_stays(lagging: Any) -> None:
    early = order_row(7, status="PARTIALLY_FILLED", executedQty="0.5", updateTime=NOW - 9_000)
    late = filled_row(7, updateTime=NOW - 8_000)
    lists = {"openOrders": [early], "allOrders": [late]}
    if lagging == "history":
        lists = {"openOrders": [late | {"status": "PARTIALLY_FILLED"}], "allOrders": [early]}
    server = Server()
    served = lambda call: lists.get(call.path.rsplit("/", 1)[1]) or server(call)  # noqa: E731
    answer, _ = sync(served, known(symbols=("ETHBTC",)))
    (state,) = of(answer, OrderState)
    assert state.filled == Decimal("1.5")


def test_an_order_is_stated_once() -> None:
    server = Server()
    server.orders = [order_row(7)]
    answer, _ = sync(server, known(symbols=("ETHBTC",)))
    assert len(of(answer, OrderState)) == 1


def test_a_status_that_nobody_knows_is_told_beside_the_order() -> None:
    server = Server()
    server.orders = [order_row(7, status="ON_HOLIDAY")]
    answer, _ = sync(server, known(symbols=("ETHBTC",)))
    assert states(answer) == {"7": "open"}
    assert [fact.why for fact in of(answer, Unrecognised)] == ["unknown status ON_HOLIDAY or side BUY"]


# -------------------------------------------------------------------------------- what fails, fails


@pytest.mark.parametrize("name", ["openOrders", "account", "myTrades", "allOrders", "exchangeInfo"])
def test_a_part_that_fails_fails_the_whole(name: Any) -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0")}
    server.broken[name] = LinkError("HTTP 500")
    with pytest.raises(LinkError, match="500"):
        sync(server, known(symbols=("ETHBTC",), balances={"ETH": Decimal(1), "BTC": Decimal(2)}))


def test_a_second_page_that_fails_fails_the_whole() -> None:
    server = Server()
    server.orders = [filled_row(7)]
    server.trades = [trade_row(number, 7) for number in range(1, 1_500)]
    flaky = lambda call: LinkError("page 2") if "fromId" in dict(call.params) else server(call)  # noqa: E731
    with pytest.raises(LinkError, match="page 2"):
        sync(flaky, known(symbols=("ETHBTC",)))


@pytest.mark.parametrize("name", ["openOrders", "account", "myTrades", "allOrders"])
@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b"[{}]", b"null", b'[{"symbol":"ETHBTC"}]', b"\xff"])
def test_an_answer_that_cannot_be_read_fails_the_whole(name: Any, body: Any) -> None:
    server = Server()
    garbled = lambda call: reply(body) if call.path.endswith(name) else server(call)  # noqa: E731
    with pytest.raises(VigilError):
        sync(garbled, known(symbols=("ETHBTC",)))


@pytest.mark.parametrize("key", ["executedQty", "origQty", "price", "cummulativeQuoteQty"])
def test_an_amount_that_is_none_fails_the_whole(key: Any) -> None:
    server = Server()
    server.orders = [order_row(7, **{key: "NaN"})]
    with pytest.raises(Unreadable):
        sync(server)


def test_a_server_that_gives_the_same_page_again_is_not_asked_for_ever() -> None:
    page = [trade_row(number, 7) for number in range(1, 1_001)]
    server = Server()
    stuck = lambda call: page if call.path.endswith("myTrades") else server(call)  # noqa: E731
    with pytest.raises(Unreadable, match="same page"):
        sync(stuck, known(symbols=("ETHBTC",)))


def test_the_texts_of_the_answers_are_kept_but_not_the_list_of_pairs() -> None:
    server = Server()
    server.balances = {"ETH": ("2", "0"), "BTC": ("1", "0")}
    server.orders, server.trades = [filled_row(7)], [trade_row(1, 7)]
    answer, _ = sync(server, known(balances={"ETH": Decimal(1), "BTC": Decimal(2)}))
    assert len(answer.raw) == 4
    assert not any("timezone" in text for text in answer.raw)

"""Reading a history to its end: no row twice, none left out, no page for ever."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Unreadable
from exchanges.cryptocom import calls
from exchanges.cryptocom.paging import (
    DAY,
    HOUR,
    MILLISECOND,
    SHOWN_FOR,
    Notes,
    receding,
    stepping,
    together,
    windows,
)
from exchanges.cryptocom.reading import ORDERS, TRADES
from tests.exchanges.cryptocom.messages import MS, NOW, order, trade
from tests.exchanges.cryptocom.server import Server
from tests.exchanges.kit import drive

DAY_MS = 86_400_000


def read_trades(server: Any, since: int = NOW - 3_600_000) -> tuple[list[str], Notes]:
    notes = Notes()
    rows, _ = drive(stepping(calls.trades, TRADES, windows(since, NOW), notes), server)
    return [row.trade_id for row in rows], notes


def read_orders(server: Any, since: int = NOW - 3_600_000) -> tuple[set[str], Notes]:
    notes = Notes()
    rows, _ = drive(receding(calls.orders, ORDERS, windows(since, NOW), notes), server)
    return {row.order_id for row in rows}, notes


# ------------------------------------------------------------------------ windows


def test_a_short_time_is_one_window_that_is_open_to_now() -> None:
    assert list(windows(NOW - 60_000, NOW)) == [((NOW - 60_000) * MS, None)]


def test_a_long_time_is_asked_day_by_day_from_now_backwards() -> None:
    since = NOW - 3 * DAY_MS + 5
    assert list(windows(since, NOW)) == [
        (NOW * MS - DAY, None),
        (NOW * MS - 2 * DAY, NOW * MS - DAY),
        (since * MS, NOW * MS - 2 * DAY),
    ]


def test_a_little_more_than_a_day_is_one_window() -> None:
    assert list(windows(NOW - DAY_MS - 3_000, NOW)) == [((NOW - DAY_MS - 3_000) * MS, None)]


def test_a_time_that_is_over_has_an_end() -> None:
    assert list(windows(NOW - 5, NOW, to_now=False)) == [((NOW - 5) * MS, NOW * MS)]


def test_nothing_is_asked_for_that_is_not_shown_any_more() -> None:
    oldest, _ = list(windows(0, NOW))[-1]
    assert oldest == NOW * MS - SHOWN_FOR


def test_a_beginning_that_lies_ahead_is_now() -> None:
    assert list(windows(NOW + 99, NOW)) == [(NOW * MS, None)]


@given(since=st.integers(NOW - 9 * DAY_MS, NOW + 5_000))
def test_windows_leave_no_gap_and_none_is_much_longer_than_a_day(since: int) -> None:
    spans = list(windows(since, NOW))
    for (start, _), (_, end) in itertools.pairwise(spans):
        assert start == end
    assert spans[-1][0] == min(since, NOW) * MS
    assert all((end or NOW * MS) - start <= DAY + HOUR for start, end in spans)


# --------------------------------------------------------------------------- pages


def test_one_page_that_is_not_full_is_the_end() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - n) * MS) for n in range(99)]
    assert len(read_trades(server)[0]) == 99
    assert server.count("get-trades") == 1


@pytest.mark.parametrize("count", [100, 101, 199, 200, 350])
def test_a_full_page_is_followed_by_what_lies_before_it(count: Any) -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - 5 * n) * MS + 3) for n in range(count)]
    random.Random(7).shuffle(server.trades)
    found, notes = read_trades(server)
    assert sorted(found, key=int) == [str(n) for n in range(count)]
    assert notes.gaps == []
    assert len(notes.raw) == server.count("get-trades")


def test_trades_that_share_a_nanosecond_across_two_pages_are_all_found_once() -> None:
    server = Server()
    server.trades = [trade(str(n), at=NOW * MS - n // 60) for n in range(240)]
    found, notes = read_trades(server)
    assert sorted(found, key=int) == [str(n) for n in range(240)]
    assert notes.gaps == []


def test_a_page_full_of_one_nanosecond_is_stepped_over_and_that_is_noted() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - 1) * MS) for n in range(120)] + [
        trade("older", at=(NOW - 2) * MS)
    ]
    found, notes = read_trades(server)
    assert len(found) == 101
    assert "older" in found
    assert len(notes.gaps) == 1


def test_rows_without_a_fine_time_are_paged_by_the_end_of_their_millisecond() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - n // 2) * MS + 999_000) for n in range(150)]
    bare = [{key: value for key, value in row.items() if key != "create_time_ns"} for row in server.trades]
    by_id = {row["trade_id"]: row for row in bare}

    def without(call: Any) -> Any:
        answer = server(call)
        answer["result"]["data"] = [by_id[row["trade_id"]] for row in answer["result"]["data"]]
        return answer

    assert len(read_trades(without)[0]) == 150


def test_a_server_that_gives_the_same_page_for_ever_is_an_error() -> None:
    rows = [trade(str(n), at=(NOW - n) * MS) for n in range(100)]
    with pytest.raises(Unreadable, match="same page"):
        read_trades(lambda call: {"code": 0, "result": {"data": rows}})


def test_reading_ends_where_it_is_enough() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - 5 * n) * MS) for n in range(350)]
    spans = windows(NOW - 3_600_000, NOW)
    drive(stepping(calls.trades, TRADES, spans, Notes(), lambda rows: len(list(rows)) >= 150), server)
    assert server.count("get-trades") == 2


@pytest.mark.parametrize("by", ["create_time", "update_time"])
@pytest.mark.parametrize("count", [0, 99, 100, 101, 450])
def test_orders_are_all_found_whichever_of_their_times_the_window_goes_by(count: Any, by: Any) -> None:
    server = Server()
    server.orders_by = by
    server.ended = [
        order(str(n), status="CANCELED", create_time=NOW - 300 * n - 200_000, update_time=NOW - 300 * n)
        for n in range(count)
    ]
    random.Random(7).shuffle(server.ended)
    found, notes = read_orders(server)
    assert found == {str(n) for n in range(count)}
    assert notes.gaps == []


@pytest.mark.parametrize("by", ["create_time", "update_time"])
def test_a_burst_of_orders_costs_no_more_calls_than_it_has_pages(by: Any) -> None:
    server = Server()
    server.orders_by = by
    server.ended = [
        order(str(n), status="FILLED", create_time=NOW - 2 * n - 1, update_time=NOW - 2 * n)
        for n in range(600)
    ]
    found, _ = read_orders(server, NOW - DAY_MS)
    assert len(found) == 600
    assert server.count("get-order-history") <= 8


@pytest.mark.parametrize("by", ["create_time", "update_time"])
def test_old_orders_that_ended_just_now_and_young_ones_that_lasted_are_found(by: Any) -> None:
    server = Server()
    server.orders_by = by
    old = [order(f"o{n}", create_time=NOW - 90 * DAY_MS, update_time=NOW - 100 * n) for n in range(250)]
    young = [order(f"y{n}", create_time=NOW - 40_000_000 - n, update_time=NOW - n % 7) for n in range(250)]
    server.ended = [*old, *young]
    found, _ = read_orders(server, NOW - DAY_MS)
    wanted = [row for row in server.ended if row[by] >= NOW - DAY_MS]
    assert found >= {row["order_id"] for row in wanted}


def test_more_orders_than_a_page_in_one_millisecond_are_noted_and_stepped_over() -> None:
    server = Server()
    server.ended = [
        order(str(n), status="CANCELED", create_time=NOW - 9, update_time=NOW - 7) for n in range(101)
    ]
    server.ended += [order("older", status="CANCELED", create_time=NOW - 90, update_time=NOW - 80)]
    found, notes = read_orders(server, NOW - 60_000)
    assert len(found) == 101
    assert "older" in found
    assert len(notes.gaps) == 1


@settings(max_examples=30)
@given(
    by=st.sampled_from(["create_time", "update_time"]),
    data=st.lists(
        st.tuples(st.integers(1, DAY_MS), st.integers(0, DAY_MS)),
        max_size=350,
        unique_by=(lambda o: o[0], lambda o: o[1]),
    ),
)
def test_whatever_their_times_every_order_of_the_window_is_found(by: str, data: Any) -> None:
    server = Server()
    server.orders_by = by
    server.ended = [
        order(str(n), create_time=NOW - changed - lived, update_time=NOW - changed)
        for n, (changed, lived) in enumerate(data)
    ]
    found, _ = read_orders(server, NOW - DAY_MS)
    assert found >= {row["order_id"] for row in server.ended if row[by] >= NOW - DAY_MS}


def test_orders_that_do_not_lie_in_their_window_are_an_error() -> None:
    rows = [order(str(n), create_time=5, update_time=6) for n in range(100)]
    with pytest.raises(Unreadable, match="window"):
        read_orders(lambda call: {"code": 0, "result": {"data": rows}})


@settings(max_examples=30)
@given(
    data=st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.integers(0, 2)), max_size=400, unique=True),
    seed=st.integers(),
)
def test_whatever_the_times_every_trade_is_found_exactly_once(data: Any, seed: int) -> None:
    server = Server()
    server.trades = [
        trade(str(n), at=(NOW - back) * MILLISECOND + fine) for n, (back, fine) in enumerate(data)
    ]
    random.Random(seed).shuffle(server.trades)
    found, _ = read_trades(server, NOW - 3 * DAY_MS)
    assert sorted(found, key=int) == [str(n) for n in range(len(data))]


def test_readings_that_go_together_take_turns_and_each_comes_to_its_own_end() -> None:
    server = Server()
    server.trades = [trade(str(n), at=(NOW - n) * MS) for n in range(250)]
    server.ended = [order(str(n), status="CANCELED", update_time=NOW - n) for n in range(150)]
    spans = tuple(windows(NOW - 3_600_000, NOW))
    trades = stepping(calls.trades, TRADES, spans, Notes())
    orders = receding(calls.orders, ORDERS, spans, Notes())
    (found, ended), _ = drive(together(trades, orders), server)
    assert (len({row.trade_id for row in found}), len({row.order_id for row in ended})) == (250, 150)
    assert server.seen == ["get-trades", "get-order-history"] * 2 + ["get-trades"]


@pytest.mark.parametrize("result", [{}, {"data": None}, {"data": {}}, {"data": ["x"]}, [], None])
def test_a_page_that_cannot_be_read_fails_the_whole_reading(result: Any) -> None:
    with pytest.raises(Unreadable):
        read_trades(lambda call: {"code": 0, "result": result})


def test_a_row_that_is_lost_fails_the_whole_reading() -> None:
    bare = trade()
    del bare["traded_price"]
    with pytest.raises(Unreadable):
        read_trades(lambda call: {"code": 0, "result": {"data": [trade("1"), bare]}})


def test_an_unknown_key_fails_nothing() -> None:
    found, _ = read_trades(lambda call: {"code": 0, "result": {"data": [trade("1", brand_new=1)]}})
    assert found == ["1"]

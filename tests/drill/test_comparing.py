"""A ledger judged by the record: every way to be wrong is counted, and nothing else is."""

from typing import Any

from drill.comparing import differences, tally, told_twice

Row = dict[str, Any]

FILL: Row = {
    "category": "spot", "symbol": "BTCUSDT", "order_id": "1", "trade_id": "7", "client_order_id": "", "side": "buy",
    "price": "90000", "quantity": "0.1", "fee": "0.0001", "fee_asset": "BTC", "liquidity": "taker", "kind": "trade",
    "traded_at": 5,
}  # fmt: skip
BALANCE: Row = {"asset": "BTC", "free": "1", "locked": "0"}


def views(fills: list[Row] | None = None, balances: list[Row] | None = None) -> dict[str, Any]:
    """As the admin tells them, with what else stands there."""
    return {
        "at": 7,
        "fills": fills or [],
        "orders": [],
        "balances": balances or [],
        "positions": [],
        "cash": [],
    }


def test_equal_books_have_nothing_lost_doubled_or_wrong() -> None:
    ledger = views([{**FILL, "client_order_id": None, "seq": 3}], [BALANCE])
    found = tally(views([FILL], [BALANCE]), ledger)
    assert found.is_equal
    assert found == (0, 0, 0, ())


def test_a_fact_that_is_not_there_is_lost() -> None:
    found = tally(views([FILL, {**FILL, "trade_id": "8"}]), views([FILL]))
    assert found[:3] == (1, 0, 0)
    assert [line.split()[:3] for line in found.lines] == [["missing", "in", "fills"]]


def test_a_fact_that_is_there_again_is_doubled_each_time() -> None:
    found = tally(views([FILL]), views([FILL, FILL, FILL]))
    assert found[:3] == (0, 2, 0)
    assert len(found.lines) == 2


def test_a_fact_that_is_otherwise_is_wrong_and_neither_lost_nor_doubled() -> None:
    found = tally(views([FILL]), views([{**FILL, "fee": "0"}]))
    assert found[:3] == (0, 0, 1)
    assert not found.is_equal


def test_a_fact_that_never_happened_is_wrong() -> None:
    assert tally(views(), views([FILL]))[:3] == (0, 0, 1)


def test_a_field_that_nobody_promises_is_no_difference() -> None:
    other = {**FILL, "traded_at": 6}
    assert tally(views([FILL]), views([other]))[:3] == (0, 0, 1)
    assert tally(views([FILL]), views([other]), besides=["traded_at"]).is_equal


def test_nothing_of_an_asset_need_not_be_listed_by_anybody() -> None:
    nothing = {"asset": "ETH", "free": "0", "locked": "0"}
    assert tally(views(balances=[nothing]), views()).is_equal
    assert tally(views(), views(balances=[nothing])).is_equal
    assert differences("balances", [BALANCE], [nothing]) == ["missing in balances ('BTC', '1', '0')"]


def test_a_fill_that_the_feed_tells_twice_as_news_is_counted_though_the_ledger_has_it_once() -> None:
    news: Row = {
        "account": "a",
        "category": "spot",
        "symbol": "BTCUSDT",
        "key": "7",
        "kind": "fill",
        "outcome": "new",
    }
    assert told_twice([news, {**news, "account": "b"}, {**news, "key": "8"}]) == 0
    assert told_twice([news, {**news, "outcome": "changed"}, {**news, "kind": "order"}]) == 0
    assert told_twice([news, news, {**news, "key": "8"}, news]) == 2

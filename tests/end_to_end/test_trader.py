"""A filled BUY gets its SELL, at every exchange, exactly once, and what it earns is what the exchange has in its books."""

from decimal import Decimal as D
from pathlib import Path

from tests.end_to_end.kit import Scene
from tests.end_to_end.trading import (
    PLACING,
    money_of,
    profit_of,
    sells,
    trades,
    trading_scene,
    until_following,
    until_trades,
)
from tests.support.waiting import eventually


def sold(it: Scene, count: int) -> None:
    """Every SELL that rests is filled, the first one in two parts."""
    resting = [row for row in sells(it) if row["status"] == "open"]
    assert len(resting) == count
    first, *others = resting
    half = str(D(first["quantity"]) / 2)
    it.admin.fill(first["order_id"], quantity=half, exchange=it.exchange)
    for row in (first, *others):
        it.admin.fill(row["order_id"], exchange=it.exchange)


def test_each_part_of_a_buy_gets_its_sell_and_profit_is_what_the_exchange_has_in_its_books(
    exchange: str, tmp_path: Path
) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        order = it.rest_order(quantity="0.06")
        for part in ("0.01", "0.0203", "0.0297"):
            it.admin.fill(order["order_id"], quantity=part, exchange=exchange)
        until_trades(it, "resting", "resting", "resting")
        assert len(sells(it)) == 3
        sold(it, 3)
        rows = until_trades(it, "sold", "sold", "sold")
        it.agrees()
        assert profit_of(rows) == money_of(it)
        assert all(D(row["profit"]) >= D("0.003") * D(row["cost"]) for row in rows)
        (by_day,) = it.daemon.ask("trades", what="profit")
        assert D(by_day["profit"]) == sum(D(row["profit"]) for row in rows)
        chain = [row["what"] for row in it.daemon.ask("trades", what="show", id=rows[0]["id"])]
        assert chain == ["buy order", "buy fill", "sell order", "sell fill", "sell fill"]


def test_an_order_whose_answer_is_lost_is_found_and_not_placed_again(exchange: str, tmp_path: Path) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        it.admin.fault("slow_rest", exchange=exchange, path=PLACING[exchange], seconds=10, count=1)
        it.trade()
        (trade,) = until_trades(it, "resting")
        (sell,) = sells(it)
        assert sell["client_order_id"] == trade["sell"]
        it.agrees()


def test_while_the_account_is_cut_nothing_is_placed_and_cancels_go(exchange: str, tmp_path: Path) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        kept = it.rest_order()
        it.order_of(kept, "open")
        it.admin.fault("refuse_connect", exchange=exchange, transport="ws")
        it.admin.fault("drop", exchange=exchange, account="main")
        it.until("polling")
        it.trade()
        waiting = eventually(
            lambda: [row for row in trades(it) if "the account is" in (row["why"] or "")],
            what="a trade that waits for its account",
        )
        assert [row["state"] for row in waiting] == ["waiting"]
        (said,) = it.daemon.ask("cancel", account="main", order=str(kept["order_id"]), yes=True)
        assert said["state"] == "cancelled", said
        (refused,) = it.daemon.ask(
            "buy", account="main", symbol=it.symbol, quantity="0.01", price="50000", yes=True
        )
        assert refused["state"] == "refused"
        assert sells(it) == []
        it.admin.clear(exchange=exchange)
        until_trades(it, "resting")
        assert len(sells(it)) == 1


def test_what_was_held_before_the_trader_was_switched_on_is_never_sold(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"enabled": "false"}, follows=False) as it:
        before = it.trade()
        it.fill_of(before)
        assert it.daemon.terminate() == 0
        it.trade()  # while nobody looks
        text = it.daemon.settings.read_text().replace("enabled = false", "enabled = true", 1)
        it.daemon.settings.write_text(text)
        it.daemon.start()
        it.daemon.until_live("main")
        until_following(it)
        it.agrees()
        after = it.trade()
        (trade,) = until_trades(it, "resting")
        assert trade["bought_at"] == after["traded_at"]
        assert len(sells(it)) == 1


def test_a_dry_run_decides_and_says_so_and_sends_nothing(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"dry_run": "true"}) as it:
        it.trade()
        told = eventually(
            lambda: [row for row in trades(it) if "dry run" in (row["why"] or "")], what="a decision"
        )
        assert [row["state"] for row in told] == ["waiting"]
        (said,) = it.daemon.ask(
            "buy", account="main", symbol=it.symbol, quantity="0.001", price="50000", yes=True
        )
        assert (said["state"], said["why"][:8]) == ("refused", "dry run:")
        assert sells(it) == []


def test_a_halt_cancels_what_the_trader_placed_and_nothing_else_and_outlives_restarts(tmp_path: Path) -> None:
    with trading_scene(tmp_path) as it:
        ours = it.rest_order()
        it.trade()
        until_trades(it, "resting")
        (said,) = it.daemon.ask("halt", why="a test")
        assert (said["halted"], said["why"], said["cancelling"]) == (True, "a test", 1)
        until_trades(it, "waiting")
        (sell,) = sells(it)
        assert sell["status"] == "canceled"
        it.order_of(ours, "open")
        assert it.daemon.terminate() == 0
        it.daemon.start()
        it.daemon.until_live("main")
        eventually(
            lambda: [row["why"] for row in trades(it)] == ["trading is halted: a test"],
            what="a halt that lasts",
        )
        assert len(sells(it)) == 1
        (said,) = it.daemon.ask("halt", release=True)
        assert (said["halted"], said["error"]) == (False, None)
        until_trades(it, "resting")
        assert sorted(row["status"] for row in sells(it)) == ["canceled", "open"]
        (trade,) = trades(it)
        assert trade["failures"] == 0


def test_a_person_buys_and_sells_by_the_same_door(exchange: str, tmp_path: Path) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        wanted = {"account": "main", "symbol": it.symbol, "worth": "600", "price": "50000"}
        (judged,) = eventually(
            lambda: it.daemon.ask("buy", **wanted),
            lambda said: "not known" not in said[0]["why"],
            what="a trader that knows whether to halt",
        )
        assert (judged["state"], judged["quantity"]) == ("not_sent", "0.012")
        (said,) = it.daemon.ask("buy", **wanted, yes=True)
        assert said["state"] == "accepted", said
        (again,) = it.daemon.ask("buy", **wanted, yes=True)
        assert (again["state"], again["why"][:22]) == ("refused", "an equal order lives a")
        (order,) = [row for row in it.admin.truth("main")["orders"] if row["status"] == "open"]
        assert order["client_order_id"] == said["client_order_id"]
        it.admin.fill(order["order_id"], exchange=exchange)
        until_trades(it, "resting")
        (takes,) = it.daemon.ask(
            "sell", account="main", symbol=it.symbol, quantity="0.001", price="94000", yes=True
        )
        assert "maker only" in takes["why"]


def test_an_orderly_stop_leaves_what_rests_or_cancels_it_as_configured(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"on_stop": '"cancel"'}) as it:
        it.trade()
        until_trades(it, "resting")
        assert it.daemon.terminate() == 0
        assert [row["status"] for row in sells(it)] == ["canceled"]
        it.daemon.settings.write_text(it.daemon.settings.read_text().replace('"cancel"', '"keep"'))
        it.daemon.start()
        it.daemon.until_live("main")
        (trade,) = until_trades(it, "resting")
        assert trade["failures"] == 0
        assert it.daemon.terminate() == 0
        assert sorted(row["status"] for row in sells(it)) == ["canceled", "open"]


def test_where_there_is_no_trader_the_words_say_so(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"enabled": "false"}, follows=False) as it:
        answer = it.daemon.word("buy", "main", it.symbol, "--worth", "50", "--price", "50000", "--yes")
        assert answer.returncode == 1
        assert "the trader is off" in answer.stderr


def until_halted(it: Scene) -> str:
    """Trading is halted by a rule; the incident says why."""
    rows = eventually(
        lambda: [row for row in it.daemon.ask("incidents", open=True) if row["kind"] == "trading_halted"],
        what="a halt",
    )
    return str(rows[0]["text"])


def test_a_loss_of_the_day_halts_trading_until_a_person_lets_it_go_on(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"max_daily_loss": '"0.01"'}) as it:
        it.trade()
        assert "today lost" in until_halted(it)
        eventually(
            lambda: [row for row in trades(it) if (row["why"] or "").startswith("trading is halted")],
            what="a trade that waits",
        )
        assert [row for row in sells(it) if row["status"] == "open"] == []


def test_a_burst_of_rejected_orders_halts_trading(tmp_path: Path) -> None:
    with trading_scene(tmp_path, own={"max_rejections": "1"}) as it:
        it.admin.fault(
            "rest_status",
            path=PLACING["binance"],
            having="side=SELL",
            status=400,
            code=-2010,
            message="Account has insufficient balance for requested action.",
        )
        it.trade()
        assert "2 orders were rejected" in until_halted(it)
        it.admin.clear()
        (trade,) = until_trades(it, "waiting")
        assert trade["failures"] == 2
        assert sells(it) == []
        it.daemon.ask("halt", release=True)
        until_trades(it, "resting")

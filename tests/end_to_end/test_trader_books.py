"""What is said of trades over time: their age, what they earned, and what maker-only saved, held against the exchange's own books."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from pathlib import Path

from tests.end_to_end.kit import Row, Scene, keys, settings
from tests.end_to_end.trading import (
    money_of,
    profit_of,
    sells,
    trader,
    trades,
    trading_scene,
    until_following,
    until_trades,
)
from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox, account
from tests.support.waiting import eventually

FEES = {"spot": {"maker": "-0.0001", "taker": "0.001"}}
"""By default a sandbox's makers pay what its takers do."""


@contextmanager
def favoured(home: Path, exchange: str) -> Iterator[Scene]:
    """An account with a trader, whose maker orders earn a rebate."""
    with Sandbox([account("main", exchange, fees=FEES)], exchanges=(exchange,)) as box:
        text = trader(exchange) + settings(box, {"main": {}}, exchange)
        with Daemon(home, text, keys(box)) as daemon:
            daemon.until_live("main")
            it = Scene(box, daemon, exchange)
            until_following(it)
            yield it


def worth(it: Scene, fill: Row) -> tuple[D, D]:
    """What the sandbox's fill moved, and what its fee was worth, in the quote asset."""
    moved = D(fill["price"]) * D(fill["quantity"])
    in_base = it.symbol.startswith(fill["fee_asset"])
    return moved, D(fill["fee"]) * (D(fill["price"]) if in_base else 1)


def rate_of(it: Scene, liquidity: str) -> D:
    """The rate by which the sandbox really charges makers or takers; it rounds each fee to a digit of its own."""
    charged = next(fill for fill in it.admin.truth("main")["fills"] if fill["liquidity"] == liquidity)
    moved, fee = worth(it, charged)
    return round(fee / moved, 6)


def sell_all(it: Scene) -> None:
    for row in sells(it):
        if row["status"] == "open":
            it.admin.fill(row["order_id"], exchange=it.exchange)


def test_what_a_maker_saved_and_what_was_earned_are_what_the_exchange_has_in_its_books(
    exchange: str, tmp_path: Path
) -> None:
    with favoured(tmp_path, exchange) as it:
        it.trade()
        until_trades(it, "resting")
        sell_all(it)
        until_trades(it, "sold")
        it.trade()
        until_trades(it, "sold", "resting")
        sell_all(it)
        rows = until_trades(it, "sold", "sold")
        it.agrees()

        rate, fills = rate_of(it, "taker"), it.admin.truth("main")["fills"]
        made = {fill["trade_id"]: worth(it, fill) for fill in fills if fill["liquidity"] == "maker"}
        assert len(made) == 2, "the SELLs"
        assert rate == D(FEES["spot"]["taker"])
        said = {row["trade_id"]: row for row in it.daemon.ask("fees", by="fill", limit=0)}
        for trade_id, (moved, fee) in made.items():
            assert D(said[trade_id]["saved"]) == rate * moved - fee
        assert [row["saved"] for row in said.values() if row["liquidity"] == "taker"] == ["0", "0"]
        assert all(D(said[trade_id]["saved"]) > rate * moved for trade_id, (moved, _) in made.items()), (
            "a rebate"
        )
        (share,) = it.daemon.ask("fees", by="account")
        assert (share["fills"], share["unknown"], share["unproven"]) == (4, 0, 0)
        assert D(share["volume"]) == sum(worth(it, fill)[0] for fill in fills)
        assert D(share["maker"]) == sum(moved for moved, _ in made.values())
        assert D(share["saved"]) == sum(rate * moved - fee for moved, fee in made.values())

        points = it.daemon.ask("trades", what="curve")
        assert [point["id"] for point in points] == [row["id"] for row in rows]
        assert points[-1]["total"] == str(sum(D(row["profit"]) for row in rows))
        assert profit_of(rows) == money_of(it)
        (by_symbol,) = it.daemon.ask("trades", by="symbol")
        assert (by_symbol["profit"], by_symbol["trades"]) == (points[-1]["total"], 2)


def old_trades(it: Scene, **which: bool) -> list[Row]:
    return [row for row in it.daemon.ask("incidents", limit=0, **which) if row["kind"] == "trade_old"]


def until(it: Scene, asked: Callable[[], bool], what: str) -> None:
    eventually(asked, what=f"{what} ({it.daemon.log_path})")


def test_a_trade_that_stays_open_is_a_warning_until_it_is_sold_and_a_restart_forgets_none(
    tmp_path: Path,
) -> None:
    with trading_scene(tmp_path, own={"alert_after": "[0.5, 1, 86400]"}) as it:
        it.trade()
        (trade,) = until_trades(it, "resting")
        until(it, lambda: len(old_trades(it, open=True)) == 2, "one warning for each duration that passed")
        assert {row["severity"] for row in old_trades(it)} == {"warning"}
        assert all(trade["id"] in row["text"] for row in old_trades(it))
        assert it.daemon.terminate() == 0
        sell_all(it)
        it.daemon.start()
        it.daemon.until_live("main")
        until_trades(it, "sold")
        until(it, lambda: old_trades(it, open=True) == [], "an end of both warnings")
        assert [row["count"] for row in old_trades(it)] == [1, 1], "none was begun twice"


def test_what_is_open_is_worth_the_best_bid_less_a_makers_fee_and_all_that_it_cost(
    exchange: str, tmp_path: Path
) -> None:
    with trading_scene(tmp_path, exchange=exchange) as it:
        it.trade()
        until_trades(it, "resting")
        sell_all(it)
        until_trades(it, "sold")
        rate = rate_of(it, "maker")
        it.trade()
        until_trades(it, "sold", "resting")

        def is_exact() -> bool:
            row, (price,) = trades(it)[-1], it.daemon.ask("prices", symbol=it.symbol)
            if row["unrealised"] is None or price["bid"] is None:
                return False
            brings = D(price["bid"]) * D(row["left"]) * (1 - rate)
            return D(row["unrealised"]) == brings - D(row["left_cost"])

        until(it, is_exact, "the worth of what is open at the bid")

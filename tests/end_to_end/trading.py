"""A daemon that trades at the sandbox, and what the two say of its trades.

`trading_scene` is a scene whose daemon has a trader for every account; `Books` is the
sandbox's own account of an order's fills, with its own fees.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from drill.daemon import Daemon
from tests.end_to_end.kit import Row, Scene, scene
from tests.support.waiting import eventually

TRADER = '[trader]\nenabled = true\ndry_run = false\nmax_order_quote = "100000"\n'


@contextmanager
def trading_scene(
    home: Path,
    *,
    exchange: str = "binance",
    trader: str = TRADER,
    accounts: Mapping[str, Mapping[str, Any]] | None = None,
    make: Callable[..., Daemon] = Daemon,
) -> Iterator[Scene]:
    """One account there, live, with a trader that follows it."""

    def with_trader(home: Path, settings: str, env: Mapping[str, str]) -> Daemon:
        return make(home, trader + settings, env)

    with scene(home, accounts, exchange=exchange, make=with_trader) as it:
        until_following(it)
        yield it


def until_following(it: Scene, name: str = "main") -> None:
    """The trader knows since when it counts."""
    eventually(
        lambda: [row for row in it.stored("system_state", ("key",)) if row == (f"trader:since:{name}",)],
        what=f"a trader that follows {name} ({it.daemon.log_path})",
    )


def trades(it: Scene, **which: Any) -> list[Row]:
    rows: list[Row] = it.daemon.ask("trades", limit=0, **which)
    return rows


def until_trades(it: Scene, *states: str, within: float = 60.0, **which: Any) -> list[Row]:
    """Wait until the trades are in exactly these states, in the order in which they began."""
    rows: list[Row] = eventually(
        lambda: trades(it, **which),
        lambda rows: [row["state"] for row in rows] == list(states),
        within=within,
        every=0.1,
        what=f"trades in the states {states} ({it.daemon.log_path})",
    )
    return rows


def sells(it: Scene, name: str = "main") -> list[Row]:
    """Every SELL that the exchange has ever taken of the trader."""
    orders: list[Row] = it.admin.truth(name)["orders"]
    return [row for row in orders if row["side"] == "sell"]


def fills_of(it: Scene, order_id: str, name: str = "main") -> list[Row]:
    """What the sandbox itself has of an order's fills."""
    return [row for row in it.admin.truth(name)["fills"] if str(row["order_id"]) == str(order_id)]


def earned(it: Scene, trade: Row, name: str = "main") -> D:
    """What a trade brought by the sandbox's own books alone: no figure of the daemon's is in it.

    All units of it were sold, or taken as fees.
    """
    base = it.symbol
    money = D(0)
    for fill in it.admin.truth(name)["fills"]:
        worth = D(fill["price"]) * D(fill["quantity"])
        quote_fee = (
            D(fill["fee"]) if fill["fee_asset"] in base and not base.startswith(fill["fee_asset"]) else D(0)
        )
        money += (worth if fill["side"] == "sell" else -worth) - quote_fee
    return money

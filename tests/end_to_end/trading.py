"""A daemon that trades at the sandbox, and what the two say of its trades.

`trading_scene` is a scene whose daemon has a trader for every account; `Books` is the
sandbox's own account of an order's fills, with its own fees.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from tests.end_to_end.kit import Row, Scene, scene
from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

QUOTES = {"cryptocom": "USD"}
"""In what the first symbol of a sandbox is paid, where that is not USDT."""
PLACING = {
    "binance": "/api/v3/order",
    "binance_us": "/api/v3/order",
    "bybit": "/v5/order/create",
    "cryptocom": "/exchange/v1/private/create-order",
}
"""The path of an order."""


def trader(exchange: str, **own: str) -> str:
    """The table of a trader who may trade there; `own` keys are TOML."""
    quote = QUOTES.get(exchange, "USDT")
    keys = {"enabled": "true", "dry_run": "false", "quote": f'"{quote}"', "max_order_quote": "100000", **own}
    return "[trader]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@contextmanager
def trading_scene(
    home: Path,
    *,
    exchange: str = "binance",
    own: Mapping[str, str] | None = None,
    accounts: Mapping[str, Mapping[str, Any]] | None = None,
    make: Callable[..., Daemon] = Daemon,
    follows: bool = True,
    sandbox: Callable[..., Sandbox] = Sandbox,
) -> Iterator[Scene]:
    """One account there, live, with a trader that follows it."""

    def with_trader(home: Path, settings: str, env: Mapping[str, str]) -> Daemon:
        return make(home, trader(exchange, **(own or {})) + settings, env)

    with scene(home, accounts, exchange=exchange, make=with_trader, sandbox=sandbox) as it:
        if follows:
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
    return [row for row in orders if row["side"] == "sell" and row["client_order_id"].startswith("vt")]


def money_of(it: Scene, name: str = "main") -> D:
    """What purchases cost and the trader's sales brought, by the exchange's own books alone, in the quote asset."""
    money = D(0)
    for fill in its_fills(it, name):
        worth = D(fill["price"]) * D(fill["quantity"])
        money += worth if fill["side"] == "sell" else -worth
        if fill["fee_asset"] and not it.symbol.startswith(fill["fee_asset"]):
            money -= D(fill["fee"])
    return money


def units_of(it: Scene, name: str = "main") -> D:
    """What is left of the purchases after the trader's sales, by the same books, in the base asset."""
    units = D(0)
    for fill in its_fills(it, name):
        units += D(fill["quantity"]) if fill["side"] == "buy" else -D(fill["quantity"])
        if fill["fee_asset"] and it.symbol.startswith(fill["fee_asset"]):
            units -= D(fill["fee"])
    return units


def its_fills(it: Scene, name: str) -> list[Row]:
    """Every purchase, and what the trader sold."""
    fills: list[Row] = it.admin.truth(name)["fills"]
    return [row for row in fills if row["side"] == "buy" or row["client_order_id"].startswith("vt")]


def profit_of(rows: list[Row]) -> D:
    """What the trades are said to have earned, less what their dust has cost: money that came and went."""
    return sum((D(row["profit"]) - D(row["dust_cost"]) for row in rows), D(0))

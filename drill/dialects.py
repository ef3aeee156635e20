"""What exchanges call their addresses, symbols and events, and an account's table in a settings file.

A line here and a dialect in the sandbox are all that the drill needs of an
exchange. The paths are written down once more, and not asked of the daemon's code:
an oracle shares none.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from drill.sandbox import Sandbox


class Entrance(NamedTuple):
    """Where an account's exchange is entered; "" where there is no such way."""

    rest_url: str
    ws_url: str
    ws_api_url: str = ""


class Dialect(NamedTuple):
    """How an exchange is entered, relative to its host, and what is traded there.

    `trades` is the path of the trade history, `page` how many it shows at once,
    `further` what stands in a request for more than its first page, where
    anything does: otherwise the first `spared` requests are taken for first
    pages. `contract` is a symbol that makes positions, and what is said with it.
    `prices` is where the public stream is entered, `orders` the path that places,
    `base` with `tick`, `step` and `least` (worth) what an order of the symbol is made of;
    "" where no trader is drilled.
    """

    entrance: Entrance
    symbol: str
    trades: str
    prices: str = ""
    orders: str = ""
    tick: str = ""
    step: str = ""
    least: str = "5"
    base: str = "BTC"
    cash: str = "USDT"
    page: int = 100
    further: str = ""
    spared: int = 0
    contract: tuple[str, Mapping[str, str]] | None = None

    def at(self, host: str) -> Entrance:
        """The way in at `HOST:PORT`."""
        return Entrance(*(url.format(host) for url in self.entrance))


DIALECTS = {
    "binance": Dialect(
        Entrance("http://{}", "ws://{}/ws-api/v3"),
        "BTCUSDT",
        "/api/v3/myTrades",
        prices="ws://{}",
        orders="/api/v3/order",
        tick="0.01",
        step="0.00001",
        page=1000,
        further="fromId=",
    ),
    "binance_us": Dialect(
        Entrance("http://{}", "ws://{}/ws", "ws://{}/ws-api/v3"),
        "BTCUSDT",
        "/api/v3/myTrades",
        prices="ws://{}",
        orders="/api/v3/order",
        tick="0.01",
        step="0.00001",
        page=1000,
        further="fromId=",
    ),
    "bybit": Dialect(
        Entrance("http://{}", "ws://{}/v5/private"),
        "BTCUSDT",
        "/v5/execution/list",
        prices="ws://{}/v5/public/spot",
        orders="/v5/order/create",
        tick="0.1",
        step="0.000001",
        further="cursor=",
        contract=("BTCUSDT", {"category": "linear"}),
    ),
    "cryptocom": Dialect(
        Entrance("http://{}", "ws://{}/exchange/v1/user"),
        "BTC_USD",
        "/exchange/v1/private/get-trades",
        prices="ws://{}/exchange/v1/market",
        orders="/exchange/v1/private/create-order",
        tick="0.01",
        step="0.00001",
        least="1",
        cash="USD",
        spared=1,
    ),
}


def account_table(name: str, its: Mapping[str, Any], at: Entrance) -> str:
    """One account's table, its keys referred to as `keys` has them; `its` may say otherwise."""
    shout = _variable(name)
    usual = {"api_key": f"env:{shout}_KEY", "api_secret": f"env:{shout}_SECRET", **at._asdict()}
    lines = [f"{key} = {toml(value)}\n" for key, value in {**usual, **its}.items()]
    return f"[accounts.{name}]\n" + "".join(lines)


def keys(box: Sandbox) -> dict[str, str]:
    """The environment that the settings of the sandbox's accounts refer to."""
    found = {}
    for row in box.accounts:
        found[f"{_variable(row['account'])}_KEY"] = row["api_key"]
        found[f"{_variable(row['account'])}_SECRET"] = row["api_secret"]
    return found


def toml(value: Any) -> str:
    """A value as a settings file has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _variable(name: str) -> str:
    return f"SCENE_{name.upper().replace('-', '_')}"

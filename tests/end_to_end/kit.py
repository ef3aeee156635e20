"""A scene: one sandbox, one daemon that watches it, and what the two say of the same account.

Both are processes of their own. `Scene.differences` compares every fill, order
and balance of the ledger, as anybody gets them from the control socket, with
the sandbox's own record, field by field; `agrees` waits until there are none.

A scene is of one exchange. It is entered at the paths that its dialect gives for
the real one, on the sandbox's host, and trades in the first symbol that the
sandbox lists; the second is the one in which nothing has happened yet. Nothing
else of the daemon's code is used here: an oracle shares none. Processes and
comparison are the drill's.
"""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from drill.comparing import FIELDS, VIEWS, Row, columns, differences
from drill.dialects import Entrance, account_table, keys
from exchanges.registry import REGISTRY
from sandbox.server import DIALECTS
from tests.support.daemon import Daemon
from tests.support.sandbox import Admin, Sandbox, account
from tests.support.waiting import eventually

__all__ = [
    "FIELDS",
    "QUICK",
    "VIEWS",
    "Row",
    "Scene",
    "columns",
    "compared",
    "keeping_in",
    "keys",
    "meanwhile",
    "scene",
    "settings",
    "steady",
]

QUICK: Mapping[str, Any] = {
    "audit_every": 60,
    "poll_every": 0.5,
    "backoff": {"base": 0.1, "cap": 0.5, "trip": 1000, "stable": 1},
}
"""An account that comes back soon, and asks no more than its exchange's budget allows."""


class Scene:
    """`with scene(tmp_path) as scene:` is the usual way to one."""

    def __init__(self, box: Sandbox, daemon: Daemon, exchange: str = "binance") -> None:
        self.box = box
        self.daemon = daemon
        self.admin: Admin = box.admin
        self.exchange = exchange
        self.symbol, self.seldom = (listed.symbol for listed in DIALECTS[exchange].instruments[:2])

    # ------------------------------------------------------------ what happens there

    def trade(self, name: str = "main", symbol: str | None = None) -> Row:
        """One market order, filled at once; the fill."""
        fill: Row
        (fill,) = self.admin.place(name, symbol or self.symbol, "buy", "0.002")["fills"]
        return fill

    def rest_order(self, name: str = "main", quantity: str = "0.02") -> Row:
        """One limit order that stays open until somebody fills or cancels it."""
        order: Row = self.admin.place(name, self.symbol, "buy", quantity, "50000")
        assert order["status"] == "open", order
        return order

    @contextmanager
    def burst(self, name: str = "main", *, count: int, rate: float) -> Iterator[None]:
        """`count` orders are placed and filled meanwhile; at the end all have been."""
        with meanwhile(lambda: self.admin.burst(name, count, rate, symbol=self.symbol)):
            yield

    def requests(self) -> Counter[str]:
        """How often each call was made of the exchange."""
        return Counter(next(iter(self.admin.state().values()))["requests"])

    # ----------------------------------------------------------------- what is known

    def differences(self, name: str = "main", of: Sequence[str] = VIEWS) -> list[str]:
        """In what ledger and truth differ, as readable lines; empty when they are equal."""
        return compared(self.admin, self.daemon, name, of)

    def agrees(self, name: str = "main", within: float = 30.0, of: Sequence[str] = VIEWS) -> None:
        """Wait until the ledger is equal to the truth."""
        eventually(
            lambda: self.differences(name, of)[:5],
            lambda found: not found,
            within=within,
            every=0.1,
            what=f"{name}'s ledger equal to the truth ({self.daemon.log_path})",
        )

    def fill_of(self, trade: Row, name: str = "main", within: float = 30.0) -> Row:
        """The ledger's row of this trade, as soon as it is there; exactly one."""
        rows: list[Row] = eventually(
            lambda: [row for row in self.daemon.fills(account=name) if row["trade_id"] == trade["trade_id"]],
            within=within,
            what=f"fill {trade['trade_id']} of {name} ({self.daemon.log_path})",
        )
        (row,) = rows
        return row

    def order_of(self, order: Row, status: str, name: str = "main", within: float = 30.0) -> Row:
        """The ledger's row of this order, as soon as it has this status."""

        def look() -> Row | None:
            rows = self.daemon.ask("orders", account=name, limit=0)
            return next((row for row in rows if row["order_id"] == order["order_id"]), None)

        row = eventually(
            look,
            lambda row: row is not None and row["status"] == status,
            within=within,
            what=f"order {order['order_id']} {status}",
        )
        assert row is not None
        return row

    def states(self, name: str = "main") -> list[str]:
        """Every state that the account went through, oldest first."""
        rows: list[Row] = self.daemon.ask("history", kind="account", key=name, limit=0)
        return [row["state"] for row in rows]

    def until(self, state: str, name: str = "main", within: float = 30.0) -> Row:
        """Wait until the account is in this state; its row in `status`."""
        return eventually(
            lambda: self.daemon.account(name),
            lambda row: row["state"] == state,
            within=within,
            what=f"{name} {state} ({self.daemon.log_path})",
        )

    def logged(self, event: str, **fields: Any) -> list[Row]:
        """The daemon's log entries of this event."""
        rows = (json.loads(line) for line in self.daemon.log().splitlines() if line.startswith("{"))
        return [row for row in rows if row["event"] == event and fields.items() <= row.items()]

    def stored(self, table: str, columns: Sequence[str] = ("*",)) -> list[tuple[Any, ...]]:
        """Rows as they lie in the database file: for when no daemon is there to ask."""
        path = self.daemon.home / "data" / "vigil.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid").fetchall()


def compared(admin: Admin, daemon: Daemon, name: str, of: Sequence[str] = VIEWS) -> list[str]:
    """In what the daemon's ledger of an account differs from what that sandbox knows to have happened."""
    truth = admin.truth(name)
    ledger = {view: daemon.ask(view, account=name, limit=0) for view in of if view != "fills"}
    ledger["fills"] = daemon.fills(account=name)
    return [line for view in of for line in differences(view, truth[view], ledger[view])]


@contextmanager
def scene(
    home: Path,
    accounts: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    exchange: str = "binance",
    make: Callable[..., Daemon] = Daemon,
    options: tuple[str, ...] = (),
    sandbox: Callable[..., Sandbox] = Sandbox,
) -> Iterator[Scene]:
    """A sandbox and a daemon that has seen all of these accounts live.

    `accounts` maps names to settings, laid over QUICK; `options` are the sandbox's. An account
    is one of `exchange` unless its settings name another.
    """
    wanted = {name: {"exchange": exchange, **own} for name, own in (accounts or {"main": {}}).items()}
    who = [account(name, own["exchange"]) for name, own in wanted.items()]
    exchanges = tuple(dict.fromkeys(own["exchange"] for own in wanted.values()))
    with sandbox(who, exchanges=exchanges, options=options) as box:
        daemon = make(home, settings(box, wanted, exchange), keys(box))
        with daemon:
            for name in wanted:
                daemon.until_live(name)
            yield Scene(box, daemon, exchange)


def keeping_in(place: str) -> Callable[..., Daemon]:
    """Makes daemons whose ledger is at this address."""

    def make(home: Path, settings: str, env: Mapping[str, str]) -> Daemon:
        return Daemon(home, f'[database]\nurl = "{place}"\n{settings}', env)

    return make


def settings(box: Sandbox, accounts: Mapping[str, Mapping[str, Any]], exchange: str = "binance") -> str:
    """A settings file for these accounts, whose exchange is the sandbox; its references are those of `keys`."""
    text = '[web]\nlisten = ""\n'
    for name, own in accounts.items():
        its = own.get("exchange", exchange)
        at = REGISTRY[its].defaults.endpoints.at(box.host(its))
        text += account_table(name, {"exchange": its, **QUICK, **own}, Entrance(at.rest, at.ws, at.ws_api))
    return text


@contextmanager
def meanwhile(work: Callable[[], Any], *, forgiving: bool = False) -> Iterator[None]:
    """Do `work` in a thread of its own; its end is waited for, and its error raised unless `forgiving`."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
    assert not thread.is_alive(), "what should have happened meanwhile did not end"
    if errors and not forgiving:
        raise errors[0]


def steady(ask: Callable[[], int]) -> int:
    """A number that comes to rest: whoever asked the daemon something leaves traces for a moment."""
    seen: list[int] = []

    def look() -> list[int]:
        seen.append(ask())
        return seen[-5:]

    return eventually(look, lambda last: len(last) == 5 and len(set(last)) == 1, what="a steady number")[0]

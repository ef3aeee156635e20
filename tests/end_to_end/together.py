"""One daemon that watches accounts of every exchange, so that a story is told of all of them at once.

What takes as long as a real wait then takes that long only once, and what is done
to one exchange must not touch another. Accounts are named by the part that they
play and their exchange.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Row, Scene, scene
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

_OF_ITS_ACCOUNT = ("trade", "rest_order", "burst", "agrees", "fill_of", "order_of", "states", "until")


class Part(Scene):
    """One account of many: a scene in which it is meant where no other is named."""

    def __init__(self, whole: Scene, exchange: str, name: str) -> None:
        super().__init__(whole.box, whole.daemon, exchange)
        self.exchange = exchange
        self.name = name
        for method in _OF_ITS_ACCOUNT:
            setattr(self, method, partial(getattr(self, method), name=name))

    @property
    def row(self) -> Row:
        """The account in `status`."""
        return self.daemon.account(self.name)

    def until_live(self, within: float = 40.0) -> Row:
        return self.daemon.until_live(self.name, within)

    def states_so_far(self) -> list[str]:
        """Those of an account that is live, once that is written down too."""
        return eventually(
            self.states, lambda seen: seen[-1:] == ["live"], what=f"{self.name} live in its history"
        )

    def fills(self) -> list[Row]:
        return self.daemon.fills(account=self.name)

    def incidents(self, *kinds: str) -> list[Row]:
        """The account's incidents of these kinds, of all where none is named; those that are over included."""
        rows: list[Row] = self.daemon.ask("incidents", account=self.name, limit=0)
        return [row for row in rows if not kinds or row["kind"] in kinds]

    def history(self, actor: str) -> list[Row]:
        """What the account's `connection`, `keepalive` or `poller` went through."""
        rows: list[Row] = self.daemon.ask("history", kind="actor", key=f"{self.name}/{actor}", limit=0)
        return rows

    def generation(self, actor: str = "connection") -> int:
        return int(self.daemon.actor(f"{self.name}/{actor}")["generation"])

    def fill(self, order: Row, **more: Any) -> Row:
        """An open order is filled, wholly or by `quantity`; the fill."""
        fill: Row = self.admin.fill(order["order_id"], exchange=self.exchange, **more)
        return fill

    def cancel(self, order: Row) -> None:
        self.admin.cancel(order["order_id"], exchange=self.exchange)

    def fault(self, kind: str, **more: Any) -> None:
        """Something goes wrong for this account alone."""
        self.admin.fault(kind, exchange=self.exchange, account=self.name, **more)

    def fault_of_all(self, kind: str, **more: Any) -> None:
        """Something goes wrong for the whole exchange."""
        self.admin.fault(kind, exchange=self.exchange, **more)

    def clear(self) -> None:
        """Nothing goes wrong any more at this exchange, and its limits begin anew."""
        self.admin.clear(exchange=self.exchange)

    def requests(self) -> Counter[str]:
        return Counter(self.seen()["requests"])

    def asked(self, path: str = "/", of: str = "requests") -> int:
        """How many requests of this path, of any path, there were; or how many were `refused`."""
        counted: dict[str, int] = self.seen()[of]
        called = [(call.partition(" ")[2], count) for call, count in counted.items()]
        return sum(count for name, count in called if path == "/" or path.endswith(name))

    def seen(self) -> Row:
        """What the exchange sees: its requests, connections, refusals."""
        state: Row = self.admin.state()[self.exchange]
        return state


class Together:
    """The whole; `[exchange]` is the account there, or the one that plays a role: `[exchange, role]`."""

    def __init__(self, whole: Scene, parts: Mapping[tuple[str, str], Part]) -> None:
        self.whole = whole
        self.daemon = whole.daemon
        self.admin = whole.admin
        self._parts = parts

    def __getitem__(self, what: str | tuple[str, str]) -> Part:
        exchange, role = (what, "") if isinstance(what, str) else what
        return self._parts[exchange, role]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts.values())

    def playing(self, role: str) -> list[Part]:
        return [part for (_, its), part in self._parts.items() if its == role]


@contextmanager
def together(
    home: Path,
    own: Row | None = None,
    *,
    roles: Mapping[str, Row] | None = None,
    exchanges: Sequence[str] = tuple(sorted(REGISTRY)),
    make: Callable[..., Daemon] = Daemon,
    options: tuple[str, ...] = (),
) -> Iterator[Together]:
    """All of them live, at every exchange unless some are named. Every account has the settings `own`, laid under those of its role."""
    names = {
        (exchange, role): "-".join(filter(None, (role, exchange.replace("_", "-"))))
        for exchange in exchanges
        for role in roles or {"": {}}
    }
    accounts = {
        name: {"exchange": exchange, **(own or {}), **(roles or {}).get(role, {})}
        for (exchange, role), name in names.items()
    }
    with scene(home, accounts, make=make, options=options) as whole:
        yield Together(whole, {key: Part(whole, key[0], name) for key, name in names.items()})

"""The market socket: `ticker`, `trade` and `book` of an instrument, no authentication.

Once a second a ticker speaks, a trade channel tells what is new on the tape,
and a book is sent whole, or as what changed where the client asked for updates.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.cryptocom.envelope import NOTHING, Json
from sandbox.cryptocom.errors import Refusal
from sandbox.cryptocom.session import Session
from sandbox.truth import plain
from sandbox.websocket import WebSocket

if TYPE_CHECKING:
    from sandbox.cryptocom.site import CryptoCom

MOST = 400
DEPTHS = ("10", "50")


class MarketSession(Session):
    """One socket of the market endpoint."""

    kind = "market"
    per_second = 100

    def __init__(self, site: "CryptoCom", peer: WebSocket) -> None:
        super().__init__(site, peer)
        self._told: dict[str, str] = {}
        self._books: dict[str, Json] = {}

    def closed(self) -> None:
        """The socket is gone."""
        super().closed()
        self._site.markets.discard(self)

    def _unsubscribed(self) -> Any:
        return NOTHING

    def _check_room(self, names: list[str]) -> None:
        if len({*self.subscriptions, *names}) > MOST:
            raise Refusal(40107)

    def offers(self, name: str) -> bool:
        """True for a channel that is offered."""
        kind, symbol, *depth = name.split(".")[:3] if "." in name else (name, "")
        fits = depth[0] in DEPTHS if kind == "book" and depth else kind in ("ticker", "trade") and not depth
        return fits and symbol in self._site.venue.market.instruments

    def first(self, name: str) -> Json | None:
        """The last trades, or the whole book; a ticker begins with a bare reply."""
        kind, symbol, *_ = name.split(".")
        if kind == "trade":
            rows = self._site.api.quotes.tape(symbol)
            self._told[name] = rows[0]["d"] if rows else ""
            return self._result(name, "trade", rows)
        return self._book(name) if kind == "book" else None

    def _result(self, name: str, channel: str, rows: list[Json]) -> Json:
        symbol = name.split(".")[1]
        return {"instrument_name": symbol, "subscription": name, "channel": channel, "data": rows}

    def _book(self, name: str) -> Json:
        _, symbol, depth = name.split(".")
        self._books[name] = book = self._site.api.quotes.book(symbol, int(depth))
        return self._result(name, "book", [book]) | {"depth": int(depth)}

    def tick(self) -> None:
        """Speak on every channel."""
        if self._site.board.is_mute(self._site.name):
            return
        for name, params in list(self.subscriptions.items()):
            kind, symbol, *_ = name.split(".")
            if kind == "ticker":
                self.push(self._result(name, "ticker", [self._ticker(symbol)]))
            elif kind == "trade":
                self._tell_trades(name, symbol)
            elif params.get("book_subscription_type") == "SNAPSHOT_AND_UPDATE":
                self._tell_changes(name, symbol)
            else:
                self.push(self._book(name))

    def _ticker(self, symbol: str) -> Json:
        row = self._site.api.quotes.ticker(self._site.venue.market.instruments[symbol])
        bid, ask = self._site.board.shown(self._site.name, Decimal(row["b"]), Decimal(row["k"]))
        return row | {"b": plain(bid), "k": plain(ask)}

    def _tell_trades(self, name: str, symbol: str) -> None:
        rows = self._site.api.quotes.tape(symbol)
        seen = [row["d"] for row in rows]
        told = self._told.get(name, "")
        new = rows[: seen.index(told)] if told in seen else rows
        if new:
            self._told[name] = new[0]["d"]
            self.push(self._result(name, "trade", new))

    def _tell_changes(self, name: str, symbol: str) -> None:
        before = self._books[name]
        now = self._site.api.quotes.book(symbol, int(name.split(".")[2]))
        update = {side: _changes(before[side], now[side]) for side in ("asks", "bids")}
        row = {"update": update, "t": now["t"], "tt": now["tt"], "u": now["u"], "pu": before["u"]}
        self._books[name] = now
        self.push(self._result(name, "book.update", [row]) | {"depth": int(name.split(".")[2])})


def _changes(before: list[list[str]], now: list[list[str]]) -> list[list[str]]:
    """The levels that differ; quantity "0" for one that is gone."""
    had, has = {row[0]: row for row in before}, {row[0]: row for row in now}
    gone = [[price, "0", "0"] for price in had if price not in has]
    return gone + [row for price, row in has.items() if had.get(price) != row]

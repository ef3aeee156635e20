"""Public market streams: `/ws/<stream>` and `/stream?streams=a/b`.

Offered are bookTicker, miniTicker, trade and aggTrade of a symbol and
`!miniTicker@arr`. A stream speaks when its price moves, miniTicker once a
second; a symbol that stands still says nothing, as on the real one. Replies to
control frames are never wrapped.
"""

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from sandbox.binance import shapes
from sandbox.clock import monotonic
from sandbox.websocket import WebSocket
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.binance.site import Binance

KINDS = frozenset({"bookTicker", "miniTicker", "trade", "aggTrade"})
FRAMES_PER_SECOND = 5
MAX_STREAMS = 1024
ALL_MINI = "!miniTicker@arr"


class Control(msgspec.Struct):
    """A control frame."""

    method: str
    id: int | str | None = None
    params: list[Any] = []


def named(request: Request) -> list[str]:
    """The streams that a URL asks for."""
    if request.path.startswith("/ws/"):
        return [request.path.removeprefix("/ws/")]
    names = parse_qs(request.query).get("streams", [""])[0]
    return [name for name in names.split("/") if name]


class MarketSession:
    """One socket of the market streams."""

    def __init__(self, site: "Binance", request: Request, peer: WebSocket) -> None:
        self._site = site
        self.peer = peer
        self._combined = request.path == "/stream"
        self._names = dict.fromkeys(named(request))
        self._recent: deque[float] = deque(maxlen=FRAMES_PER_SECOND)
        self._seen: dict[str, Any] = {}

    def closed(self) -> None:
        """The socket is gone."""
        self._site.markets.discard(self)

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""
        return self._site.board.strikes(kind, self._site.name, self._accounts())

    def _accounts(self) -> Collection[str]:
        """Whose socket it is: nobody's."""
        return ()

    def announce(self, event: dict[str, Any]) -> None:
        """Send a connection event."""
        wrapped = {"stream": f"!{event['e']}", "data": event} if self._combined else event
        self.peer.send(msgspec.json.encode(wrapped))

    def received(self, text: str) -> None:
        """Answer a control frame; too many of them end the connection."""
        now = monotonic()
        if len(self._recent) == FRAMES_PER_SECOND and now - self._recent[0] < 1:
            self.peer.close(1008, "Too many requests")
            return
        self._recent.append(now)
        try:
            control = msgspec.json.decode(text, type=Control)
        except msgspec.ValidationError as wrong:
            self._say({"code": 2, "msg": f"Invalid request: {wrong}"})
            return
        except msgspec.DecodeError as wrong:
            self._say({"code": 3, "msg": f"Invalid JSON: {wrong}"})
            return
        self._obey(control)

    def _say(self, answer: dict[str, Any]) -> None:
        self.peer.send(msgspec.json.encode(answer))

    def _obey(self, control: Control) -> None:
        match control.method:
            case "SUBSCRIBE":
                self._names |= dict.fromkeys(str(name) for name in control.params)
                if len(self._names) > MAX_STREAMS:
                    self.peer.close(1008, "Too many streams")
                    return
                result: Any = None
            case "UNSUBSCRIBE":
                for name in control.params:
                    self._names.pop(str(name), None)
                result = None
            case "LIST_SUBSCRIPTIONS":
                result = list(self._names)
            case "SET_PROPERTY" if control.params[:1] == ["combined"] and len(control.params) == 2:
                self._combined, result = bool(control.params[1]), None
            case "GET_PROPERTY" if control.params == ["combined"]:
                result = self._combined
            case "SET_PROPERTY" | "GET_PROPERTY":
                self._say({"code": 0, "msg": "Unknown property", "id": control.id})
                return
            case _:
                self._say({"code": 2, "msg": "Invalid request: unknown variant", "id": control.id})
                return
        self._say({"result": result, "id": control.id})

    def tick(self) -> None:
        """Send what moved since the last time on every stream that was asked for."""
        if self._site.board.is_mute(self._site.name):
            return
        for name in self._names:
            price = self._price(name)
            if price is not None and self._seen.get(name) != price:
                self._seen[name] = price
                event = self._event(name)
                self._say({"stream": name, "data": event} if self._combined else event)

    def _price(self, name: str) -> Any:
        """What a stream of this name tells the changes of; None for a name that is none."""
        last = self._site.venue.market.last
        if name == ALL_MINI:
            return dict(last)
        lower, _, kind = name.partition("@")
        return last.get(lower.upper()) if kind in KINDS and lower == lower.lower() else None

    def _event(self, name: str) -> Any:
        if name == ALL_MINI:
            return [self._mini(symbol) for symbol in self._site.venue.market.instruments]
        lower, _, kind = name.partition("@")
        symbol = lower.upper()
        if kind == "miniTicker":
            return self._mini(symbol)
        return self._book(symbol) if kind == "bookTicker" else self._trade(symbol, kind)

    def _mini(self, symbol: str) -> dict[str, Any]:
        last = shapes.amount(self._site.venue.market.last[symbol])
        opened = shapes.amount(self._site.venue.market.instruments[symbol].start)
        low, high = sorted((last, opened), key=float)
        row = {"e": "24hrMiniTicker", "E": self._site.venue.clock.now(), "s": symbol}
        return row | {"c": last, "o": opened, "h": high, "l": low, "v": "1000.00000000", "q": "1000.00000000"}

    def _book(self, symbol: str) -> dict[str, Any]:
        bid = self._site.venue.market.levels(symbol, "buy", 1)[0]
        ask = self._site.venue.market.levels(symbol, "sell", 1)[0]
        shown_bid, shown_ask = self._site.board.shown(self._site.name, bid.price, ask.price)
        prices = {"b": shapes.amount(shown_bid), "B": shapes.amount(bid.quantity)}
        prices |= {"a": shapes.amount(shown_ask), "A": shapes.amount(ask.quantity)}
        return {"u": self._site.venue.clock.now(), "s": symbol} | prices

    def _trade(self, symbol: str, kind: str) -> dict[str, Any]:
        """A trade of others at the new last price; its id only grows."""
        now, one = self._site.venue.clock.now(), self._site.venue.market.instruments[symbol]
        row: dict[str, Any] = {"e": kind, "E": now, "s": symbol}
        row |= {"t": now} if kind == "trade" else {"a": now, "f": now, "l": now}
        price = shapes.amount(self._site.venue.market.last[symbol])
        return row | {"p": price, "q": shapes.amount(one.min_quantity), "T": now, "m": False, "M": True}

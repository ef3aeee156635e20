"""The prices of Binance: `<symbol>@bookTicker`, each change of best bid or ask (web-socket-streams.md, 2026-07-21).

The socket is opened bare and subscribed by control frames, of which the server
takes 5 a second and many names in one. Events come unwrapped, each with the update
number of its symbol's book and without a time: how old a price is, only its
arrival tells. A symbol that does not move says nothing, and neither does one that
does not exist: the exchange accepts any name. So silence is no sign of anything,
and a symbol of which nothing ever comes has to be looked up by REST.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import field

from core.errors import LinkError
from exchanges.base import Broken, Reached, RotateSoon, Send, Signal
from exchanges.binance.words import CATEGORY
from exchanges.doubts import UNREADABLE, keys
from exchanges.quoting import QuoteStream, batches, frame, level
from exchanges.trading import Quoted, TopOfBook

AT_ONCE = 1_024  # streams of one connection
NAMES = 200  # in one frame
EVERY = 0.25  # seconds between two frames
SUBSCRIBE_TIMEOUT = 10.0


class Tick(msgspec.Struct, frozen=True, gc=False):
    """One event."""

    u: int
    s: str
    bid: Decimal = field(name="b")
    bid_size: Decimal = field(name="B")
    ask: Decimal = field(name="a")
    ask_size: Decimal = field(name="A")


_TICK = msgspec.json.Decoder(Tick)


class BookTickers(QuoteStream):
    """The QuoteSession of binance.com and binance.us; `base` is the host of the market streams."""

    def __init__(self, base: str, symbols: Sequence[str]) -> None:
        super().__init__(f"{base}/ws", CATEGORY, symbols, AT_ONCE)
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:  # noqa: ARG002
        """All names, in as few frames as it takes."""
        groups = batches(self.symbols, NAMES)
        return (Reached("subscribing"), *(self._subscribe(group, n) for n, group in enumerate(groups)))

    def received(self, text: str, wall_ms: int) -> Quoted:
        """One text frame."""
        try:
            tick = _TICK.decode(text)
            bid, bid_size = level(tick.bid, tick.bid_size)
            ask, ask_size = level(tick.ask, tick.ask_size)
        except UNREADABLE:
            return self._other(text, wall_ms)
        return self._told(TopOfBook(CATEGORY, tick.s, bid, ask, bid_size, ask_size, None, tick.u))

    def heartbeat(self, wall_ms: int) -> Send | None:  # noqa: ARG002
        """A WebSocket ping does."""
        return None

    def _subscribe(self, symbols: tuple[str, ...], batch: int) -> Send:
        names = [f"{symbol.lower()}@bookTicker" for symbol in symbols]
        request: dict[str, Any] = {"method": "SUBSCRIBE", "params": names, "id": self._ask(symbols)}
        return frame(request, batch * EVERY)

    def _other(self, text: str, wall_ms: int) -> Quoted:
        said = self._plain(text)
        if said is None:
            return self._garbage("not a JSON object", wall_ms)
        if said.get("e") == "serverShutdown":
            return Quoted(signals=(RotateSoon("serverShutdown"),))
        if "result" in said:
            return Quoted(signals=self._answered(said.get("id")))
        refusal = said.get("error", said)
        if isinstance(refusal, dict) and "code" in refusal:
            error = LinkError(f"subscription refused: {refusal['code']}: {refusal.get('msg')}"[:300])
            return Quoted(signals=(Broken(error),))
        if "u" in said:
            return self._garbage(f"a price that cannot be read: {keys(said)}", wall_ms)
        return self._odd(f"neither a price nor a reply: {keys(said)}")

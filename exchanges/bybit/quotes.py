"""The prices of Bybit: `orderbook.1.<symbol>`, each change of best bid or ask (v5/websocket/public/orderbook).

Each product has a socket of its own. Topics are subscribed in batches, ten in one
request on spot, and acknowledged by request. The decisions:

* One unknown symbol has the whole request refused, and is named in the refusal. It
  is told as unknown, and the others are asked for again without it.
* A snapshot replaces what was known of a symbol; so does whatever has the update
  number 1, for the service was restarted. A delta changes it: size 0 removes a
  level. Level 1 is documented as snapshots only, and came as deltas in 2023.
* A snapshot is repeated when nothing changed for 3 s: the price is still so.
* The time of a change is `cts`, when the matching engine made it. A book that is
  told whole, first or once more, was so at `ts`, however long ago it changed.
* The heartbeat is a JSON ping; the forms of its pong differ by product.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from exchanges.base import Broken, PongReceived, Reached, Send, Signal
from exchanges.bybit.errors import refused_subscription
from exchanges.bybit.words import CATEGORIES, milliseconds, quoted
from exchanges.doubts import UNREADABLE, keys
from exchanges.quoting import QuoteStream, batches, demand_amounts, frame
from exchanges.trading import SILENT, Quoted, TopOfBook

AT_ONCE = 500  # symbols: all topics of a connection together are 21 000 characters at most
LONGEST = 21_000
IN_ONE = {"spot": 10}
OTHERS_IN_ONE = 100
EVERY = 0.02  # seconds between two requests
SUBSCRIBE_TIMEOUT = 20.0

_TOPIC = "orderbook.1."
_UNKNOWN = re.compile(r"handler not found,topic:orderbook\.1\.([^\s,]+)")

Level = tuple[Decimal, Decimal]
Side = Level | None


class _Book(msgspec.Struct, frozen=True, gc=False):
    s: str
    b: list[Level]
    a: list[Level]
    u: int


class _Push(msgspec.Struct, frozen=True, gc=False):
    topic: str
    type: str
    data: _Book
    ts: int | str | None = None
    cts: int | str | None = None


_PUSH = msgspec.json.Decoder(_Push)


class BestLevels(QuoteStream):
    """The QuoteSession of one product; `public` is the address of any."""

    def __init__(self, public: str, category: str, symbols: Sequence[str]) -> None:
        super().__init__(address(public, category), category, symbols, AT_ONCE)
        if sum(len(_TOPIC) + len(symbol) for symbol in self.symbols) > LONGEST:
            raise ValueError(f"the names of these symbols together are longer than {LONGEST} characters")
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT
        self._books: dict[str, tuple[Side, Side]] = {}

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:  # noqa: ARG002
        """All topics, in batches."""
        groups = batches(self.symbols, IN_ONE.get(self.category, OTHERS_IN_ONE))
        return (Reached("subscribing"), *(self._subscribe(group, n) for n, group in enumerate(groups)))

    def received(self, text: str, wall_ms: int) -> Quoted:
        """One text frame."""
        try:
            push = _PUSH.decode(text)
            demand_amounts(value for side in (push.data.b, push.data.a) for level in side for value in level)
        except UNREADABLE:
            return self._other(text, wall_ms)
        return self._moved(push)

    def heartbeat(self, wall_ms: int) -> Send | None:
        """A JSON ping: a WebSocket ping does not keep the connection."""
        return frame({"req_id": str(wall_ms), "op": "ping"})

    def _subscribe(self, symbols: tuple[str, ...], batch: int = 0) -> Send:
        topics = [f"{_TOPIC}{symbol}" for symbol in symbols]
        request: dict[str, Any] = {"req_id": str(self._ask(symbols)), "op": "subscribe", "args": topics}
        return frame(request, batch * EVERY)

    # ------------------------------------------------------------------- prices

    def _moved(self, push: _Push) -> Quoted:
        """The best levels after this push."""
        book = push.data
        is_whole = push.type == "snapshot" or book.u == 1
        if book.u == 1 and book.s in self._sequences:
            self._sequences[book.s] = 0
        told = self._sequences.get(book.s, 0)
        if book.u < told:
            return SILENT
        before = (None, None) if is_whole else self._books.get(book.s)
        if before is None:
            return self._odd(f"a change of {book.s} before its book")
        bid, ask = _changed(before[0], book.b), _changed(before[1], book.a)
        if book.s in self._sequences:
            self._books[book.s] = (bid, ask)
        at = (milliseconds(push.cts) if 0 < told < book.u else None) or milliseconds(push.ts)
        best = (*_parts(bid), *_parts(ask))
        return self._told(TopOfBook(self.category, book.s, best[0], best[2], best[1], best[3], at, book.u))

    # -------------------------------------------------------------- all other frames

    def _other(self, text: str, wall_ms: int) -> Quoted:
        said = self._plain(text)
        if said is None:
            return self._garbage("not a JSON object", wall_ms)
        if "topic" in said:
            return self._garbage(f"a push that cannot be read: {quoted(said['topic'])}", wall_ms)
        op, words = said.get("op"), said.get("ret_msg")
        if "pong" in (op, words):
            return Quoted(signals=(PongReceived(),))
        if op == "subscribe":
            return self._acknowledged(said, quoted_text(words), wall_ms)
        return self._odd(f"neither a push nor a reply: {keys(said)}")

    def _acknowledged(self, said: dict[str, Any], words: str, wall_ms: int) -> Quoted:
        number = _number(said.get("req_id")) or min(self._asked, default=0)
        if said.get("success") is True:
            return Quoted(signals=self._answered(number))
        unknown = _UNKNOWN.search(words)
        asked = self._asked.get(number, ())
        if unknown is None or unknown[1] not in asked:
            return Quoted(signals=(Broken(refused_subscription(words, None, wall_ms)),))
        others = tuple(symbol for symbol in asked if symbol != unknown[1])
        again = (self._subscribe(others),) if others else ()
        return Quoted(signals=(*again, *self._answered(number)), unknown=(unknown[1],))


def address(public: str, category: str) -> str:
    """Where a product's prices are, by the address of any product's."""
    head, _, tail = public.rpartition("/")
    return f"{head if tail in CATEGORIES else public}/{category}"


def quoted_text(words: Any) -> str:
    """The text of a refusal, as far as it can be one."""
    return words[:300] if isinstance(words, str) else ""


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def _changed(side: Side, levels: list[Level]) -> Side:
    """The best level after these changes: what goes goes first, whatever order they come in."""
    for price, size in levels:
        if not size and side is not None and side[0] == price:
            side = None
    return next(((price, size) for price, size in levels if size and price), side)


def _parts(side: Side) -> tuple[Decimal | None, Decimal | None]:
    return (None, None) if side is None else side

"""What the price sessions of all exchanges have in common.

* Only what was asked for is told: a price of another symbol is noted and dropped.
* The sequence of a symbol never goes back within a session. One that is told again
  is passed on: it says that the price was still so.
* Subscribed means that every request was answered on this socket.
* A frame that cannot be read costs at most a price, which the next one brings
  again: it is noted. Ten of them within five minutes break the session.
* What is odd is told once per socket: it will be in every such frame.
"""

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from core.errors import Unreadable
from exchanges.base import Broken, Reached, Send, Signal
from exchanges.doubts import GARBAGE_LIMIT, NEWS_LIMIT, PLAIN, UNREADABLE, Strikes
from exchanges.replies import is_amount
from exchanges.trading import SILENT, Quoted, TopOfBook

T = TypeVar("T")

_LONGEST = 120  # characters of a foreign text in a note


class QuoteStream:
    """A QuoteSession without its protocol."""

    def __init__(self, url: str, category: str, symbols: Sequence[str], most: int) -> None:
        self.url = url
        self.category = category
        self.symbols = tuple(dict.fromkeys(symbols))
        if not 0 < len(self.symbols) <= most:
            raise ValueError(f"prices of {len(self.symbols)} symbols: from 1 to {most} go on one socket")
        self._sequences = dict.fromkeys(self.symbols, 0)
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[str, ...]] = {}  # request -> the symbols that it asks for
        self._garbled = Strikes(GARBAGE_LIMIT)
        self._noted: set[str] = set()

    # ------------------------------------------------------------ subscribing

    def _ask(self, symbols: tuple[str, ...]) -> int:
        """The number of a new request for these symbols."""
        number = next(self._numbers)
        self._asked[number] = symbols
        return number

    def _answered(self, number: Any) -> tuple[Signal, ...]:
        """A request was answered: what follows from it."""
        if not isinstance(number, int) or self._asked.pop(number, None) is None or self._asked:
            return ()
        return (Reached("subscribed"),)

    # ----------------------------------------------------------------- prices

    def _told(self, quote: TopOfBook) -> Quoted:
        """A price, where it is of a symbol that was asked for, and not older than what was told."""
        before = self._sequences.get(quote.symbol)
        if before is None:
            return self._odd(f"prices of {quote.symbol}, which was not asked for")
        if quote.sequence is not None:
            if quote.sequence < before:
                return SILENT
            self._sequences[quote.symbol] = quote.sequence
        return Quoted((quote,))

    # ------------------------------------------------------------ what is odd

    def _plain(self, text: str) -> dict[str, Any] | None:
        """A frame as what it must be at least, None where it is not."""
        try:
            frame = PLAIN.decode(text)
        except UNREADABLE:
            return None
        return frame if isinstance(frame, dict) else None

    def _garbage(self, why: str, wall_ms: int) -> Quoted:
        """A frame that says nothing that could be read."""
        broken = (Broken(Unreadable("one unreadable frame after another")),)
        signals: tuple[Signal, ...] = broken if self._garbled.hit(wall_ms) else ()
        return Quoted(signals=signals, notes=self._odd(why).notes)

    def _odd(self, note: str) -> Quoted:
        """A note, where it was not told before."""
        note = note[:_LONGEST]
        if note in self._noted or len(self._noted) >= NEWS_LIMIT:
            return SILENT
        self._noted.add(note)
        return Quoted(notes=(note,))


def batches(items: Sequence[T], size: int) -> tuple[tuple[T, ...], ...]:
    """The items in order, `size` of them at a time."""
    return tuple(tuple(items[start : start + size]) for start in range(0, len(items), size))


def frame(request: dict[str, Any], after: float = 0.0) -> Send:
    """A request as a text frame."""
    return Send(msgspec.json.encode(request).decode(), after)


def level(price: Decimal | None, size: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """One side of a book: nobody is there at the price 0. ValueError for what is no amount."""
    demand_amounts((price, size))
    return (price, size) if price else (None, None)


def demand_amounts(amounts: Iterable[Decimal | None]) -> None:
    """ValueError where one is not a finite number of a sane size."""
    if not all(amount is None or is_amount(amount) for amount in amounts):
        raise ValueError("an amount that is no number")

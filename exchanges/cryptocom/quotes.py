"""The prices of Crypto.com: `ticker.<instrument>` of the market socket (Exchange API v1, 2026-05-21).

No authentication. A second passes before anything is sent, as on the user socket;
then one request for each channel, with an id of its own, at half of the pace that
the server takes (100 a second). The decisions:

* Whatever holds tickers is data, also an acknowledgement.
* A refusal of a channel may come under another id; it is that of the channel which
  its text names. That instrument is told as unknown, and the others go on.
* Tickers have no number; their time does not go back, and an older one is dropped.
* Sizes, bid and ask may be null, numbers may be text.
* Heartbeats are answered in the very Quoted of that frame (beats.py).
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from core.errors import BadRequest, NotFound, ProtocolChanged, Rejected
from exchanges.base import Broken, Reached, Send, Signal
from exchanges.cryptocom.beats import HEARTBEAT, QUIET_MS, answer, silence
from exchanges.cryptocom.errors import Refusal, classify
from exchanges.cryptocom.trading import Tick
from exchanges.cryptocom.words import whole
from exchanges.doubts import UNREADABLE, keys
from exchanges.quoting import QuoteStream, frame
from exchanges.trading import Quoted

AT_ONCE = 400  # subscriptions of one connection
FIRST_PAUSE = 1.0
EVERY = 0.02  # seconds between two requests
SUBSCRIBE_TIMEOUT = 20.0

_CHANNEL = "ticker"
_NAMED = re.compile(r"\bticker\.([A-Za-z0-9_-]+)")
_OF_A_CHANNEL = (BadRequest, ProtocolChanged, Rejected, NotFound)


class _Result(msgspec.Struct, frozen=True, gc=False):
    data: list[Tick]
    channel: str = ""
    subscription: str = ""


class _Push(msgspec.Struct, frozen=True, gc=False):
    result: _Result
    id: int | str | None = None
    method: str | None = None
    code: int = 0


_PUSH = msgspec.json.Decoder(_Push, strict=False)


class Tickers(QuoteStream):
    """The QuoteSession of one market socket."""

    def __init__(self, url: str, category: str, symbols: Sequence[str]) -> None:
        super().__init__(url, category, symbols, AT_ONCE)
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT
        self._heard_ms = 0

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """One request for each instrument, after the first second."""
        self._heard_ms = wall_ms
        asking = (self._subscribe(symbol, n, wall_ms) for n, symbol in enumerate(self.symbols))
        return (Reached("subscribing"), *asking)

    def received(self, text: str, wall_ms: int) -> Quoted:
        """One text frame."""
        self._heard_ms = wall_ms
        try:
            push = _PUSH.decode(text)
            if push.code or not (push.result.channel or push.result.subscription).startswith(_CHANNEL):
                return self._other(text, wall_ms)
            told = [self._told(tick.top(self.category)) for tick in push.result.data]
        except UNREADABLE:
            return self._other(text, wall_ms)
        return Quoted(
            tuple(quote for one in told for quote in one.quotes),
            self._answered(whole(push.id)),
            notes=tuple(note for one in told for note in one.notes),
        )

    def heartbeat(self, wall_ms: int) -> Broken | None:
        """A WebSocket ping does; but its pong is no sign of the exchange itself."""
        return silence(wall_ms - self._heard_ms, QUIET_MS)

    def _subscribe(self, symbol: str, n: int, wall_ms: int) -> Send:
        request: dict[str, Any] = {
            "id": self._ask((symbol,)),
            "method": "subscribe",
            "params": {"channels": [f"{_CHANNEL}.{symbol}"]},
            "nonce": wall_ms,
        }
        return frame(request, FIRST_PAUSE + n * EVERY)

    # -------------------------------------------------------------- all other frames

    def _other(self, text: str, wall_ms: int) -> Quoted:
        said = self._plain(text)
        if said is None:
            return self._garbage("not a JSON object", wall_ms)
        if said.get("method") == HEARTBEAT:
            return self._beaten(said)
        number, code = said.get("id"), _number(said.get("code"))
        if code:
            return self._refused(said, code)
        if said.get("method") == "subscribe" and not said.get("result"):
            return Quoted(signals=self._answered(_number(number)))
        if isinstance(said.get("result"), dict):
            return self._garbage("a push that cannot be read", wall_ms)
        return self._odd(f"neither a push nor a reply: {keys(said)}")

    def _beaten(self, said: dict[str, Any]) -> Quoted:
        number = said.get("id")
        if isinstance(number, int | str):
            return Quoted(signals=(answer(number),))
        return self._odd("a heartbeat without an id")

    def _refused(self, said: dict[str, Any], code: int) -> Quoted:
        words = said.get("message")
        words = words[:300] if isinstance(words, str) else "no reason given"
        error = classify(Refusal(words, code=code))
        number = self._refused_request(_number(said.get("id")), words)
        if number is None or not isinstance(error, _OF_A_CHANNEL):
            return Quoted(signals=(Broken(error),))
        unknown = self._asked[number]
        return Quoted(signals=self._answered(number), unknown=unknown)

    def _refused_request(self, number: int | None, words: str) -> int | None:
        """The request that is meant: by its id, else by the channel that the text names."""
        if number in self._asked:
            return number
        named = set(_NAMED.findall(words))
        return next((asked for asked, symbols in self._asked.items() if named.intersection(symbols)), None)


def _number(value: Any) -> int | None:
    return whole(value) if isinstance(value, int | str) and not isinstance(value, bool) else None

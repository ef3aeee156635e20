"""Crypto.com's user socket as a private stream: how it is opened, kept and understood.

A second passes before anything is sent, because an allowance of requests is cut
down to the rest of the second in which a socket opens. Then `public/auth`, once;
then one request per channel, each with an id of its own. (Exchange API v1,
2026-05-21.) The decisions:

* A heartbeat of the server is answered in the very Decoded of that frame, at every
  stage; where they stay away the session is broken (beats.py).
* Subscribed means that every channel was acknowledged on this socket, by the id of
  its request and code 0. A refusal of a channel that is merely useful is noted and
  counts as its answer; any other refusal is classified and breaks the session. One
  whose id is not ours is taken for that of the channel that its text names.
* Whatever holds rows is data, also an acknowledgement. A list is never proof that
  something is not there: rows are facts, and what is missing is nothing.
* The wallet comes whole every two seconds, changed or not. Only what is new on this
  socket is stated; an asset that is missing all at once asks for a look by REST.
* What cannot be read wholly is told, and asks for a look, as exchanges/doubts says.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from core.errors import BadRequest, NotFound, ProtocolChanged, Rejected
from core.facts import Balance, Fact, Unrecognised
from exchanges.base import Broken, Decoded, Reached, Send, Signal
from exchanges.cryptocom import rows
from exchanges.cryptocom.beats import HEARTBEAT, QUIET_MS, answer, silence
from exchanges.cryptocom.errors import Refusal, classify
from exchanges.cryptocom.reading import ASSETS, HOLDINGS, JOURNAL, ORDERS, TRADES, WALLETS, Legible, Shape
from exchanges.cryptocom.shapes import Frame, Result
from exchanges.cryptocom.sign import Signer
from exchanges.cryptocom.words import whole
from exchanges.doubts import Doubts

SUBSCRIBE_TIMEOUT = 10.0
FIRST_PAUSE = 1.0

NEEDED = ("user.order", "user.trade", "user.balance")
USEFUL = ("user.positions", "user.advance.order", "user.transactions")

_AUTH, _SUBSCRIBE = "public/auth", "subscribe"
_OF_A_CHANNEL = (BadRequest, ProtocolChanged, Rejected, NotFound)  # refusals that do not speak of us

_FRAMES, _RESULTS = Shape(Frame), Shape(Result)
_ROWS: dict[str, tuple[Shape[Any], Callable[[Any], tuple[Fact, ...]]]] = {
    "user.order": (ORDERS, rows.order_facts),
    "user.advance.order": (ORDERS, rows.order_facts),
    "user.trade": (TRADES, rows.trade_facts),
    "user.positions": (HOLDINGS, rows.positions),
    "user.transactions": (JOURNAL, rows.journal_facts),
}
_WALLET = "user.balance"
_LONGEST = 40  # characters of a foreign name
_encode = msgspec.json.Encoder().encode


class _Told:
    """What one frame says, while it is read."""

    def __init__(self) -> None:
        self.name = "frame"
        self.facts: list[Fact] = []
        self.signals: list[Signal] = []
        self.trouble: list[str] = []
        self.news: list[str] = []
        self.doubt: str | None = None  # a reason to look that is no trouble with the frame

    def take(self, legible: Legible[Any]) -> tuple[Any, ...]:
        """The rows that could be read; the notes on the others are kept."""
        self.trouble += legible.trouble
        self.news += legible.news
        return legible.rows

    def state(self, facts: tuple[Fact, ...]) -> None:
        self.facts += facts
        if any(type(fact) is Unrecognised for fact in facts):
            self.doubt = f"{self.name} says what we do not know"


class UserSession:
    """The StreamSession of one socket."""

    def __init__(self, url: str, signer: Signer) -> None:
        self.url = url
        self.subscribe_timeout = SUBSCRIBE_TIMEOUT
        self._signer = signer
        self._numbers = itertools.count(1)
        self._asked: dict[int, str] = {}  # id -> what it asks for: authentication, or a channel
        self._heard_ms = 0
        self._doubts = Doubts()
        self._wallet: dict[str, Balance] = {}

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        """Authenticate, after the first second."""
        self._heard_ms = wall_ms
        request = self._signer.request(_AUTH, self._number(_AUTH), wall_ms)
        return (Reached("authenticating"), Send(_encode(request).decode(), after=FIRST_PAUSE))

    def received(self, text: str, wall_ms: int) -> Decoded:
        """One text frame. Never raises: see the decisions above."""
        self._heard_ms = wall_ms
        read = _FRAMES.one(text)
        if not read.rows:
            return self._doubts.garbage(wall_ms)
        told = _Told()
        (frame,) = told.take(read)
        told.name = (frame.method or told.name)[:_LONGEST]
        if frame.method == HEARTBEAT:
            _answer(frame, told)
        elif frame.code:
            self._refused(frame, told, wall_ms)
        else:
            self._replied(frame, told, wall_ms)
        return self._decoded(told, wall_ms)

    def heartbeat(self, wall_ms: int) -> Broken | None:
        """A WebSocket ping does; but its pong is no sign of the exchange itself."""
        return silence(wall_ms - self._heard_ms, QUIET_MS)

    # -------------------------------------------------------------- asking

    def _number(self, asks_for: str) -> int:
        number = next(self._numbers)
        self._asked[number] = asks_for
        return number

    def _subscribe(self, channel: str, wall_ms: int) -> Send:
        request = {
            "id": self._number(channel),
            "method": _SUBSCRIBE,
            "params": {"channels": [channel]},
            "nonce": wall_ms,
        }
        return Send(_encode(request).decode())

    def _done(self, number: int, wall_ms: int) -> Iterator[Signal]:
        """A request is answered: what follows from it."""
        if self._asked.pop(number) == _AUTH:
            yield Reached("subscribing")
            for channel in (*NEEDED, *USEFUL):
                yield self._subscribe(channel, wall_ms)
        elif not self._asked:
            yield Reached("subscribed")

    # ------------------------------------------------------- what it is told

    def _replied(self, frame: Frame, told: _Told, wall_ms: int) -> None:
        """Rows, an acknowledgement, or both."""
        number = whole(frame.id)
        asked = None if number is None else self._asked.get(number)
        holds_rows = self._read(frame.result, told, wall_ms)
        if asked is not None and number is not None:
            if frame.method == (_AUTH if asked == _AUTH else _SUBSCRIBE):
                told.signals += self._done(number, wall_ms)
        elif not holds_rows and frame.method not in {_AUTH, _SUBSCRIBE}:
            told.facts.append(Unrecognised(told.name, "neither a reply nor rows"))

    def _refused(self, frame: Frame, told: _Told, wall_ms: int) -> None:
        text = frame.message if isinstance(frame.message, str) else "no reason given"
        error = classify(Refusal(text[:300], code=frame.code))
        number = self._refused_request(frame, text)
        channel = self._asked.get(number)
        if channel in USEFUL and isinstance(error, _OF_A_CHANNEL):
            told.facts.append(Unrecognised(_SUBSCRIBE, f"{channel} is refused: {error}"))
            told.signals += self._done(number, wall_ms)
        else:
            told.news.clear()  # a refusal may repeat the request, signature and all: not to be kept
            told.trouble.clear()
            told.signals.append(Broken(error))

    def _refused_request(self, frame: Frame, text: str) -> int:
        """The request that is meant; 0 = none of ours."""
        number = whole(frame.id)
        if number in self._asked and number is not None:
            return number
        return next((number for number, asked in self._asked.items() if asked in text), 0)

    def _read(self, raw: msgspec.Raw, told: _Told, wall_ms: int) -> bool:
        """State the rows of a result; whether there were any to read."""
        if bytes(raw) in {b"null", b"{}"}:
            return False
        for result in told.take(_RESULTS.one(raw)):
            channel = result.channel or result.subscription or "unnamed channel"
            kind = _kind(channel)
            told.name = kind or channel[:_LONGEST]
            if kind == _WALLET:
                self._read_wallet(result.data, told, wall_ms)
            elif kind is None:
                told.facts.append(Unrecognised(told.name, "unknown channel"))
            else:
                shape, states = _ROWS[kind]
                for row in told.take(shape.many(result.data)):
                    told.state(states(row))
        return True

    def _read_wallet(self, raw: msgspec.Raw, told: _Told, wall_ms: int) -> None:
        """State what is new in the wallet, and doubt it where an asset is missing all at once."""
        held: dict[str, Balance] = {}
        for wallet in told.take(WALLETS.many(raw)):
            for asset in told.take(ASSETS.many(wallet.position_balances)):
                margined = wallet.is_margined
                held[asset.instrument_name] = rows.balance(asset, margined=margined, at=wall_ms)
        known = self._wallet
        told.facts += (balance for asset, balance in held.items() if not _is_same(known.get(asset), balance))
        if told.trouble or not held:
            known.update(held)
            return
        if any(balance.total for asset, balance in known.items() if asset not in held):
            told.doubt = "an asset is missing from the wallet"
        self._wallet = held

    def _decoded(self, told: _Told, wall_ms: int) -> Decoded:
        """With what is odd beside the facts."""
        if not (told.trouble or told.news or told.doubt):
            return Decoded(tuple(told.facts), tuple(told.signals))
        news = (note for note in told.news if self._doubts.is_news(f"{told.name}: {note}"))
        notes = (*told.trouble, *news)
        odd = (Unrecognised(told.name, "; ".join(notes)),) if notes else ()
        doubt = f"{told.name} is not wholly readable" if told.trouble else told.doubt
        look = self._doubts.look(doubt, wall_ms) if doubt else ()
        return Decoded((*told.facts, *odd), (*told.signals, *look))


def _answer(frame: Frame, told: _Told) -> None:
    """One without an id cannot be answered."""
    if frame.id is None:
        told.facts.append(Unrecognised(HEARTBEAT, "a heartbeat without an id"))
    else:
        told.signals.append(answer(frame.id))


def _kind(channel: str) -> str | None:
    """The channel without the instrument that it may be narrowed to."""
    if channel in _ROWS or channel == _WALLET:
        return channel
    return next((kind for kind in (*_ROWS, _WALLET) if channel.startswith(f"{kind}.")), None)


def _is_same(known: Balance | None, said: Balance) -> bool:
    return known is not None and (known.free, known.locked, known.total) == (
        said.free,
        said.locked,
        said.total,
    )

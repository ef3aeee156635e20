"""Public WebSockets, one for each product: tickers, the best level, trades.

A pair's ticker is always a snapshot, a contract's is one and then deltas with
what changed. The best level is repeated after three seconds without a change.
Trades are those of others, at each new price. Acknowledgements and pongs differ
by product, as in the reference, sections 3.4 and 8.
"""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from sandbox.bybit.private import Frame, Refused, parse
from sandbox.bybit.shapes import price_text, size_text
from sandbox.clock import monotonic
from sandbox.market import Instrument
from sandbox.websocket import WebSocket
from sandbox.world import key_of

if TYPE_CHECKING:
    from sandbox.bybit.site import Bybit

TOPIC = re.compile(r"(tickers|orderbook\.1|publicTrade)\.([A-Z0-9-]+)")
MOST_SPOT_ARGS = 10
MOST_LENGTH = 21_000
REPEAT_AFTER = 3.0


class Shown(msgspec.Struct):
    """What a subscriber of a topic has seen last."""

    data: dict[str, Any] = {}
    at: float = 0.0
    update: int = 1


class PublicSession:
    """One socket of one product."""

    def __init__(self, site: "Bybit", product: str, peer: WebSocket) -> None:
        self._site = site
        self._product = product
        self._active_at = monotonic()
        self.peer = peer
        self.conn_id = str(uuid4())
        self.topics: dict[str, Shown] = {}
        peer.heart = self._beat

    def _beat(self) -> None:
        if monotonic() - self._active_at > self._site.heartbeat.pong_within:
            self.peer.reset()

    def closed(self) -> None:
        """The socket is gone."""
        self._site.markets.discard(self)

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""
        return bool(self._site.board.take(kind, self._site.name))

    # -- operations in -------------------------------------------------------------

    def received(self, text: str) -> None:
        """Answer one operation."""
        frame = Frame(op="")
        try:
            frame = parse(text)
            self._obey(frame)
        except Refused as refused:
            self._reply(frame, str(refused), success=False)

    def _obey(self, frame: Frame) -> None:
        topics = [str(topic) for topic in frame.args]
        match frame.op:
            case "ping":
                self._active_at = monotonic()
                if not self.suffers("lost_pongs"):
                    self._reply(frame, "pong")
            case "subscribe":
                self._subscribe(frame, topics)
            case "unsubscribe":
                for topic in topics:
                    self.topics.pop(topic, None)
                self._reply(frame, self._word(frame))
            case _:
                raise Refused("error:invalid op")

    def _word(self, frame: Frame) -> str:
        return frame.op if self._product == "spot" else ""

    def _reply(self, frame: Frame, said: str, *, success: bool = True) -> None:
        """Spot leaves out a req_id that was not sent, contracts show it empty."""
        body: dict[str, Any] = {"success": success, "ret_msg": said, "conn_id": self.conn_id}
        if frame.req_id is not None or self._product != "spot":
            body["req_id"] = frame.req_id or ""
        self.peer.send(msgspec.json.encode(body | {"op": frame.op}))

    def _subscribe(self, frame: Frame, topics: list[str]) -> None:
        if self._product == "spot" and len(topics) > MOST_SPOT_ARGS:
            raise Refused("args size >10")
        for topic in topics:
            if self._meant(topic) is None:
                raise Refused(f"error:handler not found,topic:{topic}")
            if topic in self.topics or topics.count(topic) > 1:
                raise Refused(f"error:already subscribed,topic:{topic}")
        if sum(map(len, (*self.topics, *topics))) > MOST_LENGTH:
            raise Refused("error:args too long")
        self.topics |= {topic: Shown() for topic in topics}
        self._reply(frame, self._word(frame))
        self.tick()

    def _meant(self, topic: str) -> tuple[str, Instrument] | None:
        found = TOPIC.fullmatch(topic)
        instruments = self._site.venue.market.instruments
        one = instruments.get(key_of(self._product, found[2])) if found else None
        return (found[1], one) if found and one else None

    # -- pushes out ------------------------------------------------------------------

    def tick(self) -> None:
        """Send what moved since the last time on every topic that was asked for."""
        if self._site.board.is_mute(self._site.name):
            return
        for topic, shown in self.topics.items():
            meant = self._meant(topic)
            if meant is None:
                continue
            kind, one = meant
            message = {"tickers": self._ticker, "orderbook.1": self._book, "publicTrade": self._trades}[kind](
                one, shown
            )
            if message is not None:
                self._active_at = shown.at = monotonic()
                stamped = {"topic": topic, "ts": self._site.venue.clock.now()} | message
                self.peer.send(msgspec.json.encode(stamped))

    def _ticker(self, one: Instrument, shown: Shown) -> dict[str, Any] | None:
        quotes = self._site.api.quotes
        data = quotes.day(one) | (quotes.best(one) | quotes.contract(one) if one.settle else {})
        changed = {name: value for name, value in data.items() if shown.data.get(name) != value}
        if not changed:
            return None
        first, shown.data = not shown.data, data
        cross = {"cs": self._site.venue.clock.now()}
        if first or not one.settle:
            return cross | {"type": "snapshot", "data": data}
        return cross | {"type": "delta", "data": {"symbol": one.name} | changed}

    def _book(self, one: Instrument, shown: Shown) -> dict[str, Any] | None:
        best = self._site.api.quotes.best(one)
        if best == shown.data and monotonic() - shown.at < REPEAT_AFTER:
            return None
        if best != shown.data:
            shown.data, shown.update = best, shown.update + 1
        now = self._site.venue.clock.now()
        prices = Decimal(best["bid1Price"]), Decimal(best["ask1Price"])
        shown_bid, shown_ask = self._site.board.shown(self._site.name, *prices)
        bid = [price_text(one, shown_bid), best["bid1Size"]]
        ask = [price_text(one, shown_ask), best["ask1Size"]]
        data = {"s": one.name, "b": [bid], "a": [ask], "u": shown.update, "seq": now}
        return {"type": "snapshot", "data": data, "cts": now}

    def _trades(self, one: Instrument, shown: Shown) -> dict[str, Any] | None:
        last, before = self._site.venue.market.last[one.symbol], shown.data.get("p")
        if before == last:
            return None
        shown.data = {"p": last}
        now, rises = self._site.venue.clock.now(), before is None or last > before
        row: dict[str, Any] = {"T": now, "s": one.name, "S": "Buy" if rises else "Sell"}
        row |= {"v": size_text(one, one.min_quantity), "p": price_text(one, last)}
        if one.settle:
            row["L"] = "PlusTick" if rises else "MinusTick"
        row |= {"i": str(uuid4()), "BT": False, "RPI": False, "seq": now}
        return {"type": "snapshot", "data": [row]}

"""An account at the sandbox through its dialect, as a trader has it: orders, instruments, fees, prices.

`MARKETS` names one market of each kind that the registry can be traded at; what
is known of it here is where its price stands when the sandbox begins.
"""

import threading
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, NamedTuple

import websocket

from core.clock import SystemClock
from core.errors import VigilError
from core.intents import Cancellation, Placement
from core.wire import Call, Reply
from exchanges.base import Broken, Credentials, Reached, Send
from exchanges.registry import REGISTRY
from exchanges.trading import Found, Sought, TopOfBook, TradingExchange
from tests.support.sandbox import Sandbox
from transport.origin import RestOrigin
from transport.rest import RestClient

CLOCK = SystemClock()
WAIT = 30.0


class Market(NamedTuple):
    """Where something is traded, and a price below, at and above its market with a quantity that all take."""

    exchange: str
    category: str
    symbol: str

    @property
    def low(self) -> Decimal:
        return Decimal(90_000)

    @property
    def last(self) -> Decimal:
        return Decimal(95_000)

    @property
    def high(self) -> Decimal:
        return Decimal(95_100)

    @property
    def quantity(self) -> Decimal:
        return Decimal("0.01")

    def __str__(self) -> str:
        return f"{self.exchange}-{self.category}"


MARKETS = (
    Market("binance", "spot", "BTCUSDT"),
    Market("binance_us", "spot", "BTCUSDT"),
    Market("bybit", "spot", "BTCUSDT"),
    Market("bybit", "linear", "BTCUSDT"),
    Market("cryptocom", "spot", "BTC_USD"),
    Market("cryptocom", "perpetual", "BTCUSD-PERP"),
)


class Desk:
    """One account's way to trade in one market."""

    def __init__(self, box: Sandbox, market: Market, account: str = "main") -> None:
        self.box, self.market, self.account = box, market, account
        exchange: Any = REGISTRY[market.exchange]
        assert isinstance(exchange, TradingExchange)
        entry = next(
            one for one in box.accounts if (one["account"], one["exchange"]) == (account, market.exchange)
        )
        self.endpoints = exchange.defaults.endpoints.at(box.host(market.exchange))
        self.rest = exchange.rest(Credentials(entry["api_key"], entry["api_secret"]), self.endpoints)
        self.trading = exchange.trading(self.rest)
        self.exchange = exchange
        self._ended: dict[str, float] = {}
        self.client = self.dial((5.0, 8.0))

    def dial(self, timeouts: tuple[float, float]) -> RestClient:
        """A way to the same account with timeouts of its own."""
        return RestClient(
            self.endpoints.rest,
            dialect=self.rest,
            origin=RestOrigin(CLOCK, 60_000),
            clock=CLOCK,
            timeouts=timeouts,
            ended=self._ended,
        )

    def close(self) -> None:
        self.client.close()

    def run(self, plan: Generator[Call, Reply, Any], client: RestClient | None = None) -> Any:
        """Drive a plan at the pace of its calls."""
        client = client or self.client
        try:
            call = next(plan)
            while True:
                threading.Event().wait(client.pause(call))
                try:
                    reply = client.call(call)
                except VigilError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(reply)
        except StopIteration as end:
            return end.value

    # ---------------------------------------------------------------- what is asked

    def order(self, ours: str, side: str = "buy", **changes: Any) -> Placement:
        """An order that rests, but for what is changed of it."""
        wanted: dict[str, Any] = {
            "account": self.account, "category": self.market.category, "symbol": self.market.symbol,
            "side": side, "quantity": self.market.quantity, "price": self.market.low, "client_order_id": ours,
        }  # fmt: skip
        return Placement(**wanted | changes)

    def place(self, ours: str, side: str = "buy", **changes: Any) -> Any:
        return self.run(self.trading.place(self.order(ours, side, **changes)))

    def cancel(self, ours: str, order_id: str | None = None) -> Any:
        return self.run(self.trading.cancel(self.cancellation(ours), order_id))

    def cancellation(self, ours: str) -> Cancellation:
        market = self.market
        return Cancellation(
            account=self.account, category=market.category, symbol=market.symbol, client_order_id=ours
        )

    def find(self, ours: str, *, sent_ago: float = 0.0) -> Any:
        """Look for an order of which the request left so many seconds ago."""
        now = self.client._origin.time_ms()
        sought = Sought(self.market.category, self.market.symbol, ours, now - int(sent_ago * 1000))
        return self.run(self.trading.find(sought, now))

    def found(self, ours: str) -> Found:
        found = self.find(ours)
        assert isinstance(found, Found), found
        return found

    # ------------------------------------------------------------- what really happened

    @property
    def where(self) -> dict[str, str]:
        """What the admin has to be told of this market; of Crypto.com's the names say it all."""
        exchange, category, _ = self.market
        return {"exchange": exchange} | ({} if exchange == "cryptocom" else {"category": category})

    def truth(self, ours: str) -> list[dict[str, Any]]:
        """Every order that the exchange has under this client id."""
        orders = self.box.admin.truth(self.account, exchange=self.market.exchange)["orders"]
        return [order for order in orders if order["client_order_id"] == ours]

    def fills(self, ours: str) -> list[dict[str, Any]]:
        """Every fill of the order with this client id."""
        fills = self.box.admin.truth(self.account, exchange=self.market.exchange)["fills"]
        return [fill for fill in fills if fill["client_order_id"] == ours]

    def clear(self) -> None:
        """Nothing goes wrong, nothing rests, and the price is where it was."""
        self.box.admin.clear()
        self.box.admin.post("price", symbol=self.market.symbol, price=str(self.market.last), **self.where)
        for order in self.box.admin.truth(self.account, exchange=self.market.exchange)["orders"]:
            if order["status"] in {"open", "partially_filled", "untriggered"}:
                self.box.admin.cancel(order["order_id"], exchange=self.market.exchange)


class Quotes:
    """A quote session on a real socket, read until something is seen."""

    def __init__(self, desk: Desk, *symbols: str) -> None:
        market = desk.market
        self.session = desk.exchange.quotes(desk.endpoints, market.category, symbols or (market.symbol,))
        self.socket = websocket.create_connection(self.session.url, timeout=WAIT)
        self.quotes: list[TopOfBook] = []
        self.unknown: list[str] = []
        self.notes: list[str] = []
        self.signals: list[Any] = []
        for signal in self.session.opened(CLOCK.wall_ms()):
            self._act(signal)

    @property
    def stages(self) -> list[str]:
        return [signal.stage for signal in self.signals if isinstance(signal, Reached)]

    def of(self, symbol: str) -> list[TopOfBook]:
        return [quote for quote in self.quotes if quote.symbol == symbol]

    def read_until(self, seen: Callable[[], Any]) -> None:
        while not seen():
            self.read()

    def read(self) -> None:
        quoted = self.session.received(str(self.socket.recv()), CLOCK.wall_ms())
        self.quotes += quoted.quotes
        self.unknown += quoted.unknown
        self.notes += quoted.notes
        for signal in quoted.signals:
            self._act(signal)

    def send(self, signal: Any) -> None:
        self._act(signal)

    def close(self) -> None:
        self.socket.close()

    def _act(self, signal: Any) -> None:
        self.signals.append(signal)
        match signal:
            case Send():
                threading.Event().wait(signal.after)
                self.socket.send(signal.text)
            case Broken(error=error):
                raise error

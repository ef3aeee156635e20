"""An exchange whose prices are told in words, and the actors that hear them, for the tests of prices.

`want SYMBOL …` is what its stream is asked; it is told `subscribed`, `price SYMBOL BID
ASK [SEQUENCE [AT_MS]]`, `unknown SYMBOL`, `broken ERROR`, `leaving`, `bug`. By REST a
price is `BID ASK`.
"""

from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import Any

from actors.quotes import NoPrice, Quotes
from core.clock import Clock
from core.errors import BadRequest, VigilError
from core.prices import Price, Rules
from core.wire import Call, Reply
from exchanges.base import (
    Broken,
    Defaults,
    Endpoints,
    PongReceived,
    Reached,
    RestDialect,
    RotateSoon,
    Send,
    Signal,
)
from exchanges.trading import Quoted, QuoteSession, TopOfBook, Trading
from tests.support.fakes import ERRORS, WordDialect, WordExchange

RULES = Rules(Decimal("0.05"), max_age=10, silent_after=3, ask_every=2)


class WordQuotes:
    """A QuoteSession."""

    subscribe_timeout = 10.0

    def __init__(self, url: str, category: str, symbols: Sequence[str]) -> None:
        self.url = url
        self.category = category
        self.symbols = symbols

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        return (Reached("subscribing"), Send(f"want {' '.join(self.symbols)}"))

    def received(self, text: str, wall_ms: int) -> Quoted:
        word, _, rest = text.partition(" ")
        match word:
            case "subscribed":
                return Quoted(signals=(Reached("subscribed"),))
            case "price":
                symbol, bid, ask, *more = rest.split()
                sequence, at_ms = [*map(int, more), None, None][:2]
                top = TopOfBook(
                    self.category, symbol, Decimal(bid), Decimal(ask), sequence=sequence, at_ms=at_ms
                )
                return Quoted((top,))
            case "unknown":
                return Quoted(unknown=(rest,))
            case "pong":
                return Quoted(signals=(PongReceived(),))
            case "leaving":
                return Quoted(signals=(RotateSoon("the server leaves"),))
            case "broken":
                error = ERRORS[rest]()
                assert isinstance(error, VigilError)
                return Quoted(signals=(Broken(error),))
            case "bug":
                raise ValueError("a mistake of ours")
        return Quoted(notes=(f"not a word of ours: {text}",))

    def heartbeat(self, wall_ms: int) -> Send | None:
        return Send("ping")


class WordTrading:
    """The part of a Trading that prices need."""

    def quote(self, category: str, symbol: str) -> Generator[Call, Reply, TopOfBook]:
        reply = yield Call("GET", f"/price/{category}/{symbol}", weight=3)
        bid, ask = map(Decimal, reply.body.decode().split())
        return TopOfBook(category, symbol, bid, ask)


class PricedDialect(WordDialect):
    """404 is a symbol that is not listed."""

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        return BadRequest("no such symbol") if reply.status == 404 else super().classify(call, reply)


class PricedExchange(WordExchange):
    """A TradingExchange."""

    trades = ("spot", "linear")
    quotes_at_once = 2
    defaults = Defaults(Endpoints("", ""), heartbeat=20, stale_after=45, weight_per_minute=100_000)

    def __init__(self, *, weight_per_minute: int = 100_000, subscribe_timeout: float = 10.0) -> None:
        super().__init__(subscribe_timeout=subscribe_timeout)
        self.defaults = Defaults(Endpoints("", ""), 20, 45, weight_per_minute)
        self.dialect = PricedDialect()

    def trading(self, rest: RestDialect) -> Trading:
        trading: Any = WordTrading()
        return trading

    def quotes(self, endpoints: Endpoints, category: str, symbols: Sequence[str]) -> QuoteSession:
        session = WordQuotes(endpoints.public_ws, category, symbols)
        session.subscribe_timeout = self._subscribe_timeout
        return session


class Board(Quotes):
    """One at which the account `main` is served by the source `words`, and needs what `needs` says."""

    def __init__(self, clock: Clock, *symbols: str, rules: Rules = RULES) -> None:
        self.clock = clock
        self.rules = rules
        self.needs: dict[str, list[tuple[str, str]]] = {"main": [("spot", symbol) for symbol in symbols]}
        super().__init__(clock, lambda: self.rules, lambda account: self.needs.get(account, ()))
        self.offer("words", "binance")
        self.serve("main", "words")

    def told(self, bid: Any, ask: Any, symbol: str = "BTCUSDT", ago: float = 0.0, by: str = "stream") -> Any:
        """Take a price in that was so some seconds ago."""
        top = TopOfBook(
            "spot", symbol, None if bid is None else Decimal(bid), None if ask is None else Decimal(ask)
        )
        return self.hear("words", top, self.clock.boottime() - ago, by)

    def price(self, account: str = "main", symbol: str = "BTCUSDT") -> Price | NoPrice:
        """The price to act on, or why there is none."""
        return self.good(account, "spot", symbol)

    def bid(self, symbol: str = "BTCUSDT") -> Decimal | None:
        """The best bid of a good price."""
        price = self.price(symbol=symbol)
        return price.bid if isinstance(price, Price) else None

    def why(self, account: str = "main") -> str:
        """Why there is no price of BTCUSDT to act on."""
        price = self.price(account)
        assert isinstance(price, NoPrice)
        return price.why

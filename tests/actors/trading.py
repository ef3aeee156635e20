"""A trader with a ledger behind it, and an exchange whose orders are the test's: for the tests of the trader.

The exchange is asked over real sockets: `/place/ID`, `/cancel/ID`, `/find/ID`,
`/instruments/SYMBOL`, `/fees/SYMBOL`, `/time`. Nothing goes on by itself: `passes` moves the
time, and waits until all that follows from it is done and committed.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec

from actors.feed import Feed
from actors.inlet import Inlet
from actors.persistence import PersistenceActor
from actors.quotes import Need
from actors.trader import LOOK, TraderActor
from core.client_ids import trade_id
from core.errors import DatabaseProblem, NotFound, VigilError
from core.facts import Fact, Fill, OrderState, Origin
from core.instruments import Instrument
from core.intents import Cancellation, Placement
from core.messages import CancelOrder, Down, PlaceOrder, Ready, RetryTrade, Stop, SwitchTrading
from core.records import Incident, Remember
from core.settings_schema import TraderSettings
from core.status import AccountState, LedgerVitals
from core.wire import Call, Reply
from exchanges.base import Endpoints, RestDialect
from exchanges.trading import (
    Absent,
    Accepted,
    CancelTaken,
    FeeRates,
    Found,
    Listing,
    NotOpen,
    Sought,
    Trading,
    Unsure,
)
from models import database
from models.read import Reader
from tests.actors.quoting import Board, PricedExchange
from tests.support.actors import WITHIN, Listener, gone, listening
from tests.support.clock import ManualClock
from tests.support.fakes import CREDENTIALS
from tests.support.ledger import balance, batch, fill, rows
from tests.support.peers import Answered, Asked, RestPeer, rest_peer
from transport.origin import Origins

TRADER, WRITER = "trading/trader-main", "core/persistence"
STEP = 5.0  # seconds of a long time that are passed at once: no price grows too old meanwhile
RULES: dict[str, Any] = {
    "enabled": True,
    "dry_run": False,
    "max_order_quote": D(100_000),
    "max_daily_loss": D(1000),
}


class Venue:
    """The exchange, as its orders know it, and the TradingExchange that speaks with it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.peer: RestPeer
        self.ahead = 0.0  # seconds by which its clock is ahead of ours
        self.failing: dict[str, int] = {}  # first word of a path -> status
        self.instead: list[Any] = []  # outcomes of the next orders, in the place of acceptance
        self.orders: dict[str, OrderState] = {}
        self.at_sending: list[Any] = []  # what the ledger held when an order came in
        self.look: Any = lambda _name: None

    def __call__(self, asked: Asked) -> Answered:
        """The script for `rest_peer`."""
        _, word, *rest = asked.path.split("/")
        if word in self.failing:
            return Answered(status=self.failing[word])
        if word == "place":
            self.at_sending.append(self.look(rest[0]))
        return Answered(str(self.time_ms()).encode())

    def time_ms(self) -> int:
        return self.clock.wall_ms() + round(self.ahead * 1000)

    def asked(self, word: str) -> list[str]:
        """The names that came with this word, in order."""
        paths = [one.path.split("/") for one in list(self.peer.asked)]
        return [name for _, verb, *names in paths for name in names if verb == word]

    @property
    def placed(self) -> list[str]:
        return self.asked("place")

    @property
    def cancelled(self) -> list[str]:
        return self.asked("cancel")

    # -------------------------------------------------------------------- the plans

    def place(self, order: Placement) -> Generator[Call, Reply, Any]:
        try:
            yield Call("POST", f"/place/{order.client_order_id}", auth="signed")
        except VigilError as error:
            return Unsure(error)
        if self.instead:
            return self.instead.pop(0)
        state = OrderState(
            order.category, order.symbol, str(100 + len(self.orders)), "open",
            client_order_id=order.client_order_id, side=order.side, price=order.price,
            quantity=order.quantity, filled=D(0), updated_at=self.time_ms(),
        )  # fmt: skip
        self.orders[order.client_order_id] = state
        return Accepted(state.order_id, state)

    def cancel(self, wanted: Cancellation, order_id: str | None = None) -> Generator[Call, Reply, Any]:
        try:
            yield Call("DELETE", f"/cancel/{wanted.client_order_id}", auth="signed")
        except VigilError as error:
            return Unsure(error)
        if wanted.client_order_id not in self.orders:  # it was withheld, or is still on its way
            return NotOpen(NotFound("unknown order"))
        state = self.orders[wanted.client_order_id]
        state = msgspec.structs.replace(state, status="canceled", updated_at=self.time_ms())
        self.orders[wanted.client_order_id] = state
        return CancelTaken(state)

    def find(self, sought: Sought, now_ms: int) -> Generator[Call, Reply, Any]:
        yield Call("GET", f"/find/{sought.client_order_id}", auth="signed")
        state = self.orders.get(sought.client_order_id)
        return Absent(now_ms) if state is None else Found(state, (state,), now_ms)

    def ended_because(self, _state: OrderState) -> None:
        return None

    def instruments(self, category: str, symbols: list[str]) -> Generator[Call, Reply, Listing]:
        (symbol,) = symbols
        yield Call("GET", f"/instruments/{symbol}")
        one = Instrument(
            exchange="words", category=category, symbol=symbol, base=symbol.removesuffix("USDT"),
            quote="USDT", tick=D("0.01"), step=D("0.001"),
        )  # fmt: skip
        return Listing((one,))

    def fee_rates(self, _category: str, symbol: str) -> Generator[Call, Reply, FeeRates]:
        yield Call("GET", f"/fees/{symbol}", auth="signed")
        return FeeRates(D("0.001"), D("0.001"))


class TradedExchange(PricedExchange):
    """A TradingExchange whose orders are the venue's."""

    def __init__(self, venue: Venue) -> None:
        super().__init__()
        self._venue: Any = venue

    def trading(self, rest: RestDialect) -> Trading:
        venue: Trading = self._venue
        return venue


class Reading(Reader):
    """It can be kept from reading: from every question that has this in its SQL."""

    unreadable: str | None = None
    ALL = ""

    def _ask(self, sql: str, values: Any) -> list[Any]:
        if self.unreadable is not None and self.unreadable in sql:
            raise DatabaseProblem("the disk is gone", passing=True)
        return super()._ask(sql, values)


class House:
    """A ledger that commits, an exchange, prices, and traders of any generation."""

    def __init__(self, listener: Listener, clock: ManualClock, folder: Path, venue: Venue) -> None:
        self.listener = listener
        self.clock = clock
        self.venue = venue
        venue.look = self._intents_of
        self.exchange: Any = TradedExchange(venue)
        self.state: AccountState = "live"
        self.rules = dict(RULES)
        self.place = f"sqlite:///{folder / 'vigil.db'}"
        database.prepare(self.place)
        self.reader = Reader(self.place)
        self.reading = Reading(self.place)
        self.feed = Feed()
        self.inlet = Inlet(folder / "spill", clock, LedgerVitals())
        self.origins = Origins(clock)
        self.board = Board(clock)
        self.prices: dict[str, D] = {"BTCUSDT": D(60_000)}
        self.needs: list[frozenset[Need]] = []
        self._gen = 0
        self._trader: TraderActor
        self._barriers = 0

    # ---------------------------------------------------------------------- actors

    def write(self) -> None:
        """The ledger's writer begins; the account has something of everything."""
        context = self.listener.context(WRITER)
        PersistenceActor.start(
            context, url=self.place, inlet=self.inlet, feed=self.feed, vitals=LedgerVitals()
        )
        writer: Any = self.listener.directory.find(WRITER)
        self.clock.drives(writer)
        self.listener.skip_to(Ready)
        self.tells(balance("1000000"), balance("10", "BTC"), balance("100", "ETH"))

    def start(self, **rules: Any) -> None:
        """The next generation, as the supervisor starts it; it has done what it can at once."""
        self._gen += 1
        self.inlet.fence(TRADER, self._gen)
        TraderActor.start(
            replace(self.listener.context(TRADER, self._gen), record=self.inlet.record),
            account="main",
            exchange=self.exchange,
            credentials=lambda: CREDENTIALS,
            endpoints=Endpoints(self.venue.peer.url, ""),
            rules=TraderSettings(**self.rules | rules),
            state=lambda: self.state,
            inlet=self.inlet,
            feed=self.feed,
            reader=self.reading,
            origins=self.origins,
            quotes=self.board,
            need=self.needs.append,
        )
        trader: Any = self.listener.directory.find(TRADER)
        self._trader = trader
        self.clock.drives(trader)
        self.listener.skip_to(Ready)
        self.passes()

    def stop(self) -> None:
        """An orderly end of the trader."""
        self.listener.directory.address(TRADER).urge(Stop())
        assert self.listener.skip_to(Down).reason == "shutdown"
        gone(self._trader.thread)

    def restart(self, **rules: Any) -> None:
        self.stop()
        self.start(**rules)

    # ------------------------------------------------------------------------ time

    def passes(self, seconds: float = LOOK) -> None:
        """So long goes by, with prices that do not move; then all is done that follows."""
        while seconds > 0:
            step = min(seconds, STEP)
            self.clock.advance(step)
            for symbol, bid in self.prices.items():
                self.board.told(bid, bid + 10, symbol)
            self.settle()
            seconds -= step

    def settle(self) -> None:
        """Wait until trader and ledger have nothing left to do at this moment."""
        before, ticket = -1, self._barrier()
        while ticket != before + 1:  # between the two somebody had something committed
            before, ticket = ticket, self._barrier()

    def _barrier(self) -> int:
        """Everything that was put is committed, and everything that was told is heard."""
        self._barriers += 1
        mark = Remember(self.clock.wall_ms(), "test:barrier", str(self._barriers))
        ticket = self.inlet.commit([mark], Origin("boot", "test", 1))
        committed: Queue[Any] = Queue()
        self.inlet.when_stored(ticket, committed.put)
        committed.get(timeout=WITHIN)
        if self.listener.directory.find(TRADER) is not None:
            self.retries("nobody")
        return ticket

    # -------------------------------------------------------------------- the world

    def tells(self, *facts: Fact, source: Any = "stream") -> None:
        """The exchange says this, and it is committed."""
        self.inlet.put([batch(*facts, source=source)])
        self.settle()

    def bought(
        self, trade: str = "1", symbol: str = "BTCUSDT", ago: float = 0.0, source: Any = "stream"
    ) -> str:
        """A BUY is filled, and told; the id of the trade that it may begin."""
        one = self.filled(trade, symbol, ago)
        self.tells(one, source=source)
        return trade_id("main", one)

    def filled(self, trade: str = "1", symbol: str = "BTCUSDT", ago: float = 0.0) -> Fill:
        traded_at = self.venue.time_ms() - round(ago * 1000)
        return fill(trade, symbol=symbol, traded_at=traded_at, fee=D(6), fee_asset="USDT", liquidity="maker")

    def incident(self, kind: Any, *, account: str = "main", resolved: bool = False) -> None:
        """Somebody else says that something is so, or over."""
        told = Incident(self.clock.wall_ms(), f"{account}:{kind}", kind, "warning", "told", account, resolved)
        self.inlet.record(told)
        self.settle()

    def sold(self, trade: str) -> None:
        """The SELL of a trade that rests is filled, and told."""
        state = self.venue.orders[f"{trade}-0"]
        assert state.price is not None
        assert state.quantity is not None
        one = Fill(
            "spot", state.symbol, state.order_id, f"sale of {trade}", "sell", state.price, state.quantity,
            self.venue.time_ms(), state.client_order_id, D(6), "USDT", "maker",
        )  # fmt: skip
        filled = msgspec.structs.replace(
            state, status="filled", filled=state.quantity, updated_at=self.venue.time_ms()
        )
        self.tells(one, filled)

    # --------------------------------------------------------------------- persons

    def switches(self, *, is_halted: bool, why: str = "a person") -> Any:
        return self._said(partial(SwitchTrading, is_halted, why))

    def retries(self, trade: str) -> Any:
        return self._said(partial(RetryTrade, trade))

    def cancels(self, order: str) -> Any:
        return self._said(partial(CancelOrder, order, True, "control"))

    def buys(self, quantity: str = "0.01", price: str = "50000") -> Any:
        """A person's answer to an order that is sent, if it may be."""
        said: Queue[Any] = Queue()
        self._tell(
            PlaceOrder(
                category="spot", symbol="BTCUSDT", side="buy", price=D(price), quantity=D(quantity),
                worth=None, post_only=True, is_sent=True, is_meant=False, by="control",
                until=self.clock.boottime() + 60, reply=said.put,
            )
        )  # fmt: skip
        while said.empty():  # its symbol has to be known first
            self.passes()
        return said.get_nowait()

    def _said(self, asks: Any) -> Any:
        said: Queue[Any] = Queue()
        self._tell(asks(self.clock.boottime() + 60, said.put))
        return said.get(timeout=WITHIN)

    def _tell(self, message: Any) -> None:
        assert self.listener.directory.address(TRADER).tell(message), "there is no trader"

    # --------------------------------------------------------------------- looking

    def _intents_of(self, name: str) -> Any:
        """What is committed of an order at this moment: its intent, and its trade."""
        intents = [row for row in self.intents() if row[0] == name]
        return [(state, [one for one, _ in self.trades() if name.startswith(one)]) for _, state in intents]

    def intents(self) -> Any:
        return rows(self.place, "intents", "client_order_id, state", "created_at")

    def trades(self) -> Any:
        return rows(self.place, "trades", "id, state", "seq")

    def why(self, trade: str) -> Any:
        """What a trade waits for."""
        row = self.reader.trade(trade)
        assert row is not None
        return msgspec.json.decode(row["detail"])["why"]

    def remembered(self, what: str) -> str | None:
        return self.reader.remembered().get(f"trader:{what}:main")

    def open_incidents(self, kind: str) -> list[Any]:
        return [row for row in self.reader.open_incidents() if row["kind"] == kind]


@contextmanager
def trading_house(folder: Path) -> Iterator[House]:
    """A house with a ledger; `start` brings the trader."""
    clock = ManualClock()
    venue = Venue(clock)
    with listening(clock) as listener, rest_peer(venue) as peer:
        venue.peer = peer
        house = House(listener, clock, folder, venue)
        house.write()
        yield house

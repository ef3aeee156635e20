"""The trader of one account: every BUY fill gets its SELL, and persons' orders leave by the same door.

A thin shell: which SELL a trade needs is decided by core/trading and core/lots, what
may be sent by core/admission, when to stop by core/halting. This file says in which
order things happen:

1. It follows the journal and acts on what is committed, nothing else.
2. What is decided (the trade as it stands, and the intent with its client order id)
   is committed before the request leaves. So whatever kills us leaves rows from which
   the next start finds out by that id what became of the order.
3. Every order is judged twice, when it is decided and when its turn to leave comes,
   and is sent once. Whatever is not Accepted, Refused or Unheard is *unclear*: it is
   asked for by its id, at the moments that the exchange's rules of absence name, and
   nothing is placed in its stead before it was found or proven absent.
4. What an exchange answers goes to the ledger like any other statement, and is acted
   on when it comes back as committed.
5. A BUY fill counts if it was first told after the trader was first enabled for this
   account, and traded after that: what was held before is never sold. That moment is
   remembered once, and for good.
6. Halted means: nothing is placed, and what the trader placed is cancelled, and nothing
   else. It outlives restarts; only a person ends it.

A mailbox message is at most one call at the exchange; the rest is memory and ledger.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, assert_never

import msgspec
import structlog

from actors.base import Actor, Context
from actors.desk import Desk
from actors.feed import Feed
from actors.inlet import Inlet
from actors.markets import Key, Market, Markets
from actors.orders import Orders
from actors.quotes import Need, Quotes
from core import admission, ageing, earnings, fee_rates, halting
from core.admission import Circumstances, Objection
from core.client_ids import read_sell_id, trade_id
from core.errors import DatabaseProblem
from core.facts import Fill, OrderState
from core.halting import Bounds, Figures, Trading
from core.incidents import Kind
from core.instruments import Resting
from core.intents import Cancellation, Placement
from core.lots import Lot
from core.messages import CancelOrder, Momentary, PlaceOrder, RetryTrade, SwitchTrading
from core.money import EXACT, add
from core.profit import Rate, Terms
from core.records import Incident, Record, Remember, Severity, Traded
from core.settings_schema import TraderSettings
from core.status import AccountState
from core.trading import Book, CancelAsked, Considered, Restarted, Retried, Taken, Told, WouldTake
from exchanges.base import Credentials, Endpoints
from exchanges.trading import FeeRates, TradingExchange
from models.read import Reader, Spoken, rates_key
from transport.origin import Origins

log = structlog.get_logger()

LOOK = 0.5  # seconds between two looks at what is due
PAGE = 1_000  # journal rows read at once
RECONSIDER = 3.0  # seconds until what could not be placed is considered again
BURST = 60.0  # seconds within which rejected orders are a burst
CLOCK_EVERY = 60.0  # seconds between two looks at the exchange's clock
LAST_SECONDS = 1.0  # for the cancels of an orderly stop
HALF = Decimal("0.5")
DISCREPANCIES = frozenset({"discrepancy", "contradicted_fill"})
"""Kinds of open incidents that say that ledger and exchange differ."""


class _Look(Momentary, frozen=True, gc=False):
    """See what is due."""


class _News(Momentary, frozen=True, gc=False):
    """The ledger has more than we have read."""


class _Step(Momentary, frozen=True, gc=False):
    """The desk's next call."""


class _Stored(Momentary, frozen=True, gc=False):
    """What was put under this number is committed."""

    number: int


class Start(msgspec.Struct, frozen=True):
    """When the trader was first enabled here: the journal's `sequence`, and exchange time `at`, ms."""

    sequence: int
    at: int


Inbox = _Look | _News | _Step | _Stored | PlaceOrder | CancelOrder | SwitchTrading | RetryTrade


class TraderActor(Actor):
    """One account's. `state` says how the account stands now; what is not live is not traded in.

    `quotes` is the board of prices, and `need` tells it which are needed here.
    """

    def __init__(
        self,
        context: Context,
        *,
        account: str,
        exchange: TradingExchange,
        credentials: Callable[[], Credentials],
        endpoints: Endpoints,
        rules: TraderSettings,
        state: Callable[[], AccountState],
        inlet: Inlet,
        feed: Feed,
        reader: Reader,
        origins: Origins,
        quotes: Quotes,
        need: Callable[[frozenset[Need]], object],
    ) -> None:
        super().__init__(context)
        self._account = account
        self._rules = rules
        self._state = state
        self._inlet = inlet
        self._feed = feed
        self._reader = reader
        self._desk = Desk(
            context,
            account=account,
            exchange=exchange,
            credentials=credentials,
            endpoints=endpoints,
            origins=origins,
            wake=self._wake_desk,
        )
        self._markets = Markets(
            account, self._desk, context.clock, quotes, need=need, learned=self._rates_learned
        )
        self._orders = Orders(self, exchange.name)
        self._start: Start | None = None
        self._is_beginning = self._is_heir = self._is_told = False
        self._read = 0  # the journal's seq up to which it was read
        self._kept = 0  # the same, as it is remembered
        self._books: dict[Key, Book] = {}
        self._began: dict[str, int] = {}  # trade -> seq of its BUY fill
        self._stored: dict[str, Lot] = {}
        self._changed: dict[str, Lot] = {}
        self._earned: dict[str, tuple[str, Decimal | None]] = {}  # trade -> day of its last sale, profit
        self._rates: dict[Key, fee_rates.Rates] = {}
        self._aged: set[str] | None = None  # warnings of age that are open; None until it is known which
        self._due: dict[Key, float] = {}  # boottime: when a book is considered again
        self._trading = Trading()
        self._unknown = halting.unknown(Figures(None, 0, None, 0))  # until the first look
        self._rejected: list[float] = []
        self._clock_due = 0.0
        self._commits = 0
        self._then: dict[int, Callable[[], None]] = {}

    # -------------------------------------------------------------------- a life

    def started(self) -> None:
        self._desk.open()
        self._feed.follow(self.name, self._hear_news)
        self.ready()
        self.me.tell(_Look())

    def handle(self, message: Inbox) -> None:
        match message:
            case _Look():
                self.later(LOOK, _Look())
            case _News():
                self._is_told = False
            case _Step():
                self._desk.step()
            case _Stored(number=number):
                self._then.pop(number, lambda: None)()
            case PlaceOrder():
                self._orders.take(message)
            case CancelOrder():
                self._orders.take_cancel(message)
            case SwitchTrading():
                self._switch(message)
            case RetryTrade():
                self._retry(message)
            case _:
                assert_never(message)
        self._turn(looks=isinstance(message, _Look))

    def stopping(self) -> None:
        """Leave what rests as it is, or cancel it, as configured."""
        if self._start is not None and self._rules.on_stop == "cancel" and self.is_current():
            self._cancel_at_the_end()
        self._reader.close()
        self._desk.close()

    def abandoned(self) -> None:
        self._desk.abort()

    def _hear_news(self) -> None:
        """In the writer's thread: one word is enough, however much there is to read."""
        if not self._is_told:
            self._is_told = True
            self._is_told = self.me.tell(_News())

    def _wake_desk(self, seconds: float) -> None:
        if seconds > 0:
            self.later(seconds, _Step())
        else:
            self.me.urge(_Step())

    # --------------------------------------------------------------------- a turn

    def _turn(self, *, looks: bool) -> None:
        """Do what has become possible. A ledger that cannot be read is read again at the next look."""
        try:
            if self._start is None:
                self._begin()
                return
            self._follow()
            if looks:
                self._judge()
                self._warn_of_age()
            self._consider()
            self._orders.look(self._doubtful())
            self._cancel_unwanted()
            self._markets.tell_needs()
        except DatabaseProblem as problem:
            log.warning("trader_waits_for_the_ledger", account=self._account, error=str(problem))
        self._flush()

    def _begin(self) -> None:
        """Know what an earlier life knew; the very first one remembers when it began."""
        if self._is_beginning:
            return
        if self._desk.is_clock_old():
            self._is_beginning = True
            self._desk.set_clock(lambda _: setattr(self, "_is_beginning", False))
            return
        if not self._is_heir:  # what the generation before us has put is committed first, then read
            self._is_beginning = True
            who = Remember(self._now_ms(), f"trader:life:{self._account}", f"{self.context.boot}#{self.gen}")
            self.commit([who], self._inherit)
            return
        remembered = self._reader.remembered()
        said = remembered.get(f"trader:since:{self._account}")
        if said is None:
            start = Start(self._reader.sequence(), self._desk.time_ms())
            self._is_beginning = True
            text = msgspec.json.encode(start).decode()
            records: list[Record] = [Remember(self._now_ms(), f"trader:since:{self._account}", text)]
            self.commit(records, lambda: setattr(self, "_is_beginning", False))
            return
        start = msgspec.json.decode(said, type=Start)
        self._read = self._kept = int(remembered.get(f"trader:read:{self._account}", start.sequence))
        if (why := remembered.get(f"trader:halted:{self._account}")) is not None:
            self._trading = Trading("halted", why)
        self._load()
        self._start = start
        self.me.tell(_News())

    def _inherit(self) -> None:
        self._is_heir, self._is_beginning = True, False

    def _load(self) -> None:
        """The trades as they were stored, and every order of ours that may live."""
        after = 0
        lots: dict[Key, list[Lot]] = {}
        while rows := self._reader.trades(account=self._account, limit=0, after=after):
            for row in rows:
                lot = msgspec.json.decode(row["detail"], type=Lot)
                lots.setdefault((row["category"], row["symbol"]), []).append(lot)
                self._stored[lot.id], self._began[lot.id] = lot, row["seq"]
                self._count_earned(lot)
            after = rows[-1]["seq"]
        self._orders.load(self._reader.intents(self._account), is_heir=self.gen > 1)
        for key, own in lots.items():
            self._books[key] = Book(self._account, *key, own[0].pair, own)
            self._settle(self._books[key].take(Restarted()))

    # ------------------------------------------------------------------ the ledger

    def _follow(self) -> None:
        """Read on in the journal, and give every statement to the trade that it is about."""
        rows = self._reader.spoken(self._account, after=self._read, limit=PAGE)
        for row in rows:
            if not self._hear(row):
                return
            self._read = row.seq
        if len(rows) == PAGE:
            self._hear_news()

    def _hear(self, row: Spoken) -> bool:
        """Take one statement in; False where it has to wait until its symbol is known."""
        fact, key = row.fact, (row.fact.category, row.fact.symbol)
        if isinstance(fact, OrderState):
            self._orders.heard(fact)
        if isinstance(fact, Fill) and fact.side == "buy" and not self._is_known(fact):
            if not self._begins_a_trade(row, fact):
                return True
            if key not in self._books and not self._open_book(key):
                return self._markets.of(key).is_unlisted
        book = self._books.get(key)
        if book is None:
            return True
        if isinstance(fact, Fill) and fact.side == "buy":
            self._began.setdefault(trade_id(self._account, fact), row.seq)
        self._hand(book, fact)
        return True

    def _is_known(self, fill: Fill) -> bool:
        return trade_id(self._account, fill) in self._began

    def _begins_a_trade(self, row: Spoken, fill: Fill) -> bool:
        """Rule 5, in the symbols that are named."""
        assert self._start is not None
        is_ours = not self._rules.symbols or fill.symbol in self._rules.symbols
        is_new = row.is_first and row.seq > self._start.sequence and fill.traded_at >= self._start.at
        return is_ours and is_new and fill.category == "spot" and fill.kind == "trade"

    def _open_book(self, key: Key) -> bool:
        """Begin a book, where it is known what its symbol is made of; that of another quote asset stays empty."""
        market = self._markets.need(key, price=False)
        if market.instrument is None:
            if market.is_unlisted:
                text = f"a BUY fill in {key[1]} gets no SELL: {market.why.get('filters')}"
                self._incident(f"unlisted:{key[1]}", "trade_unlisted", "warning", text)
            return False
        self._books[key] = Book(self._account, *key, market.instrument.pair)
        return True

    def _hand(self, book: Book, fact: Fill | OrderState) -> None:
        would_take = self._would_have_taken(fact)
        if would_take is not None:
            self._settle(book.take(would_take))
        taken, key = book.take(fact), (book.category, book.symbol)
        if taken.changed and would_take is not None:  # a better price has to be heard first
            self._due[key] = self.context.clock.boottime() + RECONSIDER
        elif taken.changed:
            self._due.pop(key, None)
        self._settle(taken)

    def _would_have_taken(self, fact: Fill | OrderState) -> WouldTake | None:
        """Where an order was taken first and ended then: that it was for the market's sake."""
        if not isinstance(fact, OrderState) or fact.client_order_id is None:
            return None
        is_so = self._desk.trading.ended_because(fact) == "would_take"
        return WouldTake(fact.client_order_id) if is_so else None

    def hear_committed(self, facts: Sequence[Any]) -> None:
        """Statements that are in the ledger: what was known already leaves no row to be read."""
        for fact in facts:
            if isinstance(fact, Fill | OrderState):
                book = self._books.get((fact.category, fact.symbol))
                is_sale = not (isinstance(fact, Fill) and fact.side == "buy")
                if book is not None and is_sale:
                    self._hand(book, fact)
                if isinstance(fact, OrderState):
                    self._orders.heard(fact)

    # -------------------------------------------------------------------- deciding

    def _consider(self) -> None:
        """Let every book that has something to sell decide, where that makes sense now."""
        now = self.context.clock.boottime()
        for key, book in self._books.items():
            lots = list(book.unfinished())
            waiting = [lot for lot in lots if lot.state == "waiting"]
            if lots:
                self._markets.need(key)
            if not lots or now < self._due.get(key, 0.0):
                continue
            terms, hold = self._terms(key, lots)
            self._due[key] = now + RECONSIDER
            if terms is not None:
                self._settle(book.take(Considered(terms, hold, self._rules.max_failures)))
            if waiting and hold is not None:
                self._due[key] = now + LOOK

    def _terms(self, key: Key, lots: Sequence[Lot]) -> tuple[Terms | None, str | None]:
        """By what may be sold, and why nothing may at the moment."""
        market, price = self._markets.of(key), self._markets.price(key)
        instrument, rates = market.instrument, market.rates
        if instrument is None:
            return None, None
        assets = {asset for lot in lots for asset in _fee_assets(lot)} - {*instrument.pair}
        terms = Terms(
            instrument=instrument,
            min_profit=self._rules.min_profit,
            maker=None if rates is None else rates.maker,
            taker=None if rates is None else rates.taker,
            fee_asset=instrument.quote,
            bid=None if price is None else price.bid,
            values=self._markets.values(assets, key[0], instrument.quote),
        )
        return terms, self._hold(key, market)

    def _hold(self, key: Key, market: Market) -> str | None:
        """Why nothing may be placed in this symbol now; what a single order is refused for comes after."""
        if (halted := self._halted()) is not None:
            return f"trading is halted: {halted}"
        if (state := self._state()) != "live":
            return f"the account is {state}"
        if self.context.clock.boottime() < self._desk.closed_until:
            return "the exchange was asked in vain a moment ago"
        if market.instrument is not None and market.instrument.quote != self._rules.quote:
            return f"{key[1]} is paid in {market.instrument.quote}, and the limits are in {self._rules.quote}"
        if market.rates is None:
            return f"the fee rates are not known{_because(market.why.get('rates'))}"
        if self._markets.price(key) is None:
            return f"there is no good price of {key[1]}: {self._markets.trouble(key)}"
        return None

    def _halted(self) -> str | None:
        """Why there is no trading here; settings that do not want it any more cancel nothing."""
        if not self._rules.enabled or (self._rules.accounts and self._account not in self._rules.accounts):
            return "the settings do not want it any more"
        return self._trading.why if self._trading.switch == "halted" else None

    def _rates_learned(self, key: Key, rates: FeeRates) -> None:
        """Keep what the exchange said, with its time: what was saved is judged by it later."""
        name = rates_key(self._account, *key)
        try:
            before = self._rates.get(key) or fee_rates.loaded(self._reader.remembered().get(name))
        except DatabaseProblem as problem:
            log.warning("fee_rates_not_kept", account=self._account, symbol=key[1], error=str(problem))
            return
        known = fee_rates.learned(before, self._desk.time_ms(), rates.maker, rates.taker)
        self._rates[key] = known
        self.commit([Remember(self._now_ms(), name, fee_rates.dumped(known))])

    def objection(self, order: Placement, *, is_meant: bool = False) -> Objection | None:
        """Why this order must not leave now; None where it may."""
        if self.context.clock.boottime() < self._desk.closed_until:
            return Objection("account", "the exchange was asked in vain a moment ago")
        try:
            return admission.objection(order, self._circumstances(order, is_meant=is_meant))
        except DatabaseProblem as problem:
            return Objection("balance", f"the ledger cannot be read: {problem}")

    def _circumstances(self, order: Placement, *, is_meant: bool) -> Circumstances:
        key = (order.category, order.symbol)
        market, price = self._markets.of(key), self._markets.price(key)
        instrument, free = market.instrument, None
        if instrument is not None:
            asset = instrument.quote if order.side == "buy" else instrument.base
            free = self._reader.free(self._account, asset)
        living = self._orders.living(besides=order.client_order_id)
        middle = None if price is None else EXACT.multiply(EXACT.add(price.bid, price.ask), HALF)
        return Circumstances(
            state=self._state(),
            halted=self._halted(),
            unknown=self._unknown,
            instrument=instrument,
            price=price,
            why_no_price=self._markets.trouble(key),
            reference_price=middle,
            free=free,
            resting=Resting(*self._reader.living_orders(self._account, order.symbol)),
            open_orders=self._reader.wanted_orders(),
            living=living,
            symbols=self._rules.symbols,
            quotes=(self._rules.quote,),
            max_order_quote=self._rules.max_order_quote,
            max_open_orders=self._rules.max_open_orders,
            max_jump=self._rules.max_jump,
            dry_run=self._rules.dry_run,
            is_meant=is_meant,
        )

    def _settle(self, taken: Taken) -> None:
        """Keep what has changed, and take in hand what is to be placed."""
        for alarm in taken.alarms:
            self._incident(
                f"{alarm.kind}:{alarm.lot}", alarm.kind, "critical", f"trade {alarm.lot}: {alarm.text}"
            )
        for lot in taken.changed:
            self._changed[lot.id] = lot
            self._count_earned(lot)
        for order in taken.placements:
            if (against := self.objection(order)) is not None:
                self.tell_book(order, Told(order.client_order_id, "withheld", against.text))
            else:
                self._orders.wanted(order, "trader")

    def tell_book(self, order: Placement | Cancellation, event: Told | CancelAsked | WouldTake) -> None:
        """What became of a request for a SELL; of another order no trade wants to know."""
        book = self._books.get((order.category, order.symbol))
        if book is not None:
            self._settle(book.take(event))

    # -------------------------------------------------------------------- storing

    def _flush(self) -> None:
        """Commit what was decided; only then does anything leave."""
        records: list[Any] = [
            self._traded(lot) for lot in self._changed.values() if lot != self._stored.get(lot.id)
        ]
        self._stored |= self._changed
        self._changed.clear()
        wanted = self._orders.decided()
        records += wanted
        if records or self._read - self._kept >= PAGE:
            records.append(Remember(self._now_ms(), f"trader:read:{self._account}", str(self._read)))
            self._kept = self._read
            self.commit(records, self._orders.leave(wanted))

    def _traded(self, lot: Lot) -> Traded:
        detail = msgspec.json.encode(lot).decode()
        place = (self._account, lot.bought.category, lot.bought.symbol)
        return Traded(self._now_ms(), lot.id, *place, lot.state, detail, self._began[lot.id])

    def commit(self, entries: Sequence[Any], then: Callable[[], None] = lambda: None) -> None:
        """Put these, and do `then` once they are committed, in our own thread."""
        self._commits += 1
        number = self._commits
        self._then[number] = then
        ticket = self._inlet.commit(entries, self.context.origin)
        self._inlet.when_stored(ticket, lambda _: self.me.urge(_Stored(number)))

    # ------------------------------------------------------------------------- age

    def _warn_of_age(self) -> None:
        """Say which trades are open for too long, and which are so no more; an earlier life may have begun it."""
        own = f"{self._account}:trader:"
        if self._aged is None:
            open_now = [row["key"] for row in self._reader.open_incidents() if row["kind"] == ageing.KIND]
            self._aged = {key.removeprefix(own) for key in open_now if key.startswith(own)}
        unfinished = [lot for book in self._books.values() for lot in book.unfinished()]
        found = ageing.warnings(unfinished, self._desk.time_ms(), self._rules.alert_after)
        for key in found.keys() - self._aged:
            self._incident(key, ageing.KIND, "warning", found[key])
        for key in self._aged - found.keys():
            self._incident(key, ageing.KIND, "warning", "it is over", resolved=True)
        self._aged = set(found)

    # --------------------------------------------------------------------- cancels

    def _doubtful(self) -> dict[str, Placement]:
        """The SELLs that have to be asked for."""
        found: dict[str, Placement] = {}
        for book in self._books.values():
            for name in book.in_doubt():
                found[name] = self._placement(book, name)
        return found

    def _placement(self, book: Book, name: str) -> Placement:
        named = read_sell_id(name)
        assert named is not None, "a book knows its own ids"
        sell = next(one for one in book.lots[named.trade].sells if one.number == named.number)
        return Placement(
            account=self._account,
            category=book.category,
            symbol=book.symbol,
            side="sell",
            quantity=sell.quantity,
            price=sell.price,
            client_order_id=name,
            closes=named.trade,
        )

    def _cancel_unwanted(self) -> None:
        """What must not rest is cancelled until it does not; that is allowed always."""
        for book in self._books.values():
            if self._trading.switch == "halted":
                for cancellation in book.resting():
                    self._settle(book.take(CancelAsked(cancellation.client_order_id)))
            for cancellation in book.unwanted():
                self._orders.cancel(cancellation)

    def _cancel_at_the_end(self) -> None:
        until = self.context.clock.boottime() + LAST_SECONDS
        for book in self._books.values():
            for cancellation in book.resting():
                self._settle(book.take(CancelAsked(cancellation.client_order_id)))
                self._inlet.commit([self._traded(lot) for lot in self._changed.values()], self.context.origin)
                self._changed.clear()
                self._desk.run(self._desk.trading.cancel(cancellation), until)

    # --------------------------------------------------------------------- halting

    def _judge(self) -> None:
        """Halt by rule; what is not known keeps us from buying more."""
        now = self.context.clock.boottime()
        if now >= self._clock_due:
            self._clock_due = now + CLOCK_EVERY
            self._desk.set_clock()
        figures = self._figures()
        self._unknown = halting.unknown(figures)
        self._move(halting.judged(self._trading, figures, self._bounds()))

    def _figures(self) -> Figures:
        return Figures(
            result_today=self._result_today(),
            rejections=halting.lately(self._rejected, self.context.clock.boottime(), BURST),
            clock_error=self._desk.clock_error,
            discrepancies=self._discrepancies(),
        )

    def _bounds(self) -> Bounds:
        return Bounds(max_daily_loss=self._rules.max_daily_loss, max_rejections=self._rules.max_rejections)

    def rejected(self) -> None:
        """An exchange did not want an order of ours."""
        now = self.context.clock.boottime()
        self._rejected = [moment for moment in self._rejected if now - moment <= BURST] + [now]

    def _discrepancies(self) -> int:
        return sum(
            row["account"] == self._account and row["kind"] in DISCREPANCIES
            for row in self._reader.open_incidents()
        )

    def _result_today(self) -> Decimal | None:
        """Realised today, and what the open trades would lose now; None while that is not known."""
        today = earnings.day(self._desk.time_ms())
        realised = [profit for day, profit in self._earned.values() if day == today]
        own = [(key, book) for key, book in self._books.items() if book.pair[1] == self._rules.quote]
        open_lots = [(key, lot) for key, book in own for lot in book.unfinished()]
        unrealised = [self._unrealised(key, lot) for key, lot in open_lots]
        known = [one for one in (*realised, *unrealised) if one is not None]
        return add(known) if len(known) == len(realised) + len(unrealised) else None

    def _unrealised(self, key: Key, lot: Lot) -> Decimal | None:
        market, price = self._markets.of(key), self._markets.price(key)
        paid_in = _fee_assets(lot) - {*lot.pair} if lot.holding is None else set()
        holding = earnings.held(lot, self._markets.values(paid_in, key[0], lot.pair[1]))
        if market.instrument is None or market.rates is None or market.rates.maker is None:
            return None
        if price is None or holding is None:
            return None
        rate = Rate(Decimal(0), market.rates.maker)
        return earnings.unrealised(holding, price.bid, rate)

    def _count_earned(self, lot: Lot) -> None:
        last = max((one.fill.traded_at for sell in lot.sells for one in sell.sold), default=None)
        if last is not None and lot.pair[1] == self._rules.quote:
            earned = earnings.realised(lot)
            self._earned[lot.id] = earnings.day(last), None if earned is None else earned.profit

    def _move(self, trading: Trading) -> None:
        if trading == self._trading:
            return
        self._trading = trading
        is_halted = trading.switch == "halted"
        log.warning("trading_switched", account=self._account, switch=trading.switch, why=trading.why)
        self.commit([Remember(self._now_ms(), f"trader:halted:{self._account}", trading.why)])
        text = f"trading is halted: {trading.why}" if is_halted else "trading goes on"
        self._incident("halted", "trading_halted", "critical", text, resolved=not is_halted)

    def _switch(self, asked: SwitchTrading) -> None:
        if self._start is None:
            asked.reply({"account": self._account, "error": "the trader is just starting: try again"})
            return
        why = None
        if asked.is_halted:
            self._move(halting.asked(self._trading, asked.why))
        else:
            why = self._release()
        resting = sum(len(book.resting()) for book in self._books.values())
        is_halted = self._trading.switch == "halted"
        asked.reply(
            {
                "account": self._account,
                "halted": is_halted,
                "why": self._trading.why,
                "cancelling": resting if is_halted else 0,
                "error": why,
            }
        )

    def _release(self) -> str | None:
        """Go on, unless a reason stands: then which. What is over when it is told counts no more."""
        self._rejected = []
        self._desk.forgive_clock()
        try:
            trading, why = halting.released(self._trading, self._figures(), self._bounds())
        except DatabaseProblem as problem:
            return f"the ledger cannot be read: {problem}"
        self._move(trading)
        return why

    def _retry(self, asked: RetryTrade) -> None:
        for book in self._books.values():
            if asked.trade in book.lots:
                self._settle(book.take(Retried(asked.trade)))
                key = f"trade_stuck:{asked.trade}"
                self._incident(key, "trade_stuck", "critical", "a person lets it go on", resolved=True)
                asked.reply({"trade": asked.trade, "state": book.lots[asked.trade].state, "error": None})
                return
        asked.reply({"trade": asked.trade, "error": f"account {self._account} has no trade {asked.trade}"})

    # ---------------------------------------------------------------------- bricks

    @property
    def account(self) -> str:
        return self._account

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def markets(self) -> Markets:
        return self._markets

    @property
    def reader(self) -> Reader:
        return self._reader

    def state_of(self, order: Placement) -> str | None:
        """How the trade of a SELL stands; None where the order belongs to none."""
        book = self._books.get((order.category, order.symbol))
        lot = None if book is None or order.closes is None else book.lots.get(order.closes)
        return None if lot is None else lot.state

    def _now_ms(self) -> int:
        return self.context.clock.wall_ms()

    def incident(self, key: str, kind: Kind, text: str) -> None:
        """Something that a person should know of an order."""
        self._incident(key, kind, "warning", text)

    def _incident(
        self, key: str, kind: Kind, severity: Severity, text: str, *, resolved: bool = False
    ) -> None:
        whole = f"{self._account}:trader:{key}"
        told = self._desk.masked(text)
        self.context.record(Incident(self._now_ms(), whole, kind, severity, told, self._account, resolved))


def _fee_assets(lot: Lot) -> set[str]:
    fills = [lot.bought, *(one.fill for sell in lot.sells for one in sell.sold)]
    return {fill.fee_asset for fill in fills if fill.fee_asset is not None and fill.fee}


def _because(why: str | None) -> str:
    return "" if why is None else f": {why}"

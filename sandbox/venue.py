"""One exchange without its wire: accounts, orders, matching.

A public method is one step: it refuses before it changes anything, then
changes, writes the whole step, and only then tells the listeners. The rules in
words:

* A buy locks quote, a sell locks base; what a fill spends comes out of that
  lock, the rest of the lock is freed when the order ends. No amount is ever
  created: an account's total changes by trades, fees and cash moves alone.
* An incoming order takes from the synthetic book, best level first; what is
  left rests, or expires if its time in force says so.
* A resting order fills at its own price once the market reaches it.
* A stop order waits untriggered until the last price reaches its stop price,
  then acts as the order it names; a market order is checked again then.
* An order of a contract locks nothing; it needs margin for what it would open.
  One that only closes ends as soon as there is nothing left to close.
* What a trade does to money is written in settlement.py; how ids and ends are
  spelled is the exchange's custom (customs.py).

Orders of different accounts never meet: every trade is against the world.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from sandbox import matching
from sandbox.clock import Clock
from sandbox.customs import Customs
from sandbox.market import Instrument, Market
from sandbox.matching import up
from sandbox.positions import Positions
from sandbox.purse import FIRST_ID, Purse
from sandbox.settlement import Settlement, Terms
from sandbox.store import Store
from sandbox.world import (
    Balance,
    Cash,
    CashMoved,
    Event,
    Order,
    OrderChanged,
    OrderRequest,
    Position,
    Trade,
)

FIRST_SEQ = 140_612_148_000_000


class Refused(Exception):
    """The engine will not do it; nothing was changed."""


class InsufficientBalance(Refused):
    """The account does not have what the order or withdrawal needs."""


class WouldTake(Refused):
    """A maker-only order would have traded at once."""


class WouldTrigger(Refused):
    """A stop order's condition holds already."""


class NothingToClose(Refused):
    """An order that may only close has no position to close."""


class WrongLeg(Refused):
    """The order names a leg that the account's position mode does not have."""


class UnknownOrder(Refused):
    """No such order is open."""


class Venue:
    """The engine of one exchange."""

    def __init__(
        self, name: str, market: Market, store: Store, clock: Clock, customs: Customs | None = None
    ) -> None:
        self.name = name
        self.market = market
        self.store = store
        self.clock = clock
        self.customs = customs or Customs()
        self.open: dict[int, Order] = {one.order_id: one for one in store.open_orders(name)}
        self.listeners: list[Callable[[Sequence[Event]], None]] = []
        self.purse = Purse(name, store, clock)
        self.positions = Positions(name, market, store, clock)
        self.settlement = Settlement(market, self.purse, self.positions)
        for symbol, price in store.prices(name).items():
            if symbol in market.instruments and not market.instruments[symbol].follows:
                market.set_price(symbol, price)
        self._events: list[Event] = []
        self._depth = 0

    # -- steps -----------------------------------------------------------------

    @contextmanager
    def step(self) -> Iterator[None]:
        """Several changes as one: written together, told together afterwards."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._finish_step()

    def _finish_step(self) -> None:
        self._tell_balances()
        self.store.commit()
        events, self._events = self._events, []
        if events:
            for listener in self.listeners:
                listener(events)

    def _tell_balances(self) -> None:
        self._events.extend(self.purse.changes())

    def tell(self, event: Event) -> None:
        """Let the listeners know of something when the step is written."""
        self._events.append(event)

    def open_account(self, account: str, balances: Mapping[str, Decimal], terms: Terms | None = None) -> None:
        """Make sure `account` exists; the balances count only the first time, the terms from now on."""
        self.settlement.terms[account] = terms or Terms()
        if self.purse.open(account):
            with self.step():
                for asset, amount in balances.items():
                    self._move(account, asset, amount, "opening")

    def place(self, account: str, request: OrderRequest) -> tuple[Order, list[Trade]]:
        """Accept an order and match it at once.

        Returns the order as it stands afterwards and the trades it made. Raises
        a `Refused` without any change when the engine cannot accept it.
        """
        hold = self._check(account, request)
        with self.step():
            order = self._enter(account, request, hold)
            trades: list[Trade] = []
            if order.status != "untriggered":
                order, trades = self._take(order)
            self._tell_balances()
        return order, trades

    def cancel(self, order_id: int, request_id: str = "") -> Order:
        """End an open order as canceled; the cancel gets an id of its own if it has none."""
        request_id = request_id or f"sbxc{self.store.next_id(f'{self.name}.cancel'):x}"
        return self._end_open(order_id, "canceled", "", request_id)

    def expire(self, order_id: int, reason: str) -> Order:
        """End an open order by a rule of the exchange."""
        return self._end_open(order_id, "expired", reason)

    def reject(self, order_id: int, reason: str) -> Order:
        """End an open order as rejected."""
        return self._end_open(order_id, "rejected", reason)

    def turn_down(self, account: str, request: OrderRequest, reason: str) -> Order:
        """Create an order and end it rejected at once, where a refused request leaves one behind."""
        with self.step():
            return self._end(self._enter(account, request, Decimal(0)), "rejected", reason)

    def fill(self, order_id: int, quantity: Decimal | None = None, price: Decimal | None = None) -> Trade:
        """Let the world trade against an open order, as maker, up to what remains.

        A stop order that still waits is triggered first.
        """
        order = self.find_open(order_id)
        amount = min(quantity if quantity is not None else order.remaining, order.remaining)
        if amount <= 0:
            raise Refused("nothing to fill")
        if order.type == "market":
            raise Refused("a market order fills by itself")
        at = price if price is not None else order.price
        if at > order.price if order.side == "buy" else at < order.price:
            raise Refused("an order never trades at a worse price than its own")
        with self.step():
            order = self._trigger(order) if order.status == "untriggered" else order
            _, trade = self._trade(order, amount, at, "maker")
            self._tell_balances()
        return trade

    def amend(
        self,
        order_id: int,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        *,
        client_order_id: str = "",
    ) -> Order:
        """Give an open order another quantity, price or client's id; what it reaches then, it takes."""
        had = self.find_open(order_id)
        order = msgspec.structs.replace(
            had,
            quantity=quantity or had.quantity,
            price=price or had.price,
            client_order_id=client_order_id or had.client_order_id,
            updated_at=self.clock.now(),
        )
        if not self.customs.amends or order.quantity <= order.filled:
            raise Refused("an order cannot become that")
        one, hold = self.market.instruments[order.symbol], self._hold_left(order, order.remaining)
        more = self.settlement.order_margin(order) - self.settlement.order_margin(had)
        if self.balance(had.account, one.paid_by(had.side)).free < hold - had.hold or (
            more > 0 and self.available(had.account, one.settle) < more
        ):
            raise InsufficientBalance
        with self.step():
            self._release(had, had.hold - hold)
            order = msgspec.structs.replace(order, hold=hold)
            self._keep(order)
            self._say(order, "amended")
            if order.status != "untriggered":
                order, _ = self._take(order)
        return order

    def deposit(self, account: str, asset: str, amount: Decimal) -> Cash:
        """Credit an account from outside."""
        with self.step():
            return self._move(account, asset, amount, "deposit")

    def withdraw(self, account: str, asset: str, amount: Decimal) -> Cash:
        """Debit an account towards outside."""
        if self.balance(account, asset).free < amount:
            raise InsufficientBalance
        with self.step():
            return self._move(account, asset, -amount, "withdrawal")

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Move one price and let what it reaches happen."""
        with self.step():
            self.market.set_price(symbol, price)
            self._after_move()

    def wander(self) -> None:
        """Let all prices take a random step."""
        with self.step():
            self.market.wander()
            self._after_move()

    # -- what is known -----------------------------------------------------------

    def accounts(self) -> list[str]:
        """Every account that exists."""
        return self.purse.accounts()

    def balance(self, account: str, asset: str) -> Balance:
        """What an account has of an asset; zero when it never had any."""
        return self.purse.of(account, asset)

    def balances(self, account: str) -> list[Balance]:
        """All balances of an account, by asset."""
        return self.purse.all_of(account)

    def position(self, account: str, symbol: str, index: int = 0) -> Position:
        """What an account holds of a contract; flat where it never held any."""
        return self.positions.of(account, symbol, index)

    def available(self, account: str, asset: str) -> Decimal:
        """What an account may still put up for contracts that settle in `asset`."""
        return self.settlement.available(account, asset, self.open_of(account))

    def find_open(self, order_id: int) -> Order:
        """The open order with that id, or `UnknownOrder`."""
        try:
            return self.open[order_id]
        except KeyError:
            raise UnknownOrder(str(order_id)) from None

    def open_of(self, account: str, symbol: str | None = None) -> list[Order]:
        """Open orders of an account, oldest first."""
        return [one for one in self.open.values() if one.account == account and symbol in (None, one.symbol)]

    def find(self, account: str, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """An order by its id, or the newest one by the client's id, open or ended."""
        if order_id is not None:
            return self.store.order(self.name, account, symbol, order_id)
        return self.store.order_by_client_id(self.name, account, symbol, client_id or "")

    # -- entering --------------------------------------------------------------

    def _check(self, account: str, request: OrderRequest) -> Decimal:
        """Refuse what cannot be accepted; the amount to lock otherwise."""
        one = self.market.instruments[request.symbol]
        if request.type == "limit_maker" and matching.crosses(
            self.market, request.symbol, request.side, request.price
        ):
            raise WouldTake
        if request.stop_price and matching.stop_reached(self.market, request):
            raise WouldTrigger
        if one.settle:
            self._check_contract(account, request, one)
            return Decimal(0)
        need = matching.need(self.market, request)
        if self.balance(account, one.paid_by(request.side)).free < need:
            raise InsufficientBalance
        return Decimal(0) if request.type == "market" else need

    def _check_contract(self, account: str, request: OrderRequest | Order, one: Instrument) -> None:
        """Refuse an order for a leg that is not there, without anything to close, or beyond the margin."""
        hedged = one.name in self.settlement.terms_of(account).hedged
        if hedged != bool(request.position_index):
            raise WrongLeg
        closable = self.positions.closable(account, one.symbol, request.position_index, request.side)
        if closes(request):
            if not closable and not request.stop_price:
                raise NothingToClose
            return
        price = request.price or self.market.last[one.symbol]
        need = one.worth(max(Decimal(0), request.quantity - closable), price) / one.leverage
        if self.available(account, one.settle) < need:
            raise InsufficientBalance

    def _enter(self, account: str, request: OrderRequest, hold: Decimal) -> Order:
        now = self.clock.now()
        one = self.market.instruments[request.symbol]
        waits = bool(request.stop_price)
        order_id = self.store.next_id(f"{self.name}.order", FIRST_ID)
        order = Order(
            exchange=self.name,
            account=account,
            category=one.category,
            symbol=one.symbol,
            order_id=order_id,
            client_order_id=request.client_order_id or self.customs.client_id(one.category, order_id),
            side=request.side,
            type=request.type,
            time_in_force=self.customs.time_in_force(request.type, request.time_in_force),
            status="untriggered" if waits else "open",
            price=request.price,
            stop_price=request.stop_price,
            quantity=request.quantity,
            quote_quantity=request.quote_quantity,
            filled=Decimal(0),
            quote_filled=Decimal(0),
            hold=hold,
            created_at=now,
            updated_at=now,
            working_at=None if waits else now,
            strategy_id=request.strategy_id,
            strategy_type=request.strategy_type,
            position_index=request.position_index,
            reduce_only=request.reduce_only,
            trigger_direction=request.trigger_direction,
            extra=request.extra,
        )
        if request.quote_quantity:
            order = msgspec.structs.replace(order, quantity=matching.bought_with(self.market, request))
        if one.settle and closes(order) and not waits:
            order = msgspec.structs.replace(order, quantity=min(order.quantity, self._closable(order)))
        self.purse.add(account, one.paid_by(order.side), free=-hold, locked=hold)
        self._keep(order)
        self._say(order, "new")
        return order

    # -- matching --------------------------------------------------------------

    def _take(self, order: Order) -> tuple[Order, list[Trade]]:
        """Match against the book; end the order where its time in force says so."""
        levels = matching.within(self.market, order)
        trades: list[Trade] = []
        if levels and order.time_in_force == "post_only":
            return self._end(order, "expired", "post_only_would_take"), trades
        seq = self._next_seq(order.symbol) if levels else 0
        if order.time_in_force == "fok" and sum(one.quantity for one in levels) < order.quantity:
            return self._end(order, "expired", "unfilled_fok"), trades
        for level in levels:
            amount = min(level.quantity, order.remaining)
            if amount <= 0 or order.ended:
                break
            order, trade = self._trade(order, amount, level.price, "taker", seq)
            trades.append(trade)
        if not order.ended and order.type == "market":
            order = self._end(order, "expired", "no_liquidity")
        elif not order.ended and order.time_in_force == "ioc":
            order = self._end(order, "expired", "unfilled_ioc")
        return order, trades

    def _after_move(self) -> None:
        for symbol, price in self.market.last.items():
            self.store.keep_price(self.name, symbol, price)
        for order in list(self.open.values()):
            if order.order_id not in self.open:
                continue
            if order.status == "untriggered":
                if matching.stop_reached(self.market, order):
                    self._wake(order)
            elif matching.crosses(self.market, order.symbol, order.side, order.price):
                self._trade(order, order.remaining, order.price, "maker")

    def _trigger(self, order: Order) -> Order:
        now = self.clock.now()
        order = msgspec.structs.replace(order, status="open", working_at=now, updated_at=now)
        self._keep(order)
        self._say(order, "triggered")
        return order

    def _wake(self, order: Order) -> None:
        """Trigger a stop order, and look again whether its account can go through with it."""
        order, one = self._trigger(order), self.market.instruments[order.symbol]
        try:
            if one.settle:
                self._check_contract(
                    order.account, msgspec.structs.replace(order, stop_price=Decimal(0)), one
                )
            elif order.type == "market":
                order = self._measured(order, one)
        except InsufficientBalance:
            self._end(order, "rejected", "insufficient_balance")
        except NothingToClose:
            self._end(order, "canceled", "reduce_only")
        else:
            self._take(order)

    def _measured(self, order: Order, one: Instrument) -> Order:
        """A market order at the prices of this moment; it has nothing locked that would pay for it."""
        if self.balance(order.account, one.paid_by(order.side)).free < matching.need(self.market, order):
            raise InsufficientBalance
        if not order.quote_quantity:
            return order
        return msgspec.structs.replace(order, quantity=matching.bought_with(self.market, order))

    def _trade(
        self, order: Order, quantity: Decimal, price: Decimal, liquidity: str, seq: int = 0
    ) -> tuple[Order, Trade]:
        """Execute `quantity` of `order` at `price`: money, fee, ids, event."""
        one, now = self.market.instruments[order.symbol], self.clock.now()
        if one.settle and closes(order):
            quantity = min(quantity, self._closable(order))
        filled = order.filled + quantity
        hold = self._hold_left(order, order.quantity - filled)
        self._release(order, order.hold - hold)
        trade = self.settlement.settle(
            Trade(
                exchange=self.name,
                account=order.account,
                category=order.category,
                symbol=order.symbol,
                trade_id=self.store.next_id(f"{self.name}.trade", FIRST_ID),
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                side=order.side,
                price=price,
                quantity=quantity,
                quote=one.worth(quantity, price),
                fee=Decimal(0),
                fee_asset="",
                liquidity=liquidity,
                at=now,
                mark=self.market.last[order.symbol],
                remaining=order.quantity - filled,
                seq=seq or self._next_seq(order.symbol),
                position_index=order.position_index,
            ),
            order.extra.get("fee_asset", ""),
        )
        order = self._filled(order, trade, hold)
        self.store.keep_trade(trade)
        self._keep(order)
        self._say(order, "trade", trade=trade)
        shed = self.shed(order.account, order.symbol, order.position_index) if one.settle else {}
        return shed.get(order.order_id, order), trade

    def _filled(self, order: Order, trade: Trade, hold: Decimal) -> Order:
        """The order after `trade`."""
        quote, filled = order.quote_filled + trade.quote, order.filled + trade.quantity
        fees = order.fees | {trade.fee_asset: order.fees.get(trade.fee_asset, Decimal(0)) + trade.fee}
        done = filled == order.quantity
        return msgspec.structs.replace(
            order,
            status=self.customs.filled(order, quote) if done else "partially_filled",
            filled=filled,
            quote_filled=quote,
            hold=hold,
            fees=fees,
            pnl=order.pnl + trade.pnl,
            updated_at=trade.at,
        )

    def _next_seq(self, symbol: str) -> int:
        return self.store.next_id(f"{self.name}.seq.{symbol}", FIRST_SEQ)

    def _closable(self, order: Order) -> Decimal:
        return self.positions.closable(order.account, order.symbol, order.position_index, order.side)

    def shed(self, account: str, symbol: str, index: int) -> dict[int, Order]:
        """End the orders that may only close a position and find nothing left of it; within a step."""
        left_over = [
            one
            for one in self.open_of(account, symbol)
            if closes(one)
            and one.position_index == index
            and one.status != "untriggered"
            and not self._closable(one)
        ]
        return {one.order_id: self._end(one, "canceled", "reduce_only") for one in left_over}

    def _hold_left(self, order: Order, remaining: Decimal) -> Decimal:
        if order.type == "market" or self.market.instruments[order.symbol].settle:
            return Decimal(0)
        return up(order.price * remaining) if order.side == "buy" else remaining

    # -- ending and booking -----------------------------------------------------

    def _end_open(self, order_id: int, status: str, reason: str, request_id: str = "") -> Order:
        order = self.find_open(order_id)
        with self.step():
            ended = self._end(order, status, reason, request_id)
            self._tell_balances()
        return ended

    def _end(self, order: Order, status: str, reason: str, request_id: str = "") -> Order:
        self._release(order, order.hold)
        status = self.customs.ending(order, status, reason)
        order = msgspec.structs.replace(
            order, status=status, reason=reason, hold=Decimal(0), updated_at=self.clock.now()
        )
        self._keep(order)
        self._say(order, status, request_id=request_id)
        return order

    def _release(self, order: Order, amount: Decimal) -> None:
        one = self.market.instruments[order.symbol]
        self.purse.add(order.account, one.paid_by(order.side), free=amount, locked=-amount)

    def _move(self, account: str, asset: str, amount: Decimal, kind: str) -> Cash:
        cash = self.purse.move(account, asset, amount, kind)
        self._events.append(CashMoved(cash=cash))
        return cash

    def _keep(self, order: Order) -> None:
        if order.ended:
            self.open.pop(order.order_id, None)
        else:
            self.open[order.order_id] = order
        self.store.keep_order(order)

    def _say(self, order: Order, what: str, trade: Trade | None = None, request_id: str = "") -> None:
        changed = OrderChanged(
            order=order,
            what=what,
            execution_id=self.store.next_id(f"{self.name}.execution", FIRST_ID),
            at=order.updated_at,
            trade=trade,
            request_id=request_id,
        )
        self._events.append(changed)


def closes(order: Order | OrderRequest) -> bool:
    """True for an order that may only make a position smaller."""
    against = {1: "sell", 2: "buy"}.get(order.position_index)
    return order.reduce_only or order.side == against

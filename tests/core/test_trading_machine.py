"""A book of trades against an exchange that keeps its own accounts, in any order of things.

The exchange here is honest and shares no code with the rules: it takes an order by a
client id once, fills and cancels as it likes, and charges fees. What it says may be
lost, doubled, late and shuffled, requests may time out, and the daemon may die at any
moment with nothing but the trades that it stored. Whatever happens:

* no id is ever placed twice, no trade has two orders that live, none sells more than it has;
* told twice is told once;
* bought = sold + fees in units + held + dust, in units and in cost, to the last digit;
* no finished trade earned less than the rule demands;
* in the end the books agree with those of the exchange.
"""

from collections.abc import Iterable
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.earnings import realised
from core.facts import Fill, OrderState
from core.intents import Placement
from core.lots import FINISHED, Lot
from core.money import EXACT, add
from core.profit import Holding
from core.trading import Book, Considered, Event, Restarted, Retried, Taken, Told
from tests.core.trades import AT, PAIR, instrument, terms

VALUES = {"BNB": D(640)}
SOMETIMES = st.integers(0, 3).map(lambda n: n == 0)
FEES = st.sampled_from(["SOL", "USDT", "BNB"])
RATES = st.sampled_from(["0.001", "0", "-0.00025"]).map(D)


class Order:
    """One order as the exchange keeps it."""

    def __init__(self, sell: Placement, number: int) -> None:
        self.sell = sell
        self.order_id = f"o{number}"
        self.status = "open"
        self.filled = D(0)
        self.facts: list[Fill | OrderState] = []

    @property
    def lives(self) -> bool:
        return self.status in {"open", "partially_filled"}


class Exchange:
    """Takes orders, fills and cancels them, and keeps the balances that follow."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.units = D(0)
        self.money = D(0)
        self.now = AT
        self.trades = 0

    def bought(self, price: D, quantity: D, asset: str, rate: D) -> Fill:
        return self._traded("buy", price, quantity, asset, rate, "b", None)

    def place(self, sell: Placement) -> OrderState:
        assert sell.client_order_id not in self.orders, "the same id was placed twice"
        self.orders[sell.client_order_id] = Order(sell, len(self.orders))
        return self._state(self.orders[sell.client_order_id])

    def fill(self, order: Order, quantity: D, asset: str, rate: D) -> list[Fill | OrderState]:
        price = order.sell.price
        assert price is not None
        order.filled += quantity
        order.status = "filled" if order.filled == order.sell.quantity else "partially_filled"
        one = self._traded("sell", price, quantity, asset, rate, order.order_id, order.sell.client_order_id)
        order.facts.append(one)
        return [one, self._state(order)]

    def end(self, order: Order, status: str) -> OrderState:
        order.status = status
        return self._state(order)

    def _traded(
        self, side: Any, price: D, quantity: D, asset: str, rate: D, order_id: str, name: str | None
    ) -> Fill:
        self.trades += 1
        self.now += 1
        worth = price * quantity
        fee = {"SOL": quantity * rate, "USDT": worth * rate, "BNB": worth * rate / VALUES["BNB"]}[asset]
        sign = 1 if side == "buy" else -1
        self.units += sign * quantity - (fee if asset == "SOL" else 0)
        self.money -= sign * worth + {"SOL": D(0), "USDT": fee, "BNB": fee * VALUES["BNB"]}[asset]
        return Fill(
            "spot", "SOLUSDT", order_id, f"t{self.trades}", side, price, quantity, self.now,
            client_order_id=name, fee=fee, fee_asset=asset, liquidity="maker",
        )  # fmt: skip

    def _state(self, order: Order) -> OrderState:
        self.now += 1
        one = OrderState(
            "spot", "SOLUSDT", order.order_id, order.status,  # type: ignore[arg-type]
            client_order_id=order.sell.client_order_id, side="sell", price=order.sell.price,
            quantity=order.sell.quantity, filled=order.filled, updated_at=self.now,
        )  # fmt: skip
        order.facts.append(one)
        return one


class Trading(RuleBasedStateMachine):
    """The book under test, the exchange, and what lies between them."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.book = Book("main", "spot", "SOLUSDT", PAIR)
        self.outbox: list[Placement] = []
        self.facts: list[Fill | OrderState] = []
        self.purchases: list[Fill] = []
        self.surprised: set[str] = set()  # trades that were charged otherwise than expected
        self.fee_asset, self.rate = "USDT", D("0.001")

    # ------------------------------------------------------------------ the daemon

    def take(self, event: Event) -> Taken:
        """Everything is told twice; the second time nothing may come of it."""
        taken = self.book.take(event)
        assert all(alarm.kind == "trade_stuck" for alarm in taken.alarms), taken.alarms
        for sell in taken.placements:
            self._check(sell)
        self.outbox += taken.placements
        before = dict(self.book.lots)
        again = self.book.take(event)
        assert (again.placements, again.alarms) == ((), ())
        assert self.book.lots == before
        return taken

    def _check(self, sell: Placement) -> None:
        """A sale never goes below the rule, by the sentence of it and in fractions."""
        assert sell.price is not None
        left = self.book.lots[str(sell.closes)].left
        units, money = (self.rate, D(0)) if self.fee_asset == "SOL" else (D(0), self.rate)
        quantity, price = Fraction(sell.quantity), Fraction(sell.price)
        cost = Fraction(left.cost) * quantity * (1 + Fraction(units)) / Fraction(left.units)
        assert price * quantity * (1 - Fraction(money)) - cost >= Fraction("0.003") * cost
        assert sell.quantity <= left.units
        assert sell.quantity % D("0.01") == 0
        assert sell.price % D("0.01") == 0
        assert sell.quantity * sell.price >= 5

    @rule(held=SOMETIMES, known=SOMETIMES, bid=st.sampled_from(["90", "100", "103"]).map(D))
    def consider(self, held: bool, known: bool, bid: D) -> None:
        one = terms(
            maker=self.rate, fee_asset=self.fee_asset, bid=bid, values=VALUES if not known else {},
            instrument=instrument(max_quantity=D(3)),
        )  # fmt: skip
        self.take(Considered(one, hold="halted" if held else None, limit=1))

    @rule(bid=st.sampled_from(["90", "100"]).map(D))
    def all_goes_well(self, bid: D) -> None:
        """What was bought is heard of, considered, sent and accepted."""
        self._tell(self.facts[-8:])
        self.consider(held=False, known=False, bid=bid)
        for sell in self.outbox:
            self.facts.append(self.exchange.place(sell))
        self.outbox = []

    @precondition(lambda self: not self.outbox and not self._living())
    @rule(asset=FEES, rate=RATES)
    def the_rates_change(self, asset: str, rate: D) -> None:
        """Only while nothing waits to be charged by the old ones."""
        self.fee_asset, self.rate = asset, rate

    @rule(data=st.data(), how=st.sampled_from(["accepted", "late", "lost", "refused", "withheld"]))
    @precondition(lambda self: self.outbox)
    def send(self, data: Any, how: str) -> None:
        sell = self.outbox.pop(data.draw(st.integers(0, len(self.outbox) - 1)))
        name = sell.client_order_id
        if how in {"accepted", "late"}:
            self.facts.append(self.exchange.place(sell))
        if how in {"late", "lost"}:
            self.take(Told(name, "unclear", "no answer in time"))
        if how in {"refused", "withheld"}:
            self.take(Told(name, how, "because"))  # type: ignore[arg-type]

    @precondition(lambda self: self.outbox)
    @rule(sent=st.booleans())
    def die_and_come_back(self, sent: bool) -> None:
        """What was stored is all that is known; what was on its way may have arrived."""
        for sell in self.outbox:
            if sent:
                self.facts.append(self.exchange.place(sell))
        self.outbox = []
        stored = [msgspec.json.encode(lot) for lot in self.book.lots.values()]
        dust = self.book.dust
        self.book = Book(
            "main", "spot", "SOLUSDT", PAIR, [msgspec.json.decode(one, type=Lot) for one in stored]
        )
        assert self.book.dust == dust
        self.take(Restarted())

    @precondition(lambda self: self.book.in_doubt())
    @rule()
    def ask(self) -> None:
        for name in self.book.in_doubt():
            order = self.exchange.orders.get(name)
            if order is None:
                self.take(Told(name, "absent", "not found anywhere"))
            else:
                self._tell(order.facts)

    @precondition(lambda self: any(lot.state == "stuck" for lot in self.book.unfinished()))
    @rule()
    def let_stuck_trades_go_on(self) -> None:
        for lot in [lot for lot in self.book.unfinished() if lot.state == "stuck"]:
            self.take(Retried(lot.id))

    @rule(data=st.data())
    @precondition(lambda self: self.facts)
    def hear(self, data: Any) -> None:
        """Any of all facts there ever were: late, again, and out of order."""
        self._tell([data.draw(st.sampled_from(self.facts))])

    @rule()
    def hear_the_newest(self) -> None:
        self._tell(self.facts[-4:])

    def _tell(self, facts: Iterable[Fill | OrderState]) -> None:
        for fact in tuple(facts):
            self.take(fact)

    # ---------------------------------------------------------------- the exchange

    @rule(
        price=st.integers(9_000, 11_000),
        quantity=st.integers(1, 400),
        asset=FEES,
        rate=RATES,
        now=st.booleans(),
    )
    def buy(self, price: int, quantity: int, asset: str, rate: D, now: bool) -> None:
        fill = self.exchange.bought(D(price) / 100, D(quantity) / 100, asset, rate)
        self.purchases.append(fill)
        self.facts.append(fill)
        if now:
            self.take(fill)

    def _living(self) -> list[Order]:
        return [order for order in self.exchange.orders.values() if order.lives]

    @precondition(lambda self: self._living())
    @rule(data=st.data(), ahead=SOMETIMES, otherwise=SOMETIMES)
    def fill(self, data: Any, ahead: bool, otherwise: bool) -> None:
        order = data.draw(st.sampled_from(self._living()))
        steps = int((order.sell.quantity - order.filled) * 100)
        quantity = D(data.draw(st.integers(1, steps) | st.just(steps))) / 100
        asset = data.draw(FEES) if otherwise else self.fee_asset
        if asset != self.fee_asset:
            self.surprised.add(str(order.sell.closes))
        facts = self.exchange.fill(order, quantity, asset, self.rate)
        self.facts += facts
        if ahead:  # the fee is told later
            self.take(msgspec.structs.replace(facts[0], fee=None, fee_asset=None))

    @precondition(lambda self: self._living())
    @rule(data=st.data(), status=st.sampled_from(["canceled", "expired"]))
    def end(self, data: Any, status: str) -> None:
        self.facts.append(self.exchange.end(data.draw(st.sampled_from(self._living())), status))

    @precondition(lambda self: self.book.unwanted())
    @rule()
    def cancel_what_is_unwanted(self) -> None:
        for one in self.book.unwanted():
            order = self.exchange.orders.get(one.client_order_id)
            if order is not None and order.lives:
                self.facts.append(self.exchange.end(order, "canceled"))

    # ----------------------------------------------------------- what always holds

    @invariant()
    def what_was_bought_is_sold_or_held_or_dust(self) -> None:
        planned = [lot for lot in self.book.lots.values() if lot.holding is not None]
        own = [lot.holding.plus(lot.aside).minus(lot.from_dust) for lot in planned]
        gone = [lot.consumed for lot in planned]
        held = [lot.left for lot in planned if lot.state not in FINISHED]
        assert total(own) == total([*gone, *held, self.book.dust])
        assert own == [brought(lot.bought) for lot in planned]

    @invariant()
    def no_trade_has_two_orders_that_live_or_sells_more_than_it_has(self) -> None:
        for lot in self.book.lots.values():
            orders = [order for order in self.exchange.orders.values() if order.sell.closes == lot.id]
            assert sum(order.lives for order in orders) <= 1
            sold = sum((order.filled for order in orders), D(0))
            assert lot.holding is None or sold <= lot.holding.units or lot.id in self.surprised

    @invariant()
    def no_finished_trade_earned_less_than_the_rule_demands(self) -> None:
        for lot in self.book.lots.values():
            earned = realised(lot)
            if lot.state in FINISHED and earned is not None and lot.id not in self.surprised:
                assert earned.profit >= EXACT.multiply(D("0.003"), earned.cost)

    def teardown(self) -> None:
        """Once all is told, the books are those of the exchange."""
        self.outbox = []
        self.take(Restarted())
        self._tell(self.facts)
        self._tell(self.facts)
        self.ask()
        self.take(Considered(terms(maker=self.rate, fee_asset=self.fee_asset, values=VALUES), hold="the end"))
        assert not [lot for lot in self.book.lots.values() if lot.state in {"unclear", "settling", "placing"}]
        assert len(self.book.lots) == len(self.purchases)
        waiting = [brought(lot.bought) for lot in self.book.lots.values() if lot.holding is None]
        left = [lot.left for lot in self.book.lots.values() if lot.state not in FINISHED]
        held = total([*waiting, *left, self.book.dust])
        assert held.units == self.exchange.units
        profit = add(realised(lot).profit for lot in self.book.lots.values() if lot.sells)
        assert EXACT.subtract(profit, held.cost) == self.exchange.money


def brought(fill: Fill) -> Holding:
    """What a purchase brought and cost, as the exchange would say it."""
    fee, asset = fill.fee or D(0), str(fill.fee_asset)
    units = EXACT.subtract(fill.quantity, fee if asset == "SOL" else D(0))
    money = {"SOL": D(0), "USDT": fee, "BNB": fee * VALUES["BNB"]}[asset]
    return Holding(units, EXACT.add(EXACT.multiply(fill.price, fill.quantity), money))


def total(holdings: Iterable[Holding]) -> Holding:
    whole = Holding()
    for one in holdings:
        whole = whole.plus(one)
    return whole


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)

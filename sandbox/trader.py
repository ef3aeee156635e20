"""A calm trader for accounts marked `auto`: something always happens.

About once a second it takes one small step for its account: it buys or sells
at the market, rests an order, fills one of its resting orders in part or
wholly, or cancels one. It leans towards what the account has too little of,
and back from a position that has grown; money is paid in before an asset runs
dry, so it can go on for weeks. Contracts settled in their own base it leaves alone.
It acts on its own orders only, which it knows by their client id.
"""

import random
from collections.abc import Mapping
from decimal import Decimal

from sandbox.market import Instrument, floor_to
from sandbox.venue import Refused, Venue
from sandbox.world import Order, OrderRequest

PREFIX = "auto-"
MOST_RESTING = 6
LOW = Decimal("0.2")
CASH_PER_ORDER = Decimal(40)
MOST_HELD = Decimal(2000)


class Trader:
    """Trades for one account."""

    def __init__(self, venue: Venue, account: str, start: Mapping[str, Decimal], seed: int) -> None:
        self._venue = venue
        self._account = account
        self._start = start
        self._random = random.Random(seed)
        self._began = False

    def act(self) -> None:
        """One step; what the venue refuses is simply not done."""
        self._top_up()
        try:
            self._step()
        except Refused:
            return

    def _step(self) -> None:
        if not self._began:
            self._began = True
            self._market()
            return
        resting = [one for one in self._venue.open_of(self._account) if self._mine(one)]
        if len(resting) >= MOST_RESTING:
            self._venue.cancel(resting[0].order_id)
            return
        roll = self._random.random()
        if roll < 0.3 or not resting:
            self._market() if roll < 0.2 else self._rest()
        elif roll < 0.5:
            self._rest()
        elif roll < 0.92:
            self._fill(self._random.choice(resting))
        else:
            self._venue.cancel(self._random.choice(resting).order_id)

    def _mine(self, order: Order) -> bool:
        return order.client_order_id.startswith(PREFIX)

    def _market(self) -> None:
        one = self._pick()
        self._place(one, "market", Decimal(0))

    def _rest(self) -> None:
        one = self._pick()
        away = Decimal(self._random.randint(20, 60)) / 10_000
        side = self._side(one)
        price = self._venue.market.last[one.symbol] * (1 - away if side == "buy" else 1 + away)
        self._place(one, "limit", max(one.tick, floor_to(price, one.tick)), side)

    def _fill(self, order: Order) -> None:
        """Half of what is left, or all of it."""
        one = self._venue.market.instruments[order.symbol]
        half = floor_to(order.remaining / 2, one.step)
        wholly = half <= 0 or self._random.random() < 0.5
        self._venue.fill(order.order_id, order.remaining if wholly else half)

    def _place(self, one: Instrument, kind: str, price: Decimal, side: str = "") -> None:
        last = self._venue.market.last[one.symbol]
        worth = one.depth / 500 * CASH_PER_ORDER * Decimal(self._random.randint(5, 15)) / 10
        request = OrderRequest(
            symbol=one.symbol,
            side=side or self._side(one),
            type=kind,
            price=price,
            quantity=max(one.min_quantity, floor_to(worth / last, one.step)),
            client_order_id=f"{PREFIX}{self._random.getrandbits(48):012x}",
        )
        self._venue.place(self._account, request)

    def _pick(self) -> Instrument:
        hedged = self._venue.settlement.terms_of(self._account).hedged
        fitting = [one for one in self._venue.market.instruments.values() if not one.inverse]
        return self._random.choice([one for one in fitting if not one.settle or one.name not in hedged])

    def _side(self, one: Instrument) -> str:
        """Buy what is short, sell what is too much, otherwise toss a coin."""
        lean = float(min(max(self._lacks(one), Decimal(-1)), Decimal(1)))
        return "buy" if self._random.random() < 0.5 + 0.4 * lean else "sell"

    def _lacks(self, one: Instrument) -> Decimal:
        """Above zero for too little, below for too much; 1 is all of it."""
        if one.settle:
            held = self._venue.position(self._account, one.symbol)
            return -held.size * self._venue.market.last[one.symbol] / MOST_HELD
        owned = self._venue.balance(self._account, one.base)
        return 1 - (owned.free + owned.locked) / self._start.get(one.base, Decimal(1))

    def _top_up(self) -> None:
        """Pay in what has fallen below a fifth of its start."""
        for asset, start in self._start.items():
            if self._venue.balance(self._account, asset).free < start * LOW:
                self._venue.deposit(self._account, asset, start / 2)

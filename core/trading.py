"""The trades of one account in one symbol: which fact belongs to which, and the dust between them.

Every BUY fill, partial ones too, is a trade of its own (core/lots). This file gives
each fact to the trade that it is about, and keeps what the trades pass on to each
other. It is driven by what the ledger has committed, and by what became of requests;
it decides nothing by time and asks nobody. The rules in words:

1. A BUY fill of the kind `trade` begins a trade, once: its id follows from it.
2. A statement about an order belongs to the trade whose SELL goes by its client
   order id, or by the order id that the exchange once named with it: histories of
   fills do not always repeat the client's. What belongs to no SELL of ours is none
   of our business.
3. Dust is what finished trades left and later ones have not taken. It is never kept
   by itself: it follows from the trades, so whoever stores the trades has stored it.
   The next trade that is planned takes all of it, units and cost. It may be below
   zero (core/lots, rule 7).
4. Trades are considered in the order in which their fills came.
5. Facts may be told again, at any time and as often as one likes: the second time
   changes nothing and places nothing. So after a restart the stored trades and any
   stretch of the ledger, told again, lead to where it was.

The caller stores what `take` says has changed, together with the intents, before it
sends anything. What has to be asked, and what to be cancelled, is a question
(`in_doubt`, `unwanted`) and not an event, so that a crash loses neither.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, assert_never

import msgspec

from core.client_ids import SellId, read_sell_id, trade_id
from core.facts import Fill, OrderState
from core.fees import Pair
from core.intents import Cancellation, Placement
from core.lot_hearing import Word, cancelling, excused, heard, restarted, retried, told
from core.lot_planning import considered
from core.lots import FINISHED, Alarm, Lot, Sell, Turn, begun, completed
from core.profit import Holding, Terms


class Told(msgspec.Struct, frozen=True):
    """What became of a SELL that was to be sent.

    `withheld` = it was not sent after all; `refused` = the exchange refused it and
    holds no such order; `unclear` = nobody knows; `absent` = the exchange has proven
    that it never had it. Nothing else is proof: an error is `unclear`.
    """

    client_order_id: str
    word: Word
    why: str


class CancelAsked(msgspec.Struct, frozen=True):
    """We are about to cancel a SELL of ours: that it ends will be no failure."""

    client_order_id: str


class WouldTake(msgspec.Struct, frozen=True):
    """A SELL ends because it was maker only and would have taken: that is no failure."""

    client_order_id: str


class Restarted(msgspec.Struct, frozen=True):
    """The trades come from the database, and nobody remembers what was sent."""


class Retried(msgspec.Struct, frozen=True):
    """A person lets a stuck trade go on."""

    trade: str


class Considered(msgspec.Struct, frozen=True):
    """Decide what is to be placed, by these terms.

    `hold` is why nothing may be placed now, None where it may. `limit` is how many
    failures a trade bears before it is stuck.
    """

    terms: Terms
    hold: str | None = None
    limit: int = 5


Event = Fill | OrderState | Told | CancelAsked | WouldTake | Restarted | Retried | Considered


class Taken(NamedTuple):
    """What an event changed: the trades to be stored, with the intents, before anything is sent."""

    changed: tuple[Lot, ...] = ()
    placements: tuple[Placement, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Book:
    """The trades of one account in one symbol. One thread only."""

    def __init__(
        self, account: str, category: str, symbol: str, pair: Pair, lots: Iterable[Lot] = ()
    ) -> None:
        """`lots` are those that were stored, in the order in which they began."""
        self.account = account
        self.category = category
        self.symbol = symbol
        self.pair = pair
        self.lots: dict[str, Lot] = {}
        self.dust = Holding()
        self._unfinished: dict[str, None] = {}  # in the order in which they began
        self._by_order: dict[str, SellId] = {}
        for lot in lots:
            self._keep(lot)

    def take(self, event: Event) -> Taken:
        """Take one event in; what follows from it."""
        match event:
            case Fill() | OrderState() if (event.category, event.symbol) != (self.category, self.symbol):
                return Taken()
            case Fill(side="buy"):
                return self._settle([self._bought(event)])
            case Fill() | OrderState():
                return self._settle([self._heard(event)])
            case Told(client_order_id=name, word=word, why=why):
                return self._settle([self._asked(name, lambda lot, n: told(lot, n, word, why))])
            case CancelAsked(client_order_id=name):
                return self._settle([self._asked(name, cancelling)])
            case WouldTake(client_order_id=name):
                return self._settle([self._asked(name, excused)])
            case Restarted():
                return self._settle(Turn(restarted(lot)) for lot in self.unfinished())
            case Retried(trade=trade):
                return self._settle([Turn(retried(self.lots[trade]))] if trade in self.lots else [])
            case Considered():
                return self._settle(self._considered(event))
        assert_never(event)

    def unfinished(self) -> Iterator[Lot]:
        """The trades that have something to sell yet, oldest first."""
        return (self.lots[name] for name in tuple(self._unfinished))

    def in_doubt(self) -> tuple[str, ...]:
        """The SELLs, by client order id, that have to be asked for: the order, and all its fills."""
        return tuple(sell.client_order_id for lot in self.unfinished() for sell in lot.doubtful)

    def unwanted(self) -> tuple[Cancellation, ...]:
        """What is to be cancelled as long as it lives."""
        return tuple(self._cancellation(sell) for sell in self._living() if sell.is_unwanted)

    def resting(self) -> tuple[Cancellation, ...]:
        """What cancels every SELL of ours that may live, and nothing else."""
        return tuple(self._cancellation(sell) for sell in self._living())

    def _living(self) -> Iterator[Sell]:
        return (sell for lot in self.lots.values() for sell in lot.sells if sell.is_living)

    def _cancellation(self, sell: Sell) -> Cancellation:
        return Cancellation(
            account=self.account,
            category=self.category,
            symbol=self.symbol,
            client_order_id=sell.client_order_id,
        )

    def _bought(self, fill: Fill) -> Turn | None:
        if fill.kind != "trade":
            return None
        known = self.lots.get(trade_id(self.account, fill))
        return Turn(begun(self.account, fill, self.pair) if known is None else completed(known, fill))

    def _heard(self, fact: Fill | OrderState) -> Turn | None:
        named = read_sell_id(fact.client_order_id) or self._by_order.get(fact.order_id)
        if named is None or named.trade not in self.lots:
            return None
        return heard(self.lots[named.trade], named.number, fact)

    def _asked(self, client_order_id: str, change: Callable[[Lot, int], Lot]) -> Turn | None:
        named = read_sell_id(client_order_id)
        if named is None or named.trade not in self.lots:
            return None
        return Turn(change(self.lots[named.trade], named.number))

    def _considered(self, event: Considered) -> Iterator[Turn]:
        for lot in self.unfinished():
            yield considered(lot, self.dust, event.terms, event.hold, event.limit)

    def _settle(self, turns: Iterable[Turn | None]) -> Taken:
        """Keep each turn before the next is made: the dust of one is the next one's."""
        kept = [turn for turn in turns if turn is not None and self._keep(turn.lot) | bool(turn.alarms)]
        return Taken(
            tuple(turn.lot for turn in kept),
            tuple(turn.placement for turn in kept if turn.placement is not None),
            tuple(alarm for turn in kept for alarm in turn.alarms),
        )

    def _keep(self, lot: Lot) -> bool:
        """Put the trade as it is now in its place; whether that changed anything."""
        before = self.lots.get(lot.id)
        if lot == before:
            return False
        self.lots[lot.id] = lot
        self.dust = self.dust.plus(_passed_on(lot))
        if before is not None:
            self.dust = self.dust.minus(_passed_on(before))
        if lot.state in FINISHED:
            self._unfinished.pop(lot.id, None)
        else:
            self._unfinished.setdefault(lot.id)
        self._by_order |= {
            sell.order_id: SellId(lot.id, sell.number) for sell in lot.sells if sell.order_id is not None
        }
        return True


def _passed_on(lot: Lot) -> Holding:
    """What a trade leaves to the others, less what it took from them."""
    return lot.to_dust.minus(lot.from_dust)

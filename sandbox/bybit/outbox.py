"""Private pushes on their way out.

What one step of the engine did is told as few messages with several items: per
symbol the orders that are new, then the executions, then where the orders stand
now, what ended, the positions, and last the wallet. No order between topics is
promised to anyone. A message is a letter to the courier, whose word is what the
faults call it: `new triggered amended canceled rejected` and `order` (where an
order stands after fills), `trade` (executions; `funding adl …` for the others),
`fast` (trades once more, in short), `position` and `balances`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from sandbox.bybit import shapes
from sandbox.bybit.customs import uid
from sandbox.bybit.history import History
from sandbox.bybit.private import PrivateSession
from sandbox.bybit.wallet import Wallet
from sandbox.courier import Courier
from sandbox.faults import Board
from sandbox.market import Instrument
from sandbox.venue import Venue
from sandbox.websocket import WebSocket
from sandbox.world import BalancesChanged, CashMoved, Event, Executed, Order, OrderChanged, Trade, account_of

GARBAGE = {"text": b'{"topic":"order","data":[{"category":', "utf8": b'{"topic":"\xff\xfe\xc3("}'}
Item = dict[str, Any]


class Letter(msgspec.Struct):
    """One message before it is written: its topic, and the product where it has one."""

    word: str
    topic: str
    category: str
    symbol: str
    seq: int = 0
    items: list[Item] = []


class Outbox:
    """The private sessions of one venue, and what they are told."""

    def __init__(self, venue: Venue, board: Board, history: History, wallet: Wallet) -> None:
        self._venue = venue
        self._board = board
        self._history = history
        self._wallet = wallet
        self._courier = Courier(venue.name, board, self._deliver)
        self.sessions: set[PrivateSession] = set()
        venue.listeners.append(self.publish)

    def publish(self, events: Sequence[Event]) -> None:
        """Tell every account what a step did to it."""
        for account in dict.fromkeys(account_of(event) for event in events):
            own = [event for event in events if account_of(event) == account]
            for letter in self._letters(account, own):
                self._courier.post(account, letter.word, letter)

    def _deliver(self, account: str, letter: Letter) -> None:
        for session in list(self.sessions):
            if session.account == account:
                session.push(letter.topic, letter.category, self._identifier(account, letter), letter.items)

    def _identifier(self, account: str, letter: Letter) -> str:
        """Orders and executions have a speaking id, the others a random one."""
        if letter.topic in ("order", "execution"):
            return f"{uid(account)}_{letter.symbol}_{letter.seq}"
        return f"{uid(account)}{uuid4().hex}"

    # -- writing letters -----------------------------------------------------------

    def _letters(self, account: str, events: Sequence[Event]) -> Iterator[Letter]:
        changes = [event for event in events if isinstance(event, OrderChanged)]
        trades = [event.trade for event in changes if event.trade is not None]
        trades += [event.trade for event in events if isinstance(event, Executed)]
        before = [event for event in changes if event.what in ("new", "triggered", "amended")]
        after = [event for event in changes if event.what not in ("new", "triggered", "amended", "trade")]
        stands = {event.order.order_id: event for event in changes if event.trade is not None}
        yield from self._orders((event.what, event) for event in before)
        yield from self._executions(trades)
        yield from self._orders(("order", event) for event in stands.values())
        yield from self._doubles(stands.values())
        yield from self._orders((event.what, event) for event in after)
        touched = [(event.order.symbol, event.order.position_index) for event in changes]
        touched += [(trade.symbol, trade.position_index) for trade in trades]
        yield from self._positions(account, dict.fromkeys(touched))
        if any(isinstance(event, BalancesChanged) for event in events):
            yield self._balances(account, events)
        elif any(isinstance(event, CashMoved) for event in events):
            raise AssertionError("money moved and no balance changed")

    def _instrument(self, symbol: str) -> Instrument:
        return self._venue.market.instruments[symbol]

    def _orders(self, events: Iterable[tuple[str, OrderChanged]]) -> Iterator[Letter]:
        letters: dict[tuple[str, str], Letter] = {}
        for word, event in events:
            order = event.order
            letter = letters.setdefault(
                (word, order.symbol),
                Letter(word, "order", order.category, order.name, event.execution_id, []),
            )
            letter.items += self._order_items(word, order)
        yield from letters.values()

    def _order_items(self, word: str, order: Order) -> Iterator[Item]:
        item = shapes.order_item(self._instrument(order.symbol), order, self._venue.customs)
        if word == "triggered":
            yield item | {"orderStatus": "Triggered"}
        yield item

    def _doubles(self, events: Iterable[OrderChanged]) -> Iterator[Letter]:
        """On command, what a lost race of a cancel against a fill looks like: filled once more."""
        for event in events:
            order = event.order
            if order.status == "filled" and self._board.take(
                "double_filled", self._venue.name, order.account
            ):
                item = shapes.order_item(self._instrument(order.symbol), order, self._venue.customs)
                item |= {"cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}
                yield Letter("order", "order", order.category, order.name, event.execution_id, [item])

    def _executions(self, trades: Sequence[Trade]) -> Iterator[Letter]:
        letters: dict[tuple[str, str, str], Letter] = {}
        for trade in trades:
            one, order = self._instrument(trade.symbol), self._history.order_of(trade)
            item = shapes.execution_item(one, trade, order, self._venue.customs)
            self._into(letters, "execution", trade, item)
            if trade.kind == "trade":
                self._into(
                    letters, "execution.fast", trade, shapes.fast_item(one, trade, self._venue.customs)
                )
        yield from letters.values()

    def _into(
        self, letters: dict[tuple[str, str, str], Letter], topic: str, trade: Trade, item: Item
    ) -> None:
        key = (topic, trade.kind, trade.symbol)
        word = (
            trade.kind if topic == "execution" else "fast"
        )  # few listen to that: to lose it is to lose nothing
        empty = Letter(word, topic, trade.category, trade.name, trade.seq, [])
        letters.setdefault(key, empty).items.append(item)

    def _positions(self, account: str, touched: Iterable[tuple[str, int]]) -> Iterator[Letter]:
        """A position is pushed with every step of an order, changed or not."""
        letters: dict[str, Letter] = {}
        for symbol, index in touched:
            one, held = self._instrument(symbol), self._venue.position(account, symbol, index)
            if one.settle:
                letter = letters.setdefault(
                    symbol, Letter("position", "position", one.category, one.name, 0, [])
                )
                unrealised, mark = self._venue.positions.unrealised(held), self._venue.market.last[symbol]
                letter.items.append(shapes.position_item(one, held, unrealised, mark))
        yield from letters.values()

    def _balances(self, account: str, events: Sequence[Event]) -> Letter:
        rows = [row for event in events if isinstance(event, BalancesChanged) for row in event.rows]
        coins = dict.fromkeys(row.asset for row in rows)
        return Letter("balances", "wallet", "", "", 0, [self._wallet.account(account, coins)])

    # -- sessions --------------------------------------------------------------------

    def of(self, account: str | None) -> Iterator[PrivateSession]:
        """The sessions of an account; all, without one."""
        for session in list(self.sessions):
            if account is None or session.account == account:
                yield session

    def garbage(self, peer: WebSocket, form: str, size: int) -> None:
        """Send something that is no push."""
        if form == "binary":
            peer.send_binary(bytes(range(256)))
        elif form == "oversized":
            peer.send(b'{"topic":"' + b"x" * size + b'"}')
        else:
            peer.send(GARBAGE.get(form, GARBAGE["text"]))

"""User data on its way out: what an event of the venue becomes on the channels.

A letter is what one event says on all channels together, so that a fault which
loses or doubles it does so everywhere. Balances are not told when they change
but every other second, changed or not, as the real one does.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sandbox.courier import Courier
from sandbox.cryptocom import shapes
from sandbox.cryptocom.shapes import Json
from sandbox.cryptocom.wallet import Wallet
from sandbox.faults import Board, Fault
from sandbox.venue import Venue
from sandbox.websocket import WebSocket
from sandbox.world import (
    BalancesChanged,
    CashMoved,
    Event,
    Executed,
    Order,
    OrderChanged,
    Trade,
    account_of,
    kind_of,
)

if TYPE_CHECKING:
    from sandbox.cryptocom.user import UserSession

Letter = list[tuple[str, str | None, Json]]
GARBAGE = {"text": b'{"id":-1,"method":"subscribe","code":', "utf8": b'{"id":-1,"method":"\xff\xfe\xc3("}'}


class Outbox:
    """The authenticated user sockets and their events."""

    def __init__(self, venue: Venue, board: Board, wallet: Wallet) -> None:
        self._venue = venue
        self._wallet = wallet
        self._courier: Courier[Letter] = Courier(venue.name, board, self._deliver)
        self.sessions: set[UserSession] = set()
        venue.listeners.append(self.publish)

    def publish(self, events: Sequence[Event]) -> None:
        """Send what happened to whoever subscribed, as the faults allow."""
        for event in events:
            self._post(account_of(event), kind_of(event), self._letter(event))

    def _post(self, account: str, what: str, letter: Letter) -> None:
        """A letter that nobody listens for is none, so that faults meet the ones which are seen."""
        if any(one.covers(topic, symbol) for one in self.of(account) for topic, symbol, _ in letter):
            self._courier.post(account, what, letter)

    def _letter(self, event: Event) -> Letter:
        match event:
            case OrderChanged():
                return self._of_order(event)
            case BalancesChanged():
                return [("user.position_balance", None, self._wallet.position_balance(event.account))]
            case CashMoved():
                opening = event.cash.kind == "opening"
                return [] if opening else [("user.transactions", None, shapes.journal_of_cash(event.cash))]
            case Executed():
                return [] if event.trade.kind == "funding" else self._of_trade(event.trade)

    def _of_order(self, changed: OrderChanged) -> Letter:
        order, row = changed.order, shapes.pushed_order(changed)
        letter = [] if changed.trade is None else self._of_trade(changed.trade)
        if order.stop_price:
            letter.append(("user.advance.order", order.symbol, row))
        return [*letter, ("user.order", order.symbol, row)] if _in_market(order) else letter

    def _of_trade(self, trade: Trade) -> Letter:
        letter: Letter = [
            ("user.trade", trade.symbol, shapes.pushed_trade(trade)),
            ("user.transactions", None, shapes.journal_of_trade(trade)),
        ]
        if self._venue.market.instruments[trade.symbol].settle:
            held = self._venue.position(trade.account, trade.symbol)
            letter.append(("user.positions", None, self._wallet.pushed_position(held)))
        return letter

    def tell_balances(self) -> None:
        """Push the wallet of every account that listens for it."""
        accounts = {one.account for one in self.sessions if one.account is not None}
        for account in sorted(accounts):
            letter: Letter = [
                ("user.balance", None, self._wallet.balance(account)),
                ("user.account_risk", None, self._wallet.risk(account)),
            ]
            self._post(account, "balances", letter)

    def _deliver(self, account: str, letter: Letter) -> None:
        for session in list(self.of(account)):
            for topic, symbol, row in letter:
                session.deliver(topic, symbol, [row])

    def of(self, account: str | None) -> Iterator["UserSession"]:
        """The sockets of an account; all, without one."""
        for session in list(self.sessions):
            if account in (None, session.account):
                yield session

    def garbage(self, peer: WebSocket, fault: Fault) -> None:
        """Send something that is no message."""
        if fault.form == "binary":
            peer.send_binary(bytes(range(256)))
        elif fault.form == "oversized":
            peer.send(b'{"id":-1,"method":"' + b"x" * fault.size + b'"}')
        else:
            peer.send(GARBAGE.get(fault.form, GARBAGE["text"]))


def _in_market(order: Order) -> bool:
    """False for a trigger order that still waits, or ended while it did."""
    return not order.stop_price or order.working_at is not None

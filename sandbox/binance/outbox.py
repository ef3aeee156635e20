"""User data on its way out.

Every event of the venue is rendered once and sent to each session that
subscribed its account, as far as the courier is let.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sandbox.binance import shapes
from sandbox.courier import Courier
from sandbox.faults import Board, Fault
from sandbox.venue import Venue
from sandbox.websocket import WebSocket
from sandbox.world import BalancesChanged, CashMoved, Event, Executed, OrderChanged, account_of, kind_of

GARBAGE = {"text": b'{"subscriptionId":0,"event":{"e":', "utf8": b'{"event":"\xff\xfe\xc3("}'}


class Subscriber(Protocol):
    """A socket that may have subscribed accounts."""

    kind: str
    peer: WebSocket

    @property
    def subscriptions(self) -> Mapping[int, str]:
        """The accounts, by the number of the subscription."""

    def deliver(self, account: str, event: bytes) -> None:
        """Send a user data event, if that account is subscribed."""

    def announce(self, event: dict[str, Any]) -> None:
        """Send a connection event."""

    def terminate(self, account: str | None = None) -> None:
        """End the subscriptions of an account (of all)."""


class Outbox:
    """The sockets that hear of accounts, and their events."""

    def __init__(self, venue: Venue, board: Board) -> None:
        self._venue = venue
        self._courier: Courier[bytes] = Courier(venue.name, board, self._deliver)
        self.sessions: set[Subscriber] = set()
        venue.listeners.append(self.publish)

    def publish(self, events: Sequence[Event]) -> None:
        """Send what happened to whoever subscribed, as the faults allow."""
        for event in events:
            if isinstance(event, CashMoved) and event.cash.kind == "opening":
                continue
            self._courier.post(account_of(event), kind_of(event), msgspec.json.encode(self._event(event)))

    def _event(self, event: Event) -> dict[str, Any]:
        now = self._venue.clock.now()
        match event:
            case OrderChanged():
                return shapes.execution_report(event, now)
            case BalancesChanged():
                return shapes.account_position(event, now)
            case CashMoved():
                return shapes.balance_update(event.cash, now)
            case Executed():
                raise ValueError("nothing of that kind exists on spot")

    def _deliver(self, account: str, body: bytes) -> None:
        for session in list(self.sessions):
            session.deliver(account, body)

    def of(self, account: str | None) -> Iterator[Subscriber]:
        """The sessions that subscribed an account; all, without one."""
        for session in list(self.sessions):
            if account is None or account in session.subscriptions.values():
                yield session

    def garbage(self, peer: WebSocket, fault: Fault) -> None:
        """Send something that is no event."""
        if fault.form == "binary":
            peer.send_binary(bytes(range(256)))
        elif fault.form == "oversized":
            peer.send(b'{"event":{"e":"' + b"x" * fault.size + b'"}}')
        else:
            peer.send(GARBAGE.get(fault.form, GARBAGE["text"]))

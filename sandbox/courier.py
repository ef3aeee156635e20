"""Events on their way out, and what may happen to them there.

A dialect renders an event once and posts it as a letter for an account; the
courier hands it on, unless a fault loses it, holds it, doubles it or delays
it. What was decided counts for all sessions of an account alike. What a letter
is made of, and who gets it, is the dialect's own business.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sandbox.faults import Board, Fault

T = TypeVar("T")


class Courier(Generic[T]):
    """Carries the letters of one exchange."""

    def __init__(self, exchange: str, board: Board, deliver: Callable[[str, T], None]) -> None:
        self._exchange = exchange
        self._board = board
        self._deliver = deliver
        self._held: dict[str, T] = {}

    def post(self, account: str, what: str, letter: T) -> None:
        """Deliver a letter about an event of kind `what`, as the faults allow."""

        def takes(kind: str) -> Fault | None:
            return self._board.take(kind, self._exchange, account, lambda fault: fault.what in (None, what))

        if self._board.find("mute", self._exchange, account):
            return
        if self._board.take(
            "lose_one", self._exchange, account, lambda fault: (fault.what or "trade") in (what, "any")
        ):
            return
        held = self._held.pop(account, None)
        if held is None and takes("reorder"):
            self._held[account] = letter
            return
        for one in (letter, held):
            if one is not None:
                self._send(account, one, takes("delay"))
                if takes("duplicate"):
                    self._send(account, one, None)

    def _send(self, account: str, letter: T, delay: Fault | None) -> None:
        if delay is not None:
            asyncio.get_running_loop().call_later(delay.seconds or 0, self._deliver, account, letter)
        else:
            self._deliver(account, letter)

"""What wakes the main thread: a signal, or the supervisor's last word.

A Python signal handler runs in the main thread between two bytecodes, in the
middle of whatever it did, so one that takes a lock can wait for itself for
ever. Ours do nothing; the interpreter writes the signal's number into a socket
pair, the supervisor writes into the same one, and the main thread reads.
"""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Literal, Self

Woken = Literal["signal", "exit", "reload"]
ENDING = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP


class Signals:
    """A context in which the main thread waits; the handlers of before return at its end."""

    def __init__(self) -> None:
        self.cause = ""
        self.exit: tuple[int, str] | None = None
        self._ours, self._theirs = socket.socketpair()
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._theirs.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._theirs.fileno())
        for number in (*ENDING, RELOAD):
            self._before[number] = signal.signal(number, _nothing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned it takes back
        signal.set_wakeup_fd(self._wakeup)

    def wait(self, timeout: float) -> Woken | None:
        """Sleep until something comes, or `timeout` seconds; None where nothing did."""
        ready, _, _ = select.select([self._ours], [], [], timeout)
        if not ready:
            return None
        number = self._ours.recv(1)[0]  # one at a time: two signals in one moment are two
        if number in ENDING:
            self.cause = signal.Signals(number).name
            return "signal"
        if number == RELOAD:
            return "reload"
        return "exit" if self.exit is not None else None

    def all_down(self, code: int, why: str) -> None:
        """The supervisor's last word, from its thread."""
        self.exit = (code, why)
        self._theirs.send(b"\0")


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The wakeup socket says it all."""

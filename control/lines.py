"""Lines off a socket, whatever its other end does.

The peer may send nothing, half a line, ten megabytes without an end, or one
byte a minute. Each of these ends here, with a bounded buffer and a bounded
wait, and costs nobody but the peer.
"""

import socket

from core.clock import Clock

CHUNK = 65_536


class LineTooLong(Exception):
    """The peer sent more than a line may hold."""


class Unfinished(Exception):
    """The peer began a line and did not end it in time."""


class Lines:
    """The lines of one socket, for one thread."""

    def __init__(
        self, source: socket.socket, clock: Clock, *, longest: int, idle: float, pace: float
    ) -> None:
        self._source = source
        self._clock = clock
        self._longest = longest
        self._idle = idle
        self._pace = pace
        self._buffer = bytearray()

    def next(self) -> bytes | None:
        """The next line without its end; None once the peer has finished, or was idle for too long.

        A last line without an end counts as one. Raises LineTooLong and
        Unfinished; the socket's own errors pass through.
        """
        end = searched = 0
        deadline = self._clock.monotonic() + self._pace if self._buffer else None
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._longest:
                raise LineTooLong
            if not (chunk := self._receive(deadline)):
                return self._cut(searched, searched) or None
            self._buffer += chunk
            deadline = deadline or self._clock.monotonic() + self._pace
        if end > self._longest:
            raise LineTooLong
        return self._cut(end, end + 1)

    def _receive(self, deadline: float | None) -> bytes:
        """What comes next, b"" at the end; a silent peer is at its end between lines only."""
        wait = self._idle if deadline is None else deadline - self._clock.monotonic()
        if wait <= 0:
            raise Unfinished
        self._source.settimeout(wait)
        try:
            return self._source.recv(CHUNK)
        except TimeoutError:
            if deadline is None:
                return b""
            raise Unfinished from None

    def _cut(self, end: int, following: int) -> bytes:
        line = bytes(self._buffer[:end])
        del self._buffer[:following]
        return line

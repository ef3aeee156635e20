"""One client, from its first line to its end, on a thread of its own.

Answers come in the order of the questions, one line each. Whatever a client
sends, it is answered with a result, with an error that names what was wrong, or
by the end of its connection; it never disturbs another client or the daemon.

`audit` and `reload` are waited for here, in the thread of the one who asked.
`tail` takes the connection over: from its answer on, the connection carries
notifications until the client hangs up. A client that has only finished sending
still listens; one that has closed does not.
"""

import select
import socket
import threading
from contextlib import suppress
from typing import NamedTuple

import structlog

from control.answers import Waiting, answer
from control.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNAVAILABLE,
    Id,
    Request,
    RpcError,
    error_line,
    notification_line,
    parse,
    result_line,
)
from control.lines import Lines, LineTooLong, Unfinished
from control.services import Services
from control.tail import Follower
from control.words import Mistake, Unavailable, UnknownWord
from core.errors import DatabaseProblem
from models.read import Reader

log = structlog.get_logger()


class Limits(NamedTuple):
    """What a client may cost; seconds and bytes."""

    connections: int = 32
    line: int = 1 << 20
    idle: float = 60.0  # between two lines
    pace: float = 10.0  # from a line's first byte to its last
    send: float = 30.0  # for one answer to be taken


class Gone(Exception):
    """The client is no longer there."""


class Connection:
    """A conversation: `serve` holds it; `finish` and `shut` end it, from any thread."""

    def __init__(self, client: socket.socket, services: Services, limits: Limits) -> None:
        self._client = client
        self._services = services
        self._limits = limits
        self._lines = Lines(client, services.clock, longest=limits.line, idle=limits.idle, pace=limits.pace)
        self._reader: Reader | None = None
        self._asked: Request | None = None
        self._finishing = threading.Event()

    def finish(self) -> None:
        """End the conversation behind the answer that is being made, if one is."""
        self._finishing.set()
        self._shut(socket.SHUT_RD)

    def shut(self) -> None:
        """End the conversation now: whatever it waits for ends at once."""
        self._finishing.set()
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with suppress(OSError):  # it has ended by itself
            self._client.shutdown(how)

    def serve(self) -> None:
        """Answer until the client has gone. Never raises."""
        try:
            self._converse()
        except Gone:
            pass
        except Exception as bug:  # noqa: BLE001 - a border: one question's bug ends this conversation only
            self._confess(bug)
        finally:
            if self._reader is not None:
                self._reader.close()
            self._client.close()

    def _converse(self) -> None:
        while not self._finishing.is_set() and (line := self._next_line()) is not None:
            self._asked = None
            try:
                self._asked = parse(line)
                self._respond(self._asked)
            except RpcError as error:
                self._send(error_line(error))

    def _next_line(self) -> bytes | None:
        try:
            return self._lines.next()
        except LineTooLong:
            complaint = f"a line holds {self._limits.line} bytes at most"
        except Unfinished:
            complaint = f"the line was not finished within {self._limits.pace:g} s"
        except OSError:
            raise Gone from None
        self._send(error_line(RpcError(INVALID_REQUEST, complaint)))
        return None

    def _respond(self, request: Request) -> None:
        try:
            found = self._answer(request)
        except (Mistake, Unavailable, DatabaseProblem) as refusal:
            if request.wants_answer:
                raise RpcError(_code(refusal), str(refusal), id=request.id) from None
            return
        follower = found if isinstance(found, Follower) else None
        if request.wants_answer:
            self._send(found if isinstance(found, bytes) else result_line(request.id, {"after": found.after}))
        if follower:
            self._follow(follower, request.id)

    def _answer(self, request: Request) -> bytes | Follower:
        """The line that answers, or whom the answers without end come from."""
        with self._services.turn():
            result = answer(self._services, self._read, request.method, request.params)
            if isinstance(result, Follower):
                return result
            if not isinstance(result, Waiting):
                return result_line(request.id, result)
        return result_line(request.id, result.wait(self._is_heard))

    def _follow(self, follower: Follower, asked: Id) -> None:
        try:
            for rows in follower.pages(self._is_heard):
                self._send(b"".join(notification_line("fact", row) for row in rows))
        except DatabaseProblem as problem:
            self._send(error_line(RpcError(UNAVAILABLE, str(problem), id=asked)))
        raise Gone

    def _is_heard(self) -> bool:
        """Whether both ends are still open; unread requests behind a `tail` do not matter."""
        poll = select.poll()
        poll.register(self._client, 0)
        return not self._finishing.is_set() and not poll.poll(0)

    def _send(self, line: bytes) -> None:
        self._client.settimeout(self._limits.send)
        try:
            self._client.sendall(line)
        except OSError:
            raise Gone from None

    def _read(self) -> Reader:
        self._reader = self._reader or self._services.reader()
        return self._reader

    def _confess(self, bug: Exception) -> None:
        log.error("control_answer_failed", error=type(bug).__name__, exc_info=bug)
        if self._asked is None or not self._asked.wants_answer:
            return
        text = f"internal error ({type(bug).__name__}): the daemon's log has the details"
        with suppress(Gone):
            self._send(error_line(RpcError(INTERNAL_ERROR, text, id=self._asked.id)))


def _code(refusal: Mistake | Unavailable | DatabaseProblem) -> int:
    match refusal:
        case UnknownWord():
            return METHOD_NOT_FOUND
        case Mistake():
            return INVALID_PARAMS
        case Unavailable() | DatabaseProblem():
            return UNAVAILABLE

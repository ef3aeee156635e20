"""What the actors have in common that keep a server's port or socket open.

Such an actor owns the server's threads and does nothing else: no request passes
through its mailbox, so it stays free to answer pings, and a client can never make it
look hung. A server that fails by itself ends this generation with the reason; the
supervisor starts the next one.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from actors.base import Actor
from core.errors import LinkError


class Server(Protocol):
    """Threads that serve until they are stopped; `abandon` waits for none of them."""

    def stop(self) -> bool: ...

    def abandon(self) -> None: ...


S = TypeVar("S", bound=Server)


class ServerFailed(msgspec.Struct, frozen=True, gc=False):
    """The server has ended by itself."""

    why: str


Inbox = ServerFailed


class ServingActor(Actor, Generic[S]):
    """Serves as long as it lives; ready when `_start` has begun to listen, or where nothing is to be served."""

    _server: S | None = None

    def _make(self, failed: Callable[[str], None]) -> S | None:
        """The server, which calls `failed` once if it ends by itself; None where none is wanted."""
        raise NotImplementedError

    def _start(self, server: S) -> None:
        raise NotImplementedError

    def started(self) -> None:
        self._server = self._make(self._server_failed)
        if self._server is not None:
            self._start(self._server)
        self.ready()

    def handle(self, message: Inbox) -> None:
        raise LinkError(message.why)

    def stopping(self) -> None:
        if self._server is not None:
            self._server.stop()

    def abandoned(self) -> None:
        if self._server is not None:
            self._server.abandon()

    def _server_failed(self, why: str) -> None:
        self.me.urge(ServerFailed(why))

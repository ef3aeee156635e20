"""The actor that keeps the control socket open.

It owns the server's threads and does nothing else: no question of a client
passes through its mailbox, so it stays free to answer pings, and a client can
never make it look hung. The server failing on its own ends this generation; the
supervisor starts the next one.
"""

from pathlib import Path
from typing import assert_never

import msgspec

from actors.base import Actor, Context
from control.connection import Limits
from control.server import Server
from control.services import Services
from core.errors import LinkError


class ServerFailed(msgspec.Struct, frozen=True, gc=False):
    """The server's accepting thread has ended by itself."""

    why: str


Inbox = ServerFailed


class ControlActor(Actor):
    """Serves the socket at `path` as long as it lives; ready when that listens."""

    def __init__(
        self,
        context: Context,
        *,
        path: Path,
        services: Services,
        limits: Limits = Limits(),  # noqa: B008
    ) -> None:
        super().__init__(context)
        self._server = Server(path, services, failed=self._server_failed, limits=limits)

    def started(self) -> None:
        self._server.start()
        self.ready()

    def handle(self, message: Inbox) -> None:
        match message:
            case ServerFailed(why=why):
                raise LinkError(why)
            case _:
                assert_never(message)

    def stopping(self) -> None:
        self._server.stop()

    def abandoned(self) -> None:
        self._server.abandon()

    def _server_failed(self, why: str) -> None:
        self.me.urge(ServerFailed(why))

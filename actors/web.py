"""The actor that keeps the page's port open.

It owns the server's threads and does nothing else: no request passes through its
mailbox. A port that somebody else has, or a server that fails on its own, ends this
generation with the reason; the supervisor starts the next one. Ready is when the port is
ours: who comes before the framework is loaded waits in the backlog.

Where the page is switched off it is there all the same, and serves nothing: so to switch
it on or off is a new generation like any other.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from actors.base import Actor, Context
from control.services import Services
from core.errors import LinkError
from core.status import WebVitals
from web.server import Server, Where


class ServerFailed(msgspec.Struct, frozen=True, gc=False):
    """The server's thread has ended by itself."""

    why: str


Inbox = ServerFailed


class WebActor(Actor):
    """Serves `where` as long as it lives, nothing where that is None.

    `token` looks the secret up; FatalError where it cannot be had.
    """

    def __init__(
        self,
        context: Context,
        *,
        where: Where | None,
        token: Callable[[], str],
        services: Services,
        vitals: WebVitals,
    ) -> None:
        super().__init__(context)
        self._where = where
        self._token = token
        self._services = services
        self._vitals = vitals
        self._server: Server | None = None

    def started(self) -> None:
        if self._where is not None:
            self._server = Server(self._where, self._token(), self._services, failed=self._server_failed)
            self._vitals.address = self._server.start()
        self.ready()

    def handle(self, message: Inbox) -> None:
        match message:
            case ServerFailed(why=why):
                raise LinkError(why)
            case _:
                assert_never(message)

    def stopping(self) -> None:
        if self.is_current():
            self._vitals.address = None
        if self._server is not None:
            self._server.stop()

    def abandoned(self) -> None:
        self._vitals.address = None
        if self._server is not None:
            self._server.abandon()

    def _server_failed(self, why: str) -> None:
        self.me.urge(ServerFailed(why))

"""The actor that keeps the page's port open.

Ready is when the port is ours: who comes before the framework is loaded waits in the
backlog. A port that somebody else has ends this generation with the reason.

Where the page is switched off it is there all the same, and serves nothing: so to switch
it on or off is a new generation like any other.
"""

from collections.abc import Callable

from actors.base import Context
from actors.serving import ServingActor
from control.services import Services
from core.status import WebVitals
from web.server import Server, Where


class WebActor(ServingActor[Server]):
    """Serves `where`, nothing where that is None. `token` looks the secret up; FatalError where it cannot be had."""

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

    def _make(self, failed: Callable[[str], None]) -> Server | None:
        if self._where is None:
            return None
        return Server(self._where, self._token(), self._services, failed=failed)

    def _start(self, server: Server) -> None:
        self._vitals.address = server.start()

    def stopping(self) -> None:
        if self.is_current():
            self._vitals.address = None
        super().stopping()

    def abandoned(self) -> None:
        self._vitals.address = None
        super().abandoned()

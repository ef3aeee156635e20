"""The actor that keeps the control socket open."""

from collections.abc import Callable
from pathlib import Path

from actors.base import Context
from actors.serving import ServingActor
from control.connection import Limits
from control.server import Server
from control.services import Services


class ControlActor(ServingActor[Server]):
    """Serves the socket at `path`; ready when that listens."""

    def __init__(
        self,
        context: Context,
        *,
        path: Path,
        services: Services,
        limits: Limits = Limits(),  # noqa: B008
    ) -> None:
        super().__init__(context)
        self._path = path
        self._services = services
        self._limits = limits

    def _make(self, failed: Callable[[str], None]) -> Server:
        return Server(self._path, self._services, failed=failed, limits=self._limits)

    def _start(self, server: Server) -> None:
        server.start()

"""uvicorn, with its own habits taken off: signals, ticks, log lines, and a slow end.

The framework is imported here and nowhere above, by the thread that serves, so that
neither the daemon's start nor any word of the command line pays for it.
"""

import asyncio
import socket
import ssl
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0  # seconds
IDLE = 30.0  # seconds between two requests
_FLUSH = 0.2  # seconds that answers have to leave when the end comes
_LOOKS = 20
_MOST_CONNECTIONS = 512


class Connection(H11Protocol):
    """One that says within HEAD seconds what it wants, or is cut: silent ones would fill the house."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit = self.loop.call_later(HEAD, transport.abort)

    def data_received(self, data: bytes) -> None:
        """What has come is a whole request, or one that has still to be finished in time."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._relax()
        elif self._limit is None:
            self._limit = self.loop.call_later(HEAD, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _relax(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


class Loop(uvicorn.Server):
    """Serves one listener until `finish`."""

    def __init__(self, app: ASGIApp, context: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http=Connection,
            loop="asyncio",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=IDLE,  # type: ignore[arg-type]  # a delay like any other
        )
        config.load()
        config.ssl = context
        super().__init__(config)
        self._over = asyncio.Event()

    async def run_on(self, listener: socket.socket) -> None:
        """From the first request to the last; returns when every connection is gone."""
        await self._serve([listener])

    def finish(self) -> None:
        """Begin the end; for the loop's own thread."""
        self._over.set()

    async def main_loop(self) -> None:
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers leave, then cut."""
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(_LOOKS):
            if not self.server_state.connections:
                break
            await asyncio.sleep(_FLUSH / _LOOKS)
        for connection in list(self.server_state.connections):
            with suppress(AttributeError):  # one that has not been made yet
                connection.transport.abort()
        tasks = set(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_FLUSH)

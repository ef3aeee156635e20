"""The HTTP server as an actor owns it: a listener, a thread with a loop, a tail.

`start` opens the port and returns: who connects from then on is answered as soon as the
framework is loaded, which takes its thread a moment. `stop` ends every stream of events
first, then everything else. If the thread ends by itself, `failed` is called, once.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from control.services import Services
from core.errors import FatalError, LinkError
from web.listener import listen, shown

if TYPE_CHECKING:
    from web.hub import Hub
    from web.loop import Loop

log = structlog.get_logger()


class Where(NamedTuple):
    """Where to listen, and with what certificate."""

    host: str
    port: int
    is_loopback: bool = True
    tls_cert: Path | None = None
    tls_key: Path | None = None


class Server:
    """Serves `where` from `start` to `stop`; `token` is what callers must know, "" where nobody is asked."""

    def __init__(
        self, where: Where, token: str, services: Services, *, failed: Callable[[str], None]
    ) -> None:
        self._where = where
        self._token = token
        self._services = services
        self._failed = failed
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="web-server", daemon=True)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._has_failed = False
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._loop: Loop | None = None
        self._hub: Hub | None = None

    def start(self) -> str:
        """Listen, and say under which address. LinkError, FatalError name what is in the way."""
        where = self._where
        if not (where.is_loopback or self._token):
            raise FatalError(f"web.listen: {where.host} can be reached by others and there is no auth_token")
        self._context = _tls(where)
        self._listener = listen(where.host, where.port)
        scheme = "https" if self._context else "http"
        address = f"{scheme}://{shown(where.host, self._listener.getsockname()[1])}"
        self._thread.start()
        log.info("web_listening", address=address)
        return address

    def stop(self, timeout: float = 0.8) -> bool:
        """End everything; whether the threads were gone within `timeout` seconds."""
        self._finish()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._close()
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """End everything without waiting for any of it: another server may take the port at once."""
        self._finish()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
        for connection in list(self._loop.server_state.connections) if self._loop else []:
            with suppress(Exception):  # it ends by itself at this very moment
                _socket_of(connection).shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------- inside

    def _finish(self) -> None:
        self._ending.set()
        if self._event_loop is not None:
            with suppress(RuntimeError):  # closed already
                self._event_loop.call_soon_threadsafe(self._finish_here)

    def _finish_here(self) -> None:
        """The sentinel first: a stream of events that nobody ended would be waited for."""
        if self._hub is not None:
            self._hub.close()
        if self._loop is not None:
            self._loop.finish()

    def _close(self) -> None:
        if self._listener is not None and not self._thread.is_alive():
            self._listener.close()

    def _run(self) -> None:
        why = "the server ended"
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            log.error("web_server_failed", error=type(error).__name__, exc_info=error)
            why = f"the server failed: {type(error).__name__}: {error}"
        self._told(why)

    def _told(self, why: str) -> None:
        """The first reason counts, and none does once the end was asked for."""
        with self._lock:
            is_first, self._has_failed = not (self._has_failed or self._ending.is_set()), True
        if is_first:
            self._failed(why)

    async def _serve(self) -> None:
        from web.app import build
        from web.desk import Desk
        from web.door import Door
        from web.hub import Hub
        from web.keys import Keys
        from web.loop import Loop
        from web.tail import Tail

        services, where = self._services, self._where
        loop = asyncio.get_running_loop()
        hub, desk = Hub(), Desk(services)
        door = Door(where.host, is_loopback=where.is_loopback, names=_own_names())
        keys = Keys(self._token, services.clock, is_secure=self._context is not None)

        def publish(news: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(hub.publish, news)

        tail = Tail(services, publish, lambda: hub.has_listeners, lambda: hub.joined, self._told)
        hub.position = services.status()["ledger"]["sequence"]
        self._hub, self._loop = hub, Loop(build(services, hub, desk, door, keys), self._context)
        self._event_loop = loop
        if self._ending.is_set():  # asked meanwhile
            self._finish_here()
        tail.start(hub.position)
        try:
            assert self._listener is not None
            await self._loop.run_on(self._listener)
        finally:
            tail.end()
            desk.close()
            tail.join(0.3)


def _tls(where: Where) -> ssl.SSLContext | None:
    if where.tls_cert is None or where.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(where.tls_cert, where.tls_key)
    except (OSError, ssl.SSLError) as error:
        what = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise LinkError(
            f"web.tls_cert {where.tls_cert} and web.tls_key {where.tls_key} cannot be used: {what}"
        ) from None
    return context


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0], f"{name.partition('.')[0]}.local"})


def _socket_of(connection: Any) -> socket.socket:
    found: socket.socket = connection.transport.get_extra_info("socket")
    return found

"""The socket server: one thread that accepts, one per client, all of them bounded.

Who comes through the file's mode (0600) is asked for once more: only the
daemon's own user and root are served. Beyond the bound a client is told that
the daemon is busy and is let go, so that a script gone wild cannot eat threads.

Ending it takes no cooperation of any client. First nothing more is read, so that
an answer that is being made (to `stop`, say) still arrives; then every socket is
shut, which wakes whatever waits on it.
"""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from control.connection import Connection, Limits
from control.jsonrpc import FORBIDDEN, UNAVAILABLE, RpcError, error_line
from control.services import Services
from control.unix import Listener, Peer, peer

log = structlog.get_logger()

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED})
_GRACE = 0.3  # seconds for answers that are being made when the end comes
_BREATHER = 0.5  # seconds before accepting is tried again when the system has run out of something


class Server:
    """Serves `path` from `start` to `stop`.

    `failed` is called once, from the accepting thread, if that ends by itself.
    `who` reads a client's credentials.
    """

    def __init__(
        self,
        path: Path,
        services: Services,
        *,
        failed: Callable[[str], None],
        limits: Limits = Limits(),  # noqa: B008 - immutable
        who: Callable[[socket.socket], Peer] = peer,
    ) -> None:
        self._path = path
        self._services = services
        self._failed = failed
        self._limits = limits
        self._who = who
        self._closing = threading.Event()
        self._superseded = False
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Connection] = {}
        self._listener: Listener | None = None
        self._accepting = threading.Thread(target=self._accept, name="control-accept", daemon=True)

    def start(self) -> None:
        """Listen; from the return on clients are served. SocketTaken names who has the path."""
        self._listener = Listener.open(self._path)
        self._accepting.start()

    def abandon(self) -> None:
        """End everything without waiting for any of it: another server may take the path at once."""
        self._superseded = True
        self._refuse_all()
        for connection in self._clients().values():
            connection.shut()

    def _refuse_all(self) -> None:
        self._closing.set()
        if self._listener:
            self._listener.shut()

    def _clients(self) -> dict[threading.Thread, Connection]:
        with self._lock:
            return dict(self._open)

    def stop(self, timeout: float = 0.8) -> bool:
        """End everything and remove the file; whether all threads were gone within `timeout` seconds."""
        now = self._services.clock.monotonic()
        self._refuse_all()
        self._await([self._accepting], now + timeout)  # first, so that nobody joins the others any more
        clients = self._clients()
        for connection in clients.values():
            connection.finish()
        self._await(clients, now + min(_GRACE, timeout / 2))
        for connection in clients.values():
            connection.shut()
        self._await(clients, now + timeout)
        if self._listener:
            self._listener.close(keep_file=self._superseded)
        return not any(thread.is_alive() for thread in [self._accepting, *clients])

    def _await(self, threads: Iterable[threading.Thread], deadline: float) -> None:
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - self._services.clock.monotonic()))

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._closing.is_set():
            try:
                self._admit(self._listener.accept())
            except OSError as error:
                if self._closing.is_set():
                    return
                if error.errno not in _EXHAUSTED:
                    self._failed(f"cannot accept any more: {error}")
                    return
                log.warning("control_accept_delayed", error=error.strerror)
                self._closing.wait(_BREATHER)

    def _admit(self, client: socket.socket) -> None:
        if refusal := self._refusal(client):
            _turn_away(client, refusal)
            return
        connection = Connection(client, self._services, self._limits)
        thread = threading.Thread(target=self._serve, args=(connection,), name="control-client", daemon=True)
        with self._lock:
            self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # no thread to be had
            self._forget(thread)
            _turn_away(client, RpcError(UNAVAILABLE, "busy: the daemon has no thread left"))
        if self._closing.is_set():  # the end may have come between the check and the entry
            connection.finish()

    def _refusal(self, client: socket.socket) -> RpcError | None:
        uid = self._who(client).uid
        if uid not in {0, os.geteuid()}:
            log.warning("control_client_refused", uid=uid)
            return RpcError(FORBIDDEN, f"uid {uid} may not talk to this daemon")
        if len(self._open) >= self._limits.connections:
            return RpcError(UNAVAILABLE, f"busy: {self._limits.connections} clients are connected")
        return None

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._forget(threading.current_thread())

    def _forget(self, thread: threading.Thread) -> None:
        with self._lock:
            self._open.pop(thread, None)


def _turn_away(client: socket.socket, refusal: RpcError) -> None:
    """One line and the end. A fresh socket has room for it, so nothing here waits."""
    with client, suppress(OSError):
        client.setblocking(False)
        client.sendall(error_line(refusal))

"""From a host name to a connected TCP socket, within a deadline and interruptible.

The one place that looks names up and connects, for the streams and for REST.

* A lookup cannot be interrupted: `getaddrinfo` may sit for minutes in a dead
  resolver. It runs on a thread of its own, at most one per host and port in
  flight (S25); everybody who needs that name waits for the same one, each with
  a deadline of their own. A caller never hangs, and threads do not pile up.
* A socket is shown to its owner the moment it exists, before it connects: the
  owner can then shut it down from another thread, which wakes a connect at once.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

from core.clock import Clock
from core.errors import LinkError

# getaddrinfo's rows: family, type, protocol, canonical name, address
Address = tuple[Any, Any, int, str, Any]
Resolve = Callable[[str, int], list[Address]]

_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


def _ask_system(host: str, port: int) -> list[Address]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Interrupt:
    """One caller's way to be woken from a wait by another thread, once and for all."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.raised = False

    def set(self) -> None:
        self.raised = True
        self.event.set()


class _Lookup:
    """One question in flight, and everybody who waits for its answer."""

    def __init__(self) -> None:
        self.waiting: list[threading.Event] = []
        self.answer: list[Address] | LinkError | None = None


class Resolver:
    """Name lookups, at most one in flight for each host and port. Thread-safe."""

    def __init__(self, resolve: Resolve = _ask_system) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._in_flight: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, timeout: float, interrupt: Interrupt) -> list[Address]:
        """The host's addresses; LinkError when there are none or no answer came in time.

        A literal address is its own answer. An interrupt ends the wait, not the
        lookup: the next caller may still profit from it.
        """
        if _is_literal(host):
            return _ask_system(host, port)
        interrupt.event.clear()
        lookup = self._join(host, port, interrupt.event)
        if not interrupt.raised:
            interrupt.event.wait(timeout)
        if interrupt.raised:
            raise LinkError("interrupted while looking up the name")
        if lookup.answer is None:
            raise LinkError(f"no answer to the lookup of {host} in {timeout:.1f} s")
        if isinstance(lookup.answer, LinkError):
            raise LinkError(str(lookup.answer))
        return lookup.answer

    def _join(self, host: str, port: int, done: threading.Event) -> _Lookup:
        with self._lock:
            lookup = self._in_flight.get((host, port))
            if lookup is None:
                lookup = _Lookup()
                self._start(host, port, lookup)
                self._in_flight[host, port] = lookup  # the thread needs this lock before it can end
            lookup.waiting.append(done)
            return lookup

    def _start(self, host: str, port: int, lookup: _Lookup) -> None:
        name = f"lookup {host}"
        threading.Thread(target=self._look_up, args=(host, port, lookup), name=name, daemon=True).start()

    def _look_up(self, host: str, port: int, lookup: _Lookup) -> None:
        answer: list[Address] | LinkError
        try:
            answer = self._resolve(host, port) or LinkError(f"{host} has no address")
        except (OSError, UnicodeError) as error:  # UnicodeError: a label no resolver would accept
            answer = LinkError(f"lookup of {host}: {error}")
        with self._lock:
            del self._in_flight[host, port]
            lookup.answer = answer
            waiting = tuple(lookup.waiting)
        for done in waiting:
            done.set()


RESOLVER = Resolver()  # one for the process: "at most one per host" is a rule of the process


def dial(
    host: str,
    port: int,
    *,
    timeout: float,
    clock: Clock,
    adopt: Callable[[socket.socket], None],
    interrupt: Interrupt,
    resolver: Resolver = RESOLVER,
) -> socket.socket:
    """A connected socket, its timeout set to what is left of `timeout`; LinkError otherwise.

    The addresses are tried in turn, each with its share of the time that is
    left. `adopt` gets every socket before it connects.
    """
    deadline = clock.monotonic() + timeout
    addresses = resolver.addresses(host, port, timeout, interrupt)
    problem = "no time left to connect"
    for position, address in enumerate(addresses):
        left = deadline - clock.monotonic()
        if left <= 0 or interrupt.raised:
            break
        try:
            sock = _connect(address, left / (len(addresses) - position), adopt)
        except OSError as error:
            problem = str(error)
            continue
        sock.settimeout(max(deadline - clock.monotonic(), 0.001))
        return sock
    raise LinkError(f"connecting to {host}:{port}: {problem}")


def _connect(address: Address, timeout: float, adopt: Callable[[socket.socket], None]) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        for option in _OPTIONS:
            sock.setsockopt(*option)
        sock.settimeout(timeout)
        adopt(sock)
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

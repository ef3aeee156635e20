"""Everybody who may ask a daemon anything, all at once, from another process.

    python -m bench.crowd listeners HOST PORT     50 streams of /events, and ten requests a second for the rest
    python -m bench.crowd hammers SOCKET          8 clients who ask the control socket as fast as it answers, and a tail

Says "ready" when all of them have heard something, goes on until its input ends, and prints
what they saw as JSON. They share the machine with what is measured and should take nothing
from it but answers: they run at the lowest priority, in one thread with a selector each, and
parse nothing of what comes but the ids of events.
"""

import json
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from itertools import cycle, islice
from typing import Any, Protocol

LISTENERS, HAMMERS = 50, 8
REQUESTS = 10  # a second
PATHS = (
    "/metrics",
    "/api/status",
    "/api/fills",
    "/metrics",
    "/api/orders",
    "/api/balances",
    "/api/accounts",
    "/api/incidents",
)
QUESTIONS = ("status", "fills", "orders")
SAMPLE = 0.05  # seconds between two looks at who is how far
_CHUNK = 1 << 18
_ID, _FACTS, _SKIPPED = b"\nid: ", b"\nevent: facts\n", b"\nevent: skipped\n"
_OVERLAP = 64  # bytes: longer than the head of an event


class Client(Protocol):
    """One connection; `is_ready` once it has heard what it came for."""

    sock: socket.socket

    @property
    def is_ready(self) -> bool: ...

    def take(self, chunk: bytes) -> None: ...


class Listener:
    """A stream of events: up to which `seq` it has come, and how often it was told that it missed something."""

    def __init__(self, host: str, port: int) -> None:
        self.sock = socket.create_connection((host, port))
        self.sock.sendall(f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        self.last = self.skipped = self.events = self.bytes = 0
        self._rest = b""

    @property
    def is_ready(self) -> bool:
        return self.events > 0

    def take(self, chunk: bytes) -> None:
        self.bytes += len(chunk)
        data = self._rest + chunk
        self.events += self._count(data, _FACTS)
        self.skipped += self._count(data, _SKIPPED)
        at = data.rfind(_ID)
        if at >= 0 and (end := data.find(b"\n", at + len(_ID))) > 0:
            self.last = int(data[at + len(_ID) : end])
        self._rest = data[-_OVERLAP:]

    def _count(self, data: bytes, what: bytes) -> int:
        """Those that were not complete before."""
        return data.count(what, max(0, len(self._rest) - len(what) + 1))


class Hammer:
    """Asks again as soon as it is answered."""

    def __init__(self, path: str, first: int) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.answers = 0
        self._words = islice(cycle(QUESTIONS), first % len(QUESTIONS), None)
        self._ask()

    @property
    def is_ready(self) -> bool:
        return self.answers > 0

    def _ask(self) -> None:
        request = {"jsonrpc": "2.0", "id": 1, "method": next(self._words), "params": {}}
        self.sock.sendall(json.dumps(request).encode() + b"\n")

    def take(self, chunk: bytes) -> None:
        if chunk.endswith(b"\n"):
            self.answers += 1
            self._ask()


class Tail:
    """Follows the journal."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"tail","params":{}}\n')
        self.lines = -1  # the first grants it

    @property
    def is_ready(self) -> bool:
        return self.lines > 0

    def take(self, chunk: bytes) -> None:
        self.lines += chunk.count(b"\n")


class Requests(threading.Thread):
    """One path after the other, so many a second, over a connection that is kept."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(daemon=True)
        self._connection = HTTPConnection(host, port, timeout=30)
        self.answered = self.failed = 0
        self.slowest_ms = 0.0

    def run(self) -> None:
        due = time.monotonic()
        for path in cycle(PATHS):
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + 1 / REQUESTS, time.monotonic())
            self._ask(path)

    def _ask(self, path: str) -> None:
        began = time.monotonic()
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            self.failed += 1
            return
        self.answered += answer.status == 200
        self.failed += answer.status != 200
        self.slowest_ms = max(self.slowest_ms, (time.monotonic() - began) * 1000)


def _listeners(host: str, port: str) -> dict[str, Any]:
    listeners = [Listener(host, int(port)) for _ in range(LISTENERS)]
    requests = Requests(host, int(port))
    requests.start()
    seen: list[tuple[int, int]] = []
    began = time.monotonic()
    _until_told(listeners, lambda: seen.append((time.monotonic_ns(), min(one.last for one in listeners))))
    return {
        "seconds": time.monotonic() - began,
        "slowest": seen,
        "skipped": sum(one.skipped for one in listeners),
        "MB": sum(one.bytes for one in listeners) / 1e6,
        "requests": requests.answered,
        "failed": requests.failed,
        "slowest_ms": requests.slowest_ms,
    }


def _hammers(path: str) -> dict[str, Any]:
    hammers, tail = [Hammer(path, number) for number in range(HAMMERS)], Tail(path)
    _until_told([*hammers, tail], lambda: None)
    return {"answers": sum(one.answers for one in hammers), "tailed": tail.lines}


def _until_told(clients: Sequence[Client], sample: Callable[[], None]) -> None:
    """Take what comes until the input ends."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ, client)
        selector.register(sys.stdin, selectors.EVENT_READ)
        is_ready, next_sample = False, 0.0
        while True:
            for key, _ in selector.select(SAMPLE):
                if key.data is None:
                    return
                if not (chunk := key.data.sock.recv(_CHUNK)):
                    raise SystemExit("the daemon hung up")
                key.data.take(chunk)
            if not is_ready and all(client.is_ready for client in clients):
                is_ready = True
                print("ready", flush=True)
            if is_ready and (now := time.monotonic()) >= next_sample:
                next_sample = now + SAMPLE
                sample()


if __name__ == "__main__":
    os.nice(19)
    who: dict[str, Callable[..., dict[str, Any]]] = {"listeners": _listeners, "hammers": _hammers}
    print(json.dumps(who[sys.argv[1]](*sys.argv[2:])))

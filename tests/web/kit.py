"""A real server on a real port over a daemon of memory, and clients that speak to it by hand."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models.read import Row
from tests.control.kit import STATUS, WAIT, Ledger, Served, statement
from tests.support.waiting import eventually
from web.server import Server, Where

ACTION = {"X-Vigil-Action": "1", "Content-Type": "application/json"}
TOKEN = "correct horse battery"


class Incidents(Ledger):
    """A ledger that has incidents too, and that can be made to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.incident_rows: list[Row] = []
        self.journal_reads = 0

    def incidents(self, **asked: Any) -> list[Row]:
        return [dict(row) for row in self.incident_rows]

    def journal(self, *, after: int, limit: int) -> list[Row]:
        self.journal_reads += 1
        return super().journal(after=after, limit=limit)


class Site:
    """A running server: `address` is where, `daemon` what it serves."""

    def __init__(self, home: Path, token: str = "", where: Where | None = None) -> None:
        self.daemon = Served(home / "unused.sock")
        self.ledger = self.daemon.ledger = Incidents()
        self.daemon.status = deepcopy(STATUS)
        self.failures: list[str] = []
        self.failed = threading.Event()
        services = self.daemon.services
        object.__setattr__(services, "reader", self.ledger.reader)
        object.__setattr__(services, "boot", "b1")
        self.server = Server(where or Where("127.0.0.1", 0), token, services, failed=self._fails)
        self.address = ""

    def _fails(self, why: str) -> None:
        self.failures.append(why)
        self.failed.set()

    def start(self) -> str:
        self.address = self.server.start()
        return self.address

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def commit(self, *seqs: int, **changed: Any) -> None:
        """Journal rows of these numbers, committed and published."""
        self.daemon.status["ledger"]["sequence"] = seqs[-1]
        self.daemon.commit(*(statement(seq, **changed) for seq in seqs))

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> "Answer":
        """One request on a connection of its own; the headers are sent as they are given."""
        connection = HTTPConnection(*self.place, timeout=WAIT)
        try:
            text = json.dumps(body) if isinstance(body, dict | list) else body
            connection.request(method, path, text, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> "Answer":
        return self.ask("GET", path, headers)

    def command(self, word: str, **given: Any) -> "Answer":
        """A command as the page sends it."""
        return self.ask("POST", f"/api/{word}", ACTION, given)

    def at(self, seq: int) -> None:
        """Wait until the tail has come to this place."""

        def hello() -> int:
            with self.greeted() as ears:
                place: int = ears.hello["data"]["sequence"]
                return place

        eventually(hello, lambda place: place == seq, what=f"the tail at {seq}")

    def listen(self, path: str = "/events", **headers: str) -> "Ears":
        return Ears(self.place, path, headers)

    def greeted(self, path: str = "/events", **headers: str) -> "Ears":
        """One who listens and has heard `hello`."""
        ears = self.listen(path, **headers)
        ears.hello = ears.next("hello")
        return ears


class Answer:
    """A whole answer."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Heard(dict[str, Any]):
    """One event: `name`, `id`, `data`."""

    @property
    def seqs(self) -> list[int]:
        return [row["seq"] for row in self["data"]]


class Ears:
    """One who listens to events; `narrow` takes as little as a socket can hold."""

    def __init__(
        self, place: tuple[str, int], path: str, headers: dict[str, str], *, narrow: bool = False
    ) -> None:
        self._connection = HTTPConnection(*place, timeout=WAIT)
        self._connection.sock = socket.socket()
        if narrow:
            self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._connection.sock.settimeout(WAIT)
        self._connection.sock.connect(place)
        self._connection.request("GET", path, headers=headers)
        self._response: HTTPResponse | None = None
        self.hello: Heard = Heard()

    @property
    def response(self) -> HTTPResponse:
        self._response = self._response or self._connection.getresponse()
        return self._response

    def _one(self) -> Heard | None:
        """The next event; None where the stream has ended."""
        heard = Heard()
        while line := self.response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            if name:
                heard[name] = value
        if "event" not in heard:
            return heard or None
        return Heard(name=heard["event"], id=heard.get("id"), data=json.loads(heard["data"]))

    def next(self, *names: str) -> Heard:
        """The next event of one of these names; others are passed over."""
        until = time.monotonic() + 2 * WAIT
        while (heard := self._one()) is not None:
            if not names or heard.get("name") in names:
                return heard
            assert time.monotonic() < until, f"no {' or '.join(names)}"
        raise AssertionError("the stream has ended")

    def until(self, seq: int) -> list[int]:
        """Every seq heard from now on, up to this one."""
        seqs: list[int] = []
        while not seqs or seqs[-1] < seq:
            seqs += self.next("facts").seqs
        return seqs

    def ended(self) -> bool:
        """Wait for the end of the stream."""
        while True:
            try:
                if self._one() is None:
                    return True
            except ConnectionResetError:
                return True

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()

    def __enter__(self) -> "Ears":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def serve(home: Path, token: str = "", where: Where | None = None) -> Iterator[Site]:
    """A server; every thread of it is gone at the end, or the test fails."""
    site = Site(home, token, where)
    site.start()
    try:
        yield site
    finally:
        assert site.server.stop(WAIT), "the server's thread is left"
        eventually(lambda: not web_threads(), what="no thread of the server left")
        assert site.ledger.open == 0
        assert site.failures == []


def web_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("web-")]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))

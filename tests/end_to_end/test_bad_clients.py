"""Clients of the control socket that behave badly: they cost themselves, and nobody else."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.refusals import ALONE, when_ok
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

SERVED = 32
"""So many clients are served at once; the others are told that the daemon is busy."""

STATUS = b'{"jsonrpc": "2.0", "id": 7, "method": "status"}\n'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("clients"), ALONE) as daemon:
        when_ok(daemon)
        yield daemon
        assert daemon.status()["state"] == "ok"
        assert {actor["restarts"] for actor in daemon.status()["actors"]} == {0}
        assert "Traceback" not in daemon.log()
        assert daemon.terminate() == 0


class Caller:
    """One raw connection to the control socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))  # blocking: it waits its turn where many come at once
        self._socket.settimeout(20)
        self._lines = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        with suppress(OSError):  # it may have hung up on us already
            self._socket.sendall(data)

    def answer(self) -> Any:
        """The next answer; None once the daemon has hung up."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ledger_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def threads(daemon: Daemon) -> int:
    return int(ledger_of(daemon.status()["pid"])["Threads"])


def memory_mb(daemon: Daemon) -> float:
    return int(ledger_of(daemon.status()["pid"])["VmRSS"].split()[0]) / 1024


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param(b"this is no JSON\n", -32700, id="garbage"),
        pytest.param(b"\x00\xff\xfe\x80\n", -32700, id="bytes"),
        pytest.param(b"\n", -32700, id="empty line"),
        pytest.param(b"[" * 100_000 + b"\n", -32700, id="deep"),
        pytest.param(b"[]\n", -32600, id="batch"),
        pytest.param(b"7\n", -32600, id="number"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": 5}\n', -32600, id="no method"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": "launch"}\n', -32601, id="unknown word"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": "fills", "params": [1]}\n', -32602, id="list"),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": 1, "method": "fills", "params": {"limit": "many"}}\n',
            -32602,
            id="no number",
        ),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": 1, "method": "fills", "params": {"limit": 1e400}}\n',
            -32700,
            id="infinite",
        ),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": 1, "method": "fills", "params": {"after": ' + b"9" * 400 + b"}}\n",
            -32602,
            id="beyond any number",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_answered_with_what_is_wrong_and_the_next_is_served(
    daemon: Daemon, line: bytes, code: int
) -> None:
    with Caller(daemon.socket_path) as caller:
        caller.send(line + STATUS)
        answer = caller.answer()
        assert (answer["error"]["code"], bool(answer["error"]["message"])) == (code, True)
        assert caller.answer()["result"]["state"] == "ok"


def test_a_line_without_end_is_cut_off_and_not_kept(daemon: Daemon) -> None:
    before = memory_mb(daemon)
    with Caller(daemon.socket_path) as caller:
        caller.send(b"x" * (10 << 20))
        answer = caller.answer()
        assert answer is None or "bytes at most" in answer["error"]["message"]
        assert answer is None or caller.answer() is None
    assert memory_mb(daemon) - before < 10


def test_those_who_say_nothing_or_half_a_line_keep_nobody_waiting(daemon: Daemon) -> None:
    before = threads(daemon)
    with ExitStack() as stack:
        for said in (b"", b'{"jsonrpc": "2.0", "id"', b"x" * 1000, b"") * 5:
            stack.enter_context(Caller(daemon.socket_path)).send(said)
        assert [daemon.status()["state"] for _ in range(20)] == ["ok"] * 20
    eventually(lambda: threads(daemon), lambda now: now <= before, what="the threads of before")


def test_those_who_ask_and_do_not_listen_keep_nobody_waiting(daemon: Daemon) -> None:
    before = threads(daemon)
    with ExitStack() as stack:
        for _ in range(5):
            deaf = stack.enter_context(Caller(daemon.socket_path))
            deaf._socket.setblocking(False)
            deaf.send(STATUS * 2_000)
        assert [daemon.status()["state"] for _ in range(20)] == ["ok"] * 20
    eventually(lambda: threads(daemon), lambda now: now <= before, what="the threads of before")


def misbehaviours(path: Path) -> list[Callable[[], Any]]:
    """Ways to use one connection; each returns what the daemon had to say, as soon as it has said it."""

    def each(said: bytes) -> Callable[[], Any]:
        def behave() -> Any:
            with Caller(path) as caller:
                caller.send(said)
                return caller.answer()

        return behave

    return [each(STATUS), each(b"garbage\n"), each(b"x" * (2 << 20)), each(b'{"jsonrpc"\n')]


def test_two_hundred_at_once_are_all_answered_and_leave_nothing_behind(daemon: Daemon) -> None:
    size, before = memory_mb(daemon), threads(daemon)
    with Caller(daemon.socket_path) as early:
        answers = storm(daemon)
        early.send(STATUS)
        assert early.answer()["result"]["state"] == "ok", "who is served goes on being served"
    said = [answer["error"]["message"] if "error" in answer else "result" for answer in answers if answer]
    assert len(answers) == 200
    assert "result" in said
    eventually(lambda: threads(daemon), lambda now: now <= before, what="the threads of before")
    for _ in range(3):
        storm(daemon)
    assert memory_mb(daemon) - size < 30, "four storms need no more than one"


def storm(daemon: Daemon) -> list[Any]:
    """What 200 clients who come in one moment are told."""
    ways, answers = misbehaviours(daemon.socket_path), []
    ready = threading.Barrier(200)

    def one(number: int) -> None:
        ready.wait()
        answers.append(ways[number % len(ways)]())

    crowd = [threading.Thread(target=one, args=(number,)) for number in range(200)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(30)
    return answers


def test_whoever_comes_when_all_places_are_taken_is_told_so(daemon: Daemon) -> None:
    with ExitStack() as stack:
        for _ in range(SERVED):
            stack.enter_context(Caller(daemon.socket_path)).send(b"")
        with Caller(daemon.socket_path) as late:
            assert late.answer()["error"]["message"] == f"busy: {SERVED} clients are connected"
            assert late.answer() is None
    eventually(lambda: is_served(daemon), what="a place that was given back")


def is_served(daemon: Daemon) -> bool:
    with Caller(daemon.socket_path) as caller:
        caller.send(STATUS)
        return "result" in (caller.answer() or {})

"""Daemons that start in a tenth of the time: forks of a process that has imported everything already.

The suite starts hundreds of them, and four fifths of a start are imports. So one process
beside each worker of the suite imports what a daemon does, and forks for each that is
wanted. What runs in the fork is what `python PROGRAM …` would run, with the same
environment, folder, descriptors and signals; it ends as any interpreter ends. What can be
told apart from outside is the process's command line, its initial environment in /proc, and
that the libraries were imported in another environment: tests of those start the program
itself (drill/daemon).

The process that forks has one thread and waits for two things: requests, each with three
descriptors, and the ends of its children, which it writes to the descriptor that came for it.
"""

import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = ("supervisor", "host.run", "tests.support.injected")
_one_asks = Lock()
_HEAD = struct.Struct("!I")
_STATUS = struct.Struct("!i")


class Forked:
    """A child of the fork server, with the part of Popen's face that tests look into."""

    def __init__(self, pid: int, stdin: int, ended: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb")
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit code as Popen has it, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as soon as it has ended; TimeoutExpired where that takes longer."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """To a process that runs; the pid of one that has ended may be another's by now."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ended, selectors.EVENT_READ)
                if not selector.select(timeout):
                    return None
            (status,) = _STATUS.unpack(os.read(self._ended, _STATUS.size))
            os.close(self._ended)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(command: Sequence[str], home: Path, env: Mapping[str, str], words: int) -> Forked:
    """Run `python COMMAND` in that folder and environment; `words` is its standard output and error."""
    stdin, keyboard = os.pipe()
    ended, ending = os.pipe()
    request = json.dumps({"command": [*command], "home": str(home), "env": dict(env)}).encode()
    with _one_asks:
        server = _server()
        socket.send_fds(server, [_HEAD.pack(len(request))], [stdin, words, ending])
        server.sendall(request)
        (pid,) = _HEAD.unpack(_exactly(server, _HEAD.size))
    os.close(stdin)
    os.close(ending)
    return Forked(pid, keyboard, ended)


@cache
def _server() -> socket.socket:
    """This process's fork server; it ends when we do."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    return ours


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (chunk := sock.recv(size - len(data))):
            raise EOFError("the other end is gone")
        data += chunk
    return data


# ------------------------------------------------------- inside the fork server


class _Server:
    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._selector = selectors.DefaultSelector()
        self._selector.register(asked, selectors.EVENT_READ)

    def serve(self) -> tuple[dict[str, Any], list[int]]:
        """Fork for every request; returns in the child, with what it was asked for."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._bury(key.fd, *key.data)
                elif (child := self._fork()) is not None:
                    return child

    def _fork(self) -> tuple[dict[str, Any], list[int]] | None:
        head, descriptors, _, _ = socket.recv_fds(self._asked, _HEAD.size, 3)
        if not head:
            os._exit(0)
        request = json.loads(_exactly(self._asked, *_HEAD.unpack(head)))
        *inherited, ending = descriptors
        pid = os.fork()
        if pid == 0:  # nothing may be left that closes, one day, a descriptor that is another's by then
            self._selector.close()
            self._asked.close()
            return request, inherited
        for descriptor in inherited:
            os.close(descriptor)
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, ending))
        self._asked.sendall(_HEAD.pack(pid))
        return None

    def _bury(self, pidfd: int, pid: int, ending: int) -> None:
        self._selector.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):  # whoever asked for it is not interested any more
            os.write(ending, _STATUS.pack(status))
        os.close(ending)


def _become(request: Mapping[str, Any], stdin: int, words: int) -> None:
    """What `python COMMAND` is when its first line runs."""
    os.chdir(request["home"])
    os.environ.clear()
    os.environ.update(request["env"])
    for descriptor, place in ((stdin, 0), (words, 1), (words, 2)):
        os.dup2(descriptor, place)
    os.closerange(3, _beyond())  # what belongs to the server
    sys.stdin = os.fdopen(0, closefd=False)


def _beyond() -> int:
    """A descriptor above all that are open."""
    return max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1


def _run(program: str, *words: str) -> None:
    if program == "-m":
        name, *words_of_it = words
        sys.argv = [name, *words_of_it]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [program, *words]
        runpy.run_path(program, run_name="__main__")


def main() -> None:
    """Serve until nobody can ask any more; in a child, be what was asked for."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    for name in PRELOADED:
        __import__(name)
    request, inherited = _Server(asked).serve()
    _become(request, *inherited)
    _run(*request["command"])


if __name__ == "__main__":
    main()

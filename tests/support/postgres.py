"""A PostgreSQL server of our own, from what the system has installed: no container, no configuration.

`Postgres.start()` makes a cluster in a temporary folder and serves it on a free
port; `database()` gives a fresh database. It may be stopped, frozen and started
again at the same address, and `remove()` leaves neither process nor file behind.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.waiting import eventually

NOBODY = 65534  # a server refuses to run as root
MISSING = "no PostgreSQL server is installed: apt-get install --no-install-recommends postgresql"
QUICK = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "40",
    "fsync": "off",  # a test's server does not outlive a power cut
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
}


def programs() -> Path | None:
    """The folder of the newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    on_path = shutil.which("initdb")
    places = [*reversed(found), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((place for place in places if (place / "postgres").exists()), None)


class Postgres:
    """One server; `start` it first.

    Its cluster is made in a quick place, or in `home`, where it is used again if it is there.
    """

    def __init__(
        self, bin_folder: Path, home: Path | None = None, settings: Mapping[str, str] = QUICK
    ) -> None:
        self._bin = bin_folder
        self._settings = settings
        self._home = home or Path(tempfile.mkdtemp(prefix="vigil-postgres-", dir=_quickest()))
        self._home.mkdir(parents=True, exist_ok=True)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._whose: dict[str, Any] = {"cwd": self._home}
        if os.geteuid() == 0:
            os.chown(self._home, NOBODY, NOBODY)
            self._whose |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if not (self._home / "data").exists():
            self._make_cluster()

    def _make_cluster(self) -> None:
        self._run("initdb", "--no-sync", "--username=owner", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                  "--pgdata", str(self._home / "data"))  # fmt: skip

    # ----------------------------------------------------------------------- life

    def start(self) -> Self:
        """Serve; returns when it lets us in."""
        self.launch()
        eventually(self._lets_us_in, what="a PostgreSQL server that lets us in", within=30)
        return self

    def launch(self) -> None:
        """Start it and return at once."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._home / "log").open("ab") as words:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._home / "data", "-p", str(self.port), "-k", self._home, *options],
                stdout=words,
                stderr=words,
                preexec_fn=_end_with_parent,
                **self._whose,
            )  # fmt: skip

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of it stands still meanwhile, in the middle of whatever it does."""
        assert self._process is not None
        family = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        all_ = [self._process.pid, *map(int, family.read_text().split())]
        stopped = [pid for pid in all_ if signalled(pid, signal.SIGSTOP)]
        try:
            yield
        finally:
            for pid in stopped:
                signalled(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Refuse everybody and end every session, as a restart does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)
            self._process = None

    def crash(self) -> None:
        """Die at once, with nothing put in order: the next start has to recover from its log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.crash()
        shutil.rmtree(self._home)

    # ------------------------------------------------------------------ databases

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a fresh database, which is dropped afterwards whoever still uses it."""
        name = f"ledger_{next(self._numbers)}"
        self.tell(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            if self._process is None:
                self.start()
            self.tell(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, name: str = "postgres", user: str = "owner") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def tell(self, sql: str, name: str = "postgres") -> list[Any]:
        """One statement as the server's owner, over a connection of its own."""
        return tell(self.url(name), sql)

    def psql(self, script: str) -> None:
        """A script as its owner types it."""
        command = [str(self._bin / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={self.url()}"]
        done = subprocess.run(command, input=script, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr

    def _lets_us_in(self) -> bool:
        try:
            return bool(self.tell("SELECT 1"))
        except psycopg.OperationalError:
            assert self._process is not None
            assert self._process.poll() is None, (self._home / "log").read_text()
            return False

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._bin / program), *words]
        done = subprocess.run(command, capture_output=True, check=False, text=True, **self._whose)
        assert done.returncode == 0, done.stderr


def signalled(pid: int, number: int) -> bool:
    """Send a signal, to whom is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def _quickest() -> str | None:
    """A folder in memory where there is room for one: a fresh database takes 30 ms there, and on a busy disk 600."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    return str(memory) if roomy else None


def _end_with_parent() -> None:
    """A test run that is shot has no time to clear up: the kernel does."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def tell(url: str, sql: str) -> list[Any]:
    """One statement over a connection of its own; the rows of its answer."""
    with psycopg.connect(
        url, autocommit=True, connect_timeout=10, options="-c statement_timeout=30s"
    ) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def sessions(url: str) -> list[int]:
    """The server's processes that serve vigil in this database."""
    sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'vigil'"
    return [pid for (pid,) in tell(url, sql)]


def end_sessions(url: str) -> int:
    """Break every connection that vigil has to this database, as a failing network would; how many there were."""
    ended = sessions(url)
    for pid in ended:
        tell(url, f"SELECT pg_terminate_backend({pid}, 5000)")
    return len(ended)


class Relay:
    """A network between vigil and a server, at an address of its own, that fails when it is told to.

    With `lose_commit("answer")` the next COMMIT reaches the server, and its
    acknowledgement nobody; with `lose_commit("request")` not even that.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lost = ""
        self._swallows = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_commit(self, what: str) -> None:
        self._lost = what

    def close(self) -> None:
        """Nobody is at this address any more, and whoever was connected is cut off."""
        cut(self._listener, *self._open)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if upwards and self._lost and b"COMMIT" in data:
                    what, self._lost = self._lost, ""
                    if what == "request":
                        break
                    self._swallows = True
                elif not upwards and self._swallows:
                    self._swallows = False
                    break
                sink.sendall(data)
        cut(source, sink)


def cut(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

"""Keeps the built-in sandbox exchanges running beside the daemon.

The sandbox is a separate process, because an oracle that shares our interpreter
would share our stalls. We open its listeners and keep them: when it dies it is
started again on the same ports, as an exchange would come back under its own
name, and clients that connect meanwhile wait in the backlog instead of being
refused. It ends with us, however we end, because it reads end-of-input on its
standard input then.

There is a listener for every exchange, so that one which nobody plays at yet can
be served later by the process that runs: whoever is connected notices nothing of
an account that comes.
"""

import http.client
import json
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import structlog

from core.backoff import delay
from core.errors import VigilError
from exchanges.base import Credentials, Endpoints
from exchanges.registry import REGISTRY

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT = 20.0
TOLD_TIMEOUT = 10.0
HOPELESS = 3  # deaths in a row at the start, after which nobody waits any longer
LOG = "sandbox.log"
ITS_ENVIRONMENT = re.compile(r"PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|LD_LIBRARY_PATH|VIRTUAL_ENV|PYTHON\w*|COV\w*")
"""What an interpreter needs to run. The rest may be secrets of real accounts, which are none of its business."""


class SandboxFailed(VigilError):
    """The sandbox did not come up; the text says what it said last."""


class SandboxProcess:
    """One sandbox for all accounts that asked for it.

    `accounts` maps account name to exchange. Call `start` once; `credentials`
    and `endpoints` answer from then on, `admit` takes in more, `stop` ends it.
    """

    def __init__(self, world: Path, accounts: Mapping[str, str]) -> None:
        self._world = world
        world.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._keys = _issue_keys(world / "accounts.json", accounts)
        self._exchanges = set(accounts.values())
        self._sockets = {
            name: _listener(world, name) for name in sorted({*REGISTRY, *self._exchanges, "admin"})
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._has_served = False
        self._decided = threading.Event()  # it serves, or it never will
        self._last_words = "it said nothing"
        self._minder = threading.Thread(target=self._mind, name="sandbox-minder", daemon=True)

    def start(self) -> None:
        """Start it and wait until it serves; SandboxFailed where it does not."""
        self._minder.start()
        self._decided.wait(READY_TIMEOUT)
        if not self._has_served:
            why = self._last_words  # before the stop adds its own
            self.stop()
            raise SandboxFailed(f"the sandbox in {self._world} did not come up: {why}")

    def admit(self, accounts: Mapping[str, str]) -> None:
        """Have these accounts served as well, beside those that are.

        They have their keys when this returns. A process that is just dying reads
        of them when it is started again. Raises SandboxFailed where it does not answer.
        """
        if all(self._keys.get(name, {}).get("exchange") == one for name, one in accounts.items()):
            return
        keys = _issue_keys(self._world / "accounts.json", accounts)
        self._exchanges |= set(accounts.values())
        self._order("/reload", {}, f"take in {', '.join(accounts)}")
        self._keys = keys

    def fault(self, fault: Mapping[str, Any]) -> None:
        """Have something go wrong, or mended, as docs/sandbox.md has it. Raises SandboxFailed where it is not done."""
        self._order("/fault", fault, f"do {fault['kind']}")

    def _order(self, path: str, body: Mapping[str, Any], what: str) -> None:
        """One that is being started answers as soon as it serves: its listeners are open all the time."""
        connection = http.client.HTTPConnection(self.admin, timeout=TOLD_TIMEOUT)
        try:
            connection.request("POST", path, body=json.dumps(body).encode())
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise SandboxFailed(f"the sandbox does not {what}: it says {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            raise SandboxFailed(f"the sandbox does not {what}: {error}") from error
        finally:
            connection.close()

    def stop(self) -> None:
        """End the process; its world is on disk at every moment."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:
                process.kill()
        for sock in self._sockets.values():
            sock.close()

    def credentials(self, account: str) -> Credentials:
        """The keys that were issued to `account` when it was first seen."""
        row = self._keys[account]
        return Credentials(row["api_key"], row["api_secret"])

    def endpoints(self, exchange: str) -> Endpoints:
        """Where the sandbox speaks `exchange`: at the exchange's own paths."""
        return REGISTRY[exchange].defaults.endpoints.at(_address(self._sockets[exchange]))

    @property
    def admin(self) -> str:
        """host:port of the sandbox's own command interface."""
        return _address(self._sockets["admin"])

    @property
    def pid(self) -> int | None:
        """The living process, for those who want to see it die."""
        return self._process.pid if self._process else None

    def _mind(self) -> None:
        """Start it again and again; one that never came up is given up."""
        failures, rng = 0, random.Random()
        while not self._stopping.is_set():
            served = self._live()
            if self._stopping.is_set():
                return
            failures = 1 if served else failures + 1
            log.warning("sandbox_died", why=self._last_words, failures=failures)
            if failures == HOPELESS and not self._has_served:
                self._decided.set()
                return
            self._stopping.wait(delay(failures, base=0.5, cap=10.0, rng=rng))

    def _live(self) -> bool:
        """One process from its start to its end; whether it served."""
        try:
            process = self._spawn()
        except (OSError, ValueError) as error:  # ValueError: `stop` has closed the sockets
            self._last_words = f"it could not be started: {error}"
            return False
        assert process.stdout is not None
        served = _says_ready(process.stdout)
        if served:
            self._has_served = True
            self._decided.set()
        code = process.wait()
        self._last_words = f"exit code {code}, {_last_line(self._world / LOG)}"
        return served

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sandbox", "--world", str(self._world)]
        command += ["--accounts", str(self._world / "accounts.json"), "--auto", "--exit-on-stdin-eof"]
        for name in sorted(self._sockets.keys() - {"admin"}):
            how = "--listen" if name in self._exchanges else "--spare"
            command += [how, f"{name}=fd:{self._sockets[name].fileno()}"]
        command += ["--admin", f"fd:{self._sockets['admin'].fileno()}"]
        with (self._world / LOG).open("ab") as words:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                pass_fds=[sock.fileno() for sock in self._sockets.values()],
                start_new_session=True,
                env={name: text for name, text in os.environ.items() if ITS_ENVIRONMENT.fullmatch(name)},
            )
        log.info("sandbox_started", pid=self._process.pid, admin=self.admin)
        return self._process


def _says_ready(output: IO[bytes]) -> bool:
    return b'"ready"' in output.readline()


def _last_line(log_file: Path) -> str:
    """What a process that failed wrote last: the end of its traceback."""
    with log_file.open("rb") as words:
        words.seek(max(0, words.seek(0, os.SEEK_END) - 4096))
        lines = words.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"


def _listener(world: Path, name: str) -> socket.socket:
    """A listening socket on the port that `name` had last time, where it is still free."""
    note = world / f"{name}.port"
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", int(note.read_text())))
    except (OSError, ValueError, OverflowError):  # no note, another's port, or nothing that is a port
        sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    note.write_text(str(sock.getsockname()[1]))
    return sock


def _issue_keys(path: Path, accounts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Keys for every account, made at first sight and kept; the file is the sandbox's register."""
    rows = _issued(path)
    for account, exchange in accounts.items():
        if rows.get(account, {}).get("exchange") != exchange:
            rows[account] = {
                "exchange": exchange,
                "account": account,
                "api_key": secrets.token_hex(32),
                "api_secret": secrets.token_hex(32),
                "auto": True,
            }
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(list(rows.values()), file, indent=1)
    fresh.replace(path)
    return rows


def _issued(path: Path) -> dict[str, dict[str, Any]]:
    """The register as it was left. One that does not read is not ours to replace: keys would be lost."""
    if not path.exists():
        return {}
    try:
        return {row["account"]: row for row in json.loads(path.read_text())}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SandboxFailed(
            f"the sandbox's accounts in {path} cannot be read ({type(error).__name__}): "
            f"move the folder {path.parent} away to begin a new world"
        ) from error

"""A whole daemon as a user runs it: its own process, settings file and data directory.

Everything is asked through the front door: the control socket, the command
line, signals. Nothing of the daemon's code is imported here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from drill.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent


class Refused(Exception):
    """The daemon answered with a JSON-RPC error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


def _quiet(settings: str) -> Mapping[str, str]:
    """Many of these run side by side: none opens the usual port for its page unless it is told which."""
    return {} if "[web]" in settings else {"VIGIL__WEB__LISTEN": ""}


class Process(Protocol):
    """What of a process is looked into: the part of Popen's face that is needed here."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


class Daemon:
    """`with Daemon(tmp_path, toml) as daemon:` starts it and stops it; crashes are yours to make."""

    program: Sequence[str] = (str(ROOT / "supervisor.py"),)

    def __init__(self, home: Path, settings: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.settings = home / "settings.toml"
        self.settings.write_text(settings)
        self.env = {**os.environ, **_quiet(settings), **(env or {})}
        self.log_path = home / "daemon.log"
        self.process: Process | None = None

    # ------------------------------------------------------------------- life

    def start(self) -> Self:
        """Start it; returns when its control socket answers."""
        self.launch()
        self.until_answers()
        return self

    def until_answers(self, within: float = 30.0) -> None:
        """Wait for its control socket; AssertionError with its last words where it ended instead."""
        eventually(self._answers, what=f"a daemon that answers ({self.log_path})", within=within)

    def launch(self) -> None:
        """Start it and return at once."""
        with self.log_path.open("ab") as words:
            self.process = subprocess.Popen(
                self._command(),
                stdout=words,
                stderr=words,
                stdin=subprocess.PIPE,
                cwd=self.home,
                env=self.env,
            )

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, *self.program, "--settings", str(self.settings), *words]

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log()}")
        try:
            self.ask("status")
        except OSError:
            return False
        return True

    def terminate(self, within: float = 5.0) -> int:
        """SIGTERM, and the exit code; fails where it takes longer than promised."""
        return self._end(signal.SIGTERM, within)

    def kill(self) -> int:
        """SIGKILL: nothing can be flushed."""
        return self._end(signal.SIGKILL, 5.0)

    def _end(self, number: int, within: float) -> int:
        self.signal(number)
        return self.ended(within)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self, within: float) -> int:
        """The exit code of the process, which must end by then."""
        assert self.process is not None
        assert self.process.stdin is not None
        code = self.process.wait(within)
        self.process.stdin.close()
        return code

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # ------------------------------------------------------------------ asking

    @property
    def socket_path(self) -> Path:
        return self.home / "data" / "control.sock"

    def ask(self, method: str, **params: Any) -> Any:
        """One JSON-RPC call on a connection of its own."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket_path))
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile("rb") as lines:
                line = lines.readline()
        if not line:
            raise ConnectionResetError("the daemon closed the connection")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def word(
        self, *words: str, timeout: float = 30, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One word of the command line, as a user types it; `given` is on its standard input."""
        return subprocess.run(
            self._command(*words),
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.home,
            env=self.env,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.ask("status")
        return status

    def account(self, name: str) -> dict[str, Any]:
        """The row of one account in `status`."""
        return next(row for row in self.status()["accounts"] if row["account"] == name)

    def actor(self, child: str) -> dict[str, Any]:
        """The row of one actor in `status`."""
        return next(row for row in self.status()["actors"] if row["id"] == child)

    def fills(self, **params: Any) -> list[dict[str, Any]]:
        """Every fill of the ledger, page by page."""
        return self.pages("fills", **params)

    def pages(self, word: str, **params: Any) -> list[dict[str, Any]]:
        """Every row of a list that goes on `after` a `seq`, or after the row itself where it has none."""
        rows: list[dict[str, Any]] = []
        after: Any = 0 if word == "fills" else None
        while page := self.ask(word, limit=0, **({} if after is None else {"after": after}), **params):
            rows += page
            after = page[-1].get("seq", page[-1])
        return rows

    def journal(self) -> list[dict[str, Any]]:
        """Every row that whoever follows the ledger from its beginning is told, up to now."""
        last, rows = self.status()["ledger"]["sequence"], list[dict[str, Any]]()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket_path))
            request = {"jsonrpc": "2.0", "id": 1, "method": "tail", "params": {"after": 0}}
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile("rb") as lines:
                lines.readline()  # that it is granted
                while not rows or rows[-1]["seq"] < last:
                    rows.append(json.loads(lines.readline())["params"])
        return rows

    def until_live(self, name: str, within: float = 40.0) -> dict[str, Any]:
        """Its row, as soon as it is live; the first answers of a daemon may not know it yet."""
        rows: list[dict[str, Any]] = eventually(
            lambda: [row for row in self.status()["accounts"] if row["account"] == name],
            lambda rows: [row["state"] for row in rows] == ["live"],
            within=within,
            what=f"{name} live ({self.log_path})",
        )
        return rows[0]

    def log(self) -> str:
        """Every line that it has said; one that it is about to say is not there yet."""
        text = self.log_path.read_text(errors="replace")
        return text[: text.rfind("\n") + 1]

    # ------------------------------------------------------------- from outside

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def threads(self) -> int:
        """How many threads the process has, as the kernel counts."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def sockets(self) -> int:
        """How many sockets and pipes it holds open; files are left out, for SQLite keeps some for later."""
        return sum(target.startswith(("socket:", "pipe:")) for target in self.descriptors())

    def descriptors(self) -> Iterator[str]:
        """What each open file descriptor leads to."""
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                yield str(entry.readlink())

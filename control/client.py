"""Asking a running daemon: the client's half of the socket.

Kept free of everything slow to import (the ORM, the settings model, msgspec),
for the command line is started often and should answer at once.
"""

import json
import os
import select
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from control.unix import connect, peer
from control.words import ROWS_PER_ANSWER, Word

Row = dict[str, Any]


class NotRunning(Exception):
    """Nobody listens on the socket."""


class NoAnswer(Exception):
    """Somebody listens, and the answer did not come, or was cut short."""


class Refused(Exception):
    """The daemon answered with an error; `code` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """One connection to the daemon that listens on `path`; one thread's.

    NotRunning where nobody does. `timeout` is the longest wait for one answer, s.
    """

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        try:
            self._socket = connect(path, timeout)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunning(f"nobody listens on {path}") from None
        except PermissionError:
            raise NoAnswer(f"{path} belongs to another user") from None
        except (BlockingIOError, TimeoutError):
            raise NoAnswer(f"the daemon on {path} does not accept connections") from None
        except OSError as error:  # a name that no address holds is Python's own complaint
            raise NoAnswer(f"{path} cannot be reached: {error.strerror or error}") from None
        self._lines = self._socket.makefile("rb")
        self._timeout = timeout
        self._last_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def call(self, method: str, **params: object) -> Any:
        """The result of one method; Refused carries the daemon's objection. None is left out."""
        self._last_id += 1
        said = {name: value for name, value in params.items() if value is not None}
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": said}
        with suppress(OSError):  # it hung up: its last line says why
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self._next_message()["result"]

    def pages(self, word: Word, limit: int | None = None, **params: object) -> Iterator[list[Row]]:
        """The rows of a list in pages, ascending: the newest `limit`, or all of them for 0."""
        if limit is None or 0 < limit <= ROWS_PER_ANSWER or not word.is_paged:
            yield self.call(word.name, limit=limit, **params)
        elif limit == 0:
            yield from self._all(word, params)
        else:
            newest: deque[Row] = deque(maxlen=limit)
            for page in self._all(word, params):
                newest.extend(page)
            yield list(newest)

    def _all(self, word: Word, params: dict[str, object]) -> Iterator[list[Row]]:
        following = dict(params)
        while True:
            page = self.call(word.name, limit=0, **following)
            yield page
            if len(page) < ROWS_PER_ANSWER:
                return
            following["after"] = page[-1].get("seq", page[-1])

    def tail(self, **params: object) -> Iterator[Row]:
        """Each fact from now on, or from `since`, or behind `after`; NoAnswer or Refused when that ends."""
        self.call("tail", **params)
        self._socket.settimeout(None)
        while True:
            yield self._next_message()["params"]

    def stop(self, timeout: float) -> bool:
        """Stop the daemon; whether its process ended within `timeout` seconds.

        Its socket is shut earlier than its ledger, so the process itself is
        what is waited for; where the kernel does not let us see it, the socket
        has to do.
        """
        process = self._process()
        try:
            with suppress(NoAnswer):  # it may be gone before it has said yes
                self.call("stop")
            if process is None:
                return self._hung_up(timeout)
            return bool(select.select([process], [], [], timeout)[0])
        finally:
            if process is not None:
                os.close(process)

    def _process(self) -> int | None:
        """A handle on the daemon's process, taken while it surely has that pid."""
        try:
            return os.pidfd_open(peer(self._socket).pid)
        except OSError:
            return None

    def _hung_up(self, timeout: float) -> bool:
        self._socket.settimeout(timeout)
        try:
            return not self._lines.readline()
        except OSError as error:
            return not isinstance(error, TimeoutError)

    def _next_message(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from None
        except OSError as error:
            raise NoAnswer(f"the daemon hung up: {error.strerror}") from None
        if not line.endswith(b"\n"):
            raise NoAnswer("the daemon hung up")
        message: dict[str, Any] = json.loads(line)
        if refusal := message.get("error"):
            raise Refused(refusal["code"], refusal["message"])
        return message

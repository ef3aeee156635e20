"""The socket file: who may have it, who is at the other end, and how it is made.

* Its mode is 0600 from its first instant. Linux gives the file the mode of the
  socket that is bound, so the socket is made private *before* `bind`; changing
  the umask instead would change it for every other thread as well, and a chmod
  afterwards would leave the door open for a moment.
* A file that a killed daemon left behind refuses connections and is replaced.
  One that answers belongs to somebody, and the kernel says to whom.
* A path may be longer than the 107 bytes that a socket address holds; such a
  one is reached through its directory's descriptor.

Shared by server and client: it imports nothing that would slow a client down.
"""

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from core.errors import LinkError

MODE = 0o600
_LONGEST_ADDRESS = 107
_CREDENTIALS = struct.Struct("3i")
_TIMEVAL = struct.Struct("ll")


class NoSocket(LinkError):
    """No socket can be made at this path, for a reason that the text says."""


class SocketTaken(NoSocket):
    """The path is somebody else's; trying again later is all that can be done about it."""


class Peer(NamedTuple):
    """The process at the other end, as the kernel vouches for it."""

    pid: int
    uid: int


def peer(connection: socket.socket) -> Peer:
    """Who made this connection (or, asked by a client, who listens)."""
    pid, uid, _gid = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Peer(pid, uid)


def connect(path: Path, timeout: float) -> socket.socket:
    """A connection whose every step takes `timeout` seconds at most.

    FileNotFoundError or ConnectionRefusedError mean that nobody listens,
    BlockingIOError that the listener does not get round to accepting.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A non-blocking connect to a full backlog fails at once; this one waits its turn.
        timeval = _TIMEVAL.pack(int(timeout), int(timeout % 1 * 1_000_000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        with _address(path) as address:
            connection.connect(address)
        connection.settimeout(timeout)
    except BaseException:
        connection.close()
        raise
    return connection


class Listener:
    """A listening socket and the file that belongs to it, from `open` to `close`."""

    def __init__(self, listening: socket.socket, path: Path) -> None:
        self._socket = listening
        self._path = path
        self._file = _identity(path)

    @classmethod
    def open(cls, path: Path, backlog: int = 64) -> "Listener":
        """Listen on `path`; NoSocket says why not, SocketTaken whose it is where it is not ours to take."""
        try:
            return cls._open(path, backlog)
        except OSError as error:
            why = error.strerror or str(error)  # a name that no address holds is Python's own complaint
            raise NoSocket(f"cannot listen on {path}: {why}: see [control] socket") from error

    @classmethod
    def _open(cls, path: Path, backlog: int) -> "Listener":
        _make_way(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listening.fileno(), MODE)
            with _address(path) as address:
                listening.bind(address)
            listening.listen(backlog)
            return cls(listening, path)
        except BaseException:
            listening.close()
            raise

    def accept(self) -> socket.socket:
        """Wait for the next connection; OSError once `shut` was called."""
        return self._socket.accept()[0]

    def shut(self) -> None:
        """Refuse everybody from now on and wake whoever waits in `accept`. Never blocks."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self, *, keep_file: bool = False) -> None:
        """Give the socket back, and remove its file unless somebody else's stands there by now.

        Looking and removing are two steps: whoever may have a successor at work
        in between keeps the file, which the successor replaces by itself.
        """
        self.shut()
        if not keep_file and _identity(self._path) == self._file:
            self._path.unlink(missing_ok=True)
        self._socket.close()


def _make_way(path: Path) -> None:
    """Remove what a dead daemon left at `path`; anything else there is an error."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(f"{path} is not a socket and is left alone: move it, or set [control] socket")
    try:
        with connect(path, timeout=1) as living:
            raise SocketTaken(f"{path} is in use by pid {peer(living).pid}: stop that daemon first")
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except BlockingIOError:
        raise SocketTaken(f"{path} is in use by a process that does not answer") from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket address."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)

"""The listening socket, and in what words it is refused.

Opened before anything of the web framework is loaded: from then on a browser that
comes early waits in the backlog, and a port that somebody else has is known at once.
"""

import errno
import socket

from core.errors import LinkError

BACKLOG = 128
UNHEARD_MS = 60_000  # what a peer has not taken for so long ends its connection


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; LinkError says in a person's words why it cannot."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise LinkError(f"web.listen: {host!r} is no address of this machine ({error.strerror})") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # inherited by every connection: else one who never reads would keep his for hours
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise LinkError(f"web.listen: {shown(host, port)} {_why(error)}") from None
    return listener


def shown(host: str, port: int) -> str:
    """HOST:PORT as it stands in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "is in use by another program: end that, or set web.listen to another port"
        case errno.EACCES:
            return "may not be opened by this user: ports below 1024 are the system's, choose a higher one"
        case errno.EADDRNOTAVAIL:
            return "is no address of this machine: use 127.0.0.1, or one that it has"
    return f"cannot be opened: {error.strerror}"

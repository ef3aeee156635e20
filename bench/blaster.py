"""A WebSocket server that sends frames as fast as the reader takes them, or at a pace.

Written on a bare socket so that it costs next to nothing: what is measured is
the client. It accepts every handshake, answers every JSON request with the
status that Binance's WS API gives to a subscription, and then begins.

    python -m bench.blaster COUNT RATE GROUP [FIRST]   prints its port, serves one client, ends

RATE 0 is saturated. With FIRST the frames are numbered from there on, and their ids are scattered.
"""

import base64
import hashlib
import json
import socket
import sys
import time
from contextlib import suppress

from bench.frames import fill, framed

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BLOCK = 512  # frames handed to the kernel at once


def main(count: int, rate: float, group: int, first: int | None = None) -> None:
    """Serve one client `count` frames: saturated, or `group` frames at a time at `rate` a second."""
    blocks = [] if rate else _blocks(count, first)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        client, _ = server.accept()
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _shake_hands(client)
        _answer_requests(client)
        if rate:
            with suppress(ConnectionError):  # the client has seen enough
                _pace(client, count, rate, group)
        else:
            for block in blocks:
                client.sendall(block)
        with suppress(ConnectionError):
            while client.recv(65_536):  # until it has
                pass


def _blocks(count: int, first: int | None) -> list[bytes]:
    begin = first or 0
    frames = [framed(fill(n, scattered=first is not None)) for n in range(begin, begin + count)]
    return [b"".join(frames[at : at + _BLOCK]) for at in range(0, count, _BLOCK)]


def _pace(client: socket.socket, count: int, rate: float, group: int) -> None:
    begin = time.monotonic()
    for n in range(0, count, group):
        wait = begin + n / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        client.sendall(b"".join(framed(fill(n + at, time.monotonic_ns())) for at in range(group)))


def _shake_hands(client: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    key = next(
        line.partition(b":")[2].strip()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def _answer_requests(client: socket.socket) -> None:
    """Answer what the client asks first; one that asks nothing begins after a quarter of a second."""
    client.settimeout(0.25)
    try:
        request = _text(client)
    except TimeoutError:
        return
    finally:
        client.settimeout(None)
    answer = {"id": json.loads(request).get("id"), "status": 200, "result": {"subscriptionId": 0}}
    client.sendall(framed(json.dumps(answer).encode()))


def _text(client: socket.socket) -> bytes:
    head = client.recv(2, socket.MSG_WAITALL)
    size = head[1] & 0x7F
    if size == 126:
        size = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
    mask = client.recv(4, socket.MSG_WAITALL)
    payload = client.recv(size, socket.MSG_WAITALL)
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:]))

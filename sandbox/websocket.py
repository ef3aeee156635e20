"""One accepted WebSocket: whole texts in, frames out, pings, and the cut.

The protocol is spoken by the sans-I/O half of `websockets`; the bytes are ours,
so the connection can be reset, frozen half-open, or fed text that is no text. A
peer that does not echo one of our pings in time is cut; a pong that answers no
ping of ours proves nothing.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

import msgspec
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from sandbox.clock import monotonic

MAX_MESSAGE = 1 << 20
MAX_UNREAD = 64 << 20
NO_LINGER = struct.pack("ii", 1, 0)


class Heartbeat(msgspec.Struct, kw_only=True):
    """How a WebSocket is kept and cut; may be changed while it runs."""

    ping_every: float = 20.0
    pong_within: float = 60.0
    life: float = 86_400.0


class Session(Protocol):
    """What a dialect puts behind a WebSocket."""

    def received(self, text: str) -> None:
        """A whole text message came."""

    def closed(self) -> None:
        """The connection is gone."""

    def suffers(self, kind: str) -> bool:
        """True when a fault of this kind strikes it now."""


class _Server(ServerProtocol):
    """Answers pings, unless it is to lose the answer."""

    def __init__(self, loses_pong: Callable[[], bool]) -> None:
        super().__init__(max_size=MAX_MESSAGE)
        self._loses_pong = loses_pong

    def send_frame(self, frame: Frame) -> None:
        """Where everything that is sent passes, the answers of the library too."""
        if frame.opcode is not Opcode.PONG or not self._loses_pong():
            super().send_frame(frame)


class WebSocket:
    """One accepted WebSocket: whole texts in, frames out, pings, the cut."""

    def __init__(self, transport: asyncio.Transport, heartbeat: Heartbeat) -> None:
        self._transport = transport
        self._heartbeat = heartbeat
        self._protocol = _Server(lambda: self._suffers("lost_pongs"))
        self._parts: list[bytes] = []
        self._pinged: dict[bytes, float] = {}
        self._ponged_at = self.opened_at = monotonic()
        self._timers: list[asyncio.TimerHandle] = []
        self._frozen = False
        self.session: Session | None = None
        self.heart: Callable[[], None] | None = None
        """What a dialect does at every beat where its own heartbeat replaces the protocol's pings."""

    def accept(self, head: bytes) -> None:
        """Answer the handshake in `head`."""
        self._protocol.receive_data(head)
        handshake = cast(Handshake, self._protocol.events_received()[0])
        self._protocol.send_response(self._protocol.accept(handshake))
        self._flush()
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self._heartbeat.life, self.close, CloseCode.GOING_AWAY, "24 h"))
        self._timers.append(loop.call_later(self._heartbeat.ping_every, self._beat))

    def retime(self) -> None:
        """Take a changed heartbeat into use at once."""
        for timer in self._timers:
            timer.cancel()
        loop = asyncio.get_running_loop()
        left = max(0.0, self._heartbeat.life - (monotonic() - self.opened_at))
        self._ponged_at = monotonic()
        self._timers = [
            loop.call_later(left, self.close, CloseCode.GOING_AWAY, "24 h"),
            loop.call_later(self._heartbeat.ping_every, self._beat),
        ]

    def receive(self, data: bytes) -> None:
        """Bytes came from the peer."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._handle(event)
        self._flush()

    def _handle(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            if self._pinged.pop(bytes(frame.data), None) is not None:
                self._ponged_at = monotonic()
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._deliver()

    def _deliver(self) -> None:
        message, self._parts = b"".join(self._parts), []
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self.close(CloseCode.INVALID_DATA, "invalid UTF-8")
            return
        if self.session is not None:
            self.session.received(text)

    def _suffers(self, kind: str) -> bool:
        return self.session is not None and self.session.suffers(kind)

    def _beat(self) -> None:
        """Ping with a payload of its own; cut who has not echoed one in time."""
        if self.heart is not None:
            self._timers[1] = asyncio.get_running_loop().call_later(self._heartbeat.ping_every, self._beat)
            self.heart()
            return
        now = monotonic()
        if self._suffers("no_heartbeats"):
            self._ponged_at = now  # nobody is cut for what was not asked
        elif now - self._ponged_at > self._heartbeat.pong_within:
            self.close(CloseCode.POLICY_VIOLATION, "Pong timeout")
            return
        else:
            self._ping(now)
        loop = asyncio.get_running_loop()
        self._timers[1] = loop.call_later(self._heartbeat.ping_every, self._beat)

    def _ping(self, now: float) -> None:
        payload = str(int(now * 1000)).encode()
        self._pinged[payload] = now
        if not self._frozen and self._protocol.state.name == "OPEN":
            self._protocol.send_ping(payload)
            self._flush()

    def send(self, text: bytes) -> None:
        """Send one text message; bytes that are no UTF-8 are sent as they are."""
        if self._protocol.state.name == "OPEN":
            self._protocol.send_text(text)
            self._flush()

    def send_binary(self, data: bytes) -> None:
        """Send one binary message."""
        if self._protocol.state.name == "OPEN":
            self._protocol.send_binary(data)
            self._flush()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Say goodbye and close, without waiting for the peer's consent."""
        if self._protocol.state.name == "OPEN":
            self._protocol.send_close(code, reason)
            self._flush()
        if not self._frozen:
            self._transport.close()

    def reset(self) -> None:
        """Tear the connection down with a TCP reset."""
        reset(self._transport)

    def freeze(self) -> None:
        """Stop reading and writing, and leave the connection open: half-open."""
        self._frozen = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def lost(self) -> None:
        """The transport is gone."""
        for timer in self._timers:
            timer.cancel()
        if self.session is not None:
            self.session.closed()

    def _flush(self) -> None:
        chunks = self._protocol.data_to_send()
        if self._frozen or self._transport.is_closing():
            return
        if data := b"".join(chunks):
            self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self.reset()
        elif b"" in chunks or self._protocol.close_expected():
            self._transport.close()


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset instead of an orderly end."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()

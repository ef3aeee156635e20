"""How a server's bytes become messages (RFC 6455, the receiving half).

A pure splitter: bytes in, whole messages out, all that are complete at once, for
a burst of a thousand frames costs one call here. It knows no socket. What a
peer can do wrong is told apart by what it means for the link:

* text that is not UTF-8 and binary frames are *odd*, the stream goes on: they
  come out as Garbled, between the messages where they stood;
* a frame that breaks the framing itself, or is larger than `limit`, ends the
  stream: where the next frame begins is unknown or not worth the memory. The
  messages before it still come out; `ended` then says why.

Masked frames, reserved bits and fragmented control frames break the framing.
"""

import msgspec

from core.errors import LinkError, Unreadable

MESSAGE_LIMIT = 4 * 1024 * 1024

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL = 0x80
_WHOLE_TEXT = _FINAL | _TEXT
_EXCERPT = 2048


class Garbled(msgspec.Struct, frozen=True, gc=False):
    """A message that is no text: what is odd about it, and its beginning, printable."""

    why: str
    excerpt: str


class Pong(msgspec.Struct, frozen=True, gc=False):
    """The answer to a ping of ours, with its payload."""

    payload: bytes


Message = str | Garbled | Pong


class FrameSplitter:
    """One connection's receiving half.

    `ended` is set once nothing more can come. `pings` holds the payloads of
    pings: whoever feeds answers each with a pong at once and empties the list.
    """

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self.ended: LinkError | None = None
        self.pings: list[bytes] = []
        self._limit = limit
        self._waiting: list[bytes] = []  # pieces of a frame that is not whole yet
        self._have = 0
        self._need = 2
        self._kind = _TEXT  # of the message whose fragments are being gathered
        self._fragments: list[bytes] = []
        self._gathered = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take what a recv gave; return every message that is whole now, in order."""
        self._have += len(data)
        if self._have < self._need:
            self._waiting.append(data)
            return []
        if self._waiting:
            self._waiting.append(data)
            data = b"".join(self._waiting)
        messages, rest = self._split(data)
        self._waiting = [rest] if rest else []
        self._have = len(rest)
        return messages

    def _split(self, data: bytes) -> tuple[list[Message], bytes]:
        """The loop over a buffer; written flat because every frame of a burst passes here."""
        out: list[Message] = []
        at, size = 0, len(data)
        self._need = 2
        while self.ended is None and size - at >= 2:
            first, length = data[at], data[at + 1]
            start = at + 2
            if length > 125:
                start, length = self._long_length(data, at, length)
            end = start + length
            if end > size:
                self._need = end - at
                break
            if first == _WHOLE_TEXT and not self._fragments:
                try:
                    out.append(str(data[start:end], "utf-8"))
                except UnicodeDecodeError:
                    out.append(_garbled("text that is not UTF-8", data[start:end]))
            else:
                self._uncommon(first, data[start:end], out)
            at = end
        return out, data[at:] if self.ended is None else b""

    def _long_length(self, data: bytes, at: int, marker: int) -> tuple[int, int]:
        """Where the payload starts and how long it is; as far as the buffer goes, its header alone."""
        if marker > 127:
            self.ended = Unreadable("a server's frame is masked")
            return len(data), 1
        start = at + (4 if marker == 126 else 10)
        if start > len(data):
            return start, 0
        length = int.from_bytes(data[at + 2 : start], "big")
        if length > self._limit:
            self.ended = Unreadable(f"a frame of {length} bytes, at most {self._limit} are read")
            return len(data), 1
        return start, length

    def _uncommon(self, first: int, payload: bytes, out: list[Message]) -> None:
        """Everything but an unfragmented text: control frames, binary, fragments."""
        final, kind = bool(first & _FINAL), first & 0x0F
        if first & 0x70:
            self.ended = Unreadable("a frame with reserved bits")
        elif kind >= _CLOSE and (not final or len(payload) > 125):
            self.ended = Unreadable("a control frame that is fragmented or too long")
        elif kind in {_CONTINUATION, _TEXT, _BINARY}:
            self._gather(final, kind, payload, out)
        elif kind == _PING:
            self.pings.append(payload)
        elif kind == _PONG:
            out.append(Pong(payload))
        elif kind == _CLOSE:
            self.ended = _closed(payload)
        else:
            self.ended = Unreadable(f"a frame of unknown kind {kind}")

    def _gather(self, final: bool, kind: int, payload: bytes, out: list[Message]) -> None:
        if (kind == _CONTINUATION) != bool(self._fragments):
            self.ended = Unreadable("fragments out of order")
            return
        if kind != _CONTINUATION:
            self._kind = kind
            self._gathered = 0
        self._fragments.append(payload)
        self._gathered += len(payload) + 1  # + 1: endless empty fragments have a limit too
        if self._gathered > self._limit:
            self.ended = Unreadable(f"a message of more than {self._limit} bytes in fragments")
        elif final:
            whole, self._fragments = b"".join(self._fragments), []
            out.append(_readable(self._kind, whole))


def _readable(kind: int, payload: bytes) -> Message:
    if kind == _BINARY:
        return _garbled("a binary frame", payload)
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError:
        return _garbled("text that is not UTF-8", payload)


def _garbled(why: str, payload: bytes) -> Garbled:
    return Garbled(why, payload[:_EXCERPT].decode("ascii", errors="backslashreplace"))


def _closed(payload: bytes) -> LinkError:
    """A close frame ends the link in order: its code and reason are what to report."""
    code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
    reason = payload[2:].decode("utf-8", errors="replace")
    return LinkError(f"closed by the peer: {code} {reason}".rstrip())

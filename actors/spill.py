"""Facts on disk while the database cannot take them: one append-only file a time.

A file is a header (magic, segment id, number of the first entry) and records
(length, checksum of the entry, checksum of these two, entry). The segment id, not the name, is what the database
remembers its progress by, so that a name used twice can never hide an entry.

What a crash tears is the last record, or the header of a file that it found in the
making: that is cut off, or removed, when the file is found again. Anything else that does not read is moved to a file of its own beside it,
for a person to see; what stands before it is replayed.
"""

import errno
import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.errors import VigilError
from core.records import Entry

MAGIC = b"VIGILSP1"
HEADER = struct.Struct("<8s16sQ")
RECORD = struct.Struct("<II")
CHECK = struct.Struct("<I")
LEAD = RECORD.size + CHECK.size
SUFFIX = ".spill"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class NotASpill(VigilError):
    """The file does not begin as a spill file does."""


def new_segment() -> str:
    """An id that no other segment ever had."""
    return uuid.uuid4().hex


def found(folder: Path) -> list[Path]:
    """The spill files of a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def sync_names(folder: Path) -> None:
    """Make what was put into a folder, or removed from it, survive a power cut. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class SpillFile:
    """One segment of the inlet on disk. Appended to under the inlet's lock, read by the writer.

    Entries are numbered from `settled`, which grows as the database takes them.
    """

    def __init__(self, path: Path, file: BinaryIO, segment: str, start: int, *, ours: bool) -> None:
        self.path = path
        self.segment = segment
        self.ours = ours
        self.settled = start
        self.damaged = 0  # bytes that were moved aside
        self._file = file
        self._offset = HEADER.size  # where entry number `settled` begins
        self._end = HEADER.size
        self._count = start  # the number after the last entry

    @classmethod
    def create(cls, folder: Path, number: int, segment: str, start: int = 0) -> "SpillFile":
        """A new file. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:012d}{SUFFIX}"
        file = path.open("x+b", buffering=0)
        spill = cls(path, file, segment, start, ours=True)
        try:
            spill._write(HEADER.pack(MAGIC, bytes.fromhex(segment), start))
        except OSError:  # a full disk takes names longer than it takes bytes
            spill.close(remove=True)
            raise
        return spill

    @classmethod
    def recover(cls, path: Path) -> "SpillFile | None":
        """A file that an earlier boot left; None, and no file any more, where it ended before its first entry.

        Raises NotASpill, OSError.
        """
        file = path.open("r+b", buffering=0)
        header = file.read(HEADER.size)
        if header[: len(MAGIC)] != MAGIC[: len(header)]:
            file.close()
            raise NotASpill(f"{path} is no spill file")
        if len(header) < HEADER.size:
            file.close()
            path.unlink()
            return None
        _magic, segment, start = HEADER.unpack(header)
        spill = cls(path, file, segment.hex(), start, ours=False)
        spill._scan()
        return spill

    @property
    def waiting(self) -> int:
        return self._count - self.settled

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries, all or none; after OSError none."""
        data = bytearray()
        for entry in entries:
            payload = _encode(entry)
            lead = RECORD.pack(len(payload), zlib.crc32(payload))
            data += lead + CHECK.pack(zlib.crc32(lead)) + payload
        self._file.seek(self._end)
        try:
            self._write(data)
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += len(data)
        self._count += len(entries)

    def _write(self, data: bytes | bytearray) -> None:
        written = self._file.write(data)
        if written != len(data):
            raise OSError(errno.ENOSPC, f"{written} of {len(data)} bytes written", str(self.path))

    def peek(self, most: int) -> list[Entry]:
        """The oldest entries that are not settled; they stay."""
        entries: list[Entry] = []
        offset = self._offset
        while len(entries) < min(most, self.waiting):
            payload, offset = self._record(offset)
            entries.append(_decode(payload))
        return entries

    def settle(self, count: int) -> None:
        """The database has all entries numbered below `count`."""
        while self.settled < min(count, self._count):
            length, _checksum = RECORD.unpack(os.pread(self._file.fileno(), RECORD.size, self._offset))
            self._offset += LEAD + length
            self.settled += 1

    def sync(self) -> None:
        """Make it survive a power cut as well, its name and that of its folder included. Raises OSError."""
        os.fsync(self._file.fileno())
        sync_names(self.path.parent)
        sync_names(self.path.parent.parent)

    def close(self, *, remove: bool) -> None:
        self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)

    def _record(self, offset: int) -> tuple[bytes, int]:
        fd = self._file.fileno()
        length, _checksum = RECORD.unpack(os.pread(fd, RECORD.size, offset))
        return os.pread(fd, length, offset + LEAD), offset + LEAD + length

    def _scan(self) -> None:
        """Count what can be read; cut off the rest."""
        data = self.path.read_bytes()
        end = HEADER.size
        while (size := _readable(data, end)) > 0:
            end += size
            self._count += 1
        self._end = end
        if end < len(data):
            self._cut(data[end:])

    def _cut(self, rest: bytes) -> None:
        """A torn record is what a crash leaves; anything else is kept beside the file."""
        if not _is_torn(rest):
            self.damaged = len(rest)
            self.path.with_suffix(".damaged").write_bytes(rest)
        self._file.truncate(self._end)


def _length(data: bytes, at: int) -> int | None:
    """What the lead of the record at this place says, None where it is no lead."""
    lead = data[at : at + RECORD.size]
    if data[at + RECORD.size : at + LEAD] != CHECK.pack(zlib.crc32(lead)):
        return None
    return int(RECORD.unpack(lead)[0])


def _readable(data: bytes, at: int) -> int:
    """The size of the whole record at this place, 0 where there is none."""
    length = _length(data, at)
    if length is None or len(data) - at < LEAD + length:
        return 0
    payload = data[at + LEAD : at + LEAD + length]
    if zlib.crc32(payload) != RECORD.unpack_from(data, at)[1]:
        return 0
    try:
        _decode(payload)
    except msgspec.MsgspecError:
        return 0
    return LEAD + length


def _is_torn(rest: bytes) -> bool:
    """Whether these bytes are the beginning of one record, as a crash leaves it."""
    length = _length(rest, 0)
    return len(rest) < LEAD or (length is not None and len(rest) < LEAD + length)

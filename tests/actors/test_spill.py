"""Facts on disk: what a crash leaves is read again, whole records and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from actors.spill import HEADER, NotASpill, SpillFile, found, new_segment
from core.records import Remember
from tests.support.ledger import batch, fill


def entries(*names: Any) -> Any:
    return [Remember(1, name, None) for name in names]


@pytest.fixture
def spill(tmp_path: Path) -> Any:
    file = SpillFile.create(tmp_path, 7, new_segment())
    yield file
    file.close(remove=False)


def recovered(spill: SpillFile) -> Any:
    return SpillFile.recover(spill.path)


def test_what_was_appended_is_read_in_order(spill: SpillFile) -> None:
    spill.append(entries("a", "b"))
    spill.append([batch(fill(), raw="ü")])
    assert spill.peek(10) == [*entries("a", "b"), batch(fill(), raw="ü")]
    assert spill.peek(1) == entries("a")
    assert spill.waiting == 3


def test_what_is_settled_is_not_read_again(spill: SpillFile) -> None:
    spill.append(entries("a", "b", "c"))
    spill.settle(2)
    assert (spill.peek(10), spill.waiting, spill.settled) == (entries("c"), 1, 2)
    spill.settle(99)
    assert (spill.waiting, spill.settled) == (0, 3)


def test_a_later_boot_finds_everything_under_the_same_id(spill: SpillFile) -> None:
    spill.append(entries("a", "b"))
    again = recovered(spill)
    assert (again.segment, again.settled, again.ours) == (spill.segment, 0, False)
    assert again.peek(10) == entries("a", "b")
    again.append(entries("c"))
    assert again.peek(10) == entries("a", "b", "c")
    again.close(remove=True)
    assert not spill.path.exists()


def test_numbering_goes_on_where_the_segment_was_in_memory(tmp_path: Path) -> None:
    file = SpillFile.create(tmp_path, 1, new_segment(), start=5)
    file.append(entries("f", "g"))
    again = recovered(file)
    assert (again.settled, again.waiting) == (5, 2)
    again.settle(6)
    assert again.peek(10) == entries("g")
    for one in (file, again):
        one.close(remove=False)


def test_a_file_that_ends_at_any_byte_holds_the_whole_records_before_it_and_goes_on_from_there(
    spill: SpillFile, tmp_path: Path
) -> None:
    """A kill may come in the middle of any write; what it leaves is no damage."""
    names, ends = ("a", "b", "c", "d"), [HEADER.size]
    for name in names:
        spill.append(entries(name))
        ends.append(spill.path.stat().st_size)
    data = spill.path.read_bytes()
    torn = tmp_path / "torn" / spill.path.name
    torn.parent.mkdir()
    for size in range(HEADER.size, len(data) + 1):
        torn.write_bytes(data[:size])
        again: Any = SpillFile.recover(torn)
        whole = sum(end <= size for end in ends) - 1
        assert (again.peek(10), again.damaged) == (entries(*names[:whole]), 0), size
        assert torn.stat().st_size == ends[whole], size
        again.append(entries("later"))
        again.close(remove=False)
        after: Any = SpillFile.recover(torn)
        assert after.peek(10) == entries(*names[:whole], "later"), size
        after.close(remove=False)
    assert [path.name for path in torn.parent.iterdir()] == [torn.name]


def test_a_file_that_ends_within_its_header_was_never_one_and_goes(spill: SpillFile) -> None:
    """The header is written before anything else, so nothing can have been in it."""
    header = spill.path.read_bytes()
    for size in range(HEADER.size):
        spill.path.write_bytes(header[:size])
        assert recovered(spill) is None, size
        assert not spill.path.exists(), size


@pytest.mark.parametrize("place", ["checksum", "payload", "length"])
def test_damage_in_the_middle_is_moved_aside_for_a_person_to_see(spill: SpillFile, place: Any) -> None:
    spill.append(entries("a"))
    at = spill.path.stat().st_size + {"length": 2, "checksum": 4, "payload": 9}[place]
    spill.append(entries("b", "c"))
    data = bytearray(spill.path.read_bytes())
    data[at] ^= 0xFF
    spill.path.write_bytes(data)
    again = recovered(spill)
    assert again.peek(10) == entries("a")
    assert again.damaged > 0
    assert spill.path.with_suffix(".damaged").stat().st_size == again.damaged
    again.close(remove=False)


@pytest.mark.parametrize("text", [b"something else entirely, long enough", b"short"])
def test_a_file_that_is_no_spill_is_refused_and_left_alone(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "000000000001.spill"
    path.write_bytes(text)
    with pytest.raises(NotASpill):
        SpillFile.recover(path)
    assert path.read_bytes() == text


def test_files_are_found_in_the_order_they_were_made(tmp_path: Path) -> None:
    for number in (10, 9, 100):
        SpillFile.create(tmp_path, number, new_segment()).close(remove=False)
    (tmp_path / "notes.spill").touch()
    (tmp_path / "000000000011.damaged").touch()
    assert [int(path.stem) for path in found(tmp_path)] == [9, 10, 100]
    assert found(tmp_path / "nowhere") == []


def test_a_file_is_never_made_twice(spill: SpillFile, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        SpillFile.create(tmp_path, 7, new_segment())


class Full:
    """A file on a disk that takes ten bytes more."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> Any:
        return self._file.write(data[:10])

    def __getattr__(self, name: Any) -> Any:
        return getattr(self._file, name)


def test_what_the_disk_does_not_take_whole_it_does_not_take(
    spill: SpillFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill.append(entries("a"))
    size = spill.path.stat().st_size
    real = spill._file
    monkeypatch.setattr(spill, "_file", Full(real))
    with pytest.raises(OSError, match="10 of"):
        spill.append(entries("b"))
    assert (spill.path.stat().st_size, spill.waiting) == (size, 1)
    monkeypatch.setattr(spill, "_file", real)
    spill.append(entries("c"))
    assert spill.peek(10) == entries("a", "c")


def test_an_empty_file_holds_nothing(spill: SpillFile) -> None:
    assert (spill.waiting, spill.peek(10), spill.path.stat().st_size) == (0, [], HEADER.size)
    spill.sync()

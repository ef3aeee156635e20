"""Files are there whole or not at all."""

import stat
from pathlib import Path

import pytest

from models.files import NoRoom, Taken, ensure_room, sized, whole


def test_a_file_appears_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with whole(target, overwrite=False) as part:
        part.write_text("all")
        assert not target.exists()
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert (target.read_text(), list(tmp_path.iterdir())) == ("all", [target])


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "a", overwrite=True) as part:
        part.write_text(f"half {1 / 0}")
    assert list(tmp_path.iterdir()) == []


def test_the_part_of_one_who_was_killed_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / ".a.part").write_text("of another run")
    with whole(tmp_path / "a", overwrite=False) as part:
        assert part.read_text() == ""


def test_whoever_was_faster_keeps_the_name(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with pytest.raises(Taken, match="exists already"), whole(target, overwrite=False):
        target.write_text("faster")
    assert (target.read_text(), list(tmp_path.iterdir())) == ("faster", [target])


def test_only_what_may_be_overwritten_is(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("before")
    with whole(target, overwrite=True) as part:
        part.write_text("after")
    assert target.read_text() == "after"


def test_room_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    ensure_room(tmp_path, 1, "it")
    with pytest.raises(NoRoom, match=r"it needs \d+\.\d GB in .*, where .* are free: make room first"):
        ensure_room(tmp_path, 2**60, "it")


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (16e6, "16.0 MB"), (3e12, "3000.0 GB")]
)
def test_sizes_are_said_as_people_do(size: float, said: str) -> None:
    assert sized(size) == said

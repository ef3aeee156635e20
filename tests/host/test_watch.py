"""A save is noticed however it is made, with real files and the system's own events."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import host.watch
from host.watch import Watcher, way
from tests.support.waiting import eventually

WITHIN = 20.0


class Ear:
    """Counts what it is told, and waits for more."""

    def __init__(self) -> None:
        self.told = 0
        self._news = threading.Condition()

    def saved(self) -> None:
        with self._news:
            self.told += 1
            self._news.notify_all()

    def hears(self, more_than: int) -> int:
        with self._news:
            assert self._news.wait_for(lambda: self.told > more_than, WITHIN), "nobody told of a save"
            return self.told


class Watched:
    """A watcher of `file`, and of another one beside it by which it is seen that events come."""

    def __init__(self, file: Path) -> None:
        self.ear = Ear()
        self.probe = file.absolute().parent / "probe"
        self.files = [file, self.probe]
        self.watcher = Watcher(lambda: self.files, self.ear.saved)
        self.watcher.start()
        before, tries = self.ear.hears(0), iter(range(1000))

        def told() -> bool:
            self.probe.write_text(str(next(tries)))
            return self.ear.told > before

        eventually(told, within=WITHIN, every=0.1, what="a watch that works")

    def quiet(self) -> int:
        """Until nothing more is told of what has happened so far."""
        seen: list[int] = []

        def still() -> bool:
            seen.append(self.ear.told)
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        eventually(still, within=WITHIN, every=0.06, what="silence")
        return self.ear.told

    def hears_of(self, save: Callable[[], object]) -> None:
        before = self.quiet()
        save()
        self.ear.hears(before)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("first")
    return path


@pytest.fixture
def watched(settings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """By events alone: the looks in between are put off beyond the test."""
    monkeypatch.setattr(host.watch, "LOOK", 600_000)
    watched = Watched(settings)
    yield watched
    watched.watcher.stop(WITHIN)
    assert not watched.watcher._thread.is_alive()


def in_place(path: Path) -> None:
    path.write_text("in place")


def renamed_over(path: Path) -> None:
    fresh = path.with_name(".settings.toml.swp")
    fresh.write_text("renamed")
    fresh.replace(path)


def like_vim(path: Path) -> None:
    """The old file becomes a backup, a new one takes its place, and the backup goes."""
    backup = path.with_name("settings.toml~")
    path.rename(backup)
    path.write_text("vim")
    backup.unlink()


def removed_and_made(path: Path) -> None:
    path.unlink()
    path.write_text("again")


@pytest.mark.parametrize("save", [in_place, renamed_over, like_vim, removed_and_made])
def test_a_save_of_any_kind_is_told_and_the_next_one_too(
    watched: Watched, settings: Path, save: Callable[[Path], None]
) -> None:
    for _ in range(2):
        watched.hears_of(lambda: save(settings))


def test_a_file_that_goes_away_is_told_and_its_return_as_well(watched: Watched, settings: Path) -> None:
    watched.hears_of(settings.unlink)
    watched.hears_of(lambda: settings.write_text("back"))


def test_twenty_saves_in_a_moment_are_few_and_the_last_one_is_among_them(
    watched: Watched, settings: Path
) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(settings.read_text())
        watched.ear.saved()

    watched.watcher._saved = look
    before = watched.quiet()
    for number in range(20):
        settings.write_text(str(number))
    watched.ear.hears(before)
    watched.quiet()
    assert seen[-1] == "19"
    assert len(seen) <= 5


def test_what_is_written_beside_it_is_nobodys_business(watched: Watched, settings: Path) -> None:
    before = watched.quiet()
    for number in range(20):
        (settings.parent / "vigil.log").write_text(str(number))
    watched.hears_of(lambda: in_place(settings))
    assert watched.quiet() == before + 1


def test_a_file_that_is_named_later_is_watched_from_then_on(settings: Path, tmp_path: Path) -> None:
    watched = Watched(settings)
    secret = tmp_path / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("one")
    watched.files.append(secret)
    watched.hears_of(lambda: in_place(settings))
    watched.hears_of(lambda: removed_and_made(secret))
    watched.watcher.stop(WITHIN)


# ------------------------------------------------------------------------- links


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """As Kubernetes mounts it: settings.toml -> ..data/settings.toml, ..data -> ..1."""
    for number in ("1", "2"):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "settings.toml").write_text(number)
    (tmp_path / "..data").symlink_to("..1")
    link = tmp_path / "settings.toml"
    link.symlink_to("..data/settings.toml")
    return link


def turn(link: Path, target: str) -> None:
    """In one step, as it is done there."""
    fresh = link.with_name("..tmp")
    fresh.symlink_to(target)
    fresh.replace(link)


def test_a_link_on_the_way_that_is_turned_is_a_save_and_the_new_end_is_watched(mounted: Path) -> None:
    watched = Watched(mounted)
    watched.hears_of(lambda: turn(mounted.parent / "..data", "..2"))
    assert mounted.read_text() == "2"
    watched.hears_of(lambda: in_place(mounted.parent / "..2" / "settings.toml"))
    watched.hears_of(lambda: turn(mounted.parent / "..data", "..1"))
    watched.watcher.stop(WITHIN)


def test_the_way_of_a_file_is_every_link_and_the_end(mounted: Path) -> None:
    home = mounted.parent.resolve()
    assert [str(step.relative_to(home)) for step in way(mounted)] == [
        "settings.toml",
        "..data",
        "..1/settings.toml",
    ]


def test_the_way_through_a_folder_that_is_a_link_leads_to_the_real_one(tmp_path: Path) -> None:
    real = (tmp_path / "real").resolve()
    real.mkdir()
    (tmp_path / "etc").symlink_to(real)
    assert list(way(tmp_path / "etc" / ".." / "etc" / "settings.toml"))[-1] == real / "settings.toml"


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert set(way(tmp_path / "a")) == {tmp_path.resolve() / "a", tmp_path.resolve() / "b"}


# ------------------------------------------------------------- where there are no events


def test_without_events_the_files_are_looked_at(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> Iterator[set[object]]:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(host.watch, "watch", no_room)
    monkeypatch.setattr(host.watch, "LOOK", 20)
    ear = Ear()
    watcher = Watcher(lambda: [settings], ear.saved)
    watcher.start()
    before = ear.hears(0)
    renamed_over(settings)
    ear.hears(before)
    watcher.stop(WITHIN)


def test_a_folder_that_went_away_and_came_back_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.watch, "LOOK", 100)
    folder = tmp_path / "etc"
    folder.mkdir()
    settings = folder / "settings.toml"
    settings.write_text("first")
    ear = Ear()
    watcher = Watcher(lambda: [settings], ear.saved)
    watcher.start()
    before = ear.hears(0)
    settings.unlink()
    folder.rmdir()
    before = ear.hears(before)
    folder.mkdir()
    settings.write_text("second")
    before = ear.hears(before)
    os.utime(settings, ns=(1, 1))
    ear.hears(before)
    watcher.stop(WITHIN)

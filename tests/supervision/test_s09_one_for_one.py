"""S9, one_for_one: only the dead child restarts, and only its own failures count."""

from tests.supervision.kit import booted, started, stopped


def test_only_the_dead_child_restarts() -> None:
    daemon = booted("main")
    assert stopped(daemon.dies("core/persistence")) == []
    daemon.restarted("core/persistence")
    gens = [daemon.gen(f"core/{name}") for name in ("persistence", "control", "web", "notifier")]
    assert gens == [2, 1, 1, 1]


def test_two_dead_children_come_back_independently() -> None:
    daemon = booted("main")
    daemon.dies("core/control")
    daemon.dies("core/notifier")
    assert sorted(started(daemon.wait(1))) == ["core/control", "core/notifier"]


def test_the_restart_unit_is_the_child() -> None:
    daemon = booted("main")
    for _ in range(3):
        daemon.dies("core/web")
        daemon.restarted("core/web")
    daemon.dies("core/notifier")
    assert [(note.detail or "")[:9] for note in daemon.notes("backed_off")] == [
        "failure 1",
        "failure 2",
        "failure 3",
        "failure 1",
    ]
    assert {note.child for note in daemon.notes("backed_off")} == {"core/web", "core/notifier"}


def test_the_group_shows_the_worst_of_its_units() -> None:
    daemon = booted("main")
    daemon.dies("core/notifier")
    for _ in range(5):
        daemon.dies("core/web")
        if daemon.group("core").mode != "open":
            daemon.restarted("core/web")
    assert daemon.group("core").mode == "open"
    assert daemon.group("core").failures == 5


def test_one_that_does_not_stop_keeps_no_other_from_starting() -> None:
    daemon = booted("main")
    daemon.mute.add("core/web")
    daemon.wait_until(lambda: daemon.phase("core/web") == "abandoned")
    daemon.dies("core/control")
    assert "core/control" in started(daemon.wait(1))

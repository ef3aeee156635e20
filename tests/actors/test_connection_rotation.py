"""Planned rotation: the next socket first, and nothing lost in between."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from actors.reader import LINGER, RETIRE_WITHIN, StreamReader
from core.messages import Down, Ready, ResyncNeeded, Rotate, SendHeartbeat
from tests.actors.streams import Scene, no_readers_left, scene
from tests.support.actors import Listener, listening
from tests.support.clock import ManualClock
from tests.support.fakes import Venue, trade_ids
from tests.support.peers import CLOSE, PING, PONG, TEXT, WAIT, Gone, Guest
from tests.support.waiting import eventually

ROTATE = Rotate("it has reached its age")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.reader.LINGER", LINGER / 20)


@pytest.fixture
def live(listener: Listener, tmp_path: Path, venue: Venue) -> Iterator[tuple[Scene, Guest]]:
    """A subscribed connection in real time."""
    with scene(listener, tmp_path, venue) as one:
        guest = venue.next()
        listener.skip_to(Ready)
        yield one, guest


@pytest.fixture
def timed(listener: Listener, tmp_path: Path, venue: Venue) -> Iterator[tuple[Scene, Guest, ManualClock]]:
    """The same with time in the hands of the test."""
    clock = ManualClock()
    with scene(listener, tmp_path, venue, clock=clock) as one:
        guest = venue.next()
        listener.skip_to(Ready)
        yield one, guest, clock


def is_left(guest: Guest) -> bool:
    return guest.sock.fileno() == -1


def is_left_when_woken(guest: Guest) -> bool:
    """A reader looks at the clock when something comes."""
    with suppress(OSError):
        guest.send(PING, b"")
    return is_left(guest)


def has_rotated(one: Scene) -> bool:
    return one.actor._successor is None and one.actor._retiring is not None


def test_the_old_socket_is_left_only_after_the_new_one_is_subscribed_and_nobody_is_told(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    release = threading.Event()

    def slow(guest: Guest) -> None:
        release.wait(WAIT)
        venue.welcome(guest)

    venue.manners = slow
    opened = one.vitals.duties["rotation"]
    one.ref.tell(ROTATE)
    old.text("fill 1")
    one.tap.trades("1")
    assert not is_left(old)
    release.set()
    new = venue.next()
    eventually(lambda: is_left(old), what="the end of the old socket")
    new.text("fill 2")
    one.tap.trades("2")
    one.settle()
    assert one.listener.rest() == [], "no Down, no second Ready, no reconcile"
    assert one.vitals.duties["rotation"] > opened
    assert one.vitals.subscribed_gen == 1


def test_what_is_still_on_its_way_on_the_old_socket_is_read_before_it_is_left(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    one.ref.tell(ROTATE)
    new = venue.next()
    eventually(lambda: has_rotated(one))
    for number in range(200):
        old.text(f"fill old-{number}")
        new.text(f"fill new-{number}")
    wanted = [f"{side}-{number}" for number in range(200) for side in ("old", "new")]
    assert sorted(trade_ids(one.tap.trades(*wanted))) == sorted(wanted)


def test_events_that_both_sockets_bring_reach_the_ledger_twice_for_it_knows_them_apart(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    one.ref.tell(ROTATE)
    new = venue.next()
    eventually(lambda: has_rotated(one))
    old.text("fill 1")
    new.text("fill 1")
    batches = one.tap.until(lambda batches: trade_ids(batches) == ["1", "1"])
    assert len({batch.origin for batch in batches}) == 1


def test_a_server_that_leaves_is_answered_by_a_new_socket(live: tuple[Scene, Guest], venue: Venue) -> None:
    one, old = live
    old.text("leaving")
    venue.next().text("fill 1")
    one.tap.trades("1")
    assert one.listener.rest() == []


def test_a_second_request_while_rotating_opens_no_third_socket(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    old.text("leaving")
    for _ in range(5):
        one.ref.tell(ROTATE)
        old.text("leaving")
    venue.next()
    eventually(lambda: is_left(old), what="the end of the old socket")
    assert one.actor._made == 2


def test_a_rotation_that_is_asked_for_while_the_last_one_ends_follows_it(
    timed: tuple[Scene, Guest, ManualClock], venue: Venue
) -> None:
    one, old, clock = timed
    one.ref.tell(ROTATE)
    second = venue.next()
    eventually(lambda: has_rotated(one))
    second.text("leaving")
    second.text("fill 1")
    one.tap.trades("1")
    one.settle()
    clock.advance(LINGER)
    one.ref.tell(SendHeartbeat())
    eventually(lambda: is_left_when_woken(old), what="the end of the old socket")
    eventually(lambda: one.actor._retiring is None)
    clock.advance(RETIRE_WITHIN)
    venue.next().text("fill 2")
    one.tap.trades("2")


def test_if_the_successor_fails_the_old_one_stays_and_it_is_tried_again_later(
    timed: tuple[Scene, Guest, ManualClock], venue: Venue
) -> None:
    one, old, clock = timed

    def leave(guest: Guest) -> None:
        guest.request()

    venue.manners = leave
    one.ref.tell(ROTATE)
    eventually(lambda: one.actor._made == 2 and one.actor._successor is None, what="a failed successor")
    one.settle()  # and when it is tried again is settled too
    old.text("fill 1")
    one.tap.trades("1")
    venue.manners = venue.welcome
    for _ in range(5):
        clock.advance(12.0)
        old.send(PING, b"")
        eventually(lambda: one.vitals.transport_at == clock.boottime())
    venue.next().text("fill 2")
    one.tap.trades("2")
    assert one.listener.rest() == []


def test_a_successor_that_is_refused_for_pace_waits_as_long_as_it_was_told(
    timed: tuple[Scene, Guest, ManualClock], venue: Venue
) -> None:
    one, old, clock = timed

    def refuse(guest: Guest) -> None:
        guest.request()
        guest.raw(b"HTTP/1.1 429 Slow\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n")

    venue.manners = refuse
    one.ref.tell(ROTATE)
    eventually(lambda: one.actor._made == 2 and one.actor._successor is None, what="a failed successor")
    one.settle()  # and when it is tried again is settled too
    for elapsed in (40.0, 80.0, 120.0):
        clock.advance(40.0)
        old.send(PING, b"")
        eventually(lambda: one.vitals.transport_at == clock.boottime())
        one.settle()
        assert one.actor._made == (2 if elapsed < 100 else 3)


def test_a_successor_that_stays_mute_is_given_up_and_the_old_one_stays(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    one.exchange._subscribe_timeout = 0.05
    venue.manners = venue.mute
    one.ref.tell(ROTATE)
    eventually(lambda: one.actor._made == 2 and one.actor._successor is None, what="a failed successor")
    one.settle()  # and when it is tried again is settled too
    old.text("fill 1")
    one.tap.trades("1")
    assert one.listener.rest() == []


def deaf(guest: Guest) -> None:
    """Subscribe it, and never say a word again."""
    guest.greet()
    guest.expect(TEXT)
    guest.text("welcome")
    guest.expect(TEXT)
    guest.text("subscribed")
    guest.silence()


@pytest.fixture
def leaving(
    listener: Listener, tmp_path: Path, venue: Venue
) -> Iterator[tuple[Scene, StreamReader, ManualClock]]:
    """A connection that has rotated, and whose old reader waits for a last pong that does not come."""
    clock = ManualClock()
    venue.manners = deaf
    with scene(listener, tmp_path, venue, clock=clock) as one:
        listener.skip_to(Ready)
        venue.manners = venue.welcome
        one.ref.tell(ROTATE)
        venue.next()
        old = eventually(lambda: one.actor._retiring)
        assert old is not None
        eventually(lambda: old._deadline is not None, what="the last ping")
        yield one, old, clock


def test_an_old_socket_that_breaks_before_it_was_emptied_asks_for_a_reconcile(
    leaving: tuple[Scene, StreamReader, ManualClock],
) -> None:
    one, old, _ = leaving
    old.abort()
    assert "broke while it was being left" in one.listener.next(ResyncNeeded).cause
    one.settle()
    assert one.listener.rest() == []


def test_an_old_socket_that_does_not_answer_the_last_ping_asks_for_a_reconcile(
    leaving: tuple[Scene, StreamReader, ManualClock],
) -> None:
    one, old, clock = leaving
    clock.advance(RETIRE_WITHIN)
    old._socket.wake()
    assert "was not answered" in one.listener.next(ResyncNeeded).cause


def test_an_old_socket_that_closes_when_it_is_empty_needs_no_reconcile(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    one.ref.tell(ROTATE)
    venue.next()
    retiring = eventually(lambda: one.actor._retiring)
    assert retiring is not None
    eventually(lambda: retiring._retire_at, what="the last pong")
    old.reset()
    eventually(lambda: one.actor._retiring is None)
    assert one.listener.rest() == []


def test_if_the_old_one_dies_while_the_successor_comes_up_the_generation_ends(
    live: tuple[Scene, Guest], venue: Venue
) -> None:
    one, old = live
    venue.manners = venue.mute
    one.ref.tell(ROTATE)
    eventually(lambda: one.actor._successor is not None)
    old.reset()
    assert one.listener.next(Down).reason == "link"
    no_readers_left()


def test_after_a_rotation_the_new_socket_is_the_one_that_is_watched_and_kept_alive(
    timed: tuple[Scene, Guest, ManualClock], venue: Venue
) -> None:
    one, old, clock = timed
    beats: list[bytes] = []

    def counting(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("welcome")
        guest.expect(TEXT)
        guest.text("subscribed")
        while True:
            kind, payload = guest.receive()
            if kind == PING:
                beats.append(payload)
                guest.send(PONG, payload)

    venue.manners = counting
    one.ref.tell(ROTATE)
    eventually(lambda: has_rotated(one))
    one.ref.tell(SendHeartbeat())
    eventually(lambda: beats == [b"vigil"])
    clock.advance(46.0)
    assert one.listener.next(Down).reason == "link"
    assert old is not None


def test_a_stop_in_the_middle_of_a_rotation_leaves_no_thread(live: tuple[Scene, Guest], venue: Venue) -> None:
    one, _ = live
    venue.manners = venue.mute
    one.ref.tell(ROTATE)
    eventually(lambda: one.actor._successor is not None)
    one.ref.stop(block=True, timeout=WAIT)
    no_readers_left()


def test_the_old_socket_is_left_with_a_goodbye(listener: Listener, tmp_path: Path, venue: Venue) -> None:
    heard: list[int] = []

    def listens(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("welcome")
        guest.expect(TEXT)
        guest.text("subscribed")
        try:
            while True:
                kind, payload = guest.receive()
                heard.append(kind)
                if kind == PING:
                    guest.send(PONG, payload)
        except Gone:
            return

    venue.manners = listens
    with scene(listener, tmp_path, venue) as one:
        listener.skip_to(Ready)
        venue.manners = venue.welcome
        one.ref.tell(ROTATE)
        venue.next()
        eventually(lambda: heard, lambda kinds: kinds == [PING, CLOSE])


def test_threads_are_the_same_after_many_rotations(live: tuple[Scene, Guest], venue: Venue) -> None:
    one, guest = live

    def readers() -> int:
        return len([thread for thread in threading.enumerate() if " reader " in thread.name])

    for number in range(3):
        one.ref.tell(ROTATE)
        guest = venue.next()
        eventually(lambda: one.actor._retiring is None and readers() == 1, what=f"rotation {number} to end")
    guest.text("fill 1")
    one.tap.trades("1")

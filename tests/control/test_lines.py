"""Lines off a socket whose other end may do anything."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.lines import Lines, LineTooLong, Unfinished
from core.clock import SystemClock

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def lines(near: socket.socket, **limits: Any) -> Lines:
    return Lines(near, SystemClock(), **{"longest": 100, "idle": 10.0, "pace": 10.0, **limits})


class SteppingClock(SystemClock):
    """A second passes each time somebody looks."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_lines_come_one_by_one_however_they_were_sent(pair: Pair) -> None:
    near, far = pair
    reading = lines(near)
    far.sendall(b"one\ntwo\nth")
    assert [reading.next(), reading.next()] == [b"one", b"two"]
    far.sendall(b"ree\n")
    assert reading.next() == b"three"


def test_a_last_line_without_an_end_is_a_line(pair: Pair) -> None:
    near, far = pair
    reading = lines(near)
    far.sendall(b"one\ntwo")
    far.shutdown(socket.SHUT_WR)
    assert [reading.next(), reading.next(), reading.next()] == [b"one", b"two", None]


def test_an_empty_line_is_a_line_and_not_the_end(pair: Pair) -> None:
    near, far = pair
    far.sendall(b"\none\n")
    reading = lines(near)
    assert [reading.next(), reading.next()] == [b"", b"one"]


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_a_line_of_just_the_limit_passes_and_one_byte_more_does_not(pair: Pair, ending: bytes) -> None:
    near, far = pair
    far.sendall(b"x" * 100 + b"\n" + b"y" * 101 + ending)
    reading = lines(near)
    assert reading.next() == b"x" * 100
    with pytest.raises(LineTooLong):
        reading.next()


def test_ten_megabytes_without_an_end_are_cut_off_early(pair: Pair) -> None:
    """The sender is stopped by the full socket: nothing was read into memory but the limit."""
    near, far = pair
    stuck = threading.Thread(target=send_until_broken, args=(far,))
    stuck.start()
    with pytest.raises(LineTooLong):
        lines(near, longest=1 << 20).next()
    near.close()
    stuck.join(10)
    assert not stuck.is_alive()


def send_until_broken(far: socket.socket) -> None:
    with pytest.raises(OSError):
        far.sendall(b"x" * 10_000_000)


def test_silence_between_lines_is_the_end(pair: Pair) -> None:
    near, _far = pair
    assert lines(near, idle=0.01).next() is None


def test_silence_within_a_line_is_an_error(pair: Pair) -> None:
    near, far = pair
    far.sendall(b"half a li")
    with pytest.raises(Unfinished):
        lines(near, pace=0.01).next()


def test_a_byte_now_and_then_does_not_keep_a_line_open(pair: Pair) -> None:
    """What counts is the time since the line began, not since its last byte."""
    near, far = pair
    reading = Lines(near, SteppingClock(), longest=100, idle=10, pace=3.5)
    far.sendall(b"a")
    received = near.recv

    class Dripping:
        def settimeout(self, _seconds: float) -> None:
            return None

        def recv(self, _size: int) -> bytes:
            return received(1) if not far.send(b"b") else b"b"

    reading._source = Dripping()  # type: ignore[assignment]
    with pytest.raises(Unfinished):
        reading.next()


def test_what_waits_in_the_buffer_is_under_the_same_pace(pair: Pair) -> None:
    near, far = pair
    far.sendall(b"one\nhalf a li")
    reading = lines(near, idle=10, pace=0.01)
    assert reading.next() == b"one"
    with pytest.raises(Unfinished):
        reading.next()


@given(
    st.lists(st.binary(max_size=80).map(lambda b: b.replace(b"\n", b" ")), max_size=20), st.integers(1, 50)
)
def test_any_lines_in_any_pieces_come_out_as_they_went_in(sent: list[bytes], size: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        stream = b"".join(line + b"\n" for line in sent)
        for start in range(0, len(stream), size):
            far.sendall(stream[start : start + size])
        far.shutdown(socket.SHUT_WR)
        reading = lines(near)
        assert list(iter(reading.next, None)) == sent

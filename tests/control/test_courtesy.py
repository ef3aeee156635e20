"""Whoever asks gives way: one at a time, behind the writer, and for a fifth of the time at most."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from control import courtesy
from control.courtesy import Courtesy
from core.clock import SystemClock
from tests.control.kit import WAIT, Feed
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


class Writer(Feed):
    """Commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_busy = False

    @property
    def sequence(self) -> int:
        return self._sequence

    def commit(self) -> None:
        self.is_busy = False
        self.publish(self.sequence + 1)


class Pauses(threading.Event):
    """Remembers for how long somebody wanted to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout or 0.0)
        return False


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given up for slow."""
    monkeypatch.setattr(courtesy, "HOLD", WAIT)
    monkeypatch.setattr(courtesy, "PATIENCE", WAIT)


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def given(writer: Writer) -> Courtesy:
    return Courtesy(SystemClock(), writer, lambda: writer.is_busy)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_one_answer_is_made_at_a_time(patient: None, given: Courtesy, pool: ThreadPoolExecutor) -> None:
    inside: set[int] = set()
    most: list[int] = []

    def answer(number: int) -> None:
        with given.turn():
            inside.add(number)
            most.append(len(inside))
            inside.remove(number)

    list(pool.map(answer, range(400)))
    assert (len(most), max(most)) == (400, 1)


def test_turns_come_in_the_order_of_asking(patient: None, given: Courtesy, pool: ThreadPoolExecutor) -> None:
    order: list[int] = []

    def answer(number: int) -> None:
        with given.turn():
            order.append(number)

    with given.turn():
        waiting = []
        for number in range(5):
            before = given._last
            waiting.append(pool.submit(answer, number))
            eventually(lambda before=before: given._last is not before, what="one more in line")  # type: ignore[misc]
    for one in waiting:
        one.result(WAIT)
    assert order == [0, 1, 2, 3, 4]


def test_who_takes_long_is_not_waited_for(
    given: Courtesy, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courtesy, "HOLD", 0.001)
    answered = threading.Event()

    def answer() -> None:
        with given.turn():
            answered.set()

    with given.turn():
        pool.submit(answer)
        assert answered.wait(WAIT)


def test_an_answer_begins_behind_the_commit_that_is_under_way(
    patient: None, given: Courtesy, writer: Writer, pool: ThreadPoolExecutor
) -> None:
    writer.is_busy = True
    seen: list[int] = []

    def answer() -> None:
        with given.turn():
            seen.append(writer.sequence)

    asked = pool.submit(answer)
    assert writer.asleep.wait(WAIT)  # somebody waits for the commit
    writer.commit()
    asked.result(WAIT)
    assert seen == [1]


def test_a_writer_that_is_never_at_rest_shuts_nobody_out(
    given: Courtesy, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courtesy, "PATIENCE", 0.001)
    writer.is_busy = True
    with given.turn():
        assert writer.is_busy


@pytest.mark.parametrize(("took", "rest"), [(0.01, 0.04), (7.0, courtesy.LONGEST_REST)])
def test_the_next_one_waits_four_times_as_long_as_the_last_one_took_where_something_was_committed(
    writer: Writer, took: float, rest: float
) -> None:
    clock, pauses = ManualClock(), Pauses()
    given = Courtesy(clock, writer, lambda: False)
    given._never = pauses
    with given.turn():
        writer.commit()
        clock.advance(took)
    with given.turn():
        pass
    assert pauses.asked == pytest.approx([0.0, rest])


def test_while_nothing_happens_nobody_waits(writer: Writer) -> None:
    clock, pauses = ManualClock(), Pauses()
    given = Courtesy(clock, writer, lambda: False)
    given._never = pauses
    for _ in range(3):
        with given.turn():
            clock.advance(1)
    assert pauses.asked == [0.0] * 3


def test_an_answer_that_fails_is_over_too(patient: None, given: Courtesy) -> None:
    with pytest.raises(ZeroDivisionError), given.turn():
        raise ZeroDivisionError
    with given.turn():
        pass

"""The scheduler, real: it tells, and a stepping wall clock does not silence it."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from host.ticker import Ticker

WAIT = 10.0


class Ticked:
    """What a job tells: counts, and can be waited for."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.count = 0

    def __call__(self) -> None:
        with self._news:
            self.count += 1
            self._news.notify_all()

    def more(self, times: int = 1) -> bool:
        """Wait for so many more ticks."""
        with self._news:
            wanted = self.count + times
            return self._news.wait_for(lambda: self.count >= wanted, WAIT)


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    one = Ticker()
    yield one
    one.shutdown()


def test_a_job_ticks_again_and_again(ticker: Ticker) -> None:
    ticked = Ticked()
    ticker.every("main/keepalive#1", 0.02, ticked)
    assert ticked.more(5)


def test_jobs_tick_side_by_side_and_one_that_fails_silences_neither_itself_nor_others(ticker: Ticker) -> None:
    tries, ticked = Ticked(), Ticked()

    def fail() -> None:
        tries()
        raise ValueError("a dead actor")

    ticker.every("one#1", 0.02, fail)
    ticker.every("two#1", 0.02, ticked)
    assert tries.more(3)
    assert ticked.more(3)


def test_a_removed_job_ticks_no_more_and_is_forgotten(ticker: Ticker) -> None:
    removed, witness = Ticked(), Ticked()
    ticker.every("old#1", 0.02, removed)
    ticker.every("new#2", 0.02, witness)
    assert removed.more()
    ticker.remove("old#1")
    count = removed.count
    assert witness.more(5)
    assert removed.count == count
    assert ticker.jobs() == {"new#2"}


def test_removing_what_is_not_there_is_fine(ticker: Ticker) -> None:
    ticker.every("one#1", 60, Ticked())
    ticker.remove("one#1")
    ticker.remove("one#1")
    ticker.remove("never#9")


def test_a_job_of_the_same_id_takes_the_place_of_the_old_one(ticker: Ticker) -> None:
    old, new = Ticked(), Ticked()
    ticker.every("one#1", 3600, old)
    ticker.every("one#1", 0.02, new)
    assert new.more(2)
    assert old.count == 0
    assert ticker.jobs() == {"one#1"}


def test_when_the_wall_clock_is_set_back_rearming_brings_the_ticks_back(
    ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [timedelta(0)]

    class Stepping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Stepping":
            return super().now(tz) + steps[0]

    for module in ("apscheduler.schedulers.base", "apscheduler.triggers.interval"):
        monkeypatch.setattr(f"{module}.datetime", Stepping)
    ticked = Ticked()
    ticker.every("one#1", 0.05, ticked)
    assert ticked.more()
    steps[0] = timedelta(hours=-1)
    ticker.rearm()
    assert ticked.more(3)


def test_it_costs_one_thread_however_many_jobs_there_are_and_none_afterwards() -> None:
    before = threading.active_count()
    ticker, ticked = Ticker(), Ticked()
    for number in range(50):
        ticker.every(f"{number}/keepalive#1", 0.05, ticked)
    assert ticked.more(100)
    assert threading.active_count() == before + 1
    ticker.shutdown()
    assert threading.active_count() == before

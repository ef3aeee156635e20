"""What wakes the main thread, and that nothing it does can keep it asleep."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from host.signals import ENDING, Signals

LONG = 30.0
"""Seconds that nobody waits here: each wait is ended by what the test does."""


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as signals:
        yield signals


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_wakes_the_wait_and_is_named(signals: Signals, number: int) -> None:
    os.kill(os.getpid(), number)
    assert signals.wait(LONG) == "signal"
    assert signals.cause == signal.Signals(number).name


def test_a_signal_ends_a_wait_that_has_begun(signals: Signals) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert signals.wait(LONG) == "signal"


def test_without_anything_the_wait_ends_by_itself(signals: Signals) -> None:
    assert signals.wait(0.0) is None
    assert signals.cause == ""
    assert signals.exit is None


def test_the_supervisors_last_word_wakes_the_wait(signals: Signals) -> None:
    thread = threading.Thread(target=signals.all_down, args=(70, "too many bugs"))
    thread.start()
    assert signals.wait(LONG) == "exit"
    assert signals.exit == (70, "too many bugs")
    thread.join()


def test_a_second_signal_is_a_second_wake(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    causes = []
    for _ in range(2):
        assert signals.wait(LONG) == "signal"
        causes.append(signals.cause)
    assert set(causes) == {"SIGTERM", "SIGINT"}
    assert signals.wait(0.0) is None


def test_the_last_word_is_heard_behind_a_signal(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.wait(LONG) == "signal"
    signals.all_down(0, "SIGTERM")
    assert signals.wait(LONG) == "exit"


def test_another_signal_that_somebody_handles_ends_no_wait_for_good(signals: Signals) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.wait(LONG) is None, "the main loop looks round and waits again"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_handlers_of_before_return(signals: Signals) -> None:
    ours = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is ours, "it does nothing, whoever set it"
    outer_wakes = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(outer_wakes)
    assert outer_wakes != -1
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.wait(LONG) == "signal"


def test_a_signal_never_raises_in_what_the_main_thread_does(signals: Signals) -> None:
    """Ctrl-C would be KeyboardInterrupt in the middle of anything: here it is a byte to be read."""
    os.kill(os.getpid(), signal.SIGINT)
    assert [number for number in range(1000) if number < 0] == []
    assert signals.wait(LONG) == "signal"


def test_a_hang_up_asks_for_the_settings_and_ends_nothing(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    assert signals.wait(LONG) == "reload"
    assert (signals.cause, signals.exit) == ("", None)

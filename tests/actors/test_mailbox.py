"""The mailbox: order, bounds, timers, and nothing lost at the end."""

import threading
from collections import Counter
from queue import Empty

import pykka
import pytest
from pykka import ThreadingFuture
from pykka.messages import _ActorStop

from actors.mailbox import Letter, Mailbox, MailboxClosed, MailboxFull, MailboxStats
from tests.support.clock import ManualClock

WITHIN = 10.0


def tell(mailbox: Mailbox, *messages: object) -> None:
    for message in messages:
        mailbox.put(Letter(message))


def ask(mailbox: Mailbox, message: object) -> ThreadingFuture[object]:
    future: ThreadingFuture[object] = ThreadingFuture()
    mailbox.put(Letter(message, reply_to=future))
    return future


def drained(mailbox: Mailbox) -> list[object]:
    """Everything that can be had at once."""
    heard = []
    while True:
        try:
            heard.append(mailbox.get(0).message)
        except Empty:
            return heard


# ------------------------------------------------------------------------ order


def test_data_is_heard_in_the_order_it_was_told() -> None:
    mailbox = Mailbox()
    tell(mailbox, 1, 2, 3)
    assert drained(mailbox) == [1, 2, 3]


def test_control_is_heard_before_timers_and_timers_before_data() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    tell(mailbox, "data")
    mailbox.later(1, "timer")
    mailbox.urge(Letter("control"))
    clock.advance(1)
    assert drained(mailbox) == ["control", "timer", "data"]


def test_a_stop_of_pykka_does_not_queue_behind_data() -> None:
    mailbox = Mailbox()
    tell(mailbox, 1, _ActorStop())
    assert isinstance(mailbox.get(0).message, _ActorStop)


def test_control_is_not_refused_by_a_full_mailbox() -> None:
    mailbox = Mailbox(limit=1)
    tell(mailbox, 1)
    mailbox.urge(Letter("control"))
    assert drained(mailbox) == ["control", 1]


def test_what_an_earlier_generation_left_is_heard_before_newer_data() -> None:
    mailbox = Mailbox()
    tell(mailbox, "new")
    mailbox.restore([Letter("first"), Letter("second")])
    assert drained(mailbox) == ["first", "second", "new"]


# ----------------------------------------------------------------------- timers


def test_a_timer_is_not_heard_before_it_is_due() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    mailbox.later(5, "tick")
    clock.advance(4.9)
    assert drained(mailbox) == []
    clock.advance(0.1)
    assert drained(mailbox) == ["tick"]


def test_timers_are_heard_in_the_order_they_are_due_and_equal_ones_as_they_were_set() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    for seconds, name in ((3, "c"), (1, "a"), (2, "b1"), (2, "b2")):
        mailbox.later(seconds, name)
    clock.advance(10)
    assert drained(mailbox) == ["a", "b1", "b2", "c"]


def test_a_cancelled_timer_is_not_heard() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    timer = mailbox.later(1, "cancelled")
    mailbox.later(2, "kept")
    timer.cancel()
    clock.advance(5)
    assert drained(mailbox) == ["kept"]


def test_a_waiting_consumer_wakes_up_for_its_timer() -> None:
    mailbox = Mailbox()
    mailbox.later(0.02, "tick")
    assert mailbox.get(WITHIN).message == "tick"


def test_a_timer_set_while_the_consumer_waits_for_a_later_one_is_heard_first() -> None:
    mailbox = Mailbox()
    mailbox.later(WITHIN, "late")
    setter = threading.Timer(0.02, lambda: mailbox.later(0.01, "early"))
    setter.start()
    assert mailbox.get(WITHIN).message == "early"
    setter.join()


def test_waiting_with_a_timeout_ends_without_a_message() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    mailbox.later(60, "not yet")
    with pytest.raises(Empty):
        mailbox.get(0)


# ----------------------------------------------------------------------- bounds


def test_a_full_mailbox_refuses_a_tell_and_counts_it() -> None:
    mailbox = Mailbox(limit=2)
    tell(mailbox, 1, 2)
    with pytest.raises(MailboxFull):
        tell(mailbox, 3)
    assert mailbox.stats() == MailboxStats(depth=2, high=2, dropped=1)
    assert drained(mailbox) == [1, 2]


def test_a_full_mailbox_answers_an_ask_with_the_refusal() -> None:
    mailbox = Mailbox(limit=1)
    tell(mailbox, 1)
    with pytest.raises(MailboxFull):
        ask(mailbox, 2).get(timeout=0)


def test_drop_oldest_gives_up_the_oldest_and_counts_it() -> None:
    mailbox = Mailbox(limit=2, overflow="drop_oldest")
    tell(mailbox, 1, 2, 3)
    assert mailbox.stats().dropped == 1
    assert drained(mailbox) == [2, 3]


def test_an_ask_that_is_displaced_is_answered() -> None:
    mailbox = Mailbox(limit=1, overflow="drop_oldest")
    future = ask(mailbox, 1)
    tell(mailbox, 2)
    with pytest.raises(MailboxFull):
        future.get(timeout=0)


def test_keep_last_keeps_the_newest_message_of_each_type() -> None:
    mailbox = Mailbox(overflow="keep_last")
    tell(mailbox, 1, "a", 2, "b", 3)
    assert mailbox.stats() == MailboxStats(depth=2, high=2, dropped=3)
    assert drained(mailbox) == ["b", 3]


def test_keep_last_is_bounded_by_its_limit_too() -> None:
    mailbox = Mailbox(limit=2, overflow="keep_last")
    tell(mailbox, 1, "a", 2.0)
    assert drained(mailbox) == ["a", 2.0]


def test_without_a_limit_nothing_is_refused() -> None:
    mailbox = Mailbox(limit=None)
    tell(mailbox, *range(5000))
    assert mailbox.stats() == MailboxStats(depth=5000, high=5000, dropped=0)


def test_the_high_mark_stays_when_the_depth_falls() -> None:
    mailbox = Mailbox()
    tell(mailbox, 1, 2, 3)
    drained(mailbox)
    assert mailbox.stats() == MailboxStats(depth=0, high=3, dropped=0)
    assert mailbox.empty()


# ---------------------------------------------------------------------- the end


def test_a_tell_after_close_raises_on_both_lanes() -> None:
    mailbox = Mailbox()
    mailbox.close()
    with pytest.raises(pykka.ActorDeadError):
        tell(mailbox, 1)
    with pytest.raises(pykka.ActorDeadError):
        mailbox.urge(Letter(1))


def test_an_ask_after_close_is_answered_with_actor_dead() -> None:
    mailbox = Mailbox()
    mailbox.close()
    with pytest.raises(pykka.ActorDeadError):
        ask(mailbox, 1).get(timeout=0)


def test_close_hands_out_the_tells_control_first_and_answers_the_asks() -> None:
    mailbox = Mailbox()
    tell(mailbox, 1)
    future = ask(mailbox, 2)
    tell(mailbox, 3)
    mailbox.urge(Letter("control"))
    assert [letter.message for letter in mailbox.close()] == ["control", 1, 3]
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=0)


def test_a_stop_that_waits_when_the_mailbox_closes_has_been_obeyed() -> None:
    mailbox = Mailbox()
    future = ask(mailbox, _ActorStop())
    assert mailbox.close() == []
    assert future.get(timeout=0) is None


def test_only_the_first_close_hands_something_out() -> None:
    mailbox = Mailbox()
    tell(mailbox, 1)
    assert len(mailbox.close()) == 1
    assert mailbox.close() == []


def test_nothing_comes_out_of_a_closed_mailbox_not_even_a_timer() -> None:
    clock = ManualClock()
    mailbox = Mailbox(now=clock.monotonic)
    mailbox.later(1, "timer")
    mailbox.close()
    clock.advance(2)
    with pytest.raises(MailboxClosed):
        mailbox.get(0)


def test_close_wakes_a_consumer_that_waits_for_ever() -> None:
    mailbox = Mailbox()
    closed = threading.Event()

    def consume() -> None:
        try:
            mailbox.get()
        except MailboxClosed:
            closed.set()

    consumer = threading.Thread(target=consume)
    consumer.start()
    mailbox.close()
    assert closed.wait(WITHIN)
    consumer.join(WITHIN)


def test_in_a_storm_each_message_is_heard_handed_out_or_refused_and_each_once() -> None:
    """Conservation (S29): senders on both lanes, a consumer, and a close in the middle."""
    mailbox = Mailbox(limit=50)
    heard: list[object] = []
    refused: list[object] = []
    halfway = threading.Event()

    def send(sender: int) -> None:
        for n in range(2000):
            if n == 1000:
                halfway.set()
            try:
                tell(mailbox, (sender, n))
            except (MailboxFull, pykka.ActorDeadError):
                refused.append((sender, n))

    def consume() -> None:
        try:
            while True:
                heard.append(mailbox.get().message)
        except MailboxClosed:
            pass

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    threads.append(threading.Thread(target=consume))
    for thread in threads:
        thread.start()
    assert halfway.wait(WITHIN)
    left = [letter.message for letter in mailbox.close()]
    for thread in threads:
        thread.join(WITHIN)

    fates = Counter([*heard, *left, *refused])
    assert fates == Counter({(sender, n): 1 for sender in range(4) for n in range(2000)})
    assert mailbox.accepted == len(heard) + len(left)
    assert mailbox.taken == len(heard)


def test_each_sender_is_heard_in_its_own_order() -> None:
    mailbox = Mailbox(limit=None)
    threads = [
        threading.Thread(target=lambda sender=sender: tell(mailbox, *((sender, n) for n in range(500))))
        for sender in range(3)
    ]
    for thread in threads:
        thread.start()
    heard = [mailbox.get(WITHIN).message for _ in range(1500)]
    for thread in threads:
        thread.join(WITHIN)
    for sender in range(3):
        assert [n for who, n in heard if who == sender] == list(range(500))

"""One life, one certain end: what every actor inherits."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actors.base import Actor, Address, reason_of
from actors.mailbox import Letter
from core.errors import ClockError, FatalError, LinkError, NotFound, RateLimited, Unreadable
from core.facts import Origin
from core.messages import Down, GiveUp, Ping, Pong, Ready, Stop, ThreadEnded, Tick
from tests.support import actors as kit
from tests.support.actors import (
    WITHIN,
    Events,
    Hang,
    HangsAtStop,
    Listener,
    Puppet,
    Raise,
    gone,
    listening,
    reached,
    start,
)
from tests.support.clock import ManualClock

NOT_AN_EXCEPTION = (SystemExit(3), KeyboardInterrupt(), GeneratorExit())


@pytest.fixture
def supervisor() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


# ------------------------------------------------------------------------ living


def test_it_starts_handles_and_stops_in_that_order_and_says_so(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    supervisor.next(Ready)
    puppet.me.tell("hello")
    reached(puppet.events.handled)
    assert not puppet.events.stopping.is_set()
    puppet.me.urge(Stop())
    assert supervisor.next(Down) == Down("acme/child", 1, "shutdown")
    assert puppet.events.heard == ["hello"]
    assert puppet.events.stopping.is_set()


def test_ready_is_said_when_the_author_says_so_and_not_before(supervisor: Listener) -> None:
    puppet = start(kit.NeverReady, supervisor)
    reached(puppet.events.started)
    assert supervisor.rest() == []
    puppet.ready()
    assert supervisor.next(Ready) == Ready("acme/child", 1)


def test_an_ask_is_answered_with_what_the_handler_returns(supervisor: Listener) -> None:
    assert Puppet.start(supervisor.context()).ask("question", timeout=WITHIN) == "question"


def test_a_ping_is_answered_without_the_author(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    supervisor.next(Ready)
    puppet.me.urge(Ping(1, 7))
    assert supervisor.next(Pong) == Pong("acme/child", 1, 7)
    assert puppet.events.heard == []


def test_an_actor_that_hangs_does_not_answer_a_ping(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    supervisor.next(Ready)
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    puppet.me.urge(Ping(1, 1))
    assert supervisor.rest() == []
    puppet.events.release.set()
    supervisor.next(Pong)


def test_a_timer_is_handled_like_a_message() -> None:
    clock = ManualClock()
    with listening(clock) as supervisor:
        puppet = start(Puppet, supervisor)
        clock.drives(puppet)
        puppet.later(60, "due")
        cancelled = puppet.later(30, "never")
        cancelled.cancel()
        clock.advance(60)
        reached(puppet.events.handled)
        assert puppet.events.heard == ["due"]


def test_it_runs_in_a_daemon_thread_named_after_its_generation(supervisor: Listener) -> None:
    thread = start(Puppet, supervisor, gen=4).thread
    assert thread.daemon
    assert thread.name == "acme/child#4"


def test_its_origin_is_its_fence(supervisor: Listener) -> None:
    assert supervisor.context(gen=7).origin == Origin("boot", "acme/child", 7)


def test_a_handler_that_nobody_wrote_is_a_bug_that_names_the_message(supervisor: Listener) -> None:
    Actor.start(supervisor.context()).tell("unexpected")
    assert "Actor does not handle str" in supervisor.next(Down).detail


# ----------------------------------------------------------------- dying (S6, S10)

ENDS = [
    (Puppet, Raise(ValueError("boom")), "ValueError: boom"),
    (Puppet, Raise(SystemExit(3)), "SystemExit: 3"),
    (Puppet, Raise(KeyboardInterrupt()), "KeyboardInterrupt: "),
    (kit.FailsToStart, None, "ValueError: cannot start"),
    (kit.ExitsAtStart, None, "SystemExit: 3"),
    (kit.FailsToStop, Stop(), "ValueError: cannot stop"),
    (kit.FailsToStop, Raise(KeyError("first")), "KeyError: 'first'"),
    (kit.HasNoThread, None, "no thread: can't start new thread"),
]


@pytest.mark.parametrize(("kind", "message", "detail"), ENDS, ids=lambda value: str(value)[:40])
def test_whatever_ends_it_there_is_one_down_and_no_trace(
    supervisor: Listener, kind: type[Puppet], message: Any, detail: str
) -> None:
    bystander = Puppet.start(supervisor.context("acme/bystander"))
    supervisor.next(Ready)
    ref = kind.start(supervisor.context())
    if message is not None:
        supervisor.directory.address("acme/child").tell(message)
    down = supervisor.skip_to(Down)
    assert down == Down("acme/child", 1, "bug", detail)
    assert not ref.is_alive()
    assert pykka.ActorRegistry.get_all() == [bystander]
    assert supervisor.directory.find("acme/child") is None
    assert bystander.ask("still there", timeout=WITHIN) == "still there"
    assert [other for other in supervisor.rest() if isinstance(other, Down)] == []


@pytest.mark.parametrize("error", [ValueError("boom"), *NOT_AN_EXCEPTION], ids=repr)
def test_an_error_under_ask_goes_to_the_caller_and_kills_as_well(
    supervisor: Listener, error: BaseException
) -> None:
    ref = Puppet.start(supervisor.context())
    with pytest.raises((ValueError, pykka.ActorDeadError), match=r"boom|ended with"):
        ref.ask(Raise(error), timeout=WITHIN)
    down = supervisor.skip_to(Down)
    assert down.reason == "bug"
    assert down.detail.startswith(type(error).__name__)


@pytest.mark.parametrize("error", [ValueError(), *NOT_AN_EXCEPTION], ids=repr)
def test_an_error_never_stops_another_actor(supervisor: Listener, error: BaseException) -> None:
    bystander = Puppet.start(supervisor.context("acme/bystander"))
    Puppet.start(supervisor.context()).tell(Raise(error))
    supervisor.skip_to(Down)
    assert bystander.is_alive()
    assert bystander.ask(1, timeout=WITHIN) == 1


def test_the_author_cleans_up_on_failure_too(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    puppet.me.tell(Raise(ValueError()))
    supervisor.skip_to(Down)
    assert puppet.events.stopping.is_set()


def test_proxies_are_refused(supervisor: Listener) -> None:
    proxy = Puppet.start(supervisor.context()).proxy()
    with pytest.raises(TypeError, match="send a message"):
        proxy.events.get(timeout=WITHIN)
    assert supervisor.skip_to(Down).reason == "bug"


def test_its_thread_ends_with_it(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    puppet.me.urge(Stop())
    gone(puppet.thread)


def test_pykkas_own_stop_waits_for_the_clean_up_and_is_an_ordered_end(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    assert puppet.actor_ref.stop(block=True, timeout=WITHIN)
    assert puppet.events.stopping.is_set()
    assert supervisor.skip_to(Down).reason == "shutdown"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LinkError("reset"), "link"),
        (RateLimited("slow down"), "link"),
        (ClockError("-1021"), "link"),
        (Unreadable("not JSON"), "link"),
        (FatalError("bad key"), "fatal"),
        (NotFound("order"), "bug"),
        (OSError("no such file"), "bug"),
        (MemoryError(), "bug"),
        (SystemExit(), "bug"),
    ],
    ids=repr,
)
def test_the_error_decides_what_the_supervisor_is_told(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason


def test_what_is_fatal_is_told_in_its_own_words_for_people_will_read_them(supervisor: Listener) -> None:
    Puppet.start(supervisor.context()).tell(Raise(FatalError("the key has expired")))
    assert supervisor.skip_to(Down).detail == "the key has expired"


def test_the_detail_of_a_down_is_of_a_readable_length(supervisor: Listener) -> None:
    Puppet.start(supervisor.context()).tell(Raise(ValueError("x" * 10_000)))
    assert len(supervisor.skip_to(Down).detail) == 500


def test_a_servers_hint_travels_with_the_down(supervisor: Listener) -> None:
    Puppet.start(supervisor.context()).tell(Raise(RateLimited("429", retry_after=17.0)))
    down = supervisor.skip_to(Down)
    assert (down.reason, down.retry_after) == ("link", 17.0)


def test_a_connection_that_is_of_no_use_is_told_to_give_up_and_ends_with_link(supervisor: Listener) -> None:
    Puppet.start(supervisor.context())
    supervisor.directory.address("acme/child").urge(GiveUp("mute"))
    assert supervisor.skip_to(Down) == Down("acme/child", 1, "link", "LinkError: mute")


# --------------------------------------------------------- abandoned (S23, S24, S25)


def test_an_abandoned_actor_is_forgotten_at_once_and_its_stack_is_kept(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    stack = puppet.abandon("hang")
    assert "in hang" in stack
    assert puppet.events.abandoned.is_set()
    assert not puppet.is_current()
    assert pykka.ActorRegistry.get_all() == []
    assert supervisor.directory.find("acme/child") is None
    puppet.events.release.set()
    gone(puppet.thread)


def test_an_abandoned_actor_that_wakes_up_handles_nothing_more_and_reports_its_end(
    supervisor: Listener,
) -> None:
    puppet = start(Puppet, supervisor)
    hang = Hang()
    puppet.me.tell(hang)
    reached(puppet.events.handling)
    puppet.me.tell("after")
    puppet.abandon("hang")
    assert not puppet.me.tell("too late")
    puppet.events.release.set()
    supervisor.skip_to(Down)
    assert supervisor.next(ThreadEnded) == ThreadEnded("acme/child", 1)
    assert supervisor.rest() == []
    assert puppet.events.heard == [hang]
    assert puppet.events.stopping.is_set()


def test_one_that_hangs_in_its_clean_up_can_be_abandoned(supervisor: Listener) -> None:
    puppet = start(HangsAtStop, supervisor)
    puppet.me.urge(Stop())
    reached(puppet.events.stopping)
    assert "hang" in puppet.abandon("did not stop")
    puppet.events.release.set()
    supervisor.skip_to(ThreadEnded)


def test_asks_that_an_abandoned_actor_owes_are_answered(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor)
    ref = puppet.actor_ref
    in_hand = ref.ask(Hang(), block=False)
    reached(puppet.events.handling)
    waiting = ref.ask("waiting", block=False)
    puppet.abandon("hang")
    for future in (in_hand, waiting):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=WITHIN)
    puppet.events.release.set()
    assert supervisor.skip_to(Down).reason == "shutdown"


def test_a_hook_that_fails_does_not_keep_it_from_being_abandoned(supervisor: Listener) -> None:
    puppet = start(kit.FailsToBeAbandoned, supervisor)
    puppet.abandon("hang")
    assert not puppet.is_current()
    gone(puppet.thread)


def test_one_that_ended_before_it_was_abandoned_still_reports_that_its_thread_is_gone(
    supervisor: Listener,
) -> None:
    puppet = start(Puppet, supervisor)
    puppet.me.urge(Stop())
    gone(puppet.thread)
    assert puppet.abandon("late") == "(the thread has ended)"
    supervisor.skip_to(ThreadEnded)
    assert supervisor.rest() == []


def test_the_lease_passes_to_the_next_generation(supervisor: Listener) -> None:
    old = start(Puppet, supervisor, gen=1)
    assert old.is_current()
    young = start(Puppet, supervisor, gen=2)
    assert young.is_current()
    assert not old.is_current()


def test_the_end_of_a_superseded_generation_takes_nothing_from_its_successor(supervisor: Listener) -> None:
    old = start(Puppet, supervisor, gen=1, carry=True)
    young = start(Puppet, supervisor, gen=2)
    old.mailbox.urge(Letter(Stop()))
    gone(old.thread)
    assert young.is_current()


# ------------------------------------------------ what was never heard (S29 to S31)


def hung(supervisor: Listener, **options: Any) -> Puppet:
    """An actor with Hang in hand and `one`, `two` waiting behind it."""
    puppet = start(Puppet, supervisor, **options)
    for message in (Hang(), "one", "two"):
        puppet.me.tell(message)
    reached(puppet.events.handling)
    return puppet


def test_what_was_not_heard_is_dead_lettered_with_the_reason(supervisor: Listener) -> None:
    puppet = hung(supervisor)
    puppet.me.urge(Stop())
    puppet.events.release.set()
    supervisor.skip_to(Down)
    assert [(letter.child, letter.gen, letter.message) for letter in supervisor.dead_letters()] == [
        ("acme/child", 1, "'one'"),
        ("acme/child", 1, "'two'"),
    ]
    assert "shutdown" in supervisor.dead_letters()[0].reason


def test_with_carry_the_next_generation_hears_it_in_order(supervisor: Listener) -> None:
    puppet = hung(supervisor, carry=True)
    puppet.me.urge(Stop())
    puppet.events.release.set()
    supervisor.skip_to(Down)
    young = start(Puppet, supervisor, gen=2, carry=True)
    assert young.actor_ref.ask("last", timeout=WITHIN) == "last"
    assert young.events.heard == ["one", "two", "last"]
    assert supervisor.dead_letters() == []


def test_the_letter_in_hand_at_a_crash_is_retried_first_and_then_quarantined(supervisor: Listener) -> None:
    poison = Raise(ValueError("poison"))
    start(Puppet, supervisor, carry=True, events=(events := Events()))
    hang = Hang()
    for message in (hang, poison, "behind"):
        supervisor.directory.address("acme/child").tell(message)
    events.release.set()
    supervisor.skip_to(Down)
    assert supervisor.dead_letters() == []

    start(Puppet, supervisor, gen=2, carry=True)
    assert "poison" in supervisor.skip_to(Down).detail
    [letter] = supervisor.dead_letters()
    assert letter.message == "Raise(ValueError('poison'))"
    assert "poison" in letter.reason

    third = start(Puppet, supervisor, gen=3, carry=True)
    third.actor_ref.ask("last", timeout=WITHIN)
    assert third.events.heard == ["behind", "last"]


def test_a_generation_that_fails_to_start_passes_the_retry_on(supervisor: Listener) -> None:
    start(Puppet, supervisor, carry=True).me.tell(Raise(ValueError("poison")))
    supervisor.skip_to(Down)
    start(kit.FailsToStart, supervisor, gen=2, carry=True)
    supervisor.skip_to(Down)
    assert supervisor.dead_letters() == []
    start(Puppet, supervisor, gen=3, carry=True)
    supervisor.skip_to(Down)
    assert len(supervisor.dead_letters()) == 1


def test_without_carry_the_letter_in_hand_is_quarantined_at_once(supervisor: Listener) -> None:
    start(Puppet, supervisor).me.tell(Raise(ValueError("poison")))
    supervisor.skip_to(Down)
    assert [letter.message for letter in supervisor.dead_letters()] == ["Raise(ValueError('poison'))"]


def test_a_letter_that_hung_is_not_repeated_because_its_effect_is_unknown(supervisor: Listener) -> None:
    puppet = hung(supervisor, carry=True)
    puppet.abandon("hang")
    assert ["Hang" in letter.message for letter in supervisor.dead_letters()] == [True]
    young = start(Puppet, supervisor, gen=2, carry=True)
    young.actor_ref.ask("last", timeout=WITHIN)
    assert young.events.heard == ["one", "two", "last"]
    puppet.events.release.set()
    gone(puppet.thread)
    assert len(supervisor.dead_letters()) == 1


def test_what_was_carried_is_buried_when_no_generation_follows(supervisor: Listener) -> None:
    puppet = hung(supervisor, carry=True)
    puppet.me.urge(Stop())
    puppet.events.release.set()
    supervisor.skip_to(Down)
    supervisor.directory.settle("acme/other")
    assert supervisor.dead_letters() == []
    supervisor.directory.settle()
    assert [letter.message for letter in supervisor.dead_letters()] == ["'one'", "'two'"]


def test_messages_about_this_moment_are_counted_but_neither_recorded_nor_carried(
    supervisor: Listener,
) -> None:
    puppet = hung(supervisor, carry=True)
    puppet.me.tell(Tick())
    puppet.abandon("hang")
    young = start(Puppet, supervisor, gen=2)
    young.actor_ref.ask("last", timeout=WITHIN)
    assert young.events.heard == ["one", "two", "last"]
    assert not supervisor.directory.address("acme/nobody").tell(Tick())
    assert all("Tick" not in letter.message for letter in supervisor.dead_letters())
    puppet.events.release.set()
    gone(puppet.thread)


def test_in_a_storm_of_crashes_each_message_is_handled_once_or_buried(supervisor: Listener) -> None:
    """Conservation (S29) across generations: nothing told is lost without trace or done twice."""
    address = supervisor.directory.address("acme/child")
    born = threading.Semaphore(0)
    generations: list[Puppet] = []
    told = 0

    def live_again_and_again() -> None:
        detail = ""
        while "the last" not in detail:
            generations.append(start(Puppet, supervisor, gen=len(generations) + 1, carry=True, mailbox=None))
            born.release()
            detail = supervisor.skip_to(Down).detail

    keeper = threading.Thread(target=live_again_and_again)
    keeper.start()
    assert born.acquire(timeout=WITHIN)
    for told in range(1, 3001):
        address.tell(told if told % 500 else Raise(ValueError(told)))
    told += 1
    while not address.tell(Raise(LinkError("the last"))):
        assert born.acquire(timeout=WITHIN)
        told += 1
    gone(keeper)
    supervisor.directory.settle()

    handled = [message for generation in generations for message in generation.events.heard]
    assert handled == sorted(set(handled))
    assert len(handled) + supervisor.directory.undelivered == told


# --------------------------------------------------------------------- addresses


def test_an_address_survives_restarts(supervisor: Listener) -> None:
    address = supervisor.directory.address("acme/child")
    assert not address.tell("before")
    first = start(Puppet, supervisor)
    assert address.tell("one")
    address.urge(Stop())
    gone(first.thread)
    second = start(Puppet, supervisor, gen=2)
    assert address.tell("two")
    reached(second.events.handled)
    assert second.events.heard == ["two"]


def test_an_address_of_one_generation_never_reaches_another(supervisor: Listener) -> None:
    first = start(Puppet, supervisor)
    start(Puppet, supervisor, gen=2)
    assert not first.me.tell("for the first")
    assert supervisor.dead_letters()[0].reason == "nobody is there"


def test_telling_nobody_is_false_counted_and_recorded(supervisor: Listener) -> None:
    address: Address[str] = supervisor.directory.address("acme/nobody")
    assert not address.tell("hello")
    assert not address.urge("hello")
    assert supervisor.directory.undelivered == 2
    letter = supervisor.dead_letters()[0]
    assert (letter.child, letter.message) == ("acme/nobody", "'hello'")


def test_telling_a_full_mailbox_is_false_and_never_blocks(supervisor: Listener) -> None:
    puppet = start(Puppet, supervisor, mailbox=1)
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    assert puppet.me.tell("fits")
    assert not puppet.me.tell("does not")
    stats = supervisor.directory.mailbox("acme/child")
    assert stats is not None
    assert (stats.depth, stats.high, stats.dropped) == (1, 1, 1)
    assert "1 messages wait" in supervisor.dead_letters()[0].reason
    puppet.events.release.set()


def test_a_dead_letter_is_cut_to_a_readable_length(supervisor: Listener) -> None:
    supervisor.directory.address("acme/nobody").tell("x" * 10_000)
    assert len(supervisor.dead_letters()[0].message) == 500


def test_there_is_no_mailbox_where_nobody_lives(supervisor: Listener) -> None:
    assert supervisor.directory.mailbox("acme/nobody") is None

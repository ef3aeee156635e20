"""What pykka 4.5 really does, as far as we rely on it or work around it.

Each probe is one fact. Where a new version of pykka changes one, its probe
fails by name, and the docstring says which part of ours is concerned. The
probes use pykka alone: nothing of ours is imported.
"""

import inspect
import logging
import threading
from collections.abc import Iterator
from importlib.metadata import version
from queue import Full, Queue
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, _ActorStop

WITHIN = 10.0
AT_ONCE = 0.2  # long enough for what would come to come; waited in full where nothing must come


class Probe(pykka.ThreadingActor):
    """Runs what it is sent, and notes which of its hooks were called."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[str] = []
        self.thread: threading.Thread | None = None
        self.at_failure: tuple[bool, bool] | None = None

    def on_start(self) -> None:
        self.hooks.append("start")
        self.thread = threading.current_thread()

    def on_stop(self) -> None:
        self.hooks.append("stop")

    def on_failure(self, *_args: Any) -> None:
        registered = self.actor_ref in pykka.ActorRegistry.get_all()
        self.at_failure = (self.actor_ref.is_alive(), registered)
        self.hooks.append("failure")

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class Lost(Exception):
    pass


def fail() -> None:
    raise Lost


def leave() -> None:
    raise SystemExit


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    """Zombies are made here on purpose; none outlives its test."""
    yield
    for ref in pykka.ActorRegistry.get_all():
        ref.actor_stopped.set()
        ref.actor_inbox.put(Envelope(_ActorStop()))
        pykka.ActorRegistry.unregister(ref)


@pytest.fixture
def probe() -> Probe:
    ref = Probe.start()
    actor = ref._actor_weakref()
    assert actor is not None
    ref.ask("started", timeout=WITHIN)
    return actor


def ended(actor: Probe) -> None:
    assert actor.thread is not None
    actor.thread.join(WITHIN)
    assert not actor.thread.is_alive()


def registered(actor: pykka.Actor) -> bool:
    return actor.actor_ref in pykka.ActorRegistry.get_all()


# --------------------------------------------------------------- what we rely on


def test_the_version_is_the_one_that_was_probed() -> None:
    assert version("pykka").split(".")[:2] == ["4", "5"]


def test_the_hooks_that_we_override_exist_and_take_nothing() -> None:
    """actors/base overrides these three."""
    for name in ("_start_actor_loop", "_actor_loop", "_create_actor_inbox"):
        parameters = inspect.signature(getattr(Probe, name)).parameters
        assert list(parameters) in ([], ["self"])


def test_the_inbox_is_made_on_the_instance_so_that_it_may_be_its_own() -> None:
    """actors/base makes one mailbox per actor; pykka's hook is a static method."""

    class OwnInbox(Probe):
        def _create_actor_inbox(self) -> Any:  # type: ignore[override]
            self.made: Queue[Any] = Queue()
            return self.made

    actor = OwnInbox()
    assert actor.actor_inbox is actor.made
    assert actor.actor_ref.actor_inbox is actor.made


def test_start_registers_and_then_starts_the_loop() -> None:
    """actors/base enters the directory in the loop's start, when the reference is registered."""
    seen = []

    class Watched(Probe):
        def _start_actor_loop(self) -> None:
            seen.append(registered(self))
            super()._start_actor_loop()

    Watched.start()
    assert seen == [True]


def test_an_envelope_carries_a_message_and_where_to_reply() -> None:
    """The mailbox builds envelopes itself."""
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    envelope = Envelope("message", reply_to=future)
    assert (envelope.message, envelope.reply_to) == ("message", future)
    assert Envelope("message").reply_to is None


def test_a_future_can_be_answered_once_only() -> None:
    """An ask that was answered at abandoning must not be answered again."""
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    future.set(1)
    with pytest.raises(Full):
        future.set(2)


def test_a_proxy_call_is_an_ordinary_message_of_its_own_type() -> None:
    """actors/base refuses proxies by the type of the message."""
    received = []

    class Overheard(Probe):
        def _handle_receive(self, message: Any) -> Any:
            received.append(type(message))
            return super()._handle_receive(message)

    Overheard.start().proxy().on_stop().get(timeout=WITHIN)
    assert received == [ProxyCall]


def test_unregistering_twice_is_harmless(probe: Probe) -> None:
    pykka.ActorRegistry.unregister(probe.actor_ref)
    pykka.ActorRegistry.unregister(probe.actor_ref)
    assert not registered(probe)


def test_init_runs_in_the_callers_thread_and_the_rest_in_the_actors() -> None:
    """Why an actor's `__init__` only stores."""

    class Where(Probe):
        def __init__(self) -> None:
            super().__init__()
            self.made_in = threading.current_thread()

    ref = Where.start()
    actor = ref._actor_weakref()
    assert actor is not None
    assert actor.made_in is threading.current_thread()
    assert ref.ask(threading.current_thread, timeout=WITHIN) is not threading.current_thread()


def test_an_error_in_init_comes_out_of_start_and_nothing_is_registered() -> None:
    """The supervisor turns it into a Down."""

    class Unborn(Probe):
        def __init__(self) -> None:
            super().__init__()
            raise Lost

    with pytest.raises(Lost):
        Unborn.start()
    assert pykka.ActorRegistry.get_all() == []


# ------------------------------------------------ what we work around: dying (S6, S10)


def test_an_error_under_tell_kills_and_calls_on_failure_but_not_on_stop(probe: Probe) -> None:
    probe.actor_ref.tell(fail)
    ended(probe)
    assert probe.hooks == ["start", "failure"]


def test_at_on_failure_the_actor_is_dead_and_unregistered_already(probe: Probe) -> None:
    probe.actor_ref.tell(fail)
    ended(probe)
    assert probe.at_failure == (False, False)


def test_an_error_under_ask_leaves_the_actor_alive_and_is_logged_as_information_only(
    probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pykka")
    with pytest.raises(Lost):
        probe.actor_ref.ask(fail, timeout=WITHIN)
    assert probe.actor_ref.ask("alive", timeout=WITHIN) == "alive"
    assert probe.hooks == ["start"]
    assert [r.levelname for r in caplog.records if "Exception returned" in r.message] == ["INFO"]


def test_an_error_in_on_start_calls_neither_hook_and_start_returns_all_the_same() -> None:
    class FailsToStart(Probe):
        def on_start(self) -> None:
            super().on_start()
            fail()

    actor = FailsToStart.start()._actor_weakref()
    assert actor is not None
    assert actor.actor_stopped.wait(WITHIN)
    ended(actor)
    assert actor.hooks == ["start"]
    assert not actor.actor_ref.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exit_in_on_start_leaves_a_zombie() -> None:
    started = threading.Event()

    class ExitsAtStart(Probe):
        def on_start(self) -> None:
            super().on_start()
            started.set()
            leave()

    ref = ExitsAtStart.start()
    actor = ref._actor_weakref()
    assert actor is not None
    assert started.wait(WITHIN)
    ended(actor)
    assert ref.is_alive()
    assert registered(actor)
    with pytest.raises(pykka.Timeout):
        ref.ask("anybody?", timeout=AT_ONCE)


def test_what_is_no_exception_stops_every_actor_of_the_process(probe: Probe) -> None:
    bystander = Probe.start()
    probe.actor_ref.tell(leave)
    assert bystander.actor_stopped.wait(WITHIN)
    ended(probe)
    assert probe.hooks == ["start", "stop"]


def test_an_exit_under_ask_is_never_answered(probe: Probe) -> None:
    future = probe.actor_ref.ask(leave, block=False)
    ended(probe)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=AT_ONCE)


def test_an_error_in_on_stop_is_hidden_from_the_one_who_stops_it() -> None:
    class FailsToStop(Probe):
        def on_stop(self) -> None:
            fail()

    ref = FailsToStop.start()
    assert ref.stop(block=True, timeout=WITHIN) is True


def test_without_a_thread_a_corpse_stays_registered_and_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError):
        Probe.start()
    monkeypatch.undo()
    [corpse] = pykka.ActorRegistry.get_all()
    assert corpse.is_alive()


# ------------------------------------------- what we work around: stopping and threads


def test_the_actor_keeps_no_handle_to_its_thread_and_is_no_daemon_by_default() -> None:
    assert pykka.ThreadingActor.use_daemon_thread is False
    ref = pykka.ThreadingActor.start()
    assert not [value for value in vars(ref._actor_weakref()).values() if isinstance(value, threading.Thread)]
    ref.stop(block=True, timeout=WITHIN)


def test_a_stop_queues_behind_data(probe: Probe) -> None:
    gate = threading.Event()
    probe.actor_ref.tell(lambda: gate.wait(WITHIN))
    before = probe.actor_ref.ask("before", block=False)
    stopped = probe.actor_ref.stop(block=False)
    with pytest.raises(pykka.Timeout):
        stopped.get(timeout=0)
    gate.set()
    assert stopped.get(timeout=WITHIN)
    assert before.get(timeout=0) == "before"


def test_alive_means_not_asked_to_stop_and_is_false_while_on_stop_runs() -> None:
    gate, stopping = threading.Event(), threading.Event()

    class SlowToStop(Probe):
        def on_stop(self) -> None:
            stopping.set()
            gate.wait(WITHIN)

    ref = SlowToStop.start()
    stopped = ref.stop(block=False)
    assert stopping.wait(WITHIN)
    assert not ref.is_alive()
    gate.set()
    assert stopped.get(timeout=WITHIN)


def test_one_hung_actor_keeps_stop_all_from_asking_the_others() -> None:
    gate, hung = threading.Event(), threading.Event()
    elder = Probe.start()
    hanging = Probe.start()

    def hang() -> None:
        hung.set()
        gate.wait(WITHIN)

    hanging.tell(hang)
    assert hung.wait(WITHIN)
    with pytest.raises(pykka.Timeout):
        pykka.ActorRegistry.stop_all(timeout=AT_ONCE)
    assert elder.is_alive()
    gate.set()


def test_stopping_an_actor_does_not_stop_the_one_it_started(probe: Probe) -> None:
    child: Any = probe.actor_ref.ask(Probe.start, timeout=WITHIN)
    probe.actor_ref.stop(block=True, timeout=WITHIN)
    assert child.is_alive()


# ------------------------------------------------------ what we work around: messages


def test_what_is_queued_at_a_death_is_dropped_for_tells_and_answered_for_asks(probe: Probe) -> None:
    gate = threading.Event()
    handled = []

    def die_late() -> None:
        gate.wait(WITHIN)
        fail()

    probe.actor_ref.tell(die_late)
    probe.actor_ref.tell(lambda: handled.append("tell"))
    asked = probe.actor_ref.ask("ask", block=False)
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=WITHIN)
    ended(probe)
    assert handled == []


def test_a_message_that_comes_after_the_inbox_was_emptied_is_lost(probe: Probe) -> None:
    """`tell` looks whether the actor lives and puts then: between the two it may die."""
    probe.actor_ref.stop(block=True, timeout=WITHIN)
    ended(probe)
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    probe.actor_inbox.put(Envelope("late", reply_to=future))
    with pytest.raises(pykka.Timeout):
        future.get(timeout=AT_ONCE)


def test_a_tell_to_a_dead_actor_raises_and_an_ask_is_answered(probe: Probe) -> None:
    probe.actor_ref.stop(block=True, timeout=WITHIN)
    with pytest.raises(pykka.ActorDeadError):
        probe.actor_ref.tell("hello")
    with pytest.raises(pykka.ActorDeadError):
        probe.actor_ref.ask("hello", block=False).get(timeout=0)


def test_the_stock_inbox_has_no_bound_and_cannot_be_closed() -> None:
    inbox = pykka.ThreadingActor._create_actor_inbox()
    assert isinstance(inbox, Queue)
    assert inbox.maxsize == 0
    assert not hasattr(inbox, "close")


def test_an_actor_that_asks_itself_waits_until_its_timeout(probe: Probe) -> None:
    """Why nobody asks without one (S32)."""

    def ask_myself() -> Any:
        return probe.actor_ref.ask("hello", timeout=AT_ONCE)

    with pytest.raises(pykka.Timeout):
        probe.actor_ref.ask(ask_myself, timeout=WITHIN)


def test_a_message_that_nobody_handles_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Mute(pykka.ThreadingActor):
        use_daemon_thread = True

    ref = Mute.start()
    assert ref.ask("hello", timeout=WITHIN) is None
    assert "Unexpected message" in caplog.text

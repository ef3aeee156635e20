"""Faulty actors on purpose, a bundle of events to wait on, and a supervisor that only listens.

Use it for your own actors as well: `with listening() as supervisor:` gives a
directory, a record, and contexts; `supervisor.next(Down)` waits for what the
actor says. Nothing here sleeps, and whatever hangs can be released.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any, TypeVar

import pykka

from actors.base import Actor, Context, Directory, Mailbox
from core.clock import Clock, SystemClock
from core.messages import Stop
from core.records import DeadLetter, Record

M = TypeVar("M")

WITHIN = 10.0
"""Longest wait for what must come; only a failing test waits so long."""


class Events:
    """What one generation went through, as events to wait on. `release` ends every hang."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.handling = threading.Event()
        self.handled = threading.Event()
        self.stopping = threading.Event()
        self.abandoned = threading.Event()
        self.release = threading.Event()
        self.heard: list[Any] = []
        self._hearing = threading.Condition()
        self.actor: Puppet | None = None  # the last one made with this bundle

    def hears(self, message: Any) -> None:
        with self._hearing:
            self.heard.append(message)
            self._hearing.notify_all()
        self.handled.set()

    def has_heard(self, message: Any) -> None:
        """Wait until this message, or one of this type, was handled."""

        def so() -> bool:
            return any(
                isinstance(other, message) if isinstance(message, type) else other == message
                for other in self.heard
            )

        with self._hearing:
            assert self._hearing.wait_for(so, WITHIN), f"never heard {message!r}, only {self.heard}"

    def hang(self) -> None:
        """Block until the test lets go."""
        assert self.release.wait(6 * WITHIN), "nobody released a hanging actor"


def reached(event: threading.Event) -> None:
    """Wait for an event; fail where it does not come."""
    assert event.wait(WITHIN)


# --------------------------------------------------------- messages for puppets


class Raise:
    """Raise this in the handler."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"Raise({self.error!r})"


class Hang:
    """Block in the handler until released."""


# --------------------------------------------------------------- faulty actors


class Puppet(Actor):
    """Does what it is told and says so; answers a message with itself."""

    def __init__(self, context: Context, events: Events | None = None, **options: Any) -> None:
        super().__init__(context, **options)
        self.events = events or Events()
        self.events.actor = self

    def started(self) -> None:
        self.ready()
        self.events.started.set()

    def handle(self, message: Any) -> Any:
        self.events.handling.set()
        if isinstance(message, Raise):
            raise message.error
        if isinstance(message, Hang):
            self.events.hang()
        self.events.hears(message)
        return message

    def stopping(self) -> None:
        self.events.stopping.set()

    def abandoned(self) -> None:
        self.events.abandoned.set()


class NeverReady(Puppet):
    """Runs, but never says that it does its job."""

    def started(self) -> None:
        self.events.started.set()


class FailsToStart(Puppet):
    """Raises in `started`."""

    error: BaseException = ValueError("cannot start")

    def started(self) -> None:
        raise self.error


class ExitsAtStart(FailsToStart):
    """Raises what is no Exception in `started`; pykka makes a zombie of that."""

    error = SystemExit(3)


class HangsAtStart(Puppet):
    """Blocks in `started`."""

    def started(self) -> None:
        self.events.started.set()
        self.events.hang()


class FailsToStop(Puppet):
    """Raises in `stopping`."""

    def stopping(self) -> None:
        super().stopping()
        raise ValueError("cannot stop")


class HangsAtStop(Puppet):
    """Blocks in `stopping`."""

    def stopping(self) -> None:
        super().stopping()
        self.events.hang()


class SwallowsStop(Puppet):
    """Serves everything but Stop, as one would that catches too much."""

    def _serve(self) -> None:
        while not self.actor_stopped.is_set():
            letter = self.mailbox.get()
            if not isinstance(letter.message, Stop):
                self._handle(letter)


class FailsToBeAbandoned(Puppet):
    """Raises in the hook that runs in the supervisor's thread."""

    def abandoned(self) -> None:
        super().abandoned()
        raise ValueError("cannot even be abandoned")


class _NoThread:
    """What `threading.Thread` is when the machine has no more of them."""

    ident = None

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


class HasNoThread(Puppet):
    """There is no thread to be had for it."""

    def __init__(self, context: Context, events: Events | None = None, **options: Any) -> None:
        super().__init__(context, events, **options)
        self.thread = _NoThread()  # type: ignore[assignment]


class FailsToBeMade(Puppet):
    """Raises in `__init__`, that is in the supervisor's thread."""

    def __init__(self, context: Context, events: Events | None = None, **options: Any) -> None:
        super().__init__(context, events, **options)
        raise ValueError("cannot be made")


# ----------------------------------------------------- a supervisor that listens


class Listener:
    """Stands where the supervisor stands, keeps all records, and hands out what it hears."""

    name = "supervisor"
    gen = 1

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.records: list[Record] = []
        self.mailbox = Mailbox(None)
        self.directory = Directory(self.clock, self.records.append)
        self.directory.enter(self.name, self)

    def context(self, child: str = "acme/child", gen: int = 1) -> Context:
        """What a factory would be given for this generation."""
        return Context(
            child=child,
            gen=gen,
            boot="boot",
            clock=self.clock,
            directory=self.directory,
            supervisor=self.directory.address(self.name),
            record=self.records.append,
        )

    def next(self, kind: type[M]) -> M:
        """The next message, which must be of this kind."""
        message = self.mailbox.get(WITHIN).message
        assert isinstance(message, kind), f"expected {kind.__name__}, heard {message!r}"
        return message

    def skip_to(self, kind: type[M]) -> M:
        """The next message of this kind; others before it are passed over."""
        while True:
            message = self.mailbox.get(WITHIN).message
            if isinstance(message, kind):
                return message

    def rest(self) -> list[Any]:
        """What is waiting now, without waiting for more."""
        heard = []
        while True:
            try:
                heard.append(self.mailbox.get(0).message)
            except Empty:
                return heard

    def dead_letters(self) -> list[DeadLetter]:
        return [record for record in self.records if isinstance(record, DeadLetter)]


@contextmanager
def listening(clock: Clock | None = None) -> Iterator[Listener]:
    """A Listener; afterwards every actor left is stopped, and none may be left behind by dying."""
    listener = Listener(clock)
    try:
        yield listener
    finally:
        for ref in pykka.ActorRegistry.get_all():
            ref.stop(block=True, timeout=WITHIN)


def start(kind: type[Puppet], listener: Listener, gen: int = 1, **options: Any) -> Puppet:
    """Start one and hand out the actor itself, dead or alive."""
    events = options.pop("events", None) or Events()
    kind.start(listener.context(gen=gen), events, **options)
    assert events.actor is not None
    return events.actor


def gone(thread: threading.Thread) -> None:
    """Wait until a thread has ended."""
    thread.join(WITHIN)
    assert not thread.is_alive()

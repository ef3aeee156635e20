"""A connection actor with all its surroundings, for the tests of streams."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pykka

from actors.connection import ConnectionActor
from actors.reader import Progressed
from core.clock import Clock, SystemClock
from core.messages import Down
from core.records import Incident
from core.status import Vitals
from exchanges.base import Endpoints
from tests.support.actors import Listener
from tests.support.clock import ManualClock
from tests.support.fakes import CREDENTIALS, Tap, WordExchange, new_inlet
from tests.support.peers import WAIT, Guest, stream_peer
from tests.support.waiting import eventually
from transport.origin import Origins

CHILD = "main/connection"


class Scene:
    """A connection, its supervisor, its inlet, and the exchange it talks to."""

    def __init__(self, listener: Listener, folder: Path, url: str, clock: Clock, **options: Any) -> None:
        self.listener = listener
        self.vitals = Vitals()
        self.clock = clock
        self.origins = options.pop("origins", None) or Origins(clock)
        self.inlet = new_inlet(folder / "spill", clock)
        self.tap = Tap(self.inlet)
        self.exchange = options.pop("exchange", None) or WordExchange()
        self.endpoints = Endpoints(options.pop("rest", "http://127.0.0.1:1"), url)
        self.credentials = options.pop("credentials", CREDENTIALS)
        self.options = {"user_stream": "auto", "stale_after": 45.0, **options}
        self.ref: pykka.ActorRef[Any]
        self.actor: ConnectionActor

    def start(self, gen: int = 1) -> "Scene":
        scene = self

        class Kept(ConnectionActor):
            """Held on to, so that a test may look at one that has ended already."""

            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                scene.actor = self

        self.ref = Kept.start(
            self.listener.context(CHILD, gen),
            account="main",
            exchange=self.exchange,
            credentials=lambda: self.credentials,
            endpoints=self.endpoints,
            inlet=self.inlet,
            vitals=self.vitals,
            origins=self.origins,
            **self.options,
        )
        return self

    def settle(self) -> None:
        """Wait until the actor has heard everything, and every timer that is due."""
        self.ref.ask(Progressed(99, "connecting"), timeout=WAIT)

    def down(self) -> Down:
        return self.listener.skip_to(Down)

    def incidents(self) -> list[str]:
        records = self.listener.records
        return [record.kind for record in records if isinstance(record, Incident) and not record.resolved]


@contextmanager
def scene(
    listener: Listener, folder: Path, script: Callable[[Guest], None], **options: Any
) -> Iterator[Scene]:
    """A connection that is starting, to a server that follows `script`."""
    clock = options.pop("clock", None) or SystemClock()
    listener.clock = clock
    with stream_peer(script) as peer:
        made = Scene(listener, folder, peer.url, clock, **options)
        made.start()
        if isinstance(clock, ManualClock):
            clock.drives(made.actor)
        try:
            yield made
        finally:
            made.ref.stop(block=True, timeout=WAIT)
            no_readers_left()


def no_readers_left() -> None:
    def readers() -> list[str]:
        return [thread.name for thread in threading.enumerate() if " reader " in thread.name]

    eventually(readers, lambda left: not left, what="the end of all reader threads")

"""A poller with a REST side that the test answers for, and a ledger behind it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pykka

from actors.feed import Feed
from actors.inlet import Inlet
from actors.persistence import PersistenceActor
from actors.poller import PollerActor, _Next
from core.facts import Batch, Fact, Origin
from core.messages import Ready
from core.records import Incident, Proof
from core.status import LedgerVitals, Vitals
from exchanges.base import Answer, Complete, Endpoints, Known
from models import database
from models.read import Reader
from tests.support.actors import Listener, listening
from tests.support.clock import ManualClock
from tests.support.fakes import CREDENTIALS, WordExchange
from tests.support.peers import WAIT, Answered, Asked, RestPeer, rest_peer
from tests.support.waiting import eventually
from transport.origin import Origins

CHILD = "main/poller"
AUDIT_EVERY, POLL_EVERY = 60.0, 5.0


class Desk:
    """The exchange's REST side: answers by path, may be made to wait, and counts."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.answers: dict[str, Answered] = {}
        self.peer: RestPeer
        self._gates: dict[str, tuple[threading.Event, threading.Event]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if (gate := self._gates.pop(asked.path, None)) is not None:
            reached, go = gate
            reached.set()
            assert go.wait(WAIT), "nobody let the call go on"
        if asked.path == "/time":
            return self.answers.get("/time", Answered(str(self.clock.wall_ms()).encode()))
        return self.answers.get(asked.path, Answered())

    def hold(self, path: str) -> tuple[threading.Event, threading.Event]:
        """The next call of this path waits; returns what is set when it came, and what lets it go."""
        self._gates[path] = (threading.Event(), threading.Event())
        return self._gates[path]

    @property
    def counts(self) -> Counter[str]:
        return Counter(asked.path for asked in list(self.peer.asked))

    @property
    def paths(self) -> list[str]:
        """What was asked in order, the clock aside."""
        return [asked.path for asked in list(self.peer.asked) if asked.path != "/time"]


class Scene:
    """A poller in the hands of the test: its stance, its time, its exchange, its ledger."""

    def __init__(
        self, listener: Listener, clock: ManualClock, folder: Path, desk: Desk, **options: Any
    ) -> None:
        self.listener = listener
        self.clock = clock
        self.desk = desk
        self.exchange = WordExchange()
        self.dialect = self.exchange.dialect
        self.credentials = CREDENTIALS
        self.vitals = Vitals()
        self.origins = Origins(clock)
        self.url = f"sqlite:///{folder / 'vigil.db'}"
        database.prepare(self.url)
        self.reader = Reader(self.url)
        self.inlet = Inlet(folder / "spill", clock, LedgerVitals())
        self.options: dict[str, Any] = {
            "audit_every": AUDIT_EVERY,
            "poll_every": POLL_EVERY,
            "backfill": 86_400.0,
            "symbols": ("BTCUSDT",),
            "reader": self.reader,
            **options,
        }
        self.ref: pykka.ActorRef[Any]
        self.actor: PollerActor

    def start(self, gen: int = 1) -> "Scene":
        scene = self

        class Kept(PollerActor):
            """Held on to, so that a test may look at one that has ended already."""

            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                scene.actor = self

        self.ref = Kept.start(
            self.listener.context(CHILD, gen),
            account="main",
            exchange=self.exchange,
            credentials=lambda: self.credentials,
            endpoints=Endpoints(self.desk.peer.url, ""),
            inlet=self.inlet,
            vitals=self.vitals,
            origins=self.origins,
            **self.options,
        )
        self.clock.drives(self.actor)
        self.listener.next(Ready)
        return self

    @contextmanager
    def persistence(self) -> Iterator[None]:
        """The ledger's writer; without it the facts wait in the inlet."""
        with listening(self.clock) as other:
            ref = PersistenceActor.start(
                other.context("core/persistence"),
                url=self.url,
                inlet=self.inlet,
                feed=Feed(),
                vitals=LedgerVitals(),
            )
            other.next(Ready)
            try:
                yield
            finally:
                ref.stop(block=True, timeout=WAIT)

    # ------------------------------------------------------------------ moving

    def tell(self, message: Any) -> None:
        self.ref.tell(message)

    def settle(self) -> None:
        """Wait until all is heard, every timer that is due too, and nothing is under way."""
        self.ref.ask(_Next(0), timeout=WAIT)  # a step of no errand: heard, and nothing done
        eventually(lambda: self.actor._errand is None and self.actor.mailbox.empty(), what="an idle poller")

    def pass_(self, seconds: float) -> None:
        """Let time go by and everything that becomes due be done."""
        self.clock.advance(seconds)
        self.settle()

    # ----------------------------------------------------------------- looking

    def answers(self, *facts: Fact) -> None:
        """What a complete comparison brings from now on."""
        self.dialect.sync_answer = lambda known: Complete(facts, as_of=known.now)

    def answers_by(self, answer: Callable[[Known], Answer]) -> None:
        self.dialect.sync_answer = answer

    def streams(self, *facts: Fact) -> None:
        """The stream brings these, and they are committed."""
        before = self.reader.sequence()
        origin = Origin("boot", "main/connection", 1)
        batch = Batch("main", "words", "stream", origin, self.clock.wall_ms(), 0.0, facts)
        self.vitals.streamed += len(facts)
        self.inlet.put([batch])
        eventually(self.reader.sequence, lambda sequence: sequence > before, what="the stream's facts")

    def statuses(self) -> dict[str, str]:
        return {row["order_id"]: row["status"] for row in self.reader.orders(account="main")}

    def trades(self) -> dict[str, str]:
        return {row["trade_id"]: row["source"] for row in self.reader.fills(account="main")}

    def proofs(self) -> list[Proof]:
        return [record for record in self.listener.records if isinstance(record, Proof)]

    def incidents(self) -> list[Incident]:
        return [record for record in self.listener.records if isinstance(record, Incident)]


@contextmanager
def scene(folder: Path, **options: Any) -> Iterator[Scene]:
    """A poller that has set its clock and waits for its stance, with a ledger that commits."""
    clock = ManualClock()
    desk = Desk(clock)
    with listening(clock) as listener, rest_peer(desk) as peer:
        desk.peer = peer
        made = Scene(listener, clock, folder, desk, **options)
        with made.persistence():
            made.start()
            made.settle()
            try:
                yield made
            finally:
                made.ref.stop(block=True, timeout=WAIT)
                made.reader.close()

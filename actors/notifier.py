"""The actor that tells people of incidents, and of their end.

Each second it reads what is open in the ledger and asks core/alerts what is to be
told; couriers on threads of their own do the telling. It stands behind the commit
and never in the way of it: the ledger does not know that it exists, and a dead
alert service is a courier's matter alone.

One thing is not read from the ledger: that facts wait outside it. Then the incident
waits with them, and it is the one that people must hear of most.

What was told outlives a generation in the Notebook, and the daemon in the ledger's
memory, under `alerts`.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

import msgspec
import structlog

from actors.base import Actor, Context
from actors.courier import LIMIT, WAITS, Courier
from core import alerts
from core.alerts import Book, Case, Message, Policy
from core.errors import DatabaseProblem
from core.messages import Momentary
from core.records import Remember
from core.settings_schema import AlertSettings
from core.status import AlertVitals, ChannelVitals, LedgerVitals
from models.read import Reader
from transport.notices import Deliver, deliver

LOOK_EVERY = 1.0
MEMORY = "alerts"
_SPILLING = "ledger:spilling"  # the inlet's own incident, which waits where it speaks of

log = structlog.get_logger()


class Notebook:
    """What was told, from one generation to the next. Owned by the host."""

    def __init__(self, remembered: str | None = None) -> None:
        self.book = alerts.loaded(remembered)


class Look(Momentary, frozen=True, gc=False):
    """Another second: see what is open."""


class Settled(Momentary, frozen=True, gc=False):
    """A courier is done with a message, one way or the other."""

    message: Message
    taken: bool


Inbox = Look | Settled


class NotifierActor(Actor):
    """Does nothing where no address is given. `address` makes of a reference what it stands for."""

    def __init__(
        self,
        context: Context,
        *,
        settings: AlertSettings,
        address: Callable[[str], str],
        reader: Reader,
        ledger: LedgerVitals,
        vitals: AlertVitals,
        notebook: Notebook,
        deliver: Deliver = deliver,
        waits: Sequence[float] = WAITS,
        limit: float = LIMIT,
        look_every: float = LOOK_EVERY,
    ) -> None:
        super().__init__(context, mailbox=None)  # a courier's word must not be refused
        self._policy = Policy(settings.min_severity, settings.repeat_after)
        self._reader = reader
        self._ledger = ledger
        self._notebook = notebook
        self._look_every = look_every
        self._cases: list[Case] | None = None  # as they were last read
        self._spilling_since = 0
        self._answers: dict[str, list[bool]] = {}  # by message under way
        vitals.channels = tuple(ChannelVitals(at, reference) for at, reference in enumerate(settings.urls))
        self._couriers = [
            Courier(
                channel,
                address=address,
                deliver=deliver,
                outcome=lambda message, taken: self.me.urge(Settled(message, taken)),
                clock=context.clock,
                waits=waits,
                limit=limit,
            )
            for channel in vitals.channels
        ]

    def started(self) -> None:
        book = self._notebook.book
        self._notebook.book = Book(book.told, left=book.left)  # what was under way went with its couriers
        for courier in self._couriers:
            courier.start()
        if self._couriers:
            self.later(self._look_every, Look())
        self.ready()

    def handle(self, message: Inbox) -> None:
        match message:
            case Look():
                self._look()
                self.later(self._look_every, Look())
            case Settled(message=settled, taken=taken):
                self._settle(settled, taken=taken)
            case _:
                assert_never(message)

    def stopping(self) -> None:
        for courier in self._couriers:
            courier.stop()
        self._reader.close()

    def abandoned(self) -> None:
        for courier in self._couriers:
            courier.stop()

    # ------------------------------------------------------------------- looking

    def _look(self) -> None:
        cases = self._open()
        if not self.is_current():
            return
        now = self.context.clock.wall_ms()
        self._notebook.book, messages = alerts.look(self._notebook.book, cases, now, self._policy)
        for message in messages:
            log.info("alert", id=message.id, title=alerts.title(message))
            self._answers[message.id] = []
            for courier in self._couriers:
                courier.carry(message)

    def _open(self) -> list[Case]:
        """What is open; while the ledger cannot be read, what was: nothing is known to be over then."""
        try:
            self._cases = [_case(row) for row in self._reader.open_incidents()]
        except DatabaseProblem as problem:
            log.warning("incidents_not_read", error=str(problem))
            if self._cases is None:
                told = self._notebook.book.told.values()
                self._cases = [was.case for was in told if not was.is_over]
        spilling = self._spilling()
        if spilling is None or any(case.key == _SPILLING for case in self._cases):
            return self._cases
        return [*self._cases, spilling]

    def _spilling(self) -> Case | None:
        """That facts wait outside the ledger, of which the ledger cannot tell."""
        spilled = self._ledger.spilled
        if not spilled:
            self._spilling_since = 0
            return None
        self._spilling_since = self._spilling_since or self.context.clock.wall_ms()
        text = f"the database takes nothing: {spilled} entries wait outside it"
        return Case(_SPILLING, "spilling", "critical", text, None, self._spilling_since)

    # ------------------------------------------------------------------- settling

    def _settle(self, message: Message, *, taken: bool) -> None:
        """The first that takes a message settles it; it is untold only when the last has given up."""
        answers = self._answers.get(message.id)
        if answers is None:
            return
        answers.append(taken)
        if not taken and len(answers) < len(self._couriers):
            return
        del self._answers[message.id]
        now = self.context.clock.wall_ms()
        self._notebook.book = alerts.settled(self._notebook.book, message, now, taken=taken)
        if taken:
            self.context.record(Remember(now, MEMORY, alerts.dumped(self._notebook.book)))


def _case(row: dict[str, object]) -> Case:
    return msgspec.convert({name: row[name] for name in Case.__struct_fields__}, Case)

"""Who is who at this moment, and how to reach them.

Nobody holds an actor. Whoever wants to reach one holds an Address, which looks
the living generation up in the Directory at the moment of sending, so that it
outlives restarts. What cannot be delivered is buried: counted, and kept as a
dead letter where it says more than "look again".

The Directory also keeps what a generation leaves to the next one (S30). It
belongs to the host, outlives every actor and knows none of them by type.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import pykka

from actors.mailbox import Letter, Mailbox, MailboxFull, MailboxStats
from core.clock import Clock
from core.messages import Momentary
from core.records import DeadLetter, Record

M_contra = TypeVar("M_contra", contravariant=True)

_LONGEST_REPR = 500


class Resident(Protocol):
    """A living generation as the directory sees it."""

    @property
    def gen(self) -> int: ...

    @property
    def mailbox(self) -> Mailbox: ...


Estate = tuple[Letter, ...]
"""What a generation leaves to the next one, in order."""


class Directory:
    """Child id -> living generation. Every method is safe in every thread."""

    def __init__(self, clock: Clock, record: Callable[[Record], None]) -> None:
        self._clock = clock
        self._record = record
        self._lock = threading.Lock()
        self._residents: dict[str, Resident] = {}
        self._estates: dict[str, Estate] = {}
        self.undelivered = 0

    def address(self, child: str) -> "Address[Any]":
        """Whoever is the living generation of `child` at the moment of sending."""
        return Address(self, child)

    def mailbox(self, child: str) -> MailboxStats | None:
        """How the mailbox of the living generation stands, None where there is none."""
        resident = self.find(child)
        return None if resident is None else resident.mailbox.stats()

    def find(self, child: str, gen: int | None = None) -> Resident | None:
        """The living generation, if there is one and it is `gen` (None = whichever)."""
        resident = self._residents.get(child)
        return resident if resident is not None and gen in (None, resident.gen) else None

    def enter(self, child: str, resident: Resident) -> Estate:
        """From now on `resident` is `child`. Returns what the one before left to it."""
        with self._lock:
            self._residents[child] = resident
            return self._estates.pop(child, ())

    def leave(self, child: str, resident: Resident, estate: Estate | None = None) -> None:
        """Forget `resident` and keep its estate. One who was superseded leaves nothing."""
        with self._lock:
            if self._residents.get(child) is resident:
                del self._residents[child]
                if estate is not None:
                    self._estates[child] = estate

    def settle(self, child: str | None = None) -> None:
        """No generation of `child` (None = of anybody) will follow: bury what was left to it."""
        with self._lock:
            names = list(self._estates) if child is None else [child]
            estates = [(name, self._estates.pop(name, ())) for name in names]
        for name, estate in estates:
            for letter in estate:
                self.bury(name, 0, letter.message, "no generation followed")

    def bury(self, child: str, gen: int, message: Any, reason: str) -> None:
        """Account for a message that nobody will hear."""
        with self._lock:
            self.undelivered += 1
        if not isinstance(message, Momentary):
            text = repr(message)[:_LONGEST_REPR]
            self._record(DeadLetter(self._clock.wall_ms(), child, gen, text, reason))


class Address(Generic[M_contra]):
    """A child by its id, resolved at each sending. With `gen` it means that generation and no other."""

    def __init__(self, directory: Directory, child: str, gen: int | None = None) -> None:
        self._directory = directory
        self.child = child
        self.gen = gen

    def tell(self, message: M_contra) -> bool:
        """Data lane. Never blocks, never raises; False = nobody there or no room, and it is buried."""
        return self._send(message, Mailbox.put)

    def urge(self, message: M_contra) -> bool:
        """Control lane: before all data, and never for want of room False."""
        return self._send(message, Mailbox.urge)

    def _send(self, message: M_contra, lane: Callable[[Mailbox, Letter], None]) -> bool:
        resident = self._directory.find(self.child, self.gen)
        if resident is None:
            self._directory.bury(self.child, self.gen or 0, message, "nobody is there")
            return False
        try:
            lane(resident.mailbox, Letter(message))
        except (MailboxFull, pykka.ActorDeadError) as error:
            self._directory.bury(self.child, resident.gen, message, str(error))
            return False
        return True

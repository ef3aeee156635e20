"""A process to be killed: puts numbered events as fast as they are stored, and says which are.

    python -m tests.actors.killed_writer LEDGER FOLDER FIRST HOW

HOW is `spilling` (a writer runs and every now and then all goes to disk) or
`alone` (no writer: all goes to disk).
"""

import itertools
import sys
from functools import partial
from pathlib import Path
from threading import Semaphore

import structlog

from actors.base import Context, Directory
from actors.feed import Feed
from actors.inlet import Inlet, Stored
from actors.persistence import PersistenceActor
from core.clock import SystemClock
from core.facts import Unrecognised
from core.status import LedgerVitals
from tests.support.ledger import batch

AT_ONCE = 1_500


def main(place: str, folder: Path, first: int, how: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock, vitals = SystemClock(), LedgerVitals()
    inlet = Inlet(folder / "spill", clock, vitals)
    directory = Directory(clock, inlet.record)
    nobody = directory.address("supervisor")
    if how == "alone":
        inlet.spill("nobody writes")
    else:
        context = Context("core/persistence", 1, "boot", clock, directory, nobody, inlet.record)
        PersistenceActor.start(context, url=place, inlet=inlet, feed=Feed(), vitals=vitals)
    room = Semaphore(AT_ONCE)  # else a slow machine would be killed by what it could not store in time
    for n in itertools.count(first):
        if how != "alone":
            room.acquire()
        ticket = inlet.put([batch(Unrecognised(str(n), "counted"))])
        if how == "alone":
            say(n)
            continue
        inlet.when_stored(ticket, partial(stored, n, room))
        if n % 300 == 0:
            inlet.spill("now and then")


def stored(n: int, room: Semaphore, _stored: Stored) -> None:
    say(n)
    room.release()


def say(n: int) -> None:
    sys.stdout.write(f"{n}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

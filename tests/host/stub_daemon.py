"""`host.run` in a process of its own, under a supervisor that does one thing.

`python -m tests.host.stub_daemon SETTINGS BEHAVIOUR`; the behaviours are the
cases of `Stub`. It prints `up` once the supervisor has been started.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

from actors.mailbox import Letter, Mailbox
from core.messages import Ping, StopDaemon
from core.records import Remember
from core.status import Snapshot
from host import run
from host.plan import Wiring


class Resident(NamedTuple):
    """Who the directory finds as the supervisor."""

    gen: int
    mailbox: Mailbox


class Stub:
    """Stands where the supervisor would."""

    behaviour = ""

    @classmethod
    def start(cls, wiring: Wiring) -> None:
        mailbox = Mailbox(None, now=wiring.clock.monotonic)
        wiring.directory.enter("supervisor", Resident(1, mailbox))
        threading.Thread(target=cls.live, args=(wiring, mailbox), daemon=True).start()
        print("up", flush=True)

    @classmethod
    def live(cls, wiring: Wiring, mailbox: Mailbox) -> None:
        match cls.behaviour:
            case "escalates":
                wiring.record(Remember(1, "left", "behind"))
                wiring.on_exit(70, "too many bugs")
            case "hangs":
                threading.Event().wait()
            case "obeys":
                wiring.publish(Snapshot("running", core_ready=True))
                while cls.goes_on(wiring, mailbox.get(None)):
                    pass

    @classmethod
    def goes_on(cls, wiring: Wiring, letter: Letter) -> bool:
        match letter.message:
            case Ping(n=n):
                wiring.pulse.answered = n
            case StopDaemon(cause=cause):
                wiring.on_exit(0, cause)
                return False
        return True


def main() -> None:
    path, behaviour = sys.argv[1:]
    Stub.behaviour = behaviour
    stub: Any = Stub
    if behaviour == "hangs":
        run.STOP_DEADLINE = 0.3
    code = run.run(stub, Path(path))
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()

"""A process that serves a control socket and ends when it is told to stop.

`python -m tests.control.fake_daemon SOCKET [degraded]`
"""

import sys
import threading
from pathlib import Path

from core.messages import StopDaemon
from tests.control.kit import Served, degraded, fill, statement


def main() -> None:
    path, mood = Path(sys.argv[1]), sys.argv[2:]
    served = Served(path)
    served.ledger.facts = [fill(seq) for seq in range(1, 6001)]
    served.commit(statement(1))
    told_to_stop = threading.Event()

    def when_told() -> None:
        if isinstance(served.told[-1], StopDaemon):
            told_to_stop.set()

    served.when_told = when_told
    if "degraded" in mood:
        served.status = degraded()
    served.server.start()
    print("listening", flush=True)
    told_to_stop.wait()
    served.server.stop()


if __name__ == "__main__":
    main()

"""A daemon that is killed at a chosen step of placing an order: `Dying` in the test, `main` in its process.

The process is the real daemon. At the step that it was told it sends itself SIGKILL,
so that nothing can be flushed; STEPS are in the order of what happens. Without a step
it lives like any other.
"""

import os
import signal
from pathlib import Path
from typing import Any

from tests.support.daemon import ROOT, Daemon

STEPS = ("decided", "put", "committed", "leaving", "answered", "told", "recorded")
"""The order is decided and nothing is put; put and not known to be committed; committed; about to
be sent; answered, and nobody was told; put what the answer says; and that is committed too."""
STEP = "DIES_AT"


class Dying(Daemon):
    """Killed at `step` of its first order; `None` lets it live, from the next start on."""

    program = ("-m", "tests.end_to_end.dying")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dies_at(None)

    def dies_at(self, step: str | None) -> None:
        self.env["PYTHONPATH"] = str(ROOT)
        self.env[STEP] = step or ""


# ------------------------------------------------------------ inside that process


def die(step: str) -> None:
    if os.environ.get(STEP) == step:
        os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, before: Any = None, after: Any = None) -> None:
    """Have something happen before, or after, this method."""
    method = getattr(owner, name)

    def wrapped(*args: Any, **options: Any) -> Any:
        if before is not None:
            before(*args)
        result = method(*args, **options)
        if after is not None:
            after(*args)
        return result

    setattr(owner, name, wrapped)


def main() -> None:
    import supervisor
    from actors.orders import Orders
    from actors.trader import TraderActor
    from control.cli import Offline
    from control.cli import main as command_line
    from core.records import Intended
    from transport.rest import RestClient

    def of(state: str, step: str) -> Any:
        """At this step, where an intent in that state is put."""

        def at(_self: Any, entries: Any, *_then: Any) -> None:
            if any(isinstance(one, Intended) and one.state == state for one in entries):
                die(step)

        return at

    def places(_self: Any, call: Any) -> bool:
        return call.method == "POST" and "order" in call.path

    wrap(TraderActor, "commit", before=of("intended", "decided"), after=of("intended", "put"))
    wrap(TraderActor, "commit", after=of("accepted", "told"))
    wrap(Orders, "_send", before=lambda *_: die("committed"))
    wrap(
        RestClient,
        "call",
        before=lambda *args: die("leaving") if places(*args) else None,
        after=lambda *args: die("answered") if places(*args) else None,
    )
    wrap(TraderActor, "hear_committed", before=lambda _self, facts: die("recorded") if facts else None)
    offline = Offline(run=supervisor._be_the_daemon, check=supervisor._check)
    command_line(Path("settings.toml"), offline)


if __name__ == "__main__":
    main()

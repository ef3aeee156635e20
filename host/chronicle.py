"""What of the daemon's own life is logged and recorded (S36).

Every transition is said twice with the same words: as a log event for those who
watch, and as a record on its way to the ledger for those who ask later. What
somebody should look at is a warning; the rest is information.
"""

from collections.abc import Callable

import structlog

from core.account import Entered
from core.clock import Clock
from core.messages import Acknowledge, Faulted, Operate
from core.records import Acknowledged, ActorEvent, ConnectionState, Record, Remember
from core.supervision_events import Noted

log = structlog.get_logger()

ALARMING = frozenset({"died", "abandoned", "start_timed_out", "hung", "tripped", "held", "escalated"})


class Chronicle:
    """Says and records, each with its instant; never waits, because `record` does not."""

    def __init__(self, clock: Clock, boot: str, record: Callable[[Record], None]) -> None:
        self._clock = clock
        self._boot = boot
        self._record = record

    def noted(self, noted: Noted) -> None:
        """A transition of a child, a group or the daemon."""
        tell = log.warning if noted.event in ALARMING else log.info
        tell(noted.event, child=noted.child, gen=noted.gen, detail=noted.detail)
        self._event(noted.child, noted.gen, noted.event, noted.detail)

    def entered(self, account: str, effect: Entered) -> None:
        """An account changed its state."""
        log.info("account_state", account=account, **_fields(effect))
        self._record(ConnectionState(self._clock.wall_ms(), account, **_fields(effect)))

    def taken(self, command: Operate) -> None:
        """A person's command is carried out."""
        log.info("command_taken", action=command.action, target=command.target, by=command.by)
        self._event("daemon", 0, "command_taken", f"{command.action} {command.target}, by {command.by}")

    def acknowledged(self, command: Acknowledge) -> None:
        """A person has seen an incident."""
        log.info("command_taken", action="acknowledge", target=command.incident, by=command.by)
        self._event("daemon", 0, "command_taken", f"acknowledge {command.incident}, by {command.by}")
        self._record(Acknowledged(self._clock.wall_ms(), command.incident))

    def faulted(self, command: Faulted) -> None:
        """A person had something broken at the sandbox, or mended."""
        what = f"{command.account} {command.kind}"
        log.info("command_taken", action="fault", target=what, by=command.by)
        self._event("daemon", 0, "command_taken", f"fault {what}, by {command.by}")

    def refused(self, command: Operate, why: str) -> None:
        """A person's command names nothing that it could mean."""
        log.warning("command_refused", action=command.action, target=command.target, by=command.by, why=why)
        self._event("daemon", 0, "command_refused", f"{command.action} {command.target}: {why}")

    def remembered(self, key: str, value: str | None) -> None:
        """Something that the next daemon has to know."""
        self._record(Remember(self._clock.wall_ms(), key, value))

    def _event(self, child: str, gen: int, event: str, detail: str | None) -> None:
        self._record(ActorEvent(self._clock.wall_ms(), self._boot, child, gen, event, detail))


def _fields(effect: Entered) -> dict[str, str]:
    return {"state": effect.state, "previous": effect.previous, "cause": effect.cause}

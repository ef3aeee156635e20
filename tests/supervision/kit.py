"""A daemon on paper: the machine, a clock that only the test moves, and obedient children.

Children do nothing by themselves but answer pings; those in `mute` do not even
do that. Whatever else happens to them the test says.
"""

from collections.abc import Callable
from typing import TypeVar

from core.messages import Down, Pong, Ready, Reason
from core.status import ChildStatus, GroupStatus
from core.supervision import Supervision, children, groups, new, step
from core.supervision_events import (
    AbandonChild,
    Command,
    Event,
    Exit,
    Noted,
    PingChild,
    StartChild,
    StopAsked,
    StopChild,
    Tick,
)
from core.supervision_state import PHASES
from core.tree import ChildSpec, GroupSpec

C = TypeVar("C")

CORE = GroupSpec(
    "core",
    (
        ChildSpec("core/persistence"),
        ChildSpec("core/control"),
        ChildSpec("core/web"),
        ChildSpec("core/notifier"),
    ),
    strategy="one_for_one",
    never_trips=frozenset({"core/persistence"}),
    boot_critical=True,
)


def stream(account: str, **limits: object) -> GroupSpec:
    members = (ChildSpec(f"{account}/connection"), ChildSpec(f"{account}/keepalive"))
    return GroupSpec(f"{account}.stream", members, **limits)  # type: ignore[arg-type]


def poller(account: str) -> GroupSpec:
    return GroupSpec(f"{account}.poller", (ChildSpec(f"{account}/poller"),), strategy="one_for_one")


def trading() -> GroupSpec:
    members = (ChildSpec("trading/prices"), ChildSpec("trading/trader"))
    return GroupSpec("trading", members, strategy="one_for_one")


def tree(*accounts: str) -> list[GroupSpec]:
    """The whole daemon of DESIGN section 2, for these accounts."""
    return [CORE, *(group for name in accounts for group in (stream(name), poller(name))), trading()]


class Daemon:
    def __init__(self, *specs: GroupSpec, seed: int = 1) -> None:
        self.state: Supervision = new(specs, seed)
        self.now = 1000.0
        self.deadline: float | None = None
        self.log: list[Command] = []
        self.mute: set[str] = set()

    # ---- moving

    def tell(self, event: Event) -> list[Command]:
        """Hand one event in at the present instant; give back what the machine commands."""
        self.state, out, self.deadline = step(self.state, self.now, event)
        self.log += out
        return out

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass, as the shell does: it calls at each deadline and answers pings."""
        until = self.now + seconds
        out: list[Command] = []
        while self.deadline is not None and self.deadline <= until:
            self.now = max(self.now, self.deadline)
            told = self.tell(Tick())
            out += told
            for ping in of(told, PingChild):
                if ping.child not in self.mute:
                    out += self.tell(Pong(ping.child, ping.gen, ping.n))
        self.now = until
        return out

    def wait_until(self, happened: Callable[[], bool], limit: float = 3600.0) -> None:
        end = self.now + limit
        while not happened():
            assert self.deadline is not None, "nothing is due any more"
            assert self.deadline <= end, "it did not happen"
            self.wait(self.deadline - self.now)

    def boot(self) -> "Daemon":
        """Everything comes up, each child as soon as it is started."""
        self.tell(Tick())
        while starting := [child.id for child in children(self.state) if child.phase == "starting"]:
            for child in starting:
                self.ready(child)
        return self

    # ---- what children do

    def ready(self, child: str) -> list[Command]:
        return self.tell(Ready(child, self.gen(child)))

    def dies(
        self, child: str, reason: Reason = "link", detail: str = "", retry_after: float | None = None
    ) -> list[Command]:
        return self.tell(Down(child, self.gen(child), reason, detail, retry_after))

    def stops(self, child: str) -> list[Command]:
        assert self.phase(child) == "stopping"
        return self.dies(child, "shutdown")

    def restarted(self, child: str) -> None:
        """Wait for the backoff of a dead child and let it come up."""
        before = self.gen(child)
        self.wait_until(lambda: self.gen(child) > before)
        self.ready(child)

    def stop(self, cause: str = "SIGTERM") -> list[Command]:
        return self.tell(StopAsked(cause))

    # ---- looking

    def child(self, name: str) -> ChildStatus:
        return next(child for child in children(self.state) if child.id == name)

    def group(self, name: str) -> GroupStatus:
        return next(group for group in groups(self.state) if group.id == name)

    def gen(self, child: str) -> int:
        return self.child(child).generation

    def phase(self, child: str) -> str:
        return self.child(child).phase

    def standing(self) -> str:
        """Of the daemon as a whole: starting, running, stopping."""
        return self.state.phase

    def retry_in(self, group: str) -> float:
        retry_at = self.group(group).retry_at
        assert retry_at is not None
        return retry_at - self.now

    @property
    def exit(self) -> Exit | None:
        return next(iter(of(self.log, Exit)), None)

    def notes(self, event: str) -> list[Noted]:
        return [note for note in of(self.log, Noted) if note.event == event]


def of(commands: list[Command], kind: type[C]) -> list[C]:
    return [command for command in commands if isinstance(command, kind)]


def started(commands: list[Command]) -> list[str]:
    return [command.child for command in of(commands, StartChild)]


def stopped(commands: list[Command]) -> list[str]:
    return [command.child for command in of(commands, StopChild)]


def abandoned(commands: list[Command]) -> list[str]:
    return [command.child for command in of(commands, AbandonChild)]


def booted(*accounts: str, seed: int = 1) -> Daemon:
    return Daemon(*tree(*accounts), seed=seed).boot()


def rebuilt(log: list[Command]) -> dict[str, str]:
    """The phases of all children that ever started, from nothing but the notes (S36)."""
    triggers = {trigger for row in PHASES.values() for trigger in row}
    phases: dict[str, str] = {}
    gens: dict[str, int] = {}
    for note in of(log, Noted):
        if note.event not in triggers or note.gen < gens.get(note.child, 0):
            continue  # no step of a child, or the thread of an older generation
        phase = phases.get(note.child, "down")
        gens[note.child] = note.gen
        phases[note.child] = PHASES["waiting" if phase == "down" else phase][note.event]  # type: ignore[index]
    return phases


def visible(state: Supervision) -> dict[str, str]:
    """The same from the status, where a child that waits is only down with hope."""
    shown = {child.id: "down" if child.phase == "waiting" else child.phase for child in children(state)}
    return {child: phase for child, phase in shown.items() if state.children[child].gen}

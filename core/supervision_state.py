"""What the supervision machine knows.

The records are mutable and belong to the machine: only `step` writes them.
What others may see are the snapshots of `core.supervision_view`.

The phases of a child are a table. A child is *live* while a generation of it
has authority; the others differ in why none has: `waiting` for its turn or its
backoff, `down` because nobody wants it now, `abandoned` because its last
generation was given up, its thread is still there, and no newer one started.
All triggers but `wanted` and `unwanted` are Noted, so that the phases of the
past can be rebuilt from the records (S36).
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Literal

from core.breaker import Breaker
from core.messages import Reason
from core.status import Phase
from core.supervision_events import Command, Noted, NotedEvent
from core.tree import TRADING, ChildSpec, GroupSpec

PhaseTrigger = Literal[
    "wanted",
    "unwanted",
    "started",
    "became_ready",
    "stop_asked",
    "stopped",
    "died",
    "abandoned",
    "thread_ended",
]

PHASES: dict[Phase, dict[PhaseTrigger, Phase]] = {
    "down": {"wanted": "waiting"},
    "waiting": {"unwanted": "down", "started": "starting"},
    "starting": {"became_ready": "running", "stop_asked": "stopping", "died": "down"},
    "running": {"stop_asked": "stopping", "died": "down", "abandoned": "abandoned"},
    "stopping": {"stopped": "down", "abandoned": "abandoned"},
    "abandoned": {"started": "starting", "thread_ended": "down"},
}

LIVE: frozenset[Phase] = frozenset({"starting", "running", "stopping"})

LAST_RANK = 2
"""Of the groups that stop last."""


@dataclass(slots=True, eq=False)
class Unit:
    """What backoff and breaker count: a child, or a whole rest_for_one group."""

    id: str
    group: "Group"
    breaker: Breaker
    children: list["Child"] = field(default_factory=list)

    @property
    def steady_at(self) -> float:
        """When the failures may be forgotten, if nothing happens until then (S15)."""
        if not self.breaker.failures or self.breaker.mode == "held":
            return inf
        return max(child.running_since for child in self.children) + self.group.spec.stable


@dataclass(slots=True, eq=False)
class Child:
    """One child and its present or last generation."""

    spec: ChildSpec
    group: "Group"
    unit: Unit
    phase: Phase = "down"
    gen: int = 0
    deadline: float = inf  # of the start, of the stop, or for the next ping
    recycle: Literal["restart", "start_timeout"] | None = None  # wanted, but not this generation
    greeted: bool = False  # was Ready since its group began
    running_since: float = inf
    pings: int = 0
    unanswered: int = 0
    restarts: int = 0
    started_at: float | None = None
    last_pong_at: float | None = None
    last_reason: Reason | None = None
    last_detail: str | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def is_live(self) -> bool:
        return self.phase in LIVE

    @property
    def is_held(self) -> bool:
        return self.unit.breaker.mode == "held"

    def enter(self, trigger: PhaseTrigger) -> None:
        self.phase = PHASES[self.phase][trigger]

    def begin(self, now: float, gen: int) -> None:
        """Give the authority to a new generation, which owes nothing yet (S21)."""
        self.enter("started")
        self.restarts += self.started_at is not None
        self.gen = gen
        self.started_at = now
        self.last_pong_at = None
        self.pings = self.unanswered = 0
        self.deadline = now + self.spec.start_timeout

    def be_nobody(self) -> None:
        """No generation has the authority any more."""
        self.deadline = self.running_since = inf
        self.recycle = None


@dataclass(slots=True, eq=False)
class Group:
    """A bulkhead. `due` is when it has to be looked at again; -inf: at once."""

    spec: GroupSpec
    children: list[Child] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    due: float = -inf
    paused: bool = False
    removed: bool = False
    successor: GroupSpec | None = None

    @classmethod
    def of(cls, spec: GroupSpec) -> "Group":
        """Build the records of a group, nothing started."""
        group = cls(spec)
        shared = Unit(spec.id, group, Breaker(spec))
        for child_spec in spec.children:
            unit = shared
            if group.is_one_for_one:
                unit = Unit(child_spec.id, group, Breaker(spec, trips=child_spec.id not in spec.never_trips))
            child = Child(child_spec, group, unit)
            unit.children.append(child)
            group.children.append(child)
            if unit not in group.units:
                group.units.append(unit)
        return group

    def retune(self, spec: GroupSpec) -> None:
        """Go by the limits of `spec`, which names the same children in the same order."""
        self.spec = spec
        for unit in self.units:
            unit.breaker.limits = spec
        for child, own in zip(self.children, spec.children, strict=True):
            child.spec = own

    @property
    def is_one_for_one(self) -> bool:
        return self.spec.strategy == "one_for_one"

    @property
    def is_live(self) -> bool:
        return any(child.is_live for child in self.children)

    @property
    def stop_rank(self) -> int:
        """Trading stops first, core last, all accounts together between them (S33)."""
        if self.spec.boot_critical:
            return LAST_RANK
        return 0 if self.spec.id == TRADING else 1


@dataclass(slots=True, eq=False)
class Stopping:
    """An ordered shutdown under way (S33)."""

    why: str
    code: int
    others_until: float
    until: float
    rank: int = 0  # groups up to this rank have their turn
    exited: bool = False


@dataclass(slots=True, eq=False)
class Supervision:
    """Everything the machine knows. The caller owns it and only hands it back to `step`."""

    rng: Random
    groups: dict[str, Group] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)  # survives removal: no gen comes twice
    ghosts: set[tuple[str, int]] = field(default_factory=set)  # abandoned, thread still alive
    bugs: deque[float] = field(default_factory=deque)
    stale: int = 0  # messages of generations without authority (S7)
    booted: bool = False
    stopping: Stopping | None = None
    due: float = -inf

    @property
    def phase(self) -> Literal["starting", "running", "stopping"]:
        if self.stopping is not None:
            return "stopping"
        return "running" if self.booted else "starting"

    @property
    def is_over(self) -> bool:
        """Exit was given."""
        return self.stopping is not None and self.stopping.exited

    @property
    def core_ready(self) -> bool:
        """Every child of the boot-critical groups does its job right now."""
        return all(
            child.phase == "running"
            for group in self.groups.values()
            if group.spec.boot_critical
            for child in group.children
        )

    @property
    def abandoned(self) -> int:
        """How many abandoned threads are still alive."""
        return len(self.ghosts)

    @property
    def abandon_limit(self) -> int:
        """So many abandoned threads are borne; one more escalates (S25)."""
        accounts = {group.spec.account for group in self.groups.values()} - {None}
        return max(8, 2 * len(accounts))

    def add(self, spec: GroupSpec) -> Group:
        group = self.groups[spec.id] = Group.of(spec)
        for child in group.children:
            child.gen = self.generations.get(child.id, 0)
            if (child.id, child.gen) in self.ghosts:
                child.phase = "abandoned"
            self.children[child.id] = child
        self.touch(group)
        return group

    def forget(self, group: Group) -> None:
        del self.groups[group.spec.id]
        for child in group.children:
            del self.children[child.id]

    def named(self, target: str) -> list[Group]:
        """Give the groups that a group id or an account names."""
        if target in self.groups:
            return [self.groups[target]]
        return [group for group in self.groups.values() if group.spec.account == target]

    def units(self, target: str) -> list[Unit]:
        """Give the units of a child, a group or an account."""
        if target in self.children:
            return [self.children[target].unit]
        return [unit for group in self.named(target) for unit in group.units]

    def touch(self, group: Group) -> None:
        """Have the group looked at before `step` returns."""
        group.due = self.due = -inf

    def touch_all(self) -> None:
        for group in self.groups.values():
            self.touch(group)


@dataclass(slots=True, eq=False)
class Turn:
    """One call of `step`: what it may change, its instant, and what it has to say."""

    state: Supervision
    now: float
    out: list[Command] = field(default_factory=list)

    def note(self, child: str, event: NotedEvent, detail: str | None = None, *, gen: int = 0) -> None:
        self.out.append(Noted(child, gen, event, detail))

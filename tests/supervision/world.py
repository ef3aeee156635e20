"""A world that answers the machine's commands, badly, and watches what the machine does.

Every generation gets a character when it starts: it becomes ready soon, late or
never, dies or not, hangs or not, obeys when asked to stop or does not. Beside
that people restart, reset, pause, hold, remove and add. All of it is drawn from
one seed. `Watch` keeps books of its own, from commands and events alone, and
asserts after every step what must hold whatever happens.
"""

import heapq
import itertools
from dataclasses import dataclass, field
from random import Random

import msgspec

from core.messages import Down, Pong, Ready, Reason, ThreadEnded
from core.supervision import Supervision, children, groups, new, step
from core.supervision_events import (
    AbandonChild,
    Command,
    Event,
    Exit,
    GroupAdded,
    GroupPaused,
    GroupRemoved,
    GroupResumed,
    GroupRetuned,
    Held,
    Noted,
    PingChild,
    ProbeEarly,
    Reset,
    Restarted,
    StartChild,
    StopAsked,
    StopChild,
    Tick,
)
from core.tree import GroupSpec

Life = tuple[str, int]


@dataclass
class Odds:
    """How bad the weather is; all shares are of one."""

    dies: float = 0.5
    hangs: float = 0.15
    slow_start: float = 0.1
    disobeys: float = 0.15
    wakes: float = 0.5
    reasons: tuple[Reason, ...] = ("link", "link", "link", "link", "link", "bug", "fatal", "normal")
    people_every: float = 20.0


CALM = Odds(dies=0, hangs=0, slow_start=0, disobeys=0)


@dataclass
class Watch:
    """Books about the machine, kept by somebody who does not read its mind."""

    specs: dict[str, GroupSpec]
    last_gen: dict[str, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)  # the generation with authority
    ready: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    core_up: bool = False
    stop_began: float | None = None
    exited: bool = False

    def family(self, child: str) -> tuple[GroupSpec, list[str]]:
        for spec in self.specs.values():
            names = [member.id for member in spec.children]
            if child in names:
                return spec, names
        raise AssertionError(child)

    def before(self, event: Event) -> None:
        """What an event means for the books, if it comes from who has the authority."""
        match event:
            case Down(child=child, gen=gen) if self.live.get(child) == gen:
                self.ends(child)
            case Ready(child=child, gen=gen) if self.live.get(child) == gen and child not in self.asked:
                self.ready.add(child)
            case GroupPaused(group=group):
                self.paused.add(group)
            case GroupResumed(group=group):
                self.paused.discard(group)
            case GroupRemoved(group=group):
                self.removed.add(group)
            case GroupAdded(spec=spec) if spec.id in self.removed:
                self.removed.discard(spec.id)
                self.paused.discard(spec.id)  # a new group is not paused

    def after(self, state: Supervision, now: float, out: list[Command]) -> None:
        for command in out:
            assert not self.exited, "nothing comes after the exit"
            match command:
                case StartChild():
                    self.starts(state, command)
                case StopChild():
                    self.stops(command)
                case AbandonChild(child=child, gen=gen):
                    assert self.live.get(child) == gen, "only who has the authority is abandoned"
                    self.ends(child)
                case PingChild(child=child, gen=gen):
                    assert self.live.get(child) == gen
                    assert child in self.ready
                    assert child not in self.asked
                case Noted(event="stop_began"):
                    self.stop_began = now
                case Noted(event="core_up"):
                    self.core_up = True
                case Exit():
                    assert not self.live, "everything is down before the exit"
                    self.exited = True
        if self.stop_began is not None and not self.exited:
            assert now < self.stop_began + 4, "the shutdown has a deadline"

    def starts(self, state: Supervision, start: StartChild) -> None:
        child = start.child
        spec, names = self.family(child)
        elders, juniors = names[: names.index(child)], names[names.index(child) + 1 :]
        assert child not in self.live, "one generation with authority at a time"
        assert start.gen == self.last_gen.get(child, 0) + 1, "no generation twice, none left out"
        assert self.stop_began is None, "nothing starts once the stop began"
        assert spec.id not in self.paused
        assert spec.boot_critical or self.core_up
        assert state.children[child].unit.breaker.mode in ("closed", "half_open")
        if spec.strategy == "rest_for_one":
            assert all(elder in self.ready for elder in elders), "elders are Ready first"
            assert not any(junior in self.live for junior in juniors), "juniors are stopped first"
        else:
            assert all(elder in self.last_gen for elder in elders)
        self.last_gen[child] = self.live[child] = start.gen

    def stops(self, stop: StopChild) -> None:
        spec, names = self.family(stop.child)
        assert self.live.get(stop.child) == stop.gen
        assert stop.child not in self.asked, "nobody is asked twice"
        if spec.strategy == "rest_for_one" or self.stop_began is not None:
            juniors = names[names.index(stop.child) + 1 :]
            assert not any(junior in self.live for junior in juniors), "the youngest stops first"
        self.asked[stop.child] = stop.gen

    def ends(self, child: str) -> None:
        del self.live[child]
        self.asked.pop(child, None)
        self.ready.discard(child)


class World:
    def __init__(self, specs: list[GroupSpec], seed: int, odds: Odds) -> None:
        self.rng = Random(seed)
        self.state = new(specs, seed)
        self.watch = Watch({spec.id: spec for spec in specs})
        self.odds = odds
        self.now = 0.0
        self.deadline: float | None = 0.0
        self.steps = 0
        self.log: list[Command] = []
        self.agenda: list[tuple[float, int, Event]] = []
        self.order = itertools.count()
        self.mute: set[Life] = set()
        self.disobedient: set[Life] = set()
        self.ended: set[Life] = set()

    # ---- time

    def run(self, until: float) -> None:
        while not self.watch.exited:
            due = self.agenda[0][0] if self.agenda else until
            if self.deadline is not None and self.deadline < due:
                due = self.deadline
            if due >= until:
                break
            self.now = max(self.now, due)
            if self.agenda and self.agenda[0][0] <= self.now:
                self.happens(heapq.heappop(self.agenda)[2])
            else:
                self.happens(Tick())
        self.now = max(self.now, until)

    def soon(self, within: float, event: Event) -> None:
        heapq.heappush(self.agenda, (self.now + self.rng.uniform(0, within), next(self.order), event))

    def happens(self, event: Event) -> None:
        if isinstance(event, Down | ThreadEnded):
            if (event.child, event.gen) in self.ended:
                return  # a thread ends once
            self.ended.add((event.child, event.gen))
        ghost = self.is_ghostly(event)
        before = (children(self.state), groups(self.state)) if ghost else None
        self.watch.before(event)
        self.state, out, self.deadline = step(self.state, self.now, event)
        self.steps += 1
        self.log += out
        self.watch.after(self.state, self.now, out)
        if before and not out:
            assert before == (children(self.state), groups(self.state)), "ghosts change nothing"
        assert self.deadline is None or self.deadline > self.now, "nothing that is due is left undone"
        if self.steps % 16 == 0:
            assert step(self.state, self.now, Tick())[1:] == ([], self.deadline), "settled is settled"
        for command in out:
            self.answer(command)

    def is_ghostly(self, event: Event) -> bool:
        return isinstance(event, Ready | Pong) and self.watch.live.get(event.child) != event.gen

    # ---- children

    def answer(self, command: Command) -> None:
        match command:
            case StartChild(child=child, gen=gen):
                self.lives(child, gen)
            case StopChild(child=child, gen=gen) if (child, gen) not in self.disobedient:
                self.soon(0.3, Down(child, gen, "shutdown" if self.luck(0.9) else "bug"))
            case PingChild(child=child, gen=gen, n=n) if (child, gen) not in self.mute:
                self.soon(0.2, Pong(child, gen, n))
            case AbandonChild(child=child, gen=gen):
                self.haunts(child, gen)
            case Noted(event="tripped", child=unit) if self.luck(0.5):
                self.soon(30, ProbeEarly(unit))  # REST gets through

    def lives(self, child: str, gen: int) -> None:
        self.soon(60 if self.luck(self.odds.slow_start) else 2, Ready(child, gen))
        self.meets(self.odds, child, gen)

    def meets(self, odds: Odds, child: str, gen: int) -> None:
        """Draw what will become of one generation."""
        if self.luck(odds.dies):
            within = self.rng.choice([3, 60])
            self.soon(within, Down(child, gen, self.rng.choice(odds.reasons), "", self.hint()))
        if self.luck(odds.hangs):
            self.mute.add((child, gen))
        if self.luck(odds.disobeys):
            self.disobedient.add((child, gen))

    def haunts(self, child: str, gen: int) -> None:
        """An abandoned thread may wake up, say what it missed, and end."""
        if self.luck(self.odds.wakes):
            self.soon(30, Ready(child, gen))
            self.soon(30, Pong(child, gen, 1))
            end: list[Event] = [ThreadEnded(child, gen), Down(child, gen, "link")]
            self.soon(60, self.rng.choice(end))

    def hint(self) -> float | None:
        return self.rng.uniform(0, 90) if self.luck(0.1) else None

    def luck(self, share: float) -> bool:
        return self.rng.random() < share

    # ---- people

    def people(self, until: float) -> None:
        """Put on the agenda what people will ask for."""
        at = self.now
        while (at := at + self.rng.expovariate(1 / self.odds.people_every)) < until:
            heapq.heappush(self.agenda, (at, next(self.order), self.whim()))

    def whim(self) -> Event:
        group = self.rng.choice([name for name in self.watch.specs if name != "core"])
        child = self.rng.choice(self.watch.specs[group].children).id
        account = group.partition(".")[0]
        target = self.rng.choice([group, child, account, "core", "core/web"])
        spec = self.watch.specs[group]
        whims: list[Event] = [
            Restarted(target),
            Reset(target),
            GroupPaused(group),
            GroupResumed(group),
            Held(group, "key"),
            ProbeEarly(group),
            GroupRemoved(group),
            GroupAdded(spec),
            GroupRetuned(
                msgspec.structs.replace(spec, base=self.rng.uniform(0.5, 2), trip=self.rng.randint(2, 8))
            ),
        ]
        return self.rng.choice(whims)

    def worsen(self, odds: Odds) -> None:
        """The weather breaks, for those who run already as well."""
        self.odds = odds
        for child, gen in self.watch.live.items():
            self.meets(odds, child, gen)

    def calm(self) -> None:
        """The weather clears: whoever starts from now on behaves, and everything is wanted again."""
        self.odds = CALM
        self.agenda = [entry for entry in self.agenda if not self.is_trouble(entry[2])]
        heapq.heapify(self.agenda)
        for name, spec in self.watch.specs.items():
            for event in (GroupAdded(spec), GroupResumed(name), Reset(name)):
                self.happens(event)

    def is_trouble(self, event: Event) -> bool:
        return not isinstance(event, Ready | Pong | Down | ThreadEnded) or (
            isinstance(event, Down) and self.watch.asked.get(event.child) != event.gen
        )

    def stop(self) -> None:
        self.happens(StopAsked("SIGTERM"))

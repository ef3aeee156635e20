"""A real Supervisor with real actors in real threads, and everything it says on record.

`with House(group(...)) as house:` starts it; `house.until(...)` waits for a
snapshot, `house.noted(...)` for a recorded transition. On leaving, everything
that hangs is released, the daemon is stopped if it still runs, and no thread
and no registered actor may be left.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
import pykka

from actors.base import Directory
from core.clock import Clock, SystemClock
from core.messages import Operate, StopDaemon
from core.records import ActorEvent, ConnectionState, Record, Remember
from core.status import ChildStatus, Snapshot, Vitals
from core.tree import ChildSpec, GroupSpec
from host.plan import AccountPlan, Factory, GroupPlan, Wiring
from supervisor import Supervisor
from tests.support.actors import WITHIN, Events, Puppet

QUICK = {"start_timeout": 5.0, "stop_timeout": 5.0, "ping_every": 1.0, "ping_misses": 3}
"""Long enough for a busy machine; a test that waits for a timeout gives its own."""

BACKOFF = {"base": 0.05, "cap": 0.1, "open": 0.1, "open_cap": 0.2, "stable": 5.0}


class Children:
    """Factories for puppets, with the events of each generation by child id."""

    def __init__(self, kinds: Mapping[str, type[Puppet]]) -> None:
        self.kinds = dict(kinds)  # may be changed for the generations to come
        self.events: dict[str, list[Events]] = {}
        self.made = threading.Condition()

    def factory(self, child: str, **options: Any) -> Factory:
        def start(context: Any) -> "pykka.ActorRef[Any]":
            events = Events()
            with self.made:
                self.events.setdefault(child, []).append(events)
                self.made.notify_all()
            return self.kinds.get(child, Puppet).start(context, events, **options)

        return start

    def release_all(self) -> None:
        for generations in self.events.values():
            for events in generations:
                events.release.set()


class House:
    """Everything around one Supervisor. `kinds` maps child id to the actor class that plays it."""

    def __init__(
        self,
        specs: Sequence[GroupSpec],
        kinds: Mapping[str, type[Puppet]] | None = None,
        *,
        accounts: Sequence[AccountPlan] = (),
        paused: frozenset[str] = frozenset(),
        clock: Clock | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.children = Children(kinds or {})
        self.options = options or {}
        self.records: list[Record] = []
        self.fences: list[tuple[str, int]] = []
        self.removed_jobs: list[str] = []
        self.exits: list[tuple[int, str]] = []
        self.down = threading.Event()
        self.snapshots: list[Snapshot] = []
        self._changed = threading.Condition()
        self.directory = Directory(self.clock, self._record)
        self.vitals = {plan.account: Vitals() for plan in accounts}
        self.wiring = Wiring(
            clock=self.clock,
            boot="boot",
            groups=[self.plan(spec) for spec in specs],
            accounts=accounts,
            directory=self.directory,
            record=self._record,
            publish=self._publish,
            vitals=self.vitals,
            fence=lambda child, gen: self.fences.append((child, gen)),
            ticker_remove=self.removed_jobs.append,
            on_exit=self._on_exit,
            paused=paused,
            seed=1,
        )
        self.supervisor: Supervisor | None = None

    def plan(self, spec: GroupSpec) -> GroupPlan:
        """A group whose children are the puppets of `kinds`."""
        factories = {child.id: self.children.factory(child.id, **self.options) for child in spec.children}
        return GroupPlan(spec, factories)

    # --------------------------------------------------- what the supervisor calls

    def _record(self, record: Record) -> None:
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    def _publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            self.snapshots.append(snapshot)
            self._changed.notify_all()

    def _on_exit(self, code: int, why: str) -> None:
        self.exits.append((code, why))
        self.down.set()

    # ------------------------------------------------------------------- its life

    def __enter__(self) -> Self:
        house = self

        class Kept(Supervisor):
            """Held by the house, because an actor that has ended is held by nobody."""

            def __init__(self, wiring: Wiring) -> None:
                super().__init__(wiring)
                house.supervisor = self

        Kept.start(self.wiring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.supervisor is not None
        if not self.down.is_set():
            self.tell(StopDaemon("the test is over"))
        self.children.release_all()
        ended = self.down.wait(WITHIN)
        actors = [e.actor for generations in self.children.events.values() for e in generations]
        for thread in [self.supervisor.thread, *(a.thread for a in actors if a is not None)]:
            if isinstance(thread, threading.Thread) and thread.ident is not None:
                thread.join(WITHIN)
        if error is None:
            assert ended, "the supervisor did not come down"
            assert len(self.exits) == 1
            assert pykka.ActorRegistry.get_all() == []
            assert not [t for t in threading.enumerate() if "#" in t.name]

    def tell(self, message: Any) -> None:
        """Control lane, as the host does."""
        self.directory.address("supervisor").urge(message)

    def operate(self, action: Any, target: str) -> None:
        self.tell(Operate(action, target))

    def stop(self) -> int:
        """Ask for the end and wait for it."""
        self.tell(StopDaemon("asked to"))
        return self.exit_code()

    def exit_code(self) -> int:
        assert self.down.wait(WITHIN)
        return self.exits[0][0]

    # ---------------------------------------------------------------------- sight

    def until(self, is_so: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait for a snapshot; fail with the last one."""

        def found() -> bool:
            return bool(self.snapshots) and is_so(self.snapshots[-1])

        with self._changed:
            assert self._changed.wait_for(found, WITHIN), self.snapshots[-1:]
            return self.snapshots[-1]

    def until_running(self, *children: str) -> Snapshot:
        return self.until(lambda s: all(child(s, name).phase == "running" for name in children))

    def until_account(self, state: str, account: str = "acme") -> Snapshot:
        return self.until(lambda s: any(a.account == account and a.state == state for a in s.accounts))

    def noted(self, child: str, event: str, gen: int | None = None) -> ActorEvent:
        """Wait for a recorded transition."""

        def find() -> ActorEvent | None:
            return next(
                (
                    record
                    for record in self.records
                    if isinstance(record, ActorEvent)
                    and (record.child, record.event) == (child, event)
                    and gen in (None, record.gen)
                ),
                None,
            )

        with self._changed:
            assert self._changed.wait_for(lambda: find() is not None, WITHIN), self.history()
            found = find()
            assert found is not None
            return found

    def history(self, *children: str) -> list[tuple[str, int, str]]:
        """The recorded transitions, of these children or of all."""
        return [
            (record.child, record.gen, record.event)
            for record in list(self.records)
            if isinstance(record, ActorEvent) and (not children or record.child in children)
        ]

    def states(self, account: str = "acme") -> list[str]:
        """The states that an account entered."""
        return [
            r.state for r in list(self.records) if isinstance(r, ConnectionState) and r.account == account
        ]

    def remembered(self) -> list[tuple[str, str | None]]:
        return [(r.key, r.value) for r in list(self.records) if isinstance(r, Remember)]

    def events(self, name: str, gen: int = 1) -> Events:
        """What generation `gen` of a child goes through; waits until it is made."""
        made = self.children
        with made.made:
            assert made.made.wait_for(lambda: len(made.events.get(name, [])) >= gen, WITHIN)
            return made.events[name][gen - 1]

    def puppet(self, name: str, gen: int = 1) -> Puppet:
        """The actor itself."""
        self.noted(name, "started", gen)
        actor = self.events(name, gen).actor
        assert actor is not None
        return actor


def child(snapshot: Snapshot, name: str) -> ChildStatus:
    """One child of a snapshot."""
    return next(status for status in snapshot.children if status.id == name)


def group(name: str, *children: str, quick: Mapping[str, Any] | None = None, **limits: Any) -> GroupSpec:
    """A group of quick children; `quick` overrides the durations of all of them."""
    specs = tuple(ChildSpec(child, **{**QUICK, **(quick or {})}) for child in children)
    return GroupSpec(name, specs, **{**BACKOFF, **limits})


def hasty(specs: Sequence[GroupSpec], name: str, **durations: float) -> list[GroupSpec]:
    """The same tree with other durations for one child, so that only the faulty one is hurried."""

    def changed(spec: ChildSpec) -> ChildSpec:
        return msgspec.structs.replace(spec, **durations) if spec.id == name else spec

    return [msgspec.structs.replace(spec, children=tuple(map(changed, spec.children))) for spec in specs]


def core(*names: str, **options: Any) -> GroupSpec:
    """The core group; persistence never trips."""
    children = names or ("core/persistence",)
    return group(
        "core",
        *children,
        strategy="one_for_one",
        boot_critical=True,
        never_trips=frozenset({"core/persistence"}) & set(children),
        **options,
    )


def acme(**options: Any) -> list[GroupSpec]:
    """The two groups of the account `acme`."""
    return [
        group("acme.stream", "acme/connection", "acme/keepalive", **options),
        group("acme.poller", "acme/poller", strategy="one_for_one", quick=options.get("quick")),
    ]


ACME = AccountPlan("acme", "binance", "acme.stream", "acme/poller", audit_every=60.0)

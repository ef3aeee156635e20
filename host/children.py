"""Carries out what the supervision machine wants of one child.

Four verbs: start, stop, ping, abandon. None of them waits: starting is a
factory and a new thread, the others are a message or a flag. Each new
generation, and each one given up, moves the fence of the inlet, so that nobody
without authority writes another row (S24).
"""

from typing import Any, assert_never

import structlog

from actors.base import Actor, Address, Context, reason_of
from core.messages import Down, Ping, Stop
from core.supervision_events import AbandonChild, PingChild, StartChild, StopChild
from host.plan import Factory, GroupPlan, Wiring

log = structlog.get_logger()

Deed = StartChild | StopChild | PingChild | AbandonChild


class Children:
    """How to start each child, and how to reach its generations. For the supervisor's thread."""

    def __init__(self, wiring: Wiring, supervisor: Address[Any]) -> None:
        self._wiring = wiring
        self._supervisor = supervisor
        self._factories: dict[str, Factory] = {}
        for plan in wiring.groups:
            self.learn(plan)

    def learn(self, plan: GroupPlan) -> None:
        """From now on the children of this group can be started so."""
        self._factories.update(plan.factories)

    def forget(self, account: str) -> None:
        """What worked for the account is not started again; whoever comes back is learned anew."""
        for child in [child for child in self._factories if child.partition("/")[0] == account]:
            del self._factories[child]

    def missing(self) -> tuple[str, ...]:
        """Children that a spec names and no factory starts."""
        named = (child.id for plan in self._wiring.groups for child in plan.spec.children)
        return tuple(child for child in named if child not in self._factories)

    def carry_out(self, deed: Deed) -> Down | None:
        """Do it; a start that failed in our own thread comes back as its Down (S6)."""
        match deed:
            case StartChild(child=child, gen=gen):
                return self._start(child, gen)
            case StopChild(child=child, gen=gen):
                self._urge(child, gen, Stop())
            case PingChild(child=child, gen=gen, n=n):
                self._urge(child, gen, Ping(gen, n))
            case AbandonChild(child=child, gen=gen, why=why):
                self._abandon(child, gen, why)
            case _:
                assert_never(deed)
        return None

    def _urge(self, child: str, gen: int, message: Stop | Ping) -> None:
        """One that has just ended does not need it any more: its Down is on the way."""
        Address[Any](self._wiring.directory, child, gen).urge(message)

    def _start(self, child: str, gen: int) -> Down | None:
        wiring = self._wiring
        wiring.fence(child, gen)
        context = Context(
            child=child,
            gen=gen,
            boot=wiring.boot,
            clock=wiring.clock,
            directory=wiring.directory,
            supervisor=self._supervisor,
            record=wiring.record,
        )
        try:
            self._factories[child](context)
        except Exception as error:  # the border of supervision: a factory is a child's code in our thread
            log.exception("factory_failed", child=child, gen=gen)
            return Down(child, gen, reason_of(error), f"{type(error).__name__}: {error}")
        return None

    def _abandon(self, child: str, gen: int, why: str) -> None:
        wiring = self._wiring
        wiring.fence(child, gen + 1)
        wiring.ticker_remove(f"{child}#{gen}")
        actor = wiring.directory.find(child, gen)
        if isinstance(actor, Actor):  # if not, it ended a moment ago and its Down is on the way
            stack = actor.abandon(why)
            log.error("actor_abandoned", child=child, gen=gen, why=why, stack=stack)

"""What the end of a generation means.

An end that was asked for means nothing but that it ended (S35). Any other, a
hang and a start that took too long among them, is a failure: it is counted
against the breaker of its unit, holds the unit when trying again cannot help
(S17), ends the daemon when core is not up yet and needs the child (S4), and, when it is a bug,
counts towards the intensity of the whole daemon (S11). Link failures never do:
an exchange that is away must not take the daemon down.

A generation that does not end is abandoned: it loses its authority at once and
its thread is a *ghost* until we are told that it ended after all.
"""

from typing import Literal

from core.messages import Down, Reason
from core.supervision_events import AbandonChild
from core.supervision_state import Child, Turn, Unit
from core.supervision_stop import escalate

INTENSITY = 10
"""So many bugs within WINDOW are borne, by the whole daemon; one more escalates."""
WINDOW = 60.0


def ended(turn: Turn, child: Child, event: Down) -> None:
    """Take the word of a living generation that it has ended."""
    told = f"{event.reason}: {event.detail}" if event.detail else event.reason
    if event.retry_after is not None:
        child.unit.breaker.hinted(turn.now, event.retry_after)
    if child.phase != "stopping":
        turn.note(child.id, "died", told, gen=child.gen)
        _close(turn, child, "died")
        failed(turn, child, event.reason, event.detail)
        return
    odd = event.reason not in ("normal", "shutdown")
    turn.note(child.id, "stopped", told if odd else None, gen=child.gen)
    if child.recycle != "start_timeout":
        child.last_reason, child.last_detail = event.reason, event.detail or None
    _close(turn, child, "stopped")


def abandon(turn: Turn, child: Child, why: str) -> None:
    """Give the generation up (S23). Too many ghosts escalate: only an exit frees threads (S25)."""
    turn.out.append(AbandonChild(child.id, child.gen, why))
    turn.note(child.id, "abandoned", why, gen=child.gen)
    turn.state.ghosts.add((child.id, child.gen))
    if child.recycle != "start_timeout":
        child.last_reason, child.last_detail = "hang", why
    _close(turn, child, "abandoned")
    if len(turn.state.ghosts) > turn.state.abandon_limit:
        escalate(turn, f"{len(turn.state.ghosts)} abandoned threads")


def _close(turn: Turn, child: Child, how: Literal["died", "stopped", "abandoned"]) -> None:
    """Take the authority from the present generation."""
    child.enter(how)
    child.be_nobody()
    turn.state.touch(child.group)


def exorcised(turn: Turn, child_id: str, gen: int) -> bool:
    """Forget a ghost whose thread ended. False: we knew of none."""
    if (child_id, gen) not in turn.state.ghosts:
        return False
    turn.state.ghosts.discard((child_id, gen))
    turn.note(child_id, "thread_ended", gen=gen)
    child = turn.state.children.get(child_id)
    if child is not None and child.gen == gen:
        child.enter("thread_ended")
        turn.state.touch(child.group)
    return True


def failed(turn: Turn, child: Child, reason: Reason, detail: str) -> None:
    """Draw the consequences of an end that nobody asked for."""
    child.last_reason, child.last_detail = reason, detail or None
    if turn.state.stopping is not None:
        return
    at_boot = child.group.spec.boot_critical and not turn.state.booted
    if at_boot and child.spec.optional:
        child.greeted = True  # it has had its turn: who waits behind it waits no longer
    if at_boot and not child.spec.optional:
        escalate(turn, f"{child.id} failed at boot: {reason}: {detail}")
    elif reason == "fatal" and child.unit.breaker.trips:
        hold(turn, child.unit, detail)
    else:
        _backed_off(turn, child.unit)
        if reason == "bug" and _counts(child):
            _count_bug(turn)


def hold(turn: Turn, unit: Unit, why: str) -> None:
    """Trying again cannot help: the unit is down until somebody resets it (S17)."""
    unit.breaker.refused(why)
    turn.note(unit.id, "held", why)
    turn.state.touch(unit.group)


def _backed_off(turn: Turn, unit: Unit) -> None:
    breaker = unit.breaker
    before = breaker.mode
    breaker.failed(turn.now, turn.state.rng)
    tripped = breaker.mode == "open" != before
    told = f"failure {breaker.failures}, next try in {breaker.retry_at - turn.now:.1f} s"
    turn.note(unit.id, "tripped" if tripped else "backed_off", told)


def _counts(child: Child) -> bool:
    """Whether a bug of this child may end the daemon.

    Those of web, notifier and control may not, once core was up: their breaker
    bounds them, and the ledger goes on without its windows (S11).
    """
    return not (child.group.spec.boot_critical and child.unit.breaker.trips)


def _count_bug(turn: Turn) -> None:
    bugs = turn.state.bugs
    bugs.append(turn.now)
    while bugs[0] < turn.now - WINDOW:
        bugs.popleft()
    if len(bugs) > INTENSITY:
        escalate(turn, f"{len(bugs)} bugs within {WINDOW:.0f} s")

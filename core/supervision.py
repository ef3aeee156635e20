"""The supervision machine: who is started, stopped, pinged, given up, and when.

`step(state, now, event)` takes one event in and returns what the shell should
do. It holds no actor and reads no clock; `now` is the caller's monotonic time,
all chance comes from the seeded generator in the state, so equal inputs give
equal outputs.

It is level-triggered. An event only changes what is known (`_take`). Then every
group that it concerns, or whose deadline came, is settled: what is wanted is
compared with what is, and the next command is issued. No sequence is ever run,
so nothing is lost when a stop, a crash and a person's command interleave.

The rules of settling a group:

* The deadlines that came: a start that took too long is asked to stop (S3), a
  stop that took too long is abandoned (S23), a running child is pinged, and
  abandoned when too many pings went unanswered (S21).
* A live child has to stop when its group is unwanted (paused, removed, its turn
  in the shutdown), when its unit is held, when a new generation of it is asked
  for, or, in rest_for_one, when an elder does not run. The youngest goes first,
  one at a time (S9).
* A dead child starts when it is wanted, core is up, its unit's breaker allows
  it, and its elders are Ready: right now in rest_for_one, where also every
  junior must be down; once since the group began in one_for_one (S2).

What ends mean is in `core.supervision_ends`, what may be asked of the machine in
`core.supervision_requests`, the shutdown in `core.supervision_stop`.
"""

from collections.abc import Sequence
from math import inf, isfinite
from random import Random
from typing import assert_never

from core import supervision_ends as ends
from core import supervision_requests as requests
from core.errors import InvalidTree
from core.messages import Down, Pong, Ready, ThreadEnded
from core.supervision_events import (
    Command,
    Event,
    GroupAdded,
    GroupPaused,
    GroupRemoved,
    GroupResumed,
    GroupRetuned,
    Held,
    PingChild,
    ProbeEarly,
    Reset,
    Restarted,
    StartChild,
    StopAsked,
    StopChild,
    Tick,
)
from core.supervision_state import Child, Group, Supervision, Turn
from core.supervision_stop import DAEMON, ESCALATED, advance_stop, begin_stop, stop_deadline
from core.supervision_view import children, groups
from core.tree import GroupSpec, problems

__all__ = ["Supervision", "children", "groups", "known", "new", "step"]


def new(specs: Sequence[GroupSpec], seed: int) -> Supervision:
    """Make the state of a daemon that has not started anything; the first `step` does.

    Raises InvalidTree with everything that is wrong with the specs (S1).
    """
    if found := problems(specs):
        raise InvalidTree(found)
    state = Supervision(Random(seed))
    for spec in specs:
        state.add(spec)
    return state


def step(state: Supervision, now: float, event: Event) -> tuple[Supervision, list[Command], float | None]:
    """Take one event in; say what to do, in this order, and when to call again at the latest.

    `now` must not fall from call to call. The deadline is None when nothing is due.
    After Exit there is nothing more to decide.
    """
    turn = Turn(state, now)
    if not state.is_over:
        _take(turn, event)
    while state.due <= now and not state.is_over:
        for group in state.groups.values():
            if group.due <= now:
                _settle(turn, group)
        _advance(turn)
        state.due = min((group.due for group in state.groups.values()), default=inf)
    return state, turn.out, None if state.is_over or not isfinite(state.due) else state.due


def known(state: Supervision, target: str) -> bool:
    """Whether a person's target names a child, a group or an account here."""
    return bool(state.units(target))


# ------------------------------------------------------------- taking events


def _take(turn: Turn, event: Event) -> None:
    """Change what is known. Commands come later, from settling."""
    match event:
        case Pong():
            _ponged(turn, event)
        case Tick():
            pass
        case Ready():
            _ready(turn, event)
        case Down():
            _down(turn, event)
        case ThreadEnded():
            turn.state.stale += not ends.exorcised(turn, event.child, event.gen)
        case Restarted():
            requests.restart(turn, event.target)
        case Reset():
            requests.reset(turn, event.target)
        case Held():
            requests.hold_from_outside(turn, event)
        case ProbeEarly():
            requests.hurry(turn, event.group)
        case GroupPaused() | GroupResumed():
            requests.pause(turn, event)
        case GroupAdded():
            requests.add(turn, event.spec, paused=event.paused)
        case GroupRemoved():
            requests.remove(turn, event.group)
        case GroupRetuned():
            requests.retune(turn, event.spec)
        case StopAsked():
            begin_stop(turn, event.cause, ESCALATED if event.escalated else 0)
        case _:
            assert_never(event)


def _authority(state: Supervision, child_id: str, gen: int) -> Child | None:
    """Find the child if this generation may speak for it; else count the message (S5, S7)."""
    child = state.children.get(child_id)
    if child is not None and child.gen == gen and child.is_live:
        return child
    state.stale += 1
    return None


def _ponged(turn: Turn, event: Pong) -> None:
    child = _authority(turn.state, event.child, event.gen)
    if child is not None:
        child.unanswered = min(child.unanswered, max(0, child.pings - event.n))
        child.last_pong_at = turn.now


def _ready(turn: Turn, event: Ready) -> None:
    child = _authority(turn.state, event.child, event.gen)
    if child is None or child.phase != "starting":
        return  # asked to stop meanwhile, or said twice
    child.enter("became_ready")
    child.greeted = True
    child.running_since = turn.now
    child.deadline = turn.now + child.spec.ping_every
    turn.note(child.id, "became_ready", gen=child.gen)
    turn.state.touch(child.group)


def _down(turn: Turn, event: Down) -> None:
    child = _authority(turn.state, event.child, event.gen)
    if child is not None:
        ends.ended(turn, child, event)
    else:  # without authority, but it comes from the very end of a thread
        ends.exorcised(turn, event.child, event.gen)


# ---------------------------------------------------------- settling a group


def _settle(turn: Turn, group: Group) -> None:
    """Compare what is wanted of a group with what is, and issue what comes next."""
    for child in group.children:
        if turn.now >= child.deadline:
            _expired(turn, child)
    _steady(turn, group)
    leaving = _leaving(turn.state, group)
    if leaving is not None and leaving.phase != "stopping":
        _stop(turn, leaving)
    _start_all(turn, group, clear=leaving is None)
    group.due = _due(group, turn.now)


def _expired(turn: Turn, child: Child) -> None:
    """Act on a deadline that came."""
    if child.phase == "running":
        _ping(turn, child)
    elif child.phase == "stopping":
        ends.abandon(turn, child, "did not stop in time")
    else:
        why = f"not ready within {child.spec.start_timeout:g} s"
        turn.note(child.id, "start_timed_out", why, gen=child.gen)
        child.recycle, child.deadline = "start_timeout", inf
        ends.failed(turn, child, "start_timeout", why)


def _ping(turn: Turn, child: Child) -> None:
    """Only pings sent and unanswered count, so time that we slept ourselves blames nobody (S21)."""
    if child.unanswered >= child.spec.ping_misses:
        why = f"{child.unanswered} pings unanswered"
        turn.note(child.id, "hung", why, gen=child.gen)
        ends.abandon(turn, child, why)
        ends.failed(turn, child, "hang", why)
        return
    child.pings += 1
    child.unanswered += 1
    child.deadline = turn.now + child.spec.ping_every
    turn.out.append(PingChild(child.id, child.gen, child.pings))


def _steady(turn: Turn, group: Group) -> None:
    """Forget the failures of units that ran long enough as a whole (S15)."""
    for unit in group.units:
        if turn.now >= unit.steady_at:
            unit.breaker.steadied()
            turn.note(unit.id, "recovered")


def _leaving(state: Supervision, group: Group) -> Child | None:
    """Find the youngest live child that has to stop; its elders wait for it (S9)."""
    stopping = state.stopping
    everyone = group.paused or group.removed or (stopping is not None and group.stop_rank <= stopping.rank)
    broken = False
    youngest = None
    for child in group.children:
        renewed = child.recycle is not None and stopping is None  # too late for that in a shutdown
        must = everyone or broken or renewed or child.is_held
        if must and child.is_live:
            youngest = child
        broken = broken or (not group.is_one_for_one and (must or child.phase != "running"))
    return youngest


def _stop(turn: Turn, child: Child) -> None:
    child.enter("stop_asked")
    child.running_since = inf
    child.deadline = stop_deadline(turn.state, child, turn.now)
    turn.out.append(StopChild(child.id, child.gen))
    turn.note(child.id, "stop_asked", gen=child.gen)


def _start_all(turn: Turn, group: Group, *, clear: bool) -> None:
    """Start whoever may start. `clear`: nobody of the group is on the way out."""
    wanted = turn.state.stopping is None and not (group.paused or group.removed)
    may = (group.spec.boot_critical or turn.state.booted) and (clear or group.is_one_for_one)
    for child in group.children:
        _want(child, wanted=wanted and not child.is_held)
        if may and wanted and not child.is_live and child.unit.breaker.may_start(turn.now):
            _start(turn, child)
        may = may and (child.greeted if group.is_one_for_one else child.phase == "running")


def _want(child: Child, *, wanted: bool) -> None:
    """Show a dead child as waiting or down; one that left a ghost goes on showing that."""
    if wanted and child.phase == "down":
        child.enter("wanted")
    elif not wanted and child.phase == "waiting":
        child.enter("unwanted")


def _start(turn: Turn, child: Child) -> None:
    if child.unit.breaker.started():
        turn.note(child.unit.id, "probed")
    gen = turn.state.generations[child.id] = child.gen + 1
    child.begin(turn.now, gen)
    turn.out.append(StartChild(child.id, gen))
    turn.note(child.id, "started", gen=gen)


def _due(group: Group, now: float) -> float:
    """Say when the group has to be settled again if nothing happens."""
    due = min(child.deadline for child in group.children)
    for unit in group.units:
        due = min(due, unit.steady_at)
        if unit.breaker.retry_at > now:
            due = min(due, unit.breaker.retry_at)
    return due


# ------------------------------------------------------------ the whole daemon


def _advance(turn: Turn) -> None:
    """Draw the consequences of settled groups for the others."""
    state = turn.state
    for group in [group for group in state.groups.values() if group.removed and not group.is_live]:
        requests.bury(turn, group)
    if state.stopping is not None:
        advance_stop(turn, state.stopping)
    elif not state.booted and _core_greeted(state):
        state.booted = True
        turn.note(DAEMON, "core_up")
        state.touch_all()


def _core_greeted(state: Supervision) -> bool:
    critical = (group for group in state.groups.values() if group.spec.boot_critical)
    return all(child.greeted for group in critical for child in group.children)

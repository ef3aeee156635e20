"""What the supervision machine shows of itself: immutable snapshots (S37).

Whoever holds one may keep it and read it on any thread.
"""

from math import isfinite

from core.status import BreakerMode, ChildStatus, GroupStatus
from core.supervision_state import Child, Group, Supervision

_WORST_FIRST: tuple[BreakerMode, ...] = ("held", "open", "half_open", "closed")


def children(state: Supervision, shift: float = 0.0) -> tuple[ChildStatus, ...]:
    """Show every child. `shift` (boottime - monotonic) is added to the two instants."""
    return tuple(_child(child, shift) for group in state.groups.values() for child in group.children)


def _child(child: Child, shift: float) -> ChildStatus:
    return ChildStatus(
        id=child.id,
        group=child.group.spec.id,
        phase=child.phase,
        generation=child.gen,
        restarts=child.restarts,
        last_reason=child.last_reason,
        last_detail=child.last_detail,
        started_at=None if child.started_at is None else child.started_at + shift,
        last_pong_at=None if child.last_pong_at is None else child.last_pong_at + shift,
    )


def groups(state: Supervision) -> tuple[GroupStatus, ...]:
    """Show every group, by the worst of its units; `retry_at` only while something waits for it."""
    return tuple(_group(group) for group in state.groups.values())


def _group(group: Group) -> GroupStatus:
    worst = min(group.units, key=lambda unit: (_WORST_FIRST.index(unit.breaker.mode), -unit.breaker.failures))
    breaker = worst.breaker
    waits = breaker.mode != "held" and any(
        child.phase in ("waiting", "abandoned") for child in worst.children
    )
    return GroupStatus(
        id=group.spec.id,
        mode=breaker.mode,
        failures=breaker.failures,
        retry_at=breaker.retry_at if waits and isfinite(breaker.retry_at) else None,
        held_reason=breaker.held_reason,
    )

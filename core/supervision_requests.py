"""What people, settings and other parts of the daemon ask of the machine.

Each request only changes what is wanted, or what a breaker knows; settling
(`core.supervision`) does the rest. Core cannot be paused, removed or held: the
ledger lives in it. A target that names nothing changes nothing; the shell asks
`known` first to tell the person.
"""

from core.supervision_ends import hold
from core.supervision_events import GroupPaused, GroupResumed, Held
from core.supervision_state import Child, Group, Turn
from core.tree import GroupSpec, problems


def restart(turn: Turn, target: str) -> None:
    """Wish for a new generation of a child, or of whole groups in their order."""
    one = turn.state.children.get(target)
    if one is not None:
        _restart(turn, one)
        return
    for group in turn.state.named(target):
        for child in group.children:
            _restart(turn, child)
        _begin_again(group)


def _restart(turn: Turn, child: Child) -> None:
    turn.note(child.id, "restart_asked", gen=child.gen)
    child.unit.breaker.ask_now(turn.now)
    if child.phase in ("starting", "running"):
        child.recycle = child.recycle or "restart"
    turn.state.touch(child.group)


def reset(turn: Turn, target: str) -> None:
    for unit in turn.state.units(target):
        unit.breaker.reset(turn.now)
        turn.note(unit.id, "reset")
        turn.state.touch(unit.group)


def hold_from_outside(turn: Turn, event: Held) -> None:
    for unit in turn.state.units(event.group):
        if not unit.group.spec.boot_critical:
            hold(turn, unit, event.why)


def hurry(turn: Turn, target: str) -> None:
    """Bring the probe of an open breaker forward (S19)."""
    for unit in turn.state.units(target):
        if unit.breaker.hurry(turn.now, turn.state.rng):
            turn.note(unit.id, "hurried", f"next try in {unit.breaker.retry_at - turn.now:.1f} s")
            turn.state.touch(unit.group)


def pause(turn: Turn, event: GroupPaused | GroupResumed) -> None:
    paused = isinstance(event, GroupPaused)
    for group in turn.state.named(event.group):
        if group.paused != paused and not group.spec.boot_critical:
            group.paused = paused
            _begin_again(group)
            turn.note(group.spec.id, "paused" if paused else "resumed")
            turn.state.touch(group)


def _begin_again(group: Group) -> None:
    """The next starts follow the order of the first (S2)."""
    for child in group.children:
        child.greeted = False


def add(turn: Turn, spec: GroupSpec, *, paused: bool) -> None:
    """Take a group in, at once or after the one of the same id that still stops."""
    state = turn.state
    old = state.groups.get(spec.id)
    others = [group.successor or group.spec for group in state.groups.values() if group is not old]
    found = problems([*others, spec])
    if old is not None and not old.removed:
        found = ("a group of this id is there",)
    if found:
        turn.note(spec.id, "group_refused", "; ".join(found))
    elif old is not None:
        old.successor, old.paused = spec, paused
    else:
        state.add(spec).paused = paused
        turn.note(spec.id, "group_added")


def remove(turn: Turn, group_id: str) -> None:
    group = turn.state.groups.get(group_id)
    if group is not None and not group.spec.boot_critical:
        group.removed, group.successor = True, None
        turn.state.touch(group)


def retune(turn: Turn, spec: GroupSpec) -> None:
    """Have a group, or the one that is to follow it, go by other limits."""
    group = turn.state.groups.get(spec.id)
    present = None if group is None else group.successor if group.removed else group.spec
    if group is None or present is None:
        found: tuple[str, ...] = ("no group of this id is wanted",)
    elif [child.id for child in present.children] != [child.id for child in spec.children]:
        found = ("it names other children",)
    else:
        found = problems([spec])
    if found:
        turn.note(spec.id, "group_refused", "; ".join(found))
    elif group is not None and group.removed:
        group.successor = spec
    elif group is not None and group.spec != spec:
        group.retune(spec)
        turn.note(spec.id, "retuned")
        turn.state.touch(group)


def bury(turn: Turn, group: Group) -> None:
    """Forget a removed group that is down, and let its successor in."""
    turn.state.forget(group)
    turn.note(group.spec.id, "group_removed")
    if group.successor is not None:
        turn.state.add(group.successor).paused = group.paused
        turn.note(group.spec.id, "group_added")

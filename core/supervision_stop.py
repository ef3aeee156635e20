"""How the whole daemon stops (S12, S33).

In ranks: trading, then all accounts together, then core, in each group one
child at a time, the youngest first. One deadline for everything; its last part
belongs to the child that stops last, because that is persistence and it still
has facts to commit. What does not stop in its time is abandoned, so a hung
child never keeps the next from being stopped.

Also here: when the daemon gives up by itself. Its parent is systemd, and to
escalate is to stop in the same order with another exit code.
"""

from core.supervision_events import Exit
from core.supervision_state import LAST_RANK, Child, Stopping, Supervision, Turn

STOP_WITHIN = 4.0
KEPT_FOR_LAST = 1.5
STOP_SHARE = 1.0
STOP_RESERVE = 0.2

ESCALATED = 70
DAEMON = "daemon"


def escalate(turn: Turn, why: str) -> None:
    """Give up: this daemon cannot mend itself, a new process may (S12)."""
    if turn.state.stopping is None:
        turn.note(DAEMON, "escalated", why)
        begin_stop(turn, why, ESCALATED)


def begin_stop(turn: Turn, why: str, code: int) -> None:
    """Nothing starts from now on, and the first rank is asked to stop. Once is enough."""
    state = turn.state
    if state.stopping is not None:
        return
    until = turn.now + STOP_WITHIN
    state.stopping = Stopping(why, code, others_until=until - KEPT_FOR_LAST, until=until)
    turn.note(DAEMON, "stop_began", why)
    for child in state.children.values():
        if child.phase == "stopping":
            child.deadline = min(child.deadline, stop_deadline(state, child, turn.now))
    state.touch_all()


def advance_stop(turn: Turn, stopping: Stopping) -> None:
    """Give the next rank its turn when those before it are down; in the end, exit."""
    ranks = [group.stop_rank for group in turn.state.groups.values() if group.is_live]
    if ranks and min(ranks) > stopping.rank:
        stopping.rank = min(ranks)
        turn.state.touch_all()
    elif not ranks and not stopping.exited:
        stopping.exited = True
        turn.note(DAEMON, "all_down")
        turn.out.append(Exit(stopping.code, stopping.why))


def stop_deadline(state: Supervision, child: Child, now: float) -> float:
    """Say until when a child that is asked now may take to stop.

    In a shutdown the last of all has the time that is left. The others share
    what comes before its part: each gets STOP_SHARE at most, less when those
    behind it could not keep STOP_RESERVE each, and never less than an even part.
    """
    stopping = state.stopping
    if stopping is None:
        return now + child.spec.stop_timeout
    behind = _stops_behind(state, child)
    if behind == 0:
        return stopping.until
    left = max(0.0, stopping.others_until - now)
    share = max(left / behind, left - STOP_RESERVE * (behind - 1))
    return now + min(child.spec.stop_timeout, STOP_SHARE, share)


def _stops_behind(state: Supervision, child: Child) -> int:
    """Count the stops that can only follow this one."""
    own = child.group
    elders = own.children[: own.children.index(child)]
    later = range(own.stop_rank + 1, LAST_RANK + 1)
    return _live(elders) + sum(_longest(state, rank) for rank in later)


def _longest(state: Supervision, rank: int) -> int:
    """Give the longest queue of a rank, whose groups stop side by side."""
    ranked = (group for group in state.groups.values() if group.stop_rank == rank)
    return max((_live(group.children) for group in ranked), default=0)


def _live(children: list[Child]) -> int:
    return sum(child.is_live for child in children)

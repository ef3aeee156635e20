"""Which children there are, in which groups, and what may be asked of them (S1).

Specs are what the host writes down before anything starts. `problems` reads all
of them and lists everything that is wrong, so that a person mends the settings
once and not error by error; nothing may start while it finds anything.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

Strategy = Literal["rest_for_one", "one_for_one"]

TRADING = "trading"
"""The group that stops before all others (S33)."""

SHORTEST = 0.001
"""Below this a duration is a typing error, and the machine would spin on it."""


class ChildSpec(msgspec.Struct, frozen=True):
    """One supervised actor. Durations are seconds.

    An `optional` one is none that the daemon needs in order to start: if it fails at
    boot it backs off like any other time, and nobody waits for it.
    """

    id: str
    start_timeout: float = 20.0
    stop_timeout: float = 5.0
    ping_every: float = 5.0
    ping_misses: int = 3
    optional: bool = False


class GroupSpec(msgspec.Struct, frozen=True):
    """Ordered children that fail together, elder first, and with nobody else.

    The children named in `never_trips` know no breaker and no hold, only the
    capped backoff. A `boot_critical` group starts before the others, ends the
    daemon when it fails doing so (S4; unless the child is `optional`), and stops last.
    """

    id: str
    children: tuple[ChildSpec, ...]
    strategy: Strategy = "rest_for_one"
    base: float = 1.0
    cap: float = 30.0
    trip: int = 5
    open: float = 30.0
    open_cap: float = 60.0
    stable: float = 30.0
    never_trips: frozenset[str] = frozenset()
    boot_critical: bool = False

    @property
    def account(self) -> str | None:
        """The account that the group belongs to; None for core and trading."""
        account, dot, _ = self.id.rpartition(".")
        return account if dot else None


def problems(specs: Sequence[GroupSpec]) -> tuple[str, ...]:
    """Say everything that is wrong with this tree; empty means that it may start."""
    return (
        *_doubles("group", (group.id for group in specs)),
        *_doubles("child", (child.id for group in specs for child in group.children)),
        *(problem for group in specs for problem in _group_problems(group)),
    )


def _doubles(kind: str, ids: Iterable[str]) -> Iterator[str]:
    return (f"{kind} {name!r} is there {times} times" for name, times in Counter(ids).items() if times > 1)


def _group_problems(group: GroupSpec) -> Iterator[str]:
    at = f"group {group.id!r}"
    if not group.id:
        yield "a group has no id"
    if not group.children:
        yield f"{at} has no children"
    for name in ("base", "cap", "open", "open_cap", "stable"):
        yield from _duration(at, name, getattr(group, name))
    if group.cap < group.base:
        yield f"{at}: cap {group.cap} is less than base {group.base}"
    if group.open_cap < group.open:
        yield f"{at}: open_cap {group.open_cap} is less than open {group.open}"
    if group.trip < 1:
        yield f"{at}: trip {group.trip} must be at least 1"
    if group.never_trips and group.strategy != "one_for_one":
        yield f"{at}: never_trips needs one_for_one, where a child has a breaker of its own"
    for stranger in sorted(group.never_trips - {child.id for child in group.children}):
        yield f"{at}: never_trips names {stranger!r}, which is no child of it"
    for child in group.children:
        yield from _child_problems(child)


def _child_problems(child: ChildSpec) -> Iterator[str]:
    at = f"child {child.id!r}"
    if not child.id:
        yield "a child has no id"
    for name in ("start_timeout", "stop_timeout", "ping_every"):
        yield from _duration(at, name, getattr(child, name))
    if child.ping_misses < 1:
        yield f"{at}: ping_misses {child.ping_misses} must be at least 1"


def _duration(at: str, name: str, seconds: float) -> Iterator[str]:
    if not (math.isfinite(seconds) and seconds >= SHORTEST):
        yield f"{at}: {name} {seconds} must be at least {SHORTEST} s"

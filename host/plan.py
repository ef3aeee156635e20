"""What the host hands to the supervisor: who is to run, and the world around it.

Plain data and callables. The supervisor knows neither settings nor database nor
sockets; whatever it needs of them comes through here.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pykka

from actors.base import Context, Directory
from core.clock import Clock
from core.records import Record
from core.status import Snapshot, Vitals
from core.tree import GroupSpec

Factory = Callable[[Context], "pykka.ActorRef[Any]"]
"""Starts one generation, e.g. `lambda context: PollerActor.start(context, ...)`."""


@dataclass(frozen=True)
class GroupPlan:
    """A group and, for each of its children by id, how to start one."""

    spec: GroupSpec
    factories: Mapping[str, Factory]


@dataclass(frozen=True)
class AccountPlan:
    """One account and who works for it.

    `stream` is the group whose first child holds the connection; `poller` is a
    child id. A disabled account has no groups: it is only shown. `blind_after` is
    how many seconds it may be not live until that is an incident, `sandbox` says that
    its exchange is the built-in one.
    """

    account: str
    exchange: str
    stream: str
    poller: str
    audit_every: float
    enabled: bool = True
    blind_after: float = 30.0
    sandbox: bool = False


@dataclass(frozen=True)
class AccountAdded:
    """Told to the supervisor: one more account, or one that was removed and comes back changed."""

    plan: AccountPlan
    groups: tuple[GroupPlan, ...]
    paused: bool = False


@dataclass(frozen=True)
class AccountChanged:
    """Told to the supervisor: the account goes by this plan from now on, and its groups by these.

    `restart` are the children that need a new generation for it; the others keep
    theirs. `is_retried`: what it was held for may be over, so it is tried again.
    A plan that enables or disables the account starts or stops its groups.
    """

    plan: AccountPlan
    groups: tuple[GroupPlan, ...] = ()
    restart: tuple[str, ...] = ()
    is_retried: bool = False


@dataclass(frozen=True)
class AccountRemoved:
    """Told to the supervisor: stop what works for the account, then forget it."""

    account: str


@dataclass(frozen=True)
class ChildOutdated:
    """Told to the supervisor: what the child was given is old, and its next generation is given what is new."""

    child: str


class Pulse:
    """The number of the last watchdog ping that the supervisor answered (S26)."""

    answered: int = 0


@dataclass(frozen=True)
class Wiring:
    """The supervisor's world. Every callable may be called from its thread and returns at once.

    `fence(child, gen)` lets only generations from `gen` on into the inlet (S24).
    `ticker_remove` takes the id of a job, `child#gen`. `paused` are the accounts
    that were paused when the last daemon ended. `on_exit(code, why)` is called
    once, when everything is down; the supervisor's thread ends with it.
    """

    clock: Clock
    boot: str
    groups: Sequence[GroupPlan]
    accounts: Sequence[AccountPlan]
    directory: Directory
    record: Callable[[Record], None]
    publish: Callable[[Snapshot], None]
    vitals: Mapping[str, Vitals]
    fence: Callable[[str, int], None]
    ticker_remove: Callable[[str], None]
    on_exit: Callable[[int, str], None]
    paused: frozenset[str] = frozenset()
    pulse: Pulse = field(default_factory=Pulse)
    seed: int = field(default_factory=lambda: random.SystemRandom().getrandbits(32))
